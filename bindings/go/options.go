package ocireg

import (
	"encoding/json"
	"time"
)

// Nowhere, as a path of [ServiceOptions], says that nothing is read there; an empty path is the usual place.
const Nowhere = "\x00nowhere"

// ServiceOptions configure a service. The zero value is the configuration of a fresh installation.
type ServiceOptions struct {
	// AllowNondistributableArtifacts are registries to which such layers may be pushed.
	AllowNondistributableArtifacts []string `json:"allow-nondistributable-artifacts,omitempty"`
	// Mirrors are asked before the official registry.
	Mirrors []string `json:"registry-mirrors,omitempty"`
	// InsecureRegistries, names or networks, may be reached over http and with certificates that nobody vouches for.
	InsecureRegistries []string `json:"insecure-registries,omitempty"`

	// CertsDir holds a directory with certificates for each registry.
	CertsDir string `json:"certs-dir,omitempty"`
	// HostsDir holds hosts.toml files.
	HostsDir string `json:"hosts-dir,omitempty"`
	// RegistriesConf is a registries.conf file.
	RegistriesConf string `json:"registries-conf,omitempty"`
	// DockerConfig is the directory of config.json.
	DockerConfig string `json:"docker-config,omitempty"`
	// DaemonJSON is a daemon.json, whose lists and proxies are read; other fields here win over it.
	DaemonJSON string `json:"daemon-json,omitempty"`

	// Credentials by host or host/path.
	Credentials map[string]AuthConfig `json:"credentials,omitempty"`
	// Resolve gives the addresses of hosts; "*" is every other host, no address means that it does not resolve.
	Resolve map[string][]string `json:"resolve,omitempty"`
	// Proxy is used instead of the environment's; &Proxy{} is none.
	Proxy     *Proxy `json:"proxy,omitempty"`
	UserAgent string `json:"user-agent,omitempty"`
	// UserAgentPrefix is put in front of UserAgent, such as the name and version of the program.
	UserAgentPrefix string `json:"user-agent-prefix,omitempty"`
	// CredentialHelperTimeout is how long a credential helper may take; zero is Timeouts.Auth.
	CredentialHelperTimeout Milliseconds `json:"credential-helper-timeout-ms,omitempty"`
	Timeouts                *Timeouts    `json:"timeouts,omitempty"`
	Retry                   *Retry       `json:"retry,omitempty"`
	// MaxConcurrentDownloads and MaxConcurrentUploads are per host.
	MaxConcurrentDownloads int     `json:"max-concurrent-downloads,omitempty"`
	MaxConcurrentUploads   int     `json:"max-concurrent-uploads,omitempty"`
	Limits                 *Limits `json:"limits,omitempty"`
	// Environment says whether proxies, places of configuration and CA files may come from environment variables.
	Environment *bool `json:"environment,omitempty"`
	// Preload reads the system's CA certificates when the service is made instead of at the first TLS connection, for
	// programs that change their root directory later.
	Preload bool `json:"preload,omitempty"`
	// V1 false refuses the old protocol; true lets a login try it last. Calls that ask for it speak it if nil, too.
	V1 *bool `json:"v1,omitempty"`
	// TrustedRealms are pairs of a registry and a token server that it may use although its address is of another kind.
	TrustedRealms [][2]string `json:"trusted-realms,omitempty"`
	// The lists below, of host[:port], allow what is refused otherwise.
	AllowUploadHosts          []string `json:"allow-upload-hosts,omitempty"`
	AllowForeignURLs          []string `json:"allow-foreign-urls,omitempty"`
	AllowPlainHTTPCredentials []string `json:"allow-plain-http-credentials,omitempty"`
	AllowV1Endpoints          []string `json:"allow-v1-endpoints,omitempty"`

	Extra Extra `json:"-"`
}

// paths are the options for which "" and absence differ.
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

