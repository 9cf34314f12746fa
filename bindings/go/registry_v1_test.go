//go:build cgo

package ocireg_test

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// A registryV1 is an index and registry of protocol v1 in memory, with the faults that a test asks for.
type registryV1 struct {
	server *httptest.Server
	host   string
	// authority is the CA of its certificate, if it is secure.
	authority *x509.Certificate

	mu       sync.Mutex
	images   map[string]*imageV1
	tags     map[string]map[string]string // by repository
	lists    map[string][]listedV1        // by repository
	requests []*http.Request

	// user and password, if set, are asked for: by a standalone registry on each request, by an index for its token.
	user, password string
	standalone     bool
	// fault, if set, may answer a request instead.
	fault func(w http.ResponseWriter, r *http.Request) (answered bool)
}

type imageV1 struct {
	json, layer []byte
	// checksum and payload are what its pusher told; an image is whole with them.
	checksum, payload string
}

type listedV1 struct {
	ID       string `json:"id"`
	Checksum string `json:"checksum,omitempty"`
	Tag      string `json:",omitempty"`
}

const tokenV1 = `signature=5ec2e7,repository="demo/app",access=write`

func newRegistryV1(t testing.TB, secure bool) *registryV1 {
	t.Helper()
	r := &registryV1{images: map[string]*imageV1{}, tags: map[string]map[string]string{}, lists: map[string][]listedV1{}}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		var own tls.Certificate
		r.authority, own = newAuthority(t)
		r.server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
		r.server.StartTLS()
	} else {
		r.server.Start()
	}
	_, r.host, _ = strings.Cut(r.server.URL, "://")
	t.Cleanup(func() {
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// newAuthority returns a CA, and a certificate that it has issued for example.com and 127.0.0.1.
func newAuthority(t testing.TB) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	sign := func(template, by *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by, signer = template, key
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		made, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(made)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key
	}
	authority, signer := sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	own, key := sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "example.com"},
		DNSNames: []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, signer)
	return authority, tls.Certificate{Certificate: [][]byte{own.Raw}, PrivateKey: key}
}

// change changes what the registry does. (The race detector does not see that a request comes after it, through C.)
func (r *registryV1) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// image is what the registry has of one.
func (r *registryV1) image(id string) imageV1 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.images[id]
}

// asked returns the requests with a method and a path below /v1/.
func (r *registryV1) asked(method, below string) []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*http.Request
	for _, request := range r.requests {
		if request.Method == method && strings.HasPrefix(request.URL.Path, "/v1/"+below) {
			all = append(all, request)
		}
	}
	return all
}

func (r *registryV1) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req)
	fault := r.fault
	r.mu.Unlock()
	if fault != nil && fault(w, req) {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	path, ok := strings.CutPrefix(req.URL.Path, "/v1/")
	if !ok {
		http.NotFound(w, req)
		return
	}
	if path == "_ping" {
		w.Header().Set("X-Docker-Registry-Version", "0.9")
		w.Header().Set("X-Docker-Registry-Standalone", strconv.FormatBool(r.standalone))
		fmt.Fprint(w, "true")
		return
	}
	if !r.allowed(w, req) {
		return
	}
	switch kind, rest, _ := strings.Cut(path, "/"); kind {
	case "repositories":
		r.serveRepository(w, req, rest, body)
	case "images":
		r.serveImage(w, req, rest, body)
	case "search":
		r.serveSearch(w, req)
	default:
		http.NotFound(w, req)
	}
}

// allowed asks for the user name and password, or for the token.
func (r *registryV1) allowed(w http.ResponseWriter, req *http.Request) bool {
	if r.user == "" {
		return true
	}
	user, password, _ := req.BasicAuth()
	isUser := user == r.user && password == r.password
	asks := req.Header.Get("X-Docker-Token") == "true"
	switch {
	case isUser && asks && !r.standalone:
		w.Header().Set("X-Docker-Token", tokenV1)
	case isUser && r.standalone:
	case !r.standalone && req.Header.Get("Authorization") == "Token "+tokenV1:
	default:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "who are you?"}`)
		return false
	}
	return true
}

func (r *registryV1) serveRepository(w http.ResponseWriter, req *http.Request, path string, body []byte) {
	name, tag, isTag := strings.Cut(path, "/tags")
	if !isTag {
		put := req.Method == http.MethodPut
		name, validates := strings.CutSuffix(path, "/images")
		name = strings.TrimSuffix(name, "/")
		if put && json.Unmarshal(body, new([]listedV1)) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch {
		case put && validates:
			var list []listedV1
			_ = json.Unmarshal(body, &list)
			for _, image := range list {
				if known := r.images[image.ID]; known == nil || known.checksum != image.Checksum || image.Checksum == "" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
			}
			if req.Header.Get("X-Docker-Endpoints") == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		case put:
			var list []listedV1
			_ = json.Unmarshal(body, &list)
			r.lists[name] = list
			w.Header().Set("X-Docker-Endpoints", r.host)
		case r.lists[name] == nil:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error": "no such repository"}`)
		default:
			w.Header().Set("X-Docker-Endpoints", r.host)
			json.NewEncoder(w).Encode(r.lists[name])
		}
		return
	}
	tag = strings.TrimPrefix(tag, "/")
	var id string
	switch {
	case req.Method == http.MethodPut && json.Unmarshal(body, &id) == nil && r.images[id] != nil:
		if r.tags[name] == nil {
			r.tags[name] = map[string]string{}
		}
		r.tags[name][tag] = id
	case req.Method == http.MethodPut:
		w.WriteHeader(http.StatusBadRequest)
	case tag == "" && r.tags[name] != nil:
		json.NewEncoder(w).Encode(r.tags[name])
	case tag != "" && r.tags[name][tag] != "":
		json.NewEncoder(w).Encode(r.tags[name][tag])
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error": "no such tag"}`)
	}
}

