//go:build cgo

package ocireg_test

import (
	"encoding/json"
	"reflect"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// A daemon keeps the options of its registries in its own configuration file.
type daemonConfig struct {
	Debug bool `json:"debug"`
	ocireg.ServiceOptions
	Root string `json:"data-root"`
}

func TestServiceOptionsWithinAnotherConfiguration(t *testing.T) {
	const text = `{"debug":true,"data-root":"/d","registry-mirrors":["https://m.example"],"timeouts":{"idle-ms":1500},` +
		`"insecure-registries":["10.0.0.0/8"],"proxy":"http://proxy.example:3128"}`
	var config daemonConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if !config.Debug || config.Root != "/d" || len(config.Mirrors) != 1 || config.Timeouts.Idle.Milliseconds() != 1500 {
		t.Errorf("%+v", config)
	}
	written, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	var given, back map[string]any
	for document, into := range map[string]*map[string]any{text: &given, string(written): &back} {
		if err := json.Unmarshal([]byte(document), into); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(given, back) {
		t.Errorf("%v\n%v", given, back)
	}
	service, err := ocireg.NewService(config.ServiceOptions)
	if err != nil {
		t.Fatal(err)
	}
	service.Close()
}

// No type that a program may embed takes over the JSON of the struct around it.
func TestEmbeddedTypesLeaveOtherFieldsAlone(t *testing.T) {
	for _, value := range []any{
		&struct {
			ocireg.ServiceOptions
			Extra string `json:"own"`
		}{},
		&struct {
			ocireg.IndexInfo
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.APIEndpoint
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.TLSSettings
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.PullOptions
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.OpenOptions
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.PutBlobOptions
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.PullReport
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.Inspection
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.Platform
			Own string `json:"own"`
		}{},
		&struct {
			ocireg.ProgressEvent
			Own string `json:"own"`
		}{},
	} {
		kind := reflect.TypeOf(value).Elem().Field(0).Name
		if err := json.Unmarshal([]byte(`{"own":"x"}`), value); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		written, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		var back map[string]any
		if err := json.Unmarshal(written, &back); err != nil || back["own"] != "x" {
			t.Errorf("%s takes the other fields away: %s", kind, written)
		}
	}
	// RepositoryInfo has an interface, which can be written, but not read.
	written, err := json.Marshal(struct {
		ocireg.RepositoryInfo
		Own string `json:"own"`
	}{Own: "x"})
	var back map[string]any
	if err != nil || json.Unmarshal(written, &back) != nil || back["own"] != "x" {
		t.Errorf("%s, %v", written, err)
	}
}

// The library's own form of what cannot be a json.Marshaler.
func TestMarshal(t *testing.T) {
	const text = `{"Mirror":true,"URL":"HTTPS://Mirror.example/p/","Version":"v2","AllowNondistributableArtifacts":false,` +
		`"Official":false,"TrimHostname":true,"TLSConfig":{"InsecureSkipVerify":true,"RootCAs":[],"Certificates":[]}}`
	var endpoint ocireg.APIEndpoint
	if err := ocireg.Unmarshal([]byte(text), &endpoint); err != nil {
		t.Fatal(err)
	}
	if endpoint.URL.Host != "Mirror.example" || endpoint.Version != ocireg.APIVersion2 {
		t.Errorf("%+v", endpoint)
	}
	if again, err := ocireg.Marshal(endpoint); err != nil || string(again) != text {
		t.Errorf("%s, %v", again, err)
	}
	if again, err := ocireg.Marshal([]ocireg.APIEndpoint{endpoint}); err != nil || string(again) != "["+text+"]" {
		t.Errorf("%s, %v", again, err)
	}
	info, err := ocireg.ParseRepositoryInfo(mustParse(t, "busybox:1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ocireg.Marshal(info)
	if want := `{"Name":"docker.io/library/busybox","Index":{"Name":"docker.io","Mirrors":[],"Secure":true,"Official":true},` +
		`"Official":true,"Class":""}`; err != nil || string(again) != want {
		t.Errorf("%s, %v", again, err)
	}
}
