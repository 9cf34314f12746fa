package capi

import "encoding/json"

// Failure is the error of a C call.
type Failure struct {
	Code    int32
	Message string
	JSON    string
}

func (f *Failure) Error() string { return f.Message }

// The codes of errors that this package makes itself, as in ocireg.h.
const (
	codeInvalidArgument = 1
	codeInvalidHandle   = 3
	codeUnsupported     = 8
)

// failed returns a failure that did not come from the library.
func failed(code int32, argument, message string) *Failure {
	names := map[int32]string{
		codeInvalidArgument: "INVALID_ARGUMENT",
		codeInvalidHandle:   "INVALID_HANDLE",
		codeUnsupported:     "UNSUPPORTED",
	}
	document, _ := json.Marshal(struct { // Texts and numbers always marshal.
		Code      int32  `json:"code"`
		Name      string `json:"name"`
		Message   string `json:"message"`
		Argument  string `json:"argument,omitempty"`
		Retryable bool   `json:"retryable"`
	}{code, names[code], message, argument, false})
	return &Failure{Code: code, Message: message, JSON: string(document)}
}

// Closed returns the failure of a call on something that was closed.
func Closed() *Failure {
	return failed(codeInvalidHandle, "", "use after Close")
}
