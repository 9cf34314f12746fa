package ocireg

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Constants of Docker's registry package.
const (
	// AuthClientID is the client ID that is sent to token servers.
	AuthClientID = "docker"
	// DefaultSearchLimit is the default maximum number of search results.
	DefaultSearchLimit = 25
)

// Variables of Docker's registry package.
var (
	// DefaultNamespace is the default namespace.
	DefaultNamespace = "docker.io"
	// DefaultRegistryVersionHeader is the name of the HTTP header that carries the registry's version.
	DefaultRegistryVersionHeader = "Docker-Distribution-Api-Version"
	// IndexHostname is the host name of Docker Hub's index.
	IndexHostname = "index.docker.io"
	// IndexServer is the URL of Docker Hub's index, and the key of its credentials.
	IndexServer = "https://" + IndexHostname + "/v1/"
	// IndexName is the name of Docker Hub's index.
	IndexName = "docker.io"
	// DefaultV2Registry is the URL of Docker Hub's registry.
	DefaultV2Registry = &url.URL{Scheme: "https", Host: "registry-1.docker.io"}
	// CertsDir is the default directory of certificates, with one subdirectory for each registry. Assigning to it has
	// no effect on services: set CertsDir in [ServiceOptions] instead.
	CertsDir = certsDir()
)

func certsDir() string {
	if directory, err := capi.CertsDir(); err == nil {
		return directory
	}
	return "/etc/docker/certs.d"
}

