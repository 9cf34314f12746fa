//go:build cgo

package capi

// #include <ocireg.h>
import "C"

func (s *Service) Pull(ctx *Context, source, destination string, options *string) (string, error) {
	return s.text([]arg{text("source", source), text("destination", destination), optional("options_json", options)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_pull(p, ctx.raw(), in[0], in[1], in[2], out, failure)
		})
}

func (s *Service) Inspect(ctx *Context, source string, options *string) (string, error) {
	return s.text([]arg{text("source", source), optional("options_json", options)},
		func(p *C.ocireg_service, in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_inspect(p, ctx.raw(), in[0], in[1], out, failure)
		})
}
