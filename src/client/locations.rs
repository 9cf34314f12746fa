//! From a location to the end of a copy that it is: one line for each kind of place.

use std::path::{Path, PathBuf};

use super::artifact::Making;
use crate::call::{Call, Event};
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Error, Result};
use crate::image::{Sink, Source};
use crate::names::location::{Bare, Location};
use crate::names::reference::Reference;
use crate::os::spool;
use crate::registry::service::Service;
use crate::registry::session::{OpenOptions, Session, check_openable, selector_of};
use crate::store::Layout;
use crate::store::archive::{
    DockerArchiveSink, DockerArchiveSource, OciArchive, OciArchiveSink, Temporary,
};
use crate::store::files::{Artifact, FilesOptions, FilesSink, FilesSource};
use crate::store::place::{LayoutSink, LayoutSource, WriteOptions};
use crate::v2::repository::Selector;

/// A parsed location; one in a registry has a parsed reference.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a registry.
    Registry(Box<Reference>),
    /// On this machine.
    Local(Location),
}

impl Place {
    /// Parses the location of an image; `argument` is its name in the call. Sends nothing.
    pub fn parse(text: &str, bare: Bare, argument: &str) -> Result<Self> {
        match Location::parse(text, bare, argument)? {
            Location::Registry(reference) => {
                let reference: Reference = reference.parse()?;
                check_openable(&reference)?;
                Ok(Self::Registry(Box::new(reference)))
            }
            local => Ok(Self::Local(local)),
        }
    }

    /// The same location; a relative path starts at an open directory of the caller.
    pub fn within(self, dir_fd: Option<u32>) -> Result<Self> {
        let (Some(fd), Self::Local(location)) = (dir_fd, &self) else { return Ok(self) };
        Ok(Self::Local(location.clone().below(&opened(fd)?)))
    }

    /// The reference of an image in a registry.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Registry(reference) => Some(reference),
            Self::Local(_) => None,
        }
    }

    /// What to say of it if it can hold one image or artifact only, and neither indexes nor what refers to it.
    pub fn single(&self) -> Option<Single> {
        match self {
            Self::Local(Location::Files { .. }) => Some(Single {
                form: "files:DIR",
                holds: "the files of one artifact",
                instead: "an OCI layout (oci:DIR)",
            }),
            Self::Local(Location::DockerArchive { .. }) => Some(Single {
                form: "docker-archive:FILE",
                holds: "one image",
                instead: "an archive of an OCI layout (oci-archive:FILE)",
            }),
            _ => None,
        }
    }

    /// Whether it is a directory with the files of an artifact.
    pub fn is_files(&self) -> bool {
        matches!(self, Self::Local(Location::Files { .. }))
    }

    /// The name of an image if its destination does not give it one: name and tag, or name and digest.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Registry(reference) => Some(reference.with_default_tag().canonical()),
            Self::Local(Location::Oci { name, .. } | Location::OciArchive { name, .. }) => {
                name.clone()
            }
            // A number says where in the archive the image is, and nothing elsewhere.
            Self::Local(Location::DockerArchive { reference, .. }) => {
                reference.clone().filter(|name| !name.starts_with('@'))
            }
            Self::Local(_) => None,
        }
    }
}

/// A destination that holds one image or artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Single {
    /// How it is written.
    pub form: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// What holds more.
    pub instead: &'static str,
}

/// A path that begins at an open directory of the caller's, if it is relative.
pub(super) fn below(path: &Path, dir_fd: Option<u32>) -> Result<PathBuf> {
    match dir_fd {
        Some(fd) => Ok(opened(fd)?.join(path)),
        None => Ok(path.to_owned()),
    }
}

/// The path of a directory that the caller has open.
fn opened(fd: u32) -> Result<PathBuf> {
    let opened = PathBuf::from(format!("/proc/self/fd/{fd}"));
    match std::fs::metadata(&opened) {
        Ok(state) if state.is_dir() => Ok(opened),
        Ok(_) => Err(Error::argument("dir_fd", format!("dir_fd {fd} is not a directory"))),
        Err(e) => Err(Error::argument("dir_fd", format!("cannot use dir_fd {fd}")).cause(e)),
    }
}

