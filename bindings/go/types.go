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
	// AuthClientID is the client ID that is used towards token servers.
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
	// IndexHostname is the host name of the official index.
	IndexHostname = "index.docker.io"
	// IndexServer is the address for user authentication and image search.
	IndexServer = "https://" + IndexHostname + "/v1/"
	// IndexName is the name of the official index.
	IndexName = "docker.io"
	// DefaultV2Registry is the address of the official registry.
	DefaultV2Registry = &url.URL{Scheme: "https", Host: "registry-1.docker.io"}
	// CertsDir is where certificates are by default, one directory for each registry. A change of it changes nothing
	// else: [ServiceOptions] has CertsDir for that.
	CertsDir = certsDir()
)

func certsDir() string {
	if directory, err := capi.CertsDir(); err == nil {
		return directory
	}
	return "/etc/docker/certs.d"
}

// AuthConfig is what proves who the caller is. The zero AuthConfig is anonymous.
type AuthConfig struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	Auth          string `json:"auth,omitempty"`
	Email         string `json:"email,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
	// IdentityToken is exchanged for access tokens.
	IdentityToken string `json:"identitytoken,omitempty"`
	// RegistryToken is sent to the registry as it is.
	RegistryToken string `json:"registrytoken,omitempty"`
}

// IndexInfo is what is known of a registry.
type IndexInfo struct {
	Name    string
	Mirrors []string
	// Secure says that the registry is reached over https only, with a certificate that is verified.
	Secure bool
	// Official says that it is Docker's.
	Official bool
}

// document gives the form of the Engine API, where a list is never null.
func (i IndexInfo) document() ([]byte, error) {
	i.Mirrors = append([]string{}, i.Mirrors...)
	return json.Marshal(i)
}

// NetIPNet is a network, "10.0.0.0/8" in JSON.
type NetIPNet net.IPNet

func (n *NetIPNet) String() string { return (*net.IPNet)(n).String() }

// MarshalJSON gives the CIDR.
func (n *NetIPNet) MarshalJSON() ([]byte, error) { return json.Marshal(n.String()) }

// UnmarshalJSON reads a CIDR.
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

// ServiceConfig is the configuration of a service, as in the Engine API's /info.
type ServiceConfig struct {
	AllowNondistributableArtifactsCIDRs     []*NetIPNet
	AllowNondistributableArtifactsHostnames []string
	InsecureRegistryCIDRs                   []*NetIPNet
	IndexConfigs                            map[string]*IndexInfo
	Mirrors                                 []string
}

// APIVersion is a version of the registry API.
type APIVersion int

// The versions. The zero APIVersion is none.
const (
	APIVersion1 APIVersion = iota + 1
	APIVersion2
)

// String is "v1" or "v2", and "" for another number.
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

// APIEndpoint is one address at which a registry may be asked.
type APIEndpoint struct {
	Mirror                         bool
	URL                            *url.URL
	Version                        APIVersion
	AllowNondistributableArtifacts bool
	Official                       bool
	TrimHostname                   bool
	// TLSConfig is how TLS is spoken with it; nil is what the service has for the host. In one that a lookup gave,
	// only InsecureSkipVerify and MinVersion may be changed: what else is changed is refused where it is used.
	TLSConfig *tls.Config

	// The library's text of URL and our parse of it: the text is kept as long as URL was not changed.
	text, parsed string
	// The library's form of TLSConfig.
	tls *readTLS
	// The service that found it.
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

// document gives the library's form.
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

// read reads the library's form, and the certificates that it names.
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

// LoginResult is what a registry says to credentials that it takes.
type LoginResult struct {
	// Status is "Login Succeeded".
	Status string
	// IdentityToken is to be kept in place of the password, unless it is empty.
	IdentityToken string
	// Stored is where Login keeps them: "config.json", the name of a helper, or "none".
	Stored string `json:"stored,omitempty"`
}

// CredentialsInfo is what may be told of credentials: never the secret.
type CredentialsInfo struct {
	// Username is the user's name, where there is one.
	Username string `json:"username,omitempty"`
	// Source is "credentials" for the option, the path of a file, or the name of a helper; empty if nobody has any.
	Source string `json:"source,omitempty"`
	// Kind is "password", "identity_token", "registry_token" or "anonymous".
	Kind string `json:"kind"`
}

// TLSSettings is how TLS is spoken with one registry: files, not yet read.
type TLSSettings struct {
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
	// MinVersion is "1.2" or "1.3".
	MinVersion string `json:",omitempty"`
	// RootCAs are PEM files of authorities that are trusted beside the system's.
	RootCAs []string
	// Certificates are for servers that ask who the client is.
	Certificates []CertificateFiles
}

// document gives the library's form, where a list is never null.
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

// Config reads the files into a configuration for crypto/tls.
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

// Challenge is one way in which a registry wants to be told who is asking.
type Challenge struct {
	// Scheme is "basic", "bearer" or another, in lower case.
	Scheme     string            `json:"scheme"`
	Parameters map[string]string `json:"parameters"`
}

// PingResult is what a registry says of itself.
type PingResult struct {
	// Protocol is "v1" or "v2".
	Protocol string `json:"protocol"`
	// Confirmed says that the registry named its protocol.
	Confirmed bool `json:"confirmed"`
	// Version is a v1 registry's version.
	Version string `json:"version"`
	// Standalone says that a v1 registry has no index beside it.
	Standalone bool        `json:"standalone"`
	Challenges []Challenge `json:"challenges"`

	// Raw is the library's whole document.
	Raw json.RawMessage `json:"-"`
}

func (p *PingResult) keepRaw(raw json.RawMessage) { p.Raw = raw }

// Descriptor is an OCI descriptor: what something in a registry is, and its digest and size.
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

// LayerChecksums are what a registry of protocol v1 compares a layer with.
type LayerChecksums struct {
	// Checksum is the tarsum of what was written.
	Checksum string `json:"checksum"`
	// ChecksumPayload is the sha256 of the image's JSON, a line break and the bytes that were sent.
	ChecksumPayload string `json:"checksum_payload"`
}

// Platform is where an image runs.
type Platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
}

// String is such as "linux/arm64", "linux/arm/v7" or "windows(10.0.17763.1)/amd64".
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

// platformText is a platform in the library's own documents: the text of String, or the object of an OCI index.
type platformText Platform

// UnmarshalJSON reads both.
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
