package ocireg_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// A network is a transport that answers requests for any host itself, and records their headers.
type network struct {
	mu      sync.Mutex
	answer  func(*http.Request) (status int, header http.Header)
	headers []http.Header
}

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.headers = append(n.headers, req.Header.Clone())
	status, header := 200, http.Header{}
	if n.answer != nil {
		status, header = n.answer(req)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("body")), Request: req}, nil
}

// last is the header of the last request.
func (n *network) last() http.Header { return n.headers[len(n.headers)-1] }

func request(t testing.TB, address string, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

func send(t testing.TB, client *http.Client, address string, header ...string) *http.Response {
	t.Helper()
	resp, err := client.Do(request(t, address, header...))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "body" {
		t.Errorf("%q, %v", text, err)
	}
	resp.Body.Close()
	return resp
}

func basicOf(user, password string) string {
	req := &http.Request{Header: http.Header{}}
	req.SetBasicAuth(user, password)
	return req.Header.Get("Authorization")
}

func TestAuthTransport(t *testing.T) {
	const index = "https://index.example/v1/"
	alice := &ocireg.AuthConfig{Username: "alice", Password: "wonderland"}
	n := &network{answer: func(req *http.Request) (int, http.Header) {
		if strings.HasSuffix(req.URL.Path, "/unasked") || req.Header.Get("X-Docker-Token") == "true" {
			return 200, http.Header{"X-Docker-Token": {req.URL.Query().Get("token"), "second"}}
		}
		return 200, http.Header{}
	}}
	client := ocireg.HTTPClient(ocireg.AuthTransport(n, alice, false))
	for _, step := range []struct {
		what, path, want string
		header           []string
	}{
		{"nothing is asked for", "a", "", nil},
		{"a token that nobody asked for", "unasked?token=bad", "", nil},
		{"it is not used", "a", "", nil},
		{"a token is asked for", "b?token=good", basicOf("alice", "wonderland"), []string{"X-Docker-Token", "true"}},
		{"it is used", "a", "Token good,second", nil},
		{"name and password again", "b?token=new", basicOf("alice", "wonderland"), []string{"X-Docker-Token", "true"}},
		{"the last one counts", "a", "Token new,second", nil},
		{"something else", "a", "Bearer x", []string{"Authorization", "Bearer x"}},
	} {
		resp := send(t, client, index+step.path, step.header...)
		if got := n.last().Get("Authorization"); got != step.want {
			t.Errorf("%s: %q", step.what, got)
		}
		if got := resp.Request.Header.Get("Authorization"); got != "" && got != "Bearer x" {
			t.Errorf("%s: the caller is shown %q", step.what, got)
		}
	}
	always := ocireg.HTTPClient(ocireg.AuthTransport(n, alice, true))
	send(t, always, index+"a", "Authorization", "Bearer x")
	if got := n.last().Get("Authorization"); got != basicOf("alice", "wonderland") {
		t.Error(got)
	}
	anonymous := ocireg.HTTPClient(ocireg.AuthTransport(n, nil, false))
	send(t, anonymous, index+"b?token=t", "X-Docker-Token", "true")
	send(t, anonymous, index+"a")
	if first, second := n.headers[len(n.headers)-2], n.last(); first.Get("Authorization") != "" ||
		second.Get("Authorization") != "Token t,second" {
		t.Errorf("%v, %v", first, second)
	}
}

// Credentials follow a redirect only if both ends are trusted, over https; other headers always do. CheckRedirect
// itself copies the headers, whoever calls it.
func TestCheckRedirect(t *testing.T) {
	check := ocireg.HTTPClient(nil).CheckRedirect
	for _, try := range []struct {
		from, to string
		want     []string
	}{
		{"https://docker.io", "https://docker.com", []string{"Authorization", "Content-Type"}},
		{"https://foo.docker.io:7777", "https://bar.docker.com", []string{"Authorization", "Content-Type"}},
		{"https://foo.docker.io", "https://example.com", []string{"Content-Type"}},
		{"http://foo.docker.io", "https://foo.docker.com", []string{"Content-Type"}},
	} {
		from, to := httptest.NewRequest("GET", try.from, nil), httptest.NewRequest("GET", try.to, nil)
		from.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"secret"}, "Proxy-Authorization": {"other"}}
		if err := check(to, []*http.Request{from}); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(to.Header)); !slices.Equal(got, try.want) {
			t.Errorf("%s to %s: %v, not %v", try.from, try.to, got, try.want)
		}
		to.Header["Content-Type"][0] = "changed"
		if from.Header.Get("Content-Type") != "application/json" {
			t.Error("both share their values")
		}
	}
	if err := check(httptest.NewRequest("GET", "https://a.example", nil), nil); err != nil {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	alice := &ocireg.AuthConfig{Username: "alice", Password: "wonderland"}
	for _, try := range []struct {
		from, to string
		trusted  bool
	}{
		{"https://index.docker.io/v1/a", "https://registry-1.docker.io/v1/b", true},
		{"https://docker.io/a", "https://auth.docker.com/b", true},
		{"https://index.docker.io/a", "http://index.docker.io/b", false},
		{"http://index.docker.io/a", "https://index.docker.io/b", false},
		{"https://index.docker.io/a", "https://cdn.example/b", false},
		{"https://index.docker.io/a", "https://evil-docker.io/b", false},
		{"https://index.docker.io/a", "https://docker.io.evil.example/b", false},
		{"https://private.example/a", "https://index.docker.io/b", false},
		{"https://private.example/a", "https://private.example/b", false},
	} {
		for _, always := range []bool{false, true} {
			n := &network{answer: func(req *http.Request) (int, http.Header) {
				if strings.HasSuffix(req.URL.Path, "a") {
					return http.StatusFound, http.Header{"Location": {try.to}}
				}
				return 200, http.Header{}
			}}
			client := ocireg.HTTPClient(ocireg.AuthTransport(n, alice, always))
			send(t, client, try.from, "X-Docker-Token", "true", "X-Meta", "one", "Cookie", "a=b")
			first, last := n.headers[0], n.last()
			if len(n.headers) != 2 || first.Get("Authorization") == "" || first.Get("Cookie") == "" || last.Get("X-Meta") != "one" {
				t.Errorf("%s: %v", try.from, n.headers)
			}
			if got := last.Get("Authorization") != "" && last.Get("Cookie") != ""; got != try.trusted {
				t.Errorf("%s to %s: %v", try.from, try.to, last)
			}
			if !try.trusted && (last.Get("Authorization") != "" || last.Get("Cookie") != "") {
				t.Errorf("%s to %s: %v", try.from, try.to, last)
			}
			// What a caller sets is treated likewise.
			n.headers = nil
			send(t, ocireg.HTTPClient(n), try.from, "Authorization", "Bearer x")
			if got := n.last().Get("Authorization") == "Bearer x"; got != try.trusted {
				t.Errorf("%s to %s: %v", try.from, try.to, n.last())
			}
		}
	}
	endless := &network{answer: func(req *http.Request) (int, http.Header) {
		return http.StatusFound, http.Header{"Location": {req.URL.String() + "x"}}
	}}
	if _, err := ocireg.HTTPClient(endless).Do(request(t, "https://a.example/")); err == nil || len(endless.headers) != 10 {
		t.Errorf("%v after %d", err, len(endless.headers))
	}
}

