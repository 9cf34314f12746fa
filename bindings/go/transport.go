package ocireg

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file is for programs that use net/http themselves. The library makes its own connections, by the same rules.

// dialer makes the connections of NewTransport.
var dialer = &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}

// dial is a named function so that changedField can recognize it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dialer.DialContext(ctx, network, address)
}

// NewTransport returns a transport for net/http with the timeouts of Docker's, the proxies of the environment, and at
// least TLS 1.2. It copies tlsConfig; nil is the default configuration.
func NewTransport(tlsConfig *tls.Config) *http.Transport {
	if tlsConfig == nil {
		tlsConfig = &tls.Config{}
	}
	tlsConfig = tlsConfig.Clone()
	tlsConfig.MinVersion = lowestVersion(tlsConfig)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dial,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		TLSClientConfig:     tlsConfig,
	}
}

// A RequestModifier changes a request before it is sent.
type RequestModifier interface {
	ModifyRequest(*http.Request) error
}

// hidden holds a value that package fmt does not print.
type hidden[T any] func() T

func hide[T any](value T) hidden[T] { return func() T { return value } }

// headerModifier adds headers.
type headerModifier struct{ headers hidden[http.Header] }

// ModifyRequest adds the headers. It replaces a User-Agent.
func (m *headerModifier) ModifyRequest(req *http.Request) error {
	for name, values := range m.headers() {
		if http.CanonicalHeaderKey(name) == "User-Agent" {
			req.Header.Del(name)
		}
		for _, value := range values {
			req.Header.Add(name, value)
		}
	}
	return nil
}

// Headers returns modifiers for [ModifyRequests] that set the User-Agent, unless it is empty, and add the other
// headers.
func Headers(userAgent string, metaHeaders http.Header) []RequestModifier {
	var modifiers []RequestModifier
	if userAgent != "" {
		modifiers = append(modifiers, &headerModifier{hide(http.Header{"User-Agent": {userAgent}})})
	}
	if metaHeaders != nil {
		modifiers = append(modifiers, &headerModifier{hide(metaHeaders.Clone())})
	}
	return modifiers
}

type modifyingTransport struct {
	base      http.RoundTripper
	modifiers []RequestModifier
}

// ModifyRequests returns a transport that applies the modifiers to each request and sends it through base. If base is
// nil, it is [http.DefaultTransport].
func ModifyRequests(base http.RoundTripper, modifiers ...RequestModifier) http.RoundTripper {
	return &modifyingTransport{base, modifiers}
}

func orDefault(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		return http.DefaultTransport
	}
	return base
}

// RoundTrip implements [http.RoundTripper].
func (t *modifyingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	for _, modifier := range t.modifiers {
		if err := modifier.ModifyRequest(sent); err != nil {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, err
		}
	}
	return orDefault(t.base).RoundTrip(sent)
}

type authTransport struct {
	base  http.RoundTripper
	state hidden[*authState]
}

type authState struct {
	auth   *AuthConfig // nil has nothing.
	always bool

	mu     sync.Mutex
	tokens []string
	cancel map[*http.Request]context.CancelFunc
}

// AuthTransport returns a transport that authenticates to one v1 index and its registries. With alwaysSetBasicAuth,
// which is for standalone registries, it sends the user name and password with each request. Otherwise it sends them
// only with requests that ask for a token, by X-Docker-Token: true, and authenticates the following requests with the
// tokens that it received. A request that already has an Authorization header keeps it. Redirected requests are
// authenticated only between hosts of docker.com and docker.io, over https. If base is nil, it is
// [http.DefaultTransport].
//
// The transport also has a CancelRequest method; canceling the context of a request does the same.
func AuthTransport(base http.RoundTripper, authConfig *AuthConfig, alwaysSetBasicAuth bool) http.RoundTripper {
	return &authTransport{base, hide(&authState{auth: authConfig, always: alwaysSetBasicAuth,
		cancel: map[*http.Request]context.CancelFunc{}})}
}

// RoundTrip implements [http.RoundTripper].
func (t *authTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	state := t.state()
	ctx, cancel := context.WithCancel(req.Context())
	sent := req.Clone(ctx)
	asks := state.authorize(sent)
	state.watch(req, cancel)
	end := func() {
		state.watch(req, nil)
		cancel()
	}
	response, err := orDefault(t.base).RoundTrip(sent)
	if err != nil {
		end()
		return nil, err
	}
	if tokens := response.Header.Values("X-Docker-Token"); asks && len(tokens) > 0 {
		state.mu.Lock()
		state.tokens = tokens
		state.mu.Unlock()
	}
	response.Request = req // The one that was sent holds a secret that its caller did not have.
	response.Body = &endingBody{response.Body, end}
	return response, nil
}

