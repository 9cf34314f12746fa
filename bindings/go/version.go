package ocireg

import (
	"encoding/json"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Version returns the version of the loaded library, such as "0.2.0".
func Version() string { return capi.Version() }

// LibraryInfo describes the loaded library.
type LibraryInfo struct {
	Version   string   `json:"version"`
	Features  []string `json:"features"`
	Protocols []string `json:"protocols"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (i *LibraryInfo) keepRaw(raw json.RawMessage) { i.Raw = raw }

// VersionInfo describes the loaded library. The error says why this package cannot work with it.
func VersionInfo() (*LibraryInfo, error) {
	return decodeNew[LibraryInfo](capi.VersionInfo(), capi.Usable())
}
