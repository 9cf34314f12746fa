package ocireg

import (
	"context"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Endpoint is one address of a registry, ready to be asked. Any number of goroutines may use it.
type Endpoint struct {
	c    *capi.Endpoint
	text string
}

// NewEndpoint makes an endpoint, usually of one that a lookup gave. It is ended by Close.
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

// Close ends the endpoint. Calls under way and what was made from the endpoint go on.
func (e *Endpoint) Close() error {
	e.c.Close()
	return nil
}

// String is the endpoint's URL.
func (e *Endpoint) String() string { return e.text }

// Path gives the URL of a path under the endpoint.
func (e *Endpoint) Path(path string) (string, error) {
	url, err := e.c.Path(path)
	return url, newError(err)
}

// IsSecure says whether certificates are verified.
func (e *Endpoint) IsSecure() (bool, error) {
	secure, err := e.c.IsSecure()
	return secure, newError(err)
}

// Ping asks the registry what it speaks, without credentials. An answer that makes no sense is a [PingResponseError].
func (e *Endpoint) Ping(ctx context.Context) (*PingResult, error) {
	return decodeNew[PingResult](under(ctx, e.c.Ping))
}
