//go:build cgo

package ocireg_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func openToPush(t testing.TB, r *registryV2, name string) *ocireg.Repository {
	t.Helper()
	options := &ocireg.OpenOptions{Actions: []string{"pull", "push"}}
	repository, err := newService(t).OpenRepository(t.Context(), r.host+"/"+name, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repository.Close() })
	return repository
}

func TestPutBlob(t *testing.T) {
	r := newRegistry(t)
	repository := openToPush(t, r, "app")
	content := bytes.Repeat([]byte("0123456789"), 1000)
	w, err := repository.PutBlob(t.Context(), &ocireg.PutBlobOptions{ChunkSize: 4096, MediaType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n, err := io.Copy(w, bytes.NewReader(content)); n != int64(len(content)) || err != nil {
		t.Fatal(n, err)
	}
	if n, err := w.Write(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
	blob, err := w.Commit(&ocireg.CommitOptions{Digest: digestOf(content), Size: int64(len(content))})
	if err != nil {
		t.Fatal(err)
	}
	if blob.Digest != digestOf(content) || blob.Size != int64(len(content)) || blob.MediaType != "text/plain" {
		t.Error(blob)
	}
	r.change(func() {
		if !bytes.Equal(r.blobs[blob.Digest], content) {
			t.Error("the registry has something else")
		}
		if !slices.ContainsFunc(r.requests, func(q string) bool { return strings.HasPrefix(q, "PATCH ") }) {
			t.Error("no chunk was sent")
		}
	})
	if _, err := w.Commit(nil); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}

	mounted, err := repository.MountBlob(t.Context(), blob.Digest, "other")
	if mounted != nil || err != nil {
		t.Error(mounted, err)
	}
	begun, err := repository.MountBlob(t.Context(), digestOf(nil), "other")
	if begun == nil || err != nil {
		t.Fatal(begun, err)
	}
	if err := begun.Abort(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := begun.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := begun.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestPutBlobRefused(t *testing.T) {
	r := newRegistry(t)
	if _, err := openRepository(t, r, "app").PutBlob(t.Context(), nil); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	w, err := openToPush(t, r, "app").PutBlob(t.Context(), &ocireg.PutBlobOptions{Digest: digestOf(nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	for range 2 { // The failure stays.
		if _, err := w.Commit(nil); !errors.Is(err, ocireg.ErrDigestMismatch) {
			t.Errorf("%v", err)
		}
	}
}

func TestCloseWhileWriting(t *testing.T) {
	r := newRegistry(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	r.change(func() { r.holdUpload = hold })
	w, err := openToPush(t, r, "app").PutBlob(t.Context(), &ocireg.PutBlobOptions{ChunkSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { w.Close() })
	promptly(t, func() {
		if _, err := w.Write(make([]byte, 100)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}
