//go:build cgo

package capi

// #include <ocireg.h>
import "C"

// Service is an ocireg_service.
type Service struct{ handle[*C.ocireg_service] }

func freeService(p *C.ocireg_service) { C.ocireg_service_free(p) }

func NewService(options string) (*Service, error) {
	var p *C.ocireg_service
	err := call([]arg{text("options_json", options)}, func(in []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_service_new(in[0], &p, failure)
	})
	if err != nil {
		return nil, err
	}
	s := &Service{}
	return own(s, &s.handle, p, freeService), nil
}

// text makes a call on the service whose result is text.
func (s *Service) text(args []arg,
	f func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t) (string, error) {
	p, err := s.acquire()
	if err != nil {
		return "", err
	}
	defer s.release()
	return textCall(args, func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
		return f(p, in, out, failure)
	})
}

// change makes a call on the service that has no result.
func (s *Service) change(a arg,
	f func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call([]arg{a}, func(in []*C.char, failure **C.ocireg_error) C.int32_t {
		return f(p, in[0], failure)
	})
}

func (s *Service) Config() (string, error) {
	return s.text(nil,
		func(p *C.ocireg_service, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_config(p, out, failure)
		})
}

func (s *Service) ReplaceConfig(options string) error {
	return s.change(text("options_json", options),
		func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_replace_config(p, in, failure)
		})
}

func (s *Service) LoadMirrors(list string) error {
	return s.change(text("list_json", list),
		func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_load_mirrors(p, in, failure)
		})
}

func (s *Service) LoadInsecureRegistries(list string) error {
	return s.change(text("list_json", list),
		func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_load_insecure_registries(p, in, failure)
		})
}

func (s *Service) LoadAllowNondistributableArtifacts(list string) error {
	return s.change(text("list_json", list),
		func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_load_allow_nondistributable_artifacts(p, in, failure)
		})
}

func (s *Service) LookupPullEndpoints(ctx *Context, hostname string) (string, error) {
	return s.text([]arg{text("hostname", hostname)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_lookup_pull_endpoints(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) LookupPushEndpoints(ctx *Context, hostname string) (string, error) {
	return s.text([]arg{text("hostname", hostname)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_lookup_push_endpoints(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) ResolveRepository(ctx *Context, reference string) (string, error) {
	return s.text([]arg{text("reference", reference)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_resolve_repository(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) TLSConfig(ctx *Context, hostname string) (string, error) {
	return s.text([]arg{text("hostname", hostname)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_tls_config(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) Auth(ctx *Context, auth, userAgent *string) (string, error) {
	return s.text([]arg{optional("auth_json", auth), optional("user_agent", userAgent)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_auth(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Service) Search(ctx *Context, term string, limit int32, auth, userAgent, headers *string) (string, error) {
	args := []arg{
		text("term", term), optional("auth_json", auth), optional("user_agent", userAgent),
		optional("headers_json", headers),
	}
	return s.text(args, func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_service_search(p, ctx.raw(), in[0], C.int32_t(limit), in[1], in[2], in[3], out, failure)
	})
}

func (s *Service) Credentials(ctx *Context, host string) (string, error) {
	return s.text([]arg{text("host", host)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_credentials(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) Login(ctx *Context, auth string, userAgent *string) (string, error) {
	return s.text([]arg{text("auth_json", auth), optional("user_agent", userAgent)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_login(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Service) Logout(ctx *Context, host string) error {
	return s.change(text("host", host),
		func(p *C.ocireg_service, in *C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_logout(p, ctx.raw(), in, failure)
		})
}

func (s *Service) IsInsecureRegistry(ctx *Context, host string) (bool, error) {
	p, err := s.acquire()
	if err != nil {
		return false, err
	}
	defer s.release()
	return boolCall([]arg{text("host", host)},
		func(in []*C.char, out *C.int32_t, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_service_is_insecure_registry(p, ctx.raw(), in[0], out, failure)
		})
}
