//go:build cgo

package ocireg_test

import (
	"slices"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func TestVersion(t *testing.T) {
	info, err := ocireg.VersionInfo()
	if err != nil || info.Version != ocireg.Version() || info.Version == "" || !slices.Contains(info.Protocols, "v2") ||
		info.Raw == nil {
		t.Errorf("%+v, %v", info, err)
	}
	if name := ocireg.CodeNotFound.String(); name != "NOT_FOUND" {
		t.Error(name)
	}
}
