// Code generated from the tables listed in src/client/options.rs. DO NOT EDIT.
//
// Generated from there by OCIREG_UPDATE=1 cargo test --test generated. Do not edit.

package ocireg

import (
	"encoding/json"
	"time"
)

// ServiceOptions are the options of a service. The hyphenated keys of Docker's daemon.json mean what they mean there.
type ServiceOptions struct {
	// URLs of mirrors of Docker Hub, asked in order. Default: none.
	Mirrors []string `json:"registry-mirrors,omitempty"`
	// Hosts and address blocks that may be used over plain HTTP or with an unverified certificate. 127.0.0.0/8 is always
	// one of them. Default: none.
	InsecureRegistries []string `json:"insecure-registries,omitempty"`
	// Hosts and address blocks that nondistributable layers may be pushed to. Default: none.
	AllowNondistributableArtifacts []string `json:"allow-nondistributable-artifacts,omitempty"`
	// A daemon.json whose lists of registries and proxies are used; explicit options win. Default: none.
	DaemonJSON string `json:"daemon-json,omitempty"`
	// The directory of certificates, with one subdirectory for each registry. Default: /etc/docker/certs.d.
	CertsDir string `json:"certs-dir,omitempty"`
	// A directory with a subdirectory for each registry that contains hosts.toml, as containerd's /etc/containerd/certs.d.
	// Read for each session. Default: none.
	HostsDir string `json:"hosts-dir,omitempty"`
	// A registries.conf file of version 2, as Podman's /etc/containers/registries.conf; the files in FILE.d/*.conf are
	// read after it. Read for each session. Default: none.
	RegistriesConf string `json:"registries-conf,omitempty"`
	// The directory that contains config.json. [Nowhere] ignores all credential files. Default: $DOCKER_CONFIG or
	// ~/.docker.
	DockerConfig string `json:"docker-config,omitempty"`
	// Credentials by host[:port] or host[:port]/path.
	Credentials map[string]AuthConfig `json:"credentials,omitempty"`
	// How long a credential helper may run. Default: Auth of Timeouts.
	CredentialHelperTimeout Milliseconds `json:"credential-helper-timeout-ms,omitempty"`
	// The addresses of hosts, instead of DNS; * is every other name, and a host with an empty list does not resolve.
	Resolve map[string][]string `json:"resolve,omitempty"`
	// The proxies. &Proxy{} means no proxy. Default: the environment's.
	Proxy *Proxy `json:"proxy,omitempty"`
	// The User-Agent header. Default: "ocireg/0.2.0".
	UserAgent string `json:"user-agent,omitempty"`
	// Put in front of the User-Agent header, for example the program's name and version.
	UserAgentPrefix string `json:"user-agent-prefix,omitempty"`
	// How long each step may take.
	Timeouts *Timeouts `json:"timeouts,omitempty"`
	// How failed requests are retried.
	Retry *Retry `json:"retry,omitempty"`
	// How much a registry may send.
	Limits *Limits `json:"limits,omitempty"`
	// How many downloads from one host may run at once, over all calls of the service. Default: 4.
	MaxConcurrentDownloads int `json:"max-concurrent-downloads,omitempty"`
	// How many uploads to one host may run at once, over all pushes and copies of the service. Default: 4.
	MaxConcurrentUploads int `json:"max-concurrent-uploads,omitempty"`
	// How many requests of one host may wait for its answer at once, over all calls of the service. Default: no limit.
	MaxConcurrentRequests int `json:"max-concurrent-requests,omitempty"`
	// A blob of at least this size is downloaded in several ranges at once where one connection is slower than that, each
	// in a place of its own among MaxConcurrentDownloads; 0 is never. Default: 67108864.
	ParallelRangeBytes int `json:"parallel-range-bytes,omitempty"`
	// Whether environment variables may set proxies, the paths of configuration files and CA certificates, and the
	// directory of temporary files. In a privileged process they never may. Default: true.
	Environment *bool `json:"environment,omitempty"`
	// Load the system's CA certificates when the service is created, for programs that change their root directory later.
	Preload bool `json:"preload,omitempty"`
	// Whether protocol v1 may be spoken: true lets a login try it last, false makes calls that ask for it fail. Default:
	// only by calls that ask for it.
	V1 *bool `json:"v1,omitempty"`
	// Pairs of a registry and a token server that may get the registry's credentials, although it is on a more private
	// network than the registry.
	TrustedRealms [][2]string `json:"trusted-realms,omitempty"`
	// Hosts, as host[:port], that a registry may send uploads to.
	AllowUploadHosts []string `json:"allow-upload-hosts,omitempty"`
	// Hosts, as host[:port], that nondistributable layers may be downloaded from.
	AllowForeignURLs []string `json:"allow-foreign-urls,omitempty"`
	// Hosts, as host[:port], that may get credentials over plain HTTP.
	AllowPlainHTTPCredentials []string `json:"allow-plain-http-credentials,omitempty"`
	// Hosts, as host[:port], that a v1 index may send clients to.
	AllowV1Endpoints []string `json:"allow-v1-endpoints,omitempty"`

	Extra Extra `json:"-"`
}