// AuthConfig holds credentials. The zero AuthConfig is anonymous.
type AuthConfig struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	Auth          string `json:"auth,omitempty"`
	Email         string `json:"email,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
	// IdentityToken is exchanged for access tokens at the token server.
	IdentityToken string `json:"identitytoken,omitempty"`
	// RegistryToken is sent to the registry as it is, as a bearer token.
	RegistryToken string `json:"registrytoken,omitempty"`
}

// IndexInfo describes a registry.
type IndexInfo struct {
	Name    string
	Mirrors []string
	// Secure is true if the registry is only used over https, with a verified certificate.
	Secure bool
	// Official is true for Docker Hub.
	Official bool
}

// document returns the form of the Engine API, where a list is never null.
func (i IndexInfo) document() ([]byte, error) {
	i.Mirrors = append([]string{}, i.Mirrors...)
	return json.Marshal(i)
}

// NetIPNet is a network. Its JSON form is a string such as "10.0.0.0/8".
type NetIPNet net.IPNet

// String returns the network in CIDR notation.
func (n *NetIPNet) String() string { return (*net.IPNet)(n).String() }

// MarshalJSON implements [json.Marshaler].
func (n *NetIPNet) MarshalJSON() ([]byte, error) { return json.Marshal(n.String()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *NetIPNet) UnmarshalJSON(document []byte) error {
	var text string
	if err := json.Unmarshal(document, &text); err != nil {
		return err
	}
	_, network, err := net.ParseCIDR(text)
	if err == nil {
		*n = NetIPNet(*network)
	}
	return err
}

// ServiceConfig is the configuration of a service, in the form of the Engine API's /info.
type ServiceConfig struct {
	AllowNondistributableArtifactsCIDRs     []*NetIPNet
	AllowNondistributableArtifactsHostnames []string
	InsecureRegistryCIDRs                   []*NetIPNet
	IndexConfigs                            map[string]*IndexInfo
	Mirrors                                 []string
}

// APIVersion is a version of the registry API.
type APIVersion int

// Versions of the registry API. The zero APIVersion is not one of them.
const (
	APIVersion1 APIVersion = iota + 1
	APIVersion2
)

// String returns "v1", "v2", or "" for any other value.
func (v APIVersion) String() string {
	switch v {
	case APIVersion1:
		return "v1"
	case APIVersion2:
		return "v2"
	}
	return ""
}

func parseAPIVersion(text string) (APIVersion, error) {
	for _, v := range []APIVersion{APIVersion1, APIVersion2} {
		if v.String() == text {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is not a version of the registry API", text)
}

// APIEndpoint is one of the endpoints of a registry.
type APIEndpoint struct {
	Mirror                         bool
	URL                            *url.URL
	Version                        APIVersion
	AllowNondistributableArtifacts bool
	Official                       bool
	TrimHostname                   bool
	// TLSConfig is the TLS configuration of the endpoint. If it is nil, the service's own for the host is used. In an
	// endpoint returned by a lookup, only InsecureSkipVerify and MinVersion may be changed: other changes are an error
	// when the endpoint is used.
	TLSConfig *tls.Config

	// text is the URL as the library wrote it, and parsed how we print it: text is used unless URL was changed.
	text, parsed string
	// tls is TLSConfig in the library's form.
	tls *readTLS
	// service is the service that returned the endpoint.
	service *DefaultService
}

type apiEndpoint struct {
	Mirror                         bool
	URL                            string `json:",omitempty"`
	Version                        string
	AllowNondistributableArtifacts bool
	Official                       bool
	TrimHostname                   bool
	TLSConfig                      *json.RawMessage `json:",omitempty"`
}

// document returns the library's form.
func (e APIEndpoint) document() ([]byte, error) {
	address := ""
	if e.URL != nil {
		if address = e.URL.String(); address == e.parsed {
			address = e.text
		}
	}
	var settings *json.RawMessage
	if e.TLSConfig != nil {
		changed, err := e.tls.changed(e.TLSConfig)
		if err != nil {
			return nil, err
		}
		document, err := changed.document()
		if err != nil {
			return nil, err
		}
		settings = (*json.RawMessage)(&document)
	}
	version := e.Version
	if version == 0 { // As in a literal that names only what matters to it.
		version = APIVersion2
	}
	return json.Marshal(apiEndpoint{e.Mirror, address, version.String(), e.AllowNondistributableArtifacts, e.Official,
		e.TrimHostname, settings})
}

// read decodes the library's form and loads the certificate files that it names.
func (e *APIEndpoint) read(document []byte) error {
	d := apiEndpoint{Version: APIVersion2.String()}
	if err := json.Unmarshal(document, &d); err != nil {
		return err
	}
	version, err := parseAPIVersion(d.Version)
	if err != nil {
		return err
	}
	*e = APIEndpoint{Mirror: d.Mirror, Version: version, Official: d.Official, TrimHostname: d.TrimHostname,
		AllowNondistributableArtifacts: d.AllowNondistributableArtifacts, text: d.URL}
	if d.TLSConfig != nil {
		var settings TLSSettings
		if err := json.Unmarshal(*d.TLSConfig, &settings); err != nil {
			return err
		}
		if e.tls, err = settings.readFiles(); err != nil {
			return err
		}
		e.TLSConfig = e.tls.own()
	}
	if d.URL == "" {
		return nil
	}
	if e.URL, err = url.Parse(d.URL); err != nil {
		// Lookups take any text as a host name; only NewEndpoint refuses what no URL can hold.
		scheme, host, _ := strings.Cut(d.URL, "://")
		e.URL = &url.URL{Scheme: scheme, Host: host}
	}
	e.parsed = e.URL.String()
	return nil
}

// LoginResult is the result of a successful login.
type LoginResult struct {
	// Status is "Login Succeeded".
	Status string
	// IdentityToken, unless it is empty, must be stored instead of the password.
	IdentityToken string
	// Stored is where Login stored the credentials: "config.json", the name of a credential helper, or "none".
	Stored string `json:"stored,omitempty"`
}

// CredentialsInfo describes credentials without their secrets.
type CredentialsInfo struct {
	// Username is the user name, if there is one.
	Username string `json:"username,omitempty"`
	// Source is "credentials" for the option, the path of a file, or the name of a credential helper; it is empty if
	// there are no credentials.
	Source string `json:"source,omitempty"`
	// Kind is "password", "identity_token", "registry_token" or "anonymous".
	Kind string `json:"kind"`
}

// TLSSettings are the TLS settings for one registry. The files are named, not loaded.
type TLSSettings struct {
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
	// MinVersion is "1.2" or "1.3".
	MinVersion string `json:",omitempty"`
	// RootCAs are PEM files with CA certificates that are trusted in addition to the system's.
	RootCAs []string
	// Certificates are the client certificates.
	Certificates []CertificateFiles
}

// document returns the library's form, where a list is never null.
func (s TLSSettings) document() ([]byte, error) {
	s.RootCAs = append([]string{}, s.RootCAs...)
	s.Certificates = append([]CertificateFiles{}, s.Certificates...)
	return json.Marshal(s)
}

// CertificateFiles are the PEM files of a client certificate and its key.
type CertificateFiles struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

// Config loads the files and returns a configuration for crypto/tls.
func (s *TLSSettings) Config() (*tls.Config, error) {
	config := &tls.Config{}
	return config, s.addTo(config)
}

func (s *TLSSettings) addTo(config *tls.Config) error {
	config.InsecureSkipVerify = config.InsecureSkipVerify || s.InsecureSkipVerify
	lowest := uint16(tls.VersionTLS12)
	if s.MinVersion == "1.3" {
		lowest = tls.VersionTLS13
	}
	config.MinVersion = max(config.MinVersion, lowest)
	for _, file := range s.RootCAs {
		if config.RootCAs == nil {
			pool, err := x509.SystemCertPool()
			if err != nil {
				return fmt.Errorf("cannot read the system's certificates: %w", err)
			}
			config.RootCAs = pool
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	for _, files := range s.Certificates {
		certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return fmt.Errorf("cannot use the client certificate %s: %w", files.Cert, err)
		}
		config.Certificates = append(config.Certificates, certificate)
	}
	return nil
}

// Challenge is an authentication challenge from a WWW-Authenticate header.
type Challenge struct {
	// Scheme is the authentication scheme in lower case, such as "basic" or "bearer".
	Scheme     string            `json:"scheme"`
	Parameters map[string]string `json:"parameters"`
}

// PingResult is how a registry answered a ping.
type PingResult struct {
	// Protocol is "v1" or "v2".
	Protocol string `json:"protocol"`
	// Confirmed is true if the registry named its protocol in a header.
	Confirmed bool `json:"confirmed"`
	// Version is the version of a v1 registry.
	Version string `json:"version"`
	// Standalone is true for a v1 registry that works without an index.
	Standalone bool        `json:"standalone"`
	Challenges []Challenge `json:"challenges"`

	// Raw is the JSON object that the library returned.
	Raw json.RawMessage `json:"-"`
}

func (p *PingResult) keepRaw(raw json.RawMessage) { p.Raw = raw }

// Descriptor is an OCI descriptor: the media type, digest and size of a manifest or blob.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Data         []byte            `json:"data,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// LayerChecksums are the checksums that a v1 registry compares a pushed layer with.
type LayerChecksums struct {
	// Checksum is the tarsum of the layer.
	Checksum string `json:"checksum"`
	// ChecksumPayload is the sha256 of the image's JSON, a newline and the bytes that were sent.
	ChecksumPayload string `json:"checksum_payload"`
}

