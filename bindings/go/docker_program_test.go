//go:build cgo

package ocireg_test

// This file is a program written for Docker's package, with only its imports changed.

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	reference "github.com/ocireg/ocireg/bindings/go"
	registry "github.com/ocireg/ocireg/bindings/go"
	registrytypes "github.com/ocireg/ocireg/bindings/go"
	types "github.com/ocireg/ocireg/bindings/go"
)

// A daemon pulls and pushes.
type daemon struct {
	service     registry.Service
	auth        *types.AuthConfig
	userAgent   string
	metaHeaders http.Header
}

// sessions calls use with a session of protocol v1 at each endpoint, until one works.
func (d *daemon) sessions(endpoints []registry.APIEndpoint, use func(*registry.Session, *registry.V1Endpoint) error) error {
	err := errors.New("no endpoints")
	for _, endpoint := range endpoints {
		if endpoint.Mirror || endpoint.URL.Scheme != "https" && endpoint.URL.Scheme != "http" {
			continue
		}
		v1Endpoint := endpoint.ToV1Endpoint(d.userAgent, d.metaHeaders)
		tlsConfig, tlsErr := d.service.TLSConfig(endpoint.URL.Host)
		if tlsErr != nil {
			return tlsErr
		}
		transport := registry.AuthTransport(registry.NewTransport(tlsConfig), d.auth, false)
		client := registry.HTTPClient(transport)
		var session *registry.Session
		if session, err = registry.NewSession(client, d.auth, v1Endpoint); err != nil {
			continue
		}
		if err = use(session, v1Endpoint); err == nil {
			return nil
		}
	}
	return err
}

type pulled struct {
	json, layer []byte
}

func (d *daemon) pull(name reference.Named, tag string) (history []string, images map[string]pulled, err error) {
	info, err := d.service.ResolveRepository(name)
	if err != nil {
		return nil, nil, err
	}
	endpoints, err := d.service.LookupPullEndpoints(info.Index.Name)
	if err != nil {
		return nil, nil, err
	}
	err = d.sessions(endpoints, func(session *registry.Session, _ *registry.V1Endpoint) error {
		data, err := session.GetRepositoryData(info.Name)
		if err != nil {
			return err
		}
		tags, err := session.GetRemoteTags(data.Endpoints, info.Name)
		if err != nil {
			return err
		}
		if id, err := session.GetRemoteTag(data.Endpoints, info.Name, tag); err != nil || id != tags[tag] {
			return fmt.Errorf("%s is not %s: %w", id, tags[tag], err)
		}
		for id, image := range data.ImgList {
			if image.ID != id {
				return fmt.Errorf("%s is listed as %s", image.ID, id)
			}
		}
		for _, endpoint := range data.Endpoints {
			if history, err = session.GetRemoteHistory(tags[tag], endpoint); err != nil {
				continue
			}
			images = map[string]pulled{}
			for _, id := range history {
				if err := session.LookupRemoteImage(id, endpoint); err != nil {
					return err
				}
				json, size, err := session.GetRemoteImageJSON(id, endpoint)
				if err != nil {
					return err
				}
				layer, err := session.GetRemoteImageLayer(id, endpoint, size)
				if err != nil {
					return err
				}
				defer layer.Close()
				content, err := io.ReadAll(layer)
				if err != nil {
					return err
				}
				images[id] = pulled{json, content}
			}
			return nil
		}
		return err
	})
	return history, images, err
}

