//go:build cgo

package ocireg_test

// These tests check what the tests of Docker's registry package check; TestDockerEndpoint does what Docker's TestEndpoint
// does, and so on. For expectations that do not hold here on purpose, see docker_differences_test.go.

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	reference "github.com/ocireg/ocireg/bindings/go"
	registry "github.com/ocireg/ocireg/bindings/go"
	registrytypes "github.com/ocireg/ocireg/bindings/go"
	types "github.com/ocireg/ocireg/bindings/go"
)

// dockerService returns a service that resolves example.com to 42.42.42.42 and other.com to 43.43.43.43.
func dockerService(t testing.TB, change func(*registry.ServiceOptions)) *registry.DefaultService {
	t.Helper()
	o := options()
	o.Resolve = map[string][]string{"example.com": {"42.42.42.42"}, "other.com": {"43.43.43.43"},
		"localhost": {"127.0.0.1", "::1"}, "*": {}}
	if change != nil {
		change(&o)
	}
	service, err := registry.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

// dockerRegistry is a v1 registry whose ping does not say whether it is standalone. It has the repository demo/app with
// one image and its parent, tagged "latest" and "test".
type dockerRegistry struct {
	*registryV1
	repository  reference.Named
	image, base string
}

func newDockerRegistry(t testing.TB, secure bool) *dockerRegistry {
	t.Helper()
	r := &dockerRegistry{registryV1: newRegistryV1(t, secure), repository: mustParse(t, "demo/app")}
	base := newImageV1(t, "", 100)
	image := newImageV1(t, base.id, 154)
	r.image, r.base = image.id, base.id
	r.change(func() {
		r.tags["demo/app"] = map[string]string{"latest": image.id, "test": image.id}
		for _, made := range []madeV1{base, image} {
			r.images[made.id] = &imageV1{json: made.json, layer: made.tar}
			r.lists["demo/app"] = append(r.lists["demo/app"], listedV1{ID: made.id, Checksum: "tarsum+sha256:" + made.id, Tag: "latest"})
		}
		r.fault = func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/v1/_ping" {
				io.WriteString(w, "true")
				return true
			}
			return false
		}
	})
	return r
}

// names returns the forms in which the index may be named.
func (r *dockerRegistry) names() []string {
	return []string{r.server.URL + "/v1/", r.server.URL, r.host}
}

// dockerClient returns a client for a session that is made of the parts of this package, as in Docker's tests.
func dockerClient(auth *types.AuthConfig) *http.Client {
	transport := registry.AuthTransport(registry.NewTransport(nil), auth, false)
	return registry.HTTPClient(registry.ModifyRequests(transport, registry.Headers("docker test client", nil)...))
}

func (r *dockerRegistry) session(t testing.TB, change func(*registry.ServiceOptions)) *registry.Session {
	t.Helper()
	service := dockerService(t, change)
	endpoint, err := service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: r.root()}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endpoint.Close() })
	auth := &types.AuthConfig{}
	session, err := registry.NewSession(dockerClient(auth), auth, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func TestDockerPingRegistryEndpoint(t *testing.T) {
	plain, secure := newDockerRegistry(t, false), newDockerRegistry(t, true)
	service := dockerService(t, nil)
	for _, try := range []struct {
		index      *registrytypes.IndexInfo
		standalone bool
	}{
		{&registrytypes.IndexInfo{Name: plain.root()}, true},
		{&registrytypes.IndexInfo{Name: secure.root()}, true},
		{&registrytypes.IndexInfo{Name: registry.IndexServer, Secure: true, Official: true}, false},
	} {
		endpoint, err := service.NewV1Endpoint(t.Context(), try.index, "", nil)
		if err != nil {
			t.Errorf("%s: %v", try.index.Name, err)
			continue
		}
		defer endpoint.Close()
		if ping, err := endpoint.Ping(); err != nil || ping.Standalone != try.standalone {
			t.Errorf("%s: %+v, %v", try.index.Name, ping, err)
		}
	}
}

func TestDockerEndpoint(t *testing.T) {
	plain, secure := newDockerRegistry(t, false), newDockerRegistry(t, true)
	service := dockerService(t, nil)
	for _, r := range []*dockerRegistry{plain, secure} {
		for _, name := range r.names() {
			endpoint, err := service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: name}, "", nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			defer endpoint.Close()
			if endpoint.String() != r.root() {
				t.Errorf("%s is at %s", name, endpoint)
			}
			_, err = service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: name, Secure: true}, "", nil)
			if err == nil || r == plain && !strings.Contains(err.Error(), "insecure-registries") ||
				r == secure && !strings.Contains(err.Error(), "not trusted") {
				t.Errorf("%s as a secure index: %v", name, err)
			}
		}
	}
	for _, name := range []string{"http://127.0.0.1/v1/", "https://127.0.0.1/v1/", "http://127.0.0.1", "https://127.0.0.1", "127.0.0.1"} {
		if _, err := service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: name}, "", nil); err == nil {
			t.Errorf("%s: nobody listens there", name)
		}
	}
}

