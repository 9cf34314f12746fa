package ocireg

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// copySize is how much WriteTo reads at once.
const copySize = 256 << 10

// BlobReader reads a blob. The end is io.EOF only if size and digest were right. One goroutine reads at a time; Close may
// be called from any.
type BlobReader struct {
	mu      sync.Mutex // Held while the library reads.
	closing atomic.Bool
	open    *openBlob
	size    int64
	cleanup runtime.Cleanup
}

// openBlob is what a reader must give back. It does not know its reader, so that the garbage collector can do it.
type openBlob struct {
	c    *capi.Reader
	call *call
}

func (b *openBlob) free() {
	b.c.Free()
	b.call.end()
}

var _ interface {
	io.ReadCloser
	io.WriterTo
} = (*BlobReader)(nil)

// OpenBlob begins to read a blob. The whole reading is under ctx, as the body of a request of net/http is. The reader is
// ended by Close.
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
	under, err := begin(ctx, true)
	if err != nil {
		return nil, err
	}
	c, err := r.c.OpenBlob(under.handle, digest, uint64(offset), document)
	if err != nil || under.panics {
		defer under.end()
		if c != nil {
			c.Free()
		}
		return nil, under.outcome(err)
	}
	b := &BlobReader{open: &openBlob{c, under}, size: c.Size()}
	b.cleanup = runtime.AddCleanup(b, (*openBlob).free, b.open)
	return b, nil
}

// Size is that of the whole blob, wherever reading began; -1 if it is not known.
func (b *BlobReader) Size() int64 { return b.size }

// Read reads. After an error, only one that came from the context's end may be gone the next time.
func (b *BlobReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Load() {
		return 0, newError(capi.Closed())
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.open.c.Read(b.open.call.handle, p)
	runtime.KeepAlive(b)
	if err != nil {
		if b.closing.Load() && b.open.call.ctx.Err() == nil {
			return 0, newError(capi.Closed()) // It was Close that ended the read.
		}
		return 0, b.open.call.outcome(err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes what is left of the blob to w.
func (b *BlobReader) WriteTo(w io.Writer) (written int64, err error) {
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

// Close ends the reader. A Read under way returns at once, with an error.
func (b *BlobReader) Close() error {
	if b.closing.Swap(true) {
		return nil
	}
	b.open.call.handle.Cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cleanup.Stop()
	b.open.free()
	return nil
}
