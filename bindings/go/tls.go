package ocireg

import (
	"bytes"
	"context"
	"crypto/tls"
	"reflect"
	"slices"
)

// A tlsSource returns a TLS configuration when it is needed.
type tlsSource func(context.Context) (*tls.Config, error)

// tellable are the fields of a tls.Config that TLSSettings have too, and NextProtos, which net/http may set.
var tellable = []string{"InsecureSkipVerify", "MinVersion", "RootCAs", "Certificates", "NextProtos"}

// untellable returns the name of a field of config that the library cannot apply, or "".
func untellable(config *tls.Config) string {
	fields := reflect.ValueOf(config).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if field.IsExported() && !fields.Field(i).IsZero() && !slices.Contains(tellable, field.Name) {
			return field.Name
		}
	}
	for _, protocol := range config.NextProtos {
		if protocol != "h2" && protocol != "http/1.1" {
			return "NextProtos"
		}
	}
	return ""
}

// sameFiles reports whether two configurations have the same CAs and client certificates.
func sameFiles(a, b *tls.Config) bool {
	return a.RootCAs.Equal(b.RootCAs) &&
		slices.EqualFunc(a.Certificates, b.Certificates, func(a, b tls.Certificate) bool {
			return slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
		})
}

// lowestVersion returns the oldest version of TLS that the library uses with a configuration.
func lowestVersion(config *tls.Config) uint16 { return max(config.MinVersion, tls.VersionTLS12) }

// tlsDifference returns the name of a field in which wanted differs from what the library does with the files of own,
// or "".
func tlsDifference(wanted, own *tls.Config) string {
	switch field := untellable(wanted); {
	case field != "":
		return field
	case wanted.InsecureSkipVerify != own.InsecureSkipVerify:
		return "InsecureSkipVerify"
	case lowestVersion(wanted) != lowestVersion(own):
		return "MinVersion"
	case !sameFiles(wanted, own):
		return "RootCAs or Certificates"
	}
	return ""
}

// readTLS is the TLS configuration of an endpoint: the names of the files, and their content.
type readTLS struct {
	settings TLSSettings
	config   *tls.Config
}

func (s *TLSSettings) readFiles() (*readTLS, error) {
	config, err := s.Config()
	if err != nil {
		e := ownError(Error{Code: CodeInvalidConfig, Name: "INVALID_CONFIG",
			Message: "cannot use the TLS configuration: " + err.Error()})
		e.cause = err
		return nil, e
	}
	return &readTLS{*s, config}, nil
}

// own returns a copy that the caller may change.
func (r *readTLS) own() *tls.Config {
	config := r.config.Clone()
	if config.RootCAs != nil {
		config.RootCAs = config.RootCAs.Clone()
	}
	return config
}

// changed returns the settings for a copy that the caller may have changed. The library takes certificates only from
// files.
func (r *readTLS) changed(config *tls.Config) (*TLSSettings, error) {
	if r == nil {
		r = &readTLS{config: &tls.Config{}}
	}
	field := untellable(config)
	if field == "" && !sameFiles(config, r.config) {
		field = "RootCAs or Certificates"
	}
	if field != "" {
		return nil, refusal("TLSConfig", "the library cannot apply a change of "+field+" in the TLSConfig of an endpoint",
			"put certificates into the registry's certs.d directory; only InsecureSkipVerify and MinVersion may be changed")
	}
	settings := r.settings
	settings.InsecureSkipVerify = config.InsecureSkipVerify
	if lowest := lowestVersion(config); lowest > tls.VersionTLS12 {
		settings.MinVersion = "1.3"
	} else if lowest != lowestVersion(r.config) {
		settings.MinVersion = "1.2"
	}
	return &settings, nil
}