/// How source and destination of a copy are opened.
#[derive(Debug, Default)]
pub struct Opening {
    /// The credentials for the registry; None uses the service's.
    pub auth: Option<AuthConfig>,
    /// Who may be asked for them.
    pub allowed: Allowed,
    /// How a layout is written to.
    pub write: WriteOptions,
    /// The name of an image if its destination does not give it one.
    pub name: Option<String>,
    /// Whether the content comes from this machine. The registry then verifies the digests, and nothing is hashed twice.
    pub from_here: bool,
    /// Whether files may be replaced.
    pub overwrite: bool,
    /// Whether a registry's tag is set only if the reference names it.
    pub only_named_tag: bool,
    /// Whether the image gets tags that the destination does not name.
    pub more_tags: bool,
}

impl Opening {
    fn session(&self, actions: Vec<String>) -> OpenOptions {
        OpenOptions { auth: self.auth.clone(), actions, allowed: self.allowed.clone() }
    }
}

/// Opens a location to read an image from.
pub fn source(
    service: &Service,
    place: &Place,
    opening: &Opening,
    call: &Call,
) -> Result<Box<dyn Source>> {
    match place {
        Place::Registry(reference) => {
            let open = opening.session(Vec::new());
            Ok(Box::new(Session::open(service, reference, &open, call)?))
        }
        Place::Local(Location::Oci { dir, name }) => {
            let limits = service.limits().clone();
            Ok(Box::new(LayoutSource::new(Layout::open(dir)?, name.clone(), limits)))
        }
        Place::Local(Location::OciArchive { file, name }) => {
            let limits = service.limits().clone();
            let archive = OciArchive::open(file, &temporary(service), call)?;
            Ok(Box::new(LayoutSource::new(archive, name.clone(), limits)))
        }
        Place::Local(Location::DockerArchive { file, reference }) => {
            let (name, limits) = (reference.as_deref(), service.limits().clone());
            let temporary = temporary(service);
            Ok(Box::new(DockerArchiveSource::open(file, name, limits, &temporary, call)?))
        }
        Place::Local(Location::Files { dir }) => {
            Ok(Box::new(files_source(service, dir, Artifact::default(), call)?))
        }
        Place::Local(Location::Registry(reference)) => Err(unparsed(reference)),
    }
}

fn files_source(
    service: &Service,
    dir: &Path,
    artifact: Artifact,
    call: &Call,
) -> Result<FilesSource> {
    FilesSource::open(dir, artifact, service.limits().clone(), &temporary(service), call)
}

/// Opens source and destination of a copy: locations on this machine first, before anything is sent.
///
/// A directory of files is the artifact that is to be `made`.
pub(super) fn both(
    service: &Service,
    from: (&Place, &Opening),
    to: (&Place, &Opening),
    made: Making,
    call: &Call,
) -> Result<(Box<dyn Source>, Box<dyn Sink>)> {
    let ((from, reading), (to, writing)) = (from, to);
    let started = || call.event(&Event::Start {});
    if let Place::Local(Location::Files { dir }) = from {
        let subject = made.subject.clone();
        let mut source = files_source(service, dir, made.artifact(), call)?;
        started()?;
        let sink = sink(service, to, writing, call)?;
        if let Some(subject) = subject {
            let found = sink.find_manifest(&subject, call);
            source.refer_to(
                found.map_err(|e| e.context("cannot find the subject").in_argument("subject"))?,
            );
        }
        return Ok((Box::new(source), sink));
    }
    made.refuse()?;
    if to.reference().is_none() {
        let sink = sink(service, to, writing, call)?;
        started()?;
        return Ok((source(service, from, reading, call)?, sink));
    }
    let source = source(service, from, reading, call)?;
    started()?;
    Ok((source, sink(service, to, writing, call)?))
}

