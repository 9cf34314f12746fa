//! Reading layers on one thread and applying them on another: while one downloads, hashes and decompresses, the other
//! hashes what comes out and writes it. What is between them is bounded, and the next layer begins while the last one is
//! still being written.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};

use super::fetch::{Fetch, Keep};
use crate::call::Call;
use crate::compress::{Decoder, check_diff_id};
use crate::error::{Code, Error, Result};
use crate::image::{BlobRead, Descriptor, Source};
use crate::log::{Level, Record};
use crate::names::digest::{Digest, Hasher};
use crate::sync::lock;
use crate::transfer::progress::EVENT;
use crate::transfer::report::BlobReport;

/// So much is decompressed at a time.
const CHUNK: usize = 128 << 10;

/// How many of that may wait to be written.
const CHUNKS: usize = 16;

/// The stack of a thread of this call.
const STACK: usize = 256 << 10;

/// A layer of an image.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its blob.
    pub blob: Descriptor,
    /// What it hashes to without its compression.
    pub diff_id: Digest,
}

/// What is done with layers.
pub trait Apply: Send {
    /// What messages call it.
    const DOING: &'static str;

    /// Takes the next layer: an uncompressed archive, which it reads to its end.
    fn layer(&mut self, number: usize, archive: &mut dyn BlobRead, call: &Call) -> Result<()>;
}

/// What a thread does.
type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// What the reading thread hands over.
enum Message {
    /// Uncompressed bytes: so many of a chunk.
    Data(Vec<u8>, usize),
    /// The layer was whole and right.
    End,
}

/// What both threads see. On the heap: a host that switches stacks in a callback may set the caller's stack aside.
struct Shared<'a, A> {
    source: &'a dyn Source,
    keep: Option<Keep<'a>>,
    layers: &'a [Layer],
    /// The most that layers may have without their compression.
    limit: u64,
    /// The layer cannot be applied; it is read only to know whether that is the fault of whoever sent it.
    only_verify: AtomicBool,
    reports: Mutex<Vec<BlobReport>>,
    applier: Mutex<Option<A>>,
}

/// Applies layers, and returns what became of each blob.
pub fn run<'a, A: Apply>(
    source: &'a dyn Source,
    keep: Option<Keep<'a>>,
    layers: &'a [Layer],
    limit: u64,
    applier: A,
    call: &Call,
) -> Result<(A, Vec<BlobReport>)> {
    let shared = Box::new(Shared {
        source,
        keep,
        layers,
        limit,
        only_verify: AtomicBool::new(false),
        reports: Mutex::default(),
        applier: Mutex::new(Some(applier)),
    });
    let (sender, ended) = channel();
    let (filled, chunks) = sync_channel(CHUNKS);
    let (recycle, empty) = channel();
    for _ in 0..CHUNKS {
        // The receiver is there.
        let _ = recycle.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let worker = call.worker();
        let (end, this) = (sender.clone(), &*shared);
        let read = move || report_end(&end, this.read_layers(&filled, &empty, &worker));
        let worker = call.worker();
        let (end, this) = (sender.clone(), &*shared);
        let apply = move || report_end(&end, this.apply_layers(&chunks, &recycle, &worker));
        let (mut running, mut failure) = (0, None);
        let works: [(&str, Work<'_>); 2] =
            [("ocireg-read", Box::new(read)), ("ocireg-unpack", Box::new(apply))];
        for (name, work) in works {
            let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
            match thread.spawn_scoped(scope, work) {
                Ok(_) => running += 1,
                // The other one ends because nobody is at the other end.
                Err(e) => failure = Some(Error::resource("cannot start a thread", &e)),
            }
        }
        drop(sender);
        supervise(running, failure, &ended, call)
    })?;
    let applier = lock(&shared.applier).take();
    let reports = std::mem::take(&mut *lock(&shared.reports));
    match applier {
        Some(applier) if reports.len() == layers.len() => Ok((applier, reports)),
        _ => Err(Error::internal("a layer was not applied")),
    }
}

impl<'a, A: Apply> Shared<'a, A> {
    /// The reading thread. It ends without an error when nobody takes what it reads: whoever did has one.
    fn read_layers(
        &self,
        filled: &SyncSender<Message>,
        empty: &Receiver<Vec<u8>>,
        call: &Call,
    ) -> Result<()> {
        for layer in self.layers {
            let fetch = Fetch::begin(self.source, self.keep.as_ref(), &layer.blob, call)?;
            let mut decoder = Decoder::limited(fetch, self.limit);
            if !self.read_layer(&mut decoder, filled, empty, call)? {
                return Ok(());
            }
            let report = decoder.get_mut().verify(call)?;
            lock(&self.reports).push(report);
            if filled.send(Message::End).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a layer to its end; false if nobody wants it.
    fn read_layer(
        &self,
        decoder: &mut Decoder<Fetch<'a>>,
        filled: &SyncSender<Message>,
        empty: &Receiver<Vec<u8>>,
        call: &Call,
    ) -> Result<bool> {
        loop {
            if self.only_verify.load(Ordering::Relaxed) {
                decoder.get_mut().read_out(call)?;
                return Ok(true);
            }
            let Ok(mut chunk) = empty.recv() else { return Ok(false) };
            chunk.resize(CHUNK, 0);
            let (mut length, mut ended) = (0, false);
            while length < CHUNK && !ended {
                match decoder.read(&mut chunk[length..], call) {
                    Ok(0) => ended = true,
                    Ok(read) => length += read,
                    Err(error) => return Err(self.blame(decoder, error, call)),
                }
            }
            if length > 0 && filled.send(Message::Data(chunk, length)).is_err() {
                return Ok(false);
            }
            if ended {
                return Ok(true);
            }
        }
    }

    /// What cannot be decompressed may have been sent wrong.
    fn blame(&self, decoder: &mut Decoder<Fetch<'a>>, error: Error, call: &Call) -> Error {
        if decoder.get_ref().has_failed() {
            return error;
        }
        let read = decoder.get_mut().read_out(call).and_then(|()| decoder.get_ref().check());
        read.err().unwrap_or(error)
    }

    /// The applying thread.
    fn apply_layers(
        &self,
        chunks: &Receiver<Message>,
        recycle: &Sender<Vec<u8>>,
        call: &Call,
    ) -> Result<()> {
        let Some(mut applier) = lock(&self.applier).take() else { return Ok(()) };
        for (number, layer) in self.layers.iter().enumerate() {
            let hasher = Hasher::new(layer.diff_id.algorithm());
            let mut feed =
                Feed { chunks, recycle, chunk: Vec::new(), at: 0, length: 0, hasher, end: None };
            let applied = applier
                .layer(number, &mut feed, call)
                .and_then(|()| check_diff_id(&layer.diff_id, &feed.hasher.clone().finish()));
            let Err(error) = applied else { continue };
            let by_content =
                matches!(error.code(), Code::InvalidManifest | Code::Limit | Code::Unsupported)
                    || error.details().what == Some("entry");
            if feed.end.is_none() && by_content {
                self.only_verify.store(true, Ordering::Relaxed);
                feed.discard();
            }
            if feed.end == Some(End::Gone) {
                return Ok(());
            }
            let digest = &layer.blob.digest;
            return Err(error.context(format!("cannot {} the layer {digest}", A::DOING)));
        }
        *lock(&self.applier) = Some(applier);
        Ok(())
    }
}

/// How the stream of a layer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The layer was whole.
    Whole,
    /// The reading thread failed, and says why.
    Gone,
}

/// The uncompressed bytes of one layer, as the reading thread hands them over.
struct Feed<'a> {
    chunks: &'a Receiver<Message>,
    recycle: &'a Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    length: usize,
    hasher: Hasher,
    end: Option<End>,
}

impl Feed<'_> {
    /// The next chunk; false at the end.
    fn next(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        // Nobody takes it if the reading thread has read all it has to.
        let _ = self.recycle.send(std::mem::take(&mut self.chunk));
        match self.chunks.recv() {
            Ok(Message::Data(chunk, length)) => {
                (self.chunk, self.length, self.at) = (chunk, length, 0);
                true
            }
            Ok(Message::End) => {
                self.end = Some(End::Whole);
                false
            }
            Err(_) => {
                self.end = Some(End::Gone);
                false
            }
        }
    }

    /// Takes what is left of the layer.
    fn discard(&mut self) {
        while self.next() {}
    }
}

