package ocireg

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Session speaks protocol v1 with an index and its registries. It is safe for concurrent use by multiple goroutines.
// The methods take a registry as its root URL, which ends in /v1/, as listed in [RepositoryData].
//
// A session holds the index's token for the repository that was last asked for: to work on several repositories at
// once, create a session for each. Free it with Close.
type Session struct {
	session
	id string
}

// NewSession is like [NewSessionContext], without a context.
func NewSession(client *http.Client, authConfig *AuthConfig, endpoint *V1Endpoint) (*Session, error) {
	return NewSessionContext(context.Background(), client, authConfig, endpoint)
}

// NewSessionContext creates a session with an index. If authConfig is nil, the service's credentials for the index are
// used; a zero AuthConfig is anonymous.
//
// The library makes its own connections. From client, which may be nil, it takes what functions of this package have
// put there: the headers of [ModifyRequests], and the credentials of [AuthTransport] if authConfig is nil. A client
// that would do anything else, such as one with another [http.RoundTripper], is an error.
func NewSessionContext(ctx context.Context, client *http.Client, authConfig *AuthConfig, endpoint *V1Endpoint) (*Session, error) {
	if err := endpoint.usable(); err != nil {
		return nil, err
	}
	wishes, err := wishesOf(client, authConfig)
	if err != nil {
		return nil, err
	}
	if err := wishes.check(ctx, endpoint); err != nil {
		return nil, err
	}
	from, err := wishes.endpoint(endpoint.c)
	if err != nil {
		return nil, err
	}
	if from != endpoint.c {
		defer from.Close()
	}
	auth, err := encodeOptional("auth_json", wishes.auth)
	if err != nil {
		return nil, err
	}
	c, err := under(ctx, func(c *capi.Context) (*capi.Session, error) {
		return from.NewSession(c, auth)
	})
	if err != nil {
		return nil, err
	}
	id, err := c.ID()
	if err != nil {
		c.Close()
		return nil, newError(err)
	}
	return &Session{session{c}, id}, nil
}

// ID returns 64 random hex digits that identify the session.
func (r *Session) ID() string { return r.id }

// plainly returns the sentinel itself where Docker's package does, for programs that compare with ==.
func plainly(err, sentinel error) error {
	if errors.Is(err, sentinel) {
		return sentinel
	}
	return err
}

// GetRepositoryData asks the index for a repository: its images, and the registries that have them. The session stores
// the token that the index returns, and sends it to these registries.
func (r *Session) GetRepositoryData(name Named) (*RepositoryData, error) {
	return r.GetRepositoryDataContext(context.Background(), name)
}

// GetRepositoryDataContext is like GetRepositoryData, with a context.
func (r *Session) GetRepositoryDataContext(ctx context.Context, name Named) (*RepositoryData, error) {
	return decodeNew[RepositoryData](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRepositoryData(c, textOf(name))
	}))
}

// GetRemoteTags returns the tags of a repository with their image IDs, from the first registry that answers. If the
// repository does not exist, the error is [ErrRepoNotFound] itself; GetRemoteTagsContext returns an error with all
// details.
func (r *Session) GetRemoteTags(registries []string, repositoryRef Named) (map[string]string, error) {
	tags, err := r.GetRemoteTagsContext(context.Background(), registries, repositoryRef)
	return tags, plainly(err, ErrRepoNotFound)
}

// GetRemoteTagsContext is like GetRemoteTags, with a context.
func (r *Session) GetRemoteTagsContext(ctx context.Context, registries []string, repositoryRef Named) (map[string]string, error) {
	roots, err := encodeList("registries_json", registries)
	if err != nil {
		return nil, err
	}
	return decode[map[string]string](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteTags(c, roots, textOf(repositoryRef))
	}))
}

// GetRemoteTag returns the image ID of a tag, from the first registry that answers. If the tag does not exist, the
// error is [ErrRepoNotFound] itself; GetRemoteTagContext returns an error with all details.
func (r *Session) GetRemoteTag(registries []string, repositoryRef Named, askedTag string) (string, error) {
	id, err := r.GetRemoteTagContext(context.Background(), registries, repositoryRef, askedTag)
	return id, plainly(err, ErrRepoNotFound)
}

// GetRemoteTagContext is like GetRemoteTag, with a context.
func (r *Session) GetRemoteTagContext(ctx context.Context, registries []string, repositoryRef Named, askedTag string) (string, error) {
	roots, err := encodeList("registries_json", registries)
	if err != nil {
		return "", err
	}
	return under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteTag(c, roots, textOf(repositoryRef), askedTag)
	})
}