// paths are the options for which "" and an absent value differ.
func (o *ServiceOptions) paths() map[string]*string {
	paths := map[string]*string{}
	paths["daemon-json"] = &o.DaemonJSON
	paths["certs-dir"] = &o.CertsDir
	paths["hosts-dir"] = &o.HostsDir
	paths["registries-conf"] = &o.RegistriesConf
	paths["docker-config"] = &o.DockerConfig
	return paths
}

// Timeouts say how long each step of an exchange may take. 0 means no limit. Fields that are zero have the default.
type Timeouts struct {
	// Resolving the host name and connecting, for each address. Default: 30 s.
	Connect time.Duration
	// The TLS handshake. Default: 10 s.
	TLS time.Duration
	// From the end of the request to the end of the response's header. Default: 30 s.
	Header time.Duration
	// Silence within a body. Default: 30 s.
	Idle time.Duration
	// One ping, token or login request. Default: 15 s.
	Auth time.Duration
	// The minimum speed of a body, sent or received, in bytes per second over 5 seconds; a slower transfer fails. 0 means
	// no limit; without this option it is so low, and measured over so long a time, that no working connection is below
	// it. Default: 100 over a minute.
	MinBytesPerSecond int64
	// A whole call.
	Total time.Duration
}

type timeoutsDocument struct {
	Connect           int64 `json:"connect-ms,omitempty"`
	TLS               int64 `json:"tls-ms,omitempty"`
	Header            int64 `json:"header-ms,omitempty"`
	Idle              int64 `json:"idle-ms,omitempty"`
	Auth              int64 `json:"auth-ms,omitempty"`
	MinBytesPerSecond int64 `json:"min-bytes-per-second,omitempty"`
	Total             int64 `json:"total-ms,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (t Timeouts) MarshalJSON() ([]byte, error) {
	var d timeoutsDocument
	d.Connect = inMilliseconds(t.Connect)
	d.TLS = inMilliseconds(t.TLS)
	d.Header = inMilliseconds(t.Header)
	d.Idle = inMilliseconds(t.Idle)
	d.Auth = inMilliseconds(t.Auth)
	d.MinBytesPerSecond = int64(t.MinBytesPerSecond)
	d.Total = inMilliseconds(t.Total)
	return json.Marshal(d)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Timeouts) UnmarshalJSON(document []byte) error {
	var d timeoutsDocument
	err := json.Unmarshal(document, &d)
	t.Connect = fromMilliseconds(d.Connect)
	t.TLS = fromMilliseconds(d.TLS)
	t.Header = fromMilliseconds(d.Header)
	t.Idle = fromMilliseconds(d.Idle)
	t.Auth = fromMilliseconds(d.Auth)
	t.MinBytesPerSecond = int64(d.MinBytesPerSecond)
	t.Total = fromMilliseconds(d.Total)
	return err
}

// Retry says how often and after which delays a failed request is retried. Fields that are zero have the default.
type Retry struct {
	// Attempts, the first one included. Default: 5.
	MaxAttempts int
	// The first delay; it doubles each time. Default: 250 ms.
	Initial time.Duration
	// The longest delay that ocireg chooses. Default: 30 s.
	Max time.Duration
	// The longest delay that a registry may ask for; a longer one is RATE_LIMITED at once. Default: 60 s.
	MaxRetryAfter time.Duration
}

type retryDocument struct {
	MaxAttempts   int64 `json:"max-attempts,omitempty"`
	Initial       int64 `json:"initial-ms,omitempty"`
	Max           int64 `json:"max-ms,omitempty"`
	MaxRetryAfter int64 `json:"max-retry-after-ms,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (r Retry) MarshalJSON() ([]byte, error) {
	var d retryDocument
	d.MaxAttempts = int64(r.MaxAttempts)
	d.Initial = inMilliseconds(r.Initial)
	d.Max = inMilliseconds(r.Max)
	d.MaxRetryAfter = inMilliseconds(r.MaxRetryAfter)
	return json.Marshal(d)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Retry) UnmarshalJSON(document []byte) error {
	var d retryDocument
	err := json.Unmarshal(document, &d)
	r.MaxAttempts = int(d.MaxAttempts)
	r.Initial = fromMilliseconds(d.Initial)
	r.Max = fromMilliseconds(d.Max)
	r.MaxRetryAfter = fromMilliseconds(d.MaxRetryAfter)
	return err
}

