//go:build cgo

package capi

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A thing has a handle as services and sessions have, onto Go's memory.
type thing struct{ handle[*int] }

func newThing(freed *atomic.Int32) *thing {
	t := &thing{}
	return own(t, &t.handle, new(int), func(*int) { freed.Add(1) })
}

func TestHandleIsFreedOnceAfterItsCalls(t *testing.T) {
	var freed atomic.Int32
	for range 100 {
		freed.Store(0)
		thing := newThing(&freed)
		var group sync.WaitGroup
		for i := range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				if _, err := thing.acquire(); err == nil {
					if freed.Load() != 0 {
						t.Error("freed while a call runs")
					}
					thing.release()
				} else if failure := (*Failure)(nil); !errors.As(err, &failure) || failure.Code != codeInvalidHandle {
					t.Error(err)
				}
				if i%2 == 0 {
					thing.Close()
				}
			}()
		}
		group.Wait()
		if n := freed.Load(); n != 1 {
			t.Fatalf("freed %d times", n)
		}
	}
}

func TestHandleIsFreedByTheCollector(t *testing.T) {
	var freed atomic.Int32
	newThing(&freed)
	for range 200 {
		if runtime.GC(); freed.Load() == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("freed %d times", freed.Load())
}
