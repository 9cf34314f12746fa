//go:build cgo

package ocireg_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// writePair writes a self-signed certificate and its key.
func writePair(t testing.TB, certificateFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		name, kind string
		data       []byte
	}{
		{certificateFile, "CERTIFICATE", certificate}, {keyFile, "PRIVATE KEY", secret},
	} {
		data := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.data})
		if err := os.WriteFile(file.name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServiceConfig(t *testing.T) {
	o := options()
	o.Mirrors = []string{"https://mirror.example"}
	o.InsecureRegistries = []string{"10.0.0.0/8", "plain.example:5000"}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	config := service.ServiceConfig()
	if !reflect.DeepEqual(config.Mirrors, []string{"https://mirror.example/"}) {
		t.Errorf("%+v", config)
	}
	networks := []string{}
	for _, network := range config.InsecureRegistryCIDRs {
		networks = append(networks, network.String())
	}
	if joined := strings.Join(networks, " "); !strings.Contains(joined, "10.0.0.0/8") ||
		!strings.Contains(joined, "127.0.0.0/8") {
		t.Error(networks)
	}
	if index := config.IndexConfigs["plain.example:5000"]; index == nil || index.Secure {
		t.Errorf("%+v", index)
	}
	if document, err := json.Marshal(config); err != nil || !strings.Contains(string(document), `"10.0.0.0/8"`) {
		t.Errorf("%s, %v", document, err)
	}

	if err := service.LoadMirrors(nil); err != nil {
		t.Fatal(err)
	}
	if err := service.LoadInsecureRegistries([]string{"other.example"}); err != nil {
		t.Fatal(err)
	}
	if err := service.LoadAllowNondistributableArtifacts([]string{"good.example", "10.0.0.0/8"}); err != nil {
		t.Fatal(err)
	}
	config = service.ServiceConfig()
	if len(config.Mirrors) != 0 || config.IndexConfigs["other.example"] == nil ||
		config.AllowNondistributableArtifactsHostnames[0] != "good.example" ||
		config.AllowNondistributableArtifactsCIDRs[0].String() != "10.0.0.0/8" {
		t.Errorf("%+v", config)
	}
	if err := service.LoadMirrors([]string{"https://good.example", "ftp://bad.example"}); err == nil {
		t.Error("a bad mirror was taken")
	}
	lists := ocireg.ServiceOptions{Mirrors: o.Mirrors, InsecureRegistries: o.InsecureRegistries}
	if err := service.ReplaceConfig(lists); err != nil {
		t.Fatal(err)
	}
	if config := service.ServiceConfig(); len(config.Mirrors) != 1 || config.IndexConfigs["other.example"] != nil {
		t.Errorf("%+v", config)
	}

	if err := service.Close(); err != nil {
		t.Error(err)
	}
	if err := service.Close(); err != nil {
		t.Error(err)
	}
	if config := service.ServiceConfig(); config != nil {
		t.Errorf("%+v", config)
	}
	if err := service.LoadMirrors(nil); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

func TestServiceOptions(t *testing.T) {
	o := options()
	o.Extra = ocireg.Extra{"no-such-option": json.RawMessage("1")}
	_, err := ocireg.NewService(o)
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("an unknown option: %v", err)
	}
	o.Extra = ocireg.Extra{"registry-mirrors": json.RawMessage("{")}
	if _, err = ocireg.NewService(o); !errors.Is(err, ocireg.ErrInvalidJSON) {
		t.Errorf("no JSON: %v", err)
	}
	o.Extra = ocireg.Extra{"registry-mirrors": json.RawMessage("5")}
	if _, err = ocireg.NewService(o); err == nil {
		t.Error("a number is a list")
	}

	yes := true
	full := ocireg.ServiceOptions{
		AllowNondistributableArtifacts: []string{"a.example"},
		Mirrors:                        []string{"https://m.example/"},
		InsecureRegistries:             []string{"i.example"},
		CertsDir:                       t.TempDir(),
		HostsDir:                       ocireg.Nowhere,
		RegistriesConf:                 ocireg.Nowhere,
		DockerConfig:                   ocireg.Nowhere,
		DaemonJSON:                     ocireg.Nowhere,
		Credentials:                    map[string]ocireg.AuthConfig{"c.example": {Username: "u", Password: "p"}},
		Resolve:                        map[string][]string{"r.example": {"127.0.0.1"}, "*": {}},
		Proxy:                          &ocireg.Proxy{},
		UserAgent:                      "test/1",
		UserAgentPrefix:                "program/2",
		CredentialHelperTimeout:        ocireg.Milliseconds(3 * time.Second),
		Timeouts:                       &ocireg.Timeouts{Connect: time.Second, TLS: 2 * time.Second, Total: time.Minute},
		Retry:                          &ocireg.Retry{MaxAttempts: 2, Initial: time.Millisecond},
		MaxConcurrentDownloads:         2,
		Limits:                         &ocireg.Limits{Manifest: 1 << 20, Depth: 3},
		Environment:                    &yes,
		MaxConcurrentUploads:           3,
		TrustedRealms:                  [][2]string{{"r.example", "auth.example"}},
		AllowUploadHosts:               []string{"u.example"},
		AllowForeignURLs:               []string{"f.example"},
		AllowPlainHTTPCredentials:      []string{"p.example"},
		AllowV1Endpoints:               []string{"v.example"},
	}
	service, err := ocireg.NewService(full)
	if err != nil {
		t.Fatal(err)
	}
	service.Close()
	full.RegistriesConf = "/nowhere"
	service, err = ocireg.NewService(full)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if _, err := service.ResolveEndpoints(t.Context(), "r.example/app", nil); !errors.Is(err, ocireg.ErrInvalidConfig) {
		t.Errorf("a file that does not exist: %v", err)
	}
	document, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var again ocireg.ServiceOptions
	if err := json.Unmarshal(document, &again); err != nil || !reflect.DeepEqual(full, again) {
		t.Errorf("%v\n%+v\n%+v", err, full, again)
	}
	if !strings.Contains(string(document), `"connect-ms":1000`) ||
		!strings.Contains(string(document), `"credential-helper-timeout-ms":3000`) {
		t.Errorf("%s", document)
	}
}

func TestLookups(t *testing.T) {
	o := options()
	o.Mirrors = []string{"https://mirror.example"}
	o.InsecureRegistries = []string{"plain.example"}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	endpoints, err := service.LookupPullEndpoints("docker.io")
	if err != nil || len(endpoints) != 2 || !endpoints[0].Mirror || !endpoints[1].Official ||
		endpoints[0].URL.Host != "mirror.example" || *endpoints[1].URL != *ocireg.DefaultV2Registry {
		t.Fatalf("%+v, %v", endpoints, err)
	}
	endpoints, err = service.LookupPushEndpoints("docker.io")
	if err != nil || len(endpoints) != 1 || endpoints[0].Mirror || endpoints[0].Version != ocireg.APIVersion2 {
		t.Fatalf("%+v, %v", endpoints, err)
	}
	endpoints, err = service.LookupPullEndpointsContext(t.Context(), "plain.example")
	if err != nil || len(endpoints) != 2 || endpoints[0].URL.Scheme != "https" || endpoints[1].URL.Scheme != "http" ||
		!endpoints[0].TLSConfig.InsecureSkipVerify {
		t.Fatalf("%+v, %v", endpoints, err)
	}
	info, err := service.ResolveRepository(mustParse(t, "plain.example/x"))
	if err != nil || info.Index.Secure || info.Name.Name() != "plain.example/x" {
		t.Errorf("%+v, %v", info, err)
	}
	config, err := service.TLSConfig("plain.example")
	if err != nil || !config.InsecureSkipVerify {
		t.Errorf("%+v, %v", config, err)
	}
	for host, want := range map[string]bool{"plain.example": true, "docker.io": false, "127.0.0.1:5000": true} {
		if insecure, err := service.IsInsecureRegistry(t.Context(), host); err != nil || insecure != want {
			t.Errorf("%s: %v, %v", host, insecure, err)
		}
	}
	over, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no longer wanted")
	cancel(why)
	_, err = service.LookupPushEndpointsContext(over, "x.example")
	var e *ocireg.Error
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || !errors.As(err, &e) || e.Code != ocireg.CodeCancelled {
		t.Errorf("%v", err)
	}
}

func TestEndpoint(t *testing.T) {
	r := newRegistry(t)
	service := newService(t)
	endpoints, err := service.LookupPullEndpoints(r.host)
	if err != nil || len(endpoints) != 2 {
		t.Fatalf("%+v, %v", endpoints, err)
	}
	endpoint, err := service.NewEndpoint(endpoints[1])
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	if !strings.HasPrefix(endpoint.String(), "http://"+r.host) {
		t.Error(endpoint)
	}
	if url, err := endpoint.Path("busybox/tags/list"); err != nil || !strings.HasSuffix(url, "/busybox/tags/list") {
		t.Errorf("%q, %v", url, err)
	}
	if secure, err := endpoint.IsSecure(); err != nil || secure {
		t.Errorf("%v, %v", secure, err)
	}
	ping, err := endpoint.Ping(t.Context())
	if err != nil || ping.Protocol != "v2" || !ping.Confirmed || ping.Raw == nil {
		t.Errorf("%+v, %v", ping, err)
	}
	endpoints[1].URL.Host = "a b"
	if _, err := service.NewEndpoint(endpoints[1]); err == nil {
		t.Error("a URL holds a blank")
	}
	if _, err := service.NewEndpoint(ocireg.APIEndpoint{Version: ocireg.APIVersion2}); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("no URL: %v", err)
	}
}

