//! The log of services as tests have it: every service logs all that it can, and no record may hold a canary.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use ocireg::ffi::*;
use ocireg_testkit::canary;
use serde_json::Value;

use super::{Outcome, Service, call};

/// One record, and the thread that it was told on.
#[derive(Debug, Clone)]
pub struct Told {
    pub level: i32,
    pub record: Value,
    pub thread: ThreadId,
}

/// What a callback was told, and how often it was dropped.
#[derive(Debug, Default)]
pub struct Kept {
    pub records: Vec<Told>,
    pub drops: usize,
}

/// The records of one callback.
#[derive(Debug, Clone, Default)]
pub struct Records(Arc<Mutex<Kept>>);

impl Records {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All so far.
    pub fn all(&self) -> Vec<Told> {
        self.lock().records.clone()
    }

    /// Those of one part of the library.
    pub fn of(&self, target: &str) -> Vec<Value> {
        self.all().into_iter().map(|told| told.record).filter(|r| r["target"] == target).collect()
    }

    /// How often the callback was dropped.
    pub fn drops(&self) -> usize {
        self.lock().drops
    }

    /// Panics if a record holds a canary, a query, or not what every record must.
    pub fn check(&self) {
        for Told { level, record, .. } in self.all() {
            canary::assert_none("a log record", record.to_string());
            let named = ["error", "warn", "info", "debug", "trace"];
            assert_eq!(record["level"], named[usize::try_from(level - 1).expect("a level")]);
            for key in ["target", "message"] {
                assert!(record[key].as_str().is_some_and(|text| !text.is_empty()), "{record}");
            }
            assert!(record["time_ms"].as_u64().is_some(), "{record}");
        }
    }
}

unsafe extern "C" fn told(data: *mut c_void, level: i32, record: *const c_char) {
    // SAFETY: the box of set_log, alive until it is dropped; the record lives through this call.
    let (records, record) = unsafe { (&*data.cast::<Records>(), CStr::from_ptr(record)) };
    // A callback must not panic: what is no JSON is found later.
    let record = serde_json::from_slice(record.to_bytes()).unwrap_or_default();
    records.lock().records.push(Told { level, record, thread: thread::current().id() });
}

unsafe extern "C" fn forget(data: *mut c_void) {
    // SAFETY: made by Box::into_raw in set_log, given back once.
    let records = unsafe { Box::from_raw(data.cast::<Records>()) };
    records.lock().drops += 1;
}

impl Service {
    /// Logs into new records, in place of where it has logged before.
    pub fn set_log(&self, max_level: i32) -> Outcome<Records> {
        let records = Records::default();
        let data = Box::into_raw(Box::new(records.clone())).cast();
        // SAFETY: a live handle; the box is given back to `forget` once, also when the call fails.
        call(|error| unsafe {
            ocireg_service_set_log(self.0, max_level, Some(told), data, Some(forget), error)
        })
        .map(|()| records)
    }

    /// Logs no more.
    pub fn end_log(&self) {
        let data = std::ptr::null_mut();
        // SAFETY: a live handle.
        call(|error| unsafe { ocireg_service_set_log(self.0, 5, None, data, None, error) })
            .expect("a log can be ended");
    }
}
