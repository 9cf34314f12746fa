package registry

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"

	"github.com/docker/distribution/reference"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// ServiceOptions are the lists of registries that a service is configured with. For all other options, use [Wrap].
type ServiceOptions struct {
	AllowNondistributableArtifacts []string `json:"allow-nondistributable-artifacts,omitempty"`
	Mirrors                        []string `json:"registry-mirrors,omitempty"`
	InsecureRegistries             []string `json:"insecure-registries,omitempty"`
}

// Service is what a registry service can do.
type Service interface {
	Auth(ctx context.Context, authConfig *types.AuthConfig, userAgent string) (status, token string, err error)
	LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	ResolveRepository(name reference.Named) (*RepositoryInfo, error)
	Search(ctx context.Context, term string, limit int, authConfig *types.AuthConfig, userAgent string,
		headers map[string][]string) (*registrytypes.SearchResults, error)
	ServiceConfig() *registrytypes.ServiceConfig
	TLSConfig(hostname string) (*tls.Config, error)
	LoadAllowNondistributableArtifacts([]string) error
	LoadMirrors([]string) error
	LoadInsecureRegistries([]string) error
}

var _ Service = (*DefaultService)(nil)

// DefaultService is a registry service. It has the methods of the service of ocireg that it contains, and replaces those
// that have other types in Docker's package. Create one with [NewService] or [Wrap].
type DefaultService struct {
	*ocireg.DefaultService
}

// NewService creates a service. Free it with Close; the garbage collector eventually frees it otherwise.
func NewService(options ServiceOptions) (*DefaultService, error) {
	service, err := newService(options)
	if err != nil {
		return nil, err
	}
	return Wrap(service), nil
}

// Wrap returns the service with the types of Docker's package. They share everything: closing one closes the other.
func Wrap(service *ocireg.DefaultService) *DefaultService { return &DefaultService{service} }

func newService(options ServiceOptions) (*ocireg.DefaultService, error) {
	all := ocireg.ServiceOptions{
		AllowNondistributableArtifacts: options.AllowNondistributableArtifacts,
		Mirrors:                        options.Mirrors,
		InsecureRegistries:             options.InsecureRegistries,
	}
	switch CertsDir {
	case ocireg.CertsDir: // The default, which follows the environment.
	case "":
		all.CertsDir = ocireg.Nowhere
	default:
		all.CertsDir = CertsDir
	}
	return ocireg.NewService(all)
}

// shared are the services of functions that take none, by their CertsDir. They are never closed.
var shared struct {
	sync.Mutex
	services map[string]*ocireg.DefaultService
}

func sharedService() (*ocireg.DefaultService, error) {
	shared.Lock()
	defer shared.Unlock()
	if service := shared.services[CertsDir]; service != nil {
		return service, nil
	}
	service, err := newService(ServiceOptions{})
	if err != nil {
		return nil, err
	}
	if shared.services == nil {
		shared.services = map[string]*ocireg.DefaultService{}
	}
	shared.services[CertsDir] = service
	return service, nil
}

// Auth checks credentials with the registry at authConfig.ServerAddress, or with Docker Hub. It returns the status
// "Login Succeeded", and an identity token to store instead of the password, or "".
func (s *DefaultService) Auth(ctx context.Context, authConfig *types.AuthConfig, userAgent string) (status, token string, err error) {
	return s.DefaultService.Auth(ctx, toAuth(authConfig), userAgent)
}

// ResolveRepository returns the repository that name is in, with the configuration of its registry.
func (s *DefaultService) ResolveRepository(name reference.Named) (*RepositoryInfo, error) {
	return fromRepositoryInfo(name)(s.DefaultService.ResolveRepository(name))
}

// Search searches for repositories. The term is [HOST[:PORT]/]TERM; without a host, Docker Hub is searched. The limit
// is 1 to 100, usually [DefaultSearchLimit].
func (s *DefaultService) Search(ctx context.Context, term string, limit int, authConfig *types.AuthConfig, userAgent string,
	headers map[string][]string) (*registrytypes.SearchResults, error) {
	return fromSearchResults(s.DefaultService.Search(ctx, term, limit, toAuth(authConfig), userAgent, headers))
}

// ServiceConfig returns a copy of the configuration.
func (s *DefaultService) ServiceConfig() *registrytypes.ServiceConfig {
	return fromServiceConfig(s.DefaultService.ServiceConfig())
}

// NewV1Endpoint is like the function [NewV1Endpoint], with the configuration of the service and a context.
func (s *DefaultService) NewV1Endpoint(ctx context.Context, index *registrytypes.IndexInfo, userAgent string,
	metaHeaders http.Header) (*V1Endpoint, error) {
	return s.DefaultService.NewV1Endpoint(ctx, toIndex(index), userAgent, metaHeaders)
}

// NewV1Endpoint finds the endpoint of an index: it pings the index over https, and then over http if the index is
// insecure. It uses a service with default options that the whole program shares.
func NewV1Endpoint(index *registrytypes.IndexInfo, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	service, err := sharedService()
	if err != nil {
		return nil, err
	}
	return service.NewV1Endpoint(context.Background(), toIndex(index), userAgent, metaHeaders)
}
