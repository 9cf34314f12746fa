package ocireg

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// EndpointReport says which endpoint answered.
type EndpointReport struct {
	URL    string `json:"url"`
	Mirror bool   `json:"mirror"`
}

// ManifestReport is one manifest of an image.
type ManifestReport struct {
	Descriptor Descriptor `json:"descriptor"`
	// Platform is nil if nothing says what the manifest runs on.
	Platform *Platform `json:"platform"`
}

// BlobReport is what became of one blob.
type BlobReport struct {
	Digest           string `json:"digest"`
	Size             int64  `json:"size"`
	MediaType        string `json:"media_type"`
	BytesTransferred int64  `json:"bytes_transferred"`
	ResumedFrom      int64  `json:"resumed_from"`
	Retries          int    `json:"retries"`
	// Source is "network", "present", "mounted" or "resumed".
	Source string `json:"source"`
}

// PullReport is what a pull did.
type PullReport struct {
	// Reference is canonical, with the digest.
	Reference        string           `json:"reference"`
	Descriptor       Descriptor       `json:"descriptor"`
	Manifests        []ManifestReport `json:"manifests"`
	Platform         *Platform        `json:"platform"`
	Endpoint         EndpointReport   `json:"endpoint"`
	Destination      string           `json:"destination"`
	Blobs            []BlobReport     `json:"blobs"`
	BytesTotal       int64            `json:"bytes_total"`
	BytesTransferred int64            `json:"bytes_transferred"`
	Duration         time.Duration    `json:"-"`
	Warnings         []string         `json:"warnings"`
	// Attempts are the failures of the endpoints that were tried before.
	Attempts []*Error `json:"attempts"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

// manifestText is a ManifestReport in the library's own documents.
type manifestText struct {
	Descriptor Descriptor    `json:"descriptor"`
	Platform   *platformText `json:"platform"`
}

func manifestReports(texts []manifestText) []ManifestReport {
	var all []ManifestReport
	for _, m := range texts {
		all = append(all, ManifestReport{m.Descriptor, (*Platform)(m.Platform)})
	}
	return all
}

// read reads the library's document.
func (r *PullReport) read(document []byte) error {
	all := struct {
		*PullReport
		Manifests  []manifestText `json:"manifests"`
		Platform   *platformText  `json:"platform"`
		DurationMS int64          `json:"duration_ms"`
	}{PullReport: r}
	err := json.Unmarshal(document, &all)
	r.Manifests, r.Platform = manifestReports(all.Manifests), (*Platform)(all.Platform)
	r.Duration = fromMilliseconds(all.DurationMS)
	return err
}

func (r *PullReport) keepRaw(raw json.RawMessage) { r.Raw = raw }

// Pull gets an image, with every byte verified by size and digest. The source is a reference such as "busybox:1.36", the
// destination a place such as "oci:DIRECTORY:NAME". What is there already is not transferred again, and a pull that was
// cut off goes on where it ended. Options may be nil.
func (s *DefaultService) Pull(ctx context.Context, source, destination string, options *PullOptions) (*PullReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[PullReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Pull(c, source, destination, document)
	}))
}

// Inspection is what is known of an image without pulling it.
type Inspection struct {
	Reference  string     `json:"reference"`
	Name       string     `json:"name"`
	Descriptor Descriptor `json:"descriptor"`
	// Kind is "image", "index" or "artifact".
	Kind      string           `json:"kind"`
	Platforms []ManifestReport `json:"platforms"`
	// Platform is the one that Manifest, Config and Layers are of.
	Platform     *Platform         `json:"platform"`
	Manifest     json.RawMessage   `json:"manifest"`
	Config       json.RawMessage   `json:"config"`
	Layers       []Descriptor      `json:"layers"`
	ArtifactType string            `json:"artifact_type"`
	Subject      *Descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
	Endpoint     EndpointReport    `json:"endpoint"`
	// Warnings say what went wrong although the image could be inspected.
	Warnings []string `json:"warnings"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

// read reads the library's document.
func (i *Inspection) read(document []byte) error {
	all := struct {
		*Inspection
		Platforms []manifestText `json:"platforms"`
		Platform  *platformText  `json:"platform"`
	}{Inspection: i}
	err := json.Unmarshal(document, &all)
	i.Platforms, i.Platform = manifestReports(all.Platforms), (*Platform)(all.Platform)
	return err
}

func (i *Inspection) keepRaw(raw json.RawMessage) { i.Raw = raw }

// Inspect tells what an image is, without pulling it. Options may be nil.
func (s *DefaultService) Inspect(ctx context.Context, source string, options *InspectOptions) (*Inspection, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[Inspection](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Inspect(c, source, document)
	}))
}