// Proxy says through what connections go. A proxy is [http[s]://][USER:PASSWORD@]HOST[:PORT] and must allow CONNECT,
// which is used for http addresses, too. Localhost and loopback addresses are asked through it as well, unless NoProxy
// names them.
type Proxy struct {
	// URL is for http and https alike; if it is set, the other fields do not count.
	URL string `json:"-"`

	// HTTPProxy is for http addresses, HTTPSProxy for https addresses; an empty one is none.
	HTTPProxy  string `json:"http-proxy,omitempty"`
	HTTPSProxy string `json:"https-proxy,omitempty"`
	// NoProxy lists hosts that are reached directly, separated by commas, as the variable NO_PROXY does: names (and what
	// is below them), .name (only what is below), addresses, blocks of addresses, all but blocks with :port if wanted,
	// or *.
	NoProxy string `json:"no-proxy,omitempty"`
}

// MarshalJSON gives the library's form.
func (p Proxy) MarshalJSON() ([]byte, error) {
	type fields Proxy
	if p.URL != "" || p == (Proxy{}) {
		return json.Marshal(p.URL)
	}
	return json.Marshal(fields(p))
}

// UnmarshalJSON reads the library's form.
func (p *Proxy) UnmarshalJSON(document []byte) error {
	type fields Proxy
	if json.Unmarshal(document, &p.URL) == nil {
		return nil
	}
	return json.Unmarshal(document, (*fields)(p))
}

// Timeouts of one request. Zero fields are the library's own values.
type Timeouts struct {
	Connect, TLS, Header, Idle, Auth, Total time.Duration
	// MinBytesPerSecond is how fast a body must come.
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

// inMilliseconds rounds up: a short time is not none.
func inMilliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Milliseconds is a time.Duration that is a number of milliseconds in JSON.
type Milliseconds time.Duration

// MarshalJSON gives the library's form.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(inMilliseconds(time.Duration(m)))
}

// UnmarshalJSON reads the library's form.
func (m *Milliseconds) UnmarshalJSON(document []byte) error {
	var ms int64
	err := json.Unmarshal(document, &ms)
	*m = Milliseconds(fromMilliseconds(ms))
	return err
}

func fromMilliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// MarshalJSON gives the library's form.
func (t Timeouts) MarshalJSON() ([]byte, error) {
	return json.Marshal(timeouts{inMilliseconds(t.Connect), inMilliseconds(t.TLS), inMilliseconds(t.Header),
		inMilliseconds(t.Idle), inMilliseconds(t.Auth), inMilliseconds(t.Total), t.MinBytesPerSecond})
}

// UnmarshalJSON reads the library's form.
func (t *Timeouts) UnmarshalJSON(document []byte) error {
	var d timeouts
	err := json.Unmarshal(document, &d)
	*t = Timeouts{fromMilliseconds(d.Connect), fromMilliseconds(d.TLS), fromMilliseconds(d.Header),
		fromMilliseconds(d.Idle), fromMilliseconds(d.Auth), fromMilliseconds(d.Total), d.MinBytesPerSecond}
	return err
}

// Retry says how often a failing request is made again. Zero fields are the library's own values.
type Retry struct {
	MaxAttempts int
	// Initial and Max are the first and the longest wait.
	Initial, Max time.Duration
	// MaxRetryAfter is how long a wait a registry may ask for.
	MaxRetryAfter time.Duration
}

type retry struct {
	MaxAttempts   int   `json:"max-attempts,omitempty"`
	Initial       int64 `json:"initial-ms,omitempty"`
	Max           int64 `json:"max-ms,omitempty"`
	MaxRetryAfter int64 `json:"max-retry-after-ms,omitempty"`
}

// MarshalJSON gives the library's form.
func (r Retry) MarshalJSON() ([]byte, error) {
	return json.Marshal(retry{r.MaxAttempts, inMilliseconds(r.Initial), inMilliseconds(r.Max),
		inMilliseconds(r.MaxRetryAfter)})
}

// UnmarshalJSON reads the library's form.
func (r *Retry) UnmarshalJSON(document []byte) error {
	var d retry
	err := json.Unmarshal(document, &d)
	*r = Retry{d.MaxAttempts, fromMilliseconds(d.Initial), fromMilliseconds(d.Max), fromMilliseconds(d.MaxRetryAfter)}
	return err
}

// Limits of what a registry may send, in bytes or, for Pages, Children and Depth, in numbers; Spool is how large the
// temporary file of a [LayerWriter] may be. Zero fields are the library's own values.
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