// push pushes images, the oldest first, and returns how many of them the registry already had.
func (d *daemon) push(name reference.Named, tag string, images []madeV1) (had int, err error) {
	info, err := d.service.ResolveRepository(name)
	if err != nil {
		return 0, err
	}
	endpoints, err := d.service.LookupPushEndpoints(info.Index.Name)
	if err != nil {
		return 0, err
	}
	var list []*registry.ImgData
	for _, image := range images {
		list = append(list, &registry.ImgData{ID: image.id})
	}
	last := list[len(list)-1]
	last.Tag = tag
	err = d.sessions(endpoints, func(session *registry.Session, _ *registry.V1Endpoint) error {
		data, err := session.PushImageJSONIndex(info.Name, list, false, nil)
		if err != nil {
			return err
		}
		for _, endpoint := range data.Endpoints {
			for i, image := range images {
				err := session.PushImageJSONRegistry(list[i], image.json, endpoint)
				if err == registry.ErrAlreadyExists {
					had++
					continue
				}
				if err != nil {
					return err
				}
				list[i].Checksum, list[i].ChecksumPayload, err = session.PushImageLayerRegistry(image.id,
					bytes.NewReader(image.tar), endpoint, image.json)
				if err != nil {
					return err
				}
				if err := session.PushImageChecksumRegistry(list[i], endpoint); err != nil {
					return err
				}
			}
			if err := session.PushRegistryTag(info.Name, last.ID, tag, endpoint); err != nil {
				return err
			}
		}
		_, err = session.PushImageJSONIndex(info.Name, list, true, data.Endpoints)
		return err
	})
	return had, err
}

func (d *daemon) search(term string) ([]registrytypes.SearchResult, error) {
	results, err := d.service.Search(context.Background(), term, registry.DefaultSearchLimit, d.auth, d.userAgent,
		map[string][]string(d.metaHeaders))
	if err != nil {
		return nil, err
	}
	return results.Results, nil
}

func TestDockersProgram(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, standalone := range []bool{false, true} {
			t.Run(fmt.Sprintf("secure=%v,standalone=%v", secure, standalone), func(t *testing.T) {
				testDockersProgram(t, secure, standalone)
			})
		}
	}
}

func testDockersProgram(t *testing.T, secure, standalone bool) {
	r := newRegistryV1(t, secure)
	r.change(func() { r.standalone = standalone })
	if secure || !standalone { // Nobody sends a standalone registry credentials over http.
		r.change(func() { r.user, r.password = "alice", "wonderland" })
	}
	d := &daemon{r.service(t), &types.AuthConfig{Username: "alice", Password: "wonderland"}, "docker/1.0",
		http.Header{"X-Meta": {"one", "two"}}}
	name, err := reference.ParseReference(r.host + "/demo/app")
	if err != nil {
		t.Fatal(err)
	}
	base := newImageV1(t, "", 200_000)
	images := []madeV1{base, newImageV1(t, base.id, 10)}
	if had, err := d.push(name, "1.0", images); had != 0 || err != nil {
		t.Fatalf("%d, %v", had, err)
	}
	history, got, err := d.pull(name, "1.0")
	if err != nil || len(history) != 2 || history[0] != images[1].id || history[1] != base.id {
		t.Fatalf("%v, %v", history, err)
	}
	for _, image := range images {
		archive, err := gzip.NewReader(bytes.NewReader(got[image.id].layer))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil || !bytes.Equal(content, image.tar) || !bytes.Equal(got[image.id].json, image.json) {
			t.Errorf("%s came back otherwise: %v", image.id, err)
		}
	}
	if had, err := d.push(name, "2.0", images[:1]); had != 1 || err != nil {
		t.Errorf("pushed again: %d, %v", had, err)
	}
	if _, _, err := d.pull(name, "none"); err == nil {
		t.Error("a tag that nobody has")
	}
	found, err := d.search(r.host + "/app")
	if err != nil || len(found) != 1 || found[0].Name != "demo/app" || found[0].StarCount != 7 || !found[0].IsAutomated {
		t.Errorf("%+v, %v", found, err)
	}
	for _, request := range append(r.asked("GET", "images/"), r.asked("GET", "search")...) {
		if request.Header.Get("User-Agent") != "docker/1.0" || len(request.Header.Values("X-Meta")) != 2 {
			t.Errorf("%s: %v", request.URL, request.Header)
		}
	}
	if _, _, err := d.service.Auth(context.Background(), &types.AuthConfig{Username: "alice", Password: "x",
		ServerAddress: r.host}, d.userAgent); err == nil {
		t.Error("there is no registry of protocol v2 that takes credentials")
	}
}
