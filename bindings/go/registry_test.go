//go:build cgo

package ocireg_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// A registryV2 is a registry of protocol v2 in memory, with the faults that a test asks for.
type registryV2 struct {
	host string

	mu        sync.Mutex
	blobs     map[string][]byte            // by digest
	manifests map[string]map[string]stored // by repository, then by tag and digest
	requests  []string

	// blobFault, if set, may answer a request for a blob instead.
	blobFault func(w http.ResponseWriter, r *http.Request, data []byte) (answered bool)
	// user and password, if set, are asked for.
	user, password string
	// uploads are what has come of each, and holdUpload, if set, keeps their content waiting.
	uploads    [][]byte
	holdUpload chan struct{}
	// status, if set, is all that is answered beside /v2/.
	status int
}

type stored struct {
	mediaType string
	data      []byte
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// startRegistry starts a registry that serves until the returned function is called.
func startRegistry() (*registryV2, func()) {
	r := &registryV2{blobs: map[string][]byte{}, manifests: map[string]map[string]stored{}}
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = log.New(nowhere{}, "", 0)
	server.Start()
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r, func() {
		server.CloseClientConnections()
		server.Close()
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func newRegistry(t testing.TB) *registryV2 {
	t.Helper()
	r, stop := startRegistry()
	t.Cleanup(stop)
	return r
}

// change changes what the registry does. (The race detector does not see that a request comes after it, through C.)
func (r *registryV2) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *registryV2) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	fault, status, wantUser, wantPassword := r.blobFault, r.status, r.user, r.password
	r.mu.Unlock()
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if wantUser != "" {
		if user, password, _ := req.BasicAuth(); user != wantUser || password != wantPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "who are you?")
			return
		}
	}
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if path == "" {
		fmt.Fprint(w, "{}")
		return
	}
	if status != 0 {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "3600")
		}
		refuse(w, status, "TOOMANYREQUESTS", "not now")
		return
	}
	if name, ok := strings.CutSuffix(path, "/tags/list"); ok {
		r.listTags(w, name)
		return
	}
	if name, what, ok := strings.Cut(path, "/manifests/"); ok {
		if req.Method == http.MethodPut || req.Method == http.MethodDelete {
			r.changeManifest(w, req, name, what)
			return
		}
		r.mu.Lock()
		m, ok := r.manifests[name][what]
		known := r.manifests[name] != nil
		r.mu.Unlock()
		switch {
		case !known:
			refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		case !ok:
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		default:
			w.Header().Set("Content-Type", m.mediaType)
			w.Header().Set("Docker-Content-Digest", digestOf(m.data))
			w.Header().Set("Content-Length", strconv.Itoa(len(m.data)))
			if req.Method != http.MethodHead {
				w.Write(m.data)
			}
		}
		return
	}
	_, digest, _ := strings.Cut(path, "/blobs/")
	if upload, ok := strings.CutPrefix(digest, "uploads/"); ok {
		r.serveUpload(w, req, upload)
		return
	}
	r.mu.Lock()
	data, ok := r.blobs[digest]
	if ok && req.Method == http.MethodDelete {
		delete(r.blobs, digest)
		w.WriteHeader(http.StatusAccepted)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	if fault != nil && fault(w, req, data) {
		return
	}
	from := offsetOf(req)
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
		w.WriteHeader(http.StatusPartialContent)
	}
	w.Write(data[from:])
}

func (r *registryV2) changeManifest(w http.ResponseWriter, req *http.Request, name, what string) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodDelete {
		if _, ok := r.manifests[name][what]; !ok {
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
			return
		}
		delete(r.manifests[name], what)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if r.manifests[name] == nil {
		r.manifests[name] = map[string]stored{}
	}
	for _, key := range []string{what, digestOf(body)} {
		r.manifests[name][key] = stored{req.Header.Get("Content-Type"), body}
	}
	w.Header().Set("Docker-Content-Digest", digestOf(body))
	w.WriteHeader(http.StatusCreated)
}

