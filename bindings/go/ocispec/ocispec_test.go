//go:build cgo

package ocispec_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	ocireg "github.com/ocireg/ocireg/bindings/go"
	"github.com/ocireg/ocireg/bindings/go/ocispec"
)

// full is a descriptor with all fields.
var full = ocireg.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString("x").String(), Size: 1,
	URLs: []string{"https://a.example/x"}, Annotations: map[string]string{"k": "v"}, Data: []byte("x"), ArtifactType: "a/b",
	Platform: &ocireg.Platform{Architecture: "arm", OS: "linux", OSVersion: "1", OSFeatures: []string{"f"}, Variant: "v7"}}

// Both types have the same JSON, so a field that is lost or mixed up is noticed.
func TestDescriptor(t *testing.T) {
	for _, d := range []ocireg.Descriptor{full, {}} {
		converted := ocispec.Descriptor(d)
		one, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		other, err := json.Marshal(converted)
		if err != nil {
			t.Fatal(err)
		}
		var a, b map[string]any
		if json.Unmarshal(one, &a) != nil || json.Unmarshal(other, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s is %s", one, other)
		}
		if back := ocispec.FromDescriptor(converted); !reflect.DeepEqual(back, d) {
			t.Errorf("%+v came back as %+v", d, back)
		}
	}
	// A field that a newer ocireg or specification has must be converted, too.
	if here, there := reflect.TypeFor[ocireg.Descriptor]().NumField(), reflect.TypeFor[v1.Descriptor]().NumField(); here != there {
		t.Errorf("%d fields, and %d", here, there)
	}
	if here, there := reflect.TypeFor[ocireg.Platform]().NumField(), reflect.TypeFor[v1.Platform]().NumField(); here != there {
		t.Errorf("%d fields, and %d", here, there)
	}
	if all := ocispec.Descriptors([]ocireg.Descriptor{full, {}}); len(all) != 2 || all[0].Digest.String() != full.Digest {
		t.Errorf("%+v", all)
	}
}

func TestManifests(t *testing.T) {
	image := &ocireg.Manifest{Descriptor: ocireg.Descriptor{MediaType: v1.MediaTypeImageManifest},
		Data: []byte(`{"schemaVersion":2,"layers":[{"mediaType":"m","digest":"d","size":3}]}`)}
	index := &ocireg.Manifest{Descriptor: ocireg.Descriptor{MediaType: v1.MediaTypeImageIndex},
		Data: []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"d","size":3}]}`)}
	if m, err := ocispec.Manifest(image); err != nil || m.SchemaVersion != 2 || m.Layers[0].Size != 3 {
		t.Errorf("%+v, %v", m, err)
	}
	if i, err := ocispec.Index(index); err != nil || i.Manifests[0].Size != 3 {
		t.Errorf("%+v, %v", i, err)
	}
	if m, err := ocispec.Manifest(index); err == nil || !strings.Contains(err.Error(), v1.MediaTypeImageIndex) {
		t.Errorf("%+v, %v", m, err)
	}
	if i, err := ocispec.Index(image); err == nil {
		t.Errorf("%+v", i)
	}
	image.Data = []byte("{")
	if m, err := ocispec.Manifest(image); err == nil {
		t.Errorf("%+v", m)
	}
	if image, err := ocispec.InspectedImage(&ocireg.Inspection{}); err == nil {
		t.Errorf("%+v: an index has no configuration", image)
	}
}

// layout writes an OCI layout with one image, and returns its location.
func layout(directory string) string {
	blobs := filepath.Join(directory, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		log.Fatal(err)
	}
	write := func(mediaType string, value any) v1.Descriptor {
		content, err := json.Marshal(value)
		if err != nil {
			log.Fatal(err)
		}
		sum := digest.FromBytes(content)
		if err := os.WriteFile(filepath.Join(blobs, sum.Encoded()), content, 0o600); err != nil {
			log.Fatal(err)
		}
		return v1.Descriptor{MediaType: mediaType, Digest: sum, Size: int64(len(content))}
	}
	config := write(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Config: v1.ImageConfig{Entrypoint: []string{"/bin/app"}}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}})
	version := specs.Versioned{SchemaVersion: 2}
	image := write(v1.MediaTypeImageManifest, v1.Manifest{Versioned: version, MediaType: v1.MediaTypeImageManifest,
		Config: config, Layers: []v1.Descriptor{}})
	image.Annotations = map[string]string{v1.AnnotationRefName: "v1"}
	for name, value := range map[string]any{
		"index.json": v1.Index{Versioned: version, Manifests: []v1.Descriptor{image}},
		"oci-layout": v1.ImageLayout{Version: v1.ImageLayoutVersion},
	} {
		content, err := json.Marshal(value)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return "oci:" + directory + ":v1"
}

func ExampleInspectedImage() {
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	found, err := service.Inspect(context.Background(), layout(directory), nil) // Such as "busybox:1.36".
	if err != nil {
		log.Fatal(err)
	}
	image, err := ocispec.InspectedImage(found)
	if err != nil {
		log.Fatal(err)
	}
	manifest, err := ocispec.InspectedManifest(found)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image.Config.Entrypoint, manifest.Config.MediaType)
	// Output: [/bin/app] application/vnd.oci.image.config.v1+json
}
