//! The two ends of every copy: a [`Source`] that images are read from and a [`Sink`] that they are written to.
//!
//! A registry is both, and so is a layout or an archive. Pull, push and copy are one engine between two of them, so a new
//! kind of location is one file that implements these traits.

use std::fs::File;
use std::ops::Range;

use serde::Serialize;

use super::descriptor::Descriptor;
use super::manifest::Document;
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Result};
use crate::names::digest::Digest;

/// Where images are read from. Failover and resuming happen inside.
pub trait Source: Send + Sync {
    /// What messages call it, such as `registry.example/app` or `oci:DIR`.
    fn shown(&self) -> String;

    /// The image that the location names; without a name, the only one. Its bytes are verified, and of a type that
    /// [`Manifest::parse`](super::Manifest::parse) reads.
    fn resolve(&self, call: &Call) -> Result<Document>;

    /// The image that a tag of the same repository names. NOT_FOUND where there is none.
    fn tagged(&self, tag: &str, _call: &Call) -> Result<Document> {
        Err(Error::new(Code::NotFound, format!("{} has no tag {tag}", self.shown()))
            .with(|d| d.what = Some("manifest")))
    }

    /// The bytes of a manifest, verified against its descriptor; its type need not be a known one.
    /// NOT_FOUND where there is none.
    fn manifest(&self, descriptor: &Descriptor, call: &Call) -> Result<Vec<u8>>;

    /// Opens a blob at `offset`. The caller has to verify its digest.
    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>>;

    /// The ranges of a blob, where it is worth trying whether several at once come faster than one stream.
    fn ranges(&self, _blob: &Descriptor) -> Option<Box<dyn Ranges + '_>> {
        None
    }

    /// Reads a blob with each endpoint that may have it, in order, until one gives it whole and right: `read` is called
    /// with that endpoint alone. A location that is one place calls `read` once, with itself.
    fn each_endpoint(
        &self,
        call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()>;

    /// Whether another endpoint is asked where this one sends wrong bytes.
    fn has_alternative(&self) -> bool {
        false
    }

    /// A small blob whole, verified, such as a configuration; LIMIT if it has more than `limit` bytes.
    fn small_blob(&self, blob: &Descriptor, limit: u64, call: &Call) -> Result<Vec<u8>> {
        if let Some(bytes) = blob.embedded()? {
            return Ok(bytes);
        }
        if blob.size > limit {
            return Err(too_large(blob, limit));
        }
        let mut reader = self.open_blob(blob, 0, call)?;
        let (mut all, mut buffer) = (Vec::new(), vec![0; 32 << 10]);
        loop {
            match reader.read(&mut buffer, call)? {
                0 => break,
                read => all.extend_from_slice(&buffer[..read]),
            }
            if all.len() as u64 > blob.size {
                break;
            }
        }
        blob.verify(&all)?;
        Ok(all)
    }

    /// Whether the bytes of a blob were counted already, because it came when the image was resolved.
    fn has_counted(&self, _blob: &Descriptor) -> bool {
        false
    }

    /// The manifests whose subject this is; none where the location knows of none.
    fn referrers(&self, subject: &Digest, call: &Call) -> Result<Vec<Descriptor>>;

    /// All tags of the repository, for the tags that are made of digests; none where there are no tags.
    fn tags(&self, call: &Call) -> Result<Vec<String>>;

    /// Tells that the last blob that was opened came wrong, where whoever reads it is the one who hashes it.
    fn blame(&self, _error: &Error) {}

    /// The limits on what is read.
    fn limits(&self) -> &Limits;

    /// How many blobs may be read at once.
    fn concurrency(&self) -> usize;

    /// Where a registry can mount blobs from, if this is a repository.
    fn origin(&self) -> Option<Origin> {
        None
    }

    /// Who answers, if this is a repository.
    fn endpoint(&self) -> Option<EndpointReport> {
        None
    }
}

/// Where images are written to.
pub trait Sink: Send + Sync {
    /// What messages call it.
    fn shown(&self) -> String;

    /// Refuses, before anything is written, an image that cannot have the location's name.
    fn check_root(&self, _root: &Descriptor) -> Result<()> {
        Ok(())
    }

    /// Whether a blob belongs here. Where a blob is a file, one without a name is left out.
    fn takes_blob(&self, _blob: &Descriptor) -> bool {
        true
    }

    /// A manifest that is there already, such as the one that a new manifest is to refer to. NOT_FOUND where there is none.
    fn find_manifest(&self, digest: &Digest, _call: &Call) -> Result<Descriptor> {
        Err(Error::new(
            Code::NotFound,
            format!("{} does not contain the manifest {digest}", self.shown()),
        )
        .with(|d| d.what = Some("manifest")))
    }

