//go:build cgo

package ocireg_test

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func mustParse(t testing.TB, text string) *ocireg.Reference {
	t.Helper()
	reference, err := ocireg.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

func TestReference(t *testing.T) {
	r := mustParse(t, "busybox:1.36")
	for _, c := range []struct{ what, got, want string }{
		{"String", r.String(), "docker.io/library/busybox:1.36"},
		{"Familiar", r.Familiar(), "busybox:1.36"},
		{"Name", r.Name(), "docker.io/library/busybox"},
		{"FamiliarName", r.FamiliarName(), "busybox"},
		{"Domain", r.Domain(), "docker.io"},
		{"Path", r.Path(), "library/busybox"},
		{"Tag", r.Tag(), "1.36"},
		{"Digest", r.Digest(), ""},
		{"WithDefaultTag", mustParse(t, "busybox").WithDefaultTag(), "docker.io/library/busybox:latest"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, not %q", c.what, c.got, c.want)
		}
	}
	for _, text := range []string{"", "Busybox", "a b", "busybox:" + strings.Repeat("x", 129), "-x/y"} {
		_, err := ocireg.ParseReference(text)
		if !errors.Is(err, ocireg.ErrInvalidReference) || !errors.Is(err, ocireg.ErrInvalidRepositoryName) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTextThatCCannotHold(t *testing.T) {
	_, err := ocireg.ParseReference("busybox\x00evil")
	var e *ocireg.Error
	if !errors.As(err, &e) || e.Code != ocireg.CodeInvalidArgument || e.Argument != "reference" || e.Raw == nil {
		t.Errorf("NUL: %#v", err)
	}
	_, err = ocireg.ValidateIndexName("\xff")
	if !errors.As(err, &e) || e.Code != ocireg.CodeInvalidUTF8 || e.Name != "INVALID_UTF8" {
		t.Errorf("not UTF-8: %#v", err)
	}
	if host := ocireg.ConvertToHostname("\xff"); host != "" {
		t.Errorf("not UTF-8: %q", host)
	}
}

func TestRepositoryInfo(t *testing.T) {
	info, err := ocireg.ParseRepositoryInfo(mustParse(t, "busybox:1.36"))
	if err != nil {
		t.Fatal(err)
	}
	want := &ocireg.IndexInfo{Name: "docker.io", Mirrors: []string{}, Secure: true, Official: true}
	if info.Name.Name() != "docker.io/library/busybox" || !info.Official || !reflect.DeepEqual(info.Index, want) {
		t.Errorf("%+v, %+v", info, info.Index)
	}
	if _, err := ocireg.ParseRepositoryInfo(nil); !errors.Is(err, ocireg.ErrInvalidReference) {
		t.Errorf("nil name: %v", err)
	}
	index, err := ocireg.ParseSearchIndexInfo("localhost:5000/x")
	if err != nil || index.Name != "localhost:5000" || index.Secure {
		t.Errorf("%+v, %v", index, err)
	}
}

func TestAuthConfigs(t *testing.T) {
	official := &ocireg.IndexInfo{Name: "docker.io", Official: true, Secure: true}
	other := &ocireg.IndexInfo{Name: "registry.example:5000", Secure: true}
	if key := ocireg.GetAuthConfigKey(official); key != ocireg.IndexServer {
		t.Error(key)
	}
	if key := ocireg.GetAuthConfigKey(other); key != "registry.example:5000" {
		t.Error(key)
	}
	all := map[string]ocireg.AuthConfig{
		"https://registry.example:5000/v1/": {Username: "a", Password: "secret"},
		ocireg.IndexServer:                  {IdentityToken: "token"},
	}
	if got := ocireg.ResolveAuthConfig(all, official); got != all[ocireg.IndexServer] {
		t.Errorf("%+v", got)
	}
	if got := ocireg.ResolveAuthConfig(all, other); got.Username != "a" || got.Password != "secret" {
		t.Errorf("%+v", got)
	}
	if got := ocireg.ResolveAuthConfig(nil, other); got != (ocireg.AuthConfig{}) {
		t.Errorf("%+v", got)
	}
}

func TestChallenges(t *testing.T) {
	got, err := ocireg.ParseChallenges([]string{`Bearer realm="https://auth.example/token",service="s"`, "Basic realm=x"})
	want := []ocireg.Challenge{
		{Scheme: "bearer", Parameters: map[string]string{"realm": "https://auth.example/token", "service": "s"}},
		{Scheme: "basic", Parameters: map[string]string{"realm": "x"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ocireg.ParseChallenges(nil); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestChallengesOfAPing(t *testing.T) {
	n := challenged(`Bearer realm="https://auth.example/token",service="s"`, `Basic realm="r"`)
	manager, confirmed, err := ocireg.PingV2Registry(mustParseURL(t, "https://A.example"), n)
	if err != nil || !confirmed {
		t.Fatalf("%v, %v", confirmed, err)
	}
	for _, same := range []string{"https://a.example/v2/", "HTTPS://a.EXAMPLE:443/v2/"} {
		got, err := manager.GetChallenges(*mustParseURL(t, same))
		if err != nil || len(got) != 2 || got[0].Scheme != "bearer" || got[0].Parameters["service"] != "s" || got[1].Scheme != "basic" {
			t.Errorf("%s: %+v, %v", same, got, err)
		}
	}
	for _, other := range []string{"https://a.example/", "http://a.example/v2/", "https://a.example:444/v2/"} {
		if got, err := manager.GetChallenges(*mustParseURL(t, other)); err != nil || len(got) != 0 {
			t.Errorf("%s: %+v, %v", other, got, err)
		}
	}
	resp, err := n.RoundTrip(request(t, "https://b.example/v2/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.AddResponse(resp); err != nil {
		t.Error(err)
	}
	if got, _ := manager.GetChallenges(*mustParseURL(t, "https://b.example/v2/")); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestCertsDirectory(t *testing.T) {
	if ocireg.CertsDir == "" {
		t.Error("no CertsDir")
	}
	directory := t.TempDir()
	authority, client, key := filepath.Join(directory, "ca.crt"), filepath.Join(directory, "client.cert"),
		filepath.Join(directory, "client.key")
	writePair(t, authority, filepath.Join(directory, "unused"))
	writePair(t, client, key)
	settings, err := ocireg.CertsDirectory(directory)
	want := []ocireg.CertificateFiles{{Cert: client, Key: key}}
	if err != nil || !reflect.DeepEqual(settings.RootCAs, []string{authority}) ||
		!reflect.DeepEqual(settings.Certificates, want) {
		t.Fatalf("%+v, %v", settings, err)
	}
	config := &tls.Config{ServerName: "kept"}
	if err := ocireg.ReadCertsDirectory(config, directory); err != nil {
		t.Fatal(err)
	}
	if config.RootCAs == nil || len(config.Certificates) != 1 || config.ServerName != "kept" ||
		config.MinVersion != tls.VersionTLS12 {
		t.Errorf("%+v", config)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := ocireg.ReadCertsDirectory(config, directory); !errors.Is(err, ocireg.ErrInvalidConfig) &&
		!errors.Is(err, ocireg.ErrCertificate) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a certificate without key: %v", err)
	}
}

func TestEndpointKeepsItsText(t *testing.T) {
	o := options()
	o.Mirrors = []string{"HTTPS://Mirror.example/p/"}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	endpoints, err := service.LookupPullEndpoints("docker.io")
	if err != nil {
		t.Fatal(err)
	}
	mirror := endpoints[0]
	if mirror.URL.Host != "Mirror.example" || mirror.Version != ocireg.APIVersion2 {
		t.Errorf("%+v", mirror)
	}
	for host, want := range map[string]string{"Mirror.example": "HTTPS://Mirror.example/p/", "other.example": "https://other.example/p/"} {
		mirror.URL.Host = host
		endpoint, err := service.NewEndpoint(mirror)
		if err != nil {
			t.Fatal(err)
		}
		defer endpoint.Close()
		if text := endpoint.String(); !strings.HasPrefix(text, want) {
			t.Errorf("%s is not %s", text, want)
		}
	}
}

func TestValidate(t *testing.T) {
	if name, err := ocireg.ValidateIndexName("index.docker.io"); err != nil || name != "docker.io" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := ocireg.ValidateIndexName("-bad"); err == nil {
		t.Error("-bad is a name")
	}
	if url, err := ocireg.ValidateMirror("https://mirror.example"); err != nil || url != "https://mirror.example/" {
		t.Errorf("%q, %v", url, err)
	}
	_, err := ocireg.ValidateMirror("https://user:hunter2@mirror.example")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret: %v", err)
	}
	if host := ocireg.ConvertToHostname("https://registry.example:5000/v1/"); host != "registry.example:5000" {
		t.Error(host)
	}
}
