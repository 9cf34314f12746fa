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

// What is here is for net/http. The library does not use it: it makes its own connections, by the same rules.

// dialer makes the connections of NewTransport.
var dialer = &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}

// dial is a function of its own so that it can be told from those of others.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dialer.DialContext(ctx, network, address)
}

// NewTransport makes a transport of net/http with the timeouts of Docker's, the proxies of the environment and TLS 1.2 at
// least. A nil tlsConfig is the usual one; another is copied.
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

// hidden keeps a value where no verb of package fmt looks.
type hidden[T any] func() T

func hide[T any](value T) hidden[T] { return func() T { return value } }

// headerModifier adds headers.
type headerModifier struct{ headers hidden[http.Header] }

// ModifyRequest adds the headers; of a User-Agent there is only one.
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

// Headers gives modifiers that add the User-Agent, if it is not empty, and the other headers, for [ModifyRequests].
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

// ModifyRequests gives a transport that sends, through base, what the modifiers make of a request. A nil base is
// [http.DefaultTransport].
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

// AuthTransport gives a transport that proves to one v1 index and its registries who the caller is. With
// alwaysSetBasicAuth, as a registry that stands alone wants it, each request has name and password. Otherwise they are
// given where a request asks for a token, by X-Docker-Token: true, and the tokens that come back prove it from then on. A
// request that has an Authorization keeps it. Redirects have no proof, but between addresses of docker.com and docker.io
// over https. A nil base is [http.DefaultTransport].
//
// The transport has a method CancelRequest, too; contexts do the same.
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

// CancelRequest ends a request that is under way, also while its body is read.
func (t *authTransport) CancelRequest(req *http.Request) {
	state := t.state()
	state.mu.Lock()
	cancel := state.cancel[req]
	state.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// watch makes a request one that CancelRequest can end, until cancel is nil.
func (s *authState) watch(req *http.Request, cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel == nil {
		delete(s.cancel, req)
	} else {
		s.cancel[req] = cancel
	}
}

// authorize adds what proves who the caller is, and says whether a token was asked for.
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

// endingBody tells when nobody will read more of it.
type endingBody struct {
	io.ReadCloser
	end func()
}

// Read reads.
func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

// Close closes.
func (b *endingBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

// isTrusted says whether proofs may follow a redirect from or to a request's address.
func isTrusted(req *http.Request) bool {
	if req == nil || req.URL.Scheme != "https" {
		return false
	}
	host := "." + strings.ToLower(req.URL.Hostname())
	return strings.HasSuffix(host, ".docker.com") || strings.HasSuffix(host, ".docker.io")
}

// HTTPClient makes a client whose redirected requests have the headers of the first one. Authorization and Cookie are
// repeated only between addresses of docker.com and docker.io over https.
func HTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

// checkRedirect gives a redirected request the headers of the first one: those that net/http has not repeated by itself,
// and of the proofs of who is asking only what may go there.
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

// A CredentialStore has the credentials for registries and token servers.
type CredentialStore interface {
	// Basic gives the user's name and password.
	Basic(*url.URL) (string, string)
	// RefreshToken gives the token that is exchanged for access tokens of a service.
	RefreshToken(*url.URL, string) string
	// SetRefreshToken keeps such a token.
	SetRefreshToken(realm *url.URL, service, token string)
}

type staticCredentials struct{ auth hidden[*AuthConfig] }

// NewStaticCredentialStore gives a store that has the same credentials for all, and keeps nothing.
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
