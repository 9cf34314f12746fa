//! TLS over a [`Wire`], by rustls' unbuffered interface: records are decrypted where they were received.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::buffers::HoldingBuffers;
use super::early::Early;
use super::scope::{self, carry};
use super::socket::{INPUT_BUFFER, OUTPUT_BUFFER, input_phase};
use super::wire::Wire;
use crate::error::{Error, Phase, Result};
use crate::log::{Level, Record};
use crate::tls::Identity;
use crate::tls::fault::{self, Peer, Progress};

/// The largest TLS record on the wire.
const RECORD: usize = 5 + 16384 + 256;

/// What one record adds to its plaintext, generously.
const RECORD_OVERHEAD: usize = 128;

/// Session tickets that may have come since the last response; a peer that has more to say gets no further request.
const MOST_BETWEEN_REQUESTS: usize = 64 << 10;

/// HTTP inside TLS.
pub(in crate::http) struct Tls {
    wire: Box<dyn Wire>,
    /// Boxed, because only failures ask for it.
    peer: Box<Peer>,
    connection: UnbufferedClientConnection,
    /// Received records; `start..end` are not processed yet.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// Encrypted, not sent yet.
    outgoing: Vec<u8>,
    /// A record has gone out in part: what the protocol itself has to say waits until the rest has.
    holds: bool,
    closed: bool,
    buffers: HoldingBuffers,
    early: Early,
}

/// Where [`Tls::step`] came to.
enum Step {
    /// Plaintext went into the input buffer.
    Input,
    /// Nothing to do but receive more; the handshake may be under way.
    Receive { writable: bool },
    /// The peer has ended its side.
    Closed,
}

