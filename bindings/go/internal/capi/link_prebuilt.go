//go:build cgo && ocireg_prebuilt

package capi

// The program imports the module prebuilt, which has the library.

// #cgo CFLAGS: -I${SRCDIR}/include
import "C"
