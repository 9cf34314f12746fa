//! A directory that an artifact's files are written to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::failures::exists;
use super::title::{Title, Titles};
use super::unpack::Unpacking;
use super::{CONTENT_DIGEST, TITLE, UNPACK};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Phase, Result};
use crate::image::transport::Scattered;
use crate::image::{BlobWrite, Descriptor, Manifest, Sink, media_type};
use crate::names::digest::{Digest, Hasher};
use crate::os::dir::{Dir, Status};
use crate::store::part::{Part, failed, hash_file, sweep_parts};
use crate::sync::lock;

/// What is copied at a time.
const BUFFER: usize = 256 << 10;

/// How files are written to a directory.
#[derive(Debug, Clone, Default)]
pub struct FilesOptions {
    /// Replace files that have another content.
    pub overwrite: bool,
    /// Keep no partial file for a later call.
    pub no_resume: bool,
}

/// A directory for the files of an artifact. Each appears under its title when it is whole and right.
#[derive(Debug)]
pub struct FilesSink {
    root: Dir,
    path: PathBuf,
    options: FilesOptions,
    limits: Limits,
    wanted: Mutex<HashMap<Digest, Vec<Target>>>,
}

/// A file that is to be there.
#[derive(Debug, Clone)]
struct Target {
    title: Title,
    /// Whether it is a directory that is packed.
    packed: Option<PackedTarget>,
    is_there: bool,
}

/// What is known of a packed directory.
#[derive(Debug, Clone)]
struct PackedTarget {
    /// The digest of the archive before it was compressed.
    content: Option<Digest>,
}

