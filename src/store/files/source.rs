//! The files of a directory as an artifact that is read.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use super::failures::changed;
use super::pack::{Packed, pack};
use super::title::{RESERVED, Title, Titles};
use super::{CONTENT_DIGEST, TITLE, UNPACK};
use crate::call::Call;
use crate::config::settings::Limits;
use crate::error::{Code, Error, Result};
use crate::image::manifest::Document;
use crate::image::{BlobRead, Descriptor, Source, media_type};
use crate::json::go;
use crate::names::digest::{Algorithm, Digest, Hasher};
use crate::os::dir::Dir;
use crate::os::file::{State, open_regular};
use crate::os::spool::Spool;
use crate::os::within::{Bounds, Found};
use crate::sort;
use crate::store::archive::Temporary;
use crate::store::part::{failed, hash_file};

/// How many files move at once: more make a disk no faster.
const CONCURRENCY: usize = 4;

/// What is in the place of a configuration or of layers that are not there.
const EMPTY: &[u8] = b"{}";

/// The kind of an artifact that nobody named.
const UNKNOWN_ARTIFACT: &str = "application/vnd.unknown.artifact.v1";

/// The type of a configuration that nobody named.
const UNKNOWN_CONFIG: &str = "application/vnd.unknown.config.v1+json";

/// What an artifact is made of.
#[derive(Debug, Clone, Default)]
pub struct Artifact {
    /// Its kind.
    pub artifact_type: Option<String>,
    /// Its files; None is every regular file of the directory.
    pub files: Option<Vec<Entry>>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The file that is its configuration.
    pub config: Option<Entry>,
}

/// A file of an artifact.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Where it is: relative to the directory, or absolute.
    pub path: String,
    /// What it is called; None is its path below the directory.
    pub title: Option<String>,
    /// What it is.
    pub media_type: Option<String>,
    /// Annotations of its layer.
    pub annotations: BTreeMap<String, String>,
}

/// An artifact in a directory. Its files are hashed when it is opened; one that changes later is SOURCE_CHANGED.
#[derive(Debug)]
pub struct FilesSource {
    path: PathBuf,
    bounds: Bounds,
    limits: Limits,
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
    subject: Option<Descriptor>,
    contents: HashMap<Digest, Content>,
}

/// Where the bytes of a blob are.
#[derive(Debug)]
enum Content {
    File { path: String, state: State },
    Packed(Spool),
    Bytes(&'static [u8]),
}

impl FilesSource {
    /// Reads the files of a directory once.
    ///
    /// Directories are packed into temporary files.
    pub fn open(
        path: &Path,
        artifact: Artifact,
        limits: Limits,
        temporary: &Temporary,
        call: &Call,
    ) -> Result<Self> {
        let root = Dir::open(path).map_err(|e| failed("open the directory", path, &e))?;
        let Artifact { artifact_type, files, annotations, config } = artifact;
        let mut source = Self {
            path: path.to_owned(),
            bounds: Bounds::new(root.clone(), path),
            limits,
            artifact_type,
            config: empty(),
            layers: Vec::new(),
            annotations,
            subject: None,
            contents: HashMap::new(),
        };
        let files = match files {
            Some(files) => files,
            None => source.regular_files(&root, call)?,
        };
        let mut titles = Titles::default();
        for file in files {
            let layer = source.layer(file, &mut titles, temporary, call)?;
            source.layers.push(layer);
        }
        match config {
            Some(config) => source.config = source.configuration(config, call)?,
            None => source.add_empty(),
        }
        if source.layers.is_empty() {
            source.add_empty();
            source.layers.push(empty());
        }
        if source.artifact_type.is_none() && source.config.media_type == media_type::OCI_EMPTY {
            source.artifact_type = Some(UNKNOWN_ARTIFACT.to_owned());
        }
        Ok(source)
    }

    /// Makes the artifact refer to another manifest.
    pub fn refer_to(&mut self, subject: Descriptor) {
        self.subject = Some(subject);
    }

