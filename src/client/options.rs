//! The options of calls, each document a table, and the list of all documents.
//!
//! To add an option, add a row; to add a document, add a table here or in the room that reads it, and its `SCHEMA` to
//! [`DOCUMENTS`]. Then run `OCIREG_UPDATE=1 cargo test --test generated`, and name the key with its default in the header's text
//! and in `tests/option_keys.rs`: tests fail until that is done.

use crate::config::settings::{Limits, Retry, Timeouts};
use crate::credentials::{Allowed, AuthConfig, SourceKind};
use crate::error::{Code, Error, Result};
use crate::image::{Platform, media_type};
use crate::json::schema::{Kind, OptionValue, Schema, options, wrong};
use crate::json::strict::{Object, strings};
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::{check_path, check_tag};
use crate::registry::api_endpoint::ApiVersion;
use crate::registry::blob::Chunk;
use crate::registry::options::{ConfigOptions, ProxyOptions, ServiceOptions};
use crate::unpack::{self, Devices, IdRange, Ownership, Request, Xattrs};
use crate::v2::upload::{CHUNK, LARGEST_CHUNK, OCTETS};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every options document, in the order of the documentation.
pub const DOCUMENTS: &[&Schema] = &[
    ServiceOptions::SCHEMA,
    Timeouts::SCHEMA,
    Retry::SCHEMA,
    Limits::SCHEMA,
    ProxyOptions::SCHEMA,
    ConfigOptions::SCHEMA,
    SessionOptions::SCHEMA,
    EndpointsOptions::SCHEMA,
    ListOptions::SCHEMA,
    ManifestOptions::SCHEMA,
    HeadOptions::SCHEMA,
    PutManifestOptions::SCHEMA,
    ReferrersOptions::SCHEMA,
    BlobOptions::SCHEMA,
    RemoteBlobOptions::SCHEMA,
    ChunkOptions::SCHEMA,
    AuthorizeOptions::SCHEMA,
    GetBlobFileOptions::SCHEMA,
    GetBlobFDOptions::SCHEMA,
    PutBlobOptions::SCHEMA,
    PutBlobFileOptions::SCHEMA,
    MountOptions::SCHEMA,
    CommitOptions::SCHEMA,
    PullOptions::SCHEMA,
    ArtifactFile::SCHEMA,
    ArtifactConfig::SCHEMA,
    PushOptions::SCHEMA,
    CopyOptions::SCHEMA,
    InspectOptions::SCHEMA,
    UnpackOptions::SCHEMA,
    ExportOptions::SCHEMA,
    IdRangeOptions::SCHEMA,
    UnpackLimits::SCHEMA,
    CollectOptions::SCHEMA,
];

options! {
    /// How a session is opened.
    pub struct SessionOptions built by SessionBuilder of call "session_open" for ["ocireg_session_open"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// What the session will do: `pull`, `push`, `delete`. Mirrors of Docker Hub and of `registries-conf` are used only if it
        /// only pulls.
        "actions" => actions: Actions = Actions(vec!["pull".to_owned()]);
        /// A whole registry, as `host[:port]`, instead of a reference.
        "registry" => registry: Option<String>, else "the reference's";
        /// The protocol. `v1` is the protocol of Docker before 1.6, for registries that have no other.
        "protocol" => protocol: ApiVersion = ApiVersion::V2;
    }
    check together;
}

options! {
    /// What the endpoints are for.
    pub struct EndpointsOptions built by EndpointsBuilder of call "resolve_endpoints" for ["ocireg_service_resolve_endpoints"] {
        /// What will be done there: `pull`, `push`, `delete`.
        "actions" => actions: Actions = Actions(vec!["pull".to_owned()]);
    }
}

options! {
    /// Which entries of a list are returned.
    pub struct ListOptions built by ListBuilder of call "list_tags" for ["ocireg_session_list_tags", "ocireg_session_catalog"] {
        /// Return one page of about this many entries.
        "n" => n: Option<u32>, in 1..=2_147_483_647, else "all pages";
        /// Only return entries after this one.
        "last" => last: Option<String>, else "the beginning";
        /// The `next` of the previous page.
        "next" => next: Option<String>, else "the first page";
    }
}

options! {
    /// Which manifest is returned.
    pub struct ManifestOptions built by ManifestBuilder of call "get_manifest" for ["ocireg_session_get_manifest"] {
        /// Select the manifest for this platform from an index.
        "platform" => platform: Option<Platform>, else "the index itself";
        /// Media types to accept, even ones that ocireg does not know.
        "accept" => accept: Vec<String>;
        /// The maximum size of the manifest in bytes, if it is less than the service's limit.
        "max_size" => max_size: Option<u64>, else "the service's limit";
    }
}