// Many goroutines use a service while it is reconfigured and closed.
func TestServiceConcurrently(t *testing.T) {
	for range 20 {
		service, err := ocireg.NewService(options())
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for i := range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				for range 20 {
					_, err := service.LookupPullEndpoints("docker.io")
					if i == 0 {
						err = errors.Join(err, service.LoadMirrors([]string{"https://mirror.example"}))
					}
					if err != nil && !errors.Is(err, fs.ErrClosed) {
						t.Error(err)
					}
				}
			}()
		}
		service.Close()
		group.Wait()
	}
}

func TestCredentialsInfo(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "config.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"auths": {"file.example": {"auth": "Ym9iOmJ1aWxkZXI="}}}`)
	environment := false
	service, err := ocireg.NewService(ocireg.ServiceOptions{
		Credentials:  map[string]ocireg.AuthConfig{"option.example/team": {Username: "alice", Password: "wonderland"}},
		DockerConfig: directory,
		Environment:  &environment,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	for host, want := range map[string]ocireg.CredentialsInfo{
		"option.example/team/app": {Username: "alice", Source: "credentials", Kind: "password"},
		"file.example":            {Username: "bob", Source: file, Kind: "password"},
		"option.example":          {Kind: "anonymous"},
	} {
		if got, err := service.Credentials(t.Context(), host); err != nil || *got != want {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	write("{")
	if _, err := service.Credentials(t.Context(), "file.example"); !errors.Is(err, ocireg.ErrCredentials) {
		t.Errorf("%v", err)
	}
}

func TestLogin(t *testing.T) {
	r := newRegistry(t)
	directory := t.TempDir()
	environment := false
	service, err := ocireg.NewService(ocireg.ServiceOptions{DockerConfig: directory, Environment: &environment})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	alice := ocireg.AuthConfig{Username: "alice", Password: "wonderland", ServerAddress: r.host}
	status, token, err := service.Auth(t.Context(), &alice, "go/1")
	if status != "Login Succeeded" || token != "" || err != nil {
		t.Errorf("%q, %q, %v", status, token, err)
	}
	kind := func() string {
		info, err := service.Credentials(t.Context(), r.host)
		if err != nil {
			t.Fatal(err)
		}
		return info.Kind
	}
	if kind() != "anonymous" {
		t.Error("Auth keeps credentials")
	}
	result, err := service.Login(t.Context(), alice, "")
	if err != nil || *result != (ocireg.LoginResult{Status: "Login Succeeded", Stored: "config.json"}) {
		t.Errorf("%+v, %v", result, err)
	}
	if kind() != "password" {
		t.Error("Login keeps nothing")
	}
	if err := service.Logout(t.Context(), r.host); err != nil || kind() != "anonymous" {
		t.Errorf("%v, %s", err, kind())
	}
	if _, err := service.Login(t.Context(), ocireg.AuthConfig{ServerAddress: r.host}, ""); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if err := service.Logout(t.Context(), "a b"); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}
