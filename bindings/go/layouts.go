package ocireg

import (
	"context"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// LayoutImage is one image of an OCI layout.
type LayoutImage struct {
	// Name is empty for an image without a name.
	Name       string     `json:"name"`
	Descriptor Descriptor `json:"descriptor"`
}

// CollectedBlob is a blob that no image of a layout needs.
type CollectedBlob struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// CollectReport says what a collection removed, or would remove.
type CollectReport struct {
	Removed []CollectedBlob `json:"removed"`
	// Bytes is the total size of the blobs.
	Bytes int64 `json:"bytes"`
}

// DamagedBlob is a blob that is missing or has the wrong content.
type DamagedBlob struct {
	Digest string `json:"digest"`
	Why    string `json:"why"`
}

// VerifyReport describes the state of a layout.
type VerifyReport struct {
	Damaged []DamagedBlob `json:"damaged"`
	// Checked is the number of blobs that were hashed.
	Checked int64 `json:"checked"`
	// Bytes is their total size.
	Bytes int64 `json:"bytes"`
}

// LayoutList lists the images of an OCI layout, such as "oci:DIRECTORY".
func LayoutList(ctx context.Context, location string) ([]LayoutImage, error) {
	type list struct {
		Images []LayoutImage `json:"images"`
	}
	found, err := decode[list](under(ctx, func(c *capi.Context) (string, error) {
		return capi.LayoutList(c, location, nil)
	}))
	return found.Images, err
}

// LayoutRemove removes a name from an OCI layout, such as "oci:DIRECTORY:NAME", and returns the descriptor that it had. The
// blobs stay until LayoutCollect removes them.
func LayoutRemove(ctx context.Context, location string) (*Descriptor, error) {
	type removal struct {
		Removed Descriptor `json:"removed"`
	}
	removed, err := decodeNew[removal](under(ctx, func(c *capi.Context) (string, error) {
		return capi.LayoutRemove(c, location, nil)
	}))
	if err != nil {
		return nil, err
	}
	return &removed.Removed, nil
}

// LayoutCollect removes the blobs that no image of an OCI layout needs. It fails with CodeBusy while a pull or copy writes to
// the layout. The options may be nil.
func LayoutCollect(ctx context.Context, location string, options *CollectOptions) (*CollectReport, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[CollectReport](under(ctx, func(c *capi.Context) (string, error) {
		return capi.LayoutCollect(c, location, document)
	}))
}

// LayoutVerify hashes all blobs of an OCI layout, and looks for blobs that its images need and that are missing. A damaged
// blob is not an error.
func LayoutVerify(ctx context.Context, location string) (*VerifyReport, error) {
	return decodeNew[VerifyReport](under(ctx, func(c *capi.Context) (string, error) {
		return capi.LayoutVerify(c, location, nil)
	}))
}
