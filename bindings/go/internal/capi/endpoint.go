//go:build cgo

package capi

// #include <ocireg.h>
import "C"

// Endpoint is an ocireg_endpoint.
type Endpoint struct{ handle[*C.ocireg_endpoint] }

func freeEndpoint(p *C.ocireg_endpoint) { C.ocireg_endpoint_free(p) }

func (s *Service) NewEndpoint(apiEndpoint string) (*Endpoint, error) {
	service, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	var p *C.ocireg_endpoint
	err = call([]arg{text("api_endpoint_json", apiEndpoint)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_endpoint_new(service, in[0], &p, failure)
		})
	if err != nil {
		return nil, err
	}
	e := &Endpoint{}
	return own(e, &e.handle, p, freeEndpoint), nil
}

// text makes a call on the endpoint whose result is text.
func (e *Endpoint) text(args []arg,
	f func(p *C.ocireg_endpoint, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t) (string, error) {
	p, err := e.acquire()
	if err != nil {
		return "", err
	}
	defer e.release()
	return textCall(args, func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
		return f(p, in, out, failure)
	})
}

func (e *Endpoint) ToString() (string, error) {
	return e.text(nil,
		func(p *C.ocireg_endpoint, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_endpoint_to_string(p, out, failure)
		})
}

func (e *Endpoint) Path(path string) (string, error) {
	return e.text([]arg{text("path", path)},
		func(p *C.ocireg_endpoint, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_endpoint_path(p, in[0], out, failure)
		})
}

func (e *Endpoint) IsSecure() (bool, error) {
	p, err := e.acquire()
	if err != nil {
		return false, err
	}
	defer e.release()
	return boolCall(nil, func(_ []*C.char, out *C.int32_t, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_endpoint_is_secure(p, out, failure)
	})
}

func (e *Endpoint) Ping(ctx *Context) (string, error) {
	return e.text(nil,
		func(p *C.ocireg_endpoint, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_endpoint_ping(p, ctx.raw(), out, failure)
		})
}