func (r *registryV2) serveUpload(w http.ResponseWriter, req *http.Request, name string) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodPost {
		r.uploads = append(r.uploads, nil)
		name = strconv.Itoa(len(r.uploads) - 1)
	}
	at, err := strconv.Atoi(name)
	if err != nil || at >= len(r.uploads) {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "upload unknown to registry")
		return
	}
	w.Header().Set("Location", req.URL.Path[:strings.LastIndex(req.URL.Path, "/")+1]+name)
	_, mountable := r.blobs[req.URL.Query().Get("mount")]
	switch {
	case req.Method == http.MethodPost && mountable:
		w.WriteHeader(http.StatusCreated)
	case req.Method == http.MethodPost:
		w.WriteHeader(http.StatusAccepted)
	case r.holdUpload != nil && (req.Method == http.MethodPatch || req.Method == http.MethodPut):
		hold := r.holdUpload
		r.mu.Unlock()
		<-hold
		r.mu.Lock()
	case req.Method == http.MethodPatch:
		r.uploads[at] = append(r.uploads[at], body...)
		w.Header().Set("Range", fmt.Sprintf("0-%d", len(r.uploads[at])-1))
		w.WriteHeader(http.StatusAccepted)
	case req.Method == http.MethodPut:
		r.uploads[at] = append(r.uploads[at], body...)
		r.blobs[req.URL.Query().Get("digest")] = r.uploads[at]
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// offsetOf returns the offset at which the Range of a request begins.
func offsetOf(req *http.Request) int {
	first, _, _ := strings.Cut(strings.TrimPrefix(req.Header.Get("Range"), "bytes="), "-")
	from, _ := strconv.Atoi(first)
	return from
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

func (r *registryV2) listTags(w http.ResponseWriter, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.manifests[name] == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	tags := []string{}
	for tag := range r.manifests[name] {
		if !strings.Contains(tag, ":") {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags})
}

func (r *registryV2) addBlob(data []byte) ocireg.Descriptor {
	d := digestOf(data)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs[d] = data
	return ocireg.Descriptor{Digest: d, Size: int64(len(data))}
}

func (r *registryV2) addManifest(name, tag, mediaType string, manifest any) ocireg.Descriptor {
	data, err := json.Marshal(manifest)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.manifests[name] == nil {
		r.manifests[name] = map[string]stored{}
	}
	d := digestOf(data)
	r.manifests[name][d] = stored{mediaType, data}
	if tag != "" {
		r.manifests[name][tag] = stored{mediaType, data}
	}
	return ocireg.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

// addImage stores an image for this machine's platform, with layers of the given sizes.
func (r *registryV2) addImage(name, tag string, sizes ...int) ocireg.Descriptor {
	config := r.addBlob([]byte(fmt.Sprintf(`{"architecture":%q,"os":"linux","config":{},"rootfs":{"type":"layers",`+
		`"diff_ids":[]}}`, runtime.GOARCH)))
	config.MediaType = configType
	layers := []ocireg.Descriptor{}
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range sizes {
		data := make([]byte, size)
		random.Read(data)
		layer := r.addBlob(data)
		layer.MediaType = layerType
		layers = append(layers, layer)
	}
	return r.addManifest(name, tag, manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers,
	})
}

// count returns how many requests begin with prefix.
func (r *registryV2) count(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, request := range r.requests {
		if strings.HasPrefix(request, prefix) {
			n++
		}
	}
	return n
}

// cutOnce answers the first request for a large blob with half of it, and the following ones completely.
func cutOnce(atLeast int) func(http.ResponseWriter, *http.Request, []byte) bool {
	var once sync.Once
	return func(w http.ResponseWriter, _ *http.Request, data []byte) (cut bool) {
		if len(data) < atLeast {
			return false
		}
		once.Do(func() {
			cut = true
			w.Header().Set("Accept-Ranges", "bytes")
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			w.Write(data[:len(data)/2])
			w.(http.Flusher).Flush()
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
		})
		return cut
	}
}

// stallAfter sends n bytes of a large blob and then stalls; it then sends to reached, unless that is nil.
func stallAfter(n int, reached chan<- struct{}) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, req *http.Request, data []byte) bool {
		if len(data) <= n {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:n])
		w.(http.Flusher).Flush()
		if reached != nil {
			reached <- struct{}{}
		}
		<-req.Context().Done()
		return true
	}
}

// options returns the options of a service that uses nothing outside the test.
func options() ocireg.ServiceOptions {
	no := false
	return ocireg.ServiceOptions{
		CertsDir: ocireg.Nowhere, HostsDir: ocireg.Nowhere, RegistriesConf: ocireg.Nowhere,
		DockerConfig: ocireg.Nowhere, DaemonJSON: ocireg.Nowhere,
		Environment: &no,
		Resolve:     map[string][]string{"*": {}},
		Retry:       &ocireg.Retry{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	}
}

func newService(t testing.TB) *ocireg.DefaultService {
	t.Helper()
	service, err := ocireg.NewService(options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

func openRepository(t testing.TB, r *registryV2, name string) *ocireg.Repository {
	t.Helper()
	repository, err := newService(t).OpenRepository(context.Background(), r.host+"/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repository.Close() })
	return repository
}

// verifyLayout checks an OCI layout independently of the library: everything that its index refers to exists and
// matches its digest.
func verifyLayout(t testing.TB, directory string) (tags []string, blobs int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "oci-layout"))
	if err != nil || !strings.Contains(string(text), `"1.0.0"`) {
		t.Fatalf("oci-layout: %s, %v", text, err)
	}
	type document struct {
		Manifests []ocireg.Descriptor `json:"manifests"`
		Config    *ocireg.Descriptor  `json:"config"`
		Layers    []ocireg.Descriptor `json:"layers"`
	}
	seen := map[string]bool{}
	var follow func(d ocireg.Descriptor)
	read := func(data []byte) {
		var m document
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		below := append(m.Manifests, m.Layers...)
		if m.Config != nil {
			below = append(below, *m.Config)
		}
		for _, d := range below {
			follow(d)
		}
	}
	follow = func(d ocireg.Descriptor) {
		if seen[d.Digest] {
			return
		}
		seen[d.Digest] = true
		data, err := os.ReadFile(filepath.Join(directory, "blobs", strings.ReplaceAll(d.Digest, ":", "/")))
		if err != nil {
			t.Fatal(err)
		}
		if digestOf(data) != d.Digest || int64(len(data)) != d.Size {
			t.Fatalf("%s of %d bytes is %s of %d bytes", d.Digest, d.Size, digestOf(data), len(data))
		}
		if d.MediaType == manifestType || d.MediaType == indexType {
			read(data)
		}
	}
	index, err := os.ReadFile(filepath.Join(directory, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	read(index)
	var top document
	if err := json.Unmarshal(index, &top); err != nil {
		t.Fatal(err)
	}
	for _, d := range top.Manifests {
		tags = append(tags, d.Annotations["org.opencontainers.image.ref.name"])
	}
	return tags, len(seen)
}

// silence returns an address that accepts connections and never answers.
func silence(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}
