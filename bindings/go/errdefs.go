package ocireg

// Docker's package errdefs, and containerd's, classify an error by its methods, such as NotFound, which they look for
// in the whole chain of errors: the first follows Cause, the second Unwrap. The types here have these methods, and
// nothing else.

// class is an Error with one of the methods of errdefs. It wraps nothing, so that the chain of Cause or Unwrap ends
// here.
type class struct{ e *Error }

func (c class) Error() string { return c.e.Error() }

// As sets the [*Error].
func (c class) As(target any) bool {
	e, ok := target.(**Error)
	if ok {
		*e = c.e
	}
	return ok
}

type (
	classNotFound         struct{ class }
	classInvalidParameter struct{ class }
	classConflict         struct{ class }
	classUnauthorized     struct{ class }
	classForbidden        struct{ class }
	classUnavailable      struct{ class }
	classSystem           struct{ class }
	classNotImplemented   struct{ class }
	classCancelled        struct{ class }
	classDeadline         struct{ class }
	classDataLoss         struct{ class }
	classUnknown          struct{ class }
)

func (classNotFound) NotFound()                 {}
func (classInvalidParameter) InvalidParameter() {}
func (classConflict) Conflict()                 {}
func (classUnauthorized) Unauthorized()         {}
func (classForbidden) Forbidden()               {}
func (classUnavailable) Unavailable()           {}
func (classSystem) System()                     {}
func (classNotImplemented) NotImplemented()     {}
func (classCancelled) Cancelled()               {}
func (classDeadline) DeadlineExceeded()         {}
func (classDataLoss) DataLoss()                 {}
func (classUnknown) Unknown()                   {}

// class returns the error with the method of errdefs that fits its code.
func (e *Error) class() error {
	c := class{e}
	switch e.Code {
	case CodeInvalidArgument, CodeInvalidUTF8, CodeInvalidHandle, CodeInvalidJSON, CodeInvalidReference,
		CodeInvalidDigest, CodeInvalidConfig, CodeRejected:
		return classInvalidParameter{c}
	case CodeUnsupported:
		return classNotImplemented{c}
	case CodeBusy, CodeAlreadyExists, CodeConflict, CodeSourceChanged:
		return classConflict{c}
	case CodeCancelled:
		return classCancelled{c}
	case CodeDeadline:
		return classDeadline{c}
	case CodeNameNotResolved, CodeConnect, CodeTimeout, CodeDisconnected, CodeProxy, CodeRateLimited, CodeServer:
		return classUnavailable{c}
	case CodeUnauthorized:
		return classUnauthorized{c}
	case CodeDenied, CodePolicy:
		return classForbidden{c}
	case CodeNotFound, CodeNoPlatform:
		return classNotFound{c}
	case CodeDigestMismatch, CodeSizeMismatch:
		return classDataLoss{c}
	case CodeTLS, CodeCertificate, CodeRedirect, CodeProtocol, CodeCredentials, CodeCredentialHelper,
		CodeInvalidManifest, CodeLimit, CodeIO, CodeNoSpace, CodePermission, CodeInternal, CodePanic:
		return classSystem{c}
	}
	return classUnknown{c} // A code of a newer library.
}

// Cause is for Docker's package errdefs, which looks there for methods such as NotFound.
func (e *Error) Cause() error { return e.class() }