// OpenOptions are those of [DefaultService.OpenRepository].
type OpenOptions struct {
	// Auth is what the service would use if nil, and anonymous if zero.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Actions are what will be done: "pull" (the default), "push", "delete".
	Actions []string `json:"actions,omitempty"`
	// Protocol is "v2", which an empty one is, too. For v1 there is [NewSession].
	Protocol string `json:"protocol,omitempty"`

	Extra Extra `json:"-"`
}

func (o OpenOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ListOptions are those of [Repository.ListTags].
type ListOptions struct {
	// N asks for one page of so many; without it all pages are read.
	N int `json:"n,omitempty"`
	// Last is the last entry of the page before.
	Last string `json:"last,omitempty"`
	// Next is that of the page before.
	Next string `json:"next,omitempty"`

	Extra Extra `json:"-"`
}

func (o ListOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ManifestOptions are those of [Repository.GetManifest] and [Repository.HeadManifest].
type ManifestOptions struct {
	// Platform, as "linux/arm64", chooses from an index.
	Platform string `json:"platform,omitempty"`
	// Accept are media types.
	Accept []string `json:"accept,omitempty"`
	// MaxSize is the most that is read.
	MaxSize int64 `json:"max_size,omitempty"`

	Extra Extra `json:"-"`
}

func (o ManifestOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// BlobOptions are those of [Repository.OpenBlob].
type BlobOptions struct {
	// Offset is where reading begins. Above 0, only the size can be checked at the end, not the digest.
	Offset int64 `json:"-"`
	// Size is that of the whole blob, if it is known.
	Size      int64  `json:"size,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	// URLs are other places that hold the blob.
	URLs []string `json:"urls,omitempty"`

	Extra Extra `json:"-"`
}

func (o BlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PutBlobOptions are those of [Repository.PutBlob].
type PutBlobOptions struct {
	// Digest and Size are checked at the end.
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`
	// MediaType is for the descriptor.
	MediaType string `json:"media_type,omitempty"`
	// Algorithm is "sha256", "sha384" or "sha512", where no digest is given.
	Algorithm string `json:"algorithm,omitempty"`
	// MountFrom are repositories of the registry that may have the blob. It needs the digest.
	MountFrom []string `json:"mount_from,omitempty"`
	// ChunkSize is 4 MiB by default.
	ChunkSize int64 `json:"chunk_size,omitempty"`
	// CheckExists looks first whether the repository has the blob. It needs the digest.
	CheckExists bool `json:"check_exists,omitempty"`

	Extra Extra `json:"-"`
}

func (o PutBlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// CommitOptions are those of [BlobWriter.Commit]: what must have been written.
type CommitOptions struct {
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`

	Extra Extra `json:"-"`
}

func (o CommitOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PullOptions are those of [DefaultService.Pull].
type PullOptions struct {
	// Auth is what the service would use if nil, and anonymous if zero.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Platform, as "linux/arm64", is that of this machine by default.
	Platform     string `json:"platform,omitempty"`
	AllPlatforms bool   `json:"all_platforms,omitempty"`
	// Resume, which is true by default, goes on where an earlier pull ended.
	Resume *bool `json:"resume,omitempty"`
	// Referrers pulls what refers to the image too, such as signatures. The library cannot yet: it is [ErrUnsupported].
	Referrers bool `json:"referrers,omitempty"`
	// VerifyDiffIDs unpacks layers to check them against the image's configuration. The library cannot yet: it is
	// [ErrUnsupported].
	VerifyDiffIDs bool `json:"verify_diff_ids,omitempty"`
	// Nondistributable pulls such layers too.
	Nondistributable bool `json:"nondistributable,omitempty"`
	// VerifyPresent hashes every blob again that is there already.
	VerifyPresent bool `json:"verify_present,omitempty"`
	// Protocol is "v2", the default, or "v1": the image of a v1 index, converted.
	Protocol string `json:"protocol,omitempty"`

	Extra Extra `json:"-"`
}

func (o PullOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// InspectOptions are those of [DefaultService.Inspect].
type InspectOptions struct {
	// Auth is what the service would use if nil, and anonymous if zero.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Platform, as "linux/arm64", is that of this machine by default.
	Platform string `json:"platform,omitempty"`
	// Config and Layers, which are true by default, say what is told.
	Config *bool `json:"config,omitempty"`
	Layers *bool `json:"layers,omitempty"`

	Extra Extra `json:"-"`
}

func (o InspectOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }
