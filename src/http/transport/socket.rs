//! A TCP connection that never blocks outside of [`scope::wait`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, connect, recv, send,
    shutdown, socket_with, sockopt,
};

use super::scope::{self, carry};
use super::wire::Wire;
use crate::error::{Code, Error, Phase};
use crate::http::address::Dial;
use crate::os::descriptor::{self, Descriptor};
use crate::os::process;
use crate::os::wait::Interest;

/// Larger ones bring nothing (measured); smaller ones cost system calls.
pub(in crate::http) const INPUT_BUFFER: usize = 256 << 10;
/// Requests are small; bodies go out in pieces of this size.
pub(in crate::http) const OUTPUT_BUFFER: usize = 64 << 10;

/// How long a connection may be silent before the system probes it.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connected socket of this process.
#[derive(Debug)]
pub(in crate::http) struct Socket {
    fd: Descriptor,
    peer: IpAddr,
    process: u64,
    used: bool,
    /// The last call that found the descriptor to be ours.
    checked_by: Option<u64>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_own() && self.fd.is_ours() {
            // A child that was forked meanwhile has the socket open, too: closing ours would not end the connection.
            let _ = shutdown(&self.fd, Shutdown::Both);
        }
    }
}

impl Socket {
    /// Connects to the first address that answers, of those that may be dialled.
    pub(in crate::http) fn connect(addresses: &[SocketAddr], dial: &Dial) -> io::Result<Self> {
        let time = scope::with(|scope| scope.timeouts.connect)
            .ok_or_else(|| carry(Error::internal("a connection is made outside of a call")))?;
        let allowed = dial.choose(addresses).map_err(carry)?;
        let until = scope::after(time);
        let mut last = None;
        for (i, address) in allowed.iter().enumerate() {
            // As Go's dialer does: what is left is shared among the addresses that are left.
            let share = until.map(|until| {
                let left = until.saturating_duration_since(Instant::now());
                let parts = u32::try_from(allowed.len() - i).unwrap_or(u32::MAX);
                Instant::now() + (left / parts).max(Duration::from_secs(2).min(left))
            });
            match Self::connect_one(*address, share) {
                Ok(socket) => return Ok(socket),
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => last = Some(connect_failed(*address, error)),
            }
        }
        Err(last.unwrap_or_else(|| carry(Error::internal("no address was tried"))))
    }

    fn connect_one(address: SocketAddr, until: Option<Instant>) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = descriptor::open(|| socket_with(family, SocketType::STREAM, flags, None))
            .map_err(|e| {
                carry(Error::resource("cannot create a socket", &e).phase(Phase::Connect))
            })?;
        match connect(&fd, &address) {
            // EINTR means the same on a socket that does not block: the connection is on its way.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(errno @ (Errno::NOMEM | Errno::NOBUFS)) => {
                let lacking = Error::resource("cannot connect a socket", &errno.into());
                return Err(carry(lacking.phase(Phase::Connect)));
            }
            Err(errno) => return Err(errno.into()),
        }
        scope::wait(fd.as_fd(), Interest::Write, Phase::Connect, until)?;
        sockopt::socket_error(&fd)??;
        // Not every socket has these (a Unix proxy, say), and none needs them to work.
        let _ = sockopt::set_tcp_nodelay(&fd, true);
        let _ = sockopt::set_socket_keepalive(&fd, true);
        let _ = sockopt::set_tcp_keepidle(&fd, KEEP_ALIVE);
        let _ = sockopt::set_tcp_keepintvl(&fd, KEEP_ALIVE);
        let (fd, process) = (Descriptor::new(fd)?, process::current());
        Ok(Self { fd, peer: address.ip(), process, used: false, checked_by: None })
    }

    /// Before a call uses the connection: fails if another process made it, or the host has closed its descriptor.
    fn check(&mut self) -> io::Result<()> {
        let call = scope::with(|scope| scope.call.id());
        if call.is_some() && call == self.checked_by {
            return Ok(());
        }
        let lost = if self.is_own() {
            self.fd.check()
        } else {
            Err(io::Error::other(
                "the program has forked, and the connection belongs to its parent",
            ))
        };
        lost.map_err(|e| {
            carry(
                Error::new(Code::Disconnected, format!("the connection to {} was lost", self.peer))
                    .cause(e)
                    .hint("try again"),
            )
        })?;
        self.checked_by = call;
        Ok(())
    }

    /// The peer that a proxy at the other end has connected us to.
    pub(in crate::http) fn leads_to(&mut self, peer: IpAddr) {
        self.peer = peer;
    }
}

