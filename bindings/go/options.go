package ocireg

import (
	"encoding/json"
	"time"
)

// Nowhere, as a path in [ServiceOptions], means that no file is read. An empty path means the default location.
const Nowhere = "\x00nowhere"

// ServiceOptions configure a service. The zero value is the default configuration.
type ServiceOptions struct {
	// AllowNondistributableArtifacts are the registries, as hosts or networks, that nondistributable layers may be
	// pushed to.
	AllowNondistributableArtifacts []string `json:"allow-nondistributable-artifacts,omitempty"`
	// Mirrors are URLs of mirrors of Docker Hub, which are tried first.
	Mirrors []string `json:"registry-mirrors,omitempty"`
	// InsecureRegistries are the registries, as hosts or networks, that may be used over plain HTTP or with an
	// unverified certificate.
	InsecureRegistries []string `json:"insecure-registries,omitempty"`

	// CertsDir is a directory like /etc/docker/certs.d, with one subdirectory of certificates for each registry.
	CertsDir string `json:"certs-dir,omitempty"`
	// HostsDir is a directory with hosts.toml files, as containerd has. It is not supported yet: [ErrUnsupported].
	HostsDir string `json:"hosts-dir,omitempty"`
	// RegistriesConf is the path of a registries.conf file. It is not supported yet: [ErrUnsupported].
	RegistriesConf string `json:"registries-conf,omitempty"`
	// DockerConfig is the directory that contains config.json.
	DockerConfig string `json:"docker-config,omitempty"`
	// DaemonJSON is the path of a daemon.json file, of which the lists of registries and the proxies are read. Fields
	// of ServiceOptions override it.
	DaemonJSON string `json:"daemon-json,omitempty"`

	// Credentials are credentials by host[:port] or host[:port]/path.
	Credentials map[string]AuthConfig `json:"credentials,omitempty"`
	// Resolve maps hosts to their addresses; "*" stands for all other hosts. A host with an empty list does not
	// resolve.
	Resolve map[string][]string `json:"resolve,omitempty"`
	// Proxy overrides the proxies of the environment; &Proxy{} means no proxy.
	Proxy     *Proxy `json:"proxy,omitempty"`
	UserAgent string `json:"user-agent,omitempty"`
	// UserAgentPrefix is put in front of the User-Agent, for example the name and version of the program.
	UserAgentPrefix string `json:"user-agent-prefix,omitempty"`
	// CredentialHelperTimeout is the timeout of a credential helper. If it is zero, Timeouts.Auth applies.
	CredentialHelperTimeout Milliseconds `json:"credential-helper-timeout-ms,omitempty"`
	Timeouts                *Timeouts    `json:"timeouts,omitempty"`
	Retry                   *Retry       `json:"retry,omitempty"`
	// MaxConcurrentDownloads is how many blobs may be downloaded from one host at once.
	MaxConcurrentDownloads int `json:"max-concurrent-downloads,omitempty"`
	// MaxConcurrentUploads is not supported yet: any value but zero is [ErrUnsupported].
	MaxConcurrentUploads int     `json:"max-concurrent-uploads,omitempty"`
	Limits               *Limits `json:"limits,omitempty"`
	// Environment, which is true by default, is whether environment variables may set proxies, the paths of
	// configuration files and CA certificates, and the directory of temporary files.
	Environment *bool `json:"environment,omitempty"`
	// Preload loads the system's CA certificates when the service is created instead of at the first TLS connection,
	// for programs that change their root directory later.
	Preload bool `json:"preload,omitempty"`
	// V1 is whether protocol v1 may be used. If it is true, a login tries it last; if it is false, calls that ask for
	// it fail. If it is nil, only calls that ask for it use it.
	V1 *bool `json:"v1,omitempty"`
	// TrustedRealms are pairs of a registry and a token server that the registry may send credentials to, although the
	// token server is on a more private network than the registry.
	TrustedRealms [][2]string `json:"trusted-realms,omitempty"`
	// The following lists of host[:port] allow what is refused by default.
	AllowUploadHosts          []string `json:"allow-upload-hosts,omitempty"`
	AllowForeignURLs          []string `json:"allow-foreign-urls,omitempty"`
	AllowPlainHTTPCredentials []string `json:"allow-plain-http-credentials,omitempty"`
	AllowV1Endpoints          []string `json:"allow-v1-endpoints,omitempty"`

	Extra Extra `json:"-"`
}

