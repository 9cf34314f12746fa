//go:build cgo

package capi

// #include <ocireg.h>
import "C"

import "unsafe"

// Reader is an ocireg_reader. Its user makes one call at a time, and none after Free.
type Reader struct{ pointer *C.ocireg_reader }

// Read reads into p, which must not be empty. At the end it returns 0.
func (r *Reader) Read(ctx *Context, p []byte) (int, error) {
	var count C.size_t
	err := call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_reader_read(r.pointer, ctx.raw(), (*C.uint8_t)(unsafe.Pointer(&p[0])), C.size_t(len(p)),
			&count, failure)
	})
	return int(count), err
}

// Verify reads the rest, and checks the size and digest.
func (r *Reader) Verify(ctx *Context) error {
	return call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_reader_verify(r.pointer, ctx.raw(), failure)
	})
}

// Size returns the size of the whole blob, or -1 if it is not known.
func (r *Reader) Size() int64 { return int64(C.ocireg_reader_size(r.pointer)) }

// Free frees the reader.
func (r *Reader) Free() {
	C.ocireg_reader_free(r.pointer)
	r.pointer = nil
}
