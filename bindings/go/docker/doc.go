// Package registry is github.com/docker/docker/registry, as it was in spring 2020, on top of ocireg. It has the same
// names with the same types: those of Docker's api/types and of distribution's reference, challenge, auth and transport
// packages. A program that was written for Docker's package changes this import, and nothing else:
//
//	import "github.com/ocireg/ocireg/bindings/go/docker" // was "github.com/docker/docker/registry"
//
// What the functions do, and where that differs from Docker's package, is described in the README of
// [github.com/ocireg/ocireg/bindings/go]. In addition:
//
//   - A nil AuthConfig is anonymous, as in Docker's package: the service's own credentials are never sent.
//   - A [DefaultService] contains the service of ocireg, so that it has the methods of both: Pull, Push and all others
//     that take a context. [Wrap] makes one of a service with more options than Docker's.
//   - [CertsDir] is read when a service is created, and by [NewV1Endpoint].
package registry
