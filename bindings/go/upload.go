package ocireg

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// BlobWriter writes a blob. The registry has it once Commit has returned. One goroutine writes at a time; Close may be
// called from any.
type BlobWriter struct{ writer }

// LayerWriter takes a layer of protocol v1, a plain tar archive, into a temporary file that Commit sends. One goroutine
// writes at a time; Close may be called from any.
type LayerWriter struct{ writer }

// writer is what both have in common.
type writer struct {
	mu      sync.Mutex // Held while the library writes.
	closing atomic.Bool
	open    *openUpload
	cleanup runtime.Cleanup
}

// openUpload is what a writer must give back. It does not know its writer, so that the garbage collector can do it.
type openUpload struct {
	c    *capi.Writer
	call *call
}

func (u *openUpload) free() {
	u.c.Free()
	u.call.end()
}

var _, _ io.WriteCloser = (*BlobWriter)(nil), (*LayerWriter)(nil)

// PutBlob begins to write a blob to a repository that was opened with the action "push" or made by
// [Registry.Repository]. The whole writing is under ctx. The writer is ended by Close.
func (r *Repository) PutBlob(ctx context.Context, options *PutBlobOptions) (*BlobWriter, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return newBlobWriter(ctx, func(c *capi.Context) (*capi.Writer, error) {
		return r.c.PutBlob(c, document)
	})
}

// MountBlob takes a blob over from another repository of the registry. The writer is nil if that is done; otherwise it
// goes on with the upload that the registry began instead, and is ended by Close.
func (r *Repository) MountBlob(ctx context.Context, digest, fromRepository string) (*BlobWriter, error) {
	return newBlobWriter(ctx, func(c *capi.Context) (*capi.Writer, error) {
		return r.c.MountBlob(c, digest, fromRepository)
	})
}

func newBlobWriter(ctx context.Context, make func(*capi.Context) (*capi.Writer, error)) (*BlobWriter, error) {
	w := &BlobWriter{}
	if err := w.begin(ctx, make); err != nil || w.open == nil {
		return nil, err
	}
	return w, nil
}

// begin makes what an empty writer writes to, unless there is nothing to write.
func (w *writer) begin(ctx context.Context, make func(*capi.Context) (*capi.Writer, error)) error {
	under, err := begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() {
		if w.open == nil { // Also after a panic of the progress function.
			under.end()
		}
	}()
	var c *capi.Writer
	err = under.run(func(handle *capi.Context) (err error) {
		c, err = make(handle)
		if under.panics && c != nil {
			c.Free()
		}
		return err
	})
	if err != nil || c == nil {
		return err
	}
	w.open = &openUpload{c, under}
	w.cleanup = runtime.AddCleanup(w, (*openUpload).free, w.open)
	return nil
}

// use makes a call on the writer unless it is closed.
func (w *writer) use(f func(c *capi.Writer, ctx *capi.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing.Load() {
		return newError(capi.Closed())
	}
	err := w.open.call.run(func(handle *capi.Context) error { return f(w.open.c, handle) })
	runtime.KeepAlive(w)
	if err != nil && w.closing.Load() && w.open.call.ctx.Err() == nil {
		return newError(capi.Closed()) // It was Close that ended the call.
	}
	return err
}

// Write writes all of p or fails, and then for good.
func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.use(func(c *capi.Writer, ctx *capi.Context) error { return c.Write(ctx, p) }); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Commit ends the blob. What it gives is its descriptor. The options may be nil.
func (w *BlobWriter) Commit(options *CommitOptions) (*Descriptor, error) {
	document, err := w.commit(options)
	return decodeNew[Descriptor](document, err)
}

// Commit sends the layer. What it gives is for the registry to compare. After a failure it may be called again. The
// options may be nil; a layer has no digest to expect.
func (w *LayerWriter) Commit(options *CommitOptions) (*LayerChecksums, error) {
	document, err := w.commit(options)
	return decodeNew[LayerChecksums](document, err)
}

func (w *writer) commit(options *CommitOptions) (document string, err error) {
	expected, err := encodeOptional("options", options)
	if err != nil {
		return "", err
	}
	err = w.use(func(c *capi.Writer, ctx *capi.Context) (err error) {
		document, err = c.Commit(ctx, expected)
		return err
	})
	return document, err
}

// Abort ends the upload without its content, and tells the registry so.
func (w *writer) Abort() error {
	return w.use(func(c *capi.Writer, ctx *capi.Context) error { return c.Abort(ctx) })
}

// Close ends the writer. What was not committed is forgotten. A call under way returns at once, with an error.
func (w *writer) Close() error {
	if w.closing.Swap(true) {
		return nil
	}
	w.open.call.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cleanup.Stop()
	w.open.free()
	return nil
}
