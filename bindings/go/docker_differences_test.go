//go:build cgo

package ocireg_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	registry "github.com/ocireg/ocireg/bindings/go"
	registrytypes "github.com/ocireg/ocireg/bindings/go"
	types "github.com/ocireg/ocireg/bindings/go"
)

// expectation is what a test of Docker's package expects: the first two cells of a row in the guide.
type expectation struct{ test, expects string }

// differences are the expectations of Docker's tests that do not hold here, on purpose. Each function checks that, and
// what holds instead.
var differences = map[expectation]func(*testing.T){
	{"TestEndpoint", "the error for a plain-HTTP index used as a secure one says `insecure-registry`"}: func(t *testing.T) {
		r := newDockerRegistry(t, false)
		_, err := dockerService(t, nil).NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: r.host, Secure: true}, "", nil)
		says(t, err, "add "+r.host+" to insecure-registries", "insecure-registry")
	},
	{"TestEndpoint", "the error for an untrusted certificate says `certificate signed by unknown authority`"}: func(t *testing.T) {
		r := newDockerRegistry(t, true)
		_, err := dockerService(t, nil).NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: r.host, Secure: true}, "", nil)
		says(t, err, `is signed by the CA "authority", which is not trusted`, "certificate signed by unknown authority")
	},
	{"every test with a session", "`NewSession` takes a client with a transport that is not made by this package"}: func(t *testing.T) {
		r := newDockerRegistry(t, false)
		endpoint, err := dockerService(t, nil).NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: r.host}, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer endpoint.Close()
		client := dockerClient(&types.AuthConfig{})
		if session, err := registry.NewSession(client, nil, endpoint); err != nil || session.Close() != nil {
			t.Error(err)
		}
		_, err = registry.NewSession(&http.Client{Transport: &network{}}, nil, endpoint)
		isRefused(t, err)
	},
	{"TestGetRepositoryData", "an index may name registries at any host"}: func(t *testing.T) {
		r := newDockerRegistry(t, false)
		r.listsEndpoints(r.host, "test.example.com")
		_, err := r.session(t, nil).GetRepositoryData(r.repository)
		says(t, err, "allow-v1-endpoints", "secret")
	},
	{"TestPushImageJSONRegistry", "what is not JSON can be pushed as the JSON of an image"}: func(t *testing.T) {
		r := newDockerRegistry(t, false)
		isRefused(t, r.session(t, nil).PushImageJSONRegistry(&registry.ImgData{ID: r.base}, []byte{0x42, 0xdf, 0x0}, r.root()))
		if sent := r.asked("PUT", ""); len(sent) > 0 {
			t.Errorf("%v", sent)
		}
	},
	{"TestPushImageLayerRegistry", "a layer can be pushed without the JSON of its image"}: func(t *testing.T) {
		r := newDockerRegistry(t, false)
		_, _, err := r.session(t, nil).PushImageLayerRegistry(r.image, strings.NewReader(""), r.root(), []byte{})
		isRefused(t, err)
		if sent := r.asked("PUT", ""); len(sent) > 0 {
			t.Errorf("%v", sent)
		}
	},
	{"TestValidateMirror", "a mirror has no path"}: func(t *testing.T) {
		for given, want := range map[string]string{
			"http://mirror.example/v1/":     "http://mirror.example/v1/",
			"https://harbor.example/proxy":  "https://harbor.example/proxy/",
			"https://harbor.example/proxy/": "https://harbor.example/proxy/",
		} {
			if got, err := registry.ValidateMirror(given); err != nil || got != want {
				t.Errorf("%s: %s, %v", given, got, err)
			}
		}
	},
	{"TestValidateMirror", "an empty fragment (`…/v1/#`) is refused"}: func(t *testing.T) {
		if got, err := registry.ValidateMirror("https://mirror.example/v1/#"); err != nil {
			t.Errorf("%s, %v", got, err)
		}
	},
	{"TestLoadInsecureRegistries", "errors say `insecure registry … is not valid: invalid host …`"}: func(t *testing.T) {
		err := dockerService(t, nil).LoadInsecureRegistries([]string{"mytest-.com"})
		says(t, err, "insecure-registries", "insecure registry mytest-.com is not valid")
	},
	{"TestLoadAllowNondistributableArtifacts", "errors say `should not contain '://'`"}: func(t *testing.T) {
		err := dockerService(t, nil).LoadAllowNondistributableArtifacts([]string{"https://mytest.com"})
		says(t, err, "allow-nondistributable-artifacts", "should not contain")
	},
	{"TestNewServiceConfig", "errors say `invalid mirror: unsupported scheme …`"}: func(t *testing.T) {
		o := options()
		o.Mirrors = []string{"example.com:5000"}
		_, err := registry.NewService(o)
		says(t, err, "registry-mirrors", "unsupported scheme")
	},
	{"TestValidateIndexNameWithError", "errors say `Cannot begin or end with a hyphen`"}: func(t *testing.T) {
		_, err := registry.ValidateIndexName("-example.com")
		says(t, err, "it begins or ends with a hyphen", "Cannot begin or end")
	},
}

// says checks that an error contains one string, and not the other.
func says(t *testing.T, err error, one, other string) {
	t.Helper()
	if text := fmt.Sprint(err); err == nil || !strings.Contains(text, one) || strings.Contains(text, other) {
		t.Errorf("%q does not say %q, or says %q", text, one, other)
	}
}

func isRefused(t *testing.T, err error) {
	t.Helper()
	if !isCode(err, registry.CodeInvalidArgument) {
		t.Errorf("%v", err)
	}
}

// The guide lists the differences, each with its reason, and no others.
func TestDockersTestsThatDiffer(t *testing.T) {
	listed := map[expectation]bool{}
	for _, row := range tableOf(t, "Docker's own tests") {
		if len(row) != 3 || len(row[2]) < 20 {
			t.Fatalf("%q", row)
		}
		listed[expectation{strings.Trim(row[0], "`"), row[1]}] = true
	}
	for difference, holds := range differences {
		if !listed[difference] {
			t.Errorf("the guide does not list %q", difference)
		}
		delete(listed, difference)
		t.Run(difference.test, holds)
	}
	for difference := range listed {
		t.Errorf("the guide lists %q, which nothing shows", difference)
	}
}