options! {
    /// Which manifest is looked up.
    pub struct HeadOptions built by HeadBuilder of call "head_manifest" for ["ocireg_session_head_manifest"] {
        /// Media types to accept, even ones that ocireg does not know.
        "accept" => accept: Vec<String>;
    }
}

options! {
    /// How a manifest is stored.
    pub struct PutManifestOptions built by PutManifestBuilder of call "put_manifest" for ["ocireg_session_put_manifest"] {
        /// More tags for the same manifest.
        "tags" => tags: Vec<String>;
        /// The digest or ETag that the tag must have now. If it has another one, the call fails with `CONFLICT`.
        "if_match" => if_match: Option<String>, else "not checked";
    }
    check together;
}

options! {
    /// Which referrers are listed.
    pub struct ReferrersOptions built by ReferrersBuilder of call "referrers" for ["ocireg_session_referrers"] {
        /// Only manifests of this artifact type.
        "artifact_type" => artifact_type: Option<String>, else "all types";
        /// Only manifests with all of these annotations.
        "annotations" => annotations: BTreeMap<String, String>;
    }
}

options! {
    /// How a blob is downloaded to a file.
    pub struct GetBlobFileOptions built by GetBlobFileBuilder of call "get_blob_file" for ["ocireg_session_get_blob_file"] {
        /// The size of the whole blob in bytes, which is checked.
        "size" => size: Option<u64>, else "the registry's answer";
        /// The blob's media type. Only nondistributable layers may come from `urls`.
        "media_type" => media_type: String = OCTETS.to_owned();
        /// Other addresses of a nondistributable layer, used if the registry does not have it and `allow-foreign-urls`
        /// names the host.
        "urls" => urls: Vec<String>;
        /// Keep a partial file if the download fails, and continue that of an earlier download.
        "resume" => resume: bool = true;
    }
}

options! {
    /// How a blob is written to a file descriptor.
    pub struct GetBlobFDOptions built by GetBlobFDBuilder of call "get_blob_fd" for ["ocireg_session_get_blob_fd"] {
        /// The size of the whole blob in bytes, which is checked.
        "size" => size: Option<u64>, else "the registry's answer";
        /// The blob's media type. Only nondistributable layers may come from `urls`.
        "media_type" => media_type: String = OCTETS.to_owned();
        /// Other addresses of a nondistributable layer, used if the registry does not have it and `allow-foreign-urls`
        /// names the host.
        "urls" => urls: Vec<String>;
    }
}

options! {
    /// What is known about a blob.
    pub struct BlobOptions built by BlobBuilder of call "open_blob" for ["ocireg_session_open_blob"] {
        /// The size of the whole blob in bytes, which is checked.
        "size" => size: Option<u64>, else "the registry's answer";
        /// The blob's media type. Only nondistributable layers may come from `urls`.
        "media_type" => media_type: String;
        /// Other addresses of a nondistributable layer, used if the registry does not have it and `allow-foreign-urls`
        /// names the host.
        "urls" => urls: Vec<String>;
        /// Return the content of a gzip or zstd blob, told by its first bytes. Others are returned as they are.
        "decompress" => decompress: bool;
        /// The digest that the decompressed content must have. Requires `decompress`.
        "diff_id" => diff_id: Option<Digest>, else "not checked";
        /// The most bytes that may come out of a compressed blob. Requires `decompress`.
        "max_size" => max_size: Option<u64>, else "64 GiB";
    }
    check together;
}

options! {
    /// What is known about a blob that is read in parts.
    pub struct RemoteBlobOptions built by RemoteBlobBuilder of call "blob" for ["ocireg_session_blob"] {
        /// The size of the whole blob in bytes, which is checked.
        "size" => size: Option<u64>, else "the registry's answer";
        /// Parts of the blob with digests of their own. Reads must be covered by them, and only return bytes that were
        /// verified. Without them nothing is verified.
        "chunks" => chunks: Option<Vec<Chunk>>, else "nothing is verified";
        /// The blob's media type. Only nondistributable layers may come from `urls`.
        "media_type" => media_type: String;
        /// Other addresses of a nondistributable layer, used if the registry does not have it and `allow-foreign-urls`
        /// names the host.
        "urls" => urls: Vec<String>;
    }
}

options! {
    /// A part of a blob with a digest of its own.
    pub struct ChunkOptions built by ChunkBuilder of call "chunk" {
        /// Where it begins in the blob, in bytes.
        "offset" => offset: u64;
        /// How many bytes it has, at most 64 MiB.
        "size" => size: Option<u64>, else "required";
        /// The digest of these bytes.
        "digest" => digest: Option<Digest>, else "required";
    }
}

