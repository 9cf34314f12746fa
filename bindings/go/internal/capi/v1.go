//go:build cgo

package capi

// #include <ocireg.h>
import "C"

import "unsafe"

// The calls of sessions that speak protocol v1.

func newEndpoint(args []arg,
	f func(in []*C.char, out **C.ocireg_endpoint, failure **C.ocireg_error) C.int32_t) (*Endpoint, error) {
	var p *C.ocireg_endpoint
	err := call(args, func(in []*C.char, failure **C.ocireg_error) C.int32_t {
		return f(in, &p, failure)
	})
	if err != nil {
		return nil, err
	}
	e := &Endpoint{}
	return own(e, &e.handle, p, freeEndpoint), nil
}

func (s *Service) NewEndpointV1(ctx *Context, index string, userAgent, headers *string) (*Endpoint, error) {
	service, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	args := []arg{text("index_json", index), optional("user_agent", userAgent), optional("headers_json", headers)}
	return newEndpoint(args, func(in []*C.char, out **C.ocireg_endpoint, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_endpoint_new_v1(service, ctx.raw(), in[0], in[1], in[2], out, failure)
	})
}

func (e *Endpoint) ToV1(userAgent, headers *string) (*Endpoint, error) {
	p, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release()
	args := []arg{optional("user_agent", userAgent), optional("headers_json", headers)}
	return newEndpoint(args, func(in []*C.char, out **C.ocireg_endpoint, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_endpoint_to_v1(p, in[0], in[1], out, failure)
	})
}

func truth(yes bool) C.int32_t {
	if yes {
		return 1
	}
	return 0
}

func firstByte(data []byte) *C.uint8_t {
	if len(data) == 0 {
		return nil
	}
	return (*C.uint8_t)(unsafe.Pointer(&data[0]))
}

func (s *Session) GetRepositoryData(ctx *Context, reference string) (string, error) {
	return s.text([]arg{text("reference", reference)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_repository_data(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Session) GetRemoteTags(ctx *Context, registries string, reference string) (string, error) {
	return s.text([]arg{text("registries_json", registries), text("reference", reference)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_tags(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Session) GetRemoteTag(ctx *Context, registries string, reference string, tag string) (string, error) {
	return s.text([]arg{text("registries_json", registries), text("reference", reference), text("tag", tag)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_tag(p, ctx.raw(), in[0], in[1], in[2], out, failure)
		})
}

func (s *Session) GetRemoteHistory(ctx *Context, image string, registry string) (string, error) {
	return s.text([]arg{text("image_id", image), text("registry", registry)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_history(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Session) LookupRemoteImage(ctx *Context, image string, registry string) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call([]arg{text("image_id", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_lookup_remote_image(p, ctx.raw(), in[0], in[1], failure)
		})
}

func (s *Session) PushImageJSONRegistry(ctx *Context, image string, registry string, data []byte) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call([]arg{text("image_data_json", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_image_json_registry(p, ctx.raw(), in[0], in[1], firstByte(data), C.size_t(len(data)), failure)
		})
}

func (s *Session) PushImageChecksumRegistry(ctx *Context, image string, registry string) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call([]arg{text("image_data_json", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_image_checksum_registry(p, ctx.raw(), in[0], in[1], failure)
		})
}

func (s *Session) PushRegistryTag(ctx *Context, reference string, revision string, tag string, registry string) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call([]arg{text("reference", reference), text("revision", revision), text("tag", tag), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_registry_tag(p, ctx.raw(), in[0], in[1], in[2], in[3], failure)
		})
}

func (s *Session) PushImageJSONIndex(ctx *Context, reference string, images string, validate bool, registries string) (string, error) {
	return s.text([]arg{text("reference", reference), text("images_json", images), text("registries_json", registries)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_image_json_index(p, ctx.raw(), in[0], in[1], truth(validate), in[2], out, failure)
		})
}

func (s *Session) SearchRepositories(ctx *Context, term string, limit int32) (string, error) {
	return s.text([]arg{text("term", term)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_search_repositories(p, ctx.raw(), in[0], C.int32_t(limit), out, failure)
		})
}

// GetRemoteImageJSON gives -1 as the size of the layer if the registry does not tell.
func (s *Session) GetRemoteImageJSON(ctx *Context, image, registry string) ([]byte, int64, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, -1, err
	}
	defer s.release()
	var data *C.uint8_t
	var size C.size_t
	layer := C.int64_t(-1)
	err = call([]arg{text("image_id", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_image_json(p, ctx.raw(), in[0], in[1], &data, &size, &layer, failure)
		})
	return takeBytes(data, size), int64(layer), err
}

func (s *Session) GetRemoteImageLayer(ctx *Context, image, registry string, size int64) (*Reader, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	r := &Reader{}
	err = call([]arg{text("image_id", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_image_layer(p, ctx.raw(), in[0], in[1], C.int64_t(size), &r.pointer,
				failure)
		})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Session) PushImageLayerRegistry(ctx *Context, image, registry string, json []byte) (*Writer, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	w := &Writer{}
	err = call([]arg{text("image_id", image), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_image_layer_registry(p, ctx.raw(), in[0], in[1], firstByte(json),
				C.size_t(len(json)), &w.pointer, failure)
		})
	if err != nil {
		return nil, err
	}
	return w, nil
}
