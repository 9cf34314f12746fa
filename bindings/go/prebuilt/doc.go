// Package prebuilt links a static ocireg library into a Go program, so that building needs neither Rust nor pkg-config, and
// running needs no shared library. Import it in the main package, and build with the tag ocireg_prebuilt:
//
//	import _ "github.com/ocireg/ocireg/bindings/go/prebuilt"
//
//	go build -tags ocireg_prebuilt
//
// On Alpine and other systems with musl, use -tags ocireg_prebuilt,musl. Without the tag ocireg_prebuilt, the package does
// nothing, and the library is found through pkg-config. Use the same version of this module as of ocireg's.
package prebuilt
