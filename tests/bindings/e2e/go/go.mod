module github.com/ocireg/ocireg/tests/bindings/e2e/go

go 1.24

require github.com/ocireg/ocireg/bindings/go v0.0.0

replace github.com/ocireg/ocireg/bindings/go => ../../../../bindings/go
