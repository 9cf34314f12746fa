module github.com/ocireg/ocireg/bindings/go/ocispec

go 1.24

require (
	github.com/ocireg/ocireg/bindings/go v0.2.0
	github.com/opencontainers/go-digest v1.0.0
	github.com/opencontainers/image-spec v1.1.0
)

replace github.com/ocireg/ocireg/bindings/go => ../