func TestCancelRequest(t *testing.T) {
	reached := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/body" {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
		}
		reached <- struct{}{}
		<-req.Context().Done()
	}))
	defer server.Close()
	transport := ocireg.AuthTransport(ocireg.NewTransport(nil), nil, false)
	canceler := transport.(interface{ CancelRequest(*http.Request) })
	for _, path := range []string{"/head", "/body"} {
		req := request(t, server.URL+path)
		go func() {
			<-reached
			time.Sleep(20 * time.Millisecond)
			canceler.CancelRequest(req)
		}()
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
	canceler.CancelRequest(request(t, server.URL)) // It is not under way.

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ocireg.HTTPClient(transport).Do(request(t, server.URL).WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestHeaders(t *testing.T) {
	meta := http.Header{"X-Meta": {"one", "two"}}
	modifiers := ocireg.Headers("docker/1.0", meta)
	meta.Set("X-Meta", "changed")
	n := &network{}
	client := ocireg.HTTPClient(ocireg.ModifyRequests(n, modifiers...))
	req := request(t, "https://a.example/", "User-Agent", "mine", "X-Meta", "zero")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := n.last(); !slices.Equal(got.Values("User-Agent"), []string{"docker/1.0"}) ||
		!slices.Equal(got.Values("X-Meta"), []string{"zero", "one", "two"}) {
		t.Errorf("%v", got)
	}
	if req.UserAgent() != "mine" || len(req.Header.Values("X-Meta")) != 1 {
		t.Errorf("the caller's request is changed: %v", req.Header)
	}
	if none := ocireg.Headers("", nil); len(none) != 0 {
		t.Errorf("%v", none)
	}
	// A modifier of another fails.
	closed := &closer{}
	failing := request(t, "https://a.example/")
	failing.Body = closed
	if _, err := ocireg.ModifyRequests(n, fails{}).RoundTrip(failing); err != errFails || !closed.yes {
		t.Errorf("%v, %v", err, closed.yes)
	}
	if last := len(n.headers); last != 1 {
		t.Errorf("%d requests", last)
	}
}

var errFails = errors.New("no")

type fails struct{}

func (fails) ModifyRequest(*http.Request) error { return errFails }

type closer struct{ yes bool }

func (c *closer) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closer) Close() error             { c.yes = true; return nil }

func TestNewTransport(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for what, config := range map[string]*tls.Config{
		"nil": nil, "empty": {}, "old": {MinVersion: tls.VersionTLS10}, "new": {MinVersion: tls.VersionTLS13},
	} {
		before := uint16(0)
		if config != nil {
			before = config.MinVersion
		}
		transport := ocireg.NewTransport(config)
		if got := transport.TLSClientConfig.MinVersion; got != max(before, tls.VersionTLS12) {
			t.Errorf("%s: %x", what, got)
		}
		if config != nil && config.MinVersion != before {
			t.Errorf("%s is changed", what)
		}
		if transport.Proxy == nil || transport.TLSHandshakeTimeout != 10*time.Second || transport.DisableKeepAlives {
			t.Errorf("%s: %+v", what, transport)
		}
		if _, err := ocireg.HTTPClient(transport).Get(server.URL); err == nil {
			t.Errorf("%s: any certificate will do", what)
		}
		transport.TLSClientConfig.InsecureSkipVerify = true
		send(t, ocireg.HTTPClient(transport), server.URL)
		transport.CloseIdleConnections()
	}
}

func TestStaticCredentialStore(t *testing.T) {
	somewhere := &url.URL{Host: "a.example"}
	store := ocireg.NewStaticCredentialStore(&ocireg.AuthConfig{Username: "alice", Password: "wonderland", IdentityToken: "t"})
	store.SetRefreshToken(somewhere, "service", "another")
	if user, password := store.Basic(somewhere); user != "alice" || password != "wonderland" {
		t.Error(user, password)
	}
	if token := store.RefreshToken(somewhere, "service"); token != "t" {
		t.Error(token)
	}
	none := ocireg.NewStaticCredentialStore(nil)
	if user, password := none.Basic(somewhere); user != "" || password != "" || none.RefreshToken(somewhere, "") != "" {
		t.Error("nobody is somebody")
	}
}

func TestPingV2Registry(t *testing.T) {
	for version, want := range map[string]bool{
		"registry/2.0": true, "other/1 Registry/2.0": true, "registry/2.1": false, "": false, "registry": false,
	} {
		n := &network{answer: func(req *http.Request) (int, http.Header) {
			if req.URL.String() != "https://a.example/p/v2/" {
				t.Errorf("%s is asked", req.URL)
			}
			return 200, http.Header{"Docker-Distribution-Api-Version": {"x", version}, "Www-Authenticate": {"Basic"}}
		}}
		manager, confirmed, err := ocireg.PingV2Registry(mustParseURL(t, "https://a.example/p/"), n)
		if err != nil || confirmed != want {
			t.Errorf("%q: %v, %v", version, confirmed, err)
			continue
		}
		if got, err := manager.GetChallenges(*mustParseURL(t, "https://a.example/p/v2/")); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
	_, _, err := ocireg.PingV2Registry(mustParseURL(t, "https://a.example"), ocireg.ModifyRequests(&network{}, fails{}))
	if !errors.Is(err, errFails) || errors.As(err, new(ocireg.PingResponseError)) {
		t.Errorf("%v", err)
	}
	nameless := ocireg.ModifyRequests(forgetful{})
	manager, _, err := ocireg.PingV2Registry(mustParseURL(t, "https://a.example"), nameless)
	if manager != nil || !errors.As(err, new(ocireg.PingResponseError)) {
		t.Errorf("%v", err)
	}
}

// forgetful does not say what it answers.
type forgetful struct{}

func (forgetful) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
}

func mustParseURL(t testing.TB, text string) *url.URL {
	t.Helper()
	address, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// challenged answers with 401 and these challenges.
func challenged(lines ...string) *network {
	return &network{answer: func(*http.Request) (int, http.Header) {
		return http.StatusUnauthorized, http.Header{"Www-Authenticate": slices.Clone(lines),
			"Docker-Distribution-Api-Version": {"registry/2.0"}}
	}}
}
