//go:build cgo

package ocireg_test

import (
	"context"
	"errors"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// The kinds of Docker's package errdefs.
type (
	isNotFound         interface{ NotFound() }
	isInvalidParameter interface{ InvalidParameter() }
	isConflict         interface{ Conflict() }
	isUnauthorized     interface{ Unauthorized() }
	isForbidden        interface{ Forbidden() }
	isUnavailable      interface{ Unavailable() }
	isSystem           interface{ System() }
	isNotImplemented   interface{ NotImplemented() }
	isCancelled        interface{ Cancelled() }
	isDeadline         interface{ DeadlineExceeded() }
	isDataLoss         interface{ DataLoss() }
	isUnknown          interface{ Unknown() }
)

// kinds are the names of the kinds that an error itself is of.
func kinds(err error) (all []string) {
	for name, is := range map[string]func() bool{
		"NotFound":         func() bool { _, ok := err.(isNotFound); return ok },
		"InvalidParameter": func() bool { _, ok := err.(isInvalidParameter); return ok },
		"Conflict":         func() bool { _, ok := err.(isConflict); return ok },
		"Unauthorized":     func() bool { _, ok := err.(isUnauthorized); return ok },
		"Forbidden":        func() bool { _, ok := err.(isForbidden); return ok },
		"Unavailable":      func() bool { _, ok := err.(isUnavailable); return ok },
		"System":           func() bool { _, ok := err.(isSystem); return ok },
		"NotImplemented":   func() bool { _, ok := err.(isNotImplemented); return ok },
		"Cancelled":        func() bool { _, ok := err.(isCancelled); return ok },
		"Deadline":         func() bool { _, ok := err.(isDeadline); return ok },
		"DataLoss":         func() bool { _, ok := err.(isDataLoss); return ok },
		"Unknown":          func() bool { _, ok := err.(isUnknown); return ok },
	} {
		if is() {
			all = append(all, name)
		}
	}
	return all
}

// implementer follows Cause until an error is of a kind, as Docker's package does.
func implementer(err error) error {
	for len(kinds(err)) == 0 {
		causer, ok := err.(interface{ Cause() error })
		if !ok {
			return err
		}
		err = causer.Cause()
	}
	return err
}

func TestKindsOfErrdefs(t *testing.T) {
	for code, want := range map[ocireg.Code]string{
		ocireg.CodeInvalidArgument: "InvalidParameter", ocireg.CodeInvalidReference: "InvalidParameter",
		ocireg.CodeUnsupported: "NotImplemented", ocireg.CodeBusy: "Conflict", ocireg.CodeCancelled: "Cancelled",
		ocireg.CodeDeadline: "Deadline", ocireg.CodeConnect: "Unavailable", ocireg.CodeTimeout: "Unavailable",
		ocireg.CodeUnauthorized: "Unauthorized", ocireg.CodeDenied: "Forbidden", ocireg.CodePolicy: "Forbidden",
		ocireg.CodeNotFound: "NotFound", ocireg.CodeNoPlatform: "NotFound", ocireg.CodeAlreadyExists: "Conflict",
		ocireg.CodeConflict: "Conflict", ocireg.CodeRateLimited: "Unavailable", ocireg.CodeServer: "Unavailable",
		ocireg.CodeDigestMismatch: "DataLoss", ocireg.CodeIO: "System", ocireg.CodePanic: "System", 9999: "Unknown",
	} {
		err := &ocireg.Error{Code: code, Message: "m"}
		if got := kinds(implementer(err)); len(got) != 1 || got[0] != want {
			t.Errorf("%v: by Cause %v, not %s", code, got, want)
		}
		if got := kinds(err); len(got) != 0 {
			t.Errorf("%v itself is %v", code, got)
		}
		var found error
		switch want { // By Unwrap, as errors.As follows it; containerd's package does the same.
		case "NotFound":
			var kind isNotFound
			errors.As(err, &kind)
			found, _ = kind.(error)
		case "Unauthorized":
			var kind isUnauthorized
			errors.As(err, &kind)
			found, _ = kind.(error)
		case "Unavailable":
			var kind isUnavailable
			errors.As(err, &kind)
			found, _ = kind.(error)
		default:
			continue
		}
		if found == nil || found.Error() != err.Error() {
			t.Errorf("%v: by Unwrap %v", code, found)
		}
		var again *ocireg.Error
		if !errors.As(found, &again) || again != err {
			t.Errorf("%v: the kind does not lead back", code)
		}
	}
}

func TestKindsOfRealErrors(t *testing.T) {
	r := newRegistry(t)
	service := newService(t)
	_, err := service.Inspect(t.Context(), r.host+"/no/such:tag", nil)
	if got := kinds(implementer(err)); len(got) != 1 || got[0] != "NotFound" {
		t.Errorf("%v is %v", err, got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = service.Inspect(ctx, r.host+"/x", nil)
	if got := kinds(implementer(err)); len(got) != 1 || got[0] != "Cancelled" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v is %v", err, got)
	}
}
