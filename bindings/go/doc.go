// Package ocireg speaks to container registries: it resolves names the way Docker does, looks up mirrors and
// certificates, and pulls images with every byte verified. It is the Go side of the ocireg library, which it links
// through cgo and pkg-config; see the README for how to build.
//
//	service, err := ocireg.NewService(ocireg.ServiceOptions{})
//	…
//	defer service.Close()
//	report, err := service.Pull(ctx, "docker.io/library/busybox", "oci:busybox", nil)
//
// # Names
//
// All names that Docker's registry package had are kept: [NewService], [DefaultService] and its methods, [APIEndpoint],
// [RepositoryInfo], [ParseRepositoryInfo], [ResolveAuthConfig] and so on; the README lists what differs. Where that
// package took a context nowhere, a call that may wait has a second form ending in Context. A [Registry] or [Repository]
// speaks the protocol of today, a [Session] the one before it, v1.
//
// # Contexts
//
// A call that waits returns within a second after its context is done, whatever it waits for. [WithProgress] makes a
// context that reports how the calls under it go on.
//
// # Errors
//
// Errors are of type [*Error]. Use [errors.Is] with the sentinels of this package ([ErrNotFound], [ErrUnauthorized], …), with
// [context.Canceled] and [context.DeadlineExceeded], and with those of io/fs and io where they fit; use [errors.As] for
// everything that is known, such as the HTTP status and the registry's own words.
//
// # Lifetime
//
// Services, endpoints, registries, repositories and readers hold memory outside Go's heap: Close them. What is forgotten
// is freed some time after the garbage collector has found it. Close may be called more than once and beside
// other calls; the order does not matter.
//
// # Options
//
// Option structs have a field Extra for options of a library that is newer than this package, and results have a field
// Raw with the whole document that the library gave, unless they are of Docker's package or the Engine API.
package ocireg
