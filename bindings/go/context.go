package ocireg

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Progress is the progress of a call.
type Progress struct {
	// Done is how many bytes the call has transferred, and Total how many it will transfer, as far as that is known.
	Done, Total int64
	// Event is what has just happened.
	Event ProgressEvent
}

// ProgressEvent is something that happened during a call. Fields that do not apply are zero.
type ProgressEvent struct {
	// Kind is "start", "blob", "manifest", "retry", "wait", "endpoint", "tick" or "finish"; ignore others.
	Kind string `json:"kind"`
	// Digest, MediaType, Offset, Total and Done are the progress of one blob. For a layer of protocol v1, which has no
	// digest before all of it has been read, What is the ID of its image.
	Digest    string `json:"digest"`
	What      string `json:"what"`
	MediaType string `json:"media_type"`
	Offset    int64  `json:"offset"`
	Total     int64  `json:"total"`
	Done      bool   `json:"done"`
	// Direction is "down" or "up".
	Direction string `json:"direction"`
	// Source is where the blob came from, such as "network" or "present".
	Source string `json:"source"`
	// Attempt and Delay belong to a retry or wait.
	Attempt int           `json:"attempt"`
	Delay   time.Duration `json:"-"`
	// Code and Message are the error that caused a retry or a change of the endpoint.
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

// read decodes the library's JSON object.
func (e *ProgressEvent) read(document []byte) error {
	type fields ProgressEvent
	all := struct {
		*fields
		DelayMS int64 `json:"delay_ms"`
	}{fields: (*fields)(e)}
	err := json.Unmarshal(document, &all)
	e.Delay = fromMilliseconds(all.DelayMS)
	e.Raw = append(json.RawMessage(nil), document...)
	return err
}

type progressKey struct{}

// WithProgress returns a context whose calls report their progress to a function: at most every 100 ms for each blob,
// and at least once a second while they wait. The function runs on the goroutine that makes the call.
//
// If the function returns an error, the call stops, and its error wraps that error. If it panics, the call stops, and
// the panic continues in the caller. It must not call [runtime.Goexit] (as [testing.T.FailNow] does), and it must not
// close or read what the running call uses.
func WithProgress(ctx context.Context, progress func(Progress) error) context.Context {
	return context.WithValue(ctx, progressKey{}, progress)
}

// A call is a Go context for calls of the library. It must not point to a reader or writer, which the garbage collector
// could not free then.
type call struct {
	ctx     context.Context
	handle  *capi.Context // nil: there is nothing to watch.
	stop    func() bool
	stopped error // What the progress or credentials function returned.
	panics  bool
	panicky any           // What such a function panicked with.
	ended   chan struct{} // Closed when calls under it are ended from elsewhere; nil if that cannot be.
	turn    bool          // It is its turn already.
}

// begin prepares for calls under ctx, and waits for the turn of the first one. With always, calls can also be stopped
// by cancel.
func begin(ctx context.Context, always bool) (*call, error) {
	deadline, hasDeadline := ctx.Deadline()
	late := hasDeadline && time.Until(deadline) <= 0 // The timer of the context may be a little behind.
	if late || ctx.Err() != nil {
		return nil, overBefore(ctx, late)
	}
	// Before anything is made in C, which may take a thread, too.
	if !running.take(ctx.Done(), nil) {
		return nil, overBefore(ctx, false)
	}
	c := &call{ctx: ctx, turn: true}
	progress, _ := ctx.Value(progressKey{}).(func(Progress) error)
	if ctx.Done() == nil && progress == nil && !always {
		return c, nil
	}
	handle, err := capi.NewContext()
	if err != nil {
		c.end()
		return nil, newError(err)
	}
	c.handle = handle
	if always {
		c.ended = make(chan struct{})
	}
	if hasDeadline {
		handle.SetTimeout(time.Until(deadline))
	}
	if progress != nil {
		handle.SetProgress(c.watch(progress))
	}
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, func() {
			// The library keeps the deadline by itself, and then says that it was that.
			if !hasDeadline || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				handle.Cancel()
			}
		})
	}
	return c, nil
}

// overBefore returns the error of a call whose context is done before the call begins.
func overBefore(ctx context.Context, late bool) *Error {
	e := Error{Code: CodeCancelled, Name: "CANCELLED", Message: "the call was cancelled", CancelledBy: "context"}
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) || late && err == nil {
		e = Error{Code: CodeDeadline, Name: "DEADLINE", Message: "the deadline of the call has passed",
			Phase: "deadline"}
	}
	made := ownError(e)
	made.cause = context.Cause(ctx)
	return made
}

// watch returns the function that C calls: Go's panics must not cross C.
func (c *call) watch(progress func(Progress) error) capi.ProgressFunc {
	return func(done, total uint64, document string) (stop bool) {
		if c.panics || c.stopped != nil {
			return true
		}
		defer func() {
			if returned := !c.panics; !returned {
				c.panicky, stop = recover(), true
			}
		}()
		defer running.lend()()
		p := Progress{Done: int64(done), Total: int64(total)}
		// An event of a newer library may hold what is not known here; the rest of it counts.
		_ = p.Event.read([]byte(document))
		c.panics = true
		c.stopped = progress(p)
		c.panics = false
		return c.stopped != nil
	}
}

// outcome converts an error of the library, and continues a panic of the progress function.
func (c *call) outcome(err error) error {
	if c.panics {
		c.panics = false
		panic(c.panicky)
	}
	err = newError(err)
	if e, ok := err.(*Error); ok {
		switch {
		case e.CancelledBy != "" && e.CancelledBy != "context" && c.stopped != nil:
			e.cause, c.stopped = c.stopped, nil
		case e.Code == CodeCancelled || e.Code == CodeDeadline:
			e.cause = context.Cause(c.ctx)
		}
	}
	return err
}

// run makes one call of the library, when it is its turn.
func (c *call) run(f func(*capi.Context) error) error {
	if !c.turn && !running.take(c.ctx.Done(), c.ended) {
		if c.ctx.Err() == nil {
			return newError(capi.Closed()) // Closed while it waited.
		}
		return overBefore(c.ctx, false)
	}
	c.turn = false
	defer running.give()
	defer callers.enter(c)()
	return c.outcome(f(c.handle))
}

// cancel stops calls under c, from any goroutine. It is called once.
func (c *call) cancel() {
	close(c.ended)
	c.handle.Cancel()
}

// end frees c, after the last call under it.
func (c *call) end() {
	if c.stop != nil {
		c.stop()
	}
	if c.handle != nil {
		c.handle.Free()
	}
	if c.turn {
		running.give()
	}
}

// under makes one call of the library under ctx.
func under[T any](ctx context.Context, f func(*capi.Context) (T, error)) (T, error) {
	c, err := begin(ctx, false)
	if err != nil {
		var none T
		return none, err
	}
	defer c.end()
	var value T
	err = c.run(func(handle *capi.Context) (err error) {
		value, err = f(handle)
		return err
	})
	return value, err
}