options! {
    /// How a request of the program's own HTTP client is authorized.
    pub struct AuthorizeOptions built by AuthorizeBuilder of call "authorize" for ["ocireg_session_authorize"] {
        /// Return the address that the registry redirects to, without credentials.
        "follow" => follow: bool;
        /// The registry has refused the last authorization: return another one.
        "renew" => renew: bool;
    }
}

options! {
    /// How a blob is uploaded.
    pub struct PutBlobOptions built by PutBlobBuilder of call "put_blob" for ["ocireg_session_put_blob"] {
        /// The digest that the content must have.
        "digest" => digest: Option<Digest>, else "not checked";
        /// The number of bytes that must be written.
        "size" => size: Option<u64>, else "not checked";
        /// The media type in the descriptor that the commit returns.
        "media_type" => media_type: String = OCTETS.to_owned();
        /// The digest algorithm of an upload without `digest`.
        "algorithm" => algorithm: Option<Algorithm>, else "`sha256`";
        /// Repositories of the same registry that the blob may be mounted from. Requires `digest`.
        "mount_from" => mount_from: Vec<String>;
        /// The size of a chunk in bytes.
        "chunk_size" => chunk_size: usize = CHUNK, in 1..=LARGEST_CHUNK;
        /// Check first whether the repository already has the blob. Requires `digest`.
        "check_exists" => check_exists: bool;
    }
    check together;
}

options! {
    /// How a file is uploaded as a blob.
    pub struct PutBlobFileOptions built by PutBlobFileBuilder of call "put_blob_file" for ["ocireg_session_put_blob_file", "ocireg_session_put_blob_fd"] {
        /// The digest that the file must have.
        "digest" => digest: Option<Digest>, else "not checked";
        /// The size that the file must have in bytes.
        "size" => size: Option<u64>, else "not checked";
        /// The media type in the descriptor that is returned.
        "media_type" => media_type: String = OCTETS.to_owned();
        /// The digest algorithm of an upload without `digest`.
        "algorithm" => algorithm: Option<Algorithm>, else "`sha256`";
        /// Repositories of the same registry that the blob may be mounted from.
        "mount_from" => mount_from: Vec<String>;
        /// Send the file in chunks of this many bytes. Without it, a file over 4 MiB is hashed first and sent in one request, unless
        /// the registry accepts only chunks.
        "chunk_size" => chunk_size: Option<usize>, in 1..=LARGEST_CHUNK, else "one request";
        /// Check first whether the repository already has the blob.
        "check_exists" => check_exists: bool;
    }
    check together;
}

options! {
    /// How a blob is mounted. There are no options yet.
    pub struct MountOptions built by MountBuilder of call "mount_blob" for ["ocireg_session_mount_blob"] {
    }
}

options! {
    /// What must have been written.
    pub struct CommitOptions built by CommitBuilder of call "commit" for ["ocireg_writer_commit"] {
        /// The digest that the content must have.
        "digest" => digest: Option<Digest>, else "not checked";
        /// The number of bytes that must have been written.
        "size" => size: Option<u64>, else "not checked";
    }
}

