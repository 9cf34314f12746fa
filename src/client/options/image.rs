//! The options of calls on whole images.

use std::collections::BTreeMap;

use serde_json::Value;

use super::artifact::{ArtifactFile, ConfigFile, check_type};
use super::values::{one_source, unsupported};
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Error, Result};
use crate::image::Platform;
use crate::json::schema::{Kind, OptionValue, options};
use crate::names::digest::Digest;
use crate::names::reference::{check_path, check_tag};
use crate::registry::api_endpoint::ApiVersion;

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

impl InspectOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
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
