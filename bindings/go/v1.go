package ocireg

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// ImgData describes an image of a v1 index.
type ImgData struct {
	// ID is 64 lowercase hex digits.
	ID              string `json:"id"`
	Checksum        string `json:"checksum,omitempty"`
	ChecksumPayload string `json:"-"`
	Tag             string `json:",omitempty"`
}

// imageInput is ImgData in the library's form, which has the payload's checksum too.
type imageInput struct {
	ID              string `json:"id"`
	Checksum        string `json:"checksum,omitempty"`
	ChecksumPayload string `json:"checksum_payload,omitempty"`
	Tag             string `json:"Tag,omitempty"`
}

func (i *ImgData) input() *imageInput {
	if i == nil {
		return nil // The library says what it wants instead.
	}
	return &imageInput{i.ID, i.Checksum, i.ChecksumPayload, i.Tag}
}

// RepositoryData is what a v1 index knows of a repository.
type RepositoryData struct {
	// ImgList has the images by ID.
	ImgList map[string]*ImgData
	// Endpoints are the URLs of the registries that have the images, for the methods of [Session].
	Endpoints []string
}

// V1Endpoint is the endpoint of a v1 index or registry. It is safe for concurrent use by multiple goroutines. Changing
// its fields has no effect.
type V1Endpoint struct {
	// URL is the URL of the endpoint, without /v1/.
	URL *url.URL
	// IsSecure is true if certificates are verified.
	IsSecure bool

	c *capi.Endpoint
	// failure says why c is nil.
	failure error
	// tls returns the TLS configuration of the endpoint.
	tls tlsSource
}

// NewV1Endpoint is like [DefaultService.NewV1Endpoint], with a service with default options that the whole program
// shares.
func NewV1Endpoint(index *IndexInfo, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	service, err := sharedService()
	if err != nil {
		return nil, err
	}
	return service.NewV1Endpoint(context.Background(), index, userAgent, metaHeaders)
}

// NewV1Endpoint finds the endpoint of an index: it pings the index over https, and then over http if the index is
// insecure. The official index is not pinged. If userAgent is empty, the service's own is sent; metaHeaders are added
// to each request. Free the endpoint with Close.
func (s *DefaultService) NewV1Endpoint(ctx context.Context, index *IndexInfo, userAgent string,
	metaHeaders http.Header) (*V1Endpoint, error) {
	document, err := encode("index", index)
	if err != nil {
		return nil, err
	}
	headers, err := encodeHeaders(metaHeaders)
	if err != nil {
		return nil, err
	}
	c, err := under(ctx, func(c *capi.Context) (*capi.Endpoint, error) {
		return s.c.NewEndpointV1(c, document, optionalText(userAgent), headers)
	})
	if err != nil {
		return nil, err
	}
	name, secure := index.Name, index.Secure
	return newV1Endpoint(c, func(ctx context.Context) (*tls.Config, error) {
		if !secure {
			return &tls.Config{InsecureSkipVerify: true}, nil
		}
		return s.TLSConfigContext(ctx, name)
	})
}

// ToV1Endpoint returns the same endpoint for protocol v1. It is like [DefaultService.ToV1Endpoint] with the service
// that returned e, or else with a service with default options that the whole program shares. An error is returned when
// the endpoint is first used.
func (e APIEndpoint) ToV1Endpoint(userAgent string, metaHeaders http.Header) *V1Endpoint {
	service, err := e.service, error(nil)
	if service == nil {
		service, err = sharedService()
	}
	if err == nil {
		var endpoint *V1Endpoint
		if endpoint, err = service.ToV1Endpoint(e, userAgent, metaHeaders); err == nil {
			return endpoint
		}
	}
	failed := &V1Endpoint{failure: err, IsSecure: e.TLSConfig == nil || !e.TLSConfig.InsecureSkipVerify}
	if e.URL != nil {
		address := *e.URL
		failed.URL = &address
	}
	return failed
}

// ToV1Endpoint returns the same endpoint for protocol v1. It sends no request. If userAgent is empty, the service's own
// is sent; metaHeaders are added to each request. Free the endpoint with Close.
func (s *DefaultService) ToV1Endpoint(apiEndpoint APIEndpoint, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	document, err := encode("endpoint", apiEndpoint)
	if err != nil {
		return nil, err
	}
	headers, err := encodeHeaders(metaHeaders)
	if err != nil {
		return nil, err
	}
	found, err := s.c.NewEndpoint(document)
	if err != nil {
		return nil, newError(err)
	}
	defer found.Close()
	c, err := found.ToV1(optionalText(userAgent), headers)
	if err != nil {
		return nil, newError(err)
	}
	config, host := apiEndpoint.TLSConfig, apiEndpoint.URL.Host
	if config != nil {
		config = config.Clone()
	}
	return newV1Endpoint(c, func(ctx context.Context) (*tls.Config, error) {
		if config != nil {
			return config.Clone(), nil
		}
		return s.TLSConfigContext(ctx, host)
	})
}

// newV1Endpoint makes the endpoint of c.
func newV1Endpoint(c *capi.Endpoint, tls tlsSource) (*V1Endpoint, error) {
	text, err := c.ToString()
	var address *url.URL
	if err == nil {
		address, err = url.Parse(strings.TrimSuffix(text, "/v1/"))
	}
	var secure bool
	if err == nil {
		secure, err = c.IsSecure()
	}
	if err != nil {
		c.Close()
		return nil, newError(err)
	}
	return &V1Endpoint{URL: address, IsSecure: secure, c: c, tls: tls}, nil
}

// usable returns the error of an endpoint that cannot be used.
func (e *V1Endpoint) usable() error {
	switch {
	case e == nil || e.c == nil && e.failure == nil:
		return refusal("endpoint", "the endpoint is empty", "make it with NewV1Endpoint or ToV1Endpoint")
	case e.failure != nil:
		return e.failure
	}
	return nil
}

// Close frees the endpoint. Running calls, and what was created from the endpoint, keep working.
func (e *V1Endpoint) Close() error {
	if e.c != nil {
		e.c.Close()
	}
	return nil
}

// String returns the root URL of the endpoint, which ends in /v1/.
func (e *V1Endpoint) String() string { return e.Path("") }

// Path returns the URL of a path under the endpoint's root.
func (e *V1Endpoint) Path(path string) string {
	if e.URL == nil {
		return "/v1/" + path
	}
	return e.URL.String() + "/v1/" + path
}

// Ping asks the registry whether it speaks protocol v1, and whether it works without an index. The official index is
// not asked. If the response is not valid, the error is a [PingResponseError].
func (e *V1Endpoint) Ping() (PingResult, error) { return e.PingContext(context.Background()) }

// PingContext is like Ping, with a context.
func (e *V1Endpoint) PingContext(ctx context.Context) (PingResult, error) {
	if err := e.usable(); err != nil {
		return PingResult{}, err
	}
	return decode[PingResult](under(ctx, e.c.Ping))
}
