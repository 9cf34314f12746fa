//! HTTP without TLS: directly to the server, to a proxy that forwards requests, or through a tunnel.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use zeroize::Zeroizing;

use super::buffers::HoldingBuffers;
use super::early::Early;
use super::scope::{self, carry};
use super::socket::{Socket, input_phase};
use super::wire::Wire;
use crate::config::proxy::ProxyServer;
use crate::error::{Error, Phase};

/// Makes plain connections.
#[derive(Debug)]
pub(in crate::http) struct SocketConnector;

impl Connector<()> for SocketConnector {
    type Out = Plain;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Plain>, ureq::Error> {
        let dial = scope::with(|scope| scope.dial.clone())
            .ok_or_else(|| carry(Error::internal("a connection is made outside of a call")))?;
        let socket = Socket::connect(&details.addrs, &dial)?;
        Ok(Some(Plain::new(Box::new(socket))))
    }
}

/// HTTP without TLS.
#[derive(Debug)]
pub(in crate::http) struct Plain {
    pub(in crate::http) wire: Box<dyn Wire>,
    buffers: HoldingBuffers,
    early: Early,
    /// Set where a proxy reads the requests and sends them on.
    forward: Option<Forward>,
}

impl Plain {
    pub(in crate::http) fn new(wire: Box<dyn Wire>) -> Self {
        Self { wire, buffers: HoldingBuffers::new(), early: Early::default(), forward: None }
    }

    pub(in crate::http) fn forwarding(wire: Box<dyn Wire>, forward: Forward) -> Self {
        Self { forward: Some(forward), ..Self::new(wire) }
    }

    fn send(&mut self, amount: usize) -> io::Result<()> {
        // The first bytes of a request are its line, and more.
        let begins = scope::with(|scope| scope.sent.is_none()).unwrap_or(false);
        let rewritten = self
            .forward
            .as_ref()
            .filter(|_| begins)
            .map(|forward| forward.rewrite(&self.buffers.output()[..amount]));
        let amount = rewritten.as_ref().map_or(amount, |bytes| bytes.len());
        let mut done = 0;
        while done < amount && !self.early.is_stopped() {
            let listens = self.early.listens();
            if listens && self.wire.has_input() {
                self.listen();
                continue;
            }
            let output = match &rewritten {
                Some(bytes) => &bytes[done..],
                None => &self.buffers.output()[done..amount],
            };
            match self.wire.send(output, Phase::Header, listens) {
                Ok(sent) => done += sent,
                Err(error) => self.early.broke(error)?,
            }
        }
        Ok(())
    }

    fn listen(&mut self) {
        match self.wire.receive_now(self.buffers.input_append_buf()) {
            Ok(Some(received)) if received > 0 => {
                self.buffers.input_appended(received);
                scope::with(|scope| scope.seen.received = true);
                self.early.heard(self.buffers.input());
            }
            Ok(None) => {}
            // An end without an answer: sending will tell.
            _ => self.early.deafen(),
        }
    }
}

impl Transport for Plain {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        if self.buffers.hold(amount) {
            return Ok(());
        }
        let amount = self.buffers.release(amount);
        self.wire.announce();
        let sent = self.send(amount);
        self.buffers.wipe(amount);
        sent?;
        scope::with(|scope| scope.sent = Some(Instant::now()));
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.early.listen_again();
        let received = self.wire.receive(self.buffers.input_append_buf(), input_phase());
        let received = self.early.or_failure(received)?;
        self.buffers.input_appended(received);
        if received > 0 {
            scope::with(|scope| scope.seen.received = true);
        }
        Ok(received > 0)
    }

    fn is_open(&mut self) -> bool {
        self.early.listen_again();
        !self.early.is_stopped() && self.wire.is_idle()
    }
}

/// How a proxy is asked to forward http requests (RFC 9112, 3.2.2): the first line contains the whole URL.
#[derive(Debug)]
pub(in crate::http) struct Forward {
    server: Arc<ProxyServer>,
    authority: String,
}

impl Forward {
    pub(in crate::http) fn new(server: Arc<ProxyServer>, authority: String) -> Self {
        Self { server, authority }
    }

    /// The beginning of a request, as the proxy wants it.
    pub(in crate::http) fn rewrite(&self, request: &[u8]) -> Zeroizing<Vec<u8>> {
        let secret = self.server.authorization();
        // Room for all of it: bytes that move leave a copy behind.
        let room = request.len() + self.authority.len() + 64 + secret.map_or(0, str::len);
        let mut rewritten = Zeroizing::new(Vec::with_capacity(room));
        let method = request.iter().position(|byte| *byte == b' ').map_or(0, |at| at + 1);
        let line = request.windows(2).position(|end| end == b"\r\n").map_or(method, |at| at + 2);
        rewritten.extend_from_slice(&request[..method]);
        rewritten.extend_from_slice(b"http://");
        rewritten.extend_from_slice(self.authority.as_bytes());
        rewritten.extend_from_slice(&request[method..line]);
        if let Some(secret) = secret {
            for part in ["Proxy-Authorization: ", secret, "\r\n"] {
                rewritten.extend_from_slice(part.as_bytes());
            }
        }
        rewritten.extend_from_slice(&request[line..]);
        rewritten
    }
}
