package ocireg

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Session speaks protocol v1 with an index and its registries. Any number of goroutines may use it. Registries are given
// by their roots, which end in /v1/, as [RepositoryData] lists them. The index's token is for the repository that was asked
// for last: work on several at once needs a session for each. It is ended by Close.
type Session struct {
	session
	id string
}

// NewSession is [NewSessionContext] without a context.
func NewSession(client *http.Client, authConfig *AuthConfig, endpoint *V1Endpoint) (*Session, error) {
	return NewSessionContext(context.Background(), client, authConfig, endpoint)
}

// NewSessionContext begins to speak with an index. A nil authConfig is what the service knows for it, a zero one is
// anonymous.
//
// The library makes its own connections. Of the client, which may be nil, it takes what functions of this package put
// there: the headers of [ModifyRequests], and the credentials of [AuthTransport] where authConfig is nil. A client that
// would do anything else, as by another [http.RoundTripper], is refused.
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

// ID is 64 random hex digits that tell one session from another.
func (r *Session) ID() string { return r.id }

// plainly gives the sentinel itself where Docker's package does, for programs that compare with ==.
func plainly(err, sentinel error) error {
	if errors.Is(err, sentinel) {
		return sentinel
	}
	return err
}

// GetRepositoryData asks the index for a repository: its images, and the registries that have them. The token that it
// gives is kept for these registries.
func (r *Session) GetRepositoryData(name Named) (*RepositoryData, error) {
	return r.GetRepositoryDataContext(context.Background(), name)
}

// GetRepositoryDataContext is GetRepositoryData under ctx.
func (r *Session) GetRepositoryDataContext(ctx context.Context, name Named) (*RepositoryData, error) {
	return decodeNew[RepositoryData](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRepositoryData(c, textOf(name))
	}))
}

// GetRemoteTags gives the tags of a repository with the ids of their images, of the first registry that tells. If there
// is no such repository, the error is [ErrRepoNotFound] itself; that of GetRemoteTagsContext has all that is known.
func (r *Session) GetRemoteTags(registries []string, repositoryRef Named) (map[string]string, error) {
	tags, err := r.GetRemoteTagsContext(context.Background(), registries, repositoryRef)
	return tags, plainly(err, ErrRepoNotFound)
}

// GetRemoteTagsContext is GetRemoteTags under ctx.
func (r *Session) GetRemoteTagsContext(ctx context.Context, registries []string, repositoryRef Named) (map[string]string, error) {
	roots, err := encodeList("registries_json", registries)
	if err != nil {
		return nil, err
	}
	return decode[map[string]string](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteTags(c, roots, textOf(repositoryRef))
	}))
}

// GetRemoteTag gives the id of a tag's image, of the first registry that tells. If there is no such tag, the error is
// [ErrRepoNotFound] itself; that of GetRemoteTagContext has all that is known.
func (r *Session) GetRemoteTag(registries []string, repositoryRef Named, askedTag string) (string, error) {
	id, err := r.GetRemoteTagContext(context.Background(), registries, repositoryRef, askedTag)
	return id, plainly(err, ErrRepoNotFound)
}

// GetRemoteTagContext is GetRemoteTag under ctx.
func (r *Session) GetRemoteTagContext(ctx context.Context, registries []string, repositoryRef Named, askedTag string) (string, error) {
	roots, err := encodeList("registries_json", registries)
	if err != nil {
		return "", err
	}
	return under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteTag(c, roots, textOf(repositoryRef), askedTag)
	})
}

// GetRemoteHistory gives the images that an image is made of: itself, its parent, and so on.
func (r *Session) GetRemoteHistory(imgID, registry string) ([]string, error) {
	return r.GetRemoteHistoryContext(context.Background(), imgID, registry)
}

// GetRemoteHistoryContext is GetRemoteHistory under ctx.
func (r *Session) GetRemoteHistoryContext(ctx context.Context, imgID, registry string) ([]string, error) {
	return decode[[]string](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetRemoteHistory(c, imgID, registry)
	}))
}

// LookupRemoteImage fails unless the registry has the image.
func (r *Session) LookupRemoteImage(imgID, registry string) error {
	return r.LookupRemoteImageContext(context.Background(), imgID, registry)
}

// LookupRemoteImageContext is LookupRemoteImage under ctx.
func (r *Session) LookupRemoteImageContext(ctx context.Context, imgID, registry string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.LookupRemoteImage(c, imgID, registry) })
}

// do makes a call that has no result.
func (r *Session) do(ctx context.Context, f func(*capi.Context) error) error {
	_, err := under(ctx, func(c *capi.Context) (struct{}, error) { return struct{}{}, f(c) })
	return err
}

// GetRemoteImageJSON gives the JSON of an image, byte for byte, and the size of its layer; -1 if the registry does not
// tell it.
func (r *Session) GetRemoteImageJSON(imgID, registry string) ([]byte, int64, error) {
	return r.GetRemoteImageJSONContext(context.Background(), imgID, registry)
}

