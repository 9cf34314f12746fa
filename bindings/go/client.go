package ocireg

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// wishes are what the client of a session wants; the library must be able to do all of it.
type wishes struct {
	auth *AuthConfig
	// always is true if each request is to have credentials.
	always  bool
	headers http.Header
	tls     *tls.Config
}

// wishesOf returns the wishes of a client, or an error if there is one that the library cannot fulfill.
func wishesOf(client *http.Client, auth *AuthConfig) (*wishes, error) {
	w := &wishes{auth: auth, headers: http.Header{}}
	if client == nil {
		return w, nil
	}
	if client.Timeout != 0 {
		return nil, foreign("a Timeout",
			"use the option Timeouts of the service, or the calls whose name ends in Context")
	}
	if client.CheckRedirect != nil && !sameFunction(client.CheckRedirect, checkRedirect) {
		return nil, foreign("a CheckRedirect of its own", "")
	}
	// A session has its own cookies, here as in Docker's package, whatever Jar there is.
	return w, w.take(client.Transport)
}

// foreign returns the error of a client with something that the library cannot do.
func foreign(what, hint string) error {
	if hint == "" {
		hint = "pass nil, or a client made only of HTTPClient, ModifyRequests, Headers, AuthTransport and NewTransport"
	}
	return refusal("client", "a session makes its own connections, and cannot use a client with "+what, hint)
}

// take adds the wishes of a transport and of the transports below it.
func (w *wishes) take(transport http.RoundTripper) error {
	switch t := transport.(type) {
	case nil:
		return nil
	case *modifyingTransport:
		return w.modified(t.base, t.modifiers)
	case *authTransport:
		w.always = w.always || t.state().always
		if auth := t.state().auth; auth != nil {
			// Anonymous sessions and transports take the credentials of the other, as in Docker's package.
			switch {
			case w.auth == nil || *w.auth == AuthConfig{}:
				w.auth = auth
			case *auth != AuthConfig{} && *auth != *w.auth:
				return refusal("authConfig", "the credentials of AuthTransport differ from those of the session",
					"pass the same to both, or a nil authConfig to NewSession")
			}
		}
		return w.take(t.base)
	case *http.Transport:
		if t != nil {
			if field := changedField(t); field != "" {
				return foreign("an http.Transport whose "+field+" differs from that of NewTransport",
					"set options of the service instead, such as Proxy, Timeouts and CertsDir")
			}
			w.tls = t.TLSClientConfig
			return nil
		}
	default:
		if base, modifiers, ok := ofDistribution(t); ok {
			return w.modified(base, modifiers)
		}
	}
	return foreign(fmt.Sprintf("the RoundTripper %T", transport), "")
}

// modified adds the headers of a transport's modifiers, and the wishes of the transport below it.
func (w *wishes) modified(base http.RoundTripper, modifiers []RequestModifier) error {
	request := &http.Request{Header: w.headers}
	for _, modifier := range modifiers {
		if _, ours := modifier.(*headerModifier); !ours && !isOfDistribution(reflect.TypeOf(modifier), "headerModifier") {
			return foreign(fmt.Sprintf("the RequestModifier %T", modifier), "")
		}
		if err := modifier.ModifyRequest(request); err != nil {
			return err
		}
	}
	return w.take(base)
}

// isOfDistribution reports whether t is the type of that name in distribution's package registry/client/transport, which
// is what programs written for Docker's package use in the place of ModifyRequests.
func isOfDistribution(t reflect.Type, name string) bool {
	return t != nil && t.Name() == name &&
		strings.HasSuffix(t.PkgPath(), "github.com/docker/distribution/registry/client/transport")
}

// ofDistribution returns what distribution's NewTransport was called with, if it made this transport.
func ofDistribution(made http.RoundTripper) (base http.RoundTripper, modifiers []RequestModifier, ok bool) {
	v := reflect.ValueOf(made)
	if v.Kind() != reflect.Pointer || v.IsNil() || !isOfDistribution(v.Type().Elem(), "transport") {
		return nil, nil, false
	}
	below, list := v.Elem().FieldByName("Base"), v.Elem().FieldByName("Modifiers")
	if !below.IsValid() || list.Kind() != reflect.Slice {
		return nil, nil, false
	}
	base, _ = below.Interface().(http.RoundTripper) // It may be nil.
	for i := range list.Len() {
		modifier, _ := list.Index(i).Interface().(RequestModifier)
		modifiers = append(modifiers, modifier)
	}
	return base, modifiers, true
}

// changedField returns the name of a field that differs from what NewTransport sets, or "".
func changedField(t *http.Transport) string {
	have, want := reflect.ValueOf(t).Elem(), reflect.ValueOf(NewTransport(nil)).Elem()
	for i := range have.NumField() {
		field := have.Type().Field(i)
		if !field.IsExported() || field.Name == "TLSClientConfig" {
			continue
		}
		same := false
		if field.Type.Kind() == reflect.Func {
			same = have.Field(i).Pointer() == want.Field(i).Pointer()
		} else {
			same = reflect.DeepEqual(have.Field(i).Interface(), want.Field(i).Interface())
		}
		if !same {
			return field.Name
		}
	}
	return ""
}

// sameFunction compares functions that are not closures.
func sameFunction(a, b any) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

// check returns an error if the wishes do not fit the endpoint.
func (w *wishes) check(ctx context.Context, endpoint *V1Endpoint) error {
	if w.tls != nil && endpoint.URL.Scheme == "https" {
		// The usual configuration, as NewTransport makes it of nil, is what the service may add its files to.
		usual := endpoint.IsSecure && tlsDifference(w.tls, &tls.Config{}) == ""
		if !usual {
			own, err := endpoint.tls(ctx)
			if err != nil {
				return err
			}
			// An index says by itself whether it is secure; the service may think otherwise.
			own.InsecureSkipVerify = !endpoint.IsSecure
			if field := tlsDifference(w.tls, own); field != "" {
				return foreign("a TLS configuration whose "+field+" differs from that of the endpoint",
					"use the TLSConfig of the service, or configure its InsecureRegistries and CertsDir")
			}
		}
	}
	if w.always {
		ping, err := endpoint.PingContext(ctx)
		if err != nil {
			return err
		}
		if !ping.Standalone {
			return foreign("an AuthTransport that always sets credentials: this registry is not standalone",
				"pass false for alwaysSetBasicAuth: the session finds out itself whether a registry is standalone")
		}
	}
	return nil
}

// endpoint returns c, or the same endpoint with the wanted headers.
func (w *wishes) endpoint(c *capi.Endpoint) (*capi.Endpoint, error) {
	if len(w.headers) == 0 {
		return c, nil
	}
	agent := w.headers.Get("User-Agent")
	w.headers.Del("User-Agent")
	headers, err := encodeHeaders(w.headers)
	if err != nil {
		return nil, err
	}
	made, err := c.ToV1(optionalText(agent), headers)
	return made, newError(err)
}
