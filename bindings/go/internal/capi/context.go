//go:build cgo

package capi

/*
#include <stdint.h>
#include <ocireg.h>

// Written in Go, in callback.go. A cgo.Handle is a number, not a pointer: it is turned into one only here, in C,
// where Go's checks of pointers do not look.
extern int32_t ocireg_go_progress(uintptr_t handle, uint64_t done, uint64_t total, char *event);
extern void ocireg_go_drop(uintptr_t handle);

static int32_t progress(void *user_data, uint64_t done, uint64_t total, const char *event) {
	return ocireg_go_progress((uintptr_t)user_data, done, total, (char *)event);
}

static void drop(void *user_data) {
	ocireg_go_drop((uintptr_t)user_data);
}

static void set_progress(ocireg_context *context, uintptr_t handle) {
	ocireg_context_set_progress(context, progress, (void *)handle, drop);
}
*/
import "C"

import (
	"runtime/cgo"
	"sync"
	"time"
)

// ProgressFunc is a progress callback. If it returns true, the call stops. It must not panic.
type ProgressFunc func(done, total uint64, event string) (stop bool)

// Context is an ocireg_context. A nil *Context is NULL.
type Context struct {
	mu      sync.Mutex
	pointer *C.ocireg_context
}

func ownContext(p *C.ocireg_context) *Context {
	if p == nil {
		return nil
	}
	return &Context{pointer: p}
}

// SetTimeout sets the deadline, counted from now.
func (c *Context) SetTimeout(timeout time.Duration) {
	// Rounded up: a deadline of the library must not come before Go's own.
	milliseconds := max(1, (timeout+time.Millisecond-1)/time.Millisecond)
	C.ocireg_context_set_timeout(c.pointer, C.uint64_t(milliseconds))
}

// SetProgress sets the callback.
func (c *Context) SetProgress(progress ProgressFunc) {
	C.set_progress(c.pointer, C.uintptr_t(cgo.NewHandle(progress)))
}

// Cancel stops the calls under the context. It may be called at any time, even after Free.
func (c *Context) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pointer != nil {
		C.ocireg_context_cancel(c.pointer)
	}
}

// Free frees the context. No call may be running. It may be called more than once.
func (c *Context) Free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	C.ocireg_context_free(c.pointer)
	c.pointer = nil
}

func (c *Context) raw() *C.ocireg_context {
	if c == nil {
		return nil
	}
	return c.pointer
}