    /// Waits until nobody else brings the blob to the same registry, as far as can be known here. What it gives is held until
    /// the blob is there.
    fn claim_blob(&self, _blob: &Descriptor, _call: &Call) -> Result<Box<dyn Claim + '_>> {
        Ok(Box::new(()))
    }

    /// Whether a blob is there and right. `exact`: its bytes are judged, not only its size, where they are at hand.
    fn has_blob(&self, blob: &Descriptor, exact: bool, call: &Call) -> Result<bool>;

    /// Takes a blob from another repository of the same registry without moving it; false where that cannot be done.
    ///
    /// An upload that the registry begins instead is kept for [`Sink::blob_writer`].
    fn mount_blob(&self, _blob: &Descriptor, _from: &Origin, _call: &Call) -> Result<bool> {
        Ok(false)
    }

    /// The blobs that the image has, in its order, before the first of them is moved. Some may be there already.
    fn expect_blobs(&self, _blobs: &[Descriptor], _call: &Call) -> Result<()> {
        Ok(())
    }

    /// Starts writing a blob, or continues the one of an interrupted writer.
    fn blob_writer(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn BlobWrite + '_>>;

    /// Whether manifests may be written before what they list, because nothing is visible before it has a name.
    fn manifests_first(&self) -> bool {
        false
    }

    /// Whether a manifest is there, so that nothing of it needs to be written again.
    fn has_manifest(&self, manifest: &Descriptor, call: &Call) -> Result<bool>;

    /// Writes a manifest by its digest; after everything that it lists, unless manifests may come first.
    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()>;

    /// Makes a manifest that was written findable by its subject, where writing it has not done that.
    fn list_referrer(&self, _referrer: &Descriptor, _call: &Call) -> Result<()> {
        Ok(())
    }

    /// Writes the image's own manifest and names it, which makes it visible: the last step. `tags` are names beside that
    /// of the location.
    fn set_names(
        &self,
        root: &Descriptor,
        bytes: &[u8],
        tags: &[String],
        call: &Call,
    ) -> Result<()>;

    /// Names another manifest that was written, such as a signature that is found by its tag.
    fn add_tag(&self, manifest: &Descriptor, bytes: &[u8], tag: &str, call: &Call) -> Result<()>;

    /// A small blob that was written, such as the configuration that tells what an image is for;
    /// None where it cannot be read back.
    fn written_blob(&self, _blob: &Descriptor, _limit: u64) -> Option<Vec<u8>> {
        None
    }

    /// A blob that was written, to be read back; None where that would be a download.
    fn read_back(&self, _blob: &Descriptor) -> Result<Option<Box<dyn BlobRead + '_>>> {
        Ok(None)
    }

    /// What a user should know who wants this manifest here.
    fn warning_for(&self, _manifest: &Descriptor) -> Option<&'static str> {
        None
    }

    /// How many blobs may be written at once.
    fn concurrency(&self) -> usize;

    /// Whether layers that are not meant to be distributed may be written here without being asked for.
    fn takes_nondistributable(&self) -> bool {
        false
    }

    /// The repository that it is, if it is one: blobs of others at the same registry can be mounted.
    fn origin(&self) -> Option<Origin> {
        None
    }

    /// Who answers, if this is a repository.
    fn endpoint(&self) -> Option<EndpointReport> {
        None
    }
}

/// A blob that is read.
pub trait BlobRead {
    /// Fills the buffer as far as bytes come; 0 is the end.
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize>;

    /// Passes over so many bytes, or as many as there are, without reading them: how many it were. 0 where they have to be read.
    fn skip(&mut self, _bytes: u64, _call: &Call) -> Result<u64> {
        Ok(0)
    }

    /// The blob as a file that stands where the next byte is, if it is one.
    fn file(&mut self) -> Option<&mut File> {
        None
    }

    /// How often the transfer was tried again since this was last asked.
    fn take_retries(&mut self) -> u32 {
        0
    }
}

/// A blob that is read in ranges, from any thread. The caller has to verify its digest.
pub trait Ranges: Sync {
    /// How many can be read at once.
    fn most(&self) -> usize;

    /// Opens a range, which ends where it says. With `waits` it waits for a place among the transfers of the host; without, None
    /// says that none is free.
    fn open(
        &self,
        range: Range<u64>,
        waits: bool,
        call: &Call,
    ) -> Result<Option<Box<dyn BlobRead + '_>>>;
}

/// A blob that is written. If it is dropped without `commit`, nothing of it is visible.
pub trait BlobWrite {
    /// How many bytes it has: the next one read must be this one.
    fn position(&self) -> u64;

    /// Takes all bytes or fails.
    fn write(&mut self, bytes: &[u8], call: &Call) -> Result<()>;

