package ocireg

import (
	"crypto/tls"
	"encoding/json"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Named is the name of a repository, with or without tag and digest. [Reference] is one, and so is what other packages
// call a reference, as long as String gives its whole text.
type Named interface {
	String() string
	// Name is the full name of the repository.
	Name() string
}

// Reference is a parsed reference to an image.
type Reference struct {
	canonical, familiar, familiarName, name, domain, path, tag, digest, withDefaultTag string
}

var _ Named = (*Reference)(nil)

// ParseReference parses text such as "busybox" or "registry.example/team/app:1.0@sha256:…".
func ParseReference(reference string) (*Reference, error) {
	d, err := decode[struct {
		Canonical      string `json:"canonical"`
		Familiar       string `json:"familiar"`
		FamiliarName   string `json:"familiar_name"`
		Name           string `json:"name"`
		Domain         string `json:"domain"`
		Path           string `json:"path"`
		Tag            string `json:"tag"`
		Digest         string `json:"digest"`
		WithDefaultTag string `json:"with_default_tag"`
	}](capi.ParseReference(reference))
	if err != nil {
		return nil, err
	}
	return &Reference{d.Canonical, d.Familiar, d.FamiliarName, d.Name, d.Domain, d.Path, d.Tag, d.Digest,
		d.WithDefaultTag}, nil
}

// String is the whole reference in canonical form: "docker.io/library/busybox:1.36".
func (r *Reference) String() string { return r.canonical }

// Familiar is the whole reference as users write it: "busybox:1.36".
func (r *Reference) Familiar() string { return r.familiar }

// Name is the full name of the repository: "docker.io/library/busybox".
func (r *Reference) Name() string { return r.name }

// FamiliarName is the name of the repository as users write it: "busybox".
func (r *Reference) FamiliarName() string { return r.familiarName }

// Domain is the registry: "docker.io".
func (r *Reference) Domain() string { return r.domain }

// Path is the repository within its registry: "library/busybox".
func (r *Reference) Path() string { return r.path }

// Tag is empty if the reference has none.
func (r *Reference) Tag() string { return r.tag }

// Digest is empty if the reference has none.
func (r *Reference) Digest() string { return r.digest }

// WithDefaultTag is String, with ":latest" if there is neither tag nor digest.
func (r *Reference) WithDefaultTag() string { return r.withDefaultTag }

// MarshalText gives the canonical form.
func (r *Reference) MarshalText() ([]byte, error) { return []byte(r.canonical), nil }

// UnmarshalText parses.
func (r *Reference) UnmarshalText(text []byte) error {
	parsed, err := ParseReference(string(text))
	if err == nil {
		*r = *parsed
	}
	return err
}

// RepositoryInfo describes a repository.
type RepositoryInfo struct {
	Name Named
	// Index is the registry that holds it.
	Index *IndexInfo
	// Official says that its familiar name holds no "/", as that of "docker.io/library/busybox".
	Official bool
	// Class is "plugin", "image", or empty.
	Class string
}

// MarshalJSON gives the library's form.
func (r RepositoryInfo) MarshalJSON() ([]byte, error) {
	name := ""
	if r.Name != nil {
		name = r.Name.Name()
	}
	return json.Marshal(struct {
		Name     string
		Index    *IndexInfo
		Official bool
		Class    string
	}{name, r.Index, r.Official, r.Class})
}

// UnmarshalJSON reads the library's form.
func (r *RepositoryInfo) UnmarshalJSON(document []byte) error {
	type fields RepositoryInfo
	all := struct {
		*fields
		Name *Reference
	}{fields: (*fields)(r)}
	if err := json.Unmarshal(document, &all); err != nil {
		return err
	}
	if r.Name = nil; all.Name != nil { // A nil *Reference would not be a nil Named.
		r.Name = all.Name
	}
	return nil
}

// textOf is the whole text of a name; nil is empty, which the library refuses.
func textOf(name Named) string {
	if name == nil {
		return ""
	}
	return name.String()
}

// ParseRepositoryInfo takes a repository name apart, knowing no configuration.
func ParseRepositoryInfo(reposName Named) (*RepositoryInfo, error) {
	return decodeNew[RepositoryInfo](capi.ParseRepositoryInfo(textOf(reposName)))
}

// ParseSearchIndexInfo gives the registry of a search term, knowing no configuration.
func ParseSearchIndexInfo(reposName string) (*IndexInfo, error) {
	return decodeNew[IndexInfo](capi.ParseSearchIndexInfo(reposName))
}

// ConvertToHostname gives the host of a registry's URL. It is empty for text that is not UTF-8.
func ConvertToHostname(url string) string {
	hostname, _ := capi.ConvertToHostname(url)
	return hostname
}

// ValidateIndexName checks the name of a registry, and gives its usual form.
func ValidateIndexName(val string) (string, error) {
	name, err := capi.ValidateIndexName(val)
	return name, newError(err)
}

// ValidateMirror checks the URL of a mirror, and gives its usual form.
func ValidateMirror(val string) (string, error) {
	url, err := capi.ValidateMirror(val)
	return url, newError(err)
}

// GetAuthConfigKey gives the key under which credentials of the registry are kept.
func GetAuthConfigKey(index *IndexInfo) string {
	document, err := encode("index", index)
	if err != nil {
		return ""
	}
	key, _ := capi.AuthConfigKey(document)
	return key
}

// ResolveAuthConfig finds the credentials of the registry; they are empty if there are none.
func ResolveAuthConfig(authConfigs map[string]AuthConfig, index *IndexInfo) AuthConfig {
	if authConfigs == nil {
		authConfigs = map[string]AuthConfig{}
	}
	auths, err := encode("authConfigs", authConfigs)
	if err != nil {
		return AuthConfig{}
	}
	document, err := encode("index", index)
	if err != nil {
		return AuthConfig{}
	}
	config, _ := decode[AuthConfig](capi.ResolveAuthConfig(auths, document))
	return config
}

// ParseChallenges parses the WWW-Authenticate lines of an answer.
func ParseChallenges(lines []string) ([]Challenge, error) {
	document, err := encodeList("lines", lines)
	if err != nil {
		return nil, err
	}
	return decode[[]Challenge](capi.ParseChallenges(document))
}

// CertsDirectory says which files of a directory are for TLS: *.crt are authorities, *.cert with *.key client certificates.
func CertsDirectory(directory string) (*TLSSettings, error) {
	return decodeNew[TLSSettings](capi.ReadCertsDirectory(directory))
}

// ReadCertsDirectory adds the authorities and client certificates of a directory to tlsConfig.
func ReadCertsDirectory(tlsConfig *tls.Config, directory string) error {
	settings, err := CertsDirectory(directory)
	if err != nil {
		return err
	}
	return settings.addTo(tlsConfig)
}
