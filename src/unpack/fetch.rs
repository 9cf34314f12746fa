//! A layer on its way in: hashed while it is read, gone on with where a connection or an endpoint failed, and kept in a
//! layout if that is wanted.

use crate::call::Call;
use crate::call::event::{BlobSource, Direction};
use crate::error::Result;
use crate::image::descriptor::{check_digest, check_size};
use crate::image::{BlobRead, BlobWrite, Descriptor, Sink, Source};
use crate::names::digest::Hasher;
use crate::registry::failover::is_no_answer;
use crate::transfer::progress::Events;
use crate::transfer::report::BlobReport;

/// A layout that keeps what is unpacked.
pub struct Keep<'a> {
    /// To be written to.
    pub sink: &'a dyn Sink,
    /// The same, to read what it has already.
    pub source: &'a dyn Source,
}

/// The compressed bytes of a blob.
pub(super) struct Fetch<'a> {
    source: &'a dyn Source,
    blob: &'a Descriptor,
    reader: Option<Box<dyn BlobRead + 'a>>,
    writer: Option<Box<dyn BlobWrite + 'a>>,
    hasher: Hasher,
    position: u64,
    /// Where it was when it was opened last.
    opened_at: Option<u64>,
    /// Whether it was opened more than once, so that nobody knows who sent what.
    is_mixed: bool,
    /// Whether the source itself failed, and not what is made of its bytes.
    failed: bool,
    events: Events<'a>,
    report: BlobReport,
}

impl<'a> Fetch<'a> {
    /// Begins a blob. What a layout keeps already is read from there.
    pub(super) fn begin(
        source: &'a dyn Source,
        keep: Option<&Keep<'a>>,
        blob: &'a Descriptor,
        call: &Call,
    ) -> Result<Self> {
        let mut fetch = Self {
            source,
            blob,
            reader: None,
            writer: None,
            hasher: Hasher::new(blob.digest.algorithm()),
            position: 0,
            opened_at: None,
            is_mixed: false,
            failed: false,
            events: Events::new(blob, Direction::Down),
            report: BlobReport::present(blob),
        };
        if let Some(keep) = keep {
            if keep.sink.has_blob(blob, false, call)? {
                fetch.source = keep.source;
            } else {
                let mut writer = keep.sink.blob_writer(blob, call)?;
                if writer.position() > 0 {
                    writer.restart(call)?;
                }
                fetch.writer = Some(writer);
            }
        }
        if fetch.source.endpoint().is_some() {
            fetch.report.source = BlobSource::Network;
        }
        if let Some(bytes) = blob.embedded()? {
            fetch.reader = Some(Box::new(Embedded { bytes, at: 0 }));
            fetch.opened_at = Some(0);
        }
        Ok(fetch)
    }

    /// Whether it was the source that failed, and not what its bytes were used for.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reads what is left, only to know whether it is right.
    pub(super) fn read_out(&mut self, call: &Call) -> Result<()> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer, call)? > 0 {}
        Ok(())
    }

    /// Judges size and digest, at the end.
    pub(super) fn check(&self) -> Result<()> {
        check_size(&self.blob.digest, self.blob.size, self.position)
            .and_then(|()| check_digest(&self.blob.digest, self.hasher.clone().finish()))
            .map_err(|error| {
                if !self.is_mixed {
                    self.source.blame(&error);
                }
                error.context(format!("cannot use the blob that {} sent", self.source.shown()))
            })
    }

    /// Judges it, and gives it its name in the layout that keeps it.
    pub(super) fn verify(&mut self, call: &Call) -> Result<BlobReport> {
        self.check()?;
        if let Some(mut writer) = self.writer.take() {
            writer.commit(call)?;
        }
        self.events.tell(self.blob.size, true, self.report.source, call)?;
        Ok(self.report.clone())
    }

    fn open(&mut self, call: &Call) -> Result<()> {
        if self.reader.is_none() {
            self.is_mixed = self.position > 0;
            self.reader = Some(self.source.open_blob(self.blob, self.position, call)?);
            self.opened_at = Some(self.position);
        }
        Ok(())
    }

    fn read_once(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        if self.position == self.blob.size && self.opened_at.is_some() && self.reader.is_none() {
            return Ok(0);
        }
        self.open(call)?;
        let Some(reader) = &mut self.reader else { return Ok(0) };
        let read = reader.read(buffer, call)?;
        self.report.retries += reader.take_retries();
        self.position += read as u64;
        if self.position > self.blob.size {
            check_size(&self.blob.digest, self.blob.size, self.position)?;
        }
        self.hasher.update(&buffer[..read]);
        if let Some(writer) = &mut self.writer {
            writer.write(&buffer[..read], call)?;
        }
        if self.report.source == BlobSource::Network {
            self.report.bytes_transferred += read as u64;
        }
        call.add_done(read as u64);
        self.events.tell(self.position, false, self.report.source, call)?;
        Ok(read)
    }
}

impl BlobRead for Fetch<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        loop {
            match self.read_once(buffer, call) {
                // The next endpoint may go on, as long as there is any progress.
                Err(error)
                    if is_no_answer(&error)
                        && self.opened_at.is_some_and(|at| at < self.position) =>
                {
                    self.reader = None;
                    self.report.retries += 1;
                    self.opened_at = Some(self.position);
                }
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
                read => return read,
            }
        }
    }
}

/// Content that a descriptor has in itself.
struct Embedded {
    bytes: Vec<u8>,
    at: usize,
}

impl BlobRead for Embedded {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        let read = (&self.bytes[self.at..]).read(buffer, call)?;
        self.at += read;
        Ok(read)
    }
}
