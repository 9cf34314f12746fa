//go:build cgo && !ocireg_prebuilt

package capi

// #cgo pkg-config: ocireg
import "C"
