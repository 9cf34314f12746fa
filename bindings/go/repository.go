package ocireg

import (
	"context"
	"encoding/json"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// session is what a registry and a repository have in common.
type session struct {
	c *capi.Session
}

// Close frees it. Running calls, and what was created from it, keep working.
func (s *session) Close() error {
	s.c.Close()
	return nil
}

// ID returns 64 random hex digits that identify the session.
func (s *session) ID() (string, error) {
	id, err := s.c.ID()
	return id, newError(err)
}

// Info returns the endpoint, repository and reference of the session.
func (s *session) Info() (*SessionInfo, error) {
	return decodeNew[SessionInfo](s.c.Info())
}

// Ping asks the registry which protocol it speaks, without credentials.
func (s *session) Ping(ctx context.Context) (*PingResult, error) {
	return decodeNew[PingResult](under(ctx, s.c.Ping))
}

// SessionInfo describes a session: the endpoint that it uses, and the repository and reference that it was opened with.
type SessionInfo struct {
	Protocol   string `json:"protocol"`
	Endpoint   string `json:"endpoint"`
	Mirror     bool   `json:"mirror"`
	Repository string `json:"repository"`
	Reference  string `json:"reference"`
	// Warnings are problems that did not keep the session from being opened.
	Warnings []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (i *SessionInfo) keepRaw(raw json.RawMessage) { i.Raw = raw }

// Registry is a connection to a registry. It is safe for concurrent use by multiple goroutines.
type Registry struct{ session }

// NewRegistry connects to the registry at an endpoint. If auth is nil, the service's credentials are used; a zero
// AuthConfig is anonymous. Free the registry with Close.
func (e *Endpoint) NewRegistry(ctx context.Context, auth *AuthConfig) (*Registry, error) {
	document, err := encodeOptional("auth", auth)
	if err != nil {
		return nil, err
	}
	c, err := under(ctx, func(c *capi.Context) (*capi.Session, error) {
		return e.c.NewSession(c, document)
	})
	if err != nil {
		return nil, err
	}
	return &Registry{session{c}}, nil
}

// Repository returns a repository of the registry. It does not check whether the repository exists. Free the repository
// with Close.
func (r *Registry) Repository(name string) (*Repository, error) {
	c, err := r.c.Repository(name)
	if err != nil {
		return nil, newError(err)
	}
	return &Repository{session{c}}, nil
}

// Repository is one repository of a registry. It is safe for concurrent use by multiple goroutines.
type Repository struct{ session }

// OpenRepository opens the repository of a reference such as "busybox:1.36" or "registry.example/team/app", at the
// first of its endpoints that works. The options may be nil. Free the repository with Close.
func (s *DefaultService) OpenRepository(ctx context.Context, reference string, options *OpenOptions) (*Repository, error) {
	if options != nil && options.Protocol == "v1" {
		return nil, refusal("protocol", "a Repository cannot use protocol v1", "use NewV1Endpoint and NewSession for v1")
	}
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	c, err := under(ctx, func(c *capi.Context) (*capi.Session, error) {
		return s.c.OpenSession(c, reference, document)
	})
	if err != nil {
		return nil, err
	}
	return &Repository{session{c}}, nil
}

// TagList is the result of [Repository.ListTags].
type TagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	// Next is for the options of the next call. It is empty if there are no more pages.
	Next string `json:"next"`
	// Warnings are about entries that were left out.
	Warnings []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (l *TagList) keepRaw(raw json.RawMessage) { l.Raw = raw }

// ListTags lists the tags of the repository. The options may be nil.
func (r *Repository) ListTags(ctx context.Context, options *ListOptions) (*TagList, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[TagList](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.ListTags(c, document)
	}))
}

// Manifest is a manifest or index, with the bytes that its digest is computed from.
type Manifest struct {
	Descriptor Descriptor
	Data       []byte
}

// GetManifest downloads and verifies a manifest. If tagOrDigest is empty, it is that of the reference that the
// repository was opened with. If the options, which may be nil, have a Platform, GetManifest resolves an index to its
// manifest for that platform.
func (r *Repository) GetManifest(ctx context.Context, tagOrDigest string, options *ManifestOptions) (*Manifest, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	var data []byte
	descriptor, err := decode[Descriptor](under(ctx, func(c *capi.Context) (descriptor string, err error) {
		descriptor, data, err = r.c.GetManifest(c, optionalText(tagOrDigest), document)
		return descriptor, err
	}))
	if err != nil {
		return nil, err
	}
	return &Manifest{descriptor, data}, nil
}

// HeadManifest returns the descriptor of a manifest without downloading it. If tagOrDigest is empty, it is that of the
// reference that the repository was opened with. The options may be nil.
func (r *Repository) HeadManifest(ctx context.Context, tagOrDigest string, options *ManifestOptions) (*Descriptor, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[Descriptor](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.HeadManifest(c, optionalText(tagOrDigest), document)
	}))
}

// HeadBlob returns the digest and size of a blob without downloading it. A registry does not know the type of a blob.
func (r *Repository) HeadBlob(ctx context.Context, digest string) (*Descriptor, error) {
	return decodeNew[Descriptor](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.HeadBlob(c, digest)
	}))
}
