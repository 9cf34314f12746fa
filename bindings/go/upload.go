package ocireg

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// BlobWriter uploads a blob. The registry has the blob once Commit has returned. Only one goroutine may write at a
// time; Close may be called from any goroutine.
type BlobWriter struct{ writer }

// LayerWriter uploads a layer over protocol v1. It writes the layer, an uncompressed tar archive, to a temporary file,
// which Commit sends. Only one goroutine may write at a time; Close may be called from any goroutine.
type LayerWriter struct{ writer }

// writer is what BlobWriter and LayerWriter have in common.
type writer struct {
	mu      sync.Mutex // Held while the library writes.
	closing atomic.Bool
	open    *openUpload
	cleanup runtime.Cleanup
}

// openUpload is what a writer must free. It has no pointer to its writer, so that the garbage collector can free both.
type openUpload struct {
	c    *capi.Writer
	call *call
}

func (u *openUpload) free() {
	u.c.Free()
	u.call.end()
}

var _, _ io.WriteCloser = (*BlobWriter)(nil), (*LayerWriter)(nil)

// PutBlob starts the upload of a blob. The repository must have been opened with the action "push" or created by
// [Registry.Repository]. The context covers all writes and the commit. The options may be nil. Free the writer with
// Close.
func (r *Repository) PutBlob(ctx context.Context, options *PutBlobOptions) (*BlobWriter, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return newBlobWriter(ctx, func(c *capi.Context) (*capi.Writer, error) {
		return r.c.PutBlob(c, document)
	})
}

// MountBlob mounts a blob from another repository of the same registry. If the registry mounts it, the writer is nil.
// Otherwise the writer continues the upload that the registry has started instead; free it with Close.
func (r *Repository) MountBlob(ctx context.Context, digest, fromRepository string) (*BlobWriter, error) {
	return newBlobWriter(ctx, func(c *capi.Context) (*capi.Writer, error) {
		_, writer, err := r.c.MountBlob(c, digest, fromRepository, nil)
		return writer, err
	})
}

func newBlobWriter(ctx context.Context, make func(*capi.Context) (*capi.Writer, error)) (*BlobWriter, error) {
	w := &BlobWriter{}
	if err := w.begin(ctx, make); err != nil || w.open == nil {
		return nil, err
	}
	return w, nil
}

// begin opens what an empty writer writes to, unless there is nothing to write.
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

// Write writes all of p or returns an error. Errors are sticky.
func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.use(func(c *capi.Writer, ctx *capi.Context) error { return c.Write(ctx, p) }); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Commit completes the upload and returns the descriptor of the blob. The options may be nil.
func (w *BlobWriter) Commit(options *CommitOptions) (*Descriptor, error) {
	document, err := w.commit(options)
	return decodeNew[Descriptor](document, err)
}

// Commit sends the layer and returns its checksums, for [Session.PushImageChecksumRegistry]. After a failure it may be
// called again. The options may be nil; Digest must not be set in them, because a layer of protocol v1 has none.
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

// Abort cancels the upload and tells the registry so.
func (w *writer) Abort() error {
	return w.use(func(c *capi.Writer, ctx *capi.Context) error { return c.Abort(ctx) })
}

// Close frees the writer and cancels an upload that was not committed. A running call returns at once, with an error.
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