/// Opens a place to write an image to. A directory that cannot be written to is found out here.
pub fn sink(
    service: &Service,
    place: &Place,
    opening: &Opening,
    call: &Call,
) -> Result<Box<dyn Sink>> {
    match place {
        Place::Registry(reference) => {
            let actions = vec!["pull".to_owned(), "push".to_owned()];
            let open = opening.session(actions);
            let session = Session::open(service, reference, &open, call)?;
            let target = session.target_to_push(call)?.trusting_source(opening.from_here);
            let is_tagged = !opening.only_named_tag || is_named(reference);
            Ok(Box::new(if is_tagged { target } else { target.without_tag() }))
        }
        Place::Local(Location::Oci { dir, name }) => {
            let layout = Layout::open_or_create(dir, call)?;
            let name = name.clone().or_else(|| opening.name.clone());
            Ok(Box::new(LayoutSink::new(layout, name, opening.write.clone(), call)?))
        }
        Place::Local(Location::Files { dir }) => {
            let options =
                FilesOptions { overwrite: opening.overwrite, no_resume: opening.write.no_resume };
            Ok(Box::new(FilesSink::open(dir, options, service.limits().clone())?))
        }
        Place::Local(Location::OciArchive { file, name }) => {
            let name = name.clone().or_else(|| opening.name.clone());
            Ok(Box::new(OciArchiveSink::create(file, name)?))
        }
        Place::Local(Location::DockerArchive { file, reference }) => {
            let name = match reference {
                Some(name) => Some(
                    name.parse::<Reference>()
                        .map_err(|e| e.in_argument("destination"))?
                        .with_default_tag(),
                ),
                // What another location calls the image may be the name of a directory, or a tag.
                None => opening.name.as_deref().and_then(|name| name.parse::<Reference>().ok()),
            };
            let name = name.filter(|name| name.tag().is_some());
            if opening.more_tags && name.is_none() {
                return Err(Error::argument("tags", "tags need an image that has a name")
                    .hint("write the destination as docker-archive:FILE:REFERENCE"));
            }
            Ok(Box::new(DockerArchiveSink::create(file, name, service.limits().clone())?))
        }
        Place::Local(Location::Registry(reference)) => Err(unparsed(reference)),
    }
}

/// Where a compressed archive is decompressed to.
fn temporary(service: &Service) -> Temporary {
    Temporary { dir: spool::directory(service.environment()), limit: service.limits().spool }
}

fn unparsed(reference: &str) -> Error {
    Error::internal(format!("the reference {reference} was not parsed"))
}

/// Whether a reference says which image of its repository it means.
fn is_named(reference: &Reference) -> bool {
    reference.tag().is_some() || reference.digest().is_some()
}

/// The tags that a repository has for an image that was written to `reference` and these other tags.
pub(super) fn tags(reference: &Reference, opening: &Opening, others: Vec<String>) -> Vec<String> {
    let own = match selector_of(reference) {
        Selector::Tag(tag) if !opening.only_named_tag || is_named(reference) => Some(tag),
        _ => None,
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in own.into_iter().chain(others) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// Fails if one of these options is set though the destination holds one image or artifact and nothing beside it, for which
/// they ask.
pub(super) fn refuse_for(single: &Single, options: &[(&str, bool)]) -> Result<()> {
    let Single { form, holds, instead } = single;
    match options.iter().find(|(_, set)| *set) {
        None => Ok(()),
        Some((key, _)) => Err(Error::argument(
            key,
            format!("{key} cannot be used if the destination is {form}, which holds {holds}"),
        )
        .hint(format!("remove {key}, or use {instead} as the destination"))),
    }
}

/// Fails if files are to be replaced where there are none.
pub(super) fn refuse_overwrite(to: &Place, overwrite: bool) -> Result<()> {
    if overwrite && !to.is_files() {
        let message = "overwrite can be used only if the destination is files:DIR";
        return Err(Error::argument("overwrite", message).hint(
            "remove overwrite: what a layout or a registry has is replaced only by name, and an archive always",
        ));
    }
    Ok(())
}