options! {
    /// How an image is pulled.
    pub struct PullOptions built by PullBuilder of call "pull" for ["ocireg_pull"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// The protocol. `v1` pulls an image of a v1 index and converts it.
        "protocol" => protocol: ApiVersion = ApiVersion::V2;
        /// Pull the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// Pull the whole index with the images of all platforms.
        "all_platforms" => all_platforms: bool;
        /// Keep partial files, and continue those of an interrupted pull.
        "resume" => resume: Option<bool>, else "`true`";
        /// Pull nondistributable layers, too.
        "nondistributable" => nondistributable: bool;
        /// Verify the digests of all blobs that the destination already has.
        "verify_present" => verify_present: bool;
        /// Pull what refers to the image and its children, such as signatures.
        "referrers" => referrers: bool;
        /// Decompress every layer, also those that are there already, and check it against the image's configuration.
        "verify_diff_ids" => verify_diff_ids: bool;
        /// To `files:DIR`: replace files that have other content.
        "overwrite" => overwrite: bool;
        /// An open directory in which a relative path begins.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// A file of an artifact.
    pub struct ArtifactFile built by ArtifactFileBuilder of call "artifact_file" {
        /// The path of the file, relative to the directory, or absolute. A symbolic link must not leave the directory. What is
        /// a directory itself is packed into a tar archive with gzip.
        "path" => path: Option<String>, else "required";
        /// The name of the file in the artifact, which a pull gives to it: a path below the directory.
        "title" => title: Option<String>, else "`path`";
        /// The media type of the layer.
        "media_type" => media_type: Option<String>, else "`application/vnd.oci.image.layer.v1.tar`, of a directory with `+gzip`";
        /// Annotations of the layer.
        "annotations" => annotations: BTreeMap<String, String>;
    }
    check together;
}

options! {
    /// The file that is an artifact's configuration.
    pub struct ArtifactConfig built by ArtifactConfigBuilder of call "artifact_config" {
        /// The path of the file, relative to the directory, or absolute.
        "path" => path: Option<String>, else "required";
        /// The media type of the configuration.
        "media_type" => media_type: Option<String>, else "`application/vnd.unknown.config.v1+json`";
        /// Annotations of the configuration.
        "annotations" => annotations: BTreeMap<String, String>;
    }
    check together;
}

options! {
    /// How an image is pushed.
    pub struct PushOptions built by PushBuilder of call "push" for ["ocireg_push"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Push the image for this platform only.
        "platform" => platform: Option<Platform>, else "all platforms";
        /// Push the whole index with the images of all platforms.
        "all_platforms" => all_platforms: Option<bool>, else "`true`, unless `platform` is set";
        /// More tags for the same image.
        "tags" => tags: Vec<String>;
        /// Repositories of the same registry that blobs may be mounted from.
        "mount_from" => mount_from: Vec<String>;
        /// Push what refers to the image and its children, such as signatures.
        "referrers" => referrers: bool;
        /// Push what is found by a tag made of a digest, such as signatures.
        "digest_tags" => digest_tags: bool;
        /// Push nondistributable layers, too.
        "nondistributable" => nondistributable: bool;
        /// `oci` turns manifests with Docker media types into OCI manifests, which changes their digests.
        "convert" => convert: Option<Conversion>, else "nothing is changed";
        /// Check each blob, even if the registry has a manifest that lists it.
        "verify_present" => verify_present: bool;
        /// Decompress every layer, also those that are there already, and check it against the image's configuration.
        "verify_diff_ids" => verify_diff_ids: bool;
        /// Of `files:DIR`: what kind of artifact it is, a media type.
        "artifact_type" => artifact_type: Option<String>, else "`application/vnd.unknown.artifact.v1`, unless `config` has a media type";
        /// Of `files:DIR`: the files of the artifact.
        "files" => files: Option<Vec<ArtifactFile>>, else "every regular file in the directory, sorted by name";
        /// Of `files:DIR`: annotations of the manifest. Without `org.opencontainers.image.created` the same files give the
        /// same digest.
        "annotations" => annotations: BTreeMap<String, String>;
        /// Of `files:DIR`: the digest of a manifest at the destination that the artifact refers to. If the destination does
        /// not name a tag, the artifact gets none.
        "subject" => subject: Option<Digest>, else "none";
        /// Of `files:DIR`: the file that is the artifact's configuration; a path, or an object.
        "config" => config: Option<ConfigFile>, else "an empty JSON object";
        /// An open directory in which a relative path begins.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// How an image is copied.
    pub struct CopyOptions built by CopyBuilder of call "copy" for ["ocireg_copy"] {
        /// Credentials for the registry of the source; `{}` is anonymous.
        "source_auth" => source_auth: Option<AuthConfig>, else "the service's credentials";
        /// Credentials for the registry of the destination; `{}` is anonymous.
        "destination_auth" => destination_auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Copy the image for this platform only.
        "platform" => platform: Option<Platform>, else "all platforms";
        /// Copy the whole index with the images of all platforms.
        "all_platforms" => all_platforms: Option<bool>, else "`true`, unless `platform` is set";
        /// More tags for the same image.
        "tags" => tags: Vec<String>;
        /// More repositories of the destination's registry that blobs may be mounted from.
        "mount_from" => mount_from: Vec<String>;
        /// Copy what refers to the image and its children, such as signatures.
        "referrers" => referrers: bool;
        /// Copy what is found by a tag made of a digest, such as signatures.
        "digest_tags" => digest_tags: bool;
        /// Copy nondistributable layers, too.
        "nondistributable" => nondistributable: bool;
        /// `oci` turns manifests with Docker media types into OCI manifests, which changes their digests.
        "convert" => convert: Option<Conversion>, else "nothing is changed";
        /// Check each blob that the destination already has; in a layout, verify its digest.
        "verify_present" => verify_present: bool;
        /// Decompress every layer, also those that are there already, and check it against the image's configuration.
        "verify_diff_ids" => verify_diff_ids: bool;
        /// Keep partial files, and continue those of an interrupted copy.
        "resume" => resume: bool = true;
        /// Of `files:DIR`: what kind of artifact it is, a media type.
        "artifact_type" => artifact_type: Option<String>, else "`application/vnd.unknown.artifact.v1`, unless `config` has a media type";
        /// Of `files:DIR`: the files of the artifact.
        "files" => files: Option<Vec<ArtifactFile>>, else "every regular file in the directory, sorted by name";
        /// Of `files:DIR`: annotations of the manifest. Without `org.opencontainers.image.created` the same files give the
        /// same digest.
        "annotations" => annotations: BTreeMap<String, String>;
        /// Of `files:DIR`: the digest of a manifest at the destination that the artifact refers to. If the destination does
        /// not name a tag, the artifact gets none.
        "subject" => subject: Option<Digest>, else "none";
        /// Of `files:DIR`: the file that is the artifact's configuration; a path, or an object.
        "config" => config: Option<ConfigFile>, else "an empty JSON object";
        /// To `files:DIR`: replace files that have other content.
        "overwrite" => overwrite: bool;
        /// An open directory in which relative paths begin.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// What is returned about an image.
    pub struct InspectOptions built by InspectBuilder of call "inspect" for ["ocireg_inspect"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Inspect the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// Whether to get the image's configuration.
        "config" => config: bool = true;
        /// Whether to list the layers.
        "layers" => layers: bool = true;
        /// An open directory in which a relative path begins.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// How an image is unpacked.
    pub struct UnpackOptions built by UnpackBuilder of call "unpack" for ["ocireg_unpack"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Unpack the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// Who owns the files: `preserve` is whoever the image says, `current` is the user who calls.
        "ownership" => ownership: Option<Ownership>, else "`preserve` for root or with a map, else `current`";
        /// Which user IDs of the image are which user IDs here. An ID without a mapping is an error.
        "uid_map" => uid_map: Vec<IdRangeOptions>;
        /// The same for group IDs.
        "gid_map" => gid_map: Vec<IdRangeOptions>;
        /// Which extended attributes are set: `all`, those of the namespace `user`, or `none`.
        "xattrs" => xattrs: Option<Xattrs>, else "`all` for root, else `user`";
        /// Whether to `create` character and block devices or to `skip` them.
        "devices" => devices: Option<Devices>, else "`create` for root, else `skip`";
        /// How much the image may hold. More is `LIMIT`.
        "limits" => limits: UnpackLimits;
        /// A layout, `oci:DIR[:NAME]`, that keeps the image as well. Blobs that it already has are not downloaded.
        "layout" => layout: Option<String>, else "nothing is kept";
        /// An open directory in which relative paths begin.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
}

options! {
    /// How an image is exported.
    pub struct ExportOptions built by ExportBuilder of call "export" for ["ocireg_export"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Export the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// How much the image may hold. More is `LIMIT`.
        "limits" => limits: UnpackLimits;
        /// A layout, `oci:DIR[:NAME]`, that keeps the image as well. Blobs that it already has are not downloaded.
        "layout" => layout: Option<String>, else "nothing is kept";
        /// An open directory in which relative paths begin.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// A range of IDs in an image, and the range that it is mapped to.
    pub struct IdRangeOptions built by IdRangeBuilder of call "id_range" {
        /// The first ID in the image.
        "container" => container: Option<u32>, else "required";
        /// The first ID on this machine.
        "host" => host: Option<u32>, else "required";
        /// How many IDs there are.
        "size" => size: Option<u32>, else "required";
    }
}

options! {
    /// How much an image may hold that is unpacked or exported.
    pub struct UnpackLimits built by UnpackLimitsBuilder of call "unpack_limits" {
        /// Bytes of data in all files. Holes do not count.
        "bytes" => bytes: u64 = 64 << 30;
        /// Entries in all layers.
        "entries" => entries: u64 = 4_000_000;
        /// Bytes of one path.
        "path" => path: u64 = 4096;
    }
}

options! {
    /// How blobs that no image needs are removed from a layout.
    pub struct CollectOptions built by CollectBuilder of call "layout_collect" for ["ocireg_layout_collect"] {
        /// Only report what would be removed.
        "dry_run" => dry_run: bool;
    }
}

impl BlobOptions {
    fn together(&self) -> Result<()> {
        for (key, is_given) in
            [("diff_id", self.diff_id.is_some()), ("max_size", self.max_size.is_some())]
        {
            if is_given && !self.decompress {
                let message = format!("{key} needs decompress, because it is about the content");
                return Err(Error::argument(key, message)
                    .hint(format!("set decompress to true, or remove {key}")));
            }
        }
        Ok(())
    }
}

impl UnpackLimits {
    pub(super) fn read_all(&self) -> unpack::Limits {
        let Self { bytes, entries, path } = *self;
        unpack::Limits { bytes, entries, path }
    }
}

impl UnpackOptions {
    /// What the directory is filled with.
    pub(super) fn request(&self) -> Result<Request> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())?;
        let map = |ranges: &[IdRangeOptions], key| {
            ranges.iter().map(|range| range.read_all(key)).collect::<Result<Vec<IdRange>>>()
        };
        Ok(Request {
            ownership: self.ownership,
            uid_map: map(&self.uid_map, "uid_map")?,
            gid_map: map(&self.gid_map, "gid_map")?,
            xattrs: self.xattrs,
            devices: self.devices,
            limits: self.limits.read_all(),
        })
    }
}

impl IdRangeOptions {
    fn read_all(&self, key: &str) -> Result<IdRange> {
        let (Some(container), Some(host), Some(size)) = (self.container, self.host, self.size)
        else {
            return Err(Error::argument(key, format!("a range of {key} is not complete"))
                .hint("set container, host and size"));
        };
        Ok(IdRange { container, host, size })
    }
}

impl OptionValue for Vec<IdRangeOptions> {
    const KIND: Kind = Kind::List(&Kind::Document(IdRangeOptions::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Array(ranges) = value else { return Err(wrong(name, "a list of objects")) };
        ranges.into_iter().map(|range| IdRangeOptions::read(range, name)).collect()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// Values that are one of a few words.
macro_rules! words {
    ($($type:ident: $($word:literal => $value:ident),+;)+) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::OneOf(&[$($word),+]);

            fn read(value: Value, name: &str) -> Result<Self> {
                match String::read(value, name)?.as_str() {
                    $($word => Ok(Self::$value),)+
                    other => Err(Error::argument(name, format!("{other:?} is not a valid value"))
                        .hint(concat!("use one of these:", $(" ", $word),+))),
                }
            }

            fn json(&self) -> Option<Value> {
                Some(match self {
                    $(Self::$value => $word.into(),)+
                })
            }
        }
    )+};
}

words! {
    Ownership: "preserve" => Preserve, "current" => Current;
    Xattrs: "all" => All, "user" => User, "none" => None;
    Devices: "create" => Create, "skip" => Skip;
}

impl PutBlobOptions {
    fn together(&self) -> Result<()> {
        self.mount_from.iter().try_for_each(|from| check_path(from))?;
        if self.digest.is_none() && (self.check_exists || !self.mount_from.is_empty()) {
            let message = "mount_from and check_exists need the blob's digest in the option digest";
            return Err(Error::argument("digest", message));
        }
        one_algorithm(self.digest.as_ref(), self.algorithm)
    }
}

impl PutBlobFileOptions {
    fn together(&self) -> Result<()> {
        self.mount_from.iter().try_for_each(|from| check_path(from))?;
        one_algorithm(self.digest.as_ref(), self.algorithm)
    }
}

impl PutManifestOptions {
    fn together(&self) -> Result<()> {
        self.tags.iter().try_for_each(|tag| check_tag(tag).map_err(|e| e.in_argument("tags")))
    }
}

fn one_algorithm(digest: Option<&Digest>, algorithm: Option<Algorithm>) -> Result<()> {
    if let (Some(digest), Some(algorithm)) = (digest, algorithm)
        && digest.algorithm() != algorithm
    {
        let message = format!("algorithm is {}, but digest is {digest}", algorithm.name());
        return Err(Error::argument("algorithm", message)
            .hint("remove algorithm: the digest names it already"));
    }
    Ok(())
}

/// Strings by key.
impl OptionValue for BTreeMap<String, String> {
    const KIND: Kind = Kind::Map(&Kind::String);

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Object(all) = value else { return Err(wrong(name, "an object")) };
        let text = |(key, value)| Ok((key, String::read(value, name)?));
        all.into_iter().map(text).collect()
    }

    fn json(&self) -> Option<Value> {
        self.is_empty().then(|| Value::Object(serde_json::Map::new()))
    }
}

impl ArtifactFile {
    fn together(&self) -> Result<()> {
        check_file(self.path.as_deref())?;
        // Programs use any string for the types of layers.
        match &self.media_type {
            Some(kind) if kind.is_empty() || kind.contains(char::is_control) => {
                Err(bad_type("media_type", kind))
            }
            _ => Ok(()),
        }
    }
}

impl ArtifactConfig {
    fn together(&self) -> Result<()> {
        check_file(self.path.as_deref())?;
        check_type("media_type", self.media_type.as_deref())
    }
}

/// The option `config` of an artifact: a path, or an object.
#[derive(Debug, Clone)]
pub struct ConfigFile(pub(crate) ArtifactConfig);

impl OptionValue for ConfigFile {
    const KIND: Kind = Kind::Either(&Kind::Path, &Kind::Document(ArtifactConfig::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        match value {
            Value::String(path) => ArtifactConfig::builder().path(path).build().map(Self),
            object => ArtifactConfig::read(object, name).map(Self),
        }
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

fn check_file(path: Option<&str>) -> Result<()> {
    if path.is_none_or(|path| path.is_empty() || path.contains('\0')) {
        return Err(Error::argument(
            "path",
            "the path of a file is missing or contains a NUL character",
        )
        .hint("set path to the path of a file, relative to the directory"));
    }
    Ok(())
}

fn check_type(key: &str, kind: Option<&str>) -> Result<()> {
    match kind {
        Some(kind) if !media_type::is_valid(kind) => Err(bad_type(key, kind)),
        _ => Ok(()),
    }
}

fn bad_type(key: &str, kind: &str) -> Error {
    Error::argument(key, format!("{kind:?} is not a valid media type"))
        .hint("write type/subtype, such as application/vnd.example.thing.v1+json")
}

impl OptionValue for Vec<ArtifactFile> {
    const KIND: Kind = Kind::List(&Kind::Document(ArtifactFile::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Array(files) = value else { return Err(wrong(name, "a list of objects")) };
        files.into_iter().map(|file| ArtifactFile::read(file, name)).collect()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl SessionOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
}

impl ExportOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
}

impl InspectOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
}

/// Credentials that are passed to a call are to be used, or to be refused.
pub(super) fn one_source(
    allowed: Option<&Allowed>,
    key: &str,
    auth: Option<&AuthConfig>,
) -> Result<()> {
    if auth.is_none() || allowed.is_none_or(|allowed| allowed.has(SourceKind::Call)) {
        return Ok(());
    }
    let message =
        format!("{key} cannot be used, because credential_sources does not list \"call\"");
    Err(Error::argument(key, message)
        .hint(format!("remove {key}, or add \"call\" to credential_sources")))
}

impl PullOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())?;
        if self.protocol == ApiVersion::V1 {
            // Whatever is there already is fetched and hashed again, which is all that verify_present asks for.
            for (key, set, lacking) in [
                ("all_platforms", self.all_platforms, "has no indexes for several platforms"),
                ("resume", self.resume == Some(true), "has no digests to resume a layer with"),
                (
                    "nondistributable",
                    self.nondistributable,
                    "does not mark layers as non-distributable",
                ),
                ("referrers", self.referrers, "has no referrers"),
            ] {
                if set {
                    let message = format!("{key} is not possible: protocol v1 {lacking}");
                    return Err(
                        unsupported(key, message).hint(format!("remove {key}, or set it to false"))
                    );
                }
            }
        }
        one_choice(self.platform.as_ref(), self.all_platforms)
    }
}

impl PushOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())?;
        one_choice(self.platform.as_ref(), self.all_platforms == Some(true))?;
        without_conversion(self.convert.as_ref(), self.referrers, self.digest_tags)?;
        check_type("artifact_type", self.artifact_type.as_deref())?;
        self.mount_from.iter().try_for_each(|from| check_path(from))?;
        self.tags.iter().try_for_each(|tag| check_tag(tag).map_err(|e| e.in_argument("tags")))
    }
}

