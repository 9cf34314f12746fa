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
}
