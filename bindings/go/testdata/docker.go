// What is exported by Docker's Go package registry, as it was documented in spring 2020. Read by TestDockersNames.

package registry

const (
	AuthClientID       = "docker"
	DefaultSearchLimit = 25
)

var (
	DefaultNamespace             string
	DefaultRegistryVersionHeader string
	IndexHostname                string
	IndexServer                  string
	IndexName                    string
	DefaultV2Registry            *url.URL
	CertsDir                     string
	ErrAlreadyExists             error
	ErrInvalidRepositoryName     error
	ErrRepoNotFound              notFoundError
)

func AuthTransport(base http.RoundTripper, authConfig *types.AuthConfig, alwaysSetBasicAuth bool) http.RoundTripper
func ConvertToHostname(url string) string
func GetAuthConfigKey(index *registrytypes.IndexInfo) string
func HTTPClient(transport http.RoundTripper) *http.Client
func Headers(userAgent string, metaHeaders http.Header) []transport.RequestModifier
func NewStaticCredentialStore(auth *types.AuthConfig) auth.CredentialStore
func NewTransport(tlsConfig *tls.Config) *http.Transport
func ParseSearchIndexInfo(reposName string) (*registrytypes.IndexInfo, error)
func PingV2Registry(endpoint *url.URL, transport http.RoundTripper) (challenge.Manager, bool, error)
func ReadCertsDirectory(tlsConfig *tls.Config, directory string) error
func ResolveAuthConfig(authConfigs map[string]types.AuthConfig, index *registrytypes.IndexInfo) types.AuthConfig
func ValidateIndexName(val string) (string, error)
func ValidateMirror(val string) (string, error)

type APIEndpoint struct {
	Mirror                         bool
	URL                            *url.URL
	Version                        APIVersion
	AllowNondistributableArtifacts bool
	Official                       bool
	TrimHostname                   bool
	TLSConfig                      *tls.Config
}

func (e APIEndpoint) ToV1Endpoint(userAgent string, metaHeaders http.Header) *V1Endpoint

type APIVersion int

const (
	APIVersion1 APIVersion = iota
	APIVersion2
)

func (av APIVersion) String() string

type DefaultService struct {
}

func NewService(options ServiceOptions) (*DefaultService, error)
func (s *DefaultService) Auth(ctx context.Context, authConfig *types.AuthConfig, userAgent string) (status, token string, err error)
func (s *DefaultService) LoadAllowNondistributableArtifacts(registries []string) error
func (s *DefaultService) LoadInsecureRegistries(registries []string) error
func (s *DefaultService) LoadMirrors(mirrors []string) error
func (s *DefaultService) LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error)
func (s *DefaultService) LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error)
func (s *DefaultService) ResolveRepository(name reference.Named) (*RepositoryInfo, error)
func (s *DefaultService) Search(ctx context.Context, term string, limit int, authConfig *types.AuthConfig, userAgent string, headers map[string][]string) (*registrytypes.SearchResults, error)
func (s *DefaultService) ServiceConfig() *registrytypes.ServiceConfig
func (s *DefaultService) TLSConfig(hostname string) (*tls.Config, error)

type ImgData struct {
	ID              string `json:"id"`
	Checksum        string `json:"checksum,omitempty"`
	ChecksumPayload string `json:"-"`
	Tag             string `json:",omitempty"`
}
type PingResponseError struct {
	Err error
}

func (err PingResponseError) Error() string

type PingResult struct {
	Version    string `json:"version"`
	Standalone bool   `json:"standalone"`
}
type RepositoryData struct {
	ImgList   map[string]*ImgData
	Endpoints []string
}
type RepositoryInfo struct {
	Name     reference.Named
	Index    *registrytypes.IndexInfo
	Official bool
	Class    string
}

func ParseRepositoryInfo(reposName reference.Named) (*RepositoryInfo, error)

type Service interface {
	Auth(ctx context.Context, authConfig *types.AuthConfig, userAgent string) (status, token string, err error)
	LookupPullEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	LookupPushEndpoints(hostname string) (endpoints []APIEndpoint, err error)
	ResolveRepository(name reference.Named) (*RepositoryInfo, error)
	Search(ctx context.Context, term string, limit int, authConfig *types.AuthConfig, userAgent string, headers map[string][]string) (*registrytypes.SearchResults, error)
	ServiceConfig() *registrytypes.ServiceConfig
	TLSConfig(hostname string) (*tls.Config, error)
	LoadAllowNondistributableArtifacts([]string) error
	LoadMirrors([]string) error
	LoadInsecureRegistries([]string) error
}
type ServiceOptions struct {
	AllowNondistributableArtifacts []string `json:"allow-nondistributable-artifacts,omitempty"`
	Mirrors                        []string `json:"registry-mirrors,omitempty"`
	InsecureRegistries             []string `json:"insecure-registries,omitempty"`
}
type Session struct {
}

func NewSession(client *http.Client, authConfig *types.AuthConfig, endpoint *V1Endpoint) (*Session, error)
func (r *Session) GetRemoteHistory(imgID, registry string) ([]string, error)
func (r *Session) GetRemoteImageJSON(imgID, registry string) ([]byte, int64, error)
func (r *Session) GetRemoteImageLayer(imgID, registry string, imgSize int64) (io.ReadCloser, error)
func (r *Session) GetRemoteTag(registries []string, repositoryRef reference.Named, askedTag string) (string, error)
func (r *Session) GetRemoteTags(registries []string, repositoryRef reference.Named) (map[string]string, error)
func (r *Session) GetRepositoryData(name reference.Named) (*RepositoryData, error)
func (r *Session) ID() string
func (r *Session) LookupRemoteImage(imgID, registry string) error
func (r *Session) PushImageChecksumRegistry(imgData *ImgData, registry string) error
func (r *Session) PushImageJSONIndex(remote reference.Named, imgList []*ImgData, validate bool, regs []string) (*RepositoryData, error)
func (r *Session) PushImageJSONRegistry(imgData *ImgData, jsonRaw []byte, registry string) error
func (r *Session) PushImageLayerRegistry(imgID string, layer io.Reader, registry string, jsonRaw []byte) (checksum string, checksumPayload string, err error)
func (r *Session) PushRegistryTag(remote reference.Named, revision, tag, registry string) error
func (r *Session) SearchRepositories(term string, limit int) (*registrytypes.SearchResults, error)

type V1Endpoint struct {
	URL      *url.URL
	IsSecure bool
}

func NewV1Endpoint(index *registrytypes.IndexInfo, userAgent string, metaHeaders http.Header) (*V1Endpoint, error)
func (e *V1Endpoint) Path(path string) string
func (e *V1Endpoint) Ping() (PingResult, error)
func (e *V1Endpoint) String() string
