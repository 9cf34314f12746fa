//go:build cgo

package capi

// #include <ocireg.h>
import "C"

// Version is the version of the loaded library.
func Version() string { return C.GoString(C.ocireg_version()) }

// VersionInfo is the JSON document about the loaded library.
func VersionInfo() string { return C.GoString(C.ocireg_version_info()) }

// VersionNumber is major << 16 | minor << 8 | patch of the loaded library.
func VersionNumber() uint32 { return uint32(C.ocireg_version_number()) }

// CodeName is the library's name for a code, without its prefix.
func CodeName(code int32) string { return C.GoString(C.ocireg_code_name(C.int32_t(code))) }

// CodeText is the library's sentence about a code.
func CodeText(code int32) string { return C.GoString(C.ocireg_code_text(C.int32_t(code))) }

// Usable says why the loaded library cannot be used, if so.
func Usable() error {
	if failure := usable(); failure != nil {
		return failure
	}
	return nil
}
