//! From a registry into an OCI layout: manifests first, then what is missing, then the name.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::children::{Children, manifest_event};
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::image::manifest::Fetched;
use crate::image::select::{Source as _, choose, too_deep, too_many};
use crate::image::transport::Source as _;
use crate::image::{Descriptor, Manifest, Platform, media_type, platform};
use crate::log::{Level, Record};
use crate::names::digest::Digest;
use crate::names::reference::Reference;
use crate::registry::session::{Session, selector_of};
use crate::store::{Layout, Marks};
use crate::sync::lock;
use crate::v2::blob::BlobReader;
use crate::v2::repository::ManifestOptions;

/// What is read from a connection before it is written: more brings nothing (measured).
const BUFFER: usize = 256 << 10;

/// The least time between two progress events of one blob.
const EVENT: Duration = Duration::from_millis(100);

/// What a layout with Docker media types is not good for.
const DOCKER_IN_LAYOUT: &str = "the image has Docker media types, which umoci and older versions \
    of skopeo cannot read from an OCI layout by name";

/// How a pull is done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whose image of an index; None is this machine's.
    pub platform: Option<Platform>,
    /// The index with all of its images instead.
    pub all_platforms: bool,
    /// Leave no partial file for a later pull to go on with.
    pub no_resume: bool,
    /// Layers that are not meant to be distributed are fetched as well.
    pub nondistributable: bool,
    /// All blobs that are there already are hashed again.
    pub verify_present: bool,
}

/// What a pull did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The canonical reference, with the digest that it stood for.
    pub reference: String,
    /// The document that the destination's name now points at.
    pub descriptor: Descriptor,
    /// Every manifest that was stored.
    pub manifests: Vec<ManifestReport>,
    /// The platform, where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
    /// Who gave it.
    pub endpoint: EndpointReport,
    /// The place, as it was given.
    pub destination: String,
    /// Every blob, in the order of the image.
    pub blobs: Vec<BlobReport>,
    /// Bytes of all blobs.
    pub bytes_total: u64,
    /// Bytes that came over the network.
    pub bytes_transferred: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// What the user should know though all went well.
    pub warnings: Vec<String>,
}

/// A stored manifest.
#[derive(Debug, Clone, Serialize)]
pub struct ManifestReport {
    /// What it is.
    pub descriptor: Descriptor,
    /// What it runs on, where the index said so.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform::as_text")]
    pub platform: Option<Platform>,
}

/// An endpoint in a report.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointReport {
    /// Its address.
    pub url: String,
    /// Whether it is a mirror.
    pub mirror: bool,
}

/// A blob in a report.
#[derive(Debug, Clone, Serialize)]
pub struct BlobReport {
    /// What it hashes to.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// Bytes that came over the network.
    pub bytes_transferred: u64,
    /// Where an earlier, interrupted pull had come to.
    pub resumed_from: u64,
    /// Connections that were made again.
    pub retries: u32,
    /// Where it came from.
    pub source: Source,
}

/// Where a blob came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Source {
    Network,
    Present,
    Resumed,
}

/// What has to be in the destination, found by walking the manifests.
struct Plan {
    root: Descriptor,
    resolved: Digest,
    /// Children before the index that lists them.
    manifests: Vec<Stored>,
    blobs: Vec<Descriptor>,
    /// What must be right though it is there already: programs read it before any layer.
    configs: HashSet<Digest>,
    platform: Option<Platform>,
    warnings: Vec<String>,
}

/// A manifest that is in the layout. Its bytes are there only: how many there are of them is not for a registry to say.
struct Stored {
    descriptor: Descriptor,
    platform: Option<Platform>,
    /// An image's configuration.
    config: Option<Descriptor>,
    /// An image's layers.
    layers: Vec<Descriptor>,
}

/// Pulls a reference through an open session into a layout, under a name.
pub fn pull(
    session: &Session,
    reference: &Reference,
    layout: &Layout,
    name: Option<&str>,
    destination: &str,
    options: &Options,
    call: &Call,
) -> Result<Report> {
    let began = Instant::now();
    let mut plan = plan(session, reference, layout, options, call)?;
    let total = plan.blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
    call.set_total(total);
    let blobs = fetch_blobs(session, layout, &plan, options, call)?;
    layout.set_reference(&plan.root, name, call)?;
    plan.look_at_config(layout, session.limits().config, options);
    call.event(&serde_json::json!({"kind": "finish"}))?;
    let info = session.info();
    Ok(Report {
        reference: format!("{}@{}", reference.name(), plan.resolved),
        descriptor: plan.root,
        manifests: plan
            .manifests
            .into_iter()
            .rev()
            .map(|Stored { descriptor, platform, .. }| ManifestReport { descriptor, platform })
            .collect(),
        platform: plan.platform,
        endpoint: EndpointReport { url: info.endpoint, mirror: info.mirror },
        destination: destination.to_owned(),
        bytes_transferred: blobs.iter().map(|blob| blob.bytes_transferred).sum(),
        blobs,
        bytes_total: total,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        warnings: plan.warnings,
    })
}