// Platform is the platform that an image runs on.
type Platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
}

// String returns the platform as "os/architecture[/variant]", such as "linux/arm64" or "linux/arm/v7". The OS version
// and features follow the OS in parentheses: "windows(10.0.17763.1)/amd64".
func (p *Platform) String() string {
	text := p.OS
	if p.OSVersion != "" || len(p.OSFeatures) > 0 {
		text += "(" + strings.Join(append([]string{p.OSVersion}, p.OSFeatures...), "+") + ")"
	}
	text += "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

// platformText is a platform in the library's own JSON: the string that String returns, or the object of an OCI index.
type platformText Platform

// UnmarshalJSON reads both forms.
func (p *platformText) UnmarshalJSON(document []byte) error {
	var text string
	if json.Unmarshal(document, &text) != nil {
		return json.Unmarshal(document, (*Platform)(p))
	}
	os, rest, _ := strings.Cut(text, "/")
	os, options, _ := strings.Cut(os, "(")
	version, features, _ := strings.Cut(strings.TrimSuffix(options, ")"), "+")
	architecture, variant, _ := strings.Cut(rest, "/")
	*p = platformText{OS: os, OSVersion: version, Architecture: architecture, Variant: variant}
	if features != "" {
		p.OSFeatures = strings.Split(features, "+")
	}
	return nil
}
