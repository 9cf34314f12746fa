//go:build cgo

package ocireg_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func TestRepository(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000)
	r.addImage("team/app", "v2", 2000)
	service := newService(t)
	repository, err := service.OpenRepository(t.Context(), r.host+"/team/app:v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()

	id, err := repository.ID()
	if err != nil || len(id) != 64 {
		t.Errorf("%q, %v", id, err)
	}
	info, err := repository.Info()
	if err != nil || info.Protocol != "v2" || info.Repository != "team/app" || !strings.Contains(info.Endpoint, r.host) ||
		info.Reference != r.host+"/team/app:v1" || info.Raw == nil {
		t.Errorf("%+v, %v", info, err)
	}
	if ping, err := repository.Ping(t.Context()); err != nil || !ping.Confirmed {
		t.Errorf("%+v, %v", ping, err)
	}
	tags, err := repository.ListTags(t.Context(), nil)
	if err != nil || !reflect.DeepEqual(tags.Tags, []string{"v1", "v2"}) || tags.Name != "team/app" {
		t.Errorf("%+v, %v", tags, err)
	}
	for _, what := range []string{"", "v1", image.Digest} {
		head, err := repository.HeadManifest(t.Context(), what, nil)
		if err != nil || head.Digest != image.Digest || head.Size != image.Size || head.MediaType != manifestType {
			t.Errorf("%q: %+v, %v", what, head, err)
		}
		manifest, err := repository.GetManifest(t.Context(), what, &ocireg.ManifestOptions{MaxSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if manifest.Descriptor.Digest != image.Digest || digestOf(manifest.Data) != image.Digest {
			t.Errorf("%q: %+v", what, manifest)
		}
	}
	_, err = repository.GetManifest(t.Context(), "", &ocireg.ManifestOptions{
		Extra: ocireg.Extra{"max_size": json.RawMessage(`"big"`)}})
	if err == nil {
		t.Error("a text is a number")
	}

	endpoints, err := service.LookupPullEndpoints(r.host)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := service.NewEndpoint(endpoints[1])
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	registry, err := endpoint.NewRegistry(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	if ping, err := registry.Ping(t.Context()); err != nil || ping.Protocol != "v2" {
		t.Errorf("%+v, %v", ping, err)
	}
	again, err := registry.Repository("team/app")
	if err != nil {
		t.Fatal(err)
	}
	if head, err := again.HeadManifest(t.Context(), "v1", nil); err != nil || head.Digest != image.Digest {
		t.Errorf("%+v, %v", head, err)
	}
	again.Close()
	if _, err := again.ListTags(t.Context(), nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	r := newRegistry(t)
	r.change(func() { r.user, r.password = "user", "pässword" })
	r.addImage("app", "latest", 100)
	o := options()
	o.AllowPlainHTTPCredentials = []string{r.host}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	head := func(auth *ocireg.AuthConfig) error {
		repository, err := service.OpenRepository(t.Context(), r.host+"/app", &ocireg.OpenOptions{Auth: auth})
		if err != nil {
			return err
		}
		defer repository.Close()
		_, err = repository.HeadManifest(t.Context(), "", nil)
		return err
	}
	if err := head(&ocireg.AuthConfig{Username: r.user, Password: r.password}); err != nil {
		t.Errorf("right: %v", err)
	}
	for _, auth := range []*ocireg.AuthConfig{{Username: r.user, Password: "wrong-secret"}, {}, nil} {
		err := head(auth)
		if !errors.Is(err, ocireg.ErrUnauthorized) || strings.Contains(err.Error(), "wrong-secret") {
			t.Errorf("%+v: %v", auth, err)
		}
	}
}

func TestErrors(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 100)
	repository := openRepository(t, r, "app")
	_, err := repository.GetManifest(t.Context(), "absent", nil)
	var e *ocireg.Error
	if !errors.Is(err, ocireg.ErrNotFound) || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ocireg.ErrRepoNotFound) ||
		!errors.As(err, &e) || e.HTTPStatus != 404 || e.Errors[0].Code != "MANIFEST_UNKNOWN" || e.Host != r.host ||
		e.Retryable || e.Code.String() != e.Name {
		t.Errorf("%+v", err)
	}
	document := map[string]any{}
	text, err := json.Marshal(e)
	if err != nil || json.Unmarshal(text, &document) != nil || document["name"] != "NOT_FOUND" {
		t.Errorf("%s, %v", text, err)
	}
	_, err = openRepository(t, r, "other").GetManifest(t.Context(), "latest", nil)
	if !errors.Is(err, ocireg.ErrRepoNotFound) || !errors.Is(err, ocireg.ErrNotFound) {
		t.Errorf("repository: %v", err)
	}
	_, err = repository.OpenBlob(t.Context(), "sha256:beef", nil)
	if !errors.Is(err, ocireg.ErrInvalidDigest) {
		t.Errorf("digest: %v", err)
	}
	_, err = repository.OpenBlob(t.Context(), digestOf(nil), &ocireg.BlobOptions{Offset: -1})
	if !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("offset: %v", err)
	}
	r.change(func() { r.status = http.StatusTooManyRequests })
	_, err = repository.GetManifest(t.Context(), "latest", nil)
	if !errors.Is(err, ocireg.ErrRateLimited) || !errors.As(err, &e) || e.RetryAfter != time.Hour || !e.Temporary() {
		t.Errorf("rate: %v", err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, err = newService(t).OpenRepository(t.Context(), address+"/x", nil)
	if !errors.Is(err, ocireg.ErrConnect) || !errors.As(err, &e) || len(e.Attempts) != 2 || e.Attempts[0].Code == 0 {
		t.Errorf("connect: %v", err)
	}
	_, err = newService(t).OpenRepository(t.Context(), "nowhere.example/x", nil)
	if !errors.Is(err, ocireg.ErrNameNotResolved) || !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), e.Hint) {
		t.Errorf("name: %v", err)
	}

	// A phase that was too slow is a timeout of net.
	o := options()
	o.Timeouts = &ocireg.Timeouts{TLS: 50 * time.Millisecond, Header: 50 * time.Millisecond}
	o.Retry.MaxAttempts = 1
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	_, err = service.OpenRepository(t.Context(), silence(t)+"/x", nil)
	var slow net.Error
	if !errors.Is(err, ocireg.ErrTimeout) || !errors.As(err, &slow) || !slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
}

func TestRepositoriesAreOfV2(t *testing.T) {
	service := newService(t)
	_, err := service.OpenRepository(t.Context(), "127.0.0.1:1/app", &ocireg.OpenOptions{Protocol: "v1"})
	var refused *ocireg.Error
	if !errors.As(err, &refused) || refused.Code != ocireg.CodeInvalidArgument || refused.Argument != "protocol" {
		t.Errorf("%v", err)
	}
}

func TestPingResponseError(t *testing.T) {
	var e ocireg.Error
	if err := json.Unmarshal([]byte(`{"code":48,"name":"PROTOCOL","message":"m","phase":"ping","retryable":false}`), &e); err != nil {
		t.Fatal(err)
	}
	var ping ocireg.PingResponseError
	if !errors.As(error(&e), &ping) || ping.Err != error(&e) || !errors.Is(ping, ocireg.ErrProtocol) {
		t.Errorf("%+v", ping)
	}
	e.Phase = "body"
	if errors.As(error(&e), &ping) {
		t.Error("a body is no ping")
	}
}

func TestBlobReader(t *testing.T) {
	r := newRegistry(t)
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	blob := r.addBlob(data)
	repository := openRepository(t, r, "app")
	open := func(options *ocireg.BlobOptions) *ocireg.BlobReader {
		reader, err := repository.OpenBlob(t.Context(), blob.Digest, options)
		if err != nil {
			t.Fatal(err)
		}
		return reader
	}
	reader := open(nil)
	if reader.Size() != int64(len(data)) {
		t.Error(reader.Size())
	}
	if n, err := reader.Read(nil); n != 0 || err != nil {
		t.Errorf("empty: %d, %v", n, err)
	}
	if err := iotest.TestReader(reader, data); err != nil {
		t.Error(err)
	}
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
	for range 2 {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range [][]byte{nil, make([]byte, 1)} {
		if _, err := reader.Read(p); !errors.Is(err, fs.ErrClosed) || err == io.EOF {
			t.Errorf("after Close: %v", err)
		}
	}

	reader = open(&ocireg.BlobOptions{Offset: 999_990})
	defer reader.Close()
	if reader.Size() != int64(len(data)) {
		t.Error(reader.Size())
	}
	var tail bytes.Buffer
	if n, err := io.Copy(&tail, reader); n != 10 || err != nil || tail.String() != "0123456789" {
		t.Errorf("%d, %v, %q", n, err, tail.String())
	}

	reader = open(nil)
	defer reader.Close()
	failing := errors.New("no more")
	if n, err := reader.WriteTo(&failingWriter{failing, 1}); err != failing || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

type failingWriter struct {
	err   error
	after int
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestWrongDigest(t *testing.T) {
	r := newRegistry(t)
	data := bytes.Repeat([]byte("x"), 100_000)
	blob := r.addBlob(data)
	wrong := bytes.Clone(data)
	wrong[50_000] = 'y'
	r.change(func() { r.blobs[blob.Digest] = wrong })
	reader, err := openRepository(t, r, "app").OpenBlob(t.Context(), blob.Digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_, err = io.Copy(io.Discard, reader)
	var e *ocireg.Error
	if !errors.Is(err, ocireg.ErrDigestMismatch) || !errors.As(err, &e) || e.DigestExpected != blob.Digest ||
		e.DigestActual != digestOf(wrong) {
		t.Errorf("%+v", err)
	}
	if _, err := reader.Read(make([]byte, 1)); !errors.Is(err, ocireg.ErrDigestMismatch) {
		t.Errorf("again: %v", err)
	}
}

// archive is a tar archive of one file, with zeros behind its end.
func archive(t testing.TB) []byte {
	t.Helper()
	var made bytes.Buffer
	w := tar.NewWriter(&made)
	err := errors.Join(w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: 5}), onlyError(w.Write([]byte("hello"))), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	return append(made.Bytes(), make([]byte, 200_000)...)
}

func onlyError(_ int, err error) error { return err }

// A tar reader does not read beyond the end of the archive; Verify does.
func TestVerifyReadsWhatATarReaderLeaves(t *testing.T) {
	r := newRegistry(t)
	right := archive(t)
	blob := r.addBlob(right)
	repository := openRepository(t, r, "app")
	unpack := func() *ocireg.BlobReader {
		reader, err := repository.OpenBlob(t.Context(), blob.Digest, nil)
		if err != nil {
			t.Fatal(err)
		}
		files := tar.NewReader(reader)
		header, err := files.Next()
		if err != nil || header.Name != "file" {
			t.Fatal(header, err)
		}
		if content, err := io.ReadAll(files); string(content) != "hello" || err != nil {
			t.Fatal(content, err)
		}
		if _, err := files.Next(); err != io.EOF {
			t.Fatal(err)
		}
		return reader
	}
	reader := unpack()
	for range 2 {
		if err := reader.Verify(); err != nil {
			t.Error(err)
		}
	}
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after Verify: %d, %v", n, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if err := reader.Verify(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	changed := bytes.Clone(right)
	changed[len(changed)-1] = 'x'
	r.change(func() { r.blobs[blob.Digest] = changed })
	reader = unpack() // It cannot know.
	for range 2 {
		if err := reader.Verify(); !errors.Is(err, ocireg.ErrDigestMismatch) {
			t.Error(err)
		}
	}
	if err := reader.Close(); err != nil {
		t.Errorf("its reason is known: %v", err)
	}
	if err := unpack().Close(); !errors.Is(err, ocireg.ErrNotVerified) {
		t.Error(err)
	}
}

func TestCloseBeforeTheEnd(t *testing.T) {
	r := newRegistry(t)
	data := make([]byte, 300_000)
	blob := r.addBlob(data)
	repository := openRepository(t, r, "app")
	for name, c := range map[string]struct {
		use  func(*ocireg.BlobReader) error
		want error
	}{
		"nothing was read":         {func(*ocireg.BlobReader) error { return nil }, nil},
		"some was read":            {func(b *ocireg.BlobReader) error { return onlyError(b.Read(make([]byte, 10))) }, ocireg.ErrNotVerified},
		"all but the end was read": {func(b *ocireg.BlobReader) error { return onlyError(io.ReadFull(b, make([]byte, len(data)))) }, ocireg.ErrNotVerified},
		"the end was read":         {func(b *ocireg.BlobReader) error { _, err := io.Copy(io.Discard, b); return err }, nil},
		"it was verified":          {(*ocireg.BlobReader).Verify, nil},
	} {
		reader, err := repository.OpenBlob(t.Context(), blob.Digest, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.use(reader); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := reader.Close(); err != c.want {
			t.Errorf("%s: Close gives %v", name, err)
		}
		if err := reader.Close(); err != nil {
			t.Errorf("%s: Close again gives %v", name, err)
		}
	}
}

// promptly fails the test if f takes longer than a cancelled call may.
func promptly(t testing.TB, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func stallingBlob(t testing.TB) (*ocireg.Repository, string) {
	t.Helper()
	r := newRegistry(t)
	blob := r.addBlob(make([]byte, 1_000_000))
	r.change(func() { r.blobFault = stallAfter(100_000, nil) })
	return openRepository(t, r, "app"), blob.Digest
}

func TestCancelWhileReading(t *testing.T) {
	repository, digest := stallingBlob(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reader, err := repository.OpenBlob(ctx, digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	why := errors.New("the user has gone")
	time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
	promptly(t, func() {
		n, err := io.Copy(io.Discard, reader)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || n != 100_000 || !strings.Contains(err.Error(), why.Error()) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestDeadlineWhileReading(t *testing.T) {
	repository, digest := stallingBlob(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	reader, err := repository.OpenBlob(ctx, digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	promptly(t, func() {
		_, err := io.Copy(io.Discard, reader)
		var e *ocireg.Error
		var slow net.Error
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || !errors.As(err, &e) ||
			e.Code != ocireg.CodeDeadline || !errors.As(err, &slow) || !slow.Timeout() {
			t.Errorf("%v", err)
		}
	})
	_, err = repository.OpenBlob(ctx, digest, nil)
	var e *ocireg.Error
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Code != ocireg.CodeDeadline {
		t.Errorf("a context that is over: %v", err)
	}
}

func TestCloseWhileReading(t *testing.T) {
	repository, digest := stallingBlob(t)
	reader, err := repository.OpenBlob(context.Background(), digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := io.Copy(io.Discard, reader); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%v", err)
			}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	promptly(t, func() {
		var closing sync.WaitGroup
		for range 3 {
			closing.Add(1)
			go func() {
				defer closing.Done()
				reader.Close()
			}()
		}
		closing.Wait()
		group.Wait()
	})
}

func TestCancelWhileOpening(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	promptly(t, func() {
		_, err := newService(t).OpenRepository(ctx, silence(t)+"/x", nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	promptly(t, func() {
		_, err := newService(t).OpenRepository(ctx, silence(t)+"/x", nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestReadersConcurrently(t *testing.T) {
	r := newRegistry(t)
	repository := openRepository(t, r, "app")
	var group sync.WaitGroup
	for i := range 8 {
		data := bytes.Repeat([]byte{byte(i)}, 300_000+i)
		blob := r.addBlob(data)
		group.Add(1)
		go func() {
			defer group.Done()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			for range 5 {
				reader, err := repository.OpenBlob(ctx, blob.Digest, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(reader)
				reader.Close()
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				runtime.GC()
			}
		}()
	}
	group.Wait()
}