fn plan(
    session: &Session,
    reference: &Reference,
    layout: &Layout,
    options: &Options,
    call: &Call,
) -> Result<Plan> {
    let selector = selector_of(reference);
    let plain = ManifestOptions::default();
    let root = session.with_repository(call, |r| r.manifest(&selector, &plain, call))?;
    manifest_event(&root, call)?;
    let resolved = root.descriptor.digest.clone();
    let children = Children { session, call };
    let mut walk = Walk {
        children,
        layout,
        options,
        manifests: Vec::new(),
        entries: Vec::new(),
        seen: HashSet::new(),
        left: session.limits().children,
        deepest: session.limits().depth,
    };
    let (mut platform, mut warnings) = (None, Vec::new());
    let root = match &root.manifest {
        Manifest::Index(index) if !options.all_platforms => {
            let wanted = options.platform.clone().unwrap_or_else(Platform::host);
            let chosen = choose(index, &wanted, session.limits(), &children)?;
            warnings.extend(chosen.warning);
            platform.clone_from(&chosen.platform);
            let descriptor = chosen.image.descriptor.clone();
            walk.store(chosen.image, chosen.platform)?;
            descriptor
        }
        _ => {
            let descriptor = root.descriptor.clone();
            walk.all(root, None, 0)?;
            descriptor
        }
    };
    if walk.manifests.iter().any(|stored| media_type::is_docker(&stored.descriptor.media_type)) {
        warnings.push(DOCKER_IN_LAYOUT.to_owned());
    }
    let Walk { manifests, entries, .. } = walk;
    let blobs = blobs_of(&manifests, entries, options, &mut warnings)?;
    let configs = manifests.iter().filter_map(|stored| stored.config.as_ref());
    let configs = configs.map(|config| config.digest.clone()).collect();
    Ok(Plan { root, resolved, manifests, blobs, configs, platform, warnings })
}

impl Plan {
    /// A single image says what it runs on in its configuration alone, and one of an index should say there what the index
    /// says. It is here now, and costs no request.
    fn look_at_config(&mut self, layout: &Layout, limit: u64, options: &Options) {
        let [Stored { config: Some(config), platform: stated, .. }] = self.manifests.as_mut_slice()
        else {
            return;
        };
        if !media_type::is_image_config(&config.media_type) {
            return;
        }
        let config = layout.read_blob(&config.digest, limit).ok();
        let Some(found) = config.and_then(|config| Platform::of_config(&config)) else { return };
        match stated {
            Some(stated) if stated.is_like(&found) => {}
            Some(stated) => self.warnings.push(format!(
                "the index says that the image is for {stated}, but its configuration says {found}"
            )),
            None => {
                let wanted = options.platform.as_ref();
                if let Some(wanted) = wanted.filter(|wanted| wanted.suits(&found).is_none()) {
                    self.warnings.push(format!("the image is for {found}, not for {wanted}"));
                }
                *stated = Some(found.clone());
                self.platform = Some(found);
            }
        }
    }
}

/// Walks an index and what it lists.
struct Walk<'a> {
    children: Children<'a>,
    layout: &'a Layout,
    options: &'a Options,
    manifests: Vec<Stored>,
    /// Entries of indexes that are no manifests, such as the layers of a build cache.
    entries: Vec<Descriptor>,
    seen: HashSet<Digest>,
    left: u64,
    deepest: u64,
}