impl Tls {
    pub(in crate::http) fn handshake(
        config: Arc<ClientConfig>,
        host: &str,
        peer: Peer,
        wire: Box<dyn Wire>,
    ) -> io::Result<Self> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|_| carry(fault::no_name(host)))?;
        let connection = UnbufferedClientConnection::new(config, name)
            .map_err(|e| carry(fault::explain(&e, &peer, Progress::Began)))?;
        let mut tls = Self {
            wire,
            peer: Box::new(peer),
            connection,
            incoming: Vec::new(),
            start: 0,
            end: 0,
            outgoing: Vec::new(),
            holds: false,
            closed: false,
            buffers: HoldingBuffers::new(),
            early: Early::default(),
        };
        let time = scope::with(|scope| scope.timeouts.tls).unwrap_or_default();
        scope::limited(time, Phase::Tls, || tls.shake_hands())?;
        Ok(tls)
    }

    /// Logs how the peer was verified; an unverified peer is a warning.
    pub(in crate::http) fn log(&self, identity: &Identity) {
        let host = &self.peer;
        let level = if identity.insecure { Level::Warn } else { Level::Debug };
        scope::log(level, "tls", || {
            let version = match self.connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
                Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
                _ => "unknown",
            };
            let verified = if identity.insecure { "is not" } else { "is" };
            Record::new(format!("TLS {version} with {host}, whose certificate {verified} verified"))
                .with("host", host.to_string())
                .with("version", version)
                .with("verified", !identity.insecure)
                .with("root_cas", identity.root_cas.len())
                .with("client_certificate", !identity.certificates.is_empty())
        });
    }

    fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            match self.step(Phase::Tls)? {
                Step::Receive { writable: true } => return Ok(()),
                Step::Receive { writable: false } => {
                    self.fill(Phase::Tls)?;
                }
                // No request was sent, so there is nothing to answer yet.
                Step::Input | Step::Closed => self.closed = true,
            }
            if self.closed {
                return Err(carry(fault::hung_up(&self.peer)));
            }
        }
    }

    /// Works through what was received until something has to happen outside.
    fn step(&mut self, phase: Phase) -> io::Result<Step> {
        loop {
            let received = &mut self.incoming[self.start..self.end];
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(received);
            let mut found = None;
            match state {
                Err(error) => {
                    let http = self.incoming[self.start..self.end].starts_with(b"HTTP/");
                    self.start += discard;
                    return Err(self.failed(&error, http));
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record
                            .map_err(|e| carry(fault::explain(&e, &self.peer, Progress::Agreed)))?;
                        discard += record.discard;
                        let room = self.buffers.input_append_buf();
                        let Some(room) = room.get_mut(..record.payload.len()) else {
                            return Err(carry(Error::internal(
                                "there is no room for a TLS record",
                            )));
                        };
                        room.copy_from_slice(record.payload);
                        self.buffers.input_appended(record.payload.len());
                    }
                    found = Some(Step::Input);
                }
                Ok(ConnectionState::EncodeTlsData(mut encode)) => {
                    append_encoded(&mut encode, &mut self.outgoing)?;
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) if self.holds => transmit.done(),
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    let sent = self.wire.send_all(&self.outgoing, phase);
                    self.outgoing.clear();
                    transmit.done();
                    sent?;
                }
                Ok(ConnectionState::BlockedHandshake) => {
                    found = Some(Step::Receive { writable: false });
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    found = Some(Step::Receive { writable: true });
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.closed = true;
                    found = Some(Step::Closed);
                }
                Ok(_) => {
                    return Err(carry(Error::internal("TLS is in an impossible state")));
                }
            }
            self.start += discard;
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// What a failure of rustls means here. The alert that it has queued tells the peer why, and is sent as far as that
    /// is possible.
    fn failed(&mut self, error: &rustls::Error, http: bool) -> io::Error {
        self.send_alert();
        carry(fault::explain(error, &self.peer, self.progress(http)))
    }

    fn progress(&self, http: bool) -> Progress {
        match self.connection.negotiated_cipher_suite() {
            Some(_) => Progress::Agreed,
            None if http => Progress::PlainHttp,
            None => Progress::Began,
        }
    }

    fn send_alert(&mut self) {
        let received = &mut self.incoming[self.start..self.end];
        if let Ok(ConnectionState::EncodeTlsData(mut encode)) =
            self.connection.process_tls_records(received).state
        {
            let mut alert = vec![0; RECORD];
            if let Ok(written) = encode.encode(&mut alert) {
                // The connection is lost either way.
                let _ = self.wire.send_all(&alert[..written], Phase::Tls);
            }
        }
    }

    /// Receives more records.
    fn fill(&mut self, phase: Phase) -> io::Result<usize> {
        self.make_room();
        let received = self.wire.receive(&mut self.incoming[self.end..], phase)?;
        if received == 0 {
            self.closed = true;
        }
        self.end += received;
        Ok(received)
    }

    fn take_input(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let input = self.buffers.input();
        let taken = input.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&input[..taken]);
        self.buffers.input_consume(taken);
        (taken > 0).then_some(taken)
    }

    fn make_room(&mut self) {
        // A handshake fits into one record's room; only bodies need the large buffer.
        let wanted = if self.incoming.is_empty() { RECORD } else { INPUT_BUFFER };
        if self.incoming.len() < wanted {
            self.incoming.resize(wanted, 0);
        }
        if self.incoming.len() - self.end < RECORD {
            self.incoming.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Sends the output buffer, or what the server wants of it.
    fn send(&mut self, amount: usize) -> io::Result<()> {
        while self.early.listens() && self.wire.has_input() {
            self.listen()?;
        }
        if self.early.is_stopped() {
            return Ok(());
        }
        if let Err(error) = self.encrypt(amount) {
            return self.early.broke(error);
        }
        let mut records = std::mem::take(&mut self.outgoing);
        self.holds = true;
        let sent = self.send_records(&records);
        self.holds = false;
        if sent.is_ok() && !self.early.is_stopped() && !self.outgoing.is_empty() {
            let said = std::mem::take(&mut self.outgoing);
            self.wire.send_all(&said, Phase::Header).or_else(|error| self.early.broke(error))?;
        }
        records.clear();
        self.outgoing = records;
        sent
    }

    fn send_records(&mut self, records: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < records.len() && !self.early.is_stopped() {
            let listens = self.early.listens();
            if listens && self.wire.has_input() {
                self.listen()?;
                continue;
            }
            match self.wire.send(&records[done..], Phase::Header, listens) {
                Ok(sent) => done += sent,
                Err(error) => self.early.broke(error)?,
            }
        }
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        self.make_room();
        match self.wire.receive_now(&mut self.incoming[self.end..]) {
            Ok(Some(received)) if received > 0 => self.end += received,
            Ok(None) => return Ok(()),
            // An end without an answer: sending will tell.
            _ => {
                self.early.deafen();
                return Ok(());
            }
        }
        while self.buffers.input_append_buf().len() >= RECORD {
            match self.step(Phase::Header)? {
                Step::Input => {
                    scope::with(|scope| scope.seen.received = true);
                }
                Step::Receive { .. } => break,
                Step::Closed => {
                    self.early.deafen();
                    break;
                }
            }
        }
        self.early.heard(self.buffers.input());
        Ok(())
    }

    fn encrypt(&mut self, amount: usize) -> io::Result<()> {
        let received = &mut self.incoming[self.start..self.end];
        let UnbufferedStatus { discard, state } = self.connection.process_tls_records(received);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
            return Err(io::ErrorKind::ConnectionReset.into());
        };
        let plain = &self.buffers.output()[..amount];
        let records = plain.len().div_ceil(16384).max(1);
        self.outgoing.resize(plain.len() + records * RECORD_OVERHEAD, 0);
        let written = traffic.encrypt(plain, &mut self.outgoing).map_err(|e| {
            let what = match e {
                EncryptError::InsufficientSize(_) => "a TLS record is larger than expected",
                _ => "TLS cannot encrypt",
            };
            carry(Error::internal(what).cause(e))
        })?;
        self.outgoing.truncate(written);
        self.start += discard;
        Ok(())
    }
}