// GetRemoteHistory returns the IDs of an image and its ancestors: the image, its parent, and so on.
func (r *Session) GetRemoteHistory(imgID, registry string) ([]string, error) {
	return r.GetRemoteHistoryContext(context.Background(), imgID, registry)
}

// GetRemoteHistoryContext is like GetRemoteHistory, with a context.
func (r *Session) GetRemoteHistoryContext(ctx context.Context, imgID, registry string) ([]string, error) {
	return decode[[]string](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteHistory(c, imgID, registry)
	}))
}

// LookupRemoteImage returns an error unless the registry has the image.
func (r *Session) LookupRemoteImage(imgID, registry string) error {
	return r.LookupRemoteImageContext(context.Background(), imgID, registry)
}

// LookupRemoteImageContext is like LookupRemoteImage, with a context.
func (r *Session) LookupRemoteImageContext(ctx context.Context, imgID, registry string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.LookupRemoteImage(c, imgID, registry) })
}

// do makes a call without a result.
func (r *Session) do(ctx context.Context, f func(*capi.Context) error) error {
	_, err := under(ctx, func(c *capi.Context) (struct{}, error) { return struct{}{}, f(c) })
	return err
}

// GetRemoteImageJSON returns the JSON of an image, byte for byte, and the size of its layer, or -1 if the registry does
// not say.
func (r *Session) GetRemoteImageJSON(imgID, registry string) ([]byte, int64, error) {
	return r.GetRemoteImageJSONContext(context.Background(), imgID, registry)
}

// GetRemoteImageJSONContext is like GetRemoteImageJSON, with a context.
func (r *Session) GetRemoteImageJSONContext(ctx context.Context, imgID, registry string) ([]byte, int64, error) {
	layer := int64(-1)
	data, err := under(ctx, func(c *capi.Context) (data []byte, err error) {
		data, layer, err = r.c.GetRemoteImageJSON(c, imgID, registry)
		return data, err
	})
	if err != nil {
		return nil, -1, err
	}
	return data, layer, nil
}

// GetRemoteImageLayer opens the layer of an image as a [*LayerReader]. The imgSize is the size that GetRemoteImageJSON
// returned; a value below 1 means that it is not known. If it is known, and the registry can do it, reading continues
// after a lost connection.
func (r *Session) GetRemoteImageLayer(imgID, registry string, imgSize int64) (io.ReadCloser, error) {
	reader, err := r.GetRemoteImageLayerContext(context.Background(), imgID, registry, imgSize)
	if err != nil {
		return nil, err // Not a nil *LayerReader, which would not be a nil io.ReadCloser.
	}
	return reader, nil
}

// GetRemoteImageLayerContext is like GetRemoteImageLayer, with a context. As with a request of net/http, the context
// covers reading the whole layer. Free the reader with Close.
func (r *Session) GetRemoteImageLayerContext(ctx context.Context, imgID, registry string, imgSize int64) (*LayerReader, error) {
	l := &LayerReader{}
	err := l.begin(ctx, func(c *capi.Context) (*capi.Reader, error) {
		return r.c.GetRemoteImageLayer(c, imgID, registry, max(imgSize, -1))
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// PushImageJSONRegistry pushes the JSON of an image to a registry. If the registry has the image already, the error is
// [ErrAlreadyExists] itself; PushImageJSONRegistryContext returns an error with all details.
func (r *Session) PushImageJSONRegistry(imgData *ImgData, jsonRaw []byte, registry string) error {
	return plainly(r.PushImageJSONRegistryContext(context.Background(), imgData, jsonRaw, registry), ErrAlreadyExists)
}

// PushImageJSONRegistryContext is like PushImageJSONRegistry, with a context.
func (r *Session) PushImageJSONRegistryContext(ctx context.Context, imgData *ImgData, jsonRaw []byte, registry string) error {
	image, err := encode("image_data_json", imgData.input())
	if err != nil {
		return err
	}
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushImageJSONRegistry(c, image, registry, jsonRaw) })
}

// PushImageLayerRegistry pushes the layer of an image to a registry. The layer must be an uncompressed tar archive; it
// is read to the end before anything is sent. Put the checksums that it returns into an [ImgData] for
// PushImageChecksumRegistry.
func (r *Session) PushImageLayerRegistry(imgID string, layer io.Reader, registry string, jsonRaw []byte) (checksum, checksumPayload string, err error) {
	return r.PushImageLayerRegistryContext(context.Background(), imgID, layer, registry, jsonRaw)
}

// PushImageLayerRegistryContext is like PushImageLayerRegistry, with a context, which cannot interrupt a blocked Read
// of layer. An error from layer is returned as it is.
func (r *Session) PushImageLayerRegistryContext(ctx context.Context, imgID string, layer io.Reader, registry string, jsonRaw []byte) (checksum, checksumPayload string, err error) {
	w, err := r.NewLayerWriter(ctx, imgID, registry, jsonRaw)
	if err != nil {
		return "", "", err
	}
	defer w.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, layer, make([]byte, copySize)); err != nil {
		return "", "", err
	}
	sums, err := w.Commit(nil)
	if err != nil {
		return "", "", err
	}
	return sums.Checksum, sums.ChecksumPayload, nil
}

