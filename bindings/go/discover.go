package ocireg

import (
	"context"
	"encoding/json"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// RepositoryList is the result of [Registry.Catalog].
type RepositoryList struct {
	Repositories []string `json:"repositories"`
	// Next is for the options of the next call. It is empty if there are no more pages.
	Next string `json:"next"`
	// Warnings are about entries that were left out.
	Warnings []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (l *RepositoryList) keepRaw(raw json.RawMessage) { l.Raw = raw }

// Catalog lists the repositories of the registry, if the registry allows that. The options may be nil.
func (r *Registry) Catalog(ctx context.Context, options *ListOptions) (*RepositoryList, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[RepositoryList](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.Catalog(c, document)
	}))
}

// StoredManifest is the result of [Repository.PutManifest].
type StoredManifest struct {
	Descriptor
	// Subject is the digest of the manifest's subject, if the registry has noted that the manifest refers to it.
	Subject string `json:"subject"`
	// SubjectTag is the tag that lists the manifest, if the registry has not noted it.
	SubjectTag string   `json:"subject_tag"`
	Warnings   []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (m *StoredManifest) keepRaw(raw json.RawMessage) { m.Raw = raw }

// PutManifest stores a manifest or index under a tag, or under its digest if tagOrDigest is empty. Everything that it
// lists must be in the repository. If mediaType is empty, it is the manifest's own. If the manifest has a subject,
// [Repository.Referrers] finds it afterwards. The options may be nil.
func (r *Repository) PutManifest(ctx context.Context, tagOrDigest, mediaType string, data []byte, options *PutManifestOptions) (*StoredManifest, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[StoredManifest](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.PutManifest(c, optionalText(tagOrDigest), optionalText(mediaType), data, document)
	}))
}

// DeleteManifest deletes a tag, or a manifest with all its tags if it is named by its digest. The repository must have
// been opened with the action "delete" or created by [Registry.Repository].
func (r *Repository) DeleteManifest(ctx context.Context, tagOrDigest string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.DeleteManifest(c, optionalText(tagOrDigest)) })
}

// DeleteBlob deletes a blob. The repository must have been opened with the action "delete" or created by
// [Registry.Repository].
func (r *Repository) DeleteBlob(ctx context.Context, digest string) error {
	return r.do(ctx, func(c *capi.Context) error { return r.c.DeleteBlob(c, digest) })
}

func (r *Repository) do(ctx context.Context, f func(*capi.Context) error) error {
	_, err := under(ctx, func(c *capi.Context) (struct{}, error) { return struct{}{}, f(c) })
	return err
}

// ReferrerList is the result of [Repository.Referrers].
type ReferrerList struct {
	Manifests []Descriptor `json:"manifests"`
	// Source is "api" for the registry's referrers API, or "tag" for the tag that replaces it.
	Source   string   `json:"source"`
	Warnings []string `json:"warnings"`

	// Raw is the OCI index that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (l *ReferrerList) keepRaw(raw json.RawMessage) { l.Raw = raw }

// Referrers lists the manifests whose subject is the manifest with this digest, such as its signatures. The manifest
// itself need not exist. The options may be nil.
func (r *Repository) Referrers(ctx context.Context, digest string, options *ReferrersOptions) (*ReferrerList, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[ReferrerList](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.Referrers(c, digest, document)
	}))
}

// BlobFile is the result of [Repository.GetBlobFile] and [Repository.PutBlobFile].
type BlobFile struct {
	Descriptor
	// Existed is whether the destination already had the blob.
	Existed          bool     `json:"existed"`
	BytesTransferred int64    `json:"bytes_transferred"`
	Warnings         []string `json:"warnings"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (f *BlobFile) keepRaw(raw json.RawMessage) { f.Raw = raw }

// GetBlobFile downloads a blob to a file, which appears when all of it was verified. A file that already is the blob is
// kept, and another one is replaced. The options may be nil.
func (r *Repository) GetBlobFile(ctx context.Context, digest, path string, options *GetBlobFileOptions) (*BlobFile, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[BlobFile](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetBlobFile(c, digest, path, document)
	}))
}

// PutBlobFile uploads a file as a blob. The repository must have been opened with the action "push" or created by
// [Registry.Repository]. The options may be nil.
func (r *Repository) PutBlobFile(ctx context.Context, path string, options *PutBlobFileOptions) (*BlobFile, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[BlobFile](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.PutBlobFile(c, path, document)
	}))
}

// GetBlobFD downloads a blob to a file descriptor that is open for writing: a file from its position on, a pipe or a socket.
// The digest is checked when everything is written; what was written before an error must not be used. Keep the [os.File]
// that the descriptor belongs to alive until the call returns. The options may be nil.
func (r *Repository) GetBlobFD(ctx context.Context, digest string, fd int, options *GetBlobFDOptions) (*BlobFile, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[BlobFile](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.GetBlobFD(c, digest, descriptor(fd), document)
	}))
}

// PutBlobFD uploads what a file descriptor holds, from its position to its end, as a blob. A pipe or socket is read until its
// other end is closed. The repository must have been opened with the action "push" or created by [Registry.Repository]. Keep
// the [os.File] that the descriptor belongs to alive until the call returns. The options may be nil.
func (r *Repository) PutBlobFD(ctx context.Context, fd int, options *PutBlobFileOptions) (*BlobFile, error) {
	document, err := encodeOptional("options", options)
	if err != nil {
		return nil, err
	}
	return decodeNew[BlobFile](under(ctx, func(c *capi.Context) (string, error) {
		return r.c.PutBlobFD(c, descriptor(fd), document)
	}))
}

// descriptor returns the number for C, or -1 if it cannot be that of a descriptor.
func descriptor(fd int) int32 {
	if fd != int(int32(fd)) {
		return -1
	}
	return int32(fd)
}
