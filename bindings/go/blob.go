package ocireg

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// copySize is how much WriteTo reads at a time.
const copySize = 256 << 10

// BlobReader reads a blob. The digest is checked at the end of the blob: read until io.EOF, or call Verify, before you
// trust the data. A tar reader may stop before the end; see the example of Verify.
//
// Only one goroutine may read at a time; Close may be called from any goroutine.
type BlobReader struct{ reader }

// LayerReader reads a layer over protocol v1. At the end only the size is checked, if it is known: v1 has no digest to
// check the content against.
//
// Only one goroutine may read at a time; Close may be called from any goroutine.
type LayerReader struct{ reader }

// reader is what BlobReader and LayerReader have in common.
type reader struct {
	mu      sync.Mutex // Held while the library reads.
	closing atomic.Bool
	open    *openReader
	size    int64
	state   readState // Guarded by mu.
	cleanup runtime.Cleanup
}

// readState is how far a reader has come, which decides what Close returns.
type readState int

const (
	fresh readState = iota
	reading
	ended
	// failed lasts until a read succeeds again.
	failed
)

// openReader is what a reader must free. It has no pointer to its reader, so that the garbage collector can free both.
type openReader struct {
	c    *capi.Reader
	call *call
}

func (o *openReader) free() {
	o.c.Free()
	o.call.end()
}

var _, _ interface {
	io.ReadCloser
	io.WriterTo
} = (*BlobReader)(nil), (*LayerReader)(nil)

// OpenBlob opens a blob for reading. As with a request of net/http, the context covers reading the whole blob. The
// options may be nil. Free the reader with Close.
func (r *Repository) OpenBlob(ctx context.Context, digest string, options *BlobOptions) (*BlobReader, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	offset := int64(0)
	if options != nil {
		offset = options.Offset
	}
	if offset < 0 {
		return nil, ownError(Error{Code: CodeInvalidArgument, Name: "INVALID_ARGUMENT", Argument: "offset",
			Message: "the offset is negative"})
	}
	b := &BlobReader{}
	err = b.begin(ctx, func(c *capi.Context) (*capi.Reader, error) {
		return r.c.OpenBlob(c, digest, uint64(offset), document)
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// begin opens what an empty reader reads from.
func (b *reader) begin(ctx context.Context, make func(*capi.Context) (*capi.Reader, error)) error {
	under, err := begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() {
		if b.open == nil { // Also after a panic of the progress function.
			under.end()
		}
	}()
	var c *capi.Reader
	err = under.run(func(handle *capi.Context) (err error) {
		c, err = make(handle)
		if under.panics && c != nil {
			c.Free()
		}
		return err
	})
	if err != nil {
		return err
	}
	b.open, b.size = &openReader{c, under}, c.Size()
	b.cleanup = runtime.AddCleanup(b, (*openReader).free, b.open)
	return nil
}

// Size returns the size of the whole blob or layer, even if reading began at an offset, or -1 if it is not known.
func (b *reader) Size() int64 { return b.size }

// Read reads the next bytes. Errors are sticky.
func (b *reader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Load() {
		return 0, newError(capi.Closed())
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	err := b.open.call.run(func(handle *capi.Context) (err error) {
		n, err = b.open.c.Read(handle, p)
		return err
	})
	runtime.KeepAlive(b)
	if err != nil {
		return 0, b.failure(err)
	}
	if n == 0 {
		b.state = ended
		return 0, io.EOF
	}
	b.state = reading
	return n, nil
}

// Verify reads the rest, such as what follows the end of a tar archive, and checks the size and digest. Call it when
// you are done reading; if it fails, discard what you have read. For a layer of protocol v1, or a blob that was opened
// at an offset, it can only check the size.
func (b *reader) Verify() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Load() {
		return newError(capi.Closed())
	}
	err := b.open.call.run(b.open.c.Verify)
	runtime.KeepAlive(b)
	if err != nil {
		return b.failure(err)
	}
	b.state = ended
	return nil
}

// failure returns the error of a read that failed.
func (b *reader) failure(err error) error {
	b.state = failed
	if b.closing.Load() && b.open.call.ctx.Err() == nil {
		return newError(capi.Closed()) // It was Close that ended the read.
	}
	return err
}

// WriteTo writes the rest to w. It implements [io.WriterTo].
func (b *reader) WriteTo(w io.Writer) (written int64, err error) {
	buffer := make([]byte, copySize)
	for {
		n, err := b.Read(buffer)
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		m, err := w.Write(buffer[:n])
		written += int64(m)
		if err == nil && m < n {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
}

// Close frees the reader. A running Read returns at once, with an error. If something was read, but not to the end,
// Close returns [ErrNotVerified], unless the last Read failed; the reader is closed in any case. Close may be called
// more than once.
func (b *reader) Close() error {
	if b.closing.Swap(true) {
		return nil
	}
	b.open.call.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cleanup.Stop()
	b.open.free()
	if b.state == reading {
		return ErrNotVerified
	}
	return nil
}