/// Appends what the connection has to say.
fn append_encoded(
    encode: &mut EncodeTlsData<'_, ClientConnectionData>,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    let filled = to.len();
    to.resize(filled + RECORD, 0);
    let written = match encode.encode(&mut to[filled..]) {
        Err(EncodeError::InsufficientSize(needed)) => {
            to.resize(filled + needed.required_size, 0);
            encode.encode(&mut to[filled..])
        }
        written => written,
    };
    let written = written.map_err(|e| carry(Error::internal("TLS cannot encode").cause(e)))?;
    to.truncate(filled + written);
    Ok(())
}

/// TLS with a proxy carries what goes through it.
impl Wire for Tls {
    fn send(&mut self, bytes: &[u8], phase: Phase, _listens: bool) -> io::Result<usize> {
        for piece in bytes.chunks(OUTPUT_BUFFER) {
            self.buffers.output()[..piece.len()].copy_from_slice(piece);
            self.encrypt(piece.len())?;
            let sent = self.wire.send_all(&self.outgoing, phase);
            self.outgoing.clear();
            sent?;
        }
        Ok(bytes.len())
    }

    fn receive(&mut self, buffer: &mut [u8], phase: Phase) -> io::Result<usize> {
        loop {
            if let Some(received) = self.take_input(buffer) {
                return Ok(received);
            }
            match self.step(phase)? {
                Step::Input => {}
                _ if self.closed => return Ok(0),
                _ => {
                    self.fill(phase)?;
                }
            }
        }
    }

    fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            if let Some(received) = self.take_input(buffer) {
                return Ok(Some(received));
            }
            match self.step(Phase::Tls)? {
                Step::Input => continue,
                _ if self.closed => return Ok(Some(0)),
                _ => self.make_room(),
            }
            match self.wire.receive_now(&mut self.incoming[self.end..])? {
                None => return Ok(None),
                Some(0) => self.closed = true,
                Some(received) => self.end += received,
            }
        }
    }

    /// Whether there are unread bytes or an end of stream; TLS records without content count, too.
    fn has_input(&self) -> bool {
        !self.buffers.input().is_empty() || self.start != self.end || self.wire.has_input()
    }

    fn announce(&mut self) {
        self.wire.announce();
    }

    fn is_own(&self) -> bool {
        self.wire.is_own()
    }

    fn is_idle(&mut self) -> bool {
        self.is_open()
    }
}

impl Transport for Tls {
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
        loop {
            // Taking whole bufferfuls costs fewer turns around the body's consumer.
            let mut progress = false;
            while self.buffers.input_append_buf().len() >= RECORD {
                match self.step(input_phase())? {
                    Step::Input => progress = true,
                    Step::Receive { .. } => break,
                    Step::Closed => break,
                }
            }
            if progress {
                scope::with(|scope| scope.seen.received = true);
                return Ok(true);
            }
            let filled = if self.closed { Ok(0) } else { self.fill(input_phase()) };
            if self.early.or_failure(filled)? == 0 {
                return Ok(false);
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.early.listen_again();
        if self.early.is_stopped()
            || !self.wire.is_own()
            || self.closed
            || !self.outgoing.is_empty()
        {
            return false;
        }
        // Session tickets may come at any time and are no reason to drop a connection; anything else is.
        let mut left = MOST_BETWEEN_REQUESTS;
        while self.wire.has_input() {
            self.make_room();
            match self.wire.receive_now(&mut self.incoming[self.end..]) {
                Ok(Some(received)) if (1..=left).contains(&received) => {
                    self.end += received;
                    left -= received;
                }
                _ => return false,
            }
            match self.step(Phase::Tls) {
                Ok(Step::Receive { writable: true }) => {}
                _ => return false,
            }
        }
        self.start == self.end
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("wire", &self.wire).finish_non_exhaustive()
    }
}
