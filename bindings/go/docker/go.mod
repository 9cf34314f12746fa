module github.com/ocireg/ocireg/bindings/go/docker

go 1.24

require (
	github.com/docker/distribution v2.8.2+incompatible
	github.com/docker/docker v20.10.27+incompatible
	github.com/ocireg/ocireg/bindings/go v0.2.0
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/docker/go-connections v0.4.0 // indirect
	github.com/docker/go-metrics v0.0.1 // indirect
	github.com/docker/go-units v0.4.0 // indirect
	github.com/docker/libtrust v0.0.0-20150114040149-fa567046d9b1 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/protobuf v1.3.2 // indirect
	github.com/gorilla/mux v1.8.0 // indirect
	github.com/matttproud/golang_protobuf_extensions v1.0.1 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.0.2 // indirect
	github.com/prometheus/client_golang v1.1.0 // indirect
	github.com/prometheus/client_model v0.0.0-20190129233127-fd36f4220a90 // indirect
	github.com/prometheus/common v0.6.0 // indirect
	github.com/prometheus/procfs v0.0.3 // indirect
	github.com/sirupsen/logrus v1.7.0 // indirect
	golang.org/x/sys v0.12.0 // indirect
	gotest.tools/v3 v3.5.2 // indirect
)

replace github.com/ocireg/ocireg/bindings/go => ../
