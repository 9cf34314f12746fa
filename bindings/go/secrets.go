package ocireg

import (
	"fmt"
	"net/url"
)

// Programs print and log their configuration. The methods in this file keep secrets out of that; the fields themselves
// are not changed.

// masked replaces a secret, unless it is empty.
func masked(secret string) string {
	if secret == "" {
		return ""
	}
	return "***"
}

// String returns all fields, with the secrets masked.
func (a AuthConfig) String() string {
	type fields AuthConfig
	a.Password, a.Auth = masked(a.Password), masked(a.Auth)
	a.IdentityToken, a.RegistryToken = masked(a.IdentityToken), masked(a.RegistryToken)
	return fmt.Sprintf("%+v", fields(a))
}

// GoString returns the same as String.
func (a AuthConfig) GoString() string { return a.String() }

// String returns all fields, with the secret masked.
func (r LoginResult) String() string {
	type fields LoginResult
	r.IdentityToken = masked(r.IdentityToken)
	return fmt.Sprintf("%+v", fields(r))
}

// GoString returns the same as String.
func (r LoginResult) GoString() string { return r.String() }

// String returns all fields, with the passwords masked.
func (p Proxy) String() string {
	type fields Proxy
	for _, address := range []*string{&p.URL, &p.HTTPProxy, &p.HTTPSProxy} {
		if parsed, err := url.Parse(*address); err == nil {
			*address = parsed.Redacted()
		} else {
			*address = masked(*address)
		}
	}
	return fmt.Sprintf("%+v", fields(p))
}

// GoString returns the same as String.
func (p Proxy) GoString() string { return p.String() }
