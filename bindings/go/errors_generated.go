// Code generated from src/error/codes.rs. DO NOT EDIT.
//
// Generated from there by OCIREG_UPDATE=1 cargo test --test generated. Do not edit.

package ocireg

// The error codes, as in ocireg.h.
const (
	// An argument or option is not valid.
	CodeInvalidArgument Code = 1
	// An argument is not valid UTF-8.
	CodeInvalidUTF8 Code = 2
	// A handle is of the wrong type or has been freed.
	CodeInvalidHandle Code = 3
	// An argument is not the JSON that the function expects.
	CodeInvalidJSON Code = 4
	// An image reference or repository name is not valid.
	CodeInvalidReference Code = 5
	// A digest is not valid.
	CodeInvalidDigest Code = 6
	// The configuration contains a value that is not valid.
	CodeInvalidConfig Code = 7
	// The registry or this version of ocireg does not support this.
	CodeUnsupported Code = 8
	// Another thread is using the handle.
	CodeBusy Code = 9
	// The call was cancelled.
	CodeCancelled Code = 20
	// The deadline of the call has passed.
	CodeDeadline Code = 21
	// A host name could not be resolved to an address.
	CodeNameNotResolved Code = 40
	// The connection to the server failed.
	CodeConnect Code = 41
	// The TLS handshake failed.
	CodeTLS Code = 42
	// The server's certificate is not trusted.
	CodeCertificate Code = 43
	// The server took too long to answer.
	CodeTimeout Code = 44
	// The connection ended before the transfer was complete.
	CodeDisconnected Code = 45
	// The proxy refused the connection or could not be used.
	CodeProxy Code = 46
	// A redirect could not be followed.
	CodeRedirect Code = 47
	// The server sent an invalid response.
	CodeProtocol Code = 48
	// A security rule of ocireg forbids this address.
	CodePolicy Code = 49
	// The registry requires valid credentials.
	CodeUnauthorized Code = 60
	// The credentials do not allow this operation.
	CodeDenied Code = 61
	// The configured credentials cannot be used.
	CodeCredentials Code = 62
	// A credential helper failed.
	CodeCredentialHelper Code = 63
	// The requested object does not exist.
	CodeNotFound Code = 80
	// The object to be created already exists.
	CodeAlreadyExists Code = 81
	// The registry has received too many requests.
	CodeRateLimited Code = 82
	// The registry reported a server error.
	CodeServer Code = 83
	// The registry rejected the request.
	CodeRejected Code = 84
	// Somebody else changed the content in the meantime.
	CodeConflict Code = 85
	// The content does not have the expected digest.
	CodeDigestMismatch Code = 100
	// The content does not have the expected size.
	CodeSizeMismatch Code = 101
	// A manifest, image configuration or layer is not valid.
	CodeInvalidManifest Code = 102
	// The content exceeds a configured limit.
	CodeLimit Code = 103
	// The image is not available for the requested platform.
	CodeNoPlatform Code = 104
	// A local file or system resource could not be used.
	CodeIO Code = 120
	// The device has no space left.
	CodeNoSpace Code = 121
	// The operating system denied access to a file.
	CodePermission Code = 122
	// A local file changed while it was being read.
	CodeSourceChanged Code = 123
	// Internal error; please report it.
	CodeInternal Code = 200
	// Internal error: ocireg panicked during the call; please report it.
	CodePanic Code = 201
)