impl CopyOptions {
    fn together(&self) -> Result<()> {
        for (key, auth) in
            [("source_auth", &self.source_auth), ("destination_auth", &self.destination_auth)]
        {
            one_source(self.credential_sources.as_ref(), key, auth.as_ref())?;
        }
        one_choice(self.platform.as_ref(), self.all_platforms == Some(true))?;
        without_conversion(self.convert.as_ref(), self.referrers, self.digest_tags)?;
        check_type("artifact_type", self.artifact_type.as_deref())?;
        self.mount_from.iter().try_for_each(|from| check_path(from))?;
        self.tags.iter().try_for_each(|tag| check_tag(tag).map_err(|e| e.in_argument("tags")))
    }
}

fn one_choice(platform: Option<&Platform>, all_platforms: bool) -> Result<()> {
    if platform.is_some() && all_platforms {
        let message = "platform and all_platforms cannot be used together";
        return Err(Error::argument("platform", message));
    }
    Ok(())
}

/// Referrers name an image by its digest, which a conversion changes.
fn without_conversion(
    convert: Option<&Conversion>,
    referrers: bool,
    digest_tags: bool,
) -> Result<()> {
    if convert.is_some() && (referrers || digest_tags) {
        let message = "convert cannot be used together with referrers or digest_tags";
        return Err(Error::argument("convert", message)
            .hint("what refers to the image would still refer to the one before the conversion"));
    }
    Ok(())
}

