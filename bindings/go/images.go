package ocireg

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
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
	// BytesPerSecond is 0 if nothing was transferred.
	BytesPerSecond int64 `json:"bytes_per_second"`
}

// RateLimit is how many requests a registry allows, and how many of them are left.
type RateLimit struct {
	Host      string `json:"host"`
	Limit     int64  `json:"limit"`
	Remaining int64  `json:"remaining"`
	// WindowSeconds is 0 if the registry did not say what time the limit is for.
	WindowSeconds int64 `json:"window_seconds"`
}

// ImageReport is what the results of Pull, Push, Copy and Unpack have in common.
type ImageReport struct {
	// Reference is the canonical reference, with the digest.
	Reference  string           `json:"reference"`
	Descriptor Descriptor       `json:"descriptor"`
	Manifests  []ManifestReport `json:"manifests"`
	// Platform is nil unless one platform was chosen.
	Platform         *Platform     `json:"platform"`
	Destination      string        `json:"destination"`
	Blobs            []BlobReport  `json:"blobs"`
	BytesTotal       int64         `json:"bytes_total"`
	BytesTransferred int64         `json:"bytes_transferred"`
	Duration         time.Duration `json:"-"`
	BytesPerSecond   int64         `json:"bytes_per_second"`
	// RateLimits are those that the registries told.
	RateLimits []RateLimit `json:"rate_limits"`
	// Tags are the tags that now name the image in the registry.
	Tags []string `json:"tags"`
	// Converted are the manifests that were written in another form, because the options asked for it.
	Converted []Conversion `json:"converted"`
	Warnings  []string     `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

// UnpackReport is the result of an unpack. The endpoint is nil if the source is not a registry.
type UnpackReport struct {
	ImageReport
	Endpoint *EndpointReport `json:"endpoint"`
	// Entries are the entries of all layers, and Bytes the data that was written.
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// DiffIDs are the digests of the uncompressed layers, lowest first.
	DiffIDs []string `json:"diff_ids"`
	// Skipped lists devices and extended attributes that were left out.
	Skipped []SkippedEntry `json:"skipped"`
}

// SkippedEntry is something in an image that was not unpacked.
type SkippedEntry struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Conversion is the digest of a manifest before and after it was converted.
type Conversion struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// PullReport is the result of a pull.
type PullReport struct {
	ImageReport
	Endpoint EndpointReport `json:"endpoint"`
	// Attempts are the errors of the endpoints that were tried first.
	Attempts []*Error `json:"attempts"`
}

// PushReport is the result of a push.
type PushReport struct {
	ImageReport
	Endpoint EndpointReport `json:"endpoint"`
}

// CopyReport is the result of a copy. An endpoint is nil if that end is not a registry.
type CopyReport struct {
	ImageReport
	SourceEndpoint      *EndpointReport `json:"source_endpoint"`
	DestinationEndpoint *EndpointReport `json:"destination_endpoint"`
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
func (r *ImageReport) read(document []byte) error {
	type fields ImageReport
	all := struct {
		*fields
		Manifests  []manifestText `json:"manifests"`
		Platform   *platformText  `json:"platform"`
		DurationMS int64          `json:"duration_ms"`
	}{fields: (*fields)(r)}
	err := json.Unmarshal(document, &all)
	r.Manifests, r.Platform = manifestReports(all.Manifests), (*Platform)(all.Platform)
	r.Duration = fromMilliseconds(all.DurationMS)
	return err
}

func (r *ImageReport) keepRaw(raw json.RawMessage) { r.Raw = raw }

func (r *PullReport) read(document []byte) error {
	own := struct {
		Endpoint *EndpointReport `json:"endpoint"`
		Attempts *[]*Error       `json:"attempts"`
	}{&r.Endpoint, &r.Attempts}
	return errors.Join(r.ImageReport.read(document), json.Unmarshal(document, &own))
}

func (r *PushReport) read(document []byte) error {
	own := struct {
		Endpoint *EndpointReport `json:"endpoint"`
	}{&r.Endpoint}
	return errors.Join(r.ImageReport.read(document), json.Unmarshal(document, &own))
}

func (r *CopyReport) read(document []byte) error {
	own := struct {
		Source      **EndpointReport `json:"source_endpoint"`
		Destination **EndpointReport `json:"destination_endpoint"`
	}{&r.SourceEndpoint, &r.DestinationEndpoint}
	return errors.Join(r.ImageReport.read(document), json.Unmarshal(document, &own))
}

func (r *UnpackReport) read(document []byte) error {
	own := struct {
		Endpoint **EndpointReport `json:"endpoint"`
		Entries  *int64           `json:"entries"`
		Bytes    *int64           `json:"bytes"`
		DiffIDs  *[]string        `json:"diff_ids"`
		Skipped  *[]SkippedEntry  `json:"skipped"`
	}{&r.Endpoint, &r.Entries, &r.Bytes, &r.DiffIDs, &r.Skipped}
	return errors.Join(r.ImageReport.read(document), json.Unmarshal(document, &own))
}

// Pull pulls an image and verifies the size and digest of everything it transfers. The source is a reference such as
// "busybox:1.36", and the destination a location such as "oci:DIRECTORY:NAME" or "docker-archive:FILE:REFERENCE". Pull
// skips blobs that the destination already has, and resumes an interrupted pull. The options may be nil.
func (s *DefaultService) Pull(ctx context.Context, source, destination string, options *PullOptions) (*PullReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[PullReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Pull(c, source, destination, document)
	}))
}

// Push pushes an image from this machine, with all images of an index. The source is a location such as
// "oci:DIRECTORY:NAME" or "docker-archive:FILE", and the destination a reference such as "registry.example/team/app:v1".
// Push skips what the registry already has, and names the image when everything else is there. An interrupted push continues with what is
// missing. The options may be nil.
func (s *DefaultService) Push(ctx context.Context, source, destination string, options *PushOptions) (*PushReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[PushReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Push(c, source, destination, document)
	}))
}

// Unpack unpacks an image to a directory that does not exist or is empty, as the root file system of a container. The source
// is a reference such as "busybox:1.36", or a layout such as "oci:DIRECTORY:NAME". Layers are applied while they are
// downloaded, and verified. If anything fails, nothing is left in the directory. The options may be nil.
func (s *DefaultService) Unpack(ctx context.Context, source, directory string, options *UnpackOptions) (*UnpackReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[UnpackReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Unpack(c, source, directory, document)
	}))
}

// Export writes the root file system of an image to a file descriptor that is open for writing, from its position on, as one
// tar archive: of each path the entry of the highest layer, without what layers delete. Everything is verified by the time
// the call succeeds; what was written before an error must not be used. Keep the [os.File] that the descriptor belongs to
// alive until the call returns. The options may be nil.
func (s *DefaultService) Export(ctx context.Context, source string, fd int, options *ExportOptions) (*UnpackReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[UnpackReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Export(c, source, descriptor(fd), document)
	}))
}

// ExportTo is [DefaultService.Export] to any writer, such as a [bytes.Buffer] or a [net/http.ResponseWriter]. An error of the
// writer ends the call and is returned.
func (s *DefaultService) ExportTo(ctx context.Context, source string, w io.Writer, options *ExportOptions) (*UnpackReport, error) {
	if file, ok := w.(*os.File); ok && file != nil {
		report, err := s.Export(ctx, source, int(file.Fd()), options)
		runtime.KeepAlive(file)
		return report, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, reader)
		// The library finds the other end closed.
		_ = reader.Close()
		copied <- err
	}()
	report, err := s.Export(ctx, source, int(writer.Fd()), options)
	_ = writer.Close()
	if failed := <-copied; failed != nil {
		return nil, failed
	}
	return report, err
}

// Copy copies an image from one location to another, with all images of an index. A location is a reference such as
// "docker://registry.example/team/app:v1", a layout such as "oci:DIRECTORY:NAME", or an archive such as
// "oci-archive:FILE:NAME" or "docker-archive:FILE:REFERENCE". Between registries nothing is written to disk, and within one registry blobs are mounted if it allows that. The options may be nil.
func (s *DefaultService) Copy(ctx context.Context, source, destination string, options *CopyOptions) (*CopyReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[CopyReport](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Copy(c, source, destination, document)
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
