package ocireg

import (
	"encoding/json"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Version is that of the loaded library, such as "0.1.0".
func Version() string { return capi.Version() }

// LibraryInfo is what the loaded library says of itself.
type LibraryInfo struct {
	Version   string   `json:"version"`
	Features  []string `json:"features"`
	Protocols []string `json:"protocols"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

func (i *LibraryInfo) keepRaw(raw json.RawMessage) { i.Raw = raw }

// VersionInfo describes the loaded library; the error says why this package cannot work with it.
func VersionInfo() (*LibraryInfo, error) {
	return decodeNew[LibraryInfo](capi.VersionInfo(), capi.Usable())
}
