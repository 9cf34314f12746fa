//go:build cgo

package capi

// #include <ocireg.h>
import "C"

import "unsafe"

// Session is an ocireg_session.
type Session struct{ handle[*C.ocireg_session] }

func freeSession(p *C.ocireg_session) { C.ocireg_session_free(p) }

func newSession(args []arg,
	f func(in []*C.char, out **C.ocireg_session, failure **C.ocireg_error) C.int32_t) (*Session, error) {
	var p *C.ocireg_session
	err := call(args, func(in []*C.char, failure **C.ocireg_error) C.int32_t {
		return f(in, &p, failure)
	})
	if err != nil {
		return nil, err
	}
	s := &Session{}
	return own(s, &s.handle, p, freeSession), nil
}

func (e *Endpoint) NewSession(ctx *Context, auth *string) (*Session, error) {
	p, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release()
	return newSession([]arg{optional("auth_json", auth)},
		func(in []*C.char, out **C.ocireg_session, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_new(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Service) OpenSession(ctx *Context, reference string, options *string) (*Session, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	return newSession([]arg{text("reference", reference), optional("options_json", options)},
		func(in []*C.char, out **C.ocireg_session, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_open(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Session) Repository(name string) (*Session, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	return newSession([]arg{text("name", name)},
		func(in []*C.char, out **C.ocireg_session, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_repository(p, in[0], out, failure)
		})
}

// text makes a call on the session whose result is text.
func (s *Session) text(args []arg,
	f func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t) (string, error) {
	p, err := s.acquire()
	if err != nil {
		return "", err
	}
	defer s.release()
	return textCall(args, func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
		return f(p, in, out, failure)
	})
}

func (s *Session) ID() (string, error) {
	return s.text(nil,
		func(p *C.ocireg_session, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_id(p, out, failure)
		})
}

func (s *Session) Info() (string, error) {
	return s.text(nil,
		func(p *C.ocireg_session, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_info(p, out, failure)
		})
}

func (s *Session) Ping(ctx *Context) (string, error) {
	return s.text(nil,
		func(p *C.ocireg_session, _ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_ping(p, ctx.raw(), out, failure)
		})
}

func (s *Session) ListTags(ctx *Context, options *string) (string, error) {
	return s.text([]arg{optional("options_json", options)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_list_tags(p, ctx.raw(), in[0], out, failure)
		})
}

func (s *Session) HeadManifest(ctx *Context, tagOrDigest, options *string) (string, error) {
	return s.text([]arg{optional("tag_or_digest", tagOrDigest), optional("options_json", options)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_head_manifest(p, ctx.raw(), in[0], in[1], out, failure)
		})
}

func (s *Session) GetManifest(ctx *Context, tagOrDigest, options *string) (string, []byte, error) {
	var data *C.uint8_t
	var size C.size_t
	descriptor, err := s.text([]arg{optional("tag_or_digest", tagOrDigest), optional("options_json", options)},
		func(p *C.ocireg_session, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_manifest(p, ctx.raw(), in[0], in[1], out, &data, &size, failure)
		})
	return descriptor, takeBytes(data, size), err
}

func (s *Session) OpenBlob(ctx *Context, digest string, offset uint64, options *string) (*Reader, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	r := &Reader{}
	err = call([]arg{text("digest", digest), optional("options_json", options)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_open_blob(p, ctx.raw(), in[0], C.uint64_t(offset), in[1], &r.pointer, failure)
		})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Session) PutBlob(ctx *Context, options *string) (*Writer, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	w := &Writer{}
	err = call([]arg{optional("options_json", options)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_put_blob(p, ctx.raw(), in[0], &w.pointer, failure)
		})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// MountBlob gives no writer if the blob was mounted.
func (s *Session) MountBlob(ctx *Context, digest, from string) (*Writer, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	w := &Writer{}
	err = call([]arg{text("digest", digest), text("from_repository", from)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_mount_blob(p, ctx.raw(), in[0], in[1], nil, nil, &w.pointer, failure)
		})
	if err != nil || w.pointer == nil {
		return nil, err
	}
	return w, nil
}

func (s *Session) GetRemoteImageLayer(ctx *Context, imageID, registry string, imageSize int64) (*Reader, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	r := &Reader{}
	err = call([]arg{text("image_id", imageID), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_get_remote_image_layer(p, ctx.raw(), in[0], in[1], C.int64_t(imageSize), &r.pointer,
				failure)
		})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Session) PushImageLayerRegistry(ctx *Context, imageID, registry string, imageJSON []byte) (*Writer, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	w := &Writer{}
	err = call([]arg{text("image_id", imageID), text("registry", registry)},
		func(in []*C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_session_push_image_layer_registry(p, ctx.raw(), in[0], in[1],
				(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(imageJSON))), C.size_t(len(imageJSON)), &w.pointer, failure)
		})
	if err != nil {
		return nil, err
	}
	return w, nil
}
