//go:build cgo

package ocireg_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// holding is a registry whose blobs do not come before they are let go; it counts those that are asked for.
type holding struct {
	*registryV2
	asked atomic.Int64
	free  chan struct{}
}

func newHolding(t *testing.T) *holding {
	h := &holding{registryV2: newRegistry(t), free: make(chan struct{})}
	h.addImage("x", "1")
	h.blobFault = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		h.asked.Add(1)
		h.mu.Lock()
		free := h.free
		h.mu.Unlock()
		select {
		case <-free:
		case <-r.Context().Done():
			return true
		}
		return false
	}
	return h
}

func bound(t *testing.T, most int) {
	previous := ocireg.SetMaxConcurrentCalls(most)
	t.Cleanup(func() { ocireg.SetMaxConcurrentCalls(previous) })
}

func TestDefaultBoundOfCalls(t *testing.T) {
	if previous := ocireg.SetMaxConcurrentCalls(5); previous != 64 {
		t.Error(previous)
	}
	if previous := ocireg.SetMaxConcurrentCalls(64); previous != 5 {
		t.Error(previous)
	}
}

func TestCallsWaitForTheirTurnWithoutAThread(t *testing.T) {
	const most, calls = 4, 400
	bound(t, most)
	r := newHolding(t)
	digest := r.addBlob([]byte("content")).Digest
	repository := openRepository(t, r.registryV2, "x")
	before := threads(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	var wrong atomic.Value
	for range calls {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, err := repository.OpenBlob(ctx, digest, nil); !errors.Is(err, context.Canceled) {
				wrong.Store(err)
			}
		}()
	}
	waitFor(t, func() bool { return r.asked.Load() == most })
	time.Sleep(200 * time.Millisecond)
	if asked := r.asked.Load(); asked != most {
		t.Errorf("%d calls run at once", asked)
	}
	if now := threads(t); now > before+most+32 { // Go makes some for itself.
		t.Errorf("%d threads, %d before", now, before)
	}
	cancelled := time.Now()
	cancel()
	all.Wait()
	if took := time.Since(cancelled); took > time.Second {
		t.Errorf("the last call returned after %v", took)
	}
	if err := wrong.Load(); err != nil {
		t.Error(err)
	}
	// The turns are free again.
	close(r.free)
	reader, err := repository.OpenBlob(t.Context(), digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
}

func TestClosingAReaderThatWaitsForItsTurn(t *testing.T) {
	r := newHolding(t)
	digest := r.addBlob(make([]byte, 4<<20)).Digest
	close(r.free)
	repository := openRepository(t, r.registryV2, "x")
	waiting, err := repository.OpenBlob(t.Context(), digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	bound(t, 1)
	r.mu.Lock()
	r.free = make(chan struct{})
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := r.asked.Load()
	go func() { _, _ = repository.OpenBlob(ctx, digest, nil) }()
	waitFor(t, func() bool { return r.asked.Load() > asked })
	failed := make(chan error, 1)
	go func() {
		_, err := waiting.Read(make([]byte, 1))
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	_ = waiting.Close()
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the read waits on")
	}
}

// A callback may make calls, even if calls with callbacks have taken all turns.
func TestCallsWithinCallbacks(t *testing.T) {
	bound(t, 1)
	r := newRegistry(t)
	service := newService(t)
	var inner atomic.Value
	ctx := ocireg.WithProgress(t.Context(), func(ocireg.Progress) error {
		if _, err := service.IsInsecureRegistry(t.Context(), "127.0.0.1:1"); err != nil {
			inner.Store(err)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r.addImage("x", "1")
	if _, err := service.Pull(ctx, r.host+"/x:1", "oci:"+t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	if err := inner.Load(); err != nil {
		t.Error(err)
	}
}

func threads(t *testing.T) int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it does not come to that")
		}
	}
}