// GetRemoteImageJSONContext is GetRemoteImageJSON under ctx.
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

// GetRemoteImageLayer opens the layer of an image, a [*LayerReader]. The size is what GetRemoteImageJSON gave, below 1 if
// it is not known. With it, reading goes on after a cut where the registry can do that.
func (r *Session) GetRemoteImageLayer(imgID, registry string, imgSize int64) (io.ReadCloser, error) {
	reader, err := r.GetRemoteImageLayerContext(context.Background(), imgID, registry, imgSize)
	if err != nil {
		return nil, err // Not a nil *LayerReader, which would not be a nil io.ReadCloser.
	}
	return reader, nil
}

// GetRemoteImageLayerContext is GetRemoteImageLayer with the whole reading under ctx, as the body of a request of net/http
// is. The reader is ended by Close.
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

// PushImageJSONRegistry gives a registry the JSON of an image. If it has the image, the error is [ErrAlreadyExists] itself;
// that of PushImageJSONRegistryContext has all that is known.
func (r *Session) PushImageJSONRegistry(imgData *ImgData, jsonRaw []byte, registry string) error {
	return plainly(r.PushImageJSONRegistryContext(context.Background(), imgData, jsonRaw, registry), ErrAlreadyExists)
}

// PushImageJSONRegistryContext is PushImageJSONRegistry under ctx.
func (r *Session) PushImageJSONRegistryContext(ctx context.Context, imgData *ImgData, jsonRaw []byte, registry string) error {
	image, err := encode("image_data_json", imgData.input())
	if err != nil {
		return err
	}
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushImageJSONRegistry(c, image, registry, jsonRaw) })
}

// PushImageLayerRegistry gives a registry the layer of an image, a plain tar archive. Nothing is sent before all of it was
// read. What it gives is for PushImageChecksumRegistry, in the fields of [ImgData].
func (r *Session) PushImageLayerRegistry(imgID string, layer io.Reader, registry string, jsonRaw []byte) (checksum, checksumPayload string, err error) {
	return r.PushImageLayerRegistryContext(context.Background(), imgID, layer, registry, jsonRaw)
}

// PushImageLayerRegistryContext is PushImageLayerRegistry under ctx, which does not end a Read of layer that waits. An
// error of layer comes back as it is.
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

// NewLayerWriter begins to give a registry the layer of an image, whose JSON is jsonRaw. Nothing is sent before Commit.
// The whole writing is under ctx. The writer is ended by Close.
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

// PushImageChecksumRegistry tells a registry the checksums of a layer that it was given. If it says that it has the image,
// the error is [ErrAlreadyExists] itself; that of PushImageChecksumRegistryContext has all that is known.
func (r *Session) PushImageChecksumRegistry(imgData *ImgData, registry string) error {
	return plainly(r.PushImageChecksumRegistryContext(context.Background(), imgData, registry), ErrAlreadyExists)
}

// PushImageChecksumRegistryContext is PushImageChecksumRegistry under ctx.
func (r *Session) PushImageChecksumRegistryContext(ctx context.Context, imgData *ImgData, registry string) error {
	image, err := encode("image_data_json", imgData.input())
	if err != nil {
		return err
	}
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushImageChecksumRegistry(c, image, registry) })
}

// PushRegistryTag gives an image, whose id is revision, a tag.
func (r *Session) PushRegistryTag(remote Named, revision, tag, registry string) error {
	return r.PushRegistryTagContext(context.Background(), remote, revision, tag, registry)
}

// PushRegistryTagContext is PushRegistryTag under ctx.
func (r *Session) PushRegistryTagContext(ctx context.Context, remote Named, revision, tag, registry string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.PushRegistryTag(c, textOf(remote), revision, tag, registry) })
}

// PushImageJSONIndex gives the index the images of a repository: before the registries get them, when it tells which
// registries these are, and with validate after that, when regs are the ones that have them. With validate, images
// without a checksum are left out.
func (r *Session) PushImageJSONIndex(remote Named, imgList []*ImgData, validate bool, regs []string) (*RepositoryData, error) {
	return r.PushImageJSONIndexContext(context.Background(), remote, imgList, validate, regs)
}

// PushImageJSONIndexContext is PushImageJSONIndex under ctx.
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
	return decodeNew[RepositoryData](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.PushImageJSONIndex(c, textOf(remote), images, validate, roots)
	}))
}

// SearchRepositories searches the index for a term. The limit is from 1 to 100; [DefaultSearchLimit] is usual.
func (r *Session) SearchRepositories(term string, limit int) (*SearchResults, error) {
	return r.SearchRepositoriesContext(context.Background(), term, limit)
}

// SearchRepositoriesContext is SearchRepositories under ctx.
func (r *Session) SearchRepositoriesContext(ctx context.Context, term string, limit int) (*SearchResults, error) {
	most, err := searchLimit(limit)
	if err != nil {
		return nil, err
	}
	return decodeNew[SearchResults](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.SearchRepositories(c, term, most)
	}))
}