impl FilesSink {
    /// Opens a directory, which is made if it is missing; those above it, too.
    pub fn open(path: &Path, options: FilesOptions, limits: Limits) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|e| failed("create the directory", path, &e))?;
        let root = Dir::open(path).map_err(|e| failed("open the directory", path, &e))?;
        root.check_writable().map_err(|e| failed("write to the directory", path, &e))?;
        sweep_parts(&root, |_| false).map_err(|e| failed("read the directory", path, &e))?;
        Ok(Self { root, path: path.to_owned(), options, limits, wanted: Mutex::default() })
    }

    /// Takes note of the files that a manifest lists. Refuses titles that cannot be used, and files that are there and
    /// must not be replaced.
    fn want(&self, layers: &[&Descriptor], call: &Call) -> Result<()> {
        let mut titles = Titles::default();
        for layer in layers {
            let title = layer.annotations.as_ref().and_then(|all| all.get(TITLE));
            let Some(title) = title else { continue };
            let unusable = |e: super::title::Refusal| unusable(&e, &layer.digest);
            let title = Title::parse(title).map_err(unusable)?;
            let packed = packed(layer);
            titles.add(&title, packed.is_some()).map_err(unusable)?;
            let digest = &layer.digest;
            let is_there = match &packed {
                Some(_) => self.check_directory(&title).map(|()| false)?,
                None => self.is_there(&title, digest, layer.size, call)?,
            };
            let target = Target { title, packed, is_there };
            lock(&self.wanted).entry(digest.clone()).or_default().push(target);
        }
        Ok(())
    }

    /// Fails if what has the name of a directory is none. What a packed directory holds is known when it has come.
    fn check_directory(&self, title: &Title) -> Result<()> {
        let (_, name) = title.split();
        let shown = self.shown_file(title);
        let Some(above) = self.above(title, false)? else { return Ok(()) };
        match above.status(name).map_err(|e| failed("write", &shown, &e))? {
            None | Some(Status::Directory) => Ok(()),
            Some(_) => Err(exists(&shown, "it is not a directory")
                .hint("remove it, or choose another directory to write to")),
        }
    }

    /// Whether a file is there with this content. One with another content is an error, unless it may be replaced.
    fn is_there(&self, title: &Title, digest: &Digest, size: u64, call: &Call) -> Result<bool> {
        let shown = self.shown_file(title);
        let unusable = |e: &io::Error| failed("write the file", &shown, e);
        let Some(dir) = self.above(title, false)? else { return Ok(false) };
        let (_, name) = title.split();
        if dir.is_dir(name).map_err(|e| unusable(&e))? {
            return Err(exists(&shown, "it is a directory")
                .hint("remove the directory, or choose another one to write to"));
        }
        let mut file = match dir.open_file(name) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(_) if self.options.overwrite => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Other => {
                return Err(exists(&shown, "it is not a regular file"));
            }
            Err(e) => return Err(unusable(&e)),
        };
        if file.metadata().map_err(|e| unusable(&e))?.len() == size {
            let mut hasher = Hasher::new(digest.algorithm());
            hash_file(&mut file, &mut hasher, call, unusable)?;
            if hasher.finish() == *digest {
                return Ok(true);
            }
        }
        if self.options.overwrite { Ok(false) } else { Err(exists(&shown, "its content differs")) }
    }

    /// The directory of a file; None if it is missing and not to be made. Links on the way are errors.
    fn above(&self, title: &Title, make: bool) -> Result<Option<Dir>> {
        let (mut dir, mut shown) = (self.root.clone(), self.path.clone());
        for name in title.split().0 {
            shown.push(name);
            let opened = if make { dir.make_dir(name) } else { dir.open_dir(name) };
            dir = match opened {
                Ok(dir) => dir,
                Err(e) if !make && e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                    return Err(failed("use the directory", &shown, &e)
                        .hint("a symbolic link or a file has the name of a directory: remove it, or choose another directory to write to"));
                }
                Err(e) => return Err(failed("use the directory", &shown, &e)),
            };
        }
        Ok(Some(dir))
    }

    /// The same, made if it is missing.
    fn make_above(&self, title: &Title) -> Result<Dir> {
        let made = self.above(title, true)?;
        made.ok_or_else(|| Error::internal(format!("no directory for {title}")))
    }

    fn shown_file(&self, title: &Title) -> PathBuf {
        self.path.join(title.to_string())
    }

    /// The files that a blob is still needed for.
    fn missing(&self, digest: &Digest) -> Vec<Target> {
        let wanted = lock(&self.wanted);
        let targets = wanted.get(digest).into_iter().flatten();
        targets.filter(|target| !target.is_there).cloned().collect()
    }

    fn note(&self, digest: &Digest) {
        let mut wanted = lock(&self.wanted);
        wanted.entry(digest.clone()).or_default().iter_mut().for_each(|t| t.is_there = true);
    }

    /// Unpacks a directory from a file that was verified.
    fn unpack(
        &self,
        from: &mut File,
        title: &Title,
        packed: &PackedTarget,
        call: &Call,
    ) -> Result<()> {
        let unpacking = Unpacking {
            above: self.make_above(title)?,
            name: title.split().1,
            title,
            path: self.shown_file(title),
            content: packed.content.clone(),
            overwrite: self.options.overwrite,
        };
        unpacking.run(from, call)
    }

    /// Writes a file whose content is in another file.
    fn copy(&self, from: &mut File, blob: &Descriptor, title: &Title, call: &Call) -> Result<()> {
        let dir = self.make_above(title)?;
        let mut part =
            Part::begin(&dir, self.shown_file(title), &blob.digest, blob.size, false, call)?;
        let unreadable = |e: &io::Error| failed("copy the file", &self.shown_file(title), e);
        from.rewind().map_err(|e| unreadable(&e))?;
        while part.write_file(from, call)?.is_some() {}
        let mut buffer = vec![0; BUFFER];
        loop {
            call.check()?;
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => part.write(&buffer[..read])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(unreadable(&e)),
            }
        }
        part.verify()?;
        self.finish(part, title, call)
    }

    /// Gives a file that was verified its name.
    fn finish(&self, part: Part, title: &Title, call: &Call) -> Result<()> {
        let (dir, (_, name)) = (self.make_above(title)?, title.split());
        if self.options.overwrite {
            return part.commit(&dir, name);
        }
        let (digest, size) = (part.digest().clone(), part.size());
        // Something came there meanwhile, perhaps the same.
        if part.commit_new(&dir, name)? || self.is_there(title, &digest, size, call)? {
            return Ok(());
        }
        Err(exists(&self.shown_file(title), "it appeared while the artifact was pulled"))
    }
}

/// What a layer says of itself if it is a packed directory. Like oras, this takes no notice of a digest that is none.
fn packed(layer: &Descriptor) -> Option<PackedTarget> {
    let annotations = layer.annotations.as_ref()?;
    (annotations.get(UNPACK)? == "true").then(|| PackedTarget {
        content: annotations.get(CONTENT_DIGEST).and_then(|text| text.parse().ok()),
    })
}

fn unusable(refusal: &super::title::Refusal, digest: &Digest) -> Error {
    Error::new(
        Code::InvalidManifest,
        format!("cannot write the layer {digest} to a file: {refusal}"),
    )
    .phase(Phase::Store)
    .hint("pull it into an OCI layout (oci:DIR) instead, which needs no names")
}

impl Sink for FilesSink {
    fn shown(&self) -> String {
        format!("files:{}", self.path.display())
    }

    /// A blob without a title is not written at all.
    fn takes_blob(&self, blob: &Descriptor) -> bool {
        lock(&self.wanted).contains_key(&blob.digest)
    }

    fn has_blob(&self, blob: &Descriptor, _exact: bool, _call: &Call) -> Result<bool> {
        Ok(self.missing(&blob.digest).is_empty())
    }

