package ocireg

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"sync"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// DefaultService is a registry client: its configuration, connections and credentials. It is safe for concurrent use by
// multiple goroutines. Create one with [NewService].
type DefaultService struct {
	c *capi.Service
}

// Service lists the methods of [DefaultService] that Docker's package has, for programs that replace it with an
// implementation of their own.
type Service interface {
	Auth(ctx context.Context, authConfig *AuthConfig, userAgent string) (status, token string, err error)
	LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	ResolveRepository(name Named) (*RepositoryInfo, error)
	Search(ctx context.Context, term string, limit int, authConfig *AuthConfig, userAgent string,
		headers map[string][]string) (*SearchResults, error)
	ServiceConfig() *ServiceConfig
	TLSConfig(hostname string) (*tls.Config, error)
	LoadAllowNondistributableArtifacts([]string) error
	LoadMirrors([]string) error
	LoadInsecureRegistries([]string) error
}

var _ Service = (*DefaultService)(nil)

// sharedService is used by functions that take no service. It is never closed.
var sharedService = sync.OnceValues(func() (*DefaultService, error) { return NewService(ServiceOptions{}) })

// NewService creates a service. Free it with Close.
func NewService(options ServiceOptions) (*DefaultService, error) {
	document, err := encode("options", options)
	if err != nil {
		return nil, err
	}
	c, err := capi.NewService(&document)
	if err != nil {
		return nil, newError(err)
	}
	return &DefaultService{c}, nil
}

// Close frees the service. Running calls, and what was created from the service, keep working.
func (s *DefaultService) Close() error {
	s.c.Close()
	return nil
}

// ServiceConfig returns a copy of the configuration, or nil if the service was closed.
func (s *DefaultService) ServiceConfig() *ServiceConfig {
	config, _ := decodeNew[ServiceConfig](s.c.Config())
	return config
}

// ReplaceConfig atomically replaces everything that [DefaultService.ServiceConfig] returns. Only the lists and
// DaemonJSON may be set in the options: to change anything else, create a new service.
func (s *DefaultService) ReplaceConfig(options ServiceOptions) error {
	document, err := encode("options", options)
	if err != nil {
		return err
	}
	return newError(s.c.ReplaceConfig(document))
}

// load passes a list to one of the calls that replace a part of the configuration.
func load(list []string, f func(string) error) error {
	document, err := encodeList("list", list)
	if err != nil {
		return err
	}
	return newError(f(document))
}

// LoadMirrors replaces the mirrors of the official registry.
func (s *DefaultService) LoadMirrors(mirrors []string) error {
	return load(mirrors, s.c.LoadMirrors)
}

// LoadInsecureRegistries replaces the registries that may be used over plain HTTP or with an unverified certificate.
func (s *DefaultService) LoadInsecureRegistries(registries []string) error {
	return load(registries, s.c.LoadInsecureRegistries)
}

// LoadAllowNondistributableArtifacts replaces the registries that nondistributable artifacts may be pushed to.
func (s *DefaultService) LoadAllowNondistributableArtifacts(registries []string) error {
	return load(registries, s.c.LoadAllowNondistributableArtifacts)
}

// found decodes endpoints of the service.
func (s *DefaultService) found(document string, err error) ([]APIEndpoint, error) {
	documents, err := decode[[]json.RawMessage](document, err)
	if err != nil {
		return nil, err
	}
	endpoints := make([]APIEndpoint, len(documents))
	for i, document := range documents {
		if endpoints[i], err = decode[APIEndpoint](string(document), nil); err != nil {
			return nil, err
		}
		endpoints[i].service = s
	}
	return endpoints, nil
}

// LookupPullEndpoints returns the endpoints to pull from, in the order to try them: mirrors, then https, then http
// where it is allowed.
func (s *DefaultService) LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error) {
	return s.LookupPullEndpointsContext(context.Background(), hostname)
}

// LookupPullEndpointsContext is like LookupPullEndpoints, with a context: it may look up the addresses of the host.
func (s *DefaultService) LookupPullEndpointsContext(ctx context.Context, hostname string) (endpoints []APIEndpoint, err error) {
	return s.found(under(ctx, func(c *capi.Context) (string, error) {
		return s.c.LookupPullEndpoints(c, hostname)
	}))
}

// LookupPushEndpoints returns the endpoints to push to, in the order to try them. It returns no mirrors.
func (s *DefaultService) LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error) {
	return s.LookupPushEndpointsContext(context.Background(), hostname)
}

// LookupPushEndpointsContext is like LookupPushEndpoints, with a context: it may look up the addresses of the host.
func (s *DefaultService) LookupPushEndpointsContext(ctx context.Context, hostname string) (endpoints []APIEndpoint, err error) {
	return s.found(under(ctx, func(c *capi.Context) (string, error) {
		return s.c.LookupPushEndpoints(c, hostname)
	}))
}

