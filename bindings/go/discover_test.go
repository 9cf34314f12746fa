//go:build cgo

package ocireg_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func openToChange(t *testing.T, r *registryV2) *ocireg.Repository {
	t.Helper()
	repository, err := newService(t).OpenRepository(t.Context(), r.host+"/team/app", &ocireg.OpenOptions{
		Actions: []string{"pull", "push", "delete"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repository.Close() })
	return repository
}

func TestManifestsAreStoredAndDeleted(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000)
	repository := openToChange(t, r)
	manifest, err := repository.GetManifest(t.Context(), "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := repository.PutManifest(t.Context(), "v2", "", manifest.Data, &ocireg.PutManifestOptions{Tags: []string{"v3"}})
	if err != nil || stored.Digest != image.Digest || stored.Size != int64(len(manifest.Data)) || stored.Subject != "" {
		t.Fatalf("%+v, %v", stored, err)
	}
	for _, tag := range []string{"v2", "v3"} {
		if found, err := repository.HeadManifest(t.Context(), tag, nil); err != nil || found.Digest != image.Digest {
			t.Errorf("%s: %+v, %v", tag, found, err)
		}
	}
	_, err = repository.PutManifest(t.Context(), digestOf(nil), "", manifest.Data, nil)
	if !errors.Is(err, ocireg.ErrDigestMismatch) {
		t.Error(err)
	}
	if err := repository.DeleteManifest(t.Context(), "v3"); err != nil {
		t.Error(err)
	}
	if _, err := repository.HeadManifest(t.Context(), "v3", nil); !errors.Is(err, ocireg.ErrNotFound) {
		t.Error(err)
	}
	if err := repository.DeleteManifest(t.Context(), "none"); !errors.Is(err, ocireg.ErrNotFound) {
		t.Error(err)
	}
}

func TestReferrersAreFoundByTheirSubject(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000)
	repository := openToChange(t, r)
	signature, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "artifactType": "application/vnd.example.signature",
		"config": r.addBlob([]byte("{}")), "layers": []any{}, "subject": image,
	})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := repository.PutManifest(t.Context(), "", manifestType, signature, nil)
	if err != nil || stored.SubjectTag == "" {
		t.Fatalf("%+v, %v", stored, err)
	}
	list, err := repository.Referrers(t.Context(), image.Digest, nil)
	if err != nil || len(list.Manifests) != 1 || list.Manifests[0].Digest != stored.Digest || list.Source != "tag" || list.Raw == nil {
		t.Errorf("%+v, %v", list, err)
	}
	list, err = repository.Referrers(t.Context(), image.Digest, &ocireg.ReferrersOptions{ArtifactType: "text/plain"})
	if err != nil || len(list.Manifests) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestBlobsGoThroughDescriptors(t *testing.T) {
	r := newRegistry(t)
	r.addImage("team/app", "v1", 1000)
	repository := openToChange(t, r)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := writer.WriteString("a blob from a pipe"); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	put, err := repository.PutBlobFD(t.Context(), int(reader.Fd()), nil)
	if err != nil || put.Digest != digestOf([]byte("a blob from a pipe")) || put.Size != 18 {
		t.Fatalf("%+v, %v", put, err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("head"); err != nil {
		t.Fatal(err)
	}
	got, err := repository.GetBlobFD(t.Context(), put.Digest, int(file.Fd()), &ocireg.GetBlobFDOptions{Size: 18})
	if err != nil || got.BytesTransferred != 18 {
		t.Errorf("%+v, %v", got, err)
	}
	if content, err := os.ReadFile(file.Name()); string(content) != "heada blob from a pipe" {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := repository.GetBlobFD(t.Context(), put.Digest, 1<<40, nil); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestBlobsAreFiles(t *testing.T) {
	r := newRegistry(t)
	r.addImage("team/app", "v1", 1000)
	repository := openToChange(t, r)
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, []byte("a blob from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	put, err := repository.PutBlobFile(t.Context(), path, &ocireg.PutBlobFileOptions{MediaType: "text/plain"})
	if err != nil || put.Digest != digestOf([]byte("a blob from a file")) || put.MediaType != "text/plain" ||
		put.Existed || put.BytesTransferred != 18 {
		t.Fatalf("%+v, %v", put, err)
	}
	got, err := repository.GetBlobFile(t.Context(), put.Digest, path+"2", nil)
	if err != nil || got.Existed || got.BytesTransferred != 18 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = repository.GetBlobFile(t.Context(), put.Digest, path, nil); err != nil || !got.Existed {
		t.Errorf("%+v, %v", got, err)
	}
	if err := repository.DeleteBlob(t.Context(), put.Digest); err != nil {
		t.Error(err)
	}
	if _, err := repository.HeadBlob(t.Context(), put.Digest); !errors.Is(err, ocireg.ErrNotFound) {
		t.Error(err)
	}
}
