package ocireg

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// pingTimeout is how long PingV2Registry waits.
const pingTimeout = 15 * time.Second

// A ChallengeManager holds the authentication challenges of registries.
type ChallengeManager interface {
	// GetChallenges returns the challenges for a URL.
	GetChallenges(endpoint url.URL) ([]Challenge, error)
	// AddResponse stores the challenges of a response for the URL of its request. Only responses with status 401 have
	// challenges.
	AddResponse(resp *http.Response) error
}

type challenges struct {
	mu sync.Mutex
	of map[string][]Challenge
}

// placeOf returns the same string for equivalent URLs.
func placeOf(address url.URL) string {
	scheme, host := strings.ToLower(address.Scheme), strings.ToLower(address.Host)
	if address.Port() == "" {
		switch scheme {
		case "http":
			host = strings.TrimSuffix(host, ":") + ":80"
		case "https":
			host = strings.TrimSuffix(host, ":") + ":443"
		}
	}
	// The path of what JoinPath makes may begin without a slash.
	return scheme + "://" + host + "/" + strings.TrimPrefix(address.EscapedPath(), "/")
}

func (c *challenges) GetChallenges(endpoint url.URL) ([]Challenge, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[placeOf(endpoint)], nil
}

func (c *challenges) AddResponse(resp *http.Response) error {
	if resp.Request == nil {
		return errors.New("the response has no Request")
	}
	var found []Challenge
	if lines := resp.Header.Values("WWW-Authenticate"); resp.StatusCode == http.StatusUnauthorized && len(lines) > 0 {
		var err error
		if found, err = ParseChallenges(lines); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[placeOf(*resp.Request.URL)] = found
	return nil
}

// PingV2Registry asks, through a transport of net/http, whether the registry at a URL speaks protocol v2. It returns
// the authentication challenges, and true if the response names protocol v2 in its version header. If the response
// is not valid, the error is a [PingResponseError].
func PingV2Registry(endpoint *url.URL, transport http.RoundTripper) (ChallengeManager, bool, error) {
	return PingV2RegistryContext(context.Background(), endpoint, transport)
}

// PingV2RegistryContext is like PingV2Registry, with a context.
func PingV2RegistryContext(ctx context.Context, endpoint *url.URL, transport http.RoundTripper) (ChallengeManager, bool, error) {
	address := strings.TrimRight(endpoint.String(), "/") + "/v2/"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, false, err
	}
	client := &http.Client{Transport: transport, Timeout: pingTimeout}
	resp, err := client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	// So that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	manager := &challenges{of: map[string][]Challenge{}}
	confirmed := namesV2(resp.Header.Values(DefaultRegistryVersionHeader))
	if err := manager.AddResponse(resp); err != nil {
		return nil, confirmed, PingResponseError{err}
	}
	return manager, confirmed, nil
}

// namesV2 reports whether one of the versions in the header is registry/2.0.
func namesV2(lines []string) bool {
	for _, line := range lines {
		for _, version := range strings.Fields(line) {
			kind, number, _ := strings.Cut(version, "/")
			if strings.EqualFold(kind, "registry") && number == "2.0" {
				return true
			}
		}
	}
	return false
}
