//go:build cgo && ocireg_prebuilt

package prebuilt

// #cgo linux,amd64,!musl LDFLAGS: ${SRCDIR}/linux_amd64/libocireg.a -lpthread -ldl -lm
// #cgo linux,arm64,!musl LDFLAGS: ${SRCDIR}/linux_arm64/libocireg.a -lpthread -ldl -lm
// #cgo linux,amd64,musl LDFLAGS: ${SRCDIR}/linux_amd64_musl/libocireg.a
// #cgo linux,arm64,musl LDFLAGS: ${SRCDIR}/linux_arm64_musl/libocireg.a
import "C"
