//! One blob from here to there: present, mounted, or moved.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::passing::{self, Passing};
use super::plan::Plan;
use super::progress::{Direction, Events};
use super::ranges::{self, Ended, Watch};
use super::report::BlobReport;
use crate::call::Call;
use crate::call::event::BlobSource;
use crate::error::{Code, Result};
use crate::image::transport::{self, Claim, Ranges, Streamed};
use crate::image::{BlobRead, BlobWrite, Descriptor, Sink, Source};
use crate::log::{Level, Record};
use crate::os::cores::cores;

/// How long a registry may take to hear that an upload is over. Its caller waits for that, perhaps after a cancellation.
const ABORT: Duration = Duration::from_millis(500);

/// Bytes left of a blob from which on a second core is worth the thread.
const LARGE: u64 = 8 << 20;

/// What has to be moved, from where to where.
pub(super) struct Job<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) sink: &'a dyn Sink,
    pub(super) plan: &'a Plan,
    /// Repositories of the destination's registry that may have the blobs.
    pub(super) mounts: Vec<transport::Origin>,
    pub(super) direction: Direction,
    /// The threads that move a blob at this moment.
    pub(super) busy: Busy,
}

/// How many threads are at work.
#[derive(Debug, Default)]
pub(super) struct Busy {
    threads: AtomicUsize,
    cores: OnceLock<usize>,
}

impl Busy {
    /// Whether there is a core for one more thread, beside one for the system and the other end of the connection. Where there is
    /// none, a buffer that goes from core to core costs a tenth more time than it saves (measured on two cores).
    fn leave_a_core_idle(&self) -> bool {
        self.threads.load(Ordering::Relaxed) + 1 < *self.cores.get_or_init(cores)
    }

    fn enter(&self) -> AtWork<'_> {
        self.threads.fetch_add(1, Ordering::Relaxed);
        AtWork(self)
    }
}

/// Counted as at work until it is dropped.
struct AtWork<'a>(&'a Busy);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'a> Job<'a> {
    pub(super) fn blobs(&self) -> &'a [Descriptor] {
        &self.plan.blobs
    }

    /// One blob: present already, mounted, or moved into a writer that makes it visible when it is whole.
    pub(super) fn one(
        &self,
        blob: &Descriptor,
        buffer: &mut Vec<u8>,
        call: &Call,
    ) -> Result<BlobReport> {
        let mut report = BlobReport::present(blob);
        let mut events = Events::new(blob, self.direction);
        let exact = self.plan.configs.contains(&blob.digest);
        let began = Instant::now();
        let claim = self.sink.claim_blob(blob, call)?;
        let is_there =
            self.plan.present.contains(&blob.digest) || self.sink.has_blob(blob, exact, call)?;
        if is_there || self.is_mounted(blob, &claim.origins(), call)? {
            claim.note();
            self.verify_in_place(blob, call)?;
            report.source = if is_there { BlobSource::Present } else { BlobSource::Mounted };
            if self.source.has_counted(blob) {
                return Ok(report);
            }
            call.add_done(blob.size);
            events.tell(blob.size, true, report.source, call)?;
            return Ok(report);
        }
        let writer = self.sink.blob_writer(blob, call)?;
        report.resumed_from = writer.position();
        report.source =
            if report.resumed_from > 0 { BlobSource::Resumed } else { BlobSource::Network };
        call.add_done(report.resumed_from);
        let _at_work = self.busy.enter();
        let passing = self.plan.diff_ids.get(&blob.digest).map(|expected| Passing::new(expected));
        let (busy, on_way) = (&self.busy, &*claim);
        let mut moving = Moving {
            blob,
            writer,
            claim: on_way,
            report,
            events,
            busy,
            again: false,
            passing,
            may_use_ranges: true,
            is_scattered: false,
        };
        moving.run(self.source, buffer, call)?;
        moving.report.took(began.elapsed());
        claim.note();
        let Moving { passing, report, .. } = moving;
        if let Some(passing) = passing
            && !passing.finish(blob, call)?
        {
            self.verify_in_place(blob, call)?;
        }
        Ok(report)
    }

    /// Looks into a layer that was not seen whole on its way, if that is wanted.
    fn verify_in_place(&self, blob: &Descriptor, call: &Call) -> Result<()> {
        let Some(expected) = self.plan.diff_ids.get(&blob.digest) else { return Ok(()) };
        passing::verify_in_place(blob, expected, self.source, self.sink, call)
    }

    /// From one of the repositories that may have it, or from where other calls have brought it.
    fn is_mounted(
        &self,
        blob: &Descriptor,
        brought_to: &[transport::Origin],
        call: &Call,
    ) -> Result<bool> {
        let to = self.sink.origin();
        let others = brought_to.iter().filter(|from| !self.mounts.contains(from));
        for from in self.mounts.iter().chain(others).filter(|from| to.as_ref() != Some(from)) {
            if self.sink.mount_blob(blob, from, call)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether more is to come.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    More,
    Ended,
}

/// Reads until the buffer is full, if there is so much. How many bytes it has then, also after a failure.
fn fill(reader: &mut dyn BlobRead, buffer: &mut [u8], call: &Call) -> (usize, Result<Read>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..], call) {
            Ok(0) => return (filled, Ok(Read::Ended)),
            Ok(read) => filled += read,
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(Read::More))
}

