//go:build cgo

package registry_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/distribution/registry/client/transport"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/errdefs"

	ocireg "github.com/ocireg/ocireg/bindings/go"
	registry "github.com/ocireg/ocireg/bindings/go/docker"
)

// newRegistry starts a registry that wants alice's password, and sets CertsDir to a directory with its certificate.
// config.json has the password, too.
func newRegistry(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if user, password, _ := r.BasicAuth(); user != "alice" || password != "wonderland" {
			w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	certs, before := t.TempDir(), registry.CertsDir
	host := filepath.Join(certs, server.Listener.Addr().String())
	if err := os.Mkdir(host, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(host, "ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	registry.CertsDir = certs
	t.Cleanup(func() { registry.CertsDir = before })
	config := t.TempDir()
	write(t, filepath.Join(config, "config.json"),
		[]byte(`{"auths":{"`+server.Listener.Addr().String()+`":{"username":"alice","password":"wonderland"}}}`))
	t.Setenv("DOCKER_CONFIG", config)
	return server
}

// newService creates a service with default options.
func newService(t *testing.T) *registry.DefaultService {
	t.Helper()
	service, err := registry.NewService(registry.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

func TestAuth(t *testing.T) {
	host := newRegistry(t).Listener.Addr().String()
	var service registry.Service = newService(t)
	login := func(auth *types.AuthConfig) error {
		status, _, err := service.Auth(context.Background(), auth, "agent/1")
		if err == nil && status != "Login Succeeded" {
			t.Error(status)
		}
		return err
	}
	if err := login(&types.AuthConfig{Username: "alice", Password: "wonderland", ServerAddress: host}); err != nil {
		t.Error(err)
	}
	for _, auth := range []types.AuthConfig{{Username: "alice", Password: "x"}, {}} {
		auth.ServerAddress = host
		if err := login(&auth); !errdefs.IsUnauthorized(err) {
			t.Errorf("%+v: %v", auth, err)
		}
	}
}

// Without credentials, a program is anonymous, although the service of ocireg would find some in config.json.
func TestNilCredentialsAreAnonymous(t *testing.T) {
	server := newRegistry(t)
	service := newService(t)
	found, err := service.Credentials(t.Context(), server.Listener.Addr().String())
	if err != nil || found.Username != "alice" {
		t.Fatalf("%+v, %v", found, err)
	}
	var asked []http.Header
	search := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header)
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"query":"app","num_results":1,"results":[{"name":"demo/app","star_count":7}]}`))
	}))
	defer search.Close()
	host := search.Listener.Addr().String()
	write(t, filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"),
		[]byte(`{"auths":{"`+host+`":{"username":"alice","password":"wonderland"}}}`))
	all, err := ocireg.NewService(ocireg.ServiceOptions{AllowPlainHTTPCredentials: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := registry.Wrap(all)
	defer wrapped.Close()
	results, err := wrapped.Search(t.Context(), host+"/app", registry.DefaultSearchLimit, nil, "", nil)
	if err != nil || results.NumResults != 1 || results.Results[0] != (registrytypes.SearchResult{Name: "demo/app", StarCount: 7}) {
		t.Fatalf("%+v, %v", results, err)
	}
	for _, headers := range asked {
		if headers.Get("Authorization") != "" {
			t.Error("credentials were sent that the program did not give")
		}
	}
}

func TestPingV2Registry(t *testing.T) {
	server := newRegistry(t)
	service := newService(t)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	config, err := service.TLSConfig(address.Host)
	if err != nil {
		t.Fatal(err)
	}
	through := transport.NewTransport(registry.NewTransport(config), registry.Headers("agent/1", nil)...)
	manager, confirmed, err := registry.PingV2Registry(address, through)
	if err != nil || !confirmed {
		t.Fatalf("%v, %v", confirmed, err)
	}
	challenges, err := manager.GetChallenges(*address.JoinPath("/v2/"))
	if err != nil || len(challenges) != 1 || challenges[0].Scheme != "basic" || challenges[0].Parameters["realm"] != "here" {
		t.Errorf("%+v, %v", challenges, err)
	}
}

// An empty CertsDir means that no certificates are read.
func TestNoCertsDir(t *testing.T) {
	host := newRegistry(t).Listener.Addr().String()
	registry.CertsDir = ""
	config, err := newService(t).TLSConfig("registry.example")
	if err != nil || config.RootCAs != nil {
		t.Errorf("%v", err)
	}
	index := &registrytypes.IndexInfo{Name: host, Secure: true}
	if _, err := registry.NewV1Endpoint(index, "", nil); !errors.Is(err, ocireg.ErrCertificate) && !errors.Is(err, ocireg.ErrTLS) {
		t.Errorf("%v", err)
	}
}

func TestErrRepoNotFound(t *testing.T) {
	if !errdefs.IsNotFound(registry.ErrRepoNotFound) || !errors.Is(registry.ErrRepoNotFound, ocireg.ErrRepoNotFound) ||
		!errors.Is(registry.ErrRepoNotFound, ocireg.ErrNotFound) {
		t.Error(registry.ErrRepoNotFound)
	}
}