// ResolvedEndpoint is an endpoint that a session for a reference would use, or skip.
type ResolvedEndpoint struct {
	URL    string `json:"url"`
	Mirror bool   `json:"mirror"`
	// Source is "registry-mirrors", "hosts.toml", "registries.conf" or "default".
	Source       string   `json:"source"`
	Capabilities []string `json:"capabilities"`
	// Insecure says whether it may be used over plain HTTP or with an unverified certificate.
	Insecure bool `json:"insecure"`
	// Skipped says why it is not used. It is empty if it is used.
	Skipped string `json:"skipped,omitempty"`
}

// ResolveEndpoints returns the endpoints that a session for a reference would use, in the order to try them, with all
// configured mirrors. The options may be nil.
func (s *DefaultService) ResolveEndpoints(ctx context.Context, reference string, options *EndpointsOptions) ([]ResolvedEndpoint, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	found, err := decodeNew[struct {
		Endpoints []ResolvedEndpoint `json:"endpoints"`
	}](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.ResolveEndpoints(c, reference, document)
	}))
	if err != nil {
		return nil, err
	}
	return found.Endpoints, nil
}

// ResolveRepository returns the repository that name is in, with the configuration of its registry.
func (s *DefaultService) ResolveRepository(name Named) (*RepositoryInfo, error) {
	return s.ResolveRepositoryContext(context.Background(), name)
}

// ResolveRepositoryContext is like ResolveRepository, with a context: it may look up the addresses of the registry.
func (s *DefaultService) ResolveRepositoryContext(ctx context.Context, name Named) (*RepositoryInfo, error) {
	document, err := under(ctx, func(c *capi.Context) (string, error) {
		return s.c.ResolveRepository(c, textOf(name))
	})
	return repositoryInfo(name, document, err)
}

// TLSConfig returns the TLS configuration for a host, with its certificate files loaded, for use with net/http.
func (s *DefaultService) TLSConfig(hostname string) (*tls.Config, error) {
	return s.TLSConfigContext(context.Background(), hostname)
}

// TLSConfigContext is like TLSConfig, with a context: it may look up the addresses of the host.
func (s *DefaultService) TLSConfigContext(ctx context.Context, hostname string) (*tls.Config, error) {
	settings, err := s.TLSSettings(ctx, hostname)
	if err != nil {
		return nil, err
	}
	return settings.Config()
}

// TLSSettings returns the TLS settings for a host, with the names of its certificate files.
func (s *DefaultService) TLSSettings(ctx context.Context, hostname string) (*TLSSettings, error) {
	return decodeNew[TLSSettings](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.TLSConfig(c, hostname)
	}))
}

// Auth checks credentials with the registry at authConfig.ServerAddress, without storing them; to store them, use
// [DefaultService.Login]. It returns the status "Login Succeeded", and an identity token to store instead of the
// password, or "". If authConfig is nil, it checks what the service has for docker.io. If userAgent is empty, the
// service's own is sent.
func (s *DefaultService) Auth(ctx context.Context, authConfig *AuthConfig, userAgent string) (status, token string, err error) {
	auth, err := encodeOptional("auth_json", authConfig)
	if err != nil {
		return "", "", err
	}
	result, err := decode[LoginResult](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Auth(c, auth, optionalText(userAgent))
	}))
	return result.Status, result.IdentityToken, err
}

// Login checks credentials as [DefaultService.Auth] does, then stores them: in the credential helper that config.json
// names for the registry, or else in config.json itself.
func (s *DefaultService) Login(ctx context.Context, authConfig AuthConfig, userAgent string) (*LoginResult, error) {
	auth, err := encode("auth_json", authConfig)
	if err != nil {
		return nil, err
	}
	return decodeNew[LoginResult](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Login(c, auth, optionalText(userAgent))
	}))
}

// Logout removes the stored credentials of a registry, host[:port], from config.json and from its credential helper.
func (s *DefaultService) Logout(ctx context.Context, host string) error {
	_, err := under(ctx, func(c *capi.Context) (struct{}, error) {
		return struct{}{}, s.c.Logout(c, host)
	})
	return err
}

// Credentials reports which credentials would be used for a registry, host[:port], or for one of its repositories,
// host[:port]/path, and where they are stored. It may run a credential helper.
func (s *DefaultService) Credentials(ctx context.Context, host string) (*CredentialsInfo, error) {
	return decodeNew[CredentialsInfo](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Credentials(c, host)
	}))
}

// IsInsecureRegistry reports whether a host may be used over plain HTTP or with an unverified certificate.
func (s *DefaultService) IsInsecureRegistry(ctx context.Context, host string) (bool, error) {
	return under(ctx, func(c *capi.Context) (bool, error) {
		return s.c.IsInsecureRegistry(c, host)
	})
}
