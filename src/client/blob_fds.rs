//! Blobs from and to descriptors that the host has open: files where they stand, pipes, sockets.

use std::sync::Arc;

use super::blob_files::Moved;
use super::put_files;
use crate::call::Call;
use crate::call::event::{BlobSource, Direction};
use crate::error::{Code, Error, Result};
use crate::image::Descriptor;
use crate::names::digest::Hasher;
use crate::os::lent::Lent;
use crate::registry::session::Session;
use crate::transfer::progress::Events;
use crate::v2::Repository;
use crate::v2::blob::BlobReader;
use crate::v2::foreign::Wanted;
use crate::v2::upload::{BlobWriter, PutOptions};

/// What is moved at a time.
const BUFFER: usize = 256 << 10;

/// Gets a blob into a descriptor, from where it stands on. After a failure its content is undefined.
pub fn get(
    session: &Session,
    blob: &Wanted,
    media_type: &str,
    fd: i32,
    call: &Call,
) -> Result<Moved> {
    let lent = Lent::to_write(fd)?;
    let start = lent.position().map_err(|e| failed(&lent, &e))?;
    let mut receiving = Receiving {
        hasher: Hasher::new(blob.digest.algorithm()),
        lent,
        start,
        position: 0,
        transferred: 0,
        ended: None,
    };
    let descriptor = Descriptor::new(media_type, blob.digest.clone(), 0);
    let size = session
        .with_repository(call, |repository| receiving.fill(repository, blob, &descriptor, call))?;
    Ok(Moved {
        descriptor: Descriptor { size, ..descriptor },
        existed: false,
        bytes_transferred: receiving.transferred,
        warnings: call.warnings(),
    })
}

/// A descriptor that a blob is written to.
struct Receiving {
    lent: Lent,
    /// Where the blob begins in a file; None where nothing that was written can be written again.
    start: Option<u64>,
    hasher: Hasher,
    position: u64,
    transferred: u64,
    /// The failure after which no endpoint can help.
    ended: Option<Error>,
}

impl Receiving {
    /// Gets the rest of the blob from one endpoint; gives its size.
    fn fill(
        &mut self,
        repository: &Repository,
        blob: &Wanted,
        descriptor: &Descriptor,
        call: &Call,
    ) -> Result<u64> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let common = repository.registry().common();
        let _slot = common.slots.take(repository.registry().base().authority(), call)?;
        let error = match self.rest(repository, blob, descriptor, call) {
            Ok(size) => return Ok(size),
            Err(error) => error,
        };
        if matches!(error.code(), Code::DigestMismatch | Code::SizeMismatch) && self.position > 0 {
            // What was written is wrong: another endpoint may send what is right, if that can take its place.
            match self.start {
                Some(start) => {
                    self.lent.seek(start).map_err(|e| failed(&self.lent, &e))?;
                    call.forget_done(self.position);
                    self.hasher = Hasher::new(blob.digest.algorithm());
                    self.position = 0;
                }
                None => self.ended = Some(error.clone()),
            }
        }
        Err(error)
    }

    fn rest(
        &mut self,
        repository: &Repository,
        blob: &Wanted,
        descriptor: &Descriptor,
        call: &Call,
    ) -> Result<u64> {
        let hasher = Some(self.hasher.clone());
        let repository = Arc::new(repository.clone());
        let mut reader = BlobReader::resume(repository, blob, self.position, hasher, call)?;
        let size = reader.size().unwrap_or_default();
        call.set_total(size);
        let descriptor = Descriptor { size, ..descriptor.clone() };
        let mut events = Events::new(&descriptor, Direction::Down);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = reader.read(&mut buffer, call)?;
            if read == 0 {
                break;
            }
            if let Err((_, error)) = self.lent.write(&buffer[..read], call) {
                self.ended = Some(error.clone());
                return Err(error);
            }
            self.hasher.update(&buffer[..read]);
            self.position += read as u64;
            self.transferred += read as u64;
            call.add_done(read as u64);
            events.tell(self.position, false, BlobSource::Network, call)?;
        }
        call.set_total(self.position);
        events.tell(self.position, true, BlobSource::Network, call)?;
        Ok(self.position)
    }
}

/// Puts what a descriptor holds, from where it stands to its end, into a repository as a blob.
pub fn put(session: &Session, fd: i32, options: PutOptions, call: &Call) -> Result<Moved> {
    let lent = Lent::to_read(fd)?;
    if lent.is_regular() {
        let shown = lent.shown();
        return put_files::put_open(session, lent.into_file(), shown, options, call);
    }
    if options.digest.is_none() && (options.check_exists || !options.mount_from.is_empty()) {
        let message = "mount_from and check_exists need the blob's digest in the option digest, because a pipe or socket can be read only once";
        return Err(Error::argument("digest", message));
    }
    let mut ended: Option<Error> = None;
    session.with_repository_to_push(call, |repository| {
        // What was read for one endpoint is gone for the others.
        if let Some(error) = &ended {
            return Err(error.clone());
        }
        let registry = repository.registry();
        let slots = &registry.common().upload_slots;
        let _slot = slots.take(registry.base().authority(), call)?;
        let mut writer = BlobWriter::open(repository.clone(), options.clone(), call)?;
        // What is there already is read all the same: only its bytes show that it is the same.
        let existed = writer.is_present();
        match send(&lent, &mut writer, options.size, call) {
            Ok(descriptor) => Ok(moved(descriptor, existed, call)),
            Err(error) => {
                ended = Some(error.clone());
                writer.abort(call)?;
                Err(error)
            }
        }
    })
}

fn moved(descriptor: Descriptor, existed: bool, call: &Call) -> Moved {
    let bytes_transferred = if existed { 0 } else { descriptor.size };
    Moved { descriptor, existed, bytes_transferred, warnings: call.warnings() }
}

fn send(
    lent: &Lent,
    writer: &mut BlobWriter,
    size: Option<u64>,
    call: &Call,
) -> Result<Descriptor> {
    call.set_total(size.unwrap_or_default());
    let shown = writer.descriptor();
    let mut events = Events::new(&shown, Direction::Up);
    let source = if writer.is_present() { BlobSource::Present } else { BlobSource::Network };
    let (mut buffer, mut position) = (vec![0; BUFFER], 0);
    loop {
        let read = lent.read(&mut buffer, call)?;
        if read == 0 {
            break;
        }
        position += read as u64;
        writer.write(&buffer[..read], call)?;
        call.add_done(read as u64);
        events.tell(position, false, source, call)?;
    }
    let descriptor = writer.commit(None, None, call)?;
    call.set_total(position);
    Events::new(&descriptor, Direction::Up).tell(position, true, source, call)?;
    Ok(descriptor)
}

fn failed(lent: &Lent, error: &std::io::Error) -> Error {
    Error::file(format!("cannot write to {}", lent.shown()), error)
}
