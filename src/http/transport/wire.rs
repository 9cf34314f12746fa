//! What bytes travel on: a socket, or TLS with a proxy.

use std::io;

use ureq::unversioned::transport::Transport;

use super::secure::Tls;
use super::socket::Socket;
use crate::error::Phase;

/// A connection that carries HTTP, or TLS with the server.
#[derive(Debug)]
pub(in crate::http) enum Wire {
    /// A socket; with a proxy that speaks plain http, the tunnel through it.
    Socket(Socket),
    /// The tunnel through a proxy that speaks https.
    Tls(Box<Tls>),
}

impl Wire {
    /// Sends everything.
    pub(in crate::http) fn send_all(&mut self, bytes: &[u8], phase: Phase) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.send_all(bytes, phase),
            Self::Tls(tls) => tls.send_all(bytes, phase),
        }
    }

    /// Sends everything and tells how much that was. If it listens, it waits no longer once bytes have come in; those
    /// of a tunnel inside TLS are not waited for.
    pub(in crate::http) fn send(
        &mut self,
        bytes: &[u8],
        phase: Phase,
        listens: bool,
    ) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.send(bytes, phase, listens),
            Self::Tls(tls) => tls.send_all(bytes, phase).map(|()| bytes.len()),
        }
    }

    /// Receives what is there, waiting for it as the phase allows; 0 is the end.
    pub(in crate::http) fn receive(
        &mut self,
        buffer: &mut [u8],
        phase: Phase,
    ) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.receive(buffer, phase),
            Self::Tls(tls) => tls.receive(buffer, phase),
        }
    }

    /// Receives without waiting; None where nothing is there.
    pub(in crate::http) fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Socket(socket) => socket.receive_now(buffer),
            Self::Tls(tls) => tls.receive_now(buffer),
        }
    }

    /// Whether bytes wait that nobody has read; an end counts as well.
    pub(in crate::http) fn has_input(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.has_input(),
            Self::Tls(tls) => tls.has_input(),
        }
    }

    /// Tells the call in place whose connection this is.
    pub(in crate::http) fn announce(&mut self) {
        match self {
            Self::Socket(socket) => socket.announce(),
            Self::Tls(tls) => tls.announce(),
        }
    }

    /// Whether this process made it.
    pub(in crate::http) fn is_own(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_own(),
            Self::Tls(tls) => tls.is_own(),
        }
    }

    /// Whether a later request may use the connection: alive, silent, and made by this process.
    pub(in crate::http) fn is_idle(&mut self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_idle(),
            Self::Tls(tls) => tls.is_open(),
        }
    }
}
