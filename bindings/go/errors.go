package ocireg

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Code is the kind of an [Error]. Numbers never change; new ones may be added.
type Code int32

// String returns the library's name of the code, such as "NOT_FOUND".
func (c Code) String() string {
	return strings.TrimPrefix(capi.CodeName(int32(c)), "OCIREG_")
}

// Text explains the code in one sentence, such as "What was asked for does not exist."
func (c Code) Text() string { return capi.CodeText(int32(c)) }

// sentinel is what errors.Is compares an Error with.
type sentinel struct {
	text string
	is   func(*Error) bool
	// also are what a sentinel wraps, for those that calls return themselves.
	also []error
}

func (s *sentinel) Error() string { return "ocireg: " + s.text }

func (s *sentinel) Unwrap() []error { return s.also }

func ofCode(code Code, text string, also ...error) error {
	return &sentinel{text, func(e *Error) bool { return e.Code == code }, also}
}

// Errors for use with [errors.Is]. A cancelled call matches [context.Canceled], and one that ran into the deadline of
// its context matches [context.DeadlineExceeded].
var (
	ErrInvalidArgument  = ofCode(CodeInvalidArgument, "invalid argument")
	ErrInvalidJSON      = ofCode(CodeInvalidJSON, "invalid JSON")
	ErrInvalidReference = ofCode(CodeInvalidReference, "invalid reference")
	ErrInvalidDigest    = ofCode(CodeInvalidDigest, "invalid digest")
	ErrInvalidConfig    = ofCode(CodeInvalidConfig, "invalid configuration")
	ErrUnsupported      = ofCode(CodeUnsupported, "unsupported")
	ErrNameNotResolved  = ofCode(CodeNameNotResolved, "host name not resolved")
	ErrConnect          = ofCode(CodeConnect, "connection failed")
	ErrTLS              = ofCode(CodeTLS, "TLS failed")
	ErrCertificate      = ofCode(CodeCertificate, "certificate not accepted")
	ErrTimeout          = ofCode(CodeTimeout, "timeout")
	ErrDisconnected     = ofCode(CodeDisconnected, "connection lost")
	ErrProxy            = ofCode(CodeProxy, "proxy failed")
	ErrRedirect         = ofCode(CodeRedirect, "redirect refused")
	ErrProtocol         = ofCode(CodeProtocol, "invalid response")
	ErrPolicy           = ofCode(CodePolicy, "refused by a rule of the library")
	ErrUnauthorized     = ofCode(CodeUnauthorized, "unauthorized")
	ErrDenied           = ofCode(CodeDenied, "denied")
	ErrCredentials      = ofCode(CodeCredentials, "credentials cannot be used")
	ErrCredentialHelper = ofCode(CodeCredentialHelper, "credential helper failed")
	ErrNotFound         = ofCode(CodeNotFound, "not found")
	ErrRateLimited      = ofCode(CodeRateLimited, "rate limited")
	ErrServer           = ofCode(CodeServer, "server error")
	ErrRejected         = ofCode(CodeRejected, "rejected by the registry")
	ErrConflict         = ofCode(CodeConflict, "conflict")
	ErrDigestMismatch   = ofCode(CodeDigestMismatch, "digest mismatch")
	ErrSizeMismatch     = ofCode(CodeSizeMismatch, "size mismatch")
	ErrInvalidManifest  = ofCode(CodeInvalidManifest, "invalid manifest")
	ErrLimit            = ofCode(CodeLimit, "limit exceeded")
	ErrNoPlatform       = ofCode(CodeNoPlatform, "no image for the platform")
	ErrNoSpace          = ofCode(CodeNoSpace, "no space left")
	ErrPermission       = ofCode(CodePermission, "permission denied by the system")

	// ErrNotVerified means that a blob or layer was closed before its end was read, so that its content was not
	// verified. Call Verify when you are done reading.
	ErrNotVerified = errors.New("ocireg: closed before the end was read: the content was not verified " +
		"(call Verify when you are done reading, and discard the content if it fails)")

	// ErrAlreadyExists means that the registry already has the image that was to be pushed.
	ErrAlreadyExists = ofCode(CodeAlreadyExists, "image already exists", fs.ErrExist)
	// ErrInvalidRepositoryName means that the name of a repository is not valid, such as a search term with a scheme.
	ErrInvalidRepositoryName = ofCode(CodeInvalidReference,
		`invalid repository name (ex: "registry.domain.tld/myrepos")`)
	// ErrRepoNotFound means that the repository does not exist.
	ErrRepoNotFound error = &sentinel{"repository not found", func(e *Error) bool {
		return e.Code == CodeNotFound && e.What == "repository"
	}, []error{ErrNotFound, fs.ErrNotExist}}
)

// PingResponseError means that the response to a ping is not valid; use it with [errors.As].
type PingResponseError struct {
	Err error
}

func (err PingResponseError) Error() string { return err.Err.Error() }

// Unwrap returns the [*Error].
func (err PingResponseError) Unwrap() error { return err.Err }

