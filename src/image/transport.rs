//! The two ends of every copy: a [`Source`] that images are read from and a [`Sink`] that they are written to.
//!
//! A registry is both, and so is a layout or an archive. Pull, push and copy are one engine between two of them, so a new
//! kind of location is one file that implements these traits.

use super::descriptor::Descriptor;
use super::manifest::Document;
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::Result;
use crate::names::digest::Digest;

/// Where images are read from. Failover and resuming happen inside.
pub trait Source: Send + Sync {
    /// What messages call it, such as `registry.example/app` or `oci:DIR`.
    fn shown(&self) -> String;

    /// The image that the location names; without a name, the only one. Its bytes are verified.
    fn resolve(&self, call: &Call) -> Result<Document>;

    /// The bytes of a manifest, verified against its descriptor. NOT_FOUND where there is none.
    fn manifest(&self, descriptor: &Descriptor, call: &Call) -> Result<Vec<u8>>;

    /// A blob from `offset` on. Whoever writes it judges its digest.
    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>>;

    /// The manifests whose subject this is; none where the location knows of none.
    fn referrers(&self, subject: &Digest, call: &Call) -> Result<Vec<Descriptor>>;

    /// All tags of the repository, for the tags that are made of digests; none where there are no tags.
    fn tags(&self, call: &Call) -> Result<Vec<String>>;

    /// The limits on what is read.
    fn limits(&self) -> &Limits;

    /// How many blobs may be read at once.
    fn concurrency(&self) -> usize;

    /// Where a registry can mount blobs from, if this is a repository.
    fn origin(&self) -> Option<Origin> {
        None
    }
}

/// Where images are written to.
pub trait Sink: Send + Sync {
    /// What messages call it.
    fn shown(&self) -> String;

    /// Whether a blob is there and right.
    fn has_blob(&self, blob: &Descriptor, call: &Call) -> Result<bool>;

    /// Takes a blob from another repository of the same registry without moving it; false where that cannot be done.
    fn mount_blob(&self, _blob: &Descriptor, _from: &Origin, _call: &Call) -> Result<bool> {
        Ok(false)
    }

    /// Begins to write a blob, where an interrupted writer ended if it can be taken up.
    fn blob_writer(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn BlobWrite + '_>>;

    /// Whether a manifest is there, so that nothing of it needs to be written again.
    fn has_manifest(&self, manifest: &Descriptor, call: &Call) -> Result<bool>;

    /// Writes a manifest by its digest, after everything that it lists.
    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()>;

    /// Names the image that was written, which makes it visible: the last step. `names` are tags beside that of the location.
    fn set_names(
        &self,
        root: &Descriptor,
        bytes: &[u8],
        names: &[String],
        call: &Call,
    ) -> Result<()>;

    /// How many blobs may be written at once.
    fn concurrency(&self) -> usize;

    /// The repository that it is, if it is one: blobs of others at the same registry can be mounted.
    fn origin(&self) -> Option<Origin> {
        None
    }
}

/// A blob on its way out.
pub trait BlobRead {
    /// Fills the buffer as far as bytes come; 0 is the end.
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize>;

    /// How often the transfer was tried again since this was last asked.
    fn take_retries(&mut self) -> u64 {
        0
    }
}

/// A blob on its way in. Dropped without `commit`, nothing of it is visible.
pub trait BlobWrite {
    /// How many bytes it has: the next one read must be this one.
    fn position(&self) -> u64;

    /// Takes all bytes or fails.
    fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()>;

    /// Drops what it has, to begin at 0.
    fn restart(&mut self, call: &Call) -> Result<()>;

    /// Judges size and digest, then makes the blob visible.
    fn commit(&mut self, call: &Call) -> Result<()>;

    /// Leaves what it has so that a later writer can take it up.
    fn keep(&mut self);
}

/// A repository as others can mount from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The registry's `scheme://host:port`.
    pub registry: String,
    /// The repository's path.
    pub repository: String,
}
