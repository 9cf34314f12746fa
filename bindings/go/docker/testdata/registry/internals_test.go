package registry

// What the tests of Docker's package use of its unexported names, made of what this package exports. Docker's tests are
// run together with this file, see TestDockersOwnTests.

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/docker/distribution/reference"
	registrytypes "github.com/docker/docker/api/types/registry"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// lookupIP is set by Docker's tests. The library resolves names itself, as addresses says.
var lookupIP func(host string) ([]net.IP, error)

// addresses returns the hosts that Docker's tests know, for the option Resolve. No other host has an address.
func addresses() map[string][]string {
	all := map[string][]string{"*": {}}
	for host, ips := range mockHosts {
		for _, ip := range ips {
			if host != "" {
				all[host] = append(all[host], ip.String())
			}
		}
	}
	return all
}

func newTestService(change func(*ocireg.ServiceOptions)) (*DefaultService, error) {
	options := ocireg.ServiceOptions{Resolve: addresses(), DockerConfig: ocireg.Nowhere, Proxy: &ocireg.Proxy{}}
	change(&options)
	service, err := ocireg.NewService(options)
	if err != nil {
		return nil, err
	}
	return Wrap(service), nil
}

// serviceConfig is the configuration of a service.
type serviceConfig struct {
	registrytypes.ServiceConfig
	service *DefaultService
}

var emptyServiceConfig, _ = newServiceConfig(ServiceOptions{})

func newServiceConfig(options ServiceOptions) (*serviceConfig, error) {
	service, err := newTestService(func(all *ocireg.ServiceOptions) {
		all.AllowNondistributableArtifacts = options.AllowNondistributableArtifacts
		all.Mirrors, all.InsecureRegistries = options.Mirrors, options.InsecureRegistries
	})
	if err != nil {
		return nil, err
	}
	return &serviceConfig{*service.ServiceConfig(), service}, nil
}

// changed reads the configuration again.
func (c *serviceConfig) changed(err error) error {
	c.ServiceConfig = *c.service.ServiceConfig()
	return err
}

func (c *serviceConfig) LoadAllowNondistributableArtifacts(registries []string) error {
	return c.changed(c.service.LoadAllowNondistributableArtifacts(registries))
}

func (c *serviceConfig) LoadInsecureRegistries(registries []string) error {
	return c.changed(c.service.LoadInsecureRegistries(registries))
}

func newIndexInfo(config *serviceConfig, indexName string) (*registrytypes.IndexInfo, error) {
	name, err := reference.WithName(indexName + "/demo/app")
	if err != nil {
		return nil, err
	}
	info, err := config.service.ResolveRepository(name)
	if err != nil {
		return nil, err
	}
	return info.Index, nil
}

func isSecureIndex(config *serviceConfig, indexName string) bool {
	insecure, err := config.service.IsInsecureRegistry(context.Background(), indexName)
	return err == nil && !insecure
}

func allowNondistributableArtifacts(config *serviceConfig, hostname string) bool {
	endpoints, err := config.service.LookupPushEndpoints(hostname)
	return err == nil && endpoints[0].AllowNondistributableArtifacts
}

func addRequiredHeadersToRedirectedRequests(req *http.Request, via []*http.Request) error {
	return HTTPClient(nil).CheckRedirect(req, via)
}

// trustedLocation reports whether credentials follow a redirect from Docker Hub.
func trustedLocation(req *http.Request) bool {
	from, _ := http.NewRequest("GET", "https://docker.io", nil)
	from.Header.Set("Authorization", "secret")
	return addRequiredHeadersToRedirectedRequests(req, []*http.Request{from}) == nil && req.Header.Get("Authorization") != ""
}

// anyHost is a proxy with a v1 registry at each address.
var anyHost = sync.OnceValue(func() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodConnect {
			handlerGetPing(w, req)
			return
		}
		to, err := net.Dial("tcp", testHTTPSServer.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		go io.Copy(to, from)
		io.Copy(from, to)
	}))
})

// newV1EndpointFromStr makes the endpoint of an address where a registry is that the address fits.
func newV1EndpointFromStr(address string, _ *tls.Config, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	service, err := newTestService(func(all *ocireg.ServiceOptions) {
		all.Proxy = &ocireg.Proxy{HTTPProxy: anyHost().URL, HTTPSProxy: anyHost().URL}
		if strings.HasPrefix(address, "http://") {
			all.Proxy.HTTPSProxy = "http://127.0.0.1:1" // So that only http works.
		}
	})
	if err != nil {
		return nil, err
	}
	index := &registrytypes.IndexInfo{Name: address, Official: address == IndexServer, Secure: address == IndexServer}
	return service.NewV1Endpoint(context.Background(), index, userAgent, metaHeaders)
}

// validateEndpoint finds out at which of the two schemes the endpoint answers.
func validateEndpoint(endpoint *V1Endpoint) error {
	found, err := NewV1Endpoint(&registrytypes.IndexInfo{Name: endpoint.URL.String()}, "", nil)
	if err == nil {
		*endpoint.URL = *found.URL
	}
	return err
}

// newTestV1Endpoint is NewV1Endpoint with a service that trusts the other registry that Docker's mock index names.
func newTestV1Endpoint(index *registrytypes.IndexInfo, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	service, err := newTestService(func(all *ocireg.ServiceOptions) { all.AllowV1Endpoints = []string{"test.example.com"} })
	if err != nil {
		return nil, err
	}
	return service.NewV1Endpoint(context.Background(), index, userAgent, metaHeaders)
}

// obtainToken has the session ask the mock index, which sends a token. Any token will do for the mock registry.
func obtainToken(t *testing.T, session *Session) {
	name, err := reference.ParseNormalizedNamed(REPO)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.GetRepositoryData(name); err != nil {
		t.Fatal(err)
	}
}
