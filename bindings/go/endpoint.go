package ocireg

import (
	"context"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Endpoint is an endpoint of a registry that can be used. It is safe for concurrent use by multiple goroutines.
type Endpoint struct {
	c    *capi.Endpoint
	text string
}

// NewEndpoint creates an endpoint, usually from one that a lookup returned. Free it with Close.
func (s *DefaultService) NewEndpoint(apiEndpoint APIEndpoint) (*Endpoint, error) {
	document, err := encode("endpoint", apiEndpoint)
	if err != nil {
		return nil, err
	}
	c, err := s.c.NewEndpoint(document)
	if err != nil {
		return nil, newError(err)
	}
	text, err := c.ToString()
	if err != nil {
		c.Close()
		return nil, newError(err)
	}
	return &Endpoint{c, text}, nil
}

// Close frees the endpoint. Running calls, and what was created from the endpoint, keep working.
func (e *Endpoint) Close() error {
	e.c.Close()
	return nil
}

// String returns the endpoint's URL.
func (e *Endpoint) String() string { return e.text }

// Path returns the URL of a path under the endpoint.
func (e *Endpoint) Path(path string) (string, error) {
	url, err := e.c.Path(path)
	return url, newError(err)
}

// IsSecure reports whether certificates are verified.
func (e *Endpoint) IsSecure() (bool, error) {
	secure, err := e.c.IsSecure()
	return secure, newError(err)
}

// Ping asks the registry which protocol it speaks, without credentials. If the response is not valid, the error is a
// [PingResponseError].
func (e *Endpoint) Ping(ctx context.Context) (*PingResult, error) {
	return decodeNew[PingResult](under(ctx, e.c.Ping))
}