// RegistryError is one error in a response of a registry.
type RegistryError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// Error is the error of a call. Fields that do not apply are zero.
type Error struct {
	Code Code   `json:"code"`
	Name string `json:"name"`
	// Message is one line: what failed, and why.
	Message string   `json:"message"`
	Causes  []string `json:"causes,omitempty"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`

	HTTPStatus int `json:"http_status,omitempty"`
	// Errors are the errors in the registry's response.
	Errors   []RegistryError `json:"errors,omitempty"`
	Method   string          `json:"method,omitempty"`
	Scheme   string          `json:"scheme,omitempty"`
	Host     string          `json:"host,omitempty"`
	Path     string          `json:"path,omitempty"`
	Endpoint string          `json:"endpoint,omitempty"`
	// Phase is the step that failed, such as "dns", "tls" or "verify".
	Phase string `json:"phase,omitempty"`

	DigestExpected string `json:"digest_expected,omitempty"`
	DigestActual   string `json:"digest_actual,omitempty"`
	SizeExpected   int64  `json:"size_expected,omitempty"`
	SizeActual     int64  `json:"size_actual,omitempty"`
	BytesDone      int64  `json:"bytes_done,omitempty"`

	// Retryable is true if the same call may succeed later.
	Retryable bool `json:"retryable"`
	// RetryAfter is how long the registry asked clients to wait.
	RetryAfter time.Duration `json:"-"`

	CancelledBy string `json:"cancelled_by,omitempty"`
	What        string `json:"what,omitempty"`
	Argument    string `json:"argument,omitempty"`
	// Attempts are the errors of the endpoints that were tried.
	Attempts []*Error `json:"attempts,omitempty"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`

	// cause is why the caller stopped the call.
	cause error
}

// Error returns the message and the hint.
func (e *Error) Error() string {
	text := "ocireg: " + e.Message
	if e.cause != nil && e.cause != context.Canceled && e.cause != context.DeadlineExceeded {
		text += ": " + e.cause.Error()
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Is reports whether the error matches a sentinel of this package.
func (e *Error) Is(target error) bool {
	s, ok := target.(*sentinel)
	return ok && s.is(e)
}

// As sets a [PingResponseError] if the error is one.
func (e *Error) As(target any) bool {
	ping, ok := target.(*PingResponseError)
	if ok = ok && e.Code == CodeProtocol && e.Phase == "ping"; ok {
		ping.Err = e
	}
	return ok
}

// Unwrap returns the errors of the standard library that this error matches, and the cause of its context.
func (e *Error) Unwrap() []error {
	var all []error
	switch e.Code {
	case CodeCancelled:
		// The context of a cancelled call may have ended by its deadline; then that is what the cause says.
		if e.cause == nil || !errors.Is(e.cause, context.DeadlineExceeded) {
			all = append(all, context.Canceled)
		}
	case CodeDeadline:
		all = append(all, context.DeadlineExceeded)
	case CodeInvalidHandle:
		all = append(all, fs.ErrClosed)
	case CodeUnsupported:
		all = append(all, errors.ErrUnsupported)
	case CodeDisconnected:
		all = append(all, io.ErrUnexpectedEOF)
	case CodeNotFound:
		all = append(all, fs.ErrNotExist)
	case CodeAlreadyExists:
		all = append(all, fs.ErrExist)
	case CodeNoSpace:
		all = append(all, syscall.ENOSPC)
	case CodePermission:
		all = append(all, fs.ErrPermission)
	}
	all = append(all, e.class())
	if e.cause != nil {
		all = append(all, e.cause)
	}
	return all
}

// Timeout reports whether the call timed out. With it an Error is a [net.Error].
func (e *Error) Timeout() bool { return e.Code == CodeTimeout || e.Code == CodeDeadline }

// Temporary returns Retryable, for [net.Error].
func (e *Error) Temporary() bool { return e.Retryable }

// MarshalJSON implements [json.Marshaler]. It returns the library's JSON object.
func (e *Error) MarshalJSON() ([]byte, error) {
	if e.Raw != nil {
		return e.Raw, nil
	}
	type fields Error
	return json.Marshal((*fields)(e))
}

// UnmarshalJSON implements [json.Unmarshaler]. It reads the library's JSON object.
func (e *Error) UnmarshalJSON(document []byte) error {
	type fields Error
	all := struct {
		*fields
		RetryAfterMS int64 `json:"retry_after_ms"`
	}{fields: (*fields)(e)}
	if err := json.Unmarshal(document, &all); err != nil {
		return err
	}
	e.RetryAfter = fromMilliseconds(all.RetryAfterMS)
	e.Raw = append(json.RawMessage(nil), document...)
	return nil
}

// refusal returns the error of an argument that this package refuses.
func refusal(argument, message, hint string) *Error {
	return ownError(Error{Code: CodeInvalidArgument, Name: "INVALID_ARGUMENT", Argument: argument, Message: message,
		Hint: hint})
}

// newError converts an error of package capi.
func newError(err error) error {
	if err == nil {
		return nil
	}
	var failure *capi.Failure
	if !errors.As(err, &failure) {
		return err
	}
	e := &Error{}
	if json.Unmarshal([]byte(failure.JSON), e) != nil || e.Code == 0 {
		// The failure must not get lost, even if its JSON object cannot be read.
		*e = Error{Code: Code(failure.Code), Name: Code(failure.Code).String(), Message: failure.Message}
	}
	return e
}

// ownError returns an error that did not come from the library.
func ownError(e Error) *Error {
	e.Raw, _ = json.Marshal(&e) // Texts and numbers always marshal.
	return &e
}
