package ocireg

import (
	"fmt"
	"net/url"
)

// Programs print and log what they have been configured with. What is here keeps secrets out of that; the fields are as
// they were given.

// masked stands for a secret that is there.
func masked(secret string) string {
	if secret == "" {
		return ""
	}
	return "***"
}

// String has all fields but the secrets.
func (a AuthConfig) String() string {
	type fields AuthConfig
	a.Password, a.Auth = masked(a.Password), masked(a.Auth)
	a.IdentityToken, a.RegistryToken = masked(a.IdentityToken), masked(a.RegistryToken)
	return fmt.Sprintf("%+v", fields(a))
}

// GoString is String.
func (a AuthConfig) GoString() string { return a.String() }

// String has all fields but the secret.
func (r LoginResult) String() string {
	type fields LoginResult
	r.IdentityToken = masked(r.IdentityToken)
	return fmt.Sprintf("%+v", fields(r))
}

// GoString is String.
func (r LoginResult) GoString() string { return r.String() }

// String has all fields but the passwords.
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

// GoString is String.
func (p Proxy) GoString() string { return p.String() }
