//! Host names to addresses: the `resolve` option first, then the system, remembered for 30 seconds.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::recent::Recent;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::names::host::is_localhost;
use crate::os::descriptor::above_standard_for_long;
use crate::os::wait::Interest;
use crate::os::wake::Wake;
use crate::sync::{PerProcess, lock};

/// How long an answer of the system is good.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How many names are remembered.
const MOST_NAMES: usize = 1024;

/// How many lookups ask the system at once: as many may be left behind by calls that were cancelled.
const MAX_LOOKUPS: usize = 4;

/// How often a call that waits for its turn looks again.
const LOOK: Duration = Duration::from_millis(50);

/// The lookup of one service.
#[derive(Debug, Default)]
pub struct Resolver {
    fixed: HashMap<String, Vec<IpAddr>>,
    /// A child has none of its parent's lookups, nor what they found.
    system: PerProcess<System>,
}

/// What was asked of the system.
#[derive(Debug)]
struct System {
    cache: Mutex<Recent<String, (Instant, Vec<IpAddr>)>>,
    running: Arc<AtomicUsize>,
}

impl Default for System {
    fn default() -> Self {
        Self { cache: Mutex::new(Recent::new(MOST_NAMES)), running: Arc::default() }
    }
}

impl System {
    fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let mut cache = lock(&self.cache);
        cache.retain(|(at, _)| at.elapsed() < REMEMBERED);
        cache.insert(name.to_owned(), (Instant::now(), addresses.to_vec()));
    }
}

impl Resolver {
    /// `fixed` is the `resolve` option: host to addresses, `*` for every other name. The letter case of these names
    /// counts, as in the reference; hosts of addresses are lower case already.
    pub fn new(fixed: HashMap<String, Vec<IpAddr>>) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// The addresses of a host name or address literal (IPv6 with or without brackets), never none.
    ///
    /// `limit` bounds the time in addition to the call's own deadline; zero means no limit.
    pub fn lookup(&self, host: &str, limit: Duration, call: &Call) -> Result<Vec<IpAddr>> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let name = host.to_ascii_lowercase();
        let addresses = match self.fixed.get(host).or_else(|| self.fixed.get("*")) {
            Some(addresses) => addresses.clone(),
            // No name server has a say, and none is needed.
            None if is_localhost(&name) => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            None => self.ask(&name, limit, call)?,
        };
        if addresses.is_empty() {
            return Err(not_resolved(&name));
        }
        Ok(addresses)
    }

    fn ask(&self, name: &str, limit: Duration, call: &Call) -> Result<Vec<IpAddr>> {
        let system = self.system.get();
        let until = if limit.is_zero() { None } else { Instant::now().checked_add(limit) };
        let turn = loop {
            if let Some((at, addresses)) = lock(&system.cache).get(name)
                && at.elapsed() < REMEMBERED
            {
                return Ok(addresses.clone());
            }
            if let Some(turn) = Turn::take(&system.running) {
                break turn;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(too_slow(name, limit));
            }
            call.sleep(LOOK)?;
        };
        let addresses = Self::ask_system(name, turn, until, limit, call)?;
        system.remember(name, &addresses);
        Ok(addresses)
    }

    /// The system's lookup cannot be interrupted, so it runs on a thread that owns nothing but the name and may
    /// be left behind.
    fn ask_system(
        name: &str,
        turn: Turn,
        until: Option<Instant>,
        limit: Duration,
        call: &Call,
    ) -> Result<Vec<IpAddr>> {
        let wake = Wake::new().map_err(|e| cannot_ask(name, &e))?;
        let asked = Arc::new((wake, Mutex::new(None)));
        let (answer, owned) = (asked.clone(), name.to_owned());
        let thread = std::thread::Builder::new()
            .name("ocireg-dns".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let found = above_standard_for_long(|| (owned.as_str(), 0u16).to_socket_addrs())
                    .map(|found| found.map(|a| a.ip()).collect::<Vec<_>>());
                *lock(&answer.1) = Some(found);
                drop(turn);
                answer.0.wake();
            })
            .map_err(|e| cannot_ask(name, &e))?;
        if !call.wait_for(Some((asked.0.as_fd(), Interest::Read)), until)? {
            return Err(too_slow(name, limit));
        }
        // It has answered and is about to end: no thread outlives the call that is not stuck.
        let _ = thread.join();
        let found = lock(&asked.1).take();
        let mut addresses = match found {
            Some(Ok(addresses)) => addresses,
            // The lookup itself had no descriptor or memory left: that says nothing about the name.
            Some(Err(e)) if is_shortage(&e) => return Err(cannot_ask(name, &e)),
            // The system does not always say that it could not even ask.
            Some(Err(e)) => match Wake::new() {
                Err(lacking) => return Err(cannot_ask(name, &lacking)),
                Ok(_) => return Err(not_resolved(name).cause(e)),
            },
            None => return Err(Error::internal("a name lookup ended without a result")),
        };
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        Ok(addresses)
    }
}

/// The right to ask the system, given back when the lookup ends, however late that is.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(running: &Arc<AtomicUsize>) -> Option<Self> {
        let more = |running| (running < MAX_LOOKUPS).then_some(running + 1);
        let taken = running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        taken.ok().map(|_| Self(running.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn too_slow(name: &str, limit: Duration) -> Error {
    Error::new(
        Code::Timeout,
        format!("the address of {name} was not found within {} ms", limit.as_millis()),
    )
    .phase(Phase::Dns)
    .with(|d| d.host = Some(name.to_owned()))
    .hint(
        "check the DNS server, or set the address in the option resolve; the limit is connect-ms in the option timeouts",
    )
}

/// The system has nothing left to ask with.
fn cannot_ask(name: &str, error: &io::Error) -> Error {
    Error::resource(format!("cannot look up the address of {name}"), error)
        .phase(Phase::Dns)
        .with(|d| d.host = Some(name.to_owned()))
}

fn is_shortage(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS))
}

fn not_resolved(name: &str) -> Error {
    Error::new(Code::NameNotResolved, format!("cannot find the address of {name}"))
        .phase(Phase::Dns)
        .with(|d| d.host = Some(name.to_owned()))
        .hint("check the spelling of the host name, and the DNS server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_not_asked_for_lately_are_forgotten() {
        let system = System::default();
        let address = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        for number in 0..3 * MOST_NAMES {
            system.remember(&format!("host{number}.test"), &address);
            assert!(lock(&system.cache).get("host0.test").is_some(), "it is in use");
        }
        let mut cache = lock(&system.cache);
        assert_eq!(cache.len(), MOST_NAMES);
        assert!(cache.get("host1.test").is_none());
        assert!(cache.get(&format!("host{}.test", 3 * MOST_NAMES - 1)).is_some());
    }
}