/// The format that manifests are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// OCI manifests.
    Oci,
}

impl OptionValue for Conversion {
    const KIND: Kind = Kind::OneOf(&["oci"]);

    fn read(value: Value, name: &str) -> Result<Self> {
        match String::read(value, name)?.as_str() {
            "oci" => Ok(Self::Oci),
            other => Err(Error::argument(name, format!("{other:?} is not a form of manifests"))
                .hint("use \"oci\", or leave convert out")),
        }
    }

    fn json(&self) -> Option<Value> {
        Some("oci".into())
    }
}

fn unsupported(key: &str, message: String) -> Error {
    Error::new(Code::Unsupported, message).in_argument(key)
}

/// The actions that a session needs, in the words of the token protocol.
#[derive(Debug, Clone)]
pub struct Actions(pub(crate) Vec<String>);

impl Actions {
    /// Whether something is changed.
    pub fn changes(&self) -> bool {
        self.0.iter().any(|action| action != "pull")
    }
}

impl OptionValue for Actions {
    const KIND: Kind = <Vec<String>>::KIND;

    fn read(value: Value, name: &str) -> Result<Self> {
        let actions = strings(value, name)?;
        let valid = |text: &String| {
            text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()))
        };
        if let Some(bad) = actions.iter().find(|action| !valid(action)) {
            return Err(Error::argument(name, format!("{bad:?} is not a valid action"))
                .hint("use actions such as pull, push and delete"));
        }
        Ok(Self(actions))
    }

    fn json(&self) -> Option<Value> {
        Some(self.0.as_slice().into())
    }
}

