//go:build !cgo

package ocireg_test

import (
	"errors"
	"strings"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func TestWithoutCgo(t *testing.T) {
	_, err := ocireg.NewService(ocireg.ServiceOptions{})
	if !errors.Is(err, ocireg.ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("%v", err)
	}
	if _, err := ocireg.VersionInfo(); !errors.Is(err, ocireg.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if ocireg.CertsDir != "/etc/docker/certs.d" || ocireg.ConvertToHostname("x") != "" {
		t.Error("what has no error has no value either")
	}
	_, err = ocireg.NewV1Endpoint(&ocireg.IndexInfo{Name: "a.example"}, "", nil)
	endpoint := ocireg.APIEndpoint{URL: mustParseURL(t, "https://a.example")}.ToV1Endpoint("", nil)
	_, pingErr := endpoint.Ping()
	_, sessionErr := ocireg.NewSession(nil, nil, endpoint)
	_, _, challengeErr := ocireg.PingV2Registry(endpoint.URL, challenged("Basic"))
	for _, err := range []error{err, pingErr, sessionErr, challengeErr} {
		if !errors.Is(err, ocireg.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	}
	if endpoint.String() != "https://a.example/v1/" {
		t.Error(endpoint)
	}
}
