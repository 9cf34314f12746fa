//! Files that become blobs: in one request where that is possible, and never half of what they were.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::blob_files::Moved;
use crate::call::Call;
use crate::call::event::{BlobSource, Direction};
use crate::error::{Code, Error, Result};
use crate::image::Descriptor;
use crate::image::transport::Streamed;
use crate::names::digest::{Digest, Hasher};
use crate::os::file::{State, open_regular};
use crate::registry::session::Session;
use crate::store::part::hash_file;
use crate::transfer::progress::Events;
use crate::v2::Repository;
use crate::v2::upload::{BlobWriter, PutOptions};

/// What is moved at a time.
const BUFFER: usize = 256 << 10;

/// How long a registry may take to hear that an upload is over.
const ABORT: Duration = Duration::from_millis(500);

/// Uploads a file as a blob. Fails with SOURCE_CHANGED if the file changes meanwhile.
pub fn put(session: &Session, path: &Path, options: PutOptions, call: &Call) -> Result<Moved> {
    put_source(session, Source::open(path)?, options, call)
}

/// The same for an open file, from where it stands to its end.
pub(super) fn put_open(
    session: &Session,
    file: File,
    shown: String,
    options: PutOptions,
    call: &Call,
) -> Result<Moved> {
    put_source(session, Source::at_position(file, shown)?, options, call)
}

fn put_source(
    session: &Session,
    mut source: Source,
    options: PutOptions,
    call: &Call,
) -> Result<Moved> {
    if let Some(size) = options.size {
        let named =
            options.digest.as_ref().map_or_else(|| "the file".to_owned(), Digest::to_string);
        if size != source.size() {
            return Err(Error::new(
                Code::SizeMismatch,
                format!("{} has {} bytes, but {size} were expected", source.shown, source.size()),
            )
            .cause(format!("it should be {named}"))
            .with(|d| {
                d.size_expected = Some(size);
                d.size_actual = Some(source.size());
            }));
        }
    }
    let mut options = PutOptions { size: Some(source.size()), ..options };
    let asks = options.check_exists || !options.mount_from.is_empty();
    let given = options.digest.clone();
    // A request that streams begins with the digest.
    if (asks || options.is_streamed(source.size())) && given.is_none() {
        options.digest = Some(source.hash(Hasher::new(options.algorithm), call)?);
        source.is_hashed = true;
    }
    call.set_total(source.size());
    let moved = session.with_repository_to_push(call, |repository| {
        let mut again = false;
        loop {
            match source.upload(repository, &options, call) {
                // The registry has lost the upload, but the file is still there.
                Err(error) if error.is_retryable() && is_lost(&error) && !again => again = true,
                done => return done,
            }
        }
    });
    moved.map_err(|error| {
        // What was hashed just now is something else already.
        let changed = error.code() == Code::DigestMismatch && given.is_none();
        if changed { source.changed().cause(error) } else { error }
    })
}

/// Whether a new upload may succeed where this one failed.
fn is_lost(error: &Error) -> bool {
    matches!(error.code(), Code::NotFound | Code::Disconnected | Code::Timeout | Code::Server)
}

