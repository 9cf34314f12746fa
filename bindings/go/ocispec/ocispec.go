// Package ocispec converts between the types of ocireg and those of the OCI image specification,
// github.com/opencontainers/image-spec. It is a module of its own, so that only programs that use these types depend on
// them.
package ocispec

import (
	"encoding/json"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// Media types of Docker's manifests, which have the same JSON.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Descriptor returns a descriptor with the type of the specification. They share maps, slices and the platform's
// features.
func Descriptor(d ocireg.Descriptor) v1.Descriptor {
	return v1.Descriptor{MediaType: d.MediaType, Digest: digest.Digest(d.Digest), Size: d.Size, URLs: d.URLs,
		Annotations: d.Annotations, Data: d.Data, Platform: Platform(d.Platform), ArtifactType: d.ArtifactType}
}

// FromDescriptor is the inverse of [Descriptor].
func FromDescriptor(d v1.Descriptor) ocireg.Descriptor {
	return ocireg.Descriptor{MediaType: d.MediaType, Digest: d.Digest.String(), Size: d.Size, URLs: d.URLs,
		Annotations: d.Annotations, Data: d.Data, Platform: FromPlatform(d.Platform), ArtifactType: d.ArtifactType}
}

// Descriptors returns a list of descriptors, such as the layers of an image, with the type of the specification.
func Descriptors(all []ocireg.Descriptor) []v1.Descriptor {
	converted := make([]v1.Descriptor, len(all))
	for i, d := range all {
		converted[i] = Descriptor(d)
	}
	return converted
}

// Platform returns a platform with the type of the specification, or nil for nil.
func Platform(p *ocireg.Platform) *v1.Platform {
	if p == nil {
		return nil
	}
	return &v1.Platform{Architecture: p.Architecture, OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
		Variant: p.Variant}
}

// FromPlatform is the inverse of [Platform].
func FromPlatform(p *v1.Platform) *ocireg.Platform {
	if p == nil {
		return nil
	}
	return &ocireg.Platform{Architecture: p.Architecture, OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
		Variant: p.Variant}
}

// Manifest decodes the manifest of an image or artifact. A manifest of another media type, such as an index, is an error.
func Manifest(m *ocireg.Manifest) (*v1.Manifest, error) {
	return decode[v1.Manifest](m.Data, m.Descriptor.MediaType, v1.MediaTypeImageManifest, dockerManifest)
}

// Index decodes an index. A manifest of another media type, such as that of an image, is an error.
func Index(m *ocireg.Manifest) (*v1.Index, error) {
	return decode[v1.Index](m.Data, m.Descriptor.MediaType, v1.MediaTypeImageIndex, dockerIndex)
}

// InspectedManifest decodes the manifest that an inspection found: that of the platform, if the reference is an index.
func InspectedManifest(found *ocireg.Inspection) (*v1.Manifest, error) {
	return decode[v1.Manifest](found.Manifest, "", "")
}

// InspectedImage decodes the configuration of the image that an inspection found.
func InspectedImage(found *ocireg.Inspection) (*v1.Image, error) {
	return decode[v1.Image](found.Config, "", "")
}

// decode decodes a document whose media type is one of those that are accepted.
func decode[T any](document []byte, mediaType string, accepted ...string) (*T, error) {
	known := false
	for _, one := range accepted {
		known = known || one == mediaType
	}
	if !known {
		return nil, fmt.Errorf("ocispec: a %T has not the media type %q", *new(T), mediaType)
	}
	if len(document) == 0 || string(document) == "null" {
		return nil, fmt.Errorf("ocispec: there is no %T", *new(T))
	}
	value := new(T)
	if err := json.Unmarshal(document, value); err != nil {
		return nil, fmt.Errorf("ocispec: cannot decode a %T: %w", *value, err)
	}
	return value, nil
}