    /// The files of the directory itself, sorted by name.
    fn regular_files(&self, root: &Dir, call: &Call) -> Result<Vec<Entry>> {
        let names = root.raw_names().map_err(|e| failed("read the directory", &self.path, &e))?;
        let mut files = Vec::new();
        for name in names {
            let Ok(name) = name.into_string() else {
                let message =
                    format!("{} contains a file whose name is not UTF-8", self.path.display());
                return Err(Error::new(Code::InvalidUtf8, message)
                    .hint("rename it, or list the files to push in the option files"));
            };
            if name.starts_with(RESERVED) {
                continue;
            }
            // An error means a link, a device or a directory.
            match root.file_size(&name) {
                Ok(Some(_)) => files.push(Entry { path: name, ..Entry::default() }),
                Ok(None) => {}
                Err(_) => {
                    let path = self.path.join(name);
                    let message = format!(
                        "{} was left out, because it is not a regular file; list it in the option files if it is to be pushed",
                        path.display()
                    );
                    call.warn("store", message, |record| record);
                }
            }
        }
        sort::sort_by(&mut files, |a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn layer(
        &mut self,
        file: Entry,
        titles: &mut Titles,
        temporary: &Temporary,
        call: &Call,
    ) -> Result<Descriptor> {
        let Entry { path, title, media_type, mut annotations } = file;
        let title = match title.or_else(|| annotations.remove(TITLE)) {
            Some(title) => title,
            None if path.starts_with('/') => match Path::new(&path).file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => path.clone(),
            },
            None => path.clone(),
        };
        let refused = |e: super::title::Refusal| {
            Error::argument("files", e.to_string())
                .hint("set title to a path below the directory that a pull may write to")
        };
        let title = Title::parse(&title).map_err(refused)?;
        let found = self.open_found(&path)?;
        titles.add(&title, matches!(found, Found::Dir(_))).map_err(refused)?;
        let layer = match found {
            Found::File(file) => {
                let kind = media_type.unwrap_or_else(|| media_type::OCI_LAYER.to_owned());
                self.add_file(file, path, kind, call)?
            }
            Found::Dir(dir) => {
                let shown = self.path.join(&path);
                let packed = pack(&dir, &shown, &title, temporary, call)?;
                let Packed { spool, digest, content } = packed;
                annotations.insert(CONTENT_DIGEST.to_owned(), content.to_string());
                annotations.insert(UNPACK.to_owned(), "true".to_owned());
                let kind = media_type.unwrap_or_else(|| media_type::OCI_LAYER_GZIP.to_owned());
                let layer = Descriptor::new(kind, digest.clone(), spool.size());
                self.contents.insert(digest, Content::Packed(spool));
                layer
            }
        };
        annotations.insert(TITLE.to_owned(), title.to_string());
        Ok(Descriptor { annotations: Some(annotations), ..layer })
    }

    fn configuration(&mut self, config: Entry, call: &Call) -> Result<Descriptor> {
        let kind = config.media_type.unwrap_or_else(|| UNKNOWN_CONFIG.to_owned());
        let annotations = Some(config.annotations).filter(|all| !all.is_empty());
        let file = self.open_file(&config.path)?;
        Ok(Descriptor { annotations, ..self.add_file(file, config.path, kind, call)? })
    }

    /// Hashes a file, and remembers where the bytes of this digest are.
    fn add_file(
        &mut self,
        mut file: File,
        path: String,
        kind: String,
        call: &Call,
    ) -> Result<Descriptor> {
        let shown = self.path.join(&path);
        let unreadable = |e: &io::Error| failed("read the file", &shown, e);
        let state = State::of(&file).map_err(|e| unreadable(&e))?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let read = hash_file(&mut file, &mut hasher, call, unreadable)?;
        if read != state.size || State::of(&file).map_err(|e| unreadable(&e))? != state {
            return Err(changed(&shown));
        }
        let digest = hasher.finish();
        self.contents.insert(digest.clone(), Content::File { path, state });
        Ok(Descriptor::new(kind, digest, read))
    }

    fn open_file(&self, path: &str) -> Result<File> {
        match self.open_found(path)? {
            Found::File(file) => Ok(file),
            Found::Dir(_) => {
                let message = format!("{} is a directory", self.path.join(path).display());
                Err(Error::new(Code::Io, message).hint("name a file"))
            }
        }
    }

    /// Links are followed as long as they do not leave the directory; an absolute path is the caller's own choice.
    fn open_found(&self, path: &str) -> Result<Found> {
        let shown = self.path.join(path);
        let unreadable = |e: &io::Error| failed("read", &shown, e);
        if !path.starts_with('/') {
            return self.bounds.open(path).map_err(|e| unreadable(&e));
        }
        if shown.is_dir() {
            return Dir::open(&shown).map(Found::Dir).map_err(|e| unreadable(&e));
        }
        let doing = format!("cannot read the file {}", shown.display());
        open_regular(&shown).map(Found::File).map_err(|e| e.into_error(doing))
    }

    fn add_empty(&mut self) {
        self.contents.entry(empty().digest).or_insert(Content::Bytes(EMPTY));
    }

    fn document(&self) -> Result<Document> {
        let manifest = Written {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            artifact_type: self.artifact_type.as_deref(),
            config: &self.config,
            layers: &self.layers,
            subject: self.subject.as_ref(),
            annotations: &self.annotations,
        };
        let bytes = go::to_vec(&manifest)
            .map_err(|e| Error::internal("cannot serialize a manifest").cause(e))?;
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let descriptor = Descriptor::new(media_type::OCI_MANIFEST, digest, bytes.len() as u64);
        Ok(Document { descriptor, bytes })
    }

    fn missing(&self, what: &'static str, digest: &Digest) -> Error {
        Error::new(Code::NotFound, format!("{} does not contain the {what} {digest}", self.shown()))
            .with(|d| d.what = Some(what))
    }
}

/// A manifest with its keys in the order in which oras writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u32,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// The empty JSON object, which its descriptor holds as well.
fn empty() -> Descriptor {
    let digest = Digest::of(Algorithm::Sha256, EMPTY);
    Descriptor {
        data: Some(BASE64.encode(EMPTY)),
        ..Descriptor::new(media_type::OCI_EMPTY, digest, EMPTY.len() as u64)
    }
}

impl Source for FilesSource {
    fn shown(&self) -> String {
        format!("files:{}", self.path.display())
    }

