package registry

import (
	"errors"
	"net/http"

	"github.com/docker/distribution/reference"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// Session speaks protocol v1 with an index and its registries. It has the methods of the session of ocireg that it
// contains, and replaces those that have other types in Docker's package.
type Session struct {
	*ocireg.Session
	indexEndpoint *V1Endpoint
}

// NewSession creates a session with an index. The library makes its own connections: from client, which may be nil, it
// takes the headers and credentials of the transports of this package and of distribution's transport package. A client
// that would do anything else is an error.
func NewSession(client *http.Client, authConfig *types.AuthConfig, endpoint *V1Endpoint) (*Session, error) {
	session, err := ocireg.NewSession(client, toAuth(authConfig), endpoint)
	if err != nil {
		return nil, err
	}
	return &Session{session, endpoint}, nil
}

// plainly returns ErrRepoNotFound itself, for programs that compare with ==.
func plainly(err error) error {
	if errors.Is(err, ocireg.ErrRepoNotFound) {
		return ErrRepoNotFound
	}
	return err
}

// GetRemoteTag returns the image ID of a tag, from the first registry that answers. If the tag does not exist, the error
// is [ErrRepoNotFound] itself.
func (r *Session) GetRemoteTag(registries []string, repositoryRef reference.Named, askedTag string) (string, error) {
	id, err := r.Session.GetRemoteTag(registries, repositoryRef, askedTag)
	return id, plainly(err)
}

// GetRemoteTags returns the tags of a repository with their image IDs, from the first registry that answers. If the
// repository does not exist, the error is [ErrRepoNotFound] itself.
func (r *Session) GetRemoteTags(registries []string, repositoryRef reference.Named) (map[string]string, error) {
	tags, err := r.Session.GetRemoteTags(registries, repositoryRef)
	return tags, plainly(err)
}

// GetRepositoryData asks the index for a repository: its images, and the registries that have them.
func (r *Session) GetRepositoryData(name reference.Named) (*RepositoryData, error) {
	return r.Session.GetRepositoryData(name)
}

// PushImageJSONIndex sends the list of a repository's images to the index: without validate before the images are
// pushed, and with it afterwards.
func (r *Session) PushImageJSONIndex(remote reference.Named, imgList []*ImgData, validate bool, regs []string) (*RepositoryData, error) {
	return r.Session.PushImageJSONIndex(remote, imgList, validate, regs)
}

// PushRegistryTag tags an image. The revision is the ID of the image.
func (r *Session) PushRegistryTag(remote reference.Named, revision, tag, registry string) error {
	return r.Session.PushRegistryTag(remote, revision, tag, registry)
}

// SearchRepositories searches the index for a term. The limit is 1 to 100.
func (r *Session) SearchRepositories(term string, limit int) (*registrytypes.SearchResults, error) {
	return fromSearchResults(r.Session.SearchRepositories(term, limit))
}
