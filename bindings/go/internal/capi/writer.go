//go:build cgo

package capi

// #include <ocireg.h>
import "C"

import "unsafe"

// Writer is an ocireg_writer. Its user makes one call at a time and none after Free.
type Writer struct{ pointer *C.ocireg_writer }

// Write writes p, which is not empty, or fails.
func (w *Writer) Write(ctx *Context, p []byte) error {
	return call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_writer_write(w.pointer, ctx.raw(), (*C.uint8_t)(unsafe.Pointer(&p[0])), C.size_t(len(p)), failure)
	})
}

// Commit ends the content.
func (w *Writer) Commit(ctx *Context, options *string) (string, error) {
	return textCall([]arg{optional("options_json", options)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_writer_commit(w.pointer, ctx.raw(), in[0], out, failure)
		})
}

// Abort ends the upload without its content.
func (w *Writer) Abort(ctx *Context) error {
	return call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_writer_abort(w.pointer, ctx.raw(), failure)
	})
}

// Free ends the writer.
func (w *Writer) Free() {
	C.ocireg_writer_free(w.pointer)
	w.pointer = nil
}
