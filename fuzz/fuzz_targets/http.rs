//! Whatever a server sends for an answer, over a socket of its own: the first line of the input is left out of it, and
//! says in how many pieces the rest comes.
#![no_main]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use libfuzzer_sys::fuzz_target;
use ocireg::call::Call;
use ocireg::config::proxy::Proxies;
use ocireg::config::settings::Timeouts;
use ocireg::http::governor::Governor;
use ocireg::http::resolver::Resolver;
use ocireg::http::{Client, Redirects, Request};
use ocireg::tls::Identity;
use std::time::Duration;
use url::Url;

/// A body that is larger counts as read: what it does then, it does for ever.
const MOST: usize = 1 << 20;

thread_local! {
    /// Addresses in turn: each has ports of its own, and closed connections keep theirs for a minute.
    static LISTENERS: RefCell<(usize, Vec<TcpListener>)> = RefCell::default();
}

fn listener() -> TcpListener {
    LISTENERS.with_borrow_mut(|(turn, listeners)| {
        if listeners.is_empty() {
            listeners.extend((1..200).map(|n| {
                TcpListener::bind(format!("127.0.7.{n}:0")).expect("loopback has addresses")
            }));
        }
        *turn = (*turn + 1) % listeners.len();
        listeners[*turn].try_clone().expect("a descriptor")
    })
}

fuzz_target!(|input: &[u8]| {
    let (pieces, answer) = match input.split_first() {
        Some((first, rest)) => (usize::from(first % 8) + 1, rest.to_vec()),
        None => return,
    };
    let listener = listener();
    let url = format!("http://{}/v2/", listener.local_addr().expect("an address"));
    let serving = thread::spawn(move || {
        let Ok((mut socket, _)) = listener.accept() else { return };
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match socket.read(&mut buffer) {
                Ok(received) if received > 0 => request.extend_from_slice(&buffer[..received]),
                _ => return,
            }
        }
        for piece in answer.chunks(answer.len().div_ceil(pieces).max(1)) {
            if socket.write_all(piece).is_err() {
                return;
            }
        }
        let _ = socket.shutdown(Shutdown::Write);
        // Until the client has let go.
        while matches!(socket.read(&mut buffer), Ok(received) if received > 0) {}
    });
    let client = Client::new(
        Resolver::new(Default::default()).into(),
        Timeouts::default(),
        None,
        Box::new(|_, _| Ok(Identity::default())),
        Default::default(),
        Proxies::default(),
        u64::MAX,
        None,
        Governor::new(None, Duration::ZERO).into(),
    );
    let identity = Identity::default();
    let mut request = Request::get(Url::parse(&url).expect("a URL"), &identity, "fuzz");
    request.redirects = Redirects::Return;
    let run = Call::new(None);
    if let Ok(mut response) = client.send(&request, &run) {
        let _ = response.content_length();
        let (mut buffer, mut total) = (vec![0; 16 << 10], 0);
        while let Ok(received) = response.body.read(&mut buffer, &run) {
            total += received;
            if received == 0 || total > MOST {
                break;
            }
        }
    }
    drop(client);
    serving.join().expect("the server ends well");
});
