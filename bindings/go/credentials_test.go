//go:build cgo

package ocireg_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

type traceKey struct{}

// privateRegistry starts a registry that only alice may use.
func privateRegistry(t *testing.T, password string) *registryV2 {
	r := newRegistry(t)
	r.addImage("app", "1", 10)
	r.change(func() { r.user, r.password = "alice", password })
	return r
}

func alice(password string) *ocireg.AuthConfig {
	return &ocireg.AuthConfig{Username: "alice", Password: password}
}

func TestSetCredentials(t *testing.T) {
	r, service := privateRegistry(t, "new"), newService(t)
	ctx := context.WithValue(context.Background(), traceKey{}, "of this call")
	var asked []ocireg.CredentialRequest
	err := service.SetCredentials(func(got context.Context, request ocireg.CredentialRequest) (*ocireg.AuthConfig, error) {
		if got.Value(traceKey{}) != "of this call" {
			t.Errorf("%v is not the context of the call", got)
		}
		asked = append(asked, request)
		if request.Reason == "first" {
			return alice("old"), nil
		}
		return alice("new"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	repository, err := service.OpenRepository(ctx, r.host+"/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	if _, err := repository.ListTags(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || asked[1].Reason != "refused" || asked[0].Host != r.host || asked[0].Repository != "app" ||
		len(asked[0].Actions) != 1 || asked[0].Actions[0] != "pull" {
		t.Errorf("asked for %+v", asked)
	}

	// Without the function nobody knows a password.
	if err := service.SetCredentials(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Inspect(ctx, r.host+"/app:1", nil); !errors.Is(err, ocireg.ErrUnauthorized) {
		t.Error(err)
	}
}

func TestSetCredentialsFails(t *testing.T) {
	r, service := privateRegistry(t, "new"), newService(t)
	ctx := context.Background()
	wrong := errors.New("no token for you")
	inspect := func() error {
		_, err := service.Inspect(ctx, r.host+"/app:1", nil)
		return err
	}
	set := func(f func() (*ocireg.AuthConfig, error)) {
		t.Helper()
		err := service.SetCredentials(func(context.Context, ocireg.CredentialRequest) (*ocireg.AuthConfig, error) {
			return f()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(func() (*ocireg.AuthConfig, error) { return nil, wrong })
	if err := inspect(); !errors.Is(err, wrong) || !errors.Is(err, ocireg.ErrCredentials) {
		t.Error(err)
	}
	set(func() (*ocireg.AuthConfig, error) { return &ocireg.AuthConfig{Auth: "%"}, nil })
	if err := inspect(); !errors.Is(err, ocireg.ErrCredentials) {
		t.Error(err)
	}
	set(func() (*ocireg.AuthConfig, error) { return nil, nil })
	if err := inspect(); !errors.Is(err, ocireg.ErrUnauthorized) {
		t.Error(err)
	}
	set(func() (*ocireg.AuthConfig, error) { panic("help") })
	func() {
		defer func() {
			if got := recover(); got != "help" {
				t.Errorf("recovered %v", got)
			}
		}()
		_ = inspect()
		t.Error("the panic got lost")
	}()
	// It may make calls, which do not ask it again.
	set(func() (*ocireg.AuthConfig, error) {
		if err := inspect(); !errors.Is(err, ocireg.ErrUnauthorized) {
			return nil, err
		}
		return alice("new"), nil
	})
	if err := inspect(); err != nil {
		t.Error(err)
	}
	// An empty list of sources is anonymous access.
	_, err := service.Inspect(ctx, r.host+"/app:1", &ocireg.InspectOptions{CredentialSources: []string{}})
	if !errors.Is(err, ocireg.ErrUnauthorized) {
		t.Error(err)
	}
}

func TestSetCredentialsOnManyGoroutines(t *testing.T) {
	r, service := privateRegistry(t, "new"), newService(t)
	err := service.SetCredentials(func(ctx context.Context, _ ocireg.CredentialRequest) (*ocireg.AuthConfig, error) {
		if _, ok := ctx.Value(traceKey{}).(int); !ok {
			return nil, errors.New("not the context of a call")
		}
		return alice("new"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			ctx := context.WithValue(context.Background(), traceKey{}, i)
			if _, err := service.Inspect(ctx, r.host+"/app:1", nil); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
}