// Limits say how much a registry may send. What is larger is LIMIT. Fields that are zero have the default.
type Limits struct {
	// Bytes of a manifest or index. Default: 8 MiB.
	Manifest int64 `json:"manifest,omitempty"`
	// Bytes of an image's configuration. Default: 8 MiB.
	Config int64 `json:"config,omitempty"`
	// Bytes of a token server's response. Default: 1 MiB.
	Token int64 `json:"token,omitempty"`
	// Bytes that are read of the body of an error. Default: 64 KiB.
	Error int64 `json:"error,omitempty"`
	// Bytes of one page of tags or repositories. Default: 8 MiB.
	List int64 `json:"list,omitempty"`
	// Pages of one list. Default: 10000.
	Pages int `json:"pages,omitempty"`
	// Descriptors of one call. Default: 10000.
	Children int `json:"children,omitempty"`
	// Indexes within indexes. Default: 4.
	Depth int `json:"depth,omitempty"`
	// Addresses of one descriptor. Default: 16.
	URLs int `json:"urls,omitempty"`
	// Bytes of all manifests, configurations and pages of one call together. Default: 64 MiB.
	Total int64 `json:"total,omitempty"`
	// Bytes of a temporary file of protocol v1. Default: no limit.
	Spool int64 `json:"spool,omitempty"`
}

// Proxy is the proxy for each scheme. A proxy is SCHEME://[USER:PASSWORD@]HOST[:PORT] with the scheme http, https,
// socks5 or socks5h, and http:// may be left out. An HTTP proxy must allow CONNECT, which is used for http addresses,
// too. Loopback addresses also go through the proxy, unless NoProxy lists them.
type Proxy struct {
	// The proxy for both schemes. If it is set, the other fields are ignored.
	URL string `json:"-"`

	// The proxy for http URLs. Default: none.
	HTTPProxy string `json:"http-proxy,omitempty"`
	// The proxy for https URLs. Default: none.
	HTTPSProxy string `json:"https-proxy,omitempty"`
	// Hosts to connect to directly, separated by commas, like the variable NO_PROXY: a domain (which includes its
	// subdomains), .domain (only the subdomains), an address, a network in CIDR notation, or *. All but networks may end
	// in :port.
	NoProxy string `json:"no-proxy,omitempty"`
}