/// A file that is read, and watched for changes.
struct Source {
    /// What messages call it.
    shown: String,
    file: File,
    /// Where its content begins.
    start: u64,
    state: State,
    /// Whether the digest of the blob was got from it, so that whoever takes the blob can tell if it has changed since.
    is_hashed: bool,
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let failed = format!("cannot read the file {}", path.display());
        let file = open_regular(path).map_err(|e| e.into_error(&failed))?;
        Self::new(file, path.display().to_string(), 0)
    }

    fn at_position(mut file: File, shown: String) -> Result<Self> {
        let start = file.stream_position().map_err(|e| unreadable(&shown, &e))?;
        Self::new(file, shown, start)
    }

    fn new(file: File, shown: String, start: u64) -> Result<Self> {
        let state = State::of(&file).map_err(|e| unreadable(&shown, &e))?;
        Ok(Self { shown, file, start, state, is_hashed: false })
    }

    fn size(&self) -> u64 {
        self.state.size.saturating_sub(self.start)
    }

    fn hash(&mut self, mut hasher: Hasher, call: &Call) -> Result<Digest> {
        let failed = |e: &std::io::Error| unreadable(&self.shown, e);
        let read = hash_file(&mut self.file, &mut hasher, call, failed)?;
        if read != self.size() {
            return Err(self.changed());
        }
        self.check()?;
        Ok(hasher.finish())
    }

    fn upload(
        &mut self,
        repository: &Repository,
        options: &PutOptions,
        call: &Call,
    ) -> Result<Moved> {
        let registry = repository.registry();
        let slots = &registry.common().upload_slots;
        let _slot = slots.take(registry.base().authority(), call)?;
        let before = call.done();
        let mut writer = BlobWriter::open(repository.clone(), options.clone(), call)?;
        if self.is_hashed {
            writer = writer.unhashed();
        }
        let existed = writer.is_present();
        if existed && self.is_hashed {
            self.check()?;
            let descriptor = writer.descriptor();
            call.add_done(descriptor.size);
            let mut events = Events::new(&descriptor, Direction::Up);
            events.tell(descriptor.size, true, BlobSource::Present, call)?;
            return Ok(Moved {
                descriptor,
                existed,
                bytes_transferred: 0,
                warnings: call.warnings(),
            });
        }
        let sent = self.send(&mut writer, existed, call);
        if sent.is_err() {
            call.forget_done(call.done().saturating_sub(before));
            drop(writer.abort(&call.parting(ABORT)));
        }
        let descriptor = sent?;
        let bytes_transferred = if existed { 0 } else { descriptor.size };
        Ok(Moved { descriptor, existed, bytes_transferred, warnings: call.warnings() })
    }

    fn send(&mut self, writer: &mut BlobWriter, existed: bool, call: &Call) -> Result<Descriptor> {
        let shown = writer.descriptor();
        let mut events = Events::new(&shown, Direction::Up);
        let source = if existed { BlobSource::Present } else { BlobSource::Network };
        loop {
            let position = writer.position();
            self.seek(position)?;
            let mut reading = Reading { file: self, events: &mut events, position, source };
            match reading.stream(writer, call)? {
                Streamed::Whole => break,
                Streamed::InPart => {}
                Streamed::InPieces => {
                    reading.write(writer, call)?;
                    break;
                }
            }
        }
        self.check()?;
        let descriptor = writer.commit(None, None, call)?;
        let mut events = Events::new(&descriptor, Direction::Up);
        events.tell(descriptor.size, true, source, call)?;
        Ok(descriptor)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        let sought = self.file.seek(SeekFrom::Start(self.start + position));
        sought.map(drop).map_err(|e| unreadable(&self.shown, &e))
    }

    /// Fails if the file has changed since it was opened.
    fn check(&self) -> Result<()> {
        let now = State::of(&self.file).map_err(|e| unreadable(&self.shown, &e))?;
        if now == self.state { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Error {
        Error::new(
            Code::SourceChanged,
            format!("{} changed while it was being uploaded", self.shown),
        )
        .hint("upload it again when no other program writes to it")
    }
}

/// A file that is being sent.
struct Reading<'a, 'e> {
    file: &'a mut Source,
    events: &'a mut Events<'e>,
    position: u64,
    source: BlobSource,
}

impl Reading<'_, '_> {
    /// The next bytes; none at the end of what the file had when it was opened.
    fn next(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        call.check()?;
        let file = &mut *self.file;
        let read = loop {
            match file.file.read(buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.map_err(|e| unreadable(&file.shown, &e))?,
            }
        };
        self.position += read as u64;
        let size = file.size();
        let is_wrong = if read == 0 { self.position != size } else { self.position > size };
        if is_wrong { Err(file.changed()) } else { Ok(read) }
    }

    fn tell(&mut self, sent: usize, call: &Call) -> Result<()> {
        call.add_done(sent as u64);
        self.events.tell(self.position, false, self.source, call)
    }

    /// Sends the rest in one request, if that is possible.
    fn stream(&mut self, writer: &mut BlobWriter, call: &Call) -> Result<Streamed> {
        let mut failure = None;
        let streamed = writer.stream(
            &mut |buffer| {
                let read = self.next(buffer, call).and_then(|read| {
                    self.tell(read, call)?;
                    Ok(read)
                });
                read.inspect_err(|error| failure = Some(error.clone()))
            },
            call,
        );
        if !matches!(streamed, Ok(Streamed::Whole)) {
            // What did not arrive is to be sent again.
            call.forget_done(self.position.saturating_sub(writer.position()));
        }
        failure.map_or(streamed, Err)
    }

    /// Sends the rest in chunks.
    fn write(&mut self, writer: &mut BlobWriter, call: &Call) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = self.next(&mut buffer, call)?;
            if read == 0 {
                return Ok(());
            }
            writer.write(&buffer[..read], call)?;
            self.tell(read, call)?;
        }
    }
}

fn unreadable(shown: &str, error: &std::io::Error) -> Error {
    Error::file(format!("cannot read {shown}"), error)
}
