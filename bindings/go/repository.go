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

// Close ends it. Calls under way and what was made from it go on.
func (s *session) Close() error {
	s.c.Close()
	return nil
}

// ID is 64 random hex digits that tell one session from another.
func (s *session) ID() (string, error) {
	id, err := s.c.ID()
	return id, newError(err)
}

// Info says with whom the session speaks.
func (s *session) Info() (*SessionInfo, error) {
	return decodeNew[SessionInfo](s.c.Info())
}

// Ping asks the registry whether it is there and what it speaks, without credentials.
func (s *session) Ping(ctx context.Context) (*PingResult, error) {
	return decodeNew[PingResult](under(ctx, s.c.Ping))
}

// SessionInfo says with whom a session speaks.
type SessionInfo struct {
	Protocol   string `json:"protocol"`
	Endpoint   string `json:"endpoint"`
	Mirror     bool   `json:"mirror"`
	Repository string `json:"repository"`
	Reference  string `json:"reference"`
	// Warnings say what went wrong when the session was opened, though it was opened.
	Warnings []string `json:"warnings"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

func (i *SessionInfo) keepRaw(raw json.RawMessage) { i.Raw = raw }

// Registry is a whole registry that one speaks with. Any number of goroutines may use it.
type Registry struct{ session }

// NewRegistry begins to speak with the registry at an endpoint. A nil auth is what the service would use, a zero one is
// anonymous. It is ended by Close.
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

// Repository gives a repository of the registry, without asking whether it is there. It is ended by Close.
func (r *Registry) Repository(name string) (*Repository, error) {
	c, err := r.c.Repository(name)
	if err != nil {
		return nil, newError(err)
	}
	return &Repository{session{c}}, nil
}

// Repository is one repository of a registry. Any number of goroutines may use it.
type Repository struct{ session }

// OpenRepository begins to speak with the registry of a reference such as "busybox:1.36" or "registry.example/team/app", at
// the first of its endpoints that answers. It is ended by Close.
func (s *DefaultService) OpenRepository(ctx context.Context, reference string, options *OpenOptions) (*Repository, error) {
	if options != nil && options.Protocol == "v1" {
		return nil, refusal("protocol", "a Repository speaks protocol v2", "use NewV1Endpoint and NewSession for v1")
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

// TagList is what [Repository.ListTags] gives.
type TagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	// Next is where the next page begins, if there is one.
	Next string `json:"next"`
	// Warnings say what was left out of the list.
	Warnings []string `json:"warnings"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

func (l *TagList) keepRaw(raw json.RawMessage) { l.Raw = raw }

// ListTags gives the repository's tags.
func (r *Repository) ListTags(ctx context.Context, options *ListOptions) (*TagList, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[TagList](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.ListTags(c, document)
	}))
}

// Manifest is a manifest or an index, with the bytes that its digest is of.
type Manifest struct {
	Descriptor Descriptor
	Data       []byte
}

// GetManifest gets a manifest, verified. An empty tagOrDigest is that of the reference with which the repository was
// opened. With a platform in the options, an index is resolved to its manifest for that platform.
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

// HeadManifest says what a manifest is, without getting it. An empty tagOrDigest is that of the reference with which the
// repository was opened.
func (r *Repository) HeadManifest(ctx context.Context, tagOrDigest string, options *ManifestOptions) (*Descriptor, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[Descriptor](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.HeadManifest(c, optionalText(tagOrDigest), document)
	}))
}