func (r *registryV1) serveImage(w http.ResponseWriter, req *http.Request, path string, body []byte) {
	id, what, _ := strings.Cut(path, "/")
	image := r.images[id]
	put := req.Method == http.MethodPut
	if put && image != nil && image.checksum != "" {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"error": "Image already exists"}`)
		return
	}
	if put && what == "json" {
		r.images[id] = &imageV1{json: body}
		return
	}
	if image == nil {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error": "no such image"}`)
		return
	}
	switch {
	case put && what == "layer":
		image.layer = body
	case put && what == "checksum":
		checksum, payload := req.Header.Get("X-Docker-Checksum"), req.Header.Get("X-Docker-Checksum-Payload")
		sum := sha256.Sum256(slices.Concat(image.json, []byte("\n"), image.layer))
		if payload != "sha256:"+hex.EncodeToString(sum[:]) || !strings.HasPrefix(checksum, "tarsum+sha256:") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error": "checksum mismatch"}`)
			return
		}
		image.checksum, image.payload = checksum, payload
	case what == "json":
		w.Header().Set("X-Docker-Size", strconv.Itoa(len(image.layer)))
		w.Write(image.json)
	case what == "layer":
		from := offsetOf(req)
		w.Header().Set("Accept-Ranges", "bytes")
		w.Header().Set("Content-Length", strconv.Itoa(len(image.layer)-from))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(image.layer)-1, len(image.layer)))
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(image.layer[from:])
	case what == "ancestry":
		history := []string{}
		for id != "" && r.images[id] != nil {
			history = append(history, id)
			var about struct{ Parent string }
			_ = json.Unmarshal(r.images[id].json, &about)
			id = about.Parent
		}
		json.NewEncoder(w).Encode(history)
	default:
		http.NotFound(w, req)
	}
}

func (r *registryV1) serveSearch(w http.ResponseWriter, req *http.Request) {
	query, limit := req.URL.Query().Get("q"), 0
	fmt.Sscan(req.URL.Query().Get("n"), &limit)
	results := []map[string]any{}
	for name := range r.lists {
		if strings.Contains(name, query) && len(results) < limit {
			results = append(results, map[string]any{"name": name, "description": "größe", "star_count": 7,
				"is_official": false, "is_automated": true})
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"query": query, "num_results": len(results), "results": results})
}

// service returns a service that may send credentials to the registry.
func (r *registryV1) service(t testing.TB) *ocireg.DefaultService {
	t.Helper()
	o := options()
	o.AllowPlainHTTPCredentials = []string{r.host}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

// index is the registry's IndexInfo.
func (r *registryV1) index() *ocireg.IndexInfo { return &ocireg.IndexInfo{Name: r.host} }

func (r *registryV1) endpoint(t testing.TB) *ocireg.V1Endpoint {
	t.Helper()
	endpoint, err := r.service(t).NewV1Endpoint(t.Context(), r.index(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endpoint.Close() })
	return endpoint
}

func (r *registryV1) session(t testing.TB) *ocireg.Session {
	t.Helper()
	session, err := ocireg.NewSession(nil, &ocireg.AuthConfig{Username: r.user, Password: r.password}, r.endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// root returns the root URL of the registry.
func (r *registryV1) root() string { return r.server.URL + "/v1/" }

// certificates returns a directory like certs.d, with the registry's CA for a host name.
func (r *registryV1) certificates(t testing.TB, name string) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
		t.Fatal(err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.authority.Raw})
	if err := os.WriteFile(filepath.Join(directory, name, "ca.crt"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return directory
}

// addImage stores an image as if it had been pushed.
func (r *registryV1) addImage(t testing.TB, repository, tag string, size int) (id string) {
	t.Helper()
	image := newImageV1(t, "", size)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.images[image.id] = &imageV1{json: image.json, layer: image.tar, checksum: "tarsum+sha256:1", payload: "sha256:1"}
	r.lists[repository] = append(r.lists[repository], listedV1{ID: image.id, Checksum: "tarsum+sha256:1", Tag: tag})
	if r.tags[repository] == nil {
		r.tags[repository] = map[string]string{}
	}
	r.tags[repository][tag] = image.id
	return image.id
}

// madeV1 is an image before it is pushed.
type madeV1 struct {
	id        string
	json, tar []byte
}

func newImageV1(t testing.TB, parent string, size int) madeV1 {
	t.Helper()
	random := make([]byte, 32+size)
	rand.Read(random)
	id := hex.EncodeToString(random[:32])
	about := map[string]string{"id": id, "comment": "größe"}
	if parent != "" {
		about["parent"] = parent
	}
	document, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := tar.Header{Name: "data", Mode: 0o644, Size: int64(size), ModTime: time.Unix(1e9, 0), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(&header); err != nil {
		t.Fatal(err)
	}
	w.Write(random[32:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return madeV1{id, document, archive.Bytes()}
}

// stallsAt stalls requests whose path has a suffix, until the client disconnects.
func stallsAt(end string) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, end) {
			return false
		}
		io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
		return true
	}
}
