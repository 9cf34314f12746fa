//go:build cgo

package ocireg_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func TestPull(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000, 500_000, 2_000_000)
	service := newService(t)
	directory := t.TempDir()
	kinds := map[string]bool{}
	last := ocireg.Progress{}
	ctx := ocireg.WithProgress(t.Context(), func(p ocireg.Progress) error {
		kinds[p.Event.Kind] = true
		last = p
		return nil
	})
	report, err := service.Pull(ctx, r.host+"/team/app:v1", "oci:"+directory+":mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Reference != r.host+"/team/app@"+image.Digest || report.Descriptor.Digest != image.Digest ||
		len(report.Blobs) != 4 || report.BytesTransferred != report.BytesTotal || report.BytesTotal < 2_501_000 ||
		report.Endpoint.Mirror || !strings.HasPrefix(report.Endpoint.URL, "http://"+r.host) ||
		report.Destination != "oci:"+directory+":mine" || len(report.Manifests) != 1 || report.Raw == nil {
		t.Errorf("%+v", report)
	}
	tags, blobs := verifyLayout(t, directory)
	if !reflect.DeepEqual(tags, []string{"mine"}) || blobs != 5 {
		t.Errorf("%v, %d blobs", tags, blobs)
	}
	for _, kind := range []string{"start", "blob", "manifest", "finish"} {
		if !kinds[kind] {
			t.Errorf("no event %q among %v", kind, kinds)
		}
	}
	if last.Event.Kind != "finish" || last.Done != last.Total || last.Total != report.BytesTotal {
		t.Errorf("%+v of %d bytes", last, report.BytesTotal)
	}

	before := r.count("GET /v2/team/app/blobs/")
	report, err = service.Pull(t.Context(), r.host+"/team/app:v1", "oci:"+directory+":mine", nil)
	if err != nil || report.BytesTransferred != 0 || report.Blobs[0].Source != "present" {
		t.Errorf("%+v, %v", report, err)
	}
	if after := r.count("GET /v2/team/app/blobs/"); after != before {
		t.Errorf("%d requests for what was there", after-before)
	}
}

