package ocireg

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"sync"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// DefaultService is a registry service: configuration, connections and credentials. Any number of goroutines may use it.
type DefaultService struct {
	c *capi.Service
}

// Service is what [DefaultService] does of Docker's package, for programs that put something else in its place.
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

// sharedService is the service of functions that are given none. Nobody ends it.
var sharedService = sync.OnceValues(func() (*DefaultService, error) { return NewService(ServiceOptions{}) })

// NewService makes a service, to be ended by Close.
func NewService(options ServiceOptions) (*DefaultService, error) {
	document, err := encode("options", options)
	if err != nil {
		return nil, err
	}
	c, err := capi.NewService(document)
	if err != nil {
		return nil, newError(err)
	}
	return &DefaultService{c}, nil
}

// Close ends the service. Calls under way and what was made from the service go on.
func (s *DefaultService) Close() error {
	s.c.Close()
	return nil
}

// ServiceConfig gives a copy of the configuration. It is nil for a service that was closed.
func (s *DefaultService) ServiceConfig() *ServiceConfig {
	config, _ := decodeNew[ServiceConfig](s.c.Config())
	return config
}

// ReplaceConfig replaces all that [DefaultService.ServiceConfig] tells, or nothing. Only the lists and DaemonJSON of
// the options may be set: for others, make a new service.
func (s *DefaultService) ReplaceConfig(options ServiceOptions) error {
	document, err := encode("options", options)
	if err != nil {
		return err
	}
	return newError(s.c.ReplaceConfig(document))
}

// load hands a list to one of the calls that replace a part of the configuration.
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

// LoadInsecureRegistries replaces the registries that may be reached without TLS or with any certificate.
func (s *DefaultService) LoadInsecureRegistries(registries []string) error {
	return load(registries, s.c.LoadInsecureRegistries)
}

// LoadAllowNondistributableArtifacts replaces the registries to which nondistributable artifacts may be pushed.
func (s *DefaultService) LoadAllowNondistributableArtifacts(registries []string) error {
	return load(registries, s.c.LoadAllowNondistributableArtifacts)
}

// found reads endpoints of the service.
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

// LookupPullEndpoints lists where to pull from, best first: mirrors, then https, then http where that is allowed.
func (s *DefaultService) LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error) {
	return s.LookupPullEndpointsContext(context.Background(), hostname)
}

// LookupPullEndpointsContext is LookupPullEndpoints under ctx, because it may ask for the addresses of the host.
func (s *DefaultService) LookupPullEndpointsContext(ctx context.Context, hostname string) (endpoints []APIEndpoint, err error) {
	return s.found(under(ctx, func(c *capi.Context) (string, error) {
		return s.c.LookupPullEndpoints(c, hostname)
	}))
}

// LookupPushEndpoints lists where to push to, best first. Mirrors are not among them.
func (s *DefaultService) LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error) {
	return s.LookupPushEndpointsContext(context.Background(), hostname)
}

// LookupPushEndpointsContext is LookupPushEndpoints under ctx, because it may ask for the addresses of the host.
func (s *DefaultService) LookupPushEndpointsContext(ctx context.Context, hostname string) (endpoints []APIEndpoint, err error) {
	return s.found(under(ctx, func(c *capi.Context) (string, error) {
		return s.c.LookupPushEndpoints(c, hostname)
	}))
}

// ResolveRepository takes a repository name apart, and adds what the configuration says of its registry.
func (s *DefaultService) ResolveRepository(name Named) (*RepositoryInfo, error) {
	return s.ResolveRepositoryContext(context.Background(), name)
}

// ResolveRepositoryContext is ResolveRepository under ctx, because it may ask for the addresses of the registry.
func (s *DefaultService) ResolveRepositoryContext(ctx context.Context, name Named) (*RepositoryInfo, error) {
	document, err := under(ctx, func(c *capi.Context) (string, error) {
		return s.c.ResolveRepository(c, textOf(name))
	})
	return repositoryInfo(name, document, err)
}

// TLSConfig gives the TLS configuration for a host, with its certificates read, for use with net/http.
func (s *DefaultService) TLSConfig(hostname string) (*tls.Config, error) {
	return s.TLSConfigContext(context.Background(), hostname)
}

// TLSConfigContext is TLSConfig under ctx, because it may ask for the addresses of the host.
func (s *DefaultService) TLSConfigContext(ctx context.Context, hostname string) (*tls.Config, error) {
	settings, err := s.TLSSettings(ctx, hostname)
	if err != nil {
		return nil, err
	}
	return settings.Config()
}

// TLSSettings says how TLS is spoken with a host, and which files belong to it.
func (s *DefaultService) TLSSettings(ctx context.Context, hostname string) (*TLSSettings, error) {
	return decodeNew[TLSSettings](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.TLSConfig(c, hostname)
	}))
}

// Auth asks a registry whether it takes credentials: status is "Login Succeeded", and token is to be kept in place of
// the password unless it is empty. Nothing is kept here; see Login. A nil authConfig is what the service knows for
// docker.io, and an empty userAgent is the service's own.
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

// Login is Auth that keeps what the registry took: in the credential helper that config.json names for the registry,
// else in config.json itself.
func (s *DefaultService) Login(ctx context.Context, authConfig AuthConfig, userAgent string) (*LoginResult, error) {
	auth, err := encode("auth_json", authConfig)
	if err != nil {
		return nil, err
	}
	return decodeNew[LoginResult](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Login(c, auth, optionalText(userAgent))
	}))
}

// Logout forgets the credentials of a registry, host[:port], wherever Login may have put them.
func (s *DefaultService) Logout(ctx context.Context, host string) error {
	_, err := under(ctx, func(c *capi.Context) (struct{}, error) {
		return struct{}{}, s.c.Logout(c, host)
	})
	return err
}

// Credentials says which credentials would be used for a registry, host[:port], or for a repository of it,
// host[:port]/path, and where they are. It may wait for a credential helper.
func (s *DefaultService) Credentials(ctx context.Context, host string) (*CredentialsInfo, error) {
	return decodeNew[CredentialsInfo](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Credentials(c, host)
	}))
}

// IsInsecureRegistry says whether a host may be reached without TLS or with any certificate.
func (s *DefaultService) IsInsecureRegistry(ctx context.Context, host string) (bool, error) {
	return under(ctx, func(c *capi.Context) (bool, error) {
		return s.c.IsInsecureRegistry(c, host)
	})
}