impl Wire for Socket {
    fn send(&mut self, bytes: &[u8], phase: Phase, listens: bool) -> io::Result<usize> {
        let (mut done, mut waited) = (0, Duration::ZERO);
        self.check()?;
        while done < bytes.len() {
            scope::check(phase, None)?;
            // A host process that keeps SIGPIPE's default action must not die of a closed connection.
            match send(&self.fd, &bytes[done..], SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    done += sent;
                    sent_in(sent, waited)?;
                    waited = Duration::ZERO;
                }
                Err(Errno::AGAIN) => {
                    let interest = if listens { Interest::Both } else { Interest::Write };
                    let (until, phase) = send_until(phase);
                    let began = Instant::now();
                    scope::wait(self.fd.as_fd(), interest, phase, until)?;
                    waited += began.elapsed();
                    if listens && self.has_input() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn receive(&mut self, buffer: &mut [u8], phase: Phase) -> io::Result<usize> {
        let until = wait_until(phase);
        scope::check(phase, until)?;
        self.check()?;
        loop {
            match recv(&self.fd, &mut *buffer, RecvFlags::empty()) {
                Ok((_, received)) => {
                    scope::count_received(received)?;
                    return Ok(received);
                }
                Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            scope::wait(self.fd.as_fd(), Interest::Read, phase, until)?;
        }
    }

    fn announce(&mut self) {
        scope::with(|scope| {
            scope.seen.peer = Some(self.peer);
            scope.seen.reused = self.used;
        });
        self.used = true;
    }

    fn is_idle(&mut self) -> bool {
        if !self.is_own() || !self.fd.is_ours() {
            return false;
        }
        let peeked = recv(&self.fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Err(Errno::AGAIN))
    }

    fn has_input(&self) -> bool {
        let peeked = recv(&self.fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(peeked, Err(Errno::AGAIN))
    }

    fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, received)) => Ok(Some(received)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn is_own(&self) -> bool {
        self.process == process::current()
    }
}

/// The phase of a wait for input, as the call in place sees it.
pub(in crate::http) fn input_phase() -> Phase {
    scope::with(|scope| if scope.in_body { Phase::Idle } else { Phase::Header })
        .unwrap_or(Phase::Header)
}

fn wait_until(phase: Phase) -> Option<Instant> {
    scope::with(|scope| match phase {
        Phase::Tls => scope::after(scope.timeouts.tls),
        Phase::Header if scope.timeouts.header.is_zero() => None,
        // One limit for the whole header, however many pieces it comes in.
        Phase::Header => scope.sent.unwrap_or_else(Instant::now).checked_add(scope.timeouts.header),
        // Silence ends a body, and so does what is no content, such as trailers: a piece of content may come in
        // several pieces of its own, but not in any number of them.
        Phase::Idle => {
            let idle = scope.timeouts.idle;
            scope::after(idle).map(|end| match scope.began.checked_add(idle * 2) {
                Some(latest) => end.min(latest),
                None => end,
            })
        }
        _ => scope::after(scope.timeouts.idle),
    })
    .flatten()
}

/// Until when a wait for room may take, and what has been too slow then.
fn send_until(phase: Phase) -> (Option<Instant>, Phase) {
    let limits = scope::with(|scope| match phase {
        Phase::Tls => (scope::after(scope.timeouts.tls), None),
        _ => (scope::after(scope.timeouts.idle), scope.sending.until(&scope.timeouts)),
    });
    match limits.unwrap_or_default() {
        (Some(idle), Some((slow, phase))) if slow < idle => (Some(slow), phase),
        (None, Some((slow, phase))) => (Some(slow), phase),
        (idle, _) => (idle, phase),
    }
}

/// So much went out, after waiting for room.
fn sent_in(sent: usize, waited: Duration) -> io::Result<()> {
    let kept = scope::with(|scope| scope.sending.keep(sent, waited, &scope.timeouts));
    kept.unwrap_or(Ok(())).map_err(carry)
}

/// Whether trying another address makes no sense: the call itself has ended, or this machine is at fault.
fn is_final(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<scope::Carried>()).is_some_and(
        |carried| {
            matches!(carried.0.code(), Code::Cancelled | Code::Deadline | Code::Internal | Code::Io)
        },
    )
}

fn connect_failed(address: SocketAddr, error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<scope::Carried>()) {
        return error; // A time-out says everything already.
    }
    carry(
        Error::new(Code::Connect, format!("cannot connect to {address}"))
            .phase(Phase::Connect)
            .cause(error)
            .hint("check that the registry is running and that no firewall blocks the connection"),
    )
}