    fn resolve(&self, _call: &Call) -> Result<Document> {
        self.document()
    }

    fn manifest(&self, descriptor: &Descriptor, _call: &Call) -> Result<Vec<u8>> {
        let own = self.document()?;
        if own.descriptor.digest == descriptor.digest {
            return Ok(own.bytes);
        }
        Err(self.missing("manifest", &descriptor.digest))
    }

    fn open_blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        _call: &Call,
    ) -> Result<Box<dyn BlobRead + '_>> {
        match self.contents.get(&blob.digest) {
            None => Err(self.missing("blob", &blob.digest)),
            Some(Content::Bytes(bytes)) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Box::new(&bytes[start..]))
            }
            Some(Content::Packed(spool)) => Ok(Box::new(Unspooling { spool, offset })),
            Some(Content::File { path, state }) => {
                let mut file = self.open_file(path)?;
                let shown = self.path.join(path);
                let unreadable = |e: &io::Error| failed("read the file", &shown, e);
                if State::of(&file).map_err(|e| unreadable(&e))? != *state {
                    return Err(changed(&shown));
                }
                file.seek(SeekFrom::Start(offset)).map_err(|e| unreadable(&e))?;
                Ok(Box::new(Reading { file, state, path: shown }))
            }
        }
    }

    fn each_endpoint(
        &self,
        _call: &Call,
        read: &mut dyn FnMut(&dyn Source) -> Result<()>,
    ) -> Result<()> {
        read(self)
    }

    fn referrers(&self, _subject: &Digest, _call: &Call) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn tags(&self, _call: &Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }
}

/// A packed directory that is read.
struct Unspooling<'a> {
    spool: &'a Spool,
    offset: u64,
}

impl BlobRead for Unspooling<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        let read = self.spool.read_at(buffer, self.offset);
        let read = read.map_err(|e| Error::file("cannot read a temporary file", &e))?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// A file that is read, and must not change meanwhile.
struct Reading<'a> {
    file: File,
    state: &'a State,
    path: PathBuf,
}

impl BlobRead for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let unreadable = |e: &io::Error| failed("read the file", &self.path, e);
        loop {
            call.check()?;
            match self.file.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(unreadable(&e)),
                Ok(read) => {
                    // Before the end is told: whoever writes the blob judges it then.
                    if State::of(&self.file).map_err(|e| unreadable(&e))? != *self.state {
                        return Err(changed(&self.path));
                    }
                    return Ok(read);
                }
            }
        }
    }
}
