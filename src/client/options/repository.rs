//! The options of calls on a repository: lists, manifests, blobs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::image::Platform;
use crate::json::schema::{Kind, OptionValue, options, wrong};
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::{check_path, check_tag};
use crate::registry::blob::Chunk;
use crate::v2::upload::{CHUNK, LARGEST_CHUNK, OCTETS};

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