impl BlobRead for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8], call: &Call) -> Result<usize> {
        if self.at == self.length {
            call.check()?;
            if self.next() {
                self.hasher.update(&self.chunk[..self.length]);
            } else if self.end == Some(End::Gone) {
                return Err(Error::internal("the reading thread failed"));
            } else {
                return Ok(0);
            }
        }
        let read = buffer.len().min(self.length - self.at);
        buffer[..read].copy_from_slice(&self.chunk[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

fn report_end(sender: &Sender<Result<()>>, result: Result<()>) {
    // The receiver is gone only when the call has failed already.
    let _ = sender.send(result);
}

/// Waits on the caller's thread for the workers, telling progress. The first failure ends them.
fn supervise(
    mut running: usize,
    mut failure: Option<Error>,
    ended: &Receiver<Result<()>>,
    call: &Call,
) -> Result<()> {
    while running > 0 {
        let received = ended.recv_timeout(EVENT);
        if failure.is_none()
            && let Err(error) = call.report_events().and_then(|()| call.check())
        {
            call.stop_workers();
            failure = Some(error);
        }
        match received {
            Ok(Ok(())) => running -= 1,
            Ok(Err(error)) => {
                running -= 1;
                // After wrong bytes the call may go on with another endpoint; the applying thread ends by itself.
                if !is_wrong_copy(&error) {
                    call.stop_workers();
                }
                failure.get_or_insert(error);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                failure.get_or_insert_with(|| Error::internal("a worker thread panicked"));
                break;
            }
        }
    }
    match failure {
        None => call.report_events(),
        Some(error) => {
            if !matches!(error.code(), Code::Cancelled | Code::Deadline) {
                call.log(Level::Error, "unpack", || Record::new(error.to_string()).error(&error));
            }
            call.report_records();
            Err(error)
        }
    }
}

/// Whether a blob came wrong, so that another endpoint may have it right.
pub(super) fn is_wrong_copy(error: &Error) -> bool {
    matches!(error.code(), Code::DigestMismatch | Code::SizeMismatch)
        && error.details().what != Some("diff_id")
}
