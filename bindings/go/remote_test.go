//go:build cgo

package ocireg_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// remoteBlob stores a blob and opens it as a file.
func remoteBlob(t *testing.T, data []byte, options *ocireg.RemoteBlobOptions) (*ocireg.RemoteBlob, *registryV2) {
	t.Helper()
	r := newRegistry(t)
	r.addImage("app", "1", 1)
	r.change(func() { r.blobs[digestOf(data)] = data })
	blob, err := openRepository(t, r, "app").RemoteBlob(context.Background(), digestOf(data), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blob.Close() })
	return blob, r
}

func randomBytes(size int) []byte {
	source, data := rand.NewChaCha8([32]byte{1}), make([]byte, size)
	_, _ = source.Read(data)
	return data
}

func TestRemoteBlob(t *testing.T) {
	data := randomBytes(100_000)
	blob, r := remoteBlob(t, data, nil)
	size, err := blob.Size()
	if err != nil || size != int64(len(data)) {
		t.Fatal(size, err)
	}
	if err := iotest.TestReader(io.NewSectionReader(blob, 0, 2000), data[:2000]); err != nil {
		t.Error(err)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for j := range 20 {
				p, offset := make([]byte, 1000), int64(i*7919+j*3571)%99_000
				if n, err := blob.ReadAt(p, offset); err != nil || !bytes.Equal(p[:n], data[offset:offset+1000]) {
					t.Errorf("%d bytes at %d: %v", n, offset, err)
				}
			}
		}()
	}
	wait.Wait()
	p := make([]byte, 10)
	if n, err := blob.ReadAt(p, size-3); n != 3 || err != io.EOF {
		t.Error(n, err)
	}
	if n, err := blob.ReadAt(p, size); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if _, err := blob.ReadAt(p, -1); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Error(err)
	}
	r.change(func() {
		r.blobFault = func(w http.ResponseWriter, _ *http.Request, data []byte) bool {
			_, _ = w.Write(data)
			return true
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := blob.ReadAtContext(ctx, p, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	blob.Close()
	if _, err := blob.ReadAt(p, 0); err == nil {
		t.Error("a closed blob was read")
	}
}

func TestRemoteBlobOfAZipFile(t *testing.T) {
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for i := range 20 {
		f, err := w.Create(fmt.Sprintf("file-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "content %d", i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	blob, _ := remoteBlob(t, file.Bytes(), nil)
	size, err := blob.Size()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(blob, size)
	if err != nil {
		t.Fatal(err)
	}
	f, err := archive.Open("file-7")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(f); err != nil || string(text) != "content 7" {
		t.Error(string(text), err)
	}
}

func TestRemoteBlobVerifiesChunks(t *testing.T) {
	data := randomBytes(5000)
	options := &ocireg.RemoteBlobOptions{Size: int64(len(data))}
	for offset := int64(0); offset < options.Size; offset += 1000 {
		options.Chunks = append(options.Chunks,
			ocireg.Chunk{Offset: offset, Size: 1000, Digest: digestOf(data[offset : offset+1000])})
	}
	blob, r := remoteBlob(t, data, options)
	p := make([]byte, 100)
	if _, err := blob.ReadAt(p, 950); err != nil || !bytes.Equal(p, data[950:1050]) {
		t.Error(err)
	}
	damaged := bytes.Clone(data)
	damaged[3500] ^= 1
	r.change(func() { r.blobs[digestOf(data)] = damaged })
	var failure *ocireg.Error
	if _, err := blob.ReadAt(p, 3000); !errors.As(err, &failure) || failure.What != "chunk" {
		t.Error(err)
	}
}

func TestAuthorize(t *testing.T) {
	r, service := privateRegistry(t, "wonderland"), newService(t)
	ctx := context.Background()
	repository, err := service.OpenRepository(ctx, r.host+"/app", &ocireg.OpenOptions{Auth: alice("wonderland")})
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	authorization, err := repository.Authorize(ctx, "GET", "tags/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", authorization, authorization, *authorization); strings.Contains(text, "Basic") {
		t.Error("a secret is printed: ", text)
	}
	request, err := http.NewRequest("GET", authorization.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range authorization.Header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Error(response, err)
	}
	response.Body.Close()
	if _, err := repository.Authorize(ctx, "GET", "../other/tags/list", nil); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Error(err)
	}
}