// OpenOptions say how a session is opened.
type OpenOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// What the session will do: pull, push, delete. Mirrors of Docker Hub and of RegistriesConf are used only if it only
	// pulls. Default: "pull".
	Actions []string `json:"actions,omitempty"`
	// The protocol. v1 is the protocol of Docker before 1.6, for registries that have no other. Default: "v2".
	Protocol string `json:"protocol,omitempty"`

	Extra Extra `json:"-"`
}

func (o OpenOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// EndpointsOptions say what the endpoints are for.
type EndpointsOptions struct {
	// What will be done there: pull, push, delete. Default: "pull".
	Actions []string `json:"actions,omitempty"`

	Extra Extra `json:"-"`
}

func (o EndpointsOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ListOptions say which entries of a list are returned.
type ListOptions struct {
	// Return one page of about this many entries. Default: all pages.
	N int `json:"n,omitempty"`
	// Only return entries after this one. Default: the beginning.
	Last string `json:"last,omitempty"`
	// The Next of the previous page. Default: the first page.
	Next string `json:"next,omitempty"`

	Extra Extra `json:"-"`
}

func (o ListOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ManifestOptions say which manifest is returned.
type ManifestOptions struct {
	// Select the manifest for this platform from an index. Default: the index itself.
	Platform string `json:"platform,omitempty"`
	// Media types to accept, even ones that ocireg does not know.
	Accept []string `json:"accept,omitempty"`
	// The maximum size of the manifest in bytes, if it is less than the service's limit. Default: the service's limit.
	MaxSize int64 `json:"max_size,omitempty"`

	Extra Extra `json:"-"`
}

func (o ManifestOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PutManifestOptions say how a manifest is stored.
type PutManifestOptions struct {
	// More tags for the same manifest.
	Tags []string `json:"tags,omitempty"`
	// The digest or ETag that the tag must have now. If it has another one, the call fails with CONFLICT. Default: not
	// checked.
	IfMatch string `json:"if_match,omitempty"`

	Extra Extra `json:"-"`
}

func (o PutManifestOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ReferrersOptions say which referrers are listed.
type ReferrersOptions struct {
	// Only manifests of this artifact type. Default: all types.
	ArtifactType string `json:"artifact_type,omitempty"`
	// Only manifests with all of these annotations.
	Annotations map[string]string `json:"annotations,omitempty"`

	Extra Extra `json:"-"`
}

func (o ReferrersOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// BlobOptions say what is known about a blob.
type BlobOptions struct {
	// The position to start at, in bytes. If it is not 0, only the size can be checked, not the digest.
	Offset int64 `json:"-"`
	// The size of the whole blob in bytes, which is checked. Default: the registry's answer.
	Size int64 `json:"size,omitempty"`
	// The blob's media type. Only nondistributable layers may come from URLs.
	MediaType string `json:"media_type,omitempty"`
	// Other addresses of a nondistributable layer, used if the registry does not have it and AllowForeignURLs names the
	// host.
	URLs []string `json:"urls,omitempty"`
	// Return the content of a gzip or zstd blob, told by its first bytes. Others are returned as they are.
	Decompress bool `json:"decompress,omitempty"`
	// The digest that the decompressed content must have. Requires Decompress. Default: not checked.
	DiffID string `json:"diff_id,omitempty"`
	// The most bytes that may come out of a compressed blob. Requires Decompress. Default: 64 GiB.
	MaxSize int64 `json:"max_size,omitempty"`

	Extra Extra `json:"-"`
}

func (o BlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// RemoteBlobOptions say what is known about a blob that is read in parts.
type RemoteBlobOptions struct {
	// The size of the whole blob in bytes, which is checked. Default: the registry's answer.
	Size int64 `json:"size,omitempty"`
	// Parts of the blob with digests of their own. Reads must be covered by them, and only return bytes that were
	// verified. Without them nothing is verified. Default: nothing is verified.
	Chunks []Chunk `json:"chunks,omitzero"`
	// The blob's media type. Only nondistributable layers may come from URLs.
	MediaType string `json:"media_type,omitempty"`
	// Other addresses of a nondistributable layer, used if the registry does not have it and AllowForeignURLs names the
	// host.
	URLs []string `json:"urls,omitempty"`

	Extra Extra `json:"-"`
}

func (o RemoteBlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// Chunk is a part of a blob with a digest of its own.
type Chunk struct {
	// Where it begins in the blob, in bytes.
	Offset int64 `json:"offset,omitempty"`
	// How many bytes it has, at most 64 MiB. Default: required.
	Size int64 `json:"size,omitempty"`
	// The digest of these bytes. Default: required.
	Digest string `json:"digest,omitempty"`
}

// AuthorizeOptions say how a request of the program's own HTTP client is authorized.
type AuthorizeOptions struct {
	// Return the address that the registry redirects to, without credentials.
	Follow bool `json:"follow,omitempty"`
	// The registry has refused the last authorization: return another one.
	Renew bool `json:"renew,omitempty"`

	Extra Extra `json:"-"`
}

func (o AuthorizeOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// GetBlobFileOptions say how a blob is downloaded to a file.
type GetBlobFileOptions struct {
	// The size of the whole blob in bytes, which is checked. Default: the registry's answer.
	Size int64 `json:"size,omitempty"`
	// The blob's media type. Only nondistributable layers may come from URLs. Default: "application/octet-stream".
	MediaType string `json:"media_type,omitempty"`
	// Other addresses of a nondistributable layer, used if the registry does not have it and AllowForeignURLs names the
	// host.
	URLs []string `json:"urls,omitempty"`
	// Keep a partial file if the download fails, and continue that of an earlier download. Default: true.
	Resume *bool `json:"resume,omitempty"`

	Extra Extra `json:"-"`
}

func (o GetBlobFileOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// GetBlobFDOptions say how a blob is written to a file descriptor.
type GetBlobFDOptions struct {
	// The size of the whole blob in bytes, which is checked. Default: the registry's answer.
	Size int64 `json:"size,omitempty"`
	// The blob's media type. Only nondistributable layers may come from URLs. Default: "application/octet-stream".
	MediaType string `json:"media_type,omitempty"`
	// Other addresses of a nondistributable layer, used if the registry does not have it and AllowForeignURLs names the
	// host.
	URLs []string `json:"urls,omitempty"`

	Extra Extra `json:"-"`
}

func (o GetBlobFDOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PutBlobOptions say how a blob is uploaded.
type PutBlobOptions struct {
	// The digest that the content must have. Default: not checked.
	Digest string `json:"digest,omitempty"`
	// The number of bytes that must be written. Default: not checked.
	Size int64 `json:"size,omitempty"`
	// The media type in the descriptor that the commit returns. Default: "application/octet-stream".
	MediaType string `json:"media_type,omitempty"`
	// The digest algorithm of an upload without Digest. Default: sha256.
	Algorithm string `json:"algorithm,omitempty"`
	// Repositories of the same registry that the blob may be mounted from. Requires Digest.
	MountFrom []string `json:"mount_from,omitempty"`
	// The size of a chunk in bytes. Default: 4 MiB.
	ChunkSize int64 `json:"chunk_size,omitempty"`
	// Check first whether the repository already has the blob. Requires Digest.
	CheckExists bool `json:"check_exists,omitempty"`

	Extra Extra `json:"-"`
}

func (o PutBlobOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PutBlobFileOptions say how a file is uploaded as a blob.
type PutBlobFileOptions struct {
	// The digest that the file must have. Default: not checked.
	Digest string `json:"digest,omitempty"`
	// The size that the file must have in bytes. Default: not checked.
	Size int64 `json:"size,omitempty"`
	// The media type in the descriptor that is returned. Default: "application/octet-stream".
	MediaType string `json:"media_type,omitempty"`
	// The digest algorithm of an upload without Digest. Default: sha256.
	Algorithm string `json:"algorithm,omitempty"`
	// Repositories of the same registry that the blob may be mounted from.
	MountFrom []string `json:"mount_from,omitempty"`
	// Send the file in chunks of this many bytes. Without it, a file over 4 MiB is hashed first and sent in one request,
	// unless the registry accepts only chunks. Default: one request.
	ChunkSize int64 `json:"chunk_size,omitempty"`
	// Check first whether the repository already has the blob.
	CheckExists bool `json:"check_exists,omitempty"`

	Extra Extra `json:"-"`
}

func (o PutBlobFileOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// CommitOptions say what must have been written.
type CommitOptions struct {
	// The digest that the content must have. Default: not checked.
	Digest string `json:"digest,omitempty"`
	// The number of bytes that must have been written. Default: not checked.
	Size int64 `json:"size,omitempty"`

	Extra Extra `json:"-"`
}

func (o CommitOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// PullOptions say how an image is pulled.
type PullOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// The protocol. v1 pulls an image of a v1 index and converts it. Default: "v2".
	Protocol string `json:"protocol,omitempty"`
	// Pull the image for this platform. Default: this machine's platform.
	Platform string `json:"platform,omitempty"`
	// Pull the whole index with the images of all platforms.
	AllPlatforms bool `json:"all_platforms,omitempty"`
	// Keep partial files, and continue those of an interrupted pull. Default: true.
	Resume *bool `json:"resume,omitempty"`
	// Pull nondistributable layers, too.
	Nondistributable bool `json:"nondistributable,omitempty"`
	// Verify the digests of all blobs that the destination already has.
	VerifyPresent bool `json:"verify_present,omitempty"`
	// Pull what refers to the image and its children, such as signatures.
	Referrers bool `json:"referrers,omitempty"`
	// Decompress every layer, also those that are there already, and check it against the image's configuration.
	VerifyDiffIDs bool `json:"verify_diff_ids,omitempty"`
	// To files:DIR: replace files that have other content.
	Overwrite bool `json:"overwrite,omitempty"`
	// An open directory in which a relative path begins. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o PullOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ArtifactFile is a file of an artifact.
type ArtifactFile struct {
	// The path of the file, relative to the directory, or absolute. A symbolic link must not leave the directory. What is
	// a directory itself is packed into a tar archive with gzip. Default: required.
	Path string `json:"path,omitempty"`
	// The name of the file in the artifact, which a pull gives to it: a path below the directory. Default: Path.
	Title string `json:"title,omitempty"`
	// The media type of the layer. Default: application/vnd.oci.image.layer.v1.tar, of a directory with +gzip.
	MediaType string `json:"media_type,omitempty"`
	// Annotations of the layer.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ArtifactConfig is the file that is an artifact's configuration.
type ArtifactConfig struct {
	// The path of the file, relative to the directory, or absolute. Default: required.
	Path string `json:"path,omitempty"`
	// The media type of the configuration. Default: application/vnd.unknown.config.v1+json.
	MediaType string `json:"media_type,omitempty"`
	// Annotations of the configuration.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PushOptions say how an image is pushed.
type PushOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// Push the image for this platform only. Default: all platforms.
	Platform string `json:"platform,omitempty"`
	// Push the whole index with the images of all platforms. Default: true, unless Platform is set.
	AllPlatforms *bool `json:"all_platforms,omitempty"`
	// More tags for the same image.
	Tags []string `json:"tags,omitempty"`
	// Repositories of the same registry that blobs may be mounted from.
	MountFrom []string `json:"mount_from,omitempty"`
	// Push what refers to the image and its children, such as signatures.
	Referrers bool `json:"referrers,omitempty"`
	// Push what is found by a tag made of a digest, such as signatures.
	DigestTags bool `json:"digest_tags,omitempty"`
	// Push nondistributable layers, too.
	Nondistributable bool `json:"nondistributable,omitempty"`
	// oci turns manifests with Docker media types into OCI manifests, which changes their digests. Default: nothing is
	// changed.
	Convert string `json:"convert,omitempty"`
	// Check each blob, even if the registry has a manifest that lists it.
	VerifyPresent bool `json:"verify_present,omitempty"`
	// Decompress every layer, also those that are there already, and check it against the image's configuration.
	VerifyDiffIDs bool `json:"verify_diff_ids,omitempty"`
	// Of files:DIR: what kind of artifact it is, a media type. Default: application/vnd.unknown.artifact.v1, unless Config
	// has a media type.
	ArtifactType string `json:"artifact_type,omitempty"`
	// Of files:DIR: the files of the artifact. Default: every regular file in the directory, sorted by name.
	Files []ArtifactFile `json:"files,omitzero"`
	// Of files:DIR: annotations of the manifest. Without org.opencontainers.image.created the same files give the same
	// digest.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Of files:DIR: the digest of a manifest at the destination that the artifact refers to. If the destination does not
	// name a tag, the artifact gets none. Default: none.
	Subject string `json:"subject,omitempty"`
	// Of files:DIR: the file that is the artifact's configuration; a path, or an object. Default: an empty JSON object.
	Config *ArtifactConfig `json:"config,omitempty"`
	// An open directory in which a relative path begins. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o PushOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// CopyOptions say how an image is copied.
type CopyOptions struct {
	// Credentials for the registry of the source; {} is anonymous. Default: the service's credentials.
	SourceAuth *AuthConfig `json:"source_auth,omitempty"`
	// Credentials for the registry of the destination; {} is anonymous. Default: the service's credentials.
	DestinationAuth *AuthConfig `json:"destination_auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// Copy the image for this platform only. Default: all platforms.
	Platform string `json:"platform,omitempty"`
	// Copy the whole index with the images of all platforms. Default: true, unless Platform is set.
	AllPlatforms *bool `json:"all_platforms,omitempty"`
	// More tags for the same image.
	Tags []string `json:"tags,omitempty"`
	// More repositories of the destination's registry that blobs may be mounted from.
	MountFrom []string `json:"mount_from,omitempty"`
	// Copy what refers to the image and its children, such as signatures.
	Referrers bool `json:"referrers,omitempty"`
	// Copy what is found by a tag made of a digest, such as signatures.
	DigestTags bool `json:"digest_tags,omitempty"`
	// Copy nondistributable layers, too.
	Nondistributable bool `json:"nondistributable,omitempty"`
	// oci turns manifests with Docker media types into OCI manifests, which changes their digests. Default: nothing is
	// changed.
	Convert string `json:"convert,omitempty"`
	// Check each blob that the destination already has; in a layout, verify its digest.
	VerifyPresent bool `json:"verify_present,omitempty"`
	// Decompress every layer, also those that are there already, and check it against the image's configuration.
	VerifyDiffIDs bool `json:"verify_diff_ids,omitempty"`
	// Keep partial files, and continue those of an interrupted copy. Default: true.
	Resume *bool `json:"resume,omitempty"`
	// Of files:DIR: what kind of artifact it is, a media type. Default: application/vnd.unknown.artifact.v1, unless Config
	// has a media type.
	ArtifactType string `json:"artifact_type,omitempty"`
	// Of files:DIR: the files of the artifact. Default: every regular file in the directory, sorted by name.
	Files []ArtifactFile `json:"files,omitzero"`
	// Of files:DIR: annotations of the manifest. Without org.opencontainers.image.created the same files give the same
	// digest.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Of files:DIR: the digest of a manifest at the destination that the artifact refers to. If the destination does not
	// name a tag, the artifact gets none. Default: none.
	Subject string `json:"subject,omitempty"`
	// Of files:DIR: the file that is the artifact's configuration; a path, or an object. Default: an empty JSON object.
	Config *ArtifactConfig `json:"config,omitempty"`
	// To files:DIR: replace files that have other content.
	Overwrite bool `json:"overwrite,omitempty"`
	// An open directory in which relative paths begin. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o CopyOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// InspectOptions say what is returned about an image.
type InspectOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// Inspect the image for this platform. Default: this machine's platform.
	Platform string `json:"platform,omitempty"`
	// Whether to get the image's configuration. Default: true.
	Config *bool `json:"config,omitempty"`
	// Whether to list the layers. Default: true.
	Layers *bool `json:"layers,omitempty"`
	// An open directory in which a relative path begins. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o InspectOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// UnpackOptions say how an image is unpacked.
type UnpackOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// Unpack the image for this platform. Default: this machine's platform.
	Platform string `json:"platform,omitempty"`
	// Who owns the files: preserve is whoever the image says, current is the user who calls. Default: preserve for root or
	// with a map, else current.
	Ownership string `json:"ownership,omitempty"`
	// Which user IDs of the image are which user IDs here. An ID without a mapping is an error.
	UidMap []IdRangeOptions `json:"uid_map,omitzero"`
	// The same for group IDs.
	GidMap []IdRangeOptions `json:"gid_map,omitzero"`
	// Which extended attributes are set: all, those of the namespace user, or none. Default: all for root, else user.
	Xattrs string `json:"xattrs,omitempty"`
	// Whether to create character and block devices or to skip them. Default: create for root, else skip.
	Devices string `json:"devices,omitempty"`
	// How much the image may hold. More is LIMIT.
	Limits *UnpackLimits `json:"limits,omitempty"`
	// A layout, oci:DIR[:NAME], that keeps the image as well. Blobs that it already has are not downloaded. Default:
	// nothing is kept.
	Layout string `json:"layout,omitempty"`
	// An open directory in which relative paths begin. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o UnpackOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// ExportOptions say how an image is exported.
type ExportOptions struct {
	// Credentials for the registry. A zero AuthConfig is anonymous. Default: the service's credentials.
	Auth *AuthConfig `json:"auth,omitempty"`
	// Where credentials may come from: "call" (the options of this call), "callback" (the program's function), "options"
	// (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the files of podman
	// and skopeo). An empty list is anonymous access. Default: all of them.
	CredentialSources []string `json:"credential_sources,omitzero"`
	// Export the image for this platform. Default: this machine's platform.
	Platform string `json:"platform,omitempty"`
	// How much the image may hold. More is LIMIT.
	Limits *UnpackLimits `json:"limits,omitempty"`
	// A layout, oci:DIR[:NAME], that keeps the image as well. Blobs that it already has are not downloaded. Default:
	// nothing is kept.
	Layout string `json:"layout,omitempty"`
	// An open directory in which relative paths begin. Default: the working directory.
	DirFd int `json:"dir_fd,omitempty"`

	Extra Extra `json:"-"`
}

func (o ExportOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }

// IdRangeOptions are a range of IDs in an image, and the range that it is mapped to.
type IdRangeOptions struct {
	// The first ID in the image. Default: required.
	Container int `json:"container,omitempty"`
	// The first ID on this machine. Default: required.
	Host int `json:"host,omitempty"`
	// How many IDs there are. Default: required.
	Size int `json:"size,omitempty"`
}

// UnpackLimits say how much an image may hold that is unpacked or exported.
type UnpackLimits struct {
	// Bytes of data in all files. Holes do not count. Default: 64 GiB.
	Bytes int64 `json:"bytes,omitempty"`
	// Entries in all layers. Default: 4000000.
	Entries int `json:"entries,omitempty"`
	// Bytes of one path. Default: 4096.
	Path int64 `json:"path,omitempty"`
}

// CollectOptions say how blobs that no image needs are removed from a layout.
type CollectOptions struct {
	// Only report what would be removed.
	DryRun bool `json:"dry_run,omitempty"`

	Extra Extra `json:"-"`
}

func (o CollectOptions) document() ([]byte, error) { return marshalWith(o, o.Extra) }
