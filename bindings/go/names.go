package ocireg

import (
	"crypto/tls"
	"maps"
	"slices"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// Named is the name of a repository, with or without a tag and digest. [Reference] implements it, and so do the
// references of other packages whose String method returns the complete reference.
type Named interface {
	String() string
	// Name returns the full name of the repository, such as "docker.io/library/busybox".
	Name() string
}

// Reference is a parsed reference to an image. Create one with [ParseReference].
type Reference struct {
	canonical, familiar, familiarName, name, domain, path, tag, digest, withDefaultTag string
}

var _ Named = (*Reference)(nil)

// ParseReference parses a reference such as "busybox" or "registry.example/team/app:1.0@sha256:…".
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

// String returns the complete reference in canonical form, such as "docker.io/library/busybox:1.36".
func (r *Reference) String() string { return r.canonical }

// Familiar returns the complete reference in its short form, such as "busybox:1.36".
func (r *Reference) Familiar() string { return r.familiar }

// Name returns the full name of the repository, such as "docker.io/library/busybox".
func (r *Reference) Name() string { return r.name }

// FamiliarName returns the name of the repository in its short form, such as "busybox".
func (r *Reference) FamiliarName() string { return r.familiarName }

// Domain returns the registry, such as "docker.io".
func (r *Reference) Domain() string { return r.domain }

// Path returns the path of the repository in its registry, such as "library/busybox".
func (r *Reference) Path() string { return r.path }

// Tag returns the tag, or "" if the reference has none.
func (r *Reference) Tag() string { return r.tag }

// Digest returns the digest, or "" if the reference has none.
func (r *Reference) Digest() string { return r.digest }

// WithDefaultTag returns the canonical form, with ":latest" appended if the reference has neither a tag nor a digest.
func (r *Reference) WithDefaultTag() string { return r.withDefaultTag }

// MarshalText implements [encoding.TextMarshaler]. It returns the canonical form.
func (r *Reference) MarshalText() ([]byte, error) { return []byte(r.canonical), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It parses a reference.
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
	// Official is true for Docker's official images: those of Docker Hub whose short name has no "/", such as
	// "busybox".
	Official bool
	// Class is "plugin", "image", or empty.
	Class string
}

// RepositoryName is the name of a repository, without a tag or digest.
type RepositoryName struct{ name, familiar, domain, path string }

// String returns the full name, such as "docker.io/library/busybox".
func (n *RepositoryName) String() string { return n.name }

// Name returns the same as String.
func (n *RepositoryName) Name() string { return n.name }

// FamiliarName returns the name in its short form, such as "busybox".
func (n *RepositoryName) FamiliarName() string { return n.familiar }

// Domain returns the registry, such as "docker.io".
func (n *RepositoryName) Domain() string { return n.domain }

// Path returns the path of the repository in its registry, such as "library/busybox".
func (n *RepositoryName) Path() string { return n.path }

// repositoryInfo decodes the library's description of the repository that given names. Where given has neither a tag
// nor a digest, it becomes the Name itself, so that it keeps the type that other packages know.
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

// textOf returns the complete reference of a name. It is empty for nil, which the library refuses.
func textOf(name Named) string {
	if name == nil {
		return ""
	}
	return name.String()
}

// ParseRepositoryInfo returns the repository that a name is in, without any configuration: use
// [DefaultService.ResolveRepository] for what the service is configured with.
func ParseRepositoryInfo(reposName Named) (*RepositoryInfo, error) {
	document, err := capi.ParseRepositoryInfo(textOf(reposName))
	return repositoryInfo(reposName, document, err)
}

// ParseSearchIndexInfo returns the index that a search term is for, without any configuration.
func ParseSearchIndexInfo(reposName string) (*IndexInfo, error) {
	return decodeNew[IndexInfo](capi.ParseSearchIndexInfo(reposName))
}

// ConvertToHostname returns the host[:port] of a registry's URL. It returns "" for a string that is not valid UTF-8.
func ConvertToHostname(url string) string {
	hostname, _ := capi.ConvertToHostname(url)
	return hostname
}

// ValidateIndexName checks the name of an index and returns its normalized form.
func ValidateIndexName(val string) (string, error) {
	name, err := capi.ValidateIndexName(val)
	return name, newError(err)
}

// ValidateMirror checks the URL of a mirror and returns its normalized form, which ends in a slash.
func ValidateMirror(val string) (string, error) {
	url, err := capi.ValidateMirror(val)
	return url, newError(err)
}

// GetAuthConfigKey returns the key under which the credentials of a registry are stored.
func GetAuthConfigKey(index *IndexInfo) string {
	switch {
	case index == nil:
		return ""
	case index.Official:
		return IndexServer
	}
	return index.Name
}

// ResolveAuthConfig returns the credentials of a registry, which are stored under its key or a URL of its host, or the
// zero AuthConfig if there are none.
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

// ParseChallenges parses the WWW-Authenticate headers of a response.
func ParseChallenges(lines []string) ([]Challenge, error) {
	document, err := encodeList("lines", lines)
	if err != nil {
		return nil, err
	}
	return decode[[]Challenge](capi.ParseChallenges(document))
}

// CertsDirectory returns the certificate files in a directory: *.crt are CA certificates, and *.cert with *.key are
// client certificates.
func CertsDirectory(directory string) (*TLSSettings, error) {
	return decodeNew[TLSSettings](capi.ReadCertsDirectory(directory))
}

// ReadCertsDirectory adds the CA certificates and client certificates in a directory to tlsConfig.
func ReadCertsDirectory(tlsConfig *tls.Config, directory string) error {
	settings, err := CertsDirectory(directory)
	if err != nil {
		return err
	}
	return settings.addTo(tlsConfig)
}
