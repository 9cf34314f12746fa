package registry

import (
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/docker/distribution/reference"
	"github.com/docker/distribution/registry/client/auth"
	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/docker/distribution/registry/client/transport"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// Constants of Docker's package.
const (
	// AuthClientID is the client ID that is sent to token servers.
	AuthClientID = ocireg.AuthClientID
	// DefaultSearchLimit is the default maximum number of search results.
	DefaultSearchLimit = ocireg.DefaultSearchLimit
)

// Versions of the registry API.
const (
	APIVersion1 = ocireg.APIVersion1
	APIVersion2 = ocireg.APIVersion2
)

// Variables of Docker's package.
var (
	// DefaultNamespace is the default namespace.
	DefaultNamespace = ocireg.DefaultNamespace
	// DefaultRegistryVersionHeader is the name of the HTTP header that carries the registry's version.
	DefaultRegistryVersionHeader = ocireg.DefaultRegistryVersionHeader
	// IndexHostname is the host name of Docker Hub's index.
	IndexHostname = ocireg.IndexHostname
	// IndexServer is the URL of Docker Hub's index, and the key of its credentials.
	IndexServer = ocireg.IndexServer
	// IndexName is the name of Docker Hub's index.
	IndexName = ocireg.IndexName
	// DefaultV2Registry is the URL of Docker Hub's registry.
	DefaultV2Registry = ocireg.DefaultV2Registry
	// CertsDir is the directory of certificates, with one subdirectory for each registry. If it is empty, none are read.
	CertsDir = ocireg.CertsDir

	// ErrAlreadyExists means that the registry already has the image that was to be pushed.
	ErrAlreadyExists = ocireg.ErrAlreadyExists
	// ErrInvalidRepositoryName means that the name of a repository is not valid.
	ErrInvalidRepositoryName = ocireg.ErrInvalidRepositoryName
	// ErrRepoNotFound means that the repository does not exist.
	ErrRepoNotFound notFoundError = "Repository not found"
)

type notFoundError string

func (e notFoundError) Error() string { return string(e) }

// NotFound is for Docker's package errdefs.
func (notFoundError) NotFound() {}

// Unwrap returns ocireg's error for a repository that does not exist.
func (notFoundError) Unwrap() error { return ocireg.ErrRepoNotFound }

// Types that ocireg has as Docker's package has them. Some have more fields, so name the fields in literals.
type (
	// APIEndpoint is one of the endpoints of a registry.
	APIEndpoint = ocireg.APIEndpoint
	// APIVersion is a version of the registry API.
	APIVersion = ocireg.APIVersion
	// ImgData describes an image of a v1 index.
	ImgData = ocireg.ImgData
	// PingResponseError means that the response to a ping is not valid.
	PingResponseError = ocireg.PingResponseError
	// PingResult is how a v1 registry answered a ping.
	PingResult = ocireg.PingResult
	// RepositoryData is what a v1 index knows of a repository.
	RepositoryData = ocireg.RepositoryData
	// V1Endpoint is an endpoint that speaks protocol v1.
	V1Endpoint = ocireg.V1Endpoint
)

// RepositoryInfo describes a repository.
type RepositoryInfo struct {
	Name reference.Named
	// Index is the registry that holds it.
	Index *registrytypes.IndexInfo
	// Official is true for Docker's official images, such as "busybox".
	Official bool
	// Class is "plugin", "image", or empty.
	Class string
}

// AuthTransport returns a transport that authenticates to one v1 index and its registries. It also has a CancelRequest
// method.
func AuthTransport(base http.RoundTripper, authConfig *types.AuthConfig, alwaysSetBasicAuth bool) http.RoundTripper {
	if authConfig == nil {
		return ocireg.AuthTransport(base, nil, alwaysSetBasicAuth)
	}
	return ocireg.AuthTransport(base, toAuth(authConfig), alwaysSetBasicAuth)
}

// ConvertToHostname returns the host[:port] of a registry's URL.
func ConvertToHostname(url string) string { return ocireg.ConvertToHostname(url) }

// GetAuthConfigKey returns the key under which the credentials of a registry are stored.
func GetAuthConfigKey(index *registrytypes.IndexInfo) string {
	return ocireg.GetAuthConfigKey(toIndex(index))
}

// HTTPClient returns a client that sends the headers of the first request with redirected requests, too, except for
// credentials, which stay within docker.com and docker.io.
func HTTPClient(transport http.RoundTripper) *http.Client { return ocireg.HTTPClient(transport) }

// Headers returns modifiers that set the User-Agent, unless it is empty, and add the other headers.
func Headers(userAgent string, metaHeaders http.Header) []transport.RequestModifier {
	modifiers := []transport.RequestModifier{}
	for _, modifier := range ocireg.Headers(userAgent, metaHeaders) {
		modifiers = append(modifiers, modifier)
	}
	return modifiers
}

// NewStaticCredentialStore returns a store that has the same credentials for every URL, and stores no tokens.
func NewStaticCredentialStore(auth *types.AuthConfig) auth.CredentialStore {
	if auth == nil {
		return ocireg.NewStaticCredentialStore(nil)
	}
	return ocireg.NewStaticCredentialStore(toAuth(auth))
}

// NewTransport returns a transport for net/http with Docker's timeouts and the proxies of the environment.
func NewTransport(tlsConfig *tls.Config) *http.Transport { return ocireg.NewTransport(tlsConfig) }

// ParseRepositoryInfo returns the repository that a name is in, without any configuration.
func ParseRepositoryInfo(reposName reference.Named) (*RepositoryInfo, error) {
	return fromRepositoryInfo(reposName)(ocireg.ParseRepositoryInfo(reposName))
}

// ParseSearchIndexInfo returns the index that a search term is for, without any configuration.
func ParseSearchIndexInfo(reposName string) (*registrytypes.IndexInfo, error) {
	index, err := ocireg.ParseSearchIndexInfo(reposName)
	return fromIndex(index), err
}

// PingV2Registry asks, through a transport of net/http, whether the registry at a URL speaks protocol v2. It returns
// the authentication challenges, and true if the response names protocol v2 in its version header. If the response is
// not valid, the error is a [PingResponseError].
func PingV2Registry(endpoint *url.URL, transport http.RoundTripper) (challenge.Manager, bool, error) {
	manager, confirmed, err := ocireg.PingV2Registry(endpoint, transport)
	if err != nil {
		return nil, confirmed, err
	}
	return challenges{manager}, confirmed, nil
}

// challenges is a manager with distribution's type of challenge.
type challenges struct{ ocireg.ChallengeManager }

// GetChallenges returns the challenges for a URL.
func (c challenges) GetChallenges(endpoint url.URL) ([]challenge.Challenge, error) {
	found, err := c.ChallengeManager.GetChallenges(endpoint)
	var all []challenge.Challenge
	for _, one := range found {
		all = append(all, challenge.Challenge{Scheme: one.Scheme, Parameters: one.Parameters})
	}
	return all, err
}

// ReadCertsDirectory adds the CA certificates and client certificates in a directory to tlsConfig.
func ReadCertsDirectory(tlsConfig *tls.Config, directory string) error {
	return ocireg.ReadCertsDirectory(tlsConfig, directory)
}

// ResolveAuthConfig returns the credentials of a registry, which are stored under its key or a URL of its host, or the
// zero AuthConfig if there are none.
func ResolveAuthConfig(authConfigs map[string]types.AuthConfig, index *registrytypes.IndexInfo) types.AuthConfig {
	// Which of them it is depends on the keys alone, and the value keeps the fields that only Docker's type has.
	const is = "key "
	keys := map[string]ocireg.AuthConfig{}
	for key := range authConfigs {
		keys[key] = ocireg.AuthConfig{Username: is + key}
	}
	if found := ocireg.ResolveAuthConfig(keys, toIndex(index)); found.Username != "" {
		return authConfigs[found.Username[len(is):]]
	}
	return types.AuthConfig{}
}

// ValidateIndexName checks the name of an index and returns its normalized form.
func ValidateIndexName(val string) (string, error) { return ocireg.ValidateIndexName(val) }

// ValidateMirror checks the URL of a mirror and returns its normalized form, which ends in a slash.
func ValidateMirror(val string) (string, error) { return ocireg.ValidateMirror(val) }