impl Walk<'_> {
    /// A document with everything below it; children come first.
    fn all(&mut self, fetched: Fetched, platform: Option<Platform>, depth: u64) -> Result<()> {
        if !self.seen.insert(fetched.descriptor.digest.clone()) {
            return Ok(());
        }
        if let Manifest::Index(index) = &fetched.manifest {
            if depth >= self.deepest {
                return Err(too_deep(self.deepest));
            }
            for child in &index.manifests {
                self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
                if self.seen.contains(&child.digest) {
                    continue;
                }
                if media_type::is_manifest(&child.media_type) {
                    let inner = self.children.manifest(child)?;
                    self.all(inner, child.platform.clone(), depth + 1)?;
                } else if media_type::is_manifest_by_name(&child.media_type) {
                    self.unread(child)?;
                } else {
                    let entry = self.kept(child.clone())?;
                    self.entries.push(entry);
                }
            }
        }
        self.store(fetched, platform)
    }

    /// Stores a manifest, and keeps of it what the pull needs.
    fn store(&mut self, fetched: Fetched, platform: Option<Platform>) -> Result<()> {
        let Fetched { descriptor, bytes, manifest } = fetched;
        self.put(&descriptor.digest, &bytes)?;
        let (mut config, mut layers) = (None, Vec::new());
        if let Manifest::Image(image) = manifest {
            let blobs = image.layers.len() as u64 + 1;
            self.left = self.left.checked_sub(blobs).ok_or_else(too_many)?;
            config = Some(self.kept(image.config)?);
            layers = image.layers.into_iter().map(|d| self.kept(d)).collect::<Result<_>>()?;
        }
        self.manifests.push(Stored { descriptor, platform, config, layers });
        Ok(())
    }

    fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        self.children.call.check()?;
        self.layout.put_bytes(digest, bytes)
    }

    /// What is needed of a blob's descriptor. Content that it has in itself goes into the layout at once.
    fn kept(&self, blob: Descriptor) -> Result<Descriptor> {
        if let Some(bytes) = blob.embedded()? {
            self.put(&blob.digest, &bytes)?;
        }
        let urls = if self.options.nondistributable { blob.urls } else { Vec::new() };
        Ok(Descriptor { urls, ..Descriptor::new(blob.media_type, blob.digest, blob.size) })
    }

    /// A manifest of a type that only its name tells.
    fn unread(&mut self, child: &Descriptor) -> Result<()> {
        self.seen.insert(child.digest.clone());
        match self.children.unread_manifest(child) {
            Ok(bytes) => {
                let platform = child.platform.clone();
                let descriptor =
                    Descriptor::new(&*child.media_type, child.digest.clone(), child.size);
                self.put(&descriptor.digest, &bytes)?;
                let (config, layers) = (None, Vec::new());
                self.manifests.push(Stored { descriptor, platform, config, layers });
            }
            // The name was that of a blob.
            Err(error) if error.code() == Code::NotFound => {
                let entry = self.kept(child.clone())?;
                self.entries.push(entry);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The blobs of images and indexes, each once; the same digest with two sizes is a lie.
fn blobs_of(
    manifests: &[Stored],
    entries: Vec<Descriptor>,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Descriptor>> {
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    let mut blobs = Vec::new();
    let of_images = manifests.iter().flat_map(|stored| stored.config.iter().chain(&stored.layers));
    for blob in of_images.chain(&entries) {
        if media_type::is_nondistributable(&blob.media_type) && !options.nondistributable {
            warnings.push(format!(
                "the layer {} is not distributable and was left out; set nondistributable to fetch it",
                blob.digest
            ));
            continue;
        }
        match sizes.insert(blob.digest.clone(), blob.size) {
            None => blobs.push(blob.clone()),
            Some(size) if size == blob.size => {}
            Some(size) => {
                return Err(Error::new(
                    Code::InvalidManifest,
                    format!(
                        "{} is listed with two different sizes, {size} and {} bytes",
                        blob.digest, blob.size
                    ),
                ));
            }
        }
    }
    Ok(blobs)
}

/// What the threads of a pull have in common.
///
/// It is on the heap, as is everything else that they see: a host that switches stacks in a callback (coroutines,
/// greenlets) may set the caller's stack aside while they work.
struct Shared<'a> {
    next: AtomicUsize,
    reports: Mutex<Vec<Option<BlobReport>>>,
    present: Present<'a>,
}

/// Fetches several blobs at once, on threads that end with this function.
fn fetch_blobs(
    session: &Session,
    layout: &Layout,
    plan: &Plan,
    options: &Options,
    call: &Call,
) -> Result<Vec<BlobReport>> {
    let blobs = plan.blobs.as_slice();
    let shared = Box::new(Shared {
        next: AtomicUsize::new(0),
        reports: Mutex::new(vec![None; blobs.len()]),
        present: Present { layout, marks: layout.marks()?, configs: plan.configs.clone(), options },
    });
    let threads = session.concurrency().min(blobs.len());
    let (sender, ended) = channel();
    std::thread::scope(|scope| {
        let mut running = 0;
        for _ in 0..threads {
            let (worker, sender) = (call.worker(), sender.clone());
            let Shared { next, reports, present } = &*shared;
            let work = move || {
                let mut buffer = vec![0; BUFFER];
                let result = loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(blob) = blobs.get(i) else { break Ok(()) };
                    match fetch_blob(session, present, blob, &mut buffer, &worker) {
                        Ok(report) => {
                            let mut reports = lock(reports);
                            reports[i] = Some(report);
                        }
                        Err(error) => {
                            // Of several that fail at once the caller gets one.
                            if !matches!(error.code(), Code::Cancelled | Code::Deadline) {
                                worker.log(Level::Error, "transfer", || {
                                    Record::new(error.to_string()).error(&error)
                                });
                            }
                            break Err(error);
                        }
                    }
                };
                report_end(&sender, result);
            };
            let spawned = std::thread::Builder::new()
                .name("ocireg-blob".to_owned())
                .stack_size(256 << 10)
                .spawn_scoped(scope, work);
            match spawned {
                Ok(_) => running += 1,
                // Fewer threads do the same work; none at all cannot.
                Err(e) if running == 0 => {
                    return Err(Error::resource("cannot start a thread", &e));
                }
                Err(_) => break,
            }
        }
        drop(sender);
        supervise(running, &ended, call)
    })?;
    let reports = shared.reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports
        .into_iter()
        .map(|report| report.ok_or_else(|| Error::internal("a blob was not pulled")))
        .collect()
}

fn report_end(sender: &Sender<Result<()>>, result: Result<()>) {
    // The receiver is gone only when the call has failed already.
    let _ = sender.send(result);
}

/// Waits on the caller's thread for the workers, telling progress; the first failure ends them all.
fn supervise(mut running: usize, ended: &Receiver<Result<()>>, call: &Call) -> Result<()> {
    let mut failure: Option<Error> = None;
    while running > 0 {
        let received = ended.recv_timeout(EVENT);
        if failure.is_none() {
            let told = call.report_events().and_then(|()| call.check());
            if let Err(error) = told {
                failure = Some(error);
                call.stop_workers();
            }
        }
        match received {
            Ok(Ok(())) => running -= 1,
            Ok(Err(error)) => {
                running -= 1;
                failure.get_or_insert(error);
                call.stop_workers();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if failure.is_none() => {
                return Err(Error::internal("a worker thread panicked"));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match failure {
        None => call.report_events(),
        Some(error) => {
            call.report_records();
            Err(error)
        }
    }
}

/// One blob: present already, or fetched into a file that gets its name when it is whole.
fn fetch_blob(
    session: &Session,
    present: &Present<'_>,
    blob: &Descriptor,
    buffer: &mut [u8],
    call: &Call,
) -> Result<BlobReport> {
    let Present { layout, options, .. } = present;
    let mut report = BlobReport {
        digest: blob.digest.clone(),
        size: blob.size,
        media_type: blob.media_type.clone(),
        bytes_transferred: 0,
        resumed_from: 0,
        retries: 0,
        source: Source::Present,
    };
    let mut events = Events { blob, last: None };
    if present.has(blob, call)? {
        call.add_done(blob.size);
        events.tell(blob.size, true, report.source, call)?;
        return Ok(report);
    }
    if let Some(bytes) = blob.embedded()? {
        layout.put_bytes(&blob.digest, &bytes)?;
        call.add_done(blob.size);
        events.tell(blob.size, true, report.source, call)?;
        return Ok(report);
    }
    let mut writer = layout.blob_writer(&blob.digest, blob.size, !options.no_resume, call)?;
    report.resumed_from = writer.position();
    report.source = if report.resumed_from > 0 { Source::Resumed } else { Source::Network };
    call.add_done(report.resumed_from);
    let mut refetched = false;
    let fetched = session.with_repository(call, |repository| {
        loop {
            let copied =
                copy(repository, blob, &mut writer, &mut report, &mut events, buffer, call);
            let verified = copied.and_then(|()| {
                writer.verify().map_err(|e| {
                    e.context(format!("cannot use the blob that {} sent", repository.shown()))
                })
            });
            match verified {
                // What an earlier pull left may be what is wrong: once more from the start.
                Err(error) if error.code() == Code::DigestMismatch => {
                    start_over(&mut writer, &mut report, call)?;
                    if refetched {
                        return Err(error);
                    }
                    refetched = true;
                }
                // Nor can every server send the rest of a blob: it gets to send all of it, once.
                Err(error)
                    if error.code() == Code::Protocol && writer.position() > 0 && !refetched =>
                {
                    start_over(&mut writer, &mut report, call)?;
                    refetched = true;
                }
                other => return other,
            }
        }
    });
    if let Err(error) = fetched {
        // A part that is wrong helps nobody, and one that filled the disk has to go.
        let useless = matches!(
            error.code(),
            Code::DigestMismatch | Code::SizeMismatch | Code::NotFound | Code::NoSpace
        );
        if !options.no_resume && !useless {
            writer.keep();
        }
        return Err(error);
    }
    writer.finish()?;
    layout.mark(&blob.digest);
    events.tell(blob.size, true, report.source, call)?;
    Ok(report)
}

/// What is in the layout before anything is fetched.
struct Present<'a> {
    layout: &'a Layout,
    marks: Marks,
    configs: HashSet<Digest>,
    options: &'a Options,
}

impl Present<'_> {
    /// Whether a blob is there and right. One that this library has verified is taken as it was then if nobody has
    /// changed its file since; others are hashed.
    fn has(&self, blob: &Descriptor, call: &Call) -> Result<bool> {
        if !self.layout.has_blob(&blob.digest, blob.size)? {
            return Ok(false);
        }
        let hashed = self.options.verify_present || self.configs.contains(&blob.digest);
        let is_marked = self.layout.is_marked(&self.marks, &blob.digest);
        if is_marked && !hashed {
            return Ok(true);
        }
        match self.layout.verify_blob(&blob.digest, blob.size, call) {
            Ok(()) => {
                if !is_marked {
                    self.layout.mark(&blob.digest);
                }
                Ok(true)
            }
            Err(error) if matches!(error.code(), Code::DigestMismatch | Code::SizeMismatch) => {
                call.log(Level::Warn, "store", || {
                    Record::new(format!("fetching a damaged blob again: {error}")).error(&error)
                });
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Drops what there is of a blob.
fn start_over(
    writer: &mut crate::store::BlobWriter,
    report: &mut BlobReport,
    call: &Call,
) -> Result<()> {
    call.forget_done(writer.position());
    writer.reset()?;
    report.resumed_from = 0;
    report.source = Source::Network;
    report.retries += 1;
    Ok(())
}

/// Copies the rest of a blob from a repository into its file, in large pieces.
fn copy(
    repository: &crate::v2::Repository,
    blob: &Descriptor,
    writer: &mut crate::store::BlobWriter,
    report: &mut BlobReport,
    events: &mut Events<'_>,
    buffer: &mut [u8],
    call: &Call,
) -> Result<()> {
    if writer.position() == blob.size && blob.size > 0 {
        return Ok(());
    }
    let common = repository.registry().common();
    let host = repository.registry().base().authority().to_owned();
    let _slot = common.slots.take(&host, call)?;
    // The file's writer hashes what it writes; hashing here too would cost as much again.
    let mut reader = BlobReader::resume(
        Arc::new(repository.clone()),
        &blob.into(),
        writer.position(),
        None,
        call,
    )?;
    loop {
        let (mut filled, mut ended) = (0, false);
        let result = loop {
            match reader.read(&mut buffer[filled..], call) {
                Ok(0) => {
                    ended = true;
                    break Ok(());
                }
                Ok(read) => filled += read,
                Err(error) => break Err(error),
            }
            if filled == buffer.len() {
                break Ok(());
            }
        };
        // What came before a failure is as good as the rest, and a later pull goes on from there.
        if filled > 0 {
            writer.write(&buffer[..filled])?;
            report.bytes_transferred += filled as u64;
            call.add_done(filled as u64);
        }
        report.retries += reader.take_retries();
        result?;
        if ended {
            return Ok(());
        }
        events.tell(writer.position(), false, report.source, call)?;
    }
}

/// The progress events of one blob, not too many of them.
struct Events<'a> {
    blob: &'a Descriptor,
    last: Option<Instant>,
}

impl Events<'_> {
    fn tell(&mut self, offset: u64, done: bool, source: Source, call: &Call) -> Result<()> {
        if !call.has_progress() || (!done && self.last.is_some_and(|last| last.elapsed() < EVENT)) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        call.event(&serde_json::json!({
            "kind": "blob",
            "digest": self.blob.digest,
            "media_type": self.blob.media_type,
            "offset": offset,
            "total": self.blob.size,
            "done": done,
            "direction": "down",
            "source": source,
        }))
    }
}
