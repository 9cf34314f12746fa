//! What bytes travel on: a socket, or TLS with a proxy.

use std::fmt::Debug;
use std::io;

use crate::error::Phase;

/// A connection that carries HTTP, or TLS with the server.
pub(in crate::http) trait Wire: Debug + Send + Sync {
    /// Sends everything and tells how much that was. If it listens, it waits no longer once bytes have come in; those
    /// of a tunnel inside TLS are not waited for.
    fn send(&mut self, bytes: &[u8], phase: Phase, listens: bool) -> io::Result<usize>;

    /// Sends everything.
    fn send_all(&mut self, bytes: &[u8], phase: Phase) -> io::Result<()> {
        self.send(bytes, phase, false).map(drop)
    }

    /// Receives what is there, waiting for it as the phase allows; 0 is the end.
    fn receive(&mut self, buffer: &mut [u8], phase: Phase) -> io::Result<usize>;

    /// Receives without waiting; None where nothing is there.
    fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// Whether there are unread bytes or an end of stream.
    fn has_input(&self) -> bool;

    /// Tells the current call whose connection this is.
    fn announce(&mut self);

    /// Whether this process made it.
    fn is_own(&self) -> bool;

    /// Whether a later request may use the connection: alive, silent, and made by this process.
    fn is_idle(&mut self) -> bool;
}
