//! The secrets of the tests, and the one assertion over all of them: a canary is found only where its test lets it be.
//!
//! Every [`canary`] is remembered. Servers look for all of them in all that they have received when they are dropped,
//! and so do [`TempDir`]s in their files and file names; tests say beforehand who may have which. What is shown to a
//! user (errors, logs, progress) goes through [`assert_none`].

use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::server::{find, lock, percent_decode};

/// What every canary begins with.
const MARK: &str = "CANARY-";

/// How far before and behind a mark its canary can reach, in any encoding.
const AROUND: usize = 256;

static ALL: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A secret that is easy to find again, and is looked for everywhere from now on.
pub fn canary() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let canary = format!("{MARK}{:x}-{time:x}", NEXT.fetch_add(1, Ordering::Relaxed));
    lock(&ALL).push(canary.clone());
    canary
}

/// How `bytes` hold the secret, if they do: raw, percent-encoded in part or whole, or in base64 at any alignment.
pub fn holds_secret(bytes: &[u8], secret: &str) -> Option<&'static str> {
    let decoded = percent_decode(bytes);
    if find(bytes, secret.as_bytes()).is_some() {
        return Some("raw");
    }
    if find(&decoded, secret.as_bytes()).is_some() {
        return Some("percent-encoded");
    }
    let holds = |piece: String| {
        find(bytes, piece.as_bytes()).is_some() || find(&decoded, piece.as_bytes()).is_some()
    };
    base64_pieces(secret).into_iter().any(holds).then_some("base64")
}

/// What the base64 of any text around `secret` must hold, for each alignment and alphabet.
fn base64_pieces(secret: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for engine in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            let mut text = vec![0; before];
            text.extend_from_slice(secret.as_bytes());
            // Characters that also depend on what stands before or after the secret are left out.
            let whole = engine.encode(&text);
            pieces.push(whole[[0, 2, 3][before]..text.len() * 8 / 6].to_owned());
        }
    }
    pieces.sort();
    pieces.dedup();
    pieces
}

/// The places of `bytes` that may hold a canary: one pass each, because bodies are large and canaries many.
pub(crate) fn suspicious(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut marks = base64_pieces(MARK);
    marks.push(MARK.to_owned());
    let decoded = if bytes.contains(&b'%') { percent_decode(bytes) } else { Vec::new() };
    let mut places = Vec::new();
    for text in [bytes, &decoded] {
        for mark in &marks {
            let mut at = 0;
            while let Some(found) = find(&text[at..], mark.as_bytes()) {
                let found = at + found;
                at = (found + AROUND).min(text.len());
                places.push(text[found.saturating_sub(AROUND)..at].to_vec());
            }
        }
    }
    places
}

/// A canary that one of these places holds though it is not allowed, and how.
pub(crate) fn leak(places: &[Vec<u8>], allowed: &[String]) -> Option<String> {
    if places.is_empty() {
        return None;
    }
    let all = lock(&ALL).clone();
    for canary in all.iter().filter(|canary| !allowed.contains(canary)) {
        for place in places {
            if let Some(how) = holds_secret(place, canary) {
                return Some(format!("{canary} ({how}): {}", String::from_utf8_lossy(place)));
            }
        }
    }
    None
}

/// Panics if a text that somebody is shown (an error, a log, an event) holds any canary.
pub fn assert_none(what: &str, bytes: impl AsRef<[u8]>) {
    if let Some(leak) = leak(&suspicious(bytes.as_ref()), &[]) {
        panic!("{what} holds the secret {leak}");
    }
}

/// Panics if a file below this directory, or a file's name, holds any canary; files may hold those that are `allowed`.
pub fn assert_none_below(directory: &Path, allowed: &[String]) {
    let entries = match std::fs::read_dir(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => return,
        entries => entries.unwrap_or_else(|e| panic!("{}: {e}", directory.display())),
    };
    for entry in entries {
        let entry = entry.expect("an entry of a directory");
        let path = entry.path();
        assert_none("a file's name", entry.file_name().as_bytes());
        let kind = entry.file_type().expect("a kind of file");
        let content = if kind.is_dir() {
            assert_none_below(&path, allowed);
            continue;
        } else if kind.is_symlink() {
            std::fs::read_link(&path).map(|to| to.into_os_string().into_vec())
        } else if kind.is_file() {
            std::fs::read(&path)
        } else {
            continue;
        };
        let content = content.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if let Some(leak) = leak(&suspicious(&content), allowed) {
            panic!("{} holds the secret {leak}", path.display());
        }
    }
}

