package ocireg

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// A CredentialRequest says what credentials are needed for.
type CredentialRequest struct {
	// Host is the registry, as host[:port].
	Host string `json:"host"`
	// Repository is the path of the repository, and Actions what will be done with it, such as "pull". They are empty
	// where that is not known.
	Repository string   `json:"repository"`
	Actions    []string `json:"actions"`
	// Reason is "first", or "refused" if the registry did not accept what the function returned before.
	Reason string `json:"reason"`
}

// SetCredentials sets the program's own source of credentials, for example for the tokens of a cloud provider, or for a
// password prompt. A nil function removes it.
//
// The function is called when a call needs credentials for a registry and has none in its own options: before the
// credentials in the [ServiceOptions] and the files of Docker and podman. It is called again, with the reason "refused",
// when the registry did not accept what it returned, for example because a password has expired. If it returns nil, the
// next source is used. If it returns an error, the call stops, and its error wraps that error. If it panics, the call
// stops, and the panic continues in the caller. It must not call [runtime.Goexit], and it must not close what the
// running call uses. Calls that it makes do not call it again.
//
// The function runs on the goroutine that makes the call, with the context of that call, and several goroutines may call
// it at once.
func (s *DefaultService) SetCredentials(
	credentials func(context.Context, CredentialRequest) (*AuthConfig, error),
) error {
	if credentials == nil {
		return newError(s.c.SetCredentials(nil))
	}
	callers.wanted.Store(true)
	return newError(s.c.SetCredentials(func(document string, answer func(string) error) bool {
		c := callers.current()
		if c == nil {
			c = &call{ctx: context.Background()} // A call without a context.
		}
		return c.answer(credentials, document, answer)
	}))
}

// answer asks for credentials for the library: Go's panics must not cross C.
func (c *call) answer(
	credentials func(context.Context, CredentialRequest) (*AuthConfig, error), document string,
	answer func(string) error,
) (stop bool) {
	if c.panics || c.stopped != nil {
		return true
	}
	defer func() {
		if returned := !c.panics; !returned {
			c.panicky, stop = recover(), true
		}
	}()
	defer running.lend()()
	var request CredentialRequest
	// A request of a newer library may hold what is not known here; the rest of it counts.
	_ = json.Unmarshal([]byte(document), &request)
	c.panics = true
	auth, err := credentials(c.ctx, request)
	c.panics = false
	if err == nil && auth != nil {
		var encoded string
		if encoded, err = encode("auth", auth); err == nil {
			err = newError(answer(encoded))
		}
	}
	c.stopped = err
	return err != nil
}

// callers are the calls that run now, by the thread that they run on: a callback that belongs to a service finds the
// call that it interrupts.
var callers threads

type threads struct {
	wanted atomic.Bool // Whether anybody will ask.
	mu     sync.Mutex
	calls  map[uintptr]*call
}

// enter says that c runs on the thread of this goroutine, until the function that it returns is called.
func (t *threads) enter(c *call) (leave func()) {
	if !t.wanted.Load() {
		return func() {}
	}
	runtime.LockOSThread()
	thread := capi.Thread()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[uintptr]*call{}
	}
	outer := t.calls[thread] // The call whose callback makes this one.
	t.calls[thread] = c
	return func() {
		t.mu.Lock()
		if outer == nil {
			delete(t.calls, thread)
		} else {
			t.calls[thread] = outer
		}
		t.mu.Unlock()
		runtime.UnlockOSThread()
	}
}

func (t *threads) current() *call {
	thread := capi.Thread()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[thread]
}
