//go:build cgo

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// layerOf makes an archive of these entries.
func layerOf(t *testing.T, entries ...*tar.Header) []byte {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, header := range entries {
		content := strings.Repeat(header.Name+"\n", int(header.Size))
		header.Size, header.Mode = int64(len(content)), header.Mode|0o644
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}

func regular(name string, lines int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: lines}
}

func TestImageFS(t *testing.T) {
	lower := layerOf(t, &tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, regular("etc/motd", 3),
		regular("etc/old", 1), regular("var/cache/a", 1), regular("usr/large", 100_000),
		&tar.Header{Name: "etc/link", Typeflag: tar.TypeSymlink, Linkname: "../usr/large"})
	upper := layerOf(t, regular("etc/.wh.old", 0), regular("var/cache/.wh..wh..opq", 0), regular("var/cache/b", 2),
		&tar.Header{Name: "usr/hard", Typeflag: tar.TypeLink, Linkname: "usr/large"}, regular("./etc/new", 1))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(upper)
	_ = z.Close()
	blobs := map[string][]byte{}
	var layers []ocireg.Descriptor
	for _, layer := range []struct {
		mediaType string
		data      []byte
	}{
		{"application/vnd.oci.image.layer.v1.tar", lower},
		{"application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes()},
	} {
		sum := sha256.Sum256(layer.data)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		blobs[digest] = layer.data
		layers = append(layers, ocireg.Descriptor{MediaType: layer.mediaType, Digest: digest, Size: int64(len(layer.data))})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if data, ok := blobs[path.Base(r.URL.Path)]; ok {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		} else if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	service, err := ocireg.NewService(ocireg.ServiceOptions{DockerConfig: ocireg.Nowhere})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	ctx := context.Background()
	repository, err := service.OpenRepository(ctx, strings.TrimPrefix(server.URL, "http://")+"/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	files, err := openImage(ctx, repository, layers)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"etc/motd":    strings.Repeat("etc/motd\n", 3),
		"etc/link":    strings.Repeat("usr/large\n", 100_000),
		"usr/hard":    strings.Repeat("usr/large\n", 100_000),
		"etc/new":     "./etc/new\n",
		"var/cache/b": strings.Repeat("var/cache/b\n", 2),
	} {
		if data, err := fs.ReadFile(files, name); err != nil || string(data) != content {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	for _, name := range []string{"etc/old", "var/cache/a", "etc/.wh.old", "none"} {
		if _, err := files.Open(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	var listed []string
	_ = fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		listed = append(listed, name)
		return err
	})
	expected := ". etc etc/link etc/motd etc/new usr usr/hard usr/large var var/cache var/cache/b"
	if got := strings.Join(listed, " "); got != expected {
		t.Errorf("%s", got)
	}
	sub, err := fs.Sub(files, "var")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sub, "cache/b"); err != nil {
		t.Error(err)
	}
}