// CancelRequest cancels a running request, even while its body is being read.
func (t *authTransport) CancelRequest(req *http.Request) {
	state := t.state()
	state.mu.Lock()
	cancel := state.cancel[req]
	state.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// watch registers a request for CancelRequest, or unregisters it if cancel is nil.
func (s *authState) watch(req *http.Request, cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel == nil {
		delete(s.cancel, req)
	} else {
		s.cancel[req] = cancel
	}
}

// authorize adds the Authorization header, and reports whether the request asks for a token.
func (s *authState) authorize(req *http.Request) (asks bool) {
	if req.Response != nil && !(isTrusted(req) && isTrusted(req.Response.Request)) {
		return false // A redirect to who knows where.
	}
	auth := s.auth
	if auth == nil {
		auth = &AuthConfig{}
	}
	if s.always {
		req.SetBasicAuth(auth.Username, auth.Password)
		return false
	}
	asks = req.Header.Get("X-Docker-Token") == "true"
	if req.Header.Get("Authorization") != "" {
		return asks
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if asks && auth.Username != "" {
		req.SetBasicAuth(auth.Username, auth.Password)
	} else if len(s.tokens) > 0 {
		req.Header.Set("Authorization", "Token "+strings.Join(s.tokens, ","))
	}
	return asks
}

// endingBody is a body that calls a function when it has been read or closed.
type endingBody struct {
	io.ReadCloser
	end func()
}

// Read implements [io.Reader].
func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

// Close implements [io.Closer].
func (b *endingBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

// isTrusted reports whether credentials may follow a redirect from or to the URL of a request.
func isTrusted(req *http.Request) bool {
	if req == nil || req.URL.Scheme != "https" {
		return false
	}
	host := "." + strings.ToLower(req.URL.Hostname())
	return strings.HasSuffix(host, ".docker.com") || strings.HasSuffix(host, ".docker.io")
}

// HTTPClient returns a client that sends the headers of the first request with redirected requests, too. It sends
// Authorization and Cookie only between hosts of docker.com and docker.io, over https.
func HTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

// checkRedirect copies the headers of the first request to a redirected one: those that net/http has not copied itself,
// and of the credentials only what may go there.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) == 0 {
		return nil
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	trusted := isTrusted(req)
	for _, before := range via {
		trusted = trusted && isTrusted(before)
	}
	for name, values := range via[0].Header {
		switch name {
		case "Authorization", "Cookie":
			if req.Header.Del(name); !trusted {
				continue
			}
		case "Proxy-Authorization", "Www-Authenticate", "Cookie2":
			continue
		}
		if _, ok := req.Header[name]; !ok {
			req.Header[name] = slices.Clone(values)
		}
	}
	if _, ok := via[0].Header["Cookie"]; !ok { // Not one that a jar would add for an address that is not trusted.
		req.Header.Del("Cookie")
	}
	if _, ok := via[0].Header["Authorization"]; !ok {
		req.Header.Del("Authorization")
	}
	return nil
}

// A CredentialStore provides the credentials for registries and token servers.
type CredentialStore interface {
	// Basic returns the user name and password.
	Basic(*url.URL) (string, string)
	// RefreshToken returns the token that is exchanged for access tokens of a service.
	RefreshToken(*url.URL, string) string
	// SetRefreshToken stores such a token.
	SetRefreshToken(realm *url.URL, service, token string)
}

type staticCredentials struct{ auth hidden[*AuthConfig] }

// NewStaticCredentialStore returns a store that has the same credentials for every URL, and stores no tokens.
func NewStaticCredentialStore(auth *AuthConfig) CredentialStore { return staticCredentials{hide(auth)} }

// Basic implements [CredentialStore].
func (s staticCredentials) Basic(*url.URL) (string, string) {
	if auth := s.auth(); auth != nil {
		return auth.Username, auth.Password
	}
	return "", ""
}

// RefreshToken implements [CredentialStore].
func (s staticCredentials) RefreshToken(*url.URL, string) string {
	if auth := s.auth(); auth != nil {
		return auth.IdentityToken
	}
	return ""
}

// SetRefreshToken implements [CredentialStore].
func (staticCredentials) SetRefreshToken(*url.URL, string, string) {}
