package ocireg

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// ImgData is what an index of protocol v1 knows of one image.
type ImgData struct {
	// ID is 64 lower-case hex digits.
	ID              string `json:"id"`
	Checksum        string `json:"checksum,omitempty"`
	ChecksumPayload string `json:"-"`
	Tag             string `json:",omitempty"`
}

// imageInput is ImgData as the library takes it, which needs the payload's checksum too.
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

// RepositoryData is what an index of protocol v1 knows of a repository.
type RepositoryData struct {
	// ImgList holds the images by id.
	ImgList map[string]*ImgData
	// Endpoints are the roots of the registries that have them, which the methods of [Session] take.
	Endpoints []string
}

// V1Endpoint is a v1 index or registry. Any number of goroutines may use it; nothing is changed by a change of its fields.
type V1Endpoint struct {
	// URL is the address without v1.
	URL *url.URL
	// IsSecure says whether certificates are verified.
	IsSecure bool

	c *capi.Endpoint
	// failure is why there is no c.
	failure error
	// tls is how TLS is spoken with it.
	tls tlsSource
}

// NewV1Endpoint is [DefaultService.NewV1Endpoint] of a service with default options that the whole program shares.
func NewV1Endpoint(index *IndexInfo, userAgent string, metaHeaders http.Header) (*V1Endpoint, error) {
	service, err := sharedService()
	if err != nil {
		return nil, err
	}
	return service.NewV1Endpoint(context.Background(), index, userAgent, metaHeaders)
}

// NewV1Endpoint finds the endpoint of an index: asks it by https, and by http after that where the index is not secure.
// The official index is not asked. An empty userAgent is the service's own; metaHeaders are added to each request. The
// endpoint is ended by Close.
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

// ToV1Endpoint gives the same place by protocol v1, as [DefaultService.ToV1Endpoint] does with the service that found it,
// else with one of default options that the whole program shares. A failure is kept until the endpoint is used.
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

// ToV1Endpoint gives the same place by protocol v1, and asks nobody. An empty userAgent is the service's own; metaHeaders
// are added to each request. The endpoint is ended by Close.
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

// newV1Endpoint is the endpoint of c.
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

// usable says why nobody can be asked, if that is so.
func (e *V1Endpoint) usable() error {
	switch {
	case e == nil || e.c == nil && e.failure == nil:
		return refusal("endpoint", "the endpoint is empty", "make it with NewV1Endpoint or ToV1Endpoint")
	case e.failure != nil:
		return e.failure
	}
	return nil
}

// Close ends the endpoint. Calls under way and what was made from the endpoint go on.
func (e *V1Endpoint) Close() error {
	if e.c != nil {
		e.c.Close()
	}
	return nil
}

// String is the root of the endpoint, which ends in /v1/.
func (e *V1Endpoint) String() string { return e.Path("") }

// Path gives the URL of a path under the endpoint's root.
func (e *V1Endpoint) Path(path string) string {
	if e.URL == nil {
		return "/v1/" + path
	}
	return e.URL.String() + "/v1/" + path
}

// Ping asks whether somebody is there, and whether it needs no index. The official index is not asked. An answer that
// makes no sense is a [PingResponseError].
func (e *V1Endpoint) Ping() (PingResult, error) { return e.PingContext(context.Background()) }

// PingContext is Ping under ctx.
func (e *V1Endpoint) PingContext(ctx context.Context) (PingResult, error) {
	if err := e.usable(); err != nil {
		return PingResult{}, err
	}
	return decode[PingResult](under(ctx, e.c.Ping))
}
