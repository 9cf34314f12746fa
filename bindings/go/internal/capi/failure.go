package capi

import "encoding/json"

// Failure is what a C call says about its failure.
type Failure struct {
	Code    int32
	Message string
	JSON    string
}

func (f *Failure) Error() string { return f.Message }

// The codes that this package gives by itself; they are those of ocireg.h.
const (
	codeInvalidArgument = 1
	codeInvalidHandle   = 3
	codeUnsupported     = 8
)

// failed makes a failure that happens before the library is asked.
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

// Closed is the failure of a call on something that was closed.
func Closed() *Failure {
	return failed(codeInvalidHandle, "", "use after Close")
}
