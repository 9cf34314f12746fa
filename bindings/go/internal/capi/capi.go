//go:build cgo

// Package capi contains all of this module's cgo: one Go function for each function of ocireg.h, with Go's types. Its
// callers handle contexts, errors and JSON. bindings/gen writes the functions, and what stands for them without cgo.
package capi

/*
#include <stdlib.h>
#include <ocireg.h>

// The oldest library that this package works with; every call below exists in it.
#define OCIREG_GO_MINIMUM 0x000100
#if OCIREG_VERSION_NUMBER < OCIREG_GO_MINIMUM
#error "this version of the Go package needs a newer ocireg: install the library and its header again"
#endif
*/
import "C"

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// arg is a string argument: nil is NULL.
type arg struct {
	name  string
	value *string
}

func text(name, value string) arg             { return arg{name, &value} }
func optional(name string, value *string) arg { return arg{name, value} }

// usable reports whether the loaded library is new enough. The compiler has checked the header.
var usable = sync.OnceValue(func() *Failure {
	if number := VersionNumber(); number < C.OCIREG_GO_MINIMUM {
		return failed(C.OCIREG_UNSUPPORTED, "version", fmt.Sprintf(
			"the loaded ocireg library has version %s, but this package needs %s or newer",
			Version(), versionText(C.OCIREG_GO_MINIMUM)))
	}
	return nil
})

func versionText(number uint32) string {
	return fmt.Sprintf("%d.%d.%d", number>>16, number>>8&0xff, number&0xff)
}

// call passes C copies of the strings to f, and converts the result of f to an error.
func call(args []arg, f func(in []*C.char, failure **C.ocireg_error) C.int32_t) error {
	if failure := usable(); failure != nil {
		return failure
	}
	for _, a := range args {
		if a.value != nil && strings.IndexByte(*a.value, 0) >= 0 {
			return failed(C.OCIREG_INVALID_ARGUMENT, a.name, a.name+" contains a NUL byte, which a C string cannot")
		}
	}
	in := make([]*C.char, len(args))
	for i, a := range args {
		if a.value != nil {
			in[i] = C.CString(*a.value)
		}
	}
	defer func() {
		for i, p := range in {
			if p != nil {
				// Some of them are secrets.
				clear(unsafe.Slice((*byte)(unsafe.Pointer(p)), len(*args[i].value)))
				C.free(unsafe.Pointer(p))
			}
		}
	}()
	var failure *C.ocireg_error
	if code := f(in, &failure); code != C.OCIREG_OK {
		return takeFailure(code, failure)
	}
	return nil
}

func takeText(p *C.char) string {
	if p == nil {
		return ""
	}
	s := C.GoString(p)
	C.ocireg_string_free(p)
	return s
}

func takeBytes(p *C.uint8_t, size C.size_t) []byte {
	if p == nil {
		return nil
	}
	b := make([]byte, int(size))
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(p)), len(b)))
	C.ocireg_bytes_free(p)
	return b
}

func takeFailure(code C.int32_t, p *C.ocireg_error) *Failure {
	defer C.ocireg_error_free(p)
	return &Failure{
		Code:    int32(code),
		Message: C.GoString(C.ocireg_error_message(p)),
		JSON:    C.GoString(C.ocireg_error_json(p)),
	}
}

// handle owns a C handle of the pointer type P. Calls get it with acquire and return it with release. Close frees it
// when no call is about to use it, and the garbage collector frees it if it was not closed.
type handle[P any] struct {
	mu      sync.Mutex
	pointer P
	free    func(P)
	calls   int
	closed  bool
	freed   bool
	cleanup runtime.Cleanup
}

// own makes owner, whose handle is h, the owner of pointer.
func own[O, P any](owner *O, h *handle[P], pointer P, free func(P)) *O {
	h.pointer, h.free = pointer, free
	h.cleanup = runtime.AddCleanup(owner, free, pointer)
	return owner
}

func (h *handle[P]) acquire() (P, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		var none P
		return none, Closed()
	}
	h.calls++
	return h.pointer, nil
}

// release also keeps the owner alive until the call has returned, because the handle is part of it.
func (h *handle[P]) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls--
	h.freeIfDone()
	runtime.KeepAlive(h)
}

// Close frees the handle. It may be called at any time, even while other calls are running, and more than once.
func (h *handle[P]) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.freeIfDone()
	runtime.KeepAlive(h)
}

func (h *handle[P]) freeIfDone() {
	if h.closed && h.calls == 0 && !h.freed {
		h.cleanup.Stop()
		h.free(h.pointer)
		h.freed = true
	}
}

// single owns a C handle of the pointer type P for calls that its user makes one at a time, and not after Free.
type single[P any] struct {
	pointer P
	free    func(P)
}

func (s *single[P]) acquire() (P, error) { return s.pointer, nil }

func (s *single[P]) release() {}

// Free frees the handle.
func (s *single[P]) Free() {
	s.free(s.pointer)
	var none P
	s.pointer = none
}
