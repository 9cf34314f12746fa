// Package ocireg is a client for container registries. It resolves image names as Docker does, uses the mirrors,
// certificates and credentials that are configured for Docker, and pulls images with every byte verified. It is the Go
// binding of the ocireg library, which it links through cgo and pkg-config; the README explains how to build.
//
//	service, err := ocireg.NewService(ocireg.ServiceOptions{})
//	…
//	defer service.Close()
//	report, err := service.Pull(ctx, "docker.io/library/busybox", "oci:busybox", nil)
//
// # Names
//
// The package has all names of Docker's registry package: [NewService], [DefaultService] and its methods,
// [APIEndpoint], [RepositoryInfo], [ParseRepositoryInfo], [ResolveAuthConfig] and so on; the README lists the
// differences. Where a call of that package waits without taking a context, there is a second one whose name ends in
// Context. A [Registry] or [Repository] speaks protocol v2, and a [Session] protocol v1.
//
// # Contexts
//
// A call returns within a second after its context is done, whatever it is waiting for. [WithProgress] returns a
// context whose calls report their progress.
//
// # Errors
//
// Errors are of type [*Error]. Use [errors.Is] with the errors of this package ([ErrNotFound], [ErrUnauthorized], …),
// with [context.Canceled] and [context.DeadlineExceeded], and with those of io/fs and io where they fit. Use
// [errors.As] for details, such as the HTTP status and the errors in the registry's response.
//
// # Lifetime
//
// Services, endpoints, registries, repositories and readers hold memory outside Go's heap: Close them. The garbage
// collector eventually frees what was not closed. Close may be called more than once, in any order, and while other
// calls are running.
//
// # Options
//
// Option structs have a field Extra for options of a newer library. Results have a field Raw with the JSON object that
// the library returned, except for types of Docker's package or the Engine API.
package ocireg
