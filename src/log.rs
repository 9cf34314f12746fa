//! The log of a service: one structured record for each thing that its calls do on the network.
//!
//! Records name methods, hosts, paths and statuses, never a query, a header or a secret.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::error::{Error, one_line, one_line_each};
use crate::sync::Current;

/// How much a record matters; less important ones have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(i32)]
pub enum Level {
    /// Something failed for good.
    Error = 1,
    /// Something is tried again, or elsewhere, or is not verified.
    Warn = 2,
    /// Who somebody is to a registry: credentials and tokens.
    Info = 3,
    /// Every request.
    Debug = 4,
    /// Every connection, and what goes over it, line by line.
    Trace = 5,
}

impl Level {
    /// The level of a number in the C surface; 0 is none at all.
    pub fn from_number(number: i32) -> Option<Option<Self>> {
        Some(match number {
            0 => None,
            1 => Some(Self::Error),
            2 => Some(Self::Warn),
            3 => Some(Self::Info),
            4 => Some(Self::Debug),
            5 => Some(Self::Trace),
            _ => return None,
        })
    }

    /// The number in the C surface.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// Told the level of a record and its JSON.
pub type Sink = Box<dyn Fn(Level, &str) + Send + Sync>;

/// Where the records of one service go.
pub struct Log {
    /// The number of the last level that anybody wants; 0 while nobody listens.
    most: AtomicI32,
    sink: Current<Option<Arc<Sink>>>,
}

impl Default for Log {
    /// Nobody listens.
    fn default() -> Self {
        Self { most: AtomicI32::new(0), sink: Current::new(None) }
    }
}

impl Log {
    /// Sends records up to `most` to `sink` from now on, in place of the one before.
    pub fn set(&self, most: Option<Level>, sink: Option<Sink>) {
        let most = most.filter(|_| sink.is_some());
        let sink = sink.filter(|_| most.is_some()).map(Arc::new);
        let Ok(()) = self.sink.change(|_| {
            self.most.store(most.map_or(0, Level::number), Ordering::Relaxed);
            Ok::<_, Infallible>(sink)
        });
    }

    /// Whether records of this level are wanted.
    pub fn wants(&self, level: Level) -> bool {
        level.number() <= self.most.load(Ordering::Relaxed)
    }

    /// Gives one record away. What is told while a sink runs on this thread is told to nobody: a sink that makes calls
    /// of its own would be told of them, and so on without an end.
    pub fn tell(&self, level: Level, json: &str) {
        let Some(_telling) = Telling::begin() else { return };
        let sink = self.sink.get();
        // The level may have been another when the record was made.
        if let Some(sink) = sink.filter(|_| self.wants(level)) {
            sink(level, json);
        }
    }
}

/// Held while a sink may run on this thread.
struct Telling;

thread_local! {
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

impl Telling {
    fn begin() -> Option<Self> {
        (!TELLING.replace(true)).then(|| Self)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        TELLING.set(false);
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("most", &self.most).finish_non_exhaustive()
    }
}

/// One record: a message, and what it is about under the keys of the error document.
#[derive(Debug)]
pub struct Record {
    message: String,
    details: Map<String, Value>,
}

impl Record {
    /// A record with its one-line message.
    pub fn new(message: impl AsRef<str>) -> Self {
        Self { message: one_line(message.as_ref()), details: Map::new() }
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        one_line_each(&mut value);
        self.details.insert(key.to_owned(), value);
        self
    }

    /// Says how long something took.
    #[must_use]
    pub fn took(self, time: Duration) -> Self {
        self.with("duration_ms", u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// Adds the URL's scheme, host and path, never user info or the query.
    #[must_use]
    pub fn url(mut self, url: &Url) -> Self {
        let details = Error::internal("").url(url);
        let details = details.details();
        for (key, value) in
            [("scheme", &details.scheme), ("host", &details.host), ("path", &details.path)]
        {
            if let Some(value) = value {
                self.details.insert(key.to_owned(), value.as_str().into());
            }
        }
        self
    }

    /// Says what failed: all that the error document says, but the message and what to try.
    #[must_use]
    pub fn error(mut self, error: &Error) -> Self {
        if let Ok(Value::Object(document)) = serde_json::to_value(error) {
            for (key, value) in document {
                if !matches!(key.as_str(), "message" | "hint" | "attempts") {
                    self.details.insert(key, value);
                }
            }
        }
        self
    }

    /// The record's JSON; `target` is the room that tells it.
    pub(crate) fn to_json(&self, level: Level, target: &str) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            time_ms: u64,
            level: Level,
            target: &'a str,
            message: &'a str,
            #[serde(flatten)]
            details: &'a Map<String, Value>,
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let Self { message, details } = self;
        // Strings, numbers and lists of them always serialize.
        serde_json::to_string(&Document { time_ms, level, target, message, details })
            .unwrap_or_else(|_| "{}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_record_names_whom_it_is_about_without_query_and_user() {
        let url = Url::parse("https://user:secret@reg.test:5000/v2/?token=secret").expect("a URL");
        let error = Error::new(Code::Server, "cannot").url(&url).hint("wait");
        let json = Record::new("two\nlines").url(&url).error(&error).to_json(Level::Warn, "http");
        assert!(
            !json.contains("secret") && !json.contains('?') && !json.contains("wait"),
            "{json}"
        );
        let record: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(record["level"], "warn");
        assert_eq!(record["target"], "http");
        assert_eq!(record["message"], "two\\nlines");
        assert_eq!(record["host"], "reg.test:5000");
        assert_eq!(record["path"], "/v2/");
        assert_eq!(record["code"], 83);
        assert!(record["time_ms"].as_u64().expect("a time") > 1_700_000_000_000);
    }

    #[test]
    fn a_sink_is_not_told_of_itself() {
        let (log, told) = (Arc::new(Log::default()), Arc::new(AtomicI32::new(0)));
        let (inner, count) = (Arc::downgrade(&log), told.clone());
        let sink = move |_, json: &str| {
            count.fetch_add(1, Ordering::Relaxed);
            if let Some(log) = inner.upgrade() {
                log.tell(Level::Error, json);
            }
            assert!(json != "panic", "as a callback may");
        };
        log.set(Some(Level::Trace), Some(Box::new(sink)));
        log.tell(Level::Error, "{}");
        assert_eq!(told.load(Ordering::Relaxed), 1);
        let panics = || log.tell(Level::Error, "panic");
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        log.tell(Level::Error, "{}");
        assert_eq!(told.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn without_a_sink_nothing_is_wanted() {
        let log = Log::default();
        assert!(!log.wants(Level::Error));
        log.set(Some(Level::Trace), None);
        assert!(!log.wants(Level::Error));
        log.set(None, Some(Box::new(|_, _| panic!("nothing is told"))));
        assert!(!log.wants(Level::Error));
        log.tell(Level::Error, "{}");
        log.set(Some(Level::Info), Some(Box::new(|_, _| ())));
        assert!(log.wants(Level::Info) && !log.wants(Level::Debug));
    }
}
