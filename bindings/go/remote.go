package ocireg

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// A RemoteBlob is a blob that stays at the registry and is read in parts, like a file. It is safe for concurrent use by
// multiple goroutines.
//
// A part of a blob cannot be verified without [RemoteBlobOptions.Chunks], because the digest is that of the whole blob.
// With chunks, every byte that is returned has been verified.
type RemoteBlob struct {
	ctx context.Context
	c   *capi.Blob
}

var _ interface {
	io.ReaderAt
	io.Closer
} = (*RemoteBlob)(nil)

// RemoteBlob opens a blob as a file, without a request. As with a request of net/http, the context covers all reads by
// [RemoteBlob.ReadAt]. The options may be nil. Free the blob with Close.
func (r *Repository) RemoteBlob(ctx context.Context, digest string, options *RemoteBlobOptions) (*RemoteBlob, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	c, err := r.c.Blob(digest, document)
	if err != nil {
		return nil, newError(err)
	}
	return &RemoteBlob{ctx, c}, nil
}

// ReadAt implements [io.ReaderAt]. It asks the registry, or the storage that the registry redirects to, for the bytes.
func (b *RemoteBlob) ReadAt(p []byte, offset int64) (int, error) {
	return b.ReadAtContext(b.ctx, p, offset)
}

// ReadAtContext is [RemoteBlob.ReadAt] with a context of its own.
func (b *RemoteBlob) ReadAtContext(ctx context.Context, p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, ownError(Error{Code: CodeInvalidArgument, Name: "INVALID_ARGUMENT", Argument: "offset",
			Message: "the offset is negative"})
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := under(ctx, func(c *capi.Context) (int, error) { return b.c.ReadAt(c, uint64(offset), p) })
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Size returns the size of the blob. If it is not known yet, it asks the registry for it.
func (b *RemoteBlob) Size() (int64, error) {
	if size := b.c.Size(); size >= 0 {
		return size, nil
	}
	// The answer to any read tells it.
	if _, err := b.ReadAt(make([]byte, 1), 0); err != nil && err != io.EOF {
		return -1, err
	}
	if size := b.c.Size(); size >= 0 {
		return size, nil
	}
	return -1, ownError(Error{Code: CodeProtocol, Name: "PROTOCOL", Message: "the registry does not tell the size of the blob"})
}

// Close frees the blob. Reads that are running go on.
func (b *RemoteBlob) Close() error {
	b.c.Close()
	return nil
}

// An Authorization is what another HTTP client needs to send a request to a registry. It contains secrets.
type Authorization struct {
	// URL is where to send the request.
	URL string `json:"url"`
	// Header is what to send with it, and nowhere else.
	Header map[string]string `json:"headers"`
	// Expires is how long both are good, counted from the call; 0 if nothing ends.
	Expires time.Duration `json:"-"`
	// Endpoint is the registry's endpoint.
	Endpoint string `json:"endpoint"`
}

// Authorize returns what another HTTP client needs for a request to the repository; path is below the repository, such
// as "blobs/sha256:…". Call it again before Expires has passed, and with Renew if the registry answers 401. The options
// may be nil.
func (r *Repository) Authorize(ctx context.Context, method, path string, options *AuthorizeOptions) (*Authorization, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[Authorization](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.Authorize(c, method, path, document)
	}))
}

// read decodes the library's JSON object.
func (a *Authorization) read(document []byte) error {
	type fields Authorization
	all := struct {
		*fields
		ExpiresMS int64 `json:"expires_ms"`
	}{fields: (*fields)(a)}
	err := json.Unmarshal(document, &all)
	a.Expires = fromMilliseconds(all.ExpiresMS)
	return err
}

// String returns where the request goes, without the secrets.
func (a Authorization) String() string {
	return fmt.Sprintf("{Endpoint:%s Expires:%s}", a.Endpoint, a.Expires)
}

// GoString returns the same as String.
func (a Authorization) GoString() string { return a.String() }