// NewLayerWriter starts to push the layer of an image, whose JSON is jsonRaw, to a registry. Nothing is sent before
// Commit. The context covers all writes and the commit. Free the writer with Close.
func (r *Session) NewLayerWriter(ctx context.Context, imgID, registry string, jsonRaw []byte) (*LayerWriter, error) {
	w := &LayerWriter{}
	err := w.begin(ctx, func(c *capi.Context) (*capi.Writer, error) {
		return r.c.PushImageLayerRegistry(c, imgID, registry, jsonRaw)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// PushImageChecksumRegistry sends the checksums of a pushed layer to the registry. If the registry has the image
// already, the error is [ErrAlreadyExists] itself; PushImageChecksumRegistryContext returns an error with all details.
func (r *Session) PushImageChecksumRegistry(imgData *ImgData, registry string) error {
	return plainly(r.PushImageChecksumRegistryContext(context.Background(), imgData, registry), ErrAlreadyExists)
}

// PushImageChecksumRegistryContext is like PushImageChecksumRegistry, with a context.
func (r *Session) PushImageChecksumRegistryContext(ctx context.Context, imgData *ImgData, registry string) error {
	image, err := encode("image_data_json", imgData.input())
	if err != nil {
		return err
	}
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushImageChecksumRegistry(c, image, registry) })
}

// PushRegistryTag tags an image. The revision is the ID of the image.
func (r *Session) PushRegistryTag(remote Named, revision, tag, registry string) error {
	return r.PushRegistryTagContext(context.Background(), remote, revision, tag, registry)
}

// PushRegistryTagContext is like PushRegistryTag, with a context.
func (r *Session) PushRegistryTagContext(ctx context.Context, remote Named, revision, tag, registry string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushRegistryTag(c, textOf(remote), revision, tag, registry) })
}

// PushImageJSONIndex sends the list of a repository's images to the index. Call it without validate before the images
// are pushed: the result names the registries to push to. Call it with validate afterwards, with the registries that
// have the images in regs; images without a checksum are then left out.
func (r *Session) PushImageJSONIndex(remote Named, imgList []*ImgData, validate bool, regs []string) (*RepositoryData, error) {
	return r.PushImageJSONIndexContext(context.Background(), remote, imgList, validate, regs)
}

// PushImageJSONIndexContext is like PushImageJSONIndex, with a context.
func (r *Session) PushImageJSONIndexContext(ctx context.Context, remote Named, imgList []*ImgData, validate bool, regs []string) (*RepositoryData, error) {
	list := make([]*imageInput, len(imgList))
	for i, image := range imgList {
		list[i] = image.input()
	}
	images, err := encode("images_json", list)
	if err != nil {
		return nil, err
	}
	roots, err := encodeList("registries_json", regs)
	if err != nil {
		return nil, err
	}
	var after int32
	if validate {
		after = 1
	}
	return decodeNew[RepositoryData](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.PushImageJSONIndex(c, textOf(remote), images, after, roots)
	}))
}

// SearchRepositories searches the index for a term. The limit is 1 to 100, usually [DefaultSearchLimit].
func (r *Session) SearchRepositories(term string, limit int) (*SearchResults, error) {
	return r.SearchRepositoriesContext(context.Background(), term, limit)
}

// SearchRepositoriesContext is like SearchRepositories, with a context.
func (r *Session) SearchRepositoriesContext(ctx context.Context, term string, limit int) (*SearchResults, error) {
	most, err := searchLimit(limit)
	if err != nil {
		return nil, err
	}
	return decodeNew[SearchResults](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.SearchRepositories(c, term, most)
	}))
}
