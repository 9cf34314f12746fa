//go:build cgo

package ocireg_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// listTags makes a service ask r for tags, which is a request or two.
func listTags(t *testing.T, service *ocireg.DefaultService, r *registryV2) {
	t.Helper()
	repository, err := service.OpenRepository(context.Background(), r.host+"/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	if _, err := repository.ListTags(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestSetLogger(t *testing.T) {
	r, service := newRegistry(t), newService(t)
	r.addImage("app", "1", 10)
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := service.SetLogger(logger.With("app", "test")); err != nil {
		t.Fatal(err)
	}
	listTags(t, service, r)
	found := false
	for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if record["app"] != "test" || record["target"] == nil || record["msg"] == "" {
			t.Errorf("%s", line)
		}
		if record["path"] == "/v2/app/tags/list" {
			found = true
			if record["level"] != "DEBUG" || record["http_status"] != 200.0 || record["method"] != "GET" {
				t.Errorf("%s", line)
			}
		}
	}
	if !found {
		t.Errorf("no record of the request in %s", out.String())
	}

	// Requests are not worth an information, and a nil logger ends all.
	out.Reset()
	for _, logger := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), nil} {
		if err := service.SetLogger(logger); err != nil {
			t.Fatal(err)
		}
		listTags(t, service, r)
		if bytes.Contains(out.Bytes(), []byte("http_status")) {
			t.Errorf("%s", out.String())
		}
	}
}

type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("the log is full") }

func TestLogOfAPanicAndOfAClosedService(t *testing.T) {
	r, service := newRegistry(t), newService(t)
	r.addImage("app", "1", 10)
	if err := service.SetLogger(slog.New(panicking{})); err != nil {
		t.Fatal(err)
	}
	listTags(t, service, r)
	runtime.GC()
	listTags(t, service, r)
	service.Close()
	if err := service.SetLogger(slog.Default()); err == nil {
		t.Error("a closed service has no log")
	}
}
