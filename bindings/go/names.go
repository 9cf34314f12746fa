package ocireg

import (
	"crypto/tls"
	"maps"
	"slices"

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

// RepositoryName is the name of a repository alone, with neither tag nor digest.
type RepositoryName struct{ name, familiar, domain, path string }

// String is the full name: "docker.io/library/busybox".
func (n *RepositoryName) String() string { return n.name }

// Name is String.
func (n *RepositoryName) Name() string { return n.name }

// FamiliarName is the name as users write it: "busybox".
func (n *RepositoryName) FamiliarName() string { return n.familiar }

// Domain is the registry: "docker.io".
func (n *RepositoryName) Domain() string { return n.domain }

// Path is the repository within its registry: "library/busybox".
func (n *RepositoryName) Path() string { return n.path }

// repositoryInfo is the library's description of the repository that given names. Its name is given itself where that has
// neither tag nor digest, so that it stays of the type that other packages know.
func repositoryInfo(given Named, document string, err error) (*RepositoryInfo, error) {
	d, err := decode[struct {
		Name     string
		Index    *IndexInfo
		Official bool
		Class    string
	}](document, err)
	if err != nil {
		return nil, err
	}
	info := &RepositoryInfo{given, d.Index, d.Official, d.Class}
	if given.String() != d.Name {
		reference, err := ParseReference(d.Name)
		if err != nil {
			return nil, err
		}
		info.Name = &RepositoryName{d.Name, reference.FamiliarName(), reference.Domain(), reference.Path()}
	}
	return info, nil
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
	document, err := capi.ParseRepositoryInfo(textOf(reposName))
	return repositoryInfo(reposName, document, err)
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
	switch {
	case index == nil:
		return ""
	case index.Official:
		return IndexServer
	}
	return index.Name
}

// ResolveAuthConfig finds the credentials of the registry, under its key or a URL of its host; they are empty if there
// are none.
func ResolveAuthConfig(authConfigs map[string]AuthConfig, index *IndexInfo) AuthConfig {
	if index == nil {
		return AuthConfig{}
	}
	key := GetAuthConfigKey(index)
	if config, ok := authConfigs[key]; ok || index.Official {
		return config
	}
	for _, url := range slices.Sorted(maps.Keys(authConfigs)) {
		if ConvertToHostname(url) == key {
			return authConfigs[url]
		}
	}
	return AuthConfig{}
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