impl OptionValue for Vec<Chunk> {
    const KIND: Kind = Kind::List(&Kind::Document(ChunkOptions::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Array(chunks) = value else { return Err(wrong(name, "a list of objects")) };
        let chunk = |chunk| {
            let missing = |key: &str| Error::argument(name, format!("a chunk has no {key}"));
            let ChunkOptions { offset, size, digest } = ChunkOptions::read(chunk, name)?;
            Ok(Chunk {
                offset,
                size: size.ok_or_else(|| missing("size"))?,
                digest: digest.ok_or_else(|| missing("digest"))?,
            })
        };
        chunks.into_iter().map(chunk).collect()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl OptionValue for Allowed {
    const KIND: Kind =
        Kind::List(&Kind::OneOf(&["call", "callback", "options", "docker-config", "auth-json"]));

    fn read(value: Value, name: &str) -> Result<Self> {
        let kind = |text: &String| {
            SourceKind::all().into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
                let message =
                    format!("{name} contains {text:?}, which is not a source of credentials");
                let names = SourceKind::all().map(SourceKind::name).join(", ");
                Error::argument(name, message).hint(format!("the sources are {names}"))
            })
        };
        strings(value, name)?.iter().map(kind).collect::<Result<_>>().map(Self::only)
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl OptionValue for ApiVersion {
    const KIND: Kind = Kind::OneOf(&["v2", "v1"]);

    fn read(value: Value, name: &str) -> Result<Self> {
        match String::read(value, name)?.as_str() {
            "v2" => Ok(Self::V2),
            "v1" => Ok(Self::V1),
            other => Err(unsupported(name, format!("the protocol {other:?} is not supported"))
                .hint("use \"v1\" or \"v2\"")),
        }
    }

    fn json(&self) -> Option<Value> {
        Some(match self {
            Self::V1 => "v1".into(),
            Self::V2 => "v2".into(),
        })
    }
}

impl OptionValue for AuthConfig {
    const KIND: Kind = Kind::Published("AuthConfig");
    const SECRET: bool = true;

    fn read(value: Value, name: &str) -> Result<Self> {
        Self::read(Object::value(value, name, true)?)?.decoded()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// Values that are written as strings.
macro_rules! parsed {
    ($($type:ty),+) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::String;

            fn read(value: Value, name: &str) -> Result<Self> {
                String::read(value, name)?.parse()
            }

            fn json(&self) -> Option<Value> {
                Some(self.to_string().into())
            }
        }
    )+};
}

parsed!(Digest, Platform);

impl OptionValue for Algorithm {
    const KIND: Kind = Kind::OneOf(&["sha256", "sha384", "sha512"]);

    fn read(value: Value, name: &str) -> Result<Self> {
        String::read(value, name)?.parse()
    }

    fn json(&self) -> Option<Value> {
        Some(self.name().into())
    }
}
