package ocireg

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// EndpointReport is the endpoint that was used.
type EndpointReport struct {
	URL    string `json:"url"`
	Mirror bool   `json:"mirror"`
}

// ManifestReport is one manifest of an image.
type ManifestReport struct {
	Descriptor Descriptor `json:"descriptor"`
	// Platform is nil if it is not known.
	Platform *Platform `json:"platform"`
}

// BlobReport is what happened to one blob.
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

// PullReport is the result of a pull.
type PullReport struct {
	// Reference is the canonical reference, with the digest.
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
	// Attempts are the errors of the endpoints that were tried first.
	Attempts []*Error `json:"attempts"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

// manifestText is a ManifestReport in the library's JSON.
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

// read decodes the library's JSON object.
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

// Pull pulls an image and verifies the size and digest of everything it transfers. The source is a reference such as
// "busybox:1.36", and the destination a location such as "oci:DIRECTORY:NAME". Pull skips blobs that the destination
// already has, and resumes an interrupted pull. The options may be nil.
func (s *DefaultService) Pull(ctx context.Context, source, destination string, options *PullOptions) (*PullReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[PullReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Pull(c, source, destination, document)
	}))
}

// Inspection describes an image that was not pulled.
type Inspection struct {
	Reference  string     `json:"reference"`
	Name       string     `json:"name"`
	Descriptor Descriptor `json:"descriptor"`
	// Kind is "image", "index" or "artifact".
	Kind      string           `json:"kind"`
	Platforms []ManifestReport `json:"platforms"`
	// Platform is the platform that Manifest, Config and Layers belong to.
	Platform     *Platform         `json:"platform"`
	Manifest     json.RawMessage   `json:"manifest"`
	Config       json.RawMessage   `json:"config"`
	Layers       []Descriptor      `json:"layers"`
	ArtifactType string            `json:"artifact_type"`
	Subject      *Descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
	Endpoint     EndpointReport    `json:"endpoint"`
	// Warnings are problems that did not make the call fail.
	Warnings []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

// read decodes the library's JSON object.
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

// Inspect describes an image without pulling it. The options may be nil.
func (s *DefaultService) Inspect(ctx context.Context, source string, options *InspectOptions) (*Inspection, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[Inspection](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Inspect(c, source, document)
	}))
}
