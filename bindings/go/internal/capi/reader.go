//go:build cgo

package capi

// #include <ocireg.h>
import "C"

// Size returns the size of the whole blob, or -1 if it is not known.
func (h *Reader) Size() int64 { return int64(C.ocireg_reader_size(h.pointer)) }

// Size returns the size of the blob, or -1 if it is not known.
func (h *Blob) Size() int64 {
	self, err := h.acquire()
	if err != nil {
		return -1
	}
	defer h.release()
	return int64(C.ocireg_blob_size(self))
}