// paths are the options for which "" and an absent value differ.
func (o *ServiceOptions) paths() map[string]*string {
	return map[string]*string{
		"certs-dir":       &o.CertsDir,
		"hosts-dir":       &o.HostsDir,
		"registries-conf": &o.RegistriesConf,
		"docker-config":   &o.DockerConfig,
		"daemon-json":     &o.DaemonJSON,
	}
}

func (o ServiceOptions) document() ([]byte, error) {
	all := Extra{}
	for name, path := range o.paths() {
		if *path == Nowhere {
			*path = ""
			all[name] = json.RawMessage(`""`)
		}
	}
	for name, value := range o.Extra {
		all[name] = value
	}
	return marshalWith(o, all)
}

// Proxy configures the proxies. A proxy is [http[s]://][USER:PASSWORD@]HOST[:PORT] and must allow CONNECT, which is
// used for http URLs, too. Connections to localhost and loopback addresses also go through the proxy, unless NoProxy
// lists them.
type Proxy struct {
	// URL is the proxy for http and https. If it is set, the other fields are ignored.
	URL string `json:"-"`

	// HTTPProxy is the proxy for http URLs, and HTTPSProxy for https URLs. Empty means no proxy.
	HTTPProxy  string `json:"http-proxy,omitempty"`
	HTTPSProxy string `json:"https-proxy,omitempty"`
	// NoProxy lists hosts to connect to directly, separated by commas, like the variable NO_PROXY: a domain (which
	// includes its subdomains), .domain (only the subdomains), an address, a network in CIDR notation, or *. All but
	// networks may end in :port.
	NoProxy string `json:"no-proxy,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (p Proxy) MarshalJSON() ([]byte, error) {
	type fields Proxy
	if p.URL != "" || p == (Proxy{}) {
		return json.Marshal(p.URL)
	}
	return json.Marshal(fields(p))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Proxy) UnmarshalJSON(document []byte) error {
	type fields Proxy
	if json.Unmarshal(document, &p.URL) == nil {
		return nil
	}
	return json.Unmarshal(document, (*fields)(p))
}

// Timeouts are the timeouts of one request. For fields that are zero, the library's defaults apply.
type Timeouts struct {
	Connect, TLS, Header, Idle, Auth, Total time.Duration
	// MinBytesPerSecond is the minimum speed of a transfer.
	MinBytesPerSecond int64
}

type timeouts struct {
	Connect           int64 `json:"connect-ms,omitempty"`
	TLS               int64 `json:"tls-ms,omitempty"`
	Header            int64 `json:"header-ms,omitempty"`
	Idle              int64 `json:"idle-ms,omitempty"`
	Auth              int64 `json:"auth-ms,omitempty"`
	Total             int64 `json:"total-ms,omitempty"`
	MinBytesPerSecond int64 `json:"min-bytes-per-second,omitempty"`
}

// inMilliseconds rounds up, so that a short time does not become none.
func inMilliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Milliseconds is a time.Duration that is a number of milliseconds in JSON.
type Milliseconds time.Duration

// MarshalJSON implements [json.Marshaler].
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(inMilliseconds(time.Duration(m)))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Milliseconds) UnmarshalJSON(document []byte) error {
	var ms int64
	err := json.Unmarshal(document, &ms)
	*m = Milliseconds(fromMilliseconds(ms))
	return err
}

func fromMilliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// MarshalJSON implements [json.Marshaler].
func (t Timeouts) MarshalJSON() ([]byte, error) {
	return json.Marshal(timeouts{inMilliseconds(t.Connect), inMilliseconds(t.TLS), inMilliseconds(t.Header),
		inMilliseconds(t.Idle), inMilliseconds(t.Auth), inMilliseconds(t.Total), t.MinBytesPerSecond})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Timeouts) UnmarshalJSON(document []byte) error {
	var d timeouts
	err := json.Unmarshal(document, &d)
	*t = Timeouts{fromMilliseconds(d.Connect), fromMilliseconds(d.TLS), fromMilliseconds(d.Header),
		fromMilliseconds(d.Idle), fromMilliseconds(d.Auth), fromMilliseconds(d.Total), d.MinBytesPerSecond}
	return err
}

// Retry configures how failed requests are retried. For fields that are zero, the library's defaults apply.
type Retry struct {
	MaxAttempts int
	// Initial is the delay before the first retry, and Max the longest delay.
	Initial, Max time.Duration
	// MaxRetryAfter is the longest delay that a registry may ask for.
	MaxRetryAfter time.Duration
}

type retry struct {
	MaxAttempts   int   `json:"max-attempts,omitempty"`
	Initial       int64 `json:"initial-ms,omitempty"`
	Max           int64 `json:"max-ms,omitempty"`
	MaxRetryAfter int64 `json:"max-retry-after-ms,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (r Retry) MarshalJSON() ([]byte, error) {
	return json.Marshal(retry{r.MaxAttempts, inMilliseconds(r.Initial), inMilliseconds(r.Max),
		inMilliseconds(r.MaxRetryAfter)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Retry) UnmarshalJSON(document []byte) error {
	var d retry
	err := json.Unmarshal(document, &d)
	*r = Retry{d.MaxAttempts, fromMilliseconds(d.Initial), fromMilliseconds(d.Max), fromMilliseconds(d.MaxRetryAfter)}
	return err
}

// Limits are limits on what a registry may send: numbers for Pages, Children, Depth and URLs, and bytes for the others.
// Spool limits the temporary file of a [LayerWriter]. For fields that are zero, the library's defaults apply.
type Limits struct {
	Manifest int64 `json:"manifest,omitempty"`
	Config   int64 `json:"config,omitempty"`
	Token    int64 `json:"token,omitempty"`
	Error    int64 `json:"error,omitempty"`
	List     int64 `json:"list,omitempty"`
	Pages    int   `json:"pages,omitempty"`
	Children int   `json:"children,omitempty"`
	Depth    int   `json:"depth,omitempty"`
	URLs     int   `json:"urls,omitempty"`
	Total    int64 `json:"total,omitempty"`
	Spool    int64 `json:"spool,omitempty"`
}

// OpenOptions are the options of [DefaultService.OpenRepository].
type OpenOptions struct {
	// Auth overrides the credentials of the service. If it is nil, they are used; a zero AuthConfig is anonymous.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Actions are the permissions to ask for: "pull" (the default), "push", "delete".
	Actions []string `json:"actions,omitempty"`
	// Protocol must be "v2" or empty, which means the same. For v1, use [NewSession].
	Protocol string `json:"protocol,omitempty"`

	Extra Extra `json:"-"`
}

func (o OpenOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ListOptions are the options of [Repository.ListTags].
type ListOptions struct {
	// N is the size of a page. With it, only one page is read; if it is zero, all pages are.
	N int `json:"n,omitempty"`
	// Last is the last tag of the previous page.
	Last string `json:"last,omitempty"`
	// Next is the Next of the previous page.
	Next string `json:"next,omitempty"`

	Extra Extra `json:"-"`
}

func (o ListOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ManifestOptions are the options of [Repository.GetManifest] and [Repository.HeadManifest].
type ManifestOptions struct {
	// Platform, such as "linux/arm64", selects a manifest from an index.
	Platform string `json:"platform,omitempty"`
	// Accept are the accepted media types.
	Accept []string `json:"accept,omitempty"`
	// MaxSize is the maximum size of the manifest in bytes.
	MaxSize int64 `json:"max_size,omitempty"`

	Extra Extra `json:"-"`
}

func (o ManifestOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// BlobOptions are the options of [Repository.OpenBlob].
type BlobOptions struct {
	// Offset is where to start reading, in bytes. If it is not 0, only the size can be checked, not the digest.
	Offset int64 `json:"-"`
	// Size is the size of the whole blob, if it is known.
	Size      int64  `json:"size,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	// URLs are other locations of the blob.
	URLs []string `json:"urls,omitempty"`

	Extra Extra `json:"-"`
}

func (o BlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PutBlobOptions are the options of [Repository.PutBlob].
type PutBlobOptions struct {
	// Digest and Size are what Commit expects to have been written. They are not checked if they are empty.
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`
	// MediaType is the media type in the descriptor that Commit returns.
	MediaType string `json:"media_type,omitempty"`
	// Algorithm is "sha256", "sha384" or "sha512", for uploads without a Digest.
	Algorithm string `json:"algorithm,omitempty"`
	// MountFrom are repositories of the registry that the blob may be mounted from. It requires Digest.
	MountFrom []string `json:"mount_from,omitempty"`
	// ChunkSize is the size of the chunks in bytes, by default 4 MiB.
	ChunkSize int64 `json:"chunk_size,omitempty"`
	// CheckExists checks first whether the repository has the blob already. It requires Digest.
	CheckExists bool `json:"check_exists,omitempty"`

	Extra Extra `json:"-"`
}

func (o PutBlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// CommitOptions are the options of [BlobWriter.Commit] and [LayerWriter.Commit]: what must have been written.
type CommitOptions struct {
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`

	Extra Extra `json:"-"`
}

func (o CommitOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PullOptions are the options of [DefaultService.Pull].
type PullOptions struct {
	// Auth overrides the credentials of the service. If it is nil, they are used; a zero AuthConfig is anonymous.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Platform is a platform such as "linux/arm64". It defaults to the platform of this machine.
	Platform     string `json:"platform,omitempty"`
	AllPlatforms bool   `json:"all_platforms,omitempty"`
	// Resume, which is true by default, resumes an interrupted pull.
	Resume *bool `json:"resume,omitempty"`
	// Referrers pulls what refers to the image too, such as signatures. It is not supported yet: it returns
	// [ErrUnsupported].
	Referrers bool `json:"referrers,omitempty"`
	// VerifyDiffIDs checks the uncompressed layers against the image's configuration. It is not supported yet: it
	// returns [ErrUnsupported].
	VerifyDiffIDs bool `json:"verify_diff_ids,omitempty"`
	// Nondistributable pulls nondistributable layers too.
	Nondistributable bool `json:"nondistributable,omitempty"`
	// VerifyPresent verifies the digests of the blobs that the destination already has.
	VerifyPresent bool `json:"verify_present,omitempty"`
	// Protocol is "v2", the default, or "v1", which pulls an image from a v1 index and converts it.
	Protocol string `json:"protocol,omitempty"`

	Extra Extra `json:"-"`
}

func (o PullOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// InspectOptions are the options of [DefaultService.Inspect].
type InspectOptions struct {
	// Auth overrides the credentials of the service. If it is nil, they are used; a zero AuthConfig is anonymous.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Platform is a platform such as "linux/arm64". It defaults to the platform of this machine.
	Platform string `json:"platform,omitempty"`
	// Config and Layers, which are true by default, are whether the result includes the configuration and the layers.
	Config *bool `json:"config,omitempty"`
	Layers *bool `json:"layers,omitempty"`

	Extra Extra `json:"-"`
}

func (o InspectOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }
