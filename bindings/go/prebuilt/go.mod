module github.com/ocireg/ocireg/bindings/go/prebuilt

go 1.24