func TestPullVersionsOfWindows(t *testing.T) {
	r := newRegistry(t)
	platforms := map[string]*ocireg.Platform{
		"windows(10.0.17763.1)/amd64":          {OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763.1"},
		"windows(10.0.20348.1+a+win32k)/amd64": {OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1", OSFeatures: []string{"a", "win32k"}},
		"linux(+a)/arm/v7":                     {OS: "linux", Architecture: "arm", Variant: "v7", OSFeatures: []string{"a"}},
	}
	var children []ocireg.Descriptor
	for _, platform := range platforms {
		child := r.addImage("app", "", 1000+len(children))
		child.Platform = platform
		children = append(children, child)
	}
	r.addManifest("app", "latest", indexType, map[string]any{
		"schemaVersion": 2, "mediaType": indexType, "manifests": children,
	})
	service := newService(t)
	for text, platform := range platforms {
		options := &ocireg.PullOptions{Platform: text}
		report, err := service.Pull(t.Context(), r.host+"/app", "oci:"+t.TempDir(), options)
		if err != nil {
			t.Fatal(text, err)
		}
		if !reflect.DeepEqual(report.Platform, platform) || report.Platform.String() != text {
			t.Errorf("%s: %+v", text, report.Platform)
		}
	}
}

func TestPullPlatforms(t *testing.T) {
	r := newRegistry(t)
	children := []ocireg.Descriptor{}
	for i, platform := range []ocireg.Platform{
		{OS: "linux", Architecture: runtime.GOARCH}, {OS: "linux", Architecture: "s390x"},
	} {
		child := r.addImage("app", "", 1000+i)
		child.Platform = &platform
		children = append(children, child)
	}
	index := r.addManifest("app", "latest", indexType, map[string]any{
		"schemaVersion": 2, "mediaType": indexType, "manifests": children,
	})
	service := newService(t)
	pull := func(options *ocireg.PullOptions) (*ocireg.PullReport, string) {
		directory := t.TempDir()
		report, err := service.Pull(t.Context(), r.host+"/app", "oci:"+directory, options)
		if err != nil {
			t.Fatal(err)
		}
		verifyLayout(t, directory)
		return report, directory
	}
	report, _ := pull(nil)
	if report.Platform.String() != "linux/"+runtime.GOARCH || report.Descriptor.Digest != children[0].Digest {
		t.Errorf("%+v", report)
	}
	report, _ = pull(&ocireg.PullOptions{Platform: "linux/s390x"})
	if report.Platform.String() != "linux/s390x" || report.Descriptor.Digest != children[1].Digest {
		t.Errorf("%+v", report)
	}
	report, _ = pull(&ocireg.PullOptions{AllPlatforms: true})
	if report.Descriptor.Digest != index.Digest || len(report.Manifests) != 3 {
		t.Errorf("%+v", report)
	}
	_, err := service.Pull(t.Context(), r.host+"/app", "oci:"+t.TempDir(), &ocireg.PullOptions{Platform: "linux/mips"})
	if !errors.Is(err, ocireg.ErrNoPlatform) {
		t.Error(err)
	}

	inspection, err := service.Inspect(t.Context(), r.host+"/app", nil)
	if err != nil || inspection.Kind != "index" || inspection.Descriptor.Digest != index.Digest ||
		len(inspection.Platforms) != 2 || inspection.Platforms[1].Platform.String() != "linux/s390x" ||
		len(inspection.Layers) != 1 || inspection.Config == nil || inspection.Endpoint.URL == "" || inspection.Raw == nil {
		t.Errorf("%+v, %v", inspection, err)
	}
	no := false
	inspection, err = service.Inspect(t.Context(), r.host+"/app", &ocireg.InspectOptions{Config: &no, Layers: &no})
	if err != nil || inspection.Layers != nil || inspection.Config != nil || inspection.Manifest == nil {
		t.Errorf("%+v, %v", inspection, err)
	}
}

func TestPullIsCut(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 3_000_000)
	r.change(func() { r.blobFault = cutOnce(1_000_000) })
	directory := t.TempDir()
	report, err := newService(t).Pull(t.Context(), r.host+"/app", "oci:"+directory, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifyLayout(t, directory)
	if blob := report.Blobs[len(report.Blobs)-1]; blob.Retries == 0 {
		t.Errorf("%+v", blob)
	}
	// Half of the blob is transferred twice only if the pull started over.
	if report.BytesTransferred > report.BytesTotal+100_000 {
		t.Errorf("%d of %d bytes", report.BytesTransferred, report.BytesTotal)
	}
}

// A cancelled pull leaves nothing under a final name, and the next pull resumes it.
func TestPullIsCancelled(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 3_000_000)
	reached := make(chan struct{}, 1)
	r.change(func() { r.blobFault = stallAfter(1_500_000, reached) })
	directory := t.TempDir()
	service := newService(t)
	ctx, cancel := context.WithCancel(t.Context())
	var cancelled time.Time
	go func() {
		<-reached
		time.Sleep(300 * time.Millisecond) // What was sent arrives meanwhile.
		cancelled = time.Now()
		cancel()
	}()
	_, err := service.Pull(ctx, r.host+"/app", "oci:"+directory, nil)
	if !errors.Is(err, context.Canceled) || time.Since(cancelled) > time.Second {
		t.Errorf("%v after %v", err, time.Since(cancelled))
	}
	promptly(t, func() {
		if _, err := service.Pull(ctx, r.host+"/app", "oci:"+directory, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	if _, err := os.Stat(filepath.Join(directory, "index.json")); err == nil {
		if tags, _ := verifyLayout(t, directory); len(tags) != 0 {
			t.Error(tags)
		}
	}
	r.change(func() { r.blobFault = nil })
	report, err := service.Pull(t.Context(), r.host+"/app", "oci:"+directory, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifyLayout(t, directory)
	if blob := report.Blobs[len(report.Blobs)-1]; blob.ResumedFrom == 0 || blob.Source != "resumed" {
		t.Errorf("%+v", blob)
	}
}

func TestPullFails(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 100_000)
	service := newService(t)
	r.change(func() {
		for digest, data := range r.blobs {
			if len(data) == 100_000 {
				r.blobs[digest] = bytes.Repeat([]byte("w"), len(data))
			}
		}
	})
	directory := t.TempDir()
	if _, err := service.Pull(t.Context(), r.host+"/app", "oci:"+directory, nil); !errors.Is(err, ocireg.ErrDigestMismatch) {
		t.Errorf("digest: %v", err)
	}
	if _, err := os.Stat(filepath.Join(directory, "index.json")); err == nil {
		if tags, _ := verifyLayout(t, directory); len(tags) != 0 {
			t.Error(tags)
		}
	}
	if _, err := service.Pull(t.Context(), r.host+"/absent", "oci:"+directory, nil); !errors.Is(err, ocireg.ErrRepoNotFound) {
		t.Errorf("absent: %v", err)
	}
	if _, err := service.Pull(t.Context(), r.host+"/app", "nothing:here", nil); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("destination: %v", err)
	}
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *ocireg.Error
	if _, err := service.Pull(t.Context(), r.host+"/app", "oci:"+file+"/below", nil); !errors.As(err, &e) || e.Phase != "store" {
		t.Errorf("no directory: %v", err)
	}
	r.change(func() { r.status = http.StatusInternalServerError })
	if _, err := service.Pull(t.Context(), r.host+"/app", "oci:"+directory, nil); !errors.Is(err, ocireg.ErrServer) {
		t.Errorf("server: %v", err)
	}
	service.Close()
	if _, err := service.Pull(t.Context(), r.host+"/app", "oci:"+directory, nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestProgressStops(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 500_000)
	service := newService(t)
	enough := errors.New("enough")
	calls := 0
	ctx := ocireg.WithProgress(context.Background(), func(ocireg.Progress) error {
		calls++
		return fmt.Errorf("at call %d: %w", calls, enough)
	})
	_, err := service.Pull(ctx, r.host+"/app", "oci:"+t.TempDir(), nil)
	var e *ocireg.Error
	if !errors.Is(err, enough) || !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.CancelledBy != "progress" || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

func TestProgressPanics(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 500_000)
	service := newService(t)
	for _, value := range []any{"oh no", nil} {
		func() {
			defer func() {
				got := recover()
				if _, isNil := got.(*runtime.PanicNilError); got != value && !(value == nil && isNil) {
					t.Errorf("%v came out of %v", got, value)
				}
			}()
			ctx := ocireg.WithProgress(context.Background(), func(ocireg.Progress) error { panic(value) })
			_, err := service.Pull(ctx, r.host+"/app", "oci:"+t.TempDir(), nil)
			t.Errorf("no panic, but %v", err)
		}()
	}
	// A program that recovers can continue.
	if _, err := service.Pull(context.Background(), r.host+"/app", "oci:"+t.TempDir(), nil); err != nil {
		t.Error(err)
	}
}

// A call that waits still reports progress, so that it can be stopped.
func TestProgressTicks(t *testing.T) {
	enough := errors.New("enough")
	ctx := ocireg.WithProgress(context.Background(), func(p ocireg.Progress) error {
		if p.Event.Kind == "tick" {
			return enough
		}
		return nil
	})
	_, err := newService(t).OpenRepository(ctx, silence(t)+"/x", nil)
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// After the progress function has stopped a read, or panicked, the reader can still be used.
func TestProgressOfReader(t *testing.T) {
	repository, digest := stallingBlob(t)
	ticks := 0
	ctx := ocireg.WithProgress(context.Background(), func(p ocireg.Progress) error {
		if p.Event.Kind != "tick" {
			return nil
		}
		if ticks++; ticks == 3 {
			panic("third tick")
		}
		return fmt.Errorf("tick %d", ticks)
	})
	reader, err := repository.OpenBlob(ctx, digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, want := range []string{"tick 1", "tick 2", "third tick", "tick 4"} {
		func() {
			defer func() {
				if got := recover(); got != nil && got != want {
					t.Errorf("%v, not %s", got, want)
				}
			}()
			n, err := reader.WriteTo(&bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, context.Canceled) {
				t.Errorf("%d, %v, not %s", n, err, want)
			}
		}()
	}
}

// descriptors counts what the process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 200 {
		if holds() {
			return
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("not in two seconds: " + what)
}

func TestNothingIsLeftBehind(t *testing.T) {
	r := newRegistry(t)
	r.addImage("app", "latest", 100_000)
	blob := r.addBlob(make([]byte, 300_000))
	r.change(func() { r.blobFault = stallAfter(200_000, nil) })
	work := func() {
		service, err := ocireg.NewService(options())
		if err != nil {
			t.Fatal(err)
		}
		repository, err := service.OpenRepository(t.Context(), r.host+"/app", nil)
		if err != nil {
			t.Fatal(err)
		}
		service.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ctx = ocireg.WithProgress(ctx, func(ocireg.Progress) error { return nil })
		reader, err := repository.OpenBlob(ctx, blob.Digest, nil)
		if err != nil {
			t.Fatal(err)
		}
		repository.Close()
		var group sync.WaitGroup
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := reader.WriteTo(&bytes.Buffer{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}()
		group.Wait()
		reader.Close()
	}
	work()
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	for range 5 {
		work()
	}
	eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	eventually(t, "the descriptors are closed", func() bool { return descriptors(t) <= open+1 })
}

// What was not closed is freed once it can no longer be used, including the progress function.
func TestForgotten(t *testing.T) {
	r := newRegistry(t)
	blob := r.addBlob(make([]byte, 300_000))
	r.change(func() { r.blobFault = stallAfter(200_000, nil) })
	open := descriptors(t)
	collected := make(chan struct{})
	func() {
		type witness struct{ calls *int }
		seen := &witness{new(int)}
		runtime.AddCleanup(seen, func(c chan struct{}) { close(c) }, collected)
		ctx := ocireg.WithProgress(context.Background(), func(ocireg.Progress) error { *seen.calls++; return nil })
		service, err := ocireg.NewService(options())
		if err != nil {
			t.Fatal(err)
		}
		repository, err := service.OpenRepository(ctx, r.host+"/app", nil)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := repository.OpenBlob(ctx, blob.Digest, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}()
	eventually(t, "the progress function is collected", func() bool {
		select {
		case <-collected:
			return true
		default:
			return false
		}
	})
	// The test's server holds the other end of the connection.
	eventually(t, "the descriptors are closed", func() bool { return descriptors(t) <= open+2 })
}

func TestPush(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000, 500_000)
	service := newService(t)
	layout := "oci:" + t.TempDir() + ":mine"
	if _, err := service.Pull(t.Context(), r.host+"/team/app:v1", layout, nil); err != nil {
		t.Fatal(err)
	}
	other := newRegistry(t)
	var last ocireg.Progress
	ctx := ocireg.WithProgress(t.Context(), func(p ocireg.Progress) error {
		last = p
		return nil
	})
	report, err := service.Push(ctx, layout, other.host+"/copies/app:v1", &ocireg.PushOptions{Tags: []string{"stable"}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Descriptor.Digest != image.Digest || report.Reference != other.host+"/copies/app@"+image.Digest ||
		report.BytesTransferred != report.BytesTotal || report.BytesTotal < 501_000 || len(report.Blobs) != 3 ||
		!reflect.DeepEqual(report.Tags, []string{"v1", "stable"}) || report.Raw == nil ||
		!strings.HasPrefix(report.Endpoint.URL, "http://"+other.host) {
		t.Errorf("%+v", report)
	}
	if last.Done != last.Total || last.Total != report.BytesTotal {
		t.Errorf("%+v of %d bytes", last, report.BytesTotal)
	}
	for _, tag := range []string{"v1", "stable"} {
		got, err := service.Inspect(t.Context(), other.host+"/copies/app:"+tag, nil)
		if err != nil || got.Descriptor.Digest != image.Digest {
			t.Errorf("%s: %+v, %v", tag, got, err)
		}
	}

	report, err = service.Push(t.Context(), layout, other.host+"/copies/app:v1", nil)
	if err != nil || report.BytesTransferred != 0 || report.Blobs[0].Source != "present" {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err = service.Push(t.Context(), layout+"x", other.host+"/copies/app", nil); !errors.Is(err, ocireg.ErrNotFound) {
		t.Error(err)
	}
}

func TestPushStopsWhenItsContextDoes(t *testing.T) {
	r := newRegistry(t)
	r.addImage("team/app", "v1", 1000)
	service := newService(t)
	layout := "oci:" + t.TempDir() + ":mine"
	if _, err := service.Pull(t.Context(), r.host+"/team/app:v1", layout, nil); err != nil {
		t.Fatal(err)
	}
	silent := newRegistry(t)
	hold := make(chan struct{})
	defer close(hold)
	silent.change(func() { silent.holdUpload = hold })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := service.Push(ctx, layout, silent.host+"/app:v1", nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestCopy(t *testing.T) {
	from, to := newRegistry(t), newRegistry(t)
	image := from.addImage("team/app", "v1", 1000, 500_000)
	service := newService(t)
	report, err := service.Copy(t.Context(), "docker://"+from.host+"/team/app:v1", "docker://"+to.host+"/copies/app:v2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Descriptor.Digest != image.Digest || report.SourceEndpoint == nil || report.DestinationEndpoint == nil ||
		!strings.HasPrefix(report.SourceEndpoint.URL, "http://"+from.host) ||
		!strings.HasPrefix(report.DestinationEndpoint.URL, "http://"+to.host) || report.BytesTransferred < 501_000 {
		t.Errorf("%+v", report)
	}
	// Within one registry nothing is sent.
	report, err = service.Copy(t.Context(), "docker://"+to.host+"/copies/app:v2", "docker://"+to.host+"/more/app:v3", nil)
	if err != nil || report.BytesTransferred != 0 || report.Blobs[0].Source == "network" {
		t.Errorf("%+v, %v", report, err)
	}
	directory := t.TempDir()
	report, err = service.Copy(t.Context(), "docker://"+to.host+"/more/app:v3", "oci:"+directory+":mine", &ocireg.CopyOptions{
		SourceAuth: &ocireg.AuthConfig{},
	})
	if err != nil || report.DestinationEndpoint != nil || report.SourceEndpoint == nil {
		t.Errorf("%+v, %v", report, err)
	}
	if tags, _ := verifyLayout(t, directory); !reflect.DeepEqual(tags, []string{"mine"}) {
		t.Error(tags)
	}
}

func TestHeadBlob(t *testing.T) {
	r := newRegistry(t)
	r.addImage("team/app", "v1", 1000)
	layer := r.addBlob([]byte("found without being read"))
	repository, err := newService(t).OpenRepository(t.Context(), r.host+"/team/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	found, err := repository.HeadBlob(t.Context(), layer.Digest)
	if err != nil || found.Digest != layer.Digest || found.Size != 24 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := repository.HeadBlob(t.Context(), digestOf(nil)); !errors.Is(err, ocireg.ErrNotFound) {
		t.Error(err)
	}
}

func TestExport(t *testing.T) {
	r := newRegistry(t)
	layer := new(bytes.Buffer)
	archive := tar.NewWriter(layer)
	content := bytes.Repeat([]byte("content "), 100_000)
	if err := errors.Join(
		archive.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}),
		second(archive.Write(content)),
		archive.Close(),
	); err != nil {
		t.Fatal(err)
	}
	blob := r.addBlob(layer.Bytes())
	blob.MediaType = layerType
	config := r.addBlob([]byte(fmt.Sprintf(`{"architecture":%q,"os":"linux","rootfs":{"type":"layers","diff_ids":[%q]}}`,
		runtime.GOARCH, blob.Digest)))
	config.MediaType = configType
	r.addManifest("app", "1", manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []ocireg.Descriptor{blob},
	})
	service := newService(t)
	source := r.host + "/app:1"
	memory := new(bytes.Buffer)
	report, err := service.ExportTo(t.Context(), source, memory, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Entries != 1 || report.Bytes != int64(len(content)) || len(report.DiffIDs) != 1 {
		t.Errorf("%+v", report)
	}
	path := filepath.Join(t.TempDir(), "root.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.ExportTo(t.Context(), source, file, nil)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(path); err != nil || !bytes.Equal(written, memory.Bytes()) {
		t.Errorf("a file has other bytes than a buffer: %v", err)
	}
	tarred := tar.NewReader(memory)
	if header, err := tarred.Next(); err != nil || header.Name != "file" {
		t.Fatal(header, err)
	}
	if read, err := io.ReadAll(tarred); err != nil || !bytes.Equal(read, content) {
		t.Error("other content", err)
	}
	full := errors.New("full")
	if _, err := service.ExportTo(t.Context(), source, failing{full}, nil); !errors.Is(err, full) {
		t.Errorf("the writer failed, but the call says %v", err)
	}
	var refused *ocireg.Error
	if _, err := service.Export(t.Context(), source, -1, nil); !errors.As(err, &refused) || refused.Argument != "fd" {
		t.Errorf("no descriptor: %v", err)
	}
}

// failing is a writer that takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