    /// The same with the first bytes of a buffer. Another buffer may be in its place afterwards, as large and with any
    /// content, while the first one is still in use.
    fn write_buffer(&mut self, buffer: &mut Vec<u8>, length: usize, call: &Call) -> Result<()> {
        self.write(&buffer[..length], call)
    }

    /// Takes some bytes of a file, from where it stands, without moving them through memory: how many it were. None where that
    /// cannot be done, or there are none left.
    fn write_file(&mut self, _file: &mut File, _call: &Call) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Lets what is missing be written in any order, from any thread. None where bytes have to come in their order.
    fn scatter(&mut self, _call: &Call) -> Result<Option<Scattered<'_>>> {
        Ok(None)
    }

    /// Says that a core is idle, which may help with what is left of the blob.
    fn use_idle_core(&mut self) {}

    /// Takes the rest from where it is read, as far as it can be sent on without being kept.
    fn stream(&mut self, _feed: &mut Feed<'_>, _call: &Call) -> Result<Streamed> {
        Ok(Streamed::InPieces)
    }

    /// Drops what it has, to begin at 0.
    fn restart(&mut self, call: &Call) -> Result<()>;

    /// Judges size and digest, then makes the blob visible. After DIGEST_MISMATCH or SIZE_MISMATCH it may restart.
    fn commit(&mut self, call: &Call) -> Result<()>;

    /// Leaves what it has so that a later writer can take it up, as far as the place can.
    fn keep(&mut self);

    /// Tells the receiver that the bytes are not needed any more. A failure of this is ignored.
    fn abort(&mut self, _call: &Call) {}

    /// How often the transfer was tried again since this was last asked.
    fn take_retries(&mut self) -> u32 {
        0
    }
}

/// A blob that is written in any order.
pub struct Scattered<'a> {
    /// Where its bytes go.
    pub places: Box<dyn Places + 'a>,
    /// What there is of it, from its beginning.
    pub front: Box<dyn Front + 'a>,
    /// What is still missing, in order. The rest behind the front was left by an interrupted writer.
    pub missing: Vec<Range<u64>>,
}

/// The places of a blob's bytes.
pub trait Places: Sync {
    /// Writes bytes where they belong.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;
}

/// The beginning of a blob, which has all its bytes.
pub trait Front {
    /// How many bytes it has.
    fn position(&self) -> u64;

    /// Takes what was written up to `end`.
    fn advance(&mut self, end: u64, call: &Call) -> Result<()>;
}

/// Gives the next bytes of a blob, as many as fit; 0 is the end. Whoever gives them knows why it fails.
pub type Feed<'a> = dyn FnMut(&mut [u8]) -> Result<usize> + 'a;

/// What became of a blob that was sent from where it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streamed {
    /// All of it was taken, and can be committed.
    Whole,
    /// Something came in between: it goes on from its position, so it has to be read from there.
    InPart,
    /// Nothing was taken: it is to be written in pieces.
    InPieces,
}

/// The right to bring a blob.
pub trait Claim {
    /// Repositories of the same registry that others have brought it to.
    fn origins(&self) -> Vec<Origin> {
        Vec::new()
    }

    /// Tells others that it is on its way.
    fn progress(&self) {}

    /// Tells others that it exists now.
    fn note(&self) {}
}

/// For sinks that nobody else writes to.
impl Claim for () {}

/// A repository as others can mount from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The registry's `scheme://host:port`.
    pub registry: String,
    /// The repository's path.
    pub repository: String,
}

/// An endpoint in a report.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointReport {
    /// Its address.
    pub url: String,
    /// Whether it is a mirror.
    pub mirror: bool,
}

/// A blob is too large to be read whole.
pub fn too_large(blob: &Descriptor, limit: u64) -> Error {
    Error::new(
        Code::Limit,
        format!("the blob {} has {} bytes, more than the limit of {limit}", blob.digest, blob.size),
    )
    .hint("raise config in the option limits, if you trust this registry")
}

/// A reader behind a pointer.
impl<R: BlobRead + ?Sized> BlobRead for Box<R> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        self.as_mut().read(buffer, call)
    }

    fn take_retries(&mut self) -> u32 {
        self.as_mut().take_retries()
    }
}

/// A reader that somebody else has.
impl<R: BlobRead + ?Sized> BlobRead for &mut R {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        (**self).read(buffer, call)
    }

    fn take_retries(&mut self) -> u32 {
        (**self).take_retries()
    }
}

/// Bytes at hand.
impl BlobRead for &[u8] {
    fn read(&mut self, buffer: &mut [u8], _call: &Call) -> Result<usize> {
        let (now, later) = self.split_at(self.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        *self = later;
        Ok(now.len())
    }
}
