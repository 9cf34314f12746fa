//! Host names to addresses: the `resolve` option first, then the system, remembered for 30 seconds.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::context::Run;
use crate::error::{Code, Error, Phase, Result};
use crate::os::wait::Interest;
use crate::os::wake::Wake;

/// How long an answer of the system is good.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How many lookups may be left behind, still asking the system, by calls that were cancelled.
const MAX_ABANDONED: usize = 4;

/// The lookup of one service.
#[derive(Debug, Default)]
pub struct Resolver {
    fixed: HashMap<String, Vec<IpAddr>>,
    cache: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
    running: Arc<AtomicUsize>,
}

impl Resolver {
    /// `fixed` is the `resolve` option: host to addresses, `*` for every other name. The letter case of these names
    /// counts, as in the reference; hosts of addresses are lower case already.
    pub fn new(fixed: HashMap<String, Vec<IpAddr>>) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// The addresses of a host name or address literal (IPv6 with or without brackets), never none.
    ///
    /// `limit` bounds the time beside the call's own deadline.
    pub fn lookup(&self, host: &str, limit: Duration, run: &Run) -> Result<Vec<IpAddr>> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let name = host.to_ascii_lowercase();
        let addresses = match self.fixed.get(host).or_else(|| self.fixed.get("*")) {
            Some(addresses) => addresses.clone(),
            None => self.ask(&name, limit, run)?,
        };
        if addresses.is_empty() {
            return Err(not_resolved(&name));
        }
        Ok(addresses)
    }

    fn ask(&self, name: &str, limit: Duration, run: &Run) -> Result<Vec<IpAddr>> {
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, addresses)) = cache().get(name)
            && at.elapsed() < REMEMBERED
        {
            return Ok(addresses.clone());
        }
        let addresses = self.ask_system(name, limit, run)?;
        let mut cache = cache();
        cache.retain(|_, (at, _)| at.elapsed() < REMEMBERED);
        cache.insert(name.to_owned(), (Instant::now(), addresses.clone()));
        Ok(addresses)
    }

    /// The system's lookup cannot be interrupted, so it runs on a thread that owns nothing but the name and may
    /// be left behind.
    fn ask_system(&self, name: &str, limit: Duration, run: &Run) -> Result<Vec<IpAddr>> {
        let wake = Wake::new().map_err(|e| not_resolved(name).cause(e))?;
        let asked = Arc::new((wake, Mutex::new(None)));
        if self.running.fetch_add(1, Ordering::SeqCst) >= MAX_ABANDONED + MAX_CONCURRENT {
            self.running.fetch_sub(1, Ordering::SeqCst);
            return Err(not_resolved(name).cause("too many name lookups hang already"));
        }
        let (answer, running, owned) = (asked.clone(), self.running.clone(), name.to_owned());
        let spawned = std::thread::Builder::new()
            .name("ocireg-dns".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let found = (owned.as_str(), 0u16)
                    .to_socket_addrs()
                    .map(|found| found.map(|a| a.ip()).collect::<Vec<_>>());
                *answer.1.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                running.fetch_sub(1, Ordering::SeqCst);
                answer.0.wake();
            });
        let thread = match spawned {
            Ok(thread) => thread,
            Err(e) => {
                self.running.fetch_sub(1, Ordering::SeqCst);
                return Err(not_resolved(name).cause(e));
            }
        };
        use std::os::fd::AsFd;
        let until = Instant::now().checked_add(limit);
        if !run.wait_for(Some((asked.0.as_fd(), Interest::Read)), until)? {
            return Err(Error::new(
                Code::Timeout,
                format!("the address of {name} was not found within {} ms", limit.as_millis()),
            )
            .phase(Phase::Dns)
            .with(|d| d.host = Some(name.to_owned()))
            .hint("check the name server, or name the address in the option resolve"));
        }
        // It has answered and is about to end: no thread outlives the call that is not stuck.
        let _ = thread.join();
        let found = asked.1.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut addresses = match found {
            Some(Ok(addresses)) => addresses,
            Some(Err(e)) => return Err(not_resolved(name).cause(e)),
            None => return Err(Error::internal("a name lookup ended without an answer")),
        };
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        Ok(addresses)
    }
}

/// Lookups that calls are still waiting for do not count as left behind; a service rarely has more than these.
const MAX_CONCURRENT: usize = 60;

fn not_resolved(name: &str) -> Error {
    Error::new(Code::NameNotResolved, format!("the address of {name} cannot be found"))
        .phase(Phase::Dns)
        .with(|d| d.host = Some(name.to_owned()))
        .hint("check the spelling of the host and the name server")
}