/// A temporary directory that is searched for canaries when it is dropped.
pub struct TempDir {
    directory: tempfile::TempDir,
    allowed: Mutex<Vec<String>>,
}

/// Makes a temporary directory.
pub fn tempdir() -> TempDir {
    TempDir {
        directory: tempfile::tempdir().expect("a temporary directory"),
        allowed: Mutex::default(),
    }
}

impl TempDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its files, but not their names, may hold this secret: the test has written it there.
    pub fn may_hold(&self, secret: &str) {
        lock(&self.allowed).push(secret.to_owned());
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        self.path()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let any = !lock(&ALL).is_empty();
        if any && !std::thread::panicking() {
            assert_none_below(self.path(), &lock(&self.allowed));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::server::ServerOptions;
    use crate::{Reply, rig};

    #[test]
    fn finds_a_secret_in_every_disguise() {
        let secret = canary();
        for before in ["", "a", "ab", "user:"] {
            for after in ["", "x", "yz"] {
                let text = STANDARD.encode(format!("{before}{secret}{after}"));
                assert_eq!(holds_secret(text.as_bytes(), &secret), Some("base64"));
            }
        }
        let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(holds_secret(escaped.as_bytes(), &secret), Some("percent-encoded"));
        assert_eq!(holds_secret(format!("a={secret}&").as_bytes(), &secret), Some("raw"));
        assert_eq!(holds_secret(STANDARD.encode(canary()).as_bytes(), &secret), None);
    }

    /// Every form that a leaked secret can have, in some text.
    fn disguises(secret: &str) -> Vec<String> {
        let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut forms = vec![secret.to_owned(), escaped, secret.replace('-', "%2D")];
        forms.extend(["", "a", "ab"].map(|b| STANDARD.encode(format!("{b}{secret}:x"))));
        forms.push(URL_SAFE.encode(secret));
        let fill = "x".repeat(5000);
        forms.into_iter().map(|form| format!("{fill}{form}{fill}")).collect()
    }

    fn panics(work: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(work)).is_err()
    }

    #[test]
    fn a_shown_secret_is_found() {
        let secret = canary();
        for text in disguises(&secret) {
            assert!(panics(|| assert_none("a text", &text)), "{text}");
        }
        assert_none("a text", "CANARY- is not a whole one");
    }

    #[test]
    fn a_server_that_was_sent_a_secret_panics_when_it_is_dropped() {
        for clear in [false, true] {
            for text in disguises(&canary()) {
                let server = rig::bystander(ServerOptions::default(), |_| Reply::empty(404));
                send(&server, &text);
                if clear {
                    server.clear();
                }
                assert!(panics(|| drop(server)), "{text}");
            }
        }
    }

    #[test]
    fn a_server_may_be_sent_the_secret_that_its_test_allows_and_no_other() {
        let (own, other) = (canary(), canary());
        for (sent, fails) in [(&own, false), (&other, true)] {
            let server = rig::bystander(ServerOptions::default(), |_| Reply::empty(404));
            server.may_receive(&own);
            send(&server, sent);
            assert_eq!(panics(|| drop(server)), fails);
        }
    }

    fn send(server: &crate::Server, text: &str) {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        write!(stream, "GET / HTTP/1.1\r\nX-Text: {text}\r\n\r\n").expect("sent");
        // The first byte of the answer says that the request was recorded.
        stream.read_exact(&mut [0]).expect("an answer");
    }

    #[test]
    fn a_secret_in_a_file_or_its_name_is_found() {
        for text in disguises(&canary()) {
            let directory = tempdir();
            std::fs::create_dir(directory.path().join("deep")).expect("a directory");
            std::fs::write(directory.path().join("deep/file"), text).expect("a file");
            assert!(panics(|| drop(directory)));
        }
        let (secret, directory) = (canary(), tempdir());
        directory.may_hold(&secret);
        std::fs::write(directory.path().join("file"), &secret).expect("a file");
        drop(directory);
        let directory = tempdir();
        directory.may_hold(&secret);
        std::fs::write(directory.path().join(&secret), "").expect("a file");
        assert!(panics(|| drop(directory)));
        let directory = tempdir();
        std::os::unix::fs::symlink(&secret, directory.path().join("link")).expect("a link");
        assert!(panics(|| drop(directory)));
    }
}
