//go:build cgo

package capi

// #include <ocireg.h>
import "C"

// Size returns the size of the whole blob, or -1 if it is not known.
func (h *Reader) Size() int64 { return int64(C.ocireg_reader_size(h.pointer)) }
