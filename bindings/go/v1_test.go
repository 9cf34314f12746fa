//go:build cgo

package ocireg_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

const noImage = "00000000000000000000000000000000000000000000000000000000000000aa"

func TestV1Endpoint(t *testing.T) {
	r := newRegistryV1(t, false)
	r.change(func() { r.standalone = true })
	service := r.service(t)
	endpoint, err := service.NewV1Endpoint(t.Context(), r.index(), "test/1", http.Header{"X-Meta": {"one", "two"}, "X-None": nil})
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	if endpoint.String() != r.root() || endpoint.URL.String() != r.server.URL || endpoint.IsSecure {
		t.Errorf("%v, %v, %v", endpoint, endpoint.URL, endpoint.IsSecure)
	}
	if path := endpoint.Path("images/x/json"); path != r.root()+"images/x/json" {
		t.Error(path)
	}
	ping, err := endpoint.Ping()
	if err != nil || ping.Protocol != "v1" || ping.Version != "0.9" || !ping.Standalone || ping.Raw == nil {
		t.Errorf("%+v, %v", ping, err)
	}
	for _, request := range r.asked("GET", "_ping") {
		if request.UserAgent() != "test/1" || !slices.Equal(request.Header.Values("X-Meta"), []string{"one", "two"}) {
			t.Errorf("%v", request.Header)
		}
	}
	official, err := service.NewV1Endpoint(t.Context(), &ocireg.IndexInfo{Name: "docker.io", Secure: true, Official: true}, "", nil)
	if err != nil || official.String() != ocireg.IndexServer || !official.IsSecure {
		t.Fatalf("%v, %v", official, err)
	}
	if ping, err := official.Ping(); err != nil || ping.Standalone {
		t.Errorf("%+v, %v", ping, err)
	}
	if err := errors.Join(official.Close(), official.Close()); err != nil {
		t.Error(err)
	}
	if _, err := official.Ping(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestV1EndpointFails(t *testing.T) {
	r := newRegistryV1(t, false)
	service := r.service(t)
	for what, try := range map[string]struct {
		index   *ocireg.IndexInfo
		headers http.Header
		want    error
	}{
		"no index":      {nil, nil, ocireg.ErrInvalidJSON},
		"secure index":  {&ocireg.IndexInfo{Name: r.host, Secure: true}, nil, ocireg.ErrTLS},
		"v2":            {&ocireg.IndexInfo{Name: r.host + "/v2"}, nil, ocireg.ErrInvalidArgument},
		"NUL":           {&ocireg.IndexInfo{Name: "a\x00b"}, nil, nil},
		"own header":    {r.index(), http.Header{"Authorization": {"x"}}, ocireg.ErrInvalidArgument},
		"header's text": {r.index(), http.Header{"X-Meta": {"caf\xe9"}}, nil},
	} {
		endpoint, err := service.NewV1Endpoint(t.Context(), try.index, "", try.headers)
		if err == nil || endpoint != nil || try.want != nil && !errors.Is(err, try.want) {
			t.Errorf("%s: %v, %v", what, endpoint, err)
		}
	}
	if _, err := service.NewV1Endpoint(t.Context(), r.index(), "", http.Header{"X-Meta": {"caf\xe9"}}); !isCode(err, ocireg.CodeInvalidUTF8) {
		t.Errorf("%v", err)
	}

	// What an endpoint cannot do, it says when it is used.
	address := mustParseURL(t, "http://user:hunter2@"+r.host)
	failed := ocireg.APIEndpoint{URL: address, Version: ocireg.APIVersion2}.ToV1Endpoint("", nil)
	if failed == nil || failed.URL.Host != r.host || !strings.HasSuffix(failed.String(), "/v1/") {
		t.Fatalf("%v", failed)
	}
	_, pingErr := failed.Ping()
	_, sessionErr := ocireg.NewSession(nil, nil, failed)
	for _, err := range []error{pingErr, sessionErr} {
		if !errors.Is(err, ocireg.ErrInvalidArgument) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	for _, empty := range []*ocireg.V1Endpoint{{}, {URL: address}, nil} {
		if _, err := ocireg.NewSession(nil, nil, empty); !errors.Is(err, ocireg.ErrInvalidArgument) {
			t.Errorf("%v", err)
		}
		if empty != nil {
			if _, err := empty.Ping(); !errors.Is(err, ocireg.ErrInvalidArgument) || empty.String() == "" || empty.Close() != nil {
				t.Errorf("%v, %v", empty, err)
			}
		}
	}
}

func isCode(err error, code ocireg.Code) bool {
	var e *ocireg.Error
	return errors.As(err, &e) && e.Code == code
}

// Functions that take no service share one.
func TestSharedService(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := newRegistryV1(t, false)
	index, err := ocireg.ParseSearchIndexInfo(r.host + "/app")
	if err != nil {
		t.Fatal(err)
	}
	found, err := ocireg.NewV1Endpoint(index, "test/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	made := ocireg.APIEndpoint{URL: mustParseURL(t, r.server.URL)}.ToV1Endpoint("test/1", nil)
	defer made.Close()
	for _, endpoint := range []*ocireg.V1Endpoint{found, made} {
		if ping, err := endpoint.Ping(); err != nil || ping.Version != "0.9" || endpoint.String() != r.root() {
			t.Errorf("%v: %+v, %v", endpoint, ping, err)
		}
	}
	for _, request := range r.asked("GET", "") {
		if request.TLS == nil && request.UserAgent() != "test/1" {
			t.Errorf("%v", request.Header)
		}
	}
}

func TestPingsThatMakeNoSense(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Write([]byte("SSH-2.0-test\r\n\r\n"))
			// Closed with the request unread, the connection would be reset, and the greeting lost with it.
			http.ReadRequest(bufio.NewReader(connection))
			connection.Close()
		}
	}()
	service := newService(t)
	address := mustParseURL(t, "http://"+listener.Addr().String())
	endpoint, err := service.ToV1Endpoint(ocireg.APIEndpoint{URL: address}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	v2, err := service.NewEndpoint(ocireg.APIEndpoint{URL: address, Version: ocireg.APIVersion2})
	if err != nil {
		t.Fatal(err)
	}
	defer v2.Close()
	_, err = endpoint.Ping()
	_, err2 := v2.Ping(t.Context())
	for _, err := range []error{err, err2} {
		var ping ocireg.PingResponseError
		if !errors.As(err, &ping) || !errors.Is(ping, ocireg.ErrProtocol) {
			t.Errorf("%v", err)
		}
	}
}

func TestSessionV1(t *testing.T) {
	r := newRegistryV1(t, false)
	r.change(func() { r.user, r.password = "alice", "wonderland" })
	session := r.session(t)
	if id := session.ID(); len(id) != 64 || id == r.session(t).ID() {
		t.Error(id)
	}
	if info, err := session.Info(); err != nil || info.Protocol != "v1" || info.Endpoint != r.server.URL {
		t.Errorf("%+v, %v", info, err)
	}
	app := mustParse(t, r.host+"/demo/app:latest")
	image := newImageV1(t, "", 100_000)
	data := &ocireg.ImgData{ID: image.id, Tag: "1.0"}
	told, err := session.PushImageJSONIndex(app, []*ocireg.ImgData{data}, false, nil)
	if err != nil || !slices.Equal(told.Endpoints, []string{r.root()}) || len(told.ImgList) != 0 {
		t.Fatalf("%+v, %v", told, err)
	}
	if err := session.PushImageJSONRegistry(data, image.json, r.root()); err != nil {
		t.Fatal(err)
	}
	// In small pieces, and by the writer itself.
	writer, err := session.NewLayerWriter(t.Context(), image.id, r.root(), image.json)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(image.tar, 9999) {
		if n, err := writer.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	sums, err := writer.Commit(&ocireg.CommitOptions{Size: int64(len(image.tar))})
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
	data.Checksum, data.ChecksumPayload, err = session.PushImageLayerRegistry(image.id,
		iotest.HalfReader(bytes.NewReader(image.tar)), r.root(), image.json)
	if err != nil || data.Checksum != sums.Checksum || data.ChecksumPayload != sums.ChecksumPayload {
		t.Fatalf("%+v, %+v, %v", data, sums, err)
	}
	if err := session.PushImageChecksumRegistry(data, r.root()); err != nil {
		t.Fatal(err)
	}
	if err := session.PushRegistryTag(app, image.id, "1.0", r.root()); err != nil {
		t.Fatal(err)
	}
	if _, err := session.PushImageJSONIndex(app, []*ocireg.ImgData{data, {ID: noImage}}, true, told.Endpoints); err != nil {
		t.Fatal(err)
	}
	kept := r.image(image.id)
	if kept.checksum != data.Checksum || kept.payload != data.ChecksumPayload || !bytes.Equal(kept.json, image.json) {
		t.Errorf("%+v", kept)
	}

	// A session of its own pulls.
	session = r.session(t)
	known, err := session.GetRepositoryData(app)
	if err != nil || !slices.Equal(known.Endpoints, []string{r.root()}) || *known.ImgList[image.id] != (ocireg.ImgData{ID: image.id, Tag: "1.0"}) {
		t.Fatalf("%+v, %v", known, err)
	}
	// The first registry answers nothing useful.
	broken := newRegistryV1(t, false)
	broken.change(func() {
		broken.fault = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
	})
	tags, err := session.GetRemoteTags([]string{broken.root(), r.root()}, app)
	if err != nil || len(tags) != 1 || tags["1.0"] != image.id {
		t.Errorf("%v, %v", tags, err)
	}
	if id, err := session.GetRemoteTag([]string{r.root()}, app, "1.0"); err != nil || id != image.id {
		t.Errorf("%s, %v", id, err)
	}
	if history, err := session.GetRemoteHistory(image.id, r.root()); err != nil || !slices.Equal(history, []string{image.id}) {
		t.Errorf("%v, %v", history, err)
	}
	if err := session.LookupRemoteImage(image.id, r.root()); err != nil {
		t.Error(err)
	}
	json, size, err := session.GetRemoteImageJSON(image.id, r.root())
	if err != nil || !bytes.Equal(json, image.json) || size != int64(len(kept.layer)) {
		t.Errorf("%s, %d, %v", json, size, err)
	}
	for _, known := range []int64{size, -1, 0, math.MinInt64} {
		layer, err := session.GetRemoteImageLayer(image.id, r.root(), known)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(layer)
		if err != nil || !bytes.Equal(content, kept.layer) || layer.Close() != nil {
			t.Errorf("%d bytes, %v", len(content), err)
		}
	}
	found, err := session.SearchRepositories("app", 1)
	if err != nil || found.Query != "app" || found.NumResults != 1 || found.Results[0].Description != "größe" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, request := range r.asked("GET", "images/") {
		if got := request.Header.Get("Authorization"); got != "Token "+tokenV1 {
			t.Errorf("%s has %q", request.URL, got)
		}
	}
	if err := errors.Join(session.Close(), session.Close()); err != nil {
		t.Error(err)
	}
	if _, err := session.GetRepositoryData(app); !errors.Is(err, fs.ErrClosed) || len(session.ID()) != 64 {
		t.Errorf("%v", err)
	}
}

func TestSessionV1Fails(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 100)
	session := r.session(t)
	roots, app, nobody := []string{r.root()}, mustParse(t, r.host+"/demo/app"), mustParse(t, r.host+"/demo/none")
	image := newImageV1(t, "", 10)

	_, err := session.GetRepositoryData(nobody)
	if !errors.Is(err, ocireg.ErrRepoNotFound) || !errors.Is(err, fs.ErrNotExist) || !isCode(err, ocireg.CodeNotFound) {
		t.Errorf("%v", err)
	}
	// Where Docker's package gives the sentinel itself, so does the call of its name; the other one tells more.
	_, err = session.GetRemoteTags(roots, nobody)
	_, tagErr := session.GetRemoteTag(roots, app, "none")
	if err != ocireg.ErrRepoNotFound || tagErr != ocireg.ErrRepoNotFound {
		t.Errorf("%v, %v", err, tagErr)
	}
	for _, also := range []error{ocireg.ErrNotFound, fs.ErrNotExist} {
		if !errors.Is(err, also) {
			t.Errorf("%v is not %v", err, also)
		}
	}
	_, err = session.GetRemoteTagsContext(t.Context(), roots, nobody)
	var e *ocireg.Error
	if !errors.Is(err, ocireg.ErrRepoNotFound) || !errors.As(err, &e) || e.HTTPStatus != 404 || e.Host != r.host {
		t.Errorf("%v", err)
	}
	data := &ocireg.ImgData{ID: id}
	whole := []byte(fmt.Sprintf(`{"id": %q}`, id))
	for what, err := range map[string]error{
		"JSON":     session.PushImageJSONRegistry(data, whole, r.root()),
		"checksum": session.PushImageChecksumRegistry(data, r.root()),
	} {
		if err != ocireg.ErrAlreadyExists || !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	err = session.PushImageJSONRegistryContext(t.Context(), data, whole, r.root())
	if !errors.Is(err, ocireg.ErrAlreadyExists) || !errors.As(err, &e) || e.HTTPStatus != 409 {
		t.Errorf("%v", err)
	}
	for what, try := range map[string]func() error{
		"history of nothing":   func() error { _, err := session.GetRemoteHistory(noImage, r.root()); return err },
		"no such image":        func() error { return session.LookupRemoteImage(noImage, r.root()) },
		"JSON of nothing":      func() error { _, _, err := session.GetRemoteImageJSON(noImage, r.root()); return err },
		"checksum for nothing": func() error { return session.PushImageChecksumRegistry(&ocireg.ImgData{ID: noImage}, r.root()) },
	} {
		if err := try(); !errors.Is(err, ocireg.ErrNotFound) || errors.Is(err, ocireg.ErrRepoNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	layer, err := session.GetRemoteImageLayer(noImage, r.root(), -1)
	if layer != nil || !errors.Is(err, ocireg.ErrNotFound) {
		t.Errorf("%v, %v", layer, err)
	}
	for what, try := range map[string]struct {
		err  error
		want error
	}{
		"no name":       {second(session.GetRepositoryData(nil)), ocireg.ErrInvalidRepositoryName},
		"no root":       {session.LookupRemoteImage(id, r.server.URL), ocireg.ErrInvalidArgument},
		"no id":         {session.LookupRemoteImage("../x", r.root()), ocireg.ErrInvalidArgument},
		"NUL":           {session.LookupRemoteImage(id, "http://\x00/v1/"), ocireg.ErrInvalidArgument},
		"no registries": {second(session.GetRemoteTags(nil, app)), ocireg.ErrInvalidArgument},
		"nil image":     {session.PushImageJSONRegistry(nil, whole, r.root()), ocireg.ErrInvalidJSON},
		"nil images":    {second(session.PushImageJSONIndex(app, []*ocireg.ImgData{nil}, false, nil)), ocireg.ErrInvalidJSON},
		"other's JSON":  {session.PushImageJSONRegistry(&ocireg.ImgData{ID: noImage}, whole, r.root()), ocireg.ErrInvalidArgument},
		"no JSON":       {session.PushImageJSONRegistry(data, nil, r.root()), ocireg.ErrInvalidArgument},
		"limit 0":       {second(session.SearchRepositories("x", 0)), ocireg.ErrInvalidArgument},
		"limit 101":     {second(session.SearchRepositories("x", 101)), ocireg.ErrInvalidArgument},
	} {
		if !errors.Is(try.err, try.want) {
			t.Errorf("%s: %v", what, try.err)
		}
	}

	// The layer's own failure comes back, and nothing is sent.
	broken := errors.New("the disk is gone")
	_, _, err = session.PushImageLayerRegistry(image.id, io.MultiReader(bytes.NewReader(image.tar[:512]),
		iotest.ErrReader(broken)), r.root(), image.json)
	if err != broken {
		t.Errorf("%v", err)
	}
	_, _, err = session.PushImageLayerRegistry(image.id, strings.NewReader("no archive"), r.root(), image.json)
	if err == nil {
		t.Error("any text is an archive")
	}
	if sent := r.asked("PUT", "images/"+image.id+"/layer"); len(sent) != 0 {
		t.Errorf("%d layers were sent", len(sent))
	}

	r.change(func() { r.user, r.password = "alice", "wonderland" })
	if _, err := session.GetRepositoryData(app); !errors.Is(err, ocireg.ErrUnauthorized) {
		t.Errorf("%v", err)
	}
	// A session of protocol v2 is no session of v1, and the other way round.
	if _, err := ocireg.NewSession(nil, &ocireg.AuthConfig{}, r.endpoint(t)); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSearchLimits(t *testing.T) {
	r := newRegistryV1(t, false)
	r.addImage(t, "demo/app", "latest", 10)
	service, session := r.service(t), r.session(t)
	// Below 32 bits, each of these is 25.
	limits := []int{0, -1, 101}
	if strconv.IntSize == 64 {
		limits = append(limits, 1<<32+25, -1<<32+25, math.MaxInt, math.MinInt)
	}
	for _, limit := range limits {
		_, err := service.Search(t.Context(), r.host+"/app", limit, nil, "", nil)
		_, err2 := session.SearchRepositories("app", limit)
		for _, err := range []error{err, err2} {
			var e *ocireg.Error
			if !errors.As(err, &e) || e.Code != ocireg.CodeInvalidArgument || e.Argument != "limit" ||
				!strings.Contains(e.Message, strconv.Itoa(limit)) {
				t.Errorf("%d: %v", limit, err)
			}
		}
	}
	if asked := r.asked("GET", "search"); len(asked) != 0 {
		t.Errorf("%d searches", len(asked))
	}
	for _, limit := range []int{1, 100} {
		found, err := service.Search(t.Context(), r.host+"/app", limit, &ocireg.AuthConfig{}, "test/1",
			map[string][]string{"X-Meta": {"one"}})
		if err != nil || len(found.Results) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	}
	for _, request := range r.asked("GET", "search") {
		if request.UserAgent() != "test/1" || request.Header.Get("X-Meta") != "one" || request.Header.Get("Authorization") != "" {
			t.Errorf("%v", request.Header)
		}
	}
	if _, err := service.Search(t.Context(), "http://"+r.host+"/app", 25, nil, "", nil); err != ocireg.ErrInvalidRepositoryName {
		t.Errorf("%v", err)
	}
}

func TestLayerIsCut(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 500_000)
	size := int64(len(r.image(id).layer))
	cut := cutOnce(0)
	r.change(func() {
		r.fault = func(w http.ResponseWriter, req *http.Request) bool {
			return strings.HasSuffix(req.URL.Path, "/layer") && cut(w, req, r.image(id).layer)
		}
	})
	layer, err := r.session(t).GetRemoteImageLayerContext(t.Context(), id, r.root(), size)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	var content bytes.Buffer
	if n, err := layer.WriteTo(&content); err != nil || n != size || layer.Size() != size || !bytes.Equal(content.Bytes(), r.image(id).layer) {
		t.Errorf("%d of %d, %v", n, size, err)
	}
	if asked := r.asked("GET", "images/"+id+"/layer"); len(asked) != 2 || asked[1].Header.Get("Range") == "" {
		t.Errorf("%d requests", len(asked))
	}
	wrong, err := r.session(t).GetRemoteImageLayer(id, r.root(), size-1)
	if err == nil {
		_, err = io.Copy(io.Discard, wrong)
	}
	if !errors.Is(err, ocireg.ErrSizeMismatch) {
		t.Errorf("%v", err)
	}
}

// Every call with a context stops when the context is done.
func TestCallsOfV1AreCancelled(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 100)
	image := newImageV1(t, "", 10)
	service, session := r.service(t), r.session(t)
	roots, app := []string{r.root()}, mustParse(t, r.host+"/demo/app")
	endpoint := r.endpoint(t)
	data := &ocireg.ImgData{ID: image.id}
	r.change(func() { r.fault = stallsAt("") })
	for what, call := range map[string]func(ctx context.Context) error{
		"NewV1Endpoint": func(ctx context.Context) error {
			return second(service.NewV1Endpoint(ctx, r.index(), "", nil))
		},
		"Ping":   func(ctx context.Context) error { return second(endpoint.PingContext(ctx)) },
		"Search": func(ctx context.Context) error { return second(service.Search(ctx, r.host+"/x", 1, nil, "", nil)) },
		"NewSession": func(ctx context.Context) error {
			client := ocireg.HTTPClient(ocireg.AuthTransport(nil, nil, true))
			return second(ocireg.NewSessionContext(ctx, client, &ocireg.AuthConfig{Username: "u", Password: "p"}, endpoint))
		},
		"GetRepositoryData": func(ctx context.Context) error { return second(session.GetRepositoryDataContext(ctx, app)) },
		"GetRemoteTags":     func(ctx context.Context) error { return second(session.GetRemoteTagsContext(ctx, roots, app)) },
		"GetRemoteTag":      func(ctx context.Context) error { return second(session.GetRemoteTagContext(ctx, roots, app, "x")) },
		"GetRemoteHistory":  func(ctx context.Context) error { return second(session.GetRemoteHistoryContext(ctx, id, r.root())) },
		"LookupRemoteImage": func(ctx context.Context) error { return session.LookupRemoteImageContext(ctx, id, r.root()) },
		"GetRemoteImageJSON": func(ctx context.Context) error {
			_, _, err := session.GetRemoteImageJSONContext(ctx, id, r.root())
			return err
		},
		"GetRemoteImageLayer": func(ctx context.Context) error {
			return second(session.GetRemoteImageLayerContext(ctx, id, r.root(), -1))
		},
		"PushImageJSONRegistry": func(ctx context.Context) error {
			return session.PushImageJSONRegistryContext(ctx, data, image.json, r.root())
		},
		"PushImageLayerRegistry": func(ctx context.Context) error {
			_, _, err := session.PushImageLayerRegistryContext(ctx, image.id, bytes.NewReader(image.tar), r.root(), image.json)
			return err
		},
		"PushImageChecksumRegistry": func(ctx context.Context) error {
			return session.PushImageChecksumRegistryContext(ctx, data, r.root())
		},
		"PushRegistryTag": func(ctx context.Context) error {
			return session.PushRegistryTagContext(ctx, app, id, "1.0", r.root())
		},
		"PushImageJSONIndex": func(ctx context.Context) error {
			return second(session.PushImageJSONIndexContext(ctx, app, []*ocireg.ImgData{data}, false, nil))
		},
		"SearchRepositories": func(ctx context.Context) error {
			return second(session.SearchRepositoriesContext(ctx, "x", 1))
		},
		"PingV2Registry": func(ctx context.Context) error {
			_, _, err := ocireg.PingV2RegistryContext(ctx, mustParseURL(t, r.server.URL), nil)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			stop := time.AfterFunc(50*time.Millisecond, cancel)
			defer stop.Stop()
			begin := time.Now()
			if err := call(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("after %v", took)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCloseWhileReadingALayer(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 500_000)
	reached := make(chan struct{}, 1)
	stall := stallAfter(1000, reached)
	r.change(func() {
		r.fault = func(w http.ResponseWriter, req *http.Request) bool {
			return strings.HasSuffix(req.URL.Path, "/layer") && stall(w, req, r.image(id).layer)
		}
	})
	session := r.session(t)
	layer, err := session.GetRemoteImageLayer(id, r.root(), -1)
	if err != nil {
		t.Fatal(err)
	}
	session.Close() // What was made from it goes on.
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		if n, err := io.Copy(io.Discard, layer); n != 1000 || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%d, %v", n, err)
		}
	}()
	<-reached
	time.Sleep(50 * time.Millisecond)
	begin := time.Now()
	layer.Close()
	group.Wait()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("after %v", took)
	}
}

// Many goroutines use a session, even while it is being closed.
func TestSessionV1Concurrently(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 10_000)
	app := mustParse(t, r.host+"/demo/app")
	session, endpoint := r.session(t), r.endpoint(t)
	var group sync.WaitGroup
	for range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range 20 {
				_, err := session.GetRepositoryData(app)
				if err == nil {
					var layer io.ReadCloser
					if layer, err = session.GetRemoteImageLayer(id, r.root(), -1); err == nil {
						_, err = io.Copy(io.Discard, layer)
						if i%2 == 0 {
							layer.Close() // The collector finds the others.
						}
					}
				}
				if err == nil {
					_, err = endpoint.Ping()
				}
				if err != nil && !errors.Is(err, fs.ErrClosed) {
					t.Error(err)
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	session.Close()
	endpoint.Close()
	group.Wait()
}

// Neither closed nor forgotten sessions keep descriptors or goroutines.
func TestNothingOfV1IsLeftBehind(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 500_000)
	image := newImageV1(t, "", 10)
	work := func(closing bool) {
		service, err := ocireg.NewService(options())
		if err != nil {
			t.Fatal(err)
		}
		endpoint, err := service.NewV1Endpoint(t.Context(), r.index(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		client := ocireg.HTTPClient(ocireg.ModifyRequests(nil, ocireg.Headers("test/1", nil)...))
		session, err := ocireg.NewSession(client, &ocireg.AuthConfig{}, endpoint)
		if err != nil {
			t.Fatal(err)
		}
		layer, err := session.GetRemoteImageLayer(id, r.root(), -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := layer.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		writer, err := session.NewLayerWriter(t.Context(), image.id, r.root(), image.json)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(image.tar); err != nil {
			t.Fatal(err)
		}
		if _, _, err := session.PushImageLayerRegistry(image.id, iotest.ErrReader(fs.ErrInvalid), r.root(), image.json); err != fs.ErrInvalid {
			t.Error(err)
		}
		if closing {
			for _, end := range []io.Closer{service, endpoint, session, writer} {
				if err := end.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := layer.Close(); err != ocireg.ErrNotVerified {
				t.Error(err)
			}
		}
	}
	work(true)
	r.server.CloseClientConnections()
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	for range 3 {
		work(true)
		work(false)
	}
	r.server.CloseClientConnections()
	eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	eventually(t, "the descriptors are closed", func() bool { return descriptors(t) <= open+1 })
}

// A session uses what this package has put into a client, and refuses a client that it would have to ignore.
func TestClientsOfSessions(t *testing.T) {
	r := newRegistryV1(t, false)
	r.change(func() { r.user, r.password = "alice", "wonderland" })
	r.addImage(t, "demo/app", "latest", 10)
	app := mustParse(t, r.host+"/demo/app")
	alice := &ocireg.AuthConfig{Username: "alice", Password: "wonderland"}
	endpoint := r.endpoint(t)
	headers := ocireg.Headers("agent/2", http.Header{"X-Meta": {"two"}})

	session, err := ocireg.NewSession(ocireg.HTTPClient(ocireg.AuthTransport(ocireg.ModifyRequests(
		ocireg.NewTransport(nil), headers...), alice, false)), nil, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.GetRepositoryData(app); err != nil {
		t.Fatal(err)
	}
	asked := r.asked("GET", "repositories/")
	if last := asked[len(asked)-1]; last.UserAgent() != "agent/2" || last.Header.Get("X-Meta") != "two" {
		t.Errorf("%v", last.Header)
	}
	if ping, err := endpoint.Ping(); err != nil || ping.Version != "0.9" {
		t.Errorf("%v: what the session was made from is closed", err)
	}

	used := ocireg.NewTransport(nil)
	if _, err := (&http.Client{Transport: used}).Get(r.root() + "_ping"); err != nil {
		t.Fatal(err)
	}
	for what, client := range map[string]*http.Client{
		"nil":                 nil,
		"empty":               {},
		"a transport":         {Transport: ocireg.NewTransport(&tls.Config{})},
		"a used transport":    ocireg.HTTPClient(used),
		"headers":             ocireg.HTTPClient(ocireg.ModifyRequests(nil, headers...)),
		"credentials":         ocireg.HTTPClient(ocireg.AuthTransport(nil, alice, false)),
		"no credentials":      ocireg.HTTPClient(ocireg.AuthTransport(nil, nil, false)),
		"the same, in a copy": ocireg.HTTPClient(ocireg.AuthTransport(nil, &ocireg.AuthConfig{Username: "alice", Password: "wonderland"}, false)),
	} {
		session, err := ocireg.NewSession(client, alice, endpoint)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		session.Close()
	}

	// An anonymous session has the credentials of its transport, as in Docker's package.
	session, err = ocireg.NewSession(ocireg.HTTPClient(ocireg.AuthTransport(nil, alice, false)), &ocireg.AuthConfig{}, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.GetRepositoryData(app); err != nil {
		t.Error(err)
	}

	changed := func(change func(*http.Transport)) *http.Client {
		transport := ocireg.NewTransport(nil)
		change(transport)
		return ocireg.HTTPClient(transport)
	}
	redirects := ocireg.HTTPClient(nil)
	redirects.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	slow := ocireg.HTTPClient(nil)
	slow.Timeout = time.Second
	for what, client := range map[string]*http.Client{
		"RoundTripper":         ocireg.HTTPClient(http.NewFileTransport(http.Dir("."))),
		"RequestModifier":      ocireg.HTTPClient(ocireg.ModifyRequests(nil, modifier{})),
		"*http.Transport":      ocireg.HTTPClient((*http.Transport)(nil)),
		"DialContext":          ocireg.HTTPClient(http.DefaultTransport),
		"Proxy":                changed(func(tr *http.Transport) { tr.Proxy = nil }),
		"Proxy ":               changed(func(tr *http.Transport) { tr.Proxy = http.ProxyURL(mustParseURL(t, "http://p.example")) }),
		"DisableKeepAlives":    changed(func(tr *http.Transport) { tr.DisableKeepAlives = true }),
		"TLSHandshakeTimeout":  changed(func(tr *http.Transport) { tr.TLSHandshakeTimeout = time.Hour }),
		"CheckRedirect":        redirects,
		"Timeout":              slow,
		"RoundTripper ":        ocireg.HTTPClient(ocireg.AuthTransport(roundTripper{}, nil, false)),
		"RoundTripper  ":       ocireg.HTTPClient(ocireg.ModifyRequests(roundTripper{})),
		"AuthTransport differ": ocireg.HTTPClient(ocireg.AuthTransport(nil, &ocireg.AuthConfig{Username: "bob"}, false)),
		"is not standalone":    ocireg.HTTPClient(ocireg.AuthTransport(nil, alice, true)),
	} {
		session, err := ocireg.NewSession(client, alice, endpoint)
		if session != nil || !errors.Is(err, ocireg.ErrInvalidArgument) || !strings.Contains(err.Error(), strings.TrimSpace(what)) ||
			strings.Contains(err.Error(), "wonderland") {
			t.Errorf("%s: %v", what, err)
		}
	}
	bad := ocireg.HTTPClient(ocireg.ModifyRequests(nil, ocireg.Headers("", http.Header{"Cookie": {"a=b"}})...))
	if _, err := ocireg.NewSession(bad, alice, endpoint); !errors.Is(err, ocireg.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

type modifier struct{}

func (modifier) ModifyRequest(*http.Request) error { return nil }

type roundTripper struct{}

func (roundTripper) RoundTrip(*http.Request) (*http.Response, error) { return nil, fs.ErrInvalid }

// A standalone registry over https gets credentials with each request, and the client's TLS configuration must be that
// of the endpoint.
func TestSessionOverTLS(t *testing.T) {
	r := newRegistryV1(t, true)
	r.change(func() { r.user, r.password, r.standalone = "alice", "wonderland", true })
	r.addImage(t, "demo/app", "latest", 10)
	_, port, _ := net.SplitHostPort(r.host)
	host := "example.com:" + port // That is in the certificate.
	alice := &ocireg.AuthConfig{Username: "alice", Password: "wonderland"}
	certificates := r.certificates(t, host)
	o := options()
	o.CertsDir = certificates
	o.Resolve = map[string][]string{"example.com": {"127.0.0.1"}, "*": {}}
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	secure, err := service.NewV1Endpoint(t.Context(), &ocireg.IndexInfo{Name: host, Secure: true}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	endpoints, err := service.LookupPullEndpoints(r.host)
	if err != nil {
		t.Fatal(err)
	}
	insecure := endpoints[0].ToV1Endpoint("", nil)
	defer insecure.Close()
	if !secure.IsSecure || insecure.IsSecure || insecure.String() != r.root() {
		t.Errorf("%+v, %+v", secure, insecure)
	}
	authority := x509.NewCertPool()
	authority.AddCert(r.authority)
	for what, try := range map[string]struct {
		config   *tls.Config
		endpoint *ocireg.V1Endpoint
		want     string
	}{
		"usual":               {nil, secure, ""},
		"usual, 1.2":          {&tls.Config{MinVersion: tls.VersionTLS12}, secure, ""},
		"of the lookup":       {endpoints[0].TLSConfig, insecure, ""},
		"insecure":            {&tls.Config{InsecureSkipVerify: true}, insecure, ""},
		"not verified":        {&tls.Config{InsecureSkipVerify: true}, secure, "InsecureSkipVerify"},
		"verified":            {nil, insecure, "InsecureSkipVerify"},
		"authority":           {&tls.Config{RootCAs: authority}, secure, "RootCAs"},
		"version":             {&tls.Config{MinVersion: tls.VersionTLS13}, secure, "MinVersion"},
		"name":                {&tls.Config{ServerName: "other.example"}, secure, "ServerName"},
		"name of an insecure": {&tls.Config{InsecureSkipVerify: true, ServerName: "other.example"}, insecure, "ServerName"},
		"protocol":            {&tls.Config{NextProtos: []string{"acme"}}, secure, "NextProtos"},
	} {
		client := ocireg.HTTPClient(ocireg.AuthTransport(ocireg.NewTransport(try.config), alice, true))
		session, err := ocireg.NewSession(client, nil, try.endpoint)
		if try.want != "" {
			if !errors.Is(err, ocireg.ErrInvalidArgument) || !strings.Contains(err.Error(), try.want) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if _, err := session.GetRemoteTags([]string{try.endpoint.String()}, mustParse(t, "demo/app")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		session.Close()
	}
	for _, request := range r.asked("GET", "repositories/") {
		if user, _, _ := request.BasicAuth(); user != "alice" {
			t.Errorf("%v", request.Header)
		}
	}
}

// The result of a lookup may be changed as far as the library can apply the change.
func TestChangedTLSConfig(t *testing.T) {
	directory := t.TempDir()
	name := "registry.example"
	if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(directory, name)
	writePair(t, filepath.Join(files, "ca.crt"), filepath.Join(files, "ca.key.unused"))
	writePair(t, filepath.Join(files, "client.cert"), filepath.Join(files, "client.key"))
	o := options()
	o.CertsDir = directory
	service, err := ocireg.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	lookup := func() ocireg.APIEndpoint {
		endpoints, err := service.LookupPullEndpoints(name)
		if err != nil || len(endpoints) != 1 || endpoints[0].TLSConfig.RootCAs == nil ||
			len(endpoints[0].TLSConfig.Certificates) != 1 {
			t.Fatalf("%+v, %v", endpoints, err)
		}
		return endpoints[0]
	}
	for what, try := range map[string]struct {
		change func(*ocireg.APIEndpoint)
		want   error
	}{
		"nothing":      {func(*ocireg.APIEndpoint) {}, nil},
		"skip":         {func(e *ocireg.APIEndpoint) { e.TLSConfig.InsecureSkipVerify = true }, nil},
		"none":         {func(e *ocireg.APIEndpoint) { e.TLSConfig = nil }, nil},
		"clone":        {func(e *ocireg.APIEndpoint) { e.TLSConfig = e.TLSConfig.Clone() }, nil},
		"1.3":          {func(e *ocireg.APIEndpoint) { e.TLSConfig.MinVersion = tls.VersionTLS13 }, ocireg.ErrUnsupported},
		"other":        {func(e *ocireg.APIEndpoint) { e.TLSConfig = &tls.Config{} }, ocireg.ErrInvalidArgument},
		"certificates": {func(e *ocireg.APIEndpoint) { e.TLSConfig.Certificates = nil }, ocireg.ErrInvalidArgument},
		"authorities": {func(e *ocireg.APIEndpoint) {
			authority, _ := newAuthority(t)
			e.TLSConfig.RootCAs.AddCert(authority)
		}, ocireg.ErrInvalidArgument},
		"keys": {func(e *ocireg.APIEndpoint) { e.TLSConfig.CurvePreferences = []tls.CurveID{tls.X25519} }, ocireg.ErrInvalidArgument},
	} {
		e := lookup()
		try.change(&e)
		endpoint, err := service.NewEndpoint(e)
		if try.want == nil && err == nil {
			secure, err := endpoint.IsSecure()
			if err != nil || secure != (what != "skip") {
				t.Errorf("%s: %v, %v", what, secure, err)
			}
			endpoint.Close()
		} else if !errors.Is(err, try.want) {
			t.Errorf("%s: %v", what, err)
		}
		v1 := e.ToV1Endpoint("", nil)
		if _, err := v1.PingContext(expired(t)); try.want != nil && !errors.Is(err, try.want) ||
			try.want == nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s, v1: %v", what, err)
		}
		v1.Close()
	}
	if err := os.WriteFile(filepath.Join(files, "client.key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := service.LookupPullEndpoints(name); !errors.Is(err, ocireg.ErrInvalidConfig) || !strings.Contains(err.Error(), "client.cert") {
		t.Errorf("%v", err)
	}
	if _, err := lookupOf(t, name).ToV1Endpoint("", nil).Ping(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// lookupOf returns an endpoint of a service that has been closed.
func lookupOf(t *testing.T, name string) ocireg.APIEndpoint {
	t.Helper()
	service, err := ocireg.NewService(options())
	if err != nil {
		t.Fatal(err)
	}
	endpoints, err := service.LookupPullEndpoints(name)
	if err != nil {
		t.Fatal(err)
	}
	service.Close()
	return endpoints[0]
}

// expired is a context that is over.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// opaque is a transport that package fmt does not look into: connections write what it would read.
type opaque func(*http.Request) (*http.Response, error)

func (o opaque) RoundTrip(req *http.Request) (*http.Response, error) { return o(req) }

// Nothing that contains secrets prints them.
func TestSecretsAreNotPrinted(t *testing.T) {
	r := newRegistryV1(t, false)
	r.change(func() { r.user, r.password = "alice", "wonderland" })
	r.addImage(t, "demo/app", "latest", 10)
	alice := &ocireg.AuthConfig{Username: "alice", Password: "wonderland", IdentityToken: "hunter2"}
	transport := ocireg.AuthTransport(opaque(ocireg.NewTransport(nil).RoundTrip),
		&ocireg.AuthConfig{Username: "alice", Password: "wonderland"}, false)
	client := ocireg.HTTPClient(transport)
	request, err := http.NewRequest(http.MethodGet, r.root()+"repositories/demo/app/images", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Docker-Token", "true")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.Request.Header.Get("Authorization") != "" {
		t.Errorf("%+v", response)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{transport, client, r.session(t), r.endpoint(t), ocireg.NewStaticCredentialStore(alice),
			ocireg.Headers("", http.Header{"X-Secret": {"wonderland"}}), alice, *alice,
			ocireg.AuthConfig{Auth: "wonderland", RegistryToken: "hunter2"},
			&ocireg.LoginResult{IdentityToken: "hunter2"},
			ocireg.ServiceOptions{Credentials: map[string]ocireg.AuthConfig{"a": *alice}},
			&ocireg.Proxy{URL: "http://alice:wonderland@proxy.example"},
			ocireg.Proxy{HTTPProxy: "http://alice:wonderland@proxy.example", HTTPSProxy: "http://alice:wonderland@\x00"}} {
			text := fmt.Sprintf(format, value)
			if strings.Contains(text, "wonderland") || strings.Contains(text, "hunter2") || strings.Contains(text, "5ec2e7") {
				t.Errorf("%s: %s", format, text)
			}
		}
	}
	if text := fmt.Sprint(alice); text != "{Username:alice Password:*** Auth: Email: ServerAddress: IdentityToken:*** RegistryToken:}" {
		t.Error(text)
	}
}

// A layer has no digest before all of it has been read, so progress names its image.
func TestProgressOfAPullByV1(t *testing.T) {
	r := newRegistryV1(t, false)
	id := r.addImage(t, "demo/app", "latest", 1000)
	told := map[string]bool{}
	ctx := ocireg.WithProgress(t.Context(), func(p ocireg.Progress) error {
		told[p.Event.What] = true
		return nil
	})
	options := &ocireg.PullOptions{Protocol: "v1", Platform: "linux/amd64"}
	report, err := r.service(t).Pull(ctx, r.host+"/demo/app", "oci:"+t.TempDir()+":x", options)
	if err != nil || len(report.Blobs) == 0 || len(report.Warnings) == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if !told[id] {
		t.Errorf("%v", told)
	}
}

// encoding/json replaces bytes that are not valid UTF-8, which would change a password.
func TestCredentialsThatAreNotUTF8(t *testing.T) {
	r := newRegistryV1(t, false)
	service, endpoint := r.service(t), r.endpoint(t)
	bad := ocireg.AuthConfig{Username: "alice", Password: "wonder\xffland", ServerAddress: r.host}
	for what, call := range map[string]func() error{
		"Login":      func() error { _, err := service.Login(t.Context(), bad, ""); return err },
		"Auth":       func() error { _, _, err := service.Auth(t.Context(), &bad, ""); return err },
		"Search":     func() error { _, err := service.Search(t.Context(), r.host+"/a", 1, &bad, "", nil); return err },
		"NewSession": func() error { _, err := ocireg.NewSession(nil, &bad, endpoint); return err },
		"NewService": func() error {
			_, err := ocireg.NewService(ocireg.ServiceOptions{Credentials: map[string]ocireg.AuthConfig{r.host: bad}})
			return err
		},
		"Pull": func() error {
			_, err := service.Pull(t.Context(), r.host+"/a", "oci:"+t.TempDir(), &ocireg.PullOptions{Auth: &bad})
			return err
		},
	} {
		var e *ocireg.Error
		if err := call(); !errors.As(err, &e) || e.Code != ocireg.CodeInvalidUTF8 || strings.Contains(err.Error(), "wonder") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, good := range []string{"\ufffd", `\ufffd`, `\\ufffd`, "größe"} {
		options := ocireg.ServiceOptions{Credentials: map[string]ocireg.AuthConfig{r.host: {Username: "alice", Password: good}}}
		service, err := ocireg.NewService(options)
		if err != nil {
			t.Fatalf("%q: %v", good, err)
		}
		service.Close()
	}
}