/// A blob that is being copied.
struct Moving<'a> {
    blob: &'a Descriptor,
    writer: Box<dyn BlobWrite + 'a>,
    claim: &'a dyn Claim,
    report: BlobReport,
    events: Events<'a>,
    busy: &'a Busy,
    /// Whether it has been restarted already.
    again: bool,
    /// What sees the bytes pass by, if the layer is to be verified.
    passing: Option<Passing<'a>>,
    /// Whether several ranges at once may still turn out to be faster at this endpoint.
    may_use_ranges: bool,
    /// Whether ranges have brought what is not taken yet.
    is_scattered: bool,
}

impl Moving<'_> {
    fn run(&mut self, source: &dyn Source, buffer: &mut Vec<u8>, call: &Call) -> Result<()> {
        let mut moved = self.move_from_any(source, buffer, call);
        if let Err(Failure::Sink(error)) = &moved
            && error.is_retryable()
        {
            // An upload that cannot be gone on with may be made anew: the source still has all of it.
            let restarted = self.start_over(call);
            moved = match restarted {
                Ok(()) => self.move_from_any(source, buffer, call),
                Err(_) => moved,
            };
        }
        match moved {
            Ok(()) => self.events.tell(self.blob.size, true, self.report.source, call),
            Err(Failure::Source(error) | Failure::Sink(error)) => {
                // A part that is wrong helps nobody, and one that filled the disk has to go.
                let useless = matches!(
                    error.code(),
                    Code::DigestMismatch | Code::SizeMismatch | Code::NotFound | Code::NoSpace
                );
                if !useless {
                    self.writer.keep();
                }
                self.writer.abort(&call.parting(ABORT));
                Err(error)
            }
        }
    }

    /// With whichever endpoint of the source gives the blob; a failure of the destination ends the search.
    fn move_from_any(
        &mut self,
        source: &dyn Source,
        buffer: &mut Vec<u8>,
        call: &Call,
    ) -> Result<(), Failure> {
        let mut of_sink = None;
        let read = source.each_endpoint(call, &mut |endpoint| match self
            .move_from(endpoint, buffer, call)
        {
            Ok(()) => Ok(()),
            Err(Failure::Source(error)) => Err(error),
            Err(Failure::Sink(error)) => {
                of_sink = Some(error);
                Ok(())
            }
        });
        match (of_sink, read) {
            (Some(error), _) => Err(Failure::Sink(error)),
            (None, read) => read.map_err(Failure::Source),
        }
    }

    fn move_from(
        &mut self,
        endpoint: &dyn Source,
        buffer: &mut Vec<u8>,
        call: &Call,
    ) -> Result<(), Failure> {
        self.may_use_ranges = true;
        loop {
            // What an earlier call or another endpoint left may be what is wrong.
            let is_its_own = self.writer.position() == 0 && !self.is_scattered;
            let moved = self.rest(endpoint, buffer, call).and_then(|()| {
                self.writer.commit(call).map_err(|error| match Failure::of_writer(error) {
                    Failure::Source(e) => Failure::Source(
                        e.context(format!("cannot use the blob that {} sent", endpoint.shown())),
                    ),
                    of_sink => of_sink,
                })
            });
            match moved {
                // Once more from the start, unless somebody else can be asked for bytes that are all of one endpoint.
                Err(Failure::Source(error)) if error.code() == Code::DigestMismatch => {
                    self.start_over(call).map_err(Failure::Sink)?;
                    let is_final = endpoint.has_alternative() || self.again;
                    if is_its_own && is_final {
                        return Err(Failure::Source(error));
                    }
                    self.again = true;
                }
                // Nor can every server send the rest of a blob: it gets to send all of it, once.
                Err(Failure::Source(error))
                    if error.code() == Code::Protocol
                        && self.writer.position() > 0
                        && !self.again =>
                {
                    self.start_over(call).map_err(Failure::Sink)?;
                    self.again = true;
                }
                other => return other,
            }
        }
    }

    /// Drops what there is of the blob.
    fn start_over(&mut self, call: &Call) -> Result<()> {
        call.forget_done(self.writer.position());
        self.writer.restart(call)?;
        // Ranges may be what was wrong.
        (self.may_use_ranges, self.is_scattered) = (false, false);
        if let Some(passing) = &mut self.passing {
            passing.restart();
        }
        self.report.resumed_from = 0;
        self.report.source = BlobSource::Network;
        self.report.retries += 1;
        Ok(())
    }

    /// Copies what is a file at both ends within the system, as far as that can be done.
    fn copy_file(&mut self, reader: &mut dyn BlobRead, call: &Call) -> Result<(), Failure> {
        // A layer that is looked into has to pass by.
        let Some(file) = reader.file().filter(|_| self.passing.is_none()) else { return Ok(()) };
        while let Some(copied) = self.writer.write_file(file, call).map_err(Failure::of_writer)? {
            self.report.bytes_transferred += copied;
            call.add_done(copied);
            self.claim.progress();
            let (position, source) = (self.writer.position(), self.report.source);
            self.events.tell(position, false, source, call).map_err(Failure::Sink)?;
        }
        Ok(())
    }

    /// Copies the rest of the blob.
    fn rest(
        &mut self,
        endpoint: &dyn Source,
        buffer: &mut Vec<u8>,
        call: &Call,
    ) -> Result<(), Failure> {
        loop {
            if self.writer.position() == self.blob.size && self.blob.size > 0 {
                return Ok(());
            }
            let opened = endpoint.open_blob(self.blob, self.writer.position(), call);
            let mut reader = opened.map_err(Failure::Source)?;
            match self.stream(&mut *reader, call)? {
                Streamed::Whole => return Ok(()),
                Streamed::InPart => continue,
                Streamed::InPieces => {}
            }
            // A layer that is looked into has to pass by.
            let may_use_ranges = self.may_use_ranges && self.passing.is_none();
            let ranges = may_use_ranges.then(|| endpoint.ranges(self.blob)).flatten();
            if self.pieces(reader, ranges.as_deref(), buffer, call)? {
                return Ok(());
            }
        }
    }

    /// Copies the rest in large pieces; false if it went on in ranges, which may not have brought all of it.
    fn pieces(
        &mut self,
        mut reader: Box<dyn BlobRead + '_>,
        ranges: Option<&dyn Ranges>,
        buffer: &mut Vec<u8>,
        call: &Call,
    ) -> Result<bool, Failure> {
        self.copy_file(&mut *reader, call)?;
        let mut watch = ranges.map(|ranges| (Watch::new(), ranges));
        loop {
            let began = Instant::now();
            let (filled, read) = fill(&mut *reader, buffer, call);
            let waited = began.elapsed();
            // What came before a failure is as good as the rest, and a later call goes on from there.
            self.write(buffer, filled, call)?;
            self.report.retries += reader.take_retries() + self.writer.take_retries();
            if read.map_err(Failure::Source)? == Read::Ended {
                return Ok(true);
            }
            self.claim.progress();
            let (position, source) = (self.writer.position(), self.report.source);
            self.events.tell(position, false, source, call).map_err(Failure::Sink)?;
            let left = self.blob.size - position;
            if let Some((watch, ranges)) = &mut watch
                && self.may_use_ranges
                && let Some(speed) = watch.is_slow(filled, waited, left)
                && self.in_ranges(*ranges, &mut reader, speed, call)?
            {
                return Ok(false);
            }
        }
    }

    /// Writes what was read.
    fn write(&mut self, buffer: &mut Vec<u8>, filled: usize, call: &Call) -> Result<(), Failure> {
        if filled == 0 {
            return Ok(());
        }
        // Before the buffer is given away.
        if let Some(passing) = &mut self.passing {
            let at = self.writer.position();
            passing.update(at, &buffer[..filled], call).map_err(Failure::Source)?;
        }
        let left = self.blob.size - self.writer.position();
        if left >= LARGE && self.busy.leave_a_core_idle() {
            self.writer.use_idle_core();
        }
        self.writer.write_buffer(buffer, filled, call).map_err(Failure::of_writer)?;
        self.report.bytes_transferred += filled as u64;
        call.add_done(filled as u64);
        Ok(())
    }

    /// Goes on in several ranges at once, instead of the stream; false if that cannot be done.
    fn in_ranges(
        &mut self,
        ranges: &dyn Ranges,
        stream: &mut Box<dyn BlobRead + '_>,
        speed: f64,
        call: &Call,
    ) -> Result<bool, Failure> {
        match ranges::probe(ranges, self.writer.position(), self.blob.size, call) {
            Ok(true) => {}
            // Others have all places of the host: perhaps later.
            Ok(false) => return Ok(false),
            Err(error) => {
                call.check().map_err(Failure::Source)?;
                self.may_use_ranges = false;
                self.stays_alone(&format!("the server does not send ranges of it: {error}"), call);
                return Ok(false);
            }
        }
        let Self { blob, writer, claim, report, events, .. } = self;
        let Some(scattered) = writer.scatter(call).map_err(Failure::Sink)? else {
            return Ok(false);
        };
        // The host has a place less to give as long as it is there.
        *stream = Box::new(&[] as &[u8]);
        (self.may_use_ranges, self.is_scattered) = (false, true);
        let ended = ranges::fetch(ranges, scattered, blob.size, speed, call, &mut |taken| {
            if taken.were_there {
                report.resumed_from += taken.bytes;
            } else {
                report.bytes_transferred += taken.bytes;
            }
            report.retries += taken.retries;
            call.add_done(taken.bytes);
            claim.progress();
            events.tell(taken.position, false, report.source, call)
        })?;
        let why = match ended {
            Ended::Whole => return Ok(true),
            Ended::NoFaster => "more connections are not faster".to_owned(),
            Ended::Failed(error) => {
                call.check().map_err(Failure::Source)?;
                self.report.retries += 1;
                format!("ranges of the blob could not be fetched: {error}")
            }
        };
        self.stays_alone(&why, call);
        Ok(true)
    }

    fn stays_alone(&self, why: &str, call: &Call) {
        call.log(Level::Debug, "transfer", || {
            Record::new(format!("{} is downloaded over one connection: {why}", self.blob.digest))
        });
    }

    /// Lets the destination read for itself, if it can send the bytes on.
    fn stream(&mut self, reader: &mut dyn BlobRead, call: &Call) -> Result<Streamed, Failure> {
        let Self { writer, claim, report, events, passing, .. } = self;
        let mut position = writer.position();
        let mut failure = None;
        let streamed = writer.stream(
            &mut |buffer| {
                let told = reader.read(buffer, call).map_err(Failure::Source).and_then(|read| {
                    if let Some(passing) = passing {
                        let seen = passing.update(position, &buffer[..read], call);
                        seen.map_err(Failure::Source)?;
                    }
                    position += read as u64;
                    report.bytes_transferred += read as u64;
                    call.add_done(read as u64);
                    claim.progress();
                    let told = events.tell(position, false, report.source, call);
                    told.map(|()| read).map_err(Failure::Sink)
                });
                told.map_err(|failed| {
                    let (Failure::Source(error) | Failure::Sink(error)) = &failed;
                    let error = error.clone();
                    failure = Some(failed);
                    error
                })
            },
            call,
        );
        report.retries += reader.take_retries() + writer.take_retries();
        if !matches!(streamed, Ok(Streamed::Whole)) {
            // What did not arrive is to be moved again.
            call.forget_done(position.saturating_sub(writer.position()));
        }
        match failure {
            Some(failure) => Err(failure),
            None => streamed.map_err(Failure::of_writer),
        }
    }
}