func TestDockerEndpointParse(t *testing.T) {
	r := newRegistryV1(t, true)
	r.change(func() {
		r.fault = func(w http.ResponseWriter, req *http.Request) bool {
			io.WriteString(w, "true")
			return strings.HasSuffix(req.URL.Path, "/v1/_ping")
		}
	})
	service := dockerService(t, nil)
	base := "https://" + r.host
	for name, want := range map[string]string{
		base + "/v1/": base + "/v1/", base: base + "/v1/", r.host: base + "/v1/",
		base + "/nonversion/": base + "/nonversion/v1/", base + "/v0/": base + "/v0/v1/", base + "/a/b/v1/": base + "/a/b/v1/",
	} {
		endpoint, err := service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: name}, "", nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer endpoint.Close()
		if endpoint.String() != want {
			t.Errorf("%s is %s", name, endpoint)
		}
	}
	if _, err := service.NewV1Endpoint(t.Context(), &registrytypes.IndexInfo{Name: base + "/v2/"}, "", nil); err == nil {
		t.Error("/v2/ is not an address of protocol v1")
	}
}

// A registry that answers the ping with 401 is a v1 registry.
func TestDockerValidateEndpoint(t *testing.T) {
	r := newRegistryV1(t, false)
	r.change(func() {
		r.fault = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", `Basic realm="localhost"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
	})
	endpoint, err := dockerService(t, nil).NewV1Endpoint(t.Context(), r.index(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	if endpoint.URL.Scheme != "http" {
		t.Error(endpoint)
	}
}

func TestDockerGetRemoteHistory(t *testing.T) {
	r := newDockerRegistry(t, false)
	history, err := r.session(t, nil).GetRemoteHistory(r.image, r.root())
	if err != nil || !slices.Equal(history, []string{r.image, r.base}) {
		t.Errorf("%v, %v", history, err)
	}
}

func TestDockerLookupRemoteImage(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	if err := session.LookupRemoteImage(r.image, r.root()); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"abcdef", noImage} {
		if err := session.LookupRemoteImage(id, r.root()); err == nil {
			t.Errorf("%s was found", id)
		}
	}
}

func TestDockerGetRemoteImageJSON(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	document, size, err := session.GetRemoteImageJSON(r.image, r.root())
	if image := r.registryV1.image(r.image); err != nil || size != int64(len(image.layer)) || string(document) != string(image.json) {
		t.Errorf("%s, %d, %v", document, size, err)
	}
	for _, id := range []string{"abcdef", noImage} {
		if _, _, err := session.GetRemoteImageJSON(id, r.root()); err == nil {
			t.Errorf("%s was found", id)
		}
	}
}

func TestDockerGetRemoteImageLayer(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	layer, err := session.GetRemoteImageLayer(r.image, r.root(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	if data, err := io.ReadAll(layer); err != nil || string(data) != string(r.registryV1.image(r.image).layer) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for _, id := range []string{"abcdef", noImage} {
		if layer, err := session.GetRemoteImageLayer(id, r.root(), 0); err == nil || layer != nil {
			t.Errorf("%s: %v, %v", id, layer, err)
		}
	}
}

func TestDockerGetRemoteTag(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	if id, err := session.GetRemoteTag([]string{r.root()}, r.repository, "test"); err != nil || id != r.image {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := session.GetRemoteTag([]string{r.root()}, mustParse(t, "demo/none"), "foo"); err != registry.ErrRepoNotFound {
		t.Errorf("%v", err)
	}
}

func TestDockerGetRemoteTags(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	tags, err := session.GetRemoteTags([]string{r.root()}, r.repository)
	if err != nil || len(tags) != 2 || tags["latest"] != r.image || tags["test"] != r.image {
		t.Errorf("%v, %v", tags, err)
	}
	if _, err := session.GetRemoteTags([]string{r.root()}, mustParse(t, "demo/none")); err != registry.ErrRepoNotFound {
		t.Errorf("%v", err)
	}
}

// listsEndpoints makes the index list registries, with unusual spaces between them.
func (r *dockerRegistry) listsEndpoints(hosts ...string) {
	r.change(func() {
		lists, _ := json.Marshal(r.lists["demo/app"])
		r.fault = func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.HasPrefix(req.URL.Path, "/v1/repositories/demo/app/images") {
				return false
			}
			w.Header().Set("X-Docker-Endpoints", strings.Join(hosts, " \t,  ")+" ")
			w.Write(lists)
			return true
		}
	})
}

func TestDockerGetRepositoryData(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, func(o *registry.ServiceOptions) { o.AllowV1Endpoints = []string{"test.example.com"} })
	r.listsEndpoints(r.host, "test.example.com")
	data, err := session.GetRepositoryData(r.repository)
	if err != nil || len(data.ImgList) != 2 || !slices.Equal(data.Endpoints, []string{r.root(), "http://test.example.com/v1/"}) {
		t.Errorf("%+v, %v", data, err)
	}
}

func TestDockerPushImageJSONRegistry(t *testing.T) {
	r := newDockerRegistry(t, false)
	data := &registry.ImgData{ID: r.base, Checksum: "sha256:" + noImage}
	document := []byte(`{"id": "` + r.base + `", "os": "plan9"}`)
	if err := r.session(t, nil).PushImageJSONRegistry(data, document, r.root()); err != nil {
		t.Error(err)
	}
	if got := r.registryV1.image(r.base).json; string(got) != string(document) {
		t.Errorf("%s", got)
	}
}

func TestDockerPushImageLayerRegistry(t *testing.T) {
	r := newDockerRegistry(t, false)
	document := []byte(`{"id": "` + r.image + `"}`)
	_, sum, err := r.session(t, nil).PushImageLayerRegistry(r.image, strings.NewReader(""), r.root(), document)
	if err != nil || !strings.HasPrefix(sum, "sha256:") {
		t.Errorf("%s, %v", sum, err)
	}
}

func TestDockerParseRepositoryInfo(t *testing.T) {
	for name, want := range map[string]struct{ index, path, familiar string }{
		"fooo/bar":          {"docker.io", "fooo/bar", "fooo/bar"},
		"library/ubuntu":    {"docker.io", "library/ubuntu", "ubuntu"},
		"nonlibrary/ubuntu": {"docker.io", "nonlibrary/ubuntu", "nonlibrary/ubuntu"},
		"ubuntu":            {"docker.io", "library/ubuntu", "ubuntu"},
		"other/library":     {"docker.io", "other/library", "other/library"},
		"ubuntu-12.04-base": {"docker.io", "library/ubuntu-12.04-base", "ubuntu-12.04-base"},

		"docker.io/public/moonbase":         {"docker.io", "public/moonbase", "public/moonbase"},
		"index.docker.io/public/moonbase":   {"docker.io", "public/moonbase", "public/moonbase"},
		"docker.io/ubuntu-12.04-base":       {"docker.io", "library/ubuntu-12.04-base", "ubuntu-12.04-base"},
		"index.docker.io/ubuntu-12.04-base": {"docker.io", "library/ubuntu-12.04-base", "ubuntu-12.04-base"},

		"127.0.0.1:8000/private/moonbase":   {"127.0.0.1:8000", "private/moonbase", ""},
		"127.0.0.1:8000/privatebase":        {"127.0.0.1:8000", "privatebase", ""},
		"localhost:8000/private/moonbase":   {"localhost:8000", "private/moonbase", ""},
		"localhost:8000/privatebase":        {"localhost:8000", "privatebase", ""},
		"localhost/private/moonbase":        {"localhost", "private/moonbase", ""},
		"localhost/privatebase":             {"localhost", "privatebase", ""},
		"example.com/private/moonbase":      {"example.com", "private/moonbase", ""},
		"example.com/privatebase":           {"example.com", "privatebase", ""},
		"example.com:8000/private/moonbase": {"example.com:8000", "private/moonbase", ""},
		"example.com:8000/privatebase":      {"example.com:8000", "privatebase", ""},
	} {
		official := want.index == registry.IndexName
		if !official {
			want.familiar = want.index + "/" + want.path
		}
		for _, ending := range []string{"", ":1.0"} {
			info, err := registry.ParseRepositoryInfo(mustParse(t, name+ending))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			named := info.Name.(interface {
				reference.Named
				Path() string
				FamiliarName() string
			})
			if info.Index.Name != want.index || info.Index.Official != official || named.Path() != want.path ||
				named.FamiliarName() != want.familiar || named.Name() != want.index+"/"+want.path ||
				info.Official != (official && !strings.Contains(want.familiar, "/")) {
				t.Errorf("%s: %+v, %+v", name, info, info.Index)
			}
		}
	}
}

func TestDockerNewIndexInfo(t *testing.T) {
	mirrors := []string{"http://mirror1.local", "http://mirror2.local"}
	const secure, insecure = true, false
	for _, try := range []struct {
		mirrors, insecure []string
		want              map[string]bool // whether it is secure
	}{
		{nil, nil, map[string]bool{"docker.io": secure, "index.docker.io": secure, "example.com": secure,
			"127.0.0.1:5000": insecure}},
		{mirrors, []string{"example.com"}, map[string]bool{"docker.io": secure, "index.docker.io": secure,
			"example.com": insecure, "example.com:5000": secure, "127.0.0.1": insecure, "127.0.0.1:5000": insecure,
			"other.com": secure}},
		{nil, []string{"42.42.0.0/16"}, map[string]bool{"example.com": insecure, "example.com:5000": insecure,
			"127.0.0.1": insecure, "127.0.0.1:5000": insecure, "other.com": secure}},
	} {
		service := dockerService(t, func(o *registry.ServiceOptions) {
			o.Mirrors, o.InsecureRegistries = try.mirrors, try.insecure
		})
		for host, secure := range try.want {
			info, err := service.ResolveRepository(mustParse(t, host+"/demo/app"))
			if err != nil {
				t.Errorf("%s: %v", host, err)
				continue
			}
			name, official, mirrors := host, false, 0
			if strings.HasSuffix(host, registry.IndexName) {
				name, official, mirrors = registry.IndexName, true, len(try.mirrors)
			}
			if index := info.Index; index.Name != name || index.Official != official || index.Secure != secure ||
				len(index.Mirrors) != mirrors {
				t.Errorf("%s with %v: %+v", host, try, index)
			}
		}
	}
}

func TestDockerMirrorEndpointLookup(t *testing.T) {
	service := dockerService(t, func(o *registry.ServiceOptions) { o.Mirrors = []string{"https://my.mirror"} })
	isMirror := func(e registry.APIEndpoint) bool { return e.URL.Host == "my.mirror" }
	push, err := service.LookupPushEndpoints("docker.io")
	if err != nil || slices.ContainsFunc(push, isMirror) {
		t.Errorf("%+v, %v", push, err)
	}
	pull, err := service.LookupPullEndpoints("docker.io")
	if err != nil || !slices.ContainsFunc(pull, isMirror) {
		t.Errorf("%+v, %v", pull, err)
	}
}

func TestDockerPushRegistryTag(t *testing.T) {
	r := newDockerRegistry(t, false)
	if err := r.session(t, nil).PushRegistryTag(r.repository, r.image, "stable", r.root()); err != nil {
		t.Fatal(err)
	}
	r.change(func() {
		if id := r.tags["demo/app"]["stable"]; id != r.image {
			t.Error(id)
		}
	})
}

func TestDockerPushImageJSONIndex(t *testing.T) {
	r := newDockerRegistry(t, false)
	session := r.session(t, nil)
	sum := "sha256:" + noImage
	r.change(func() { r.images[r.base].checksum, r.images[r.image].checksum = sum, sum })
	list := []*registry.ImgData{{ID: r.base, Checksum: sum}, {ID: r.image, Checksum: sum}}
	for _, validate := range []bool{false, true} {
		var registries []string
		if validate {
			registries = []string{r.root()}
		}
		if data, err := session.PushImageJSONIndex(r.repository, list, validate, registries); err != nil || data == nil {
			t.Errorf("%v: %v, %v", validate, data, err)
		}
	}
}

func TestDockerSearchRepositories(t *testing.T) {
	r := newDockerRegistry(t, false)
	results, err := r.session(t, nil).SearchRepositories("app", 25)
	if err != nil || results.NumResults != 1 || results.Query != "app" || results.Results[0].StarCount != 7 {
		t.Errorf("%+v, %v", results, err)
	}
}

// followed returns the headers of a redirected request.
func followed(t testing.TB, from, to string) http.Header {
	t.Helper()
	first, second := request(t, from, "Content-Type", "application/json", "Authorization", "secret"), request(t, to)
	if err := registry.HTTPClient(nil).CheckRedirect(second, []*http.Request{first}); err != nil {
		t.Fatal(err)
	}
	return second.Header
}

func TestDockerTrustedLocation(t *testing.T) {
	const trusted = "https://auth.docker.io"
	for address, want := range map[string]bool{
		"http://example.com": false, "https://example.com:7777": false, "http://docker.io": false,
		"http://test.docker.com": false, "https://fakedocker.com": false,
		"https://docker.io": true, "https://test.docker.com:80": true,
	} {
		for _, headers := range []http.Header{followed(t, trusted, address), followed(t, address, trusted)} {
			if got := headers.Get("Authorization") != ""; got != want {
				t.Errorf("%s: %v", address, headers)
			}
		}
	}
}

func TestDockerAddRequiredHeadersToRedirectedRequests(t *testing.T) {
	for _, try := range []struct {
		from, to string
		trusted  bool
	}{
		{"http://docker.io", "https://docker.com", false},
		{"https://foo.docker.io:7777", "http://bar.docker.com", false},
		{"https://foo.docker.io", "https://example.com", false},
		{"https://docker.io", "https://docker.com", true},
		{"https://foo.docker.io:7777", "https://bar.docker.com", true},
	} {
		headers := followed(t, try.from, try.to)
		want := http.Header{"Content-Type": {"application/json"}}
		if try.trusted {
			want["Authorization"] = []string{"secret"}
		}
		if len(headers) != len(want) || headers.Get("Content-Type") != want.Get("Content-Type") ||
			headers.Get("Authorization") != want.Get("Authorization") {
			t.Errorf("%s to %s: %v", try.from, try.to, headers)
		}
	}
}

// listed are hosts, and whether they match a list of registries.
var listed = []struct {
	host string
	list []string
	want bool
}{
	{"docker.io", nil, false},
	{"example.com", nil, false},
	{"example.com", []string{}, false},
	{"example.com", []string{"example.com"}, true},
	{"example.com", []string{"42.42.0.0/16"}, true},
	{"example.com:5000", []string{"42.42.0.0/16"}, true},
	{"example.com:5000", []string{"42.42.42.42/8"}, true},
	{"42.42.42.42:5000", []string{"42.1.1.1/8"}, true},
	{"127.0.0.1:5000", []string{"127.0.0.0/8"}, true},
	{"127.0.0.1:5000", []string{"127.0.0.1:5000"}, true},
	{"127.0.0.1:5000", []string{"example.com"}, false},
	{"127.0.0.1", []string{"example.com"}, false},
	{"127.0.0.1", nil, false},
	{"localhost:5000", []string{"localhost:5000"}, true},
	{"localhost:5000", nil, false},
	{"localhost", []string{"localhost:5000"}, false},
	{"localhost", []string{"example.com"}, false},
	{"localhost", nil, false},
	{"invalid.domain.com", []string{"42.42.0.0/16"}, false},
	{"invalid.domain.com", []string{"invalid.domain.com"}, true},
	{"invalid.domain.com:5000", []string{"invalid.domain.com"}, false},
	{"invalid.domain.com:5000", []string{"invalid.domain.com:5000"}, true},
}

func TestDockerAllowNondistributableArtifacts(t *testing.T) {
	for _, try := range listed {
		service := dockerService(t, func(o *registry.ServiceOptions) { o.AllowNondistributableArtifacts = try.list })
		endpoints, err := service.LookupPushEndpoints(try.host)
		if err != nil || len(endpoints) == 0 || endpoints[0].AllowNondistributableArtifacts != try.want {
			t.Errorf("%s with %v: %+v, %v", try.host, try.list, endpoints, err)
		}
	}
}

// Loopback hosts are always insecure.
func TestDockerIsSecureIndex(t *testing.T) {
	for _, try := range listed {
		service := dockerService(t, func(o *registry.ServiceOptions) { o.InsecureRegistries = try.list })
		want := try.want || strings.HasPrefix(try.host, "localhost") || strings.HasPrefix(try.host, "127.")
		insecure, err := service.IsInsecureRegistry(t.Context(), try.host)
		if err != nil || insecure != want {
			t.Errorf("%s with %v: %v, %v", try.host, try.list, insecure, err)
		}
	}
}

// notRegistries are entries that are not valid in a list of registries.
var notRegistries = []string{
	"svn://mytest.com", "-invalid-registry", "mytest-.com", "1200:0000:AB00:1234:0000:2552:7777:1313:8080",
	"mytest.com:500000", `"mytest.com"`, `"mytest.com:5000"`, "[fe80::]/64",
}

func TestDockerLoadAllowNondistributableArtifacts(t *testing.T) {
	service := dockerService(t, nil)
	for _, try := range []struct{ list, networks, hosts []string }{
		{[]string{"1.2.3.0/24"}, []string{"1.2.3.0/24"}, nil},
		{[]string{"2001:db8::/120"}, []string{"2001:db8::/120"}, nil},
		{[]string{"127.0.0.1"}, nil, []string{"127.0.0.1"}},
		{[]string{"127.0.0.1:8080"}, nil, []string{"127.0.0.1:8080"}},
		{[]string{"2001:db8::1"}, nil, []string{"2001:db8::1"}},
		{[]string{"[2001:db8::1]:80"}, nil, []string{"[2001:db8::1]:80"}},
		{[]string{"1.2.3.0/24", "2001:db8::/120", "127.0.0.1", "127.0.0.1:8080"},
			[]string{"1.2.3.0/24", "2001:db8::/120"}, []string{"127.0.0.1", "127.0.0.1:8080"}},
	} {
		if err := service.LoadAllowNondistributableArtifacts(try.list); err != nil {
			t.Errorf("%v: %v", try.list, err)
			continue
		}
		config := service.ServiceConfig()
		var networks []string
		for _, network := range config.AllowNondistributableArtifactsCIDRs {
			networks = append(networks, network.String())
		}
		hosts := config.AllowNondistributableArtifactsHostnames
		slices.Sort(networks)
		slices.Sort(hosts)
		if !slices.Equal(networks, try.networks) || !slices.Equal(hosts, try.hosts) {
			t.Errorf("%v: %v, %v", try.list, networks, hosts)
		}
	}
	for _, entry := range append(notRegistries, "http://mytest.com", "https://mytest.com", "HTTP://mytest.com") {
		err := service.LoadAllowNondistributableArtifacts([]string{entry})
		if err == nil || !strings.Contains(err.Error(), "allow-nondistributable-artifacts") || !strings.Contains(err.Error(), strings.Trim(entry, `"`)) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestDockerLoadInsecureRegistries(t *testing.T) {
	service := dockerService(t, nil)
	for entry, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.0.0.1:8080": "127.0.0.1:8080", "2001:db8::1": "2001:db8::1",
		"[2001:db8::1]:80": "[2001:db8::1]:80", "http://mytest.com": "mytest.com", "https://mytest.com": "mytest.com",
		"HTTP://mytest.com": "mytest.com",
	} {
		if err := service.LoadInsecureRegistries([]string{entry}); err != nil {
			t.Errorf("%s: %v", entry, err)
		} else if index := service.ServiceConfig().IndexConfigs[want]; index == nil || index.Secure {
			t.Errorf("%s: %+v", entry, service.ServiceConfig().IndexConfigs)
		}
	}
	for _, entry := range notRegistries {
		err := service.LoadInsecureRegistries([]string{entry})
		if err == nil || !strings.Contains(err.Error(), "insecure-registries") || !strings.Contains(err.Error(), strings.Trim(entry, `"`)) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestDockerNewServiceConfig(t *testing.T) {
	for what, try := range map[string]struct {
		options registry.ServiceOptions
		fails   string
	}{
		"nothing":             {registry.ServiceOptions{}, ""},
		"mirror":              {registry.ServiceOptions{Mirrors: []string{"http://example.com:5000"}}, ""},
		"insecure":            {registry.ServiceOptions{InsecureRegistries: []string{"102.10.8.1/24"}}, ""},
		"nondistributable":    {registry.ServiceOptions{AllowNondistributableArtifacts: []string{"102.10.8.1/24"}}, ""},
		"no mirror":           {registry.ServiceOptions{Mirrors: []string{"example.com:5000"}}, "example.com:5000"},
		"no insecure":         {registry.ServiceOptions{InsecureRegistries: []string{"[fe80::]/64"}}, "[fe80::]/64"},
		"no nondistributable": {registry.ServiceOptions{AllowNondistributableArtifacts: []string{"[fe80::]/64"}}, "[fe80::]/64"},
	} {
		o := options()
		o.Mirrors, o.InsecureRegistries = try.options.Mirrors, try.options.InsecureRegistries
		o.AllowNondistributableArtifacts = try.options.AllowNondistributableArtifacts
		service, err := registry.NewService(o)
		if err == nil {
			service.Close()
		}
		if (err == nil) != (try.fails == "") || err != nil && !strings.Contains(err.Error(), try.fails) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDockerValidateMirror(t *testing.T) {
	for _, scheme := range []string{"http://", "https://"} {
		for _, host := range []string{"mirror-1.com", "localhost", "localhost:5000", "127.0.0.1", "127.0.0.1:5000"} {
			for _, given := range []string{scheme + host, scheme + host + "/"} {
				if got, err := registry.ValidateMirror(given); err != nil || got != scheme+host+"/" {
					t.Errorf("%s: %s, %v", given, got, err)
				}
			}
		}
	}
	for _, given := range []string{
		"!invalid!://%as%", "ftp://mirror-1.com", "http://mirror-1.com/?q=foo",
		"http://mirror-1.com/v1/?q=foo", "http://mirror-1.com/v1/?q=foo#frag", "http://mirror-1.com?q=foo",
		"https://mirror-1.com#frag", "https://mirror-1.com/#frag", "http://foo:bar@mirror-1.com/",
		"https://mirror-1.com?q",
	} {
		if got, err := registry.ValidateMirror(given); err == nil || got != "" {
			t.Errorf("%s is %s", given, got)
		}
	}
}

func TestDockerValidateIndexName(t *testing.T) {
	for given, want := range map[string]string{
		"index.docker.io": "docker.io", "example.com": "example.com", "127.0.0.1:8080": "127.0.0.1:8080",
		"mytest-1.com": "mytest-1.com", "mirror-1.com/v1/?q=foo": "mirror-1.com/v1/?q=foo",
	} {
		if got, err := registry.ValidateIndexName(given); err != nil || got != want {
			t.Errorf("%s: %s, %v", given, got, err)
		}
	}
	for _, given := range []string{"docker.io-", "-example.com", "mirror-1.com/v1/?q=foo-"} {
		if _, err := registry.ValidateIndexName(given); err == nil || !strings.Contains(err.Error(), "hyphen") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// dockerAuths returns the same credentials for Docker Hub and for another index.
func dockerAuths() (map[string]types.AuthConfig, types.AuthConfig) {
	auth := types.AuthConfig{Username: "alice", Password: "wonderland", Email: "alice@example.com"}
	return map[string]types.AuthConfig{"testIndex": auth, registry.IndexServer: auth}, auth
}

func TestDockerResolveAuthConfigIndexServer(t *testing.T) {
	all, want := dockerAuths()
	if got := registry.ResolveAuthConfig(all, &registrytypes.IndexInfo{Official: true}); got != want {
		t.Errorf("%+v", got)
	}
	if got := registry.ResolveAuthConfig(all, &registrytypes.IndexInfo{}); got != (types.AuthConfig{}) {
		t.Errorf("%+v", got)
	}
}

func TestDockerResolveAuthConfigFullURL(t *testing.T) {
	for _, host := range []string{"registry.example.com", "localhost:8000", "registry.com"} {
		for _, key := range []string{"https://" + host + "/v1/", "http://" + host + "/v1/", host, host + "/v1/"} {
			all, _ := dockerAuths()
			index := &registrytypes.IndexInfo{Name: host}
			if got := registry.ResolveAuthConfig(all, index); got != (types.AuthConfig{}) {
				t.Errorf("%s: %+v", key, got)
			}
			all[key] = types.AuthConfig{Username: "bob", Password: "builder", Email: "bob@example.com"}
			if got := registry.ResolveAuthConfig(all, index); got != all[key] {
				t.Errorf("%s: %+v", key, got)
			}
		}
	}
}
