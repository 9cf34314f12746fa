//! A way to a server on which connections break: bytes go through unchanged, up to the one that a test names.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::server::{Cut, lock};

/// Which bytes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Those that the client sends.
    Up,
    /// Those that the server sends.
    Down,
}

#[derive(Default)]
struct State {
    /// The bytes that still go through before the connection that carries them is cut.
    next: Mutex<Option<(Way, u64, Cut)>>,
    cuts: AtomicU64,
    sent: AtomicU64,
    /// Whether what comes after a cut is cut, too.
    for_good: AtomicBool,
    stopping: AtomicBool,
}

/// A TCP proxy on 127.0.0.1 before one server; it stops when dropped.
pub struct Cutter {
    address: SocketAddr,
    state: Arc<State>,
}

impl Cutter {
    /// Starts one before the server at this `host:port`.
    pub fn before(host: &str) -> Cutter {
        let to: SocketAddr = host.parse().expect("an address with a port");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen on loopback");
        let address = listener.local_addr().expect("the address");
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(to) else { continue };
                for (way, from, into) in
                    [(Way::Up, &client, &server), (Way::Down, &server, &client)]
                {
                    let copies = (from.try_clone(), into.try_clone(), client.try_clone());
                    let (Ok(from), Ok(into), Ok(client)) = copies else { continue };
                    let shared = shared.clone();
                    thread::spawn(move || carry(&shared, way, from, into, &client));
                }
            }
        });
        Cutter { address, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Cuts the connection that carries the byte after so many, counted from now over all connections.
    pub fn cut(&self, way: Way, after: u64, how: Cut) {
        *lock(&self.state.next) = Some((way, after, how));
    }

    /// The same, and from then on every connection is cut that carries anything this way.
    pub fn sever(&self, way: Way, after: u64, how: Cut) {
        self.state.for_good.store(true, Ordering::SeqCst);
        self.cut(way, after, how);
    }

    /// No cut is to come any more. Tells whether there was one since the last call of this.
    pub fn clear(&self) -> bool {
        *lock(&self.state.next) = None;
        self.state.cuts.swap(0, Ordering::SeqCst) > 0
    }

    /// In how many pieces the client's bytes came so far: no more than it sent them in.
    pub fn pieces(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        // The accept loop looks at the flag after each connection, so it gets one.
        let _ = TcpStream::connect(self.address);
    }
}

/// Carries bytes one way until an end or a cut.
fn carry(state: &State, way: Way, mut from: TcpStream, mut into: TcpStream, client: &TcpStream) {
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) | Err(_) => {
                let _ = into.shutdown(Shutdown::Write);
                return;
            }
            Ok(length) => length,
        };
        if way == Way::Up {
            state.sent.fetch_add(1, Ordering::SeqCst);
        }
        let mut through = length;
        let mut cut = None;
        {
            let mut next = lock(&state.next);
            if let Some((of, left, how)) = &mut *next
                && *of == way
            {
                if *left < length as u64 {
                    (through, cut) = (*left as usize, Some(*how));
                    *left = 0;
                    if !state.for_good.load(Ordering::SeqCst) {
                        *next = None;
                    }
                } else {
                    *left -= length as u64;
                }
            }
        }
        let sent = into.write_all(&piece[..through]);
        if let Some(how) = cut {
            state.cuts.fetch_add(1, Ordering::SeqCst);
            if how == Cut::Rst {
                let _ = socket2::SockRef::from(client).set_linger(Some(Duration::ZERO));
            }
            let _ = from.shutdown(Shutdown::Both);
            let _ = into.shutdown(Shutdown::Both);
            return;
        }
        if sent.is_err() {
            let _ = from.shutdown(Shutdown::Both);
            return;
        }
    }
}