    fn blob_writer(&self, blob: &Descriptor, call: &Call) -> Result<Box<dyn BlobWrite + '_>> {
        let missing = self.missing(&blob.digest);
        let Some(first) = missing.first() else {
            return Err(Error::internal(format!("no file has the content {}", blob.digest)));
        };
        let dir = self.make_above(&first.title)?;
        let resume = !self.options.no_resume;
        let shown = self.shown_file(&first.title);
        let part = Part::begin(&dir, shown, &blob.digest, blob.size, resume, call)?;
        Ok(Box::new(Writing { sink: self, blob: blob.clone(), missing, resume, part: Some(part) }))
    }

    /// The titles are in the manifest.
    fn manifests_first(&self) -> bool {
        true
    }

    fn has_manifest(&self, _manifest: &Descriptor, _call: &Call) -> Result<bool> {
        Ok(false)
    }

    fn put_manifest(&self, manifest: &Descriptor, bytes: &[u8], call: &Call) -> Result<()> {
        let Manifest::Image(image) =
            Manifest::parse(bytes, Some(&manifest.media_type), &self.limits)?
        else {
            return Ok(());
        };
        let untitled = |layer: &&Descriptor| {
            layer.media_type != media_type::OCI_EMPTY
                && layer.annotations.as_ref().is_none_or(|all| !all.contains_key(TITLE))
        };
        for layer in image.layers.iter().filter(untitled) {
            let message = format!(
                "the layer {} ({}) was left out, because it has no title and so no file name",
                layer.digest, layer.media_type
            );
            call.warn("store", message, |record| record);
        }
        let all: Vec<_> = image.layers.iter().chain([&image.config]).collect();
        self.want(&all, call)
    }

    /// The files have their names already. Here they come to survive a power cut.
    fn set_names(
        &self,
        _root: &Descriptor,
        _bytes: &[u8],
        _tags: &[String],
        _call: &Call,
    ) -> Result<()> {
        let titles: Vec<Title> =
            lock(&self.wanted).values().flatten().map(|target| target.title.clone()).collect();
        let mut synced = std::collections::HashSet::new();
        for title in titles {
            let (mut dir, mut shown) = (self.root.clone(), self.path.clone());
            for name in [None].into_iter().chain(title.split().0.iter().map(Some)) {
                if let Some(name) = name {
                    shown.push(name);
                    dir =
                        dir.open_dir(name).map_err(|e| failed("use the directory", &shown, &e))?;
                }
                if synced.insert(shown.clone()) {
                    dir.sync().map_err(|e| failed("write to the directory", &shown, &e))?;
                }
            }
        }
        Ok(())
    }

    fn add_tag(
        &self,
        _manifest: &Descriptor,
        _bytes: &[u8],
        tag: &str,
        _call: &Call,
    ) -> Result<()> {
        let message = format!("{} cannot have the tag {tag}: files have no tags", self.shown());
        Err(Error::new(Code::Unsupported, message))
    }

    fn concurrency(&self) -> usize {
        usize::MAX
    }
}

/// A file on its way into the directory.
struct Writing<'a> {
    sink: &'a FilesSink,
    blob: Descriptor,
    /// The files that have this content.
    missing: Vec<Target>,
    resume: bool,
    /// None once it is committed or kept.
    part: Option<Part>,
}

impl Writing<'_> {
    fn part(&mut self) -> Result<&mut Part> {
        self.part.as_mut().ok_or_else(|| Error::internal("the file was ended already"))
    }
}

impl BlobWrite for Writing<'_> {
    fn position(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::position)
    }

    fn write(&mut self, bytes: &[u8], _call: &Call) -> Result<()> {
        self.part()?.write(bytes)
    }

    fn write_file(&mut self, file: &mut File, call: &Call) -> Result<Option<u64>> {
        self.part()?.write_file(file, call)
    }

    fn scatter(&mut self, call: &Call) -> Result<Option<Scattered<'_>>> {
        self.part()?.scatter(call)
    }

    fn restart(&mut self, _call: &Call) -> Result<()> {
        self.part()?.reset()
    }

    fn commit(&mut self, call: &Call) -> Result<()> {
        let (sink, blob) = (self.sink, self.blob.clone());
        self.part()?.verify()?;
        let missing = self.missing.clone();
        let (directories, files): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|target| target.packed.is_some());
        for Target { title, packed, .. } in &directories {
            if let Some(packed) = packed {
                sink.unpack(self.part()?.file(), title, packed, call)?;
            }
        }
        if let Some((first, others)) = files.split_first() {
            for other in others {
                sink.copy(self.part()?.file(), &blob, &other.title, call)?;
            }
            if let Some(part) = self.part.take() {
                sink.finish(part, &first.title, call)?;
            }
        }
        self.part = None;
        sink.note(&blob.digest);
        Ok(())
    }

    fn keep(&mut self) {
        if let Some(part) = self.part.take_if(|_| self.resume) {
            part.keep();
        }
    }
}
