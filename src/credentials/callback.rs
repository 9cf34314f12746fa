//! Credentials from the program itself: a function that is asked while a call runs.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::AuthConfig;
use super::purpose::Purpose;
use crate::call::Call;
use crate::error::{Code, Error, Phase, Result};
use crate::names::host;
use crate::sync::Current;

/// Why the program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Nothing was sent yet.
    First,
    /// The registry, or its token server, did not accept what the program gave before.
    Refused,
}

/// What the program answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These credentials; without any of its fields, anonymous access.
    Use(AuthConfig),
    /// It has none: the next source is asked.
    Next,
    /// The call is to end.
    Stop,
}

/// The program's function; it gets the request as JSON.
pub type Ask = Box<dyn Fn(&str) -> Answer + Send + Sync>;

/// The function of a service, if there is one.
pub struct Callback(Current<Option<Arc<Ask>>>);

impl Default for Callback {
    fn default() -> Self {
        Self(Current::new(None))
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callback").field(&self.0.get().is_some()).finish()
    }
}

/// What the program is told.
#[derive(Serialize)]
struct Request<'a> {
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    repository: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    actions: &'a [String],
    reason: Reason,
}

impl Callback {
    /// Puts a function in place of the one before. A call that is inside the old one keeps it until that returns.
    pub fn set(&self, ask: Option<Ask>) {
        let ask = ask.map(Arc::new);
        let Ok(()) = self.0.change(|_| Ok::<_, Infallible>(ask));
    }

    /// Asks the program, on the caller's own thread. None: it has nothing, or there is nobody to ask.
    ///
    /// No lock is held meanwhile, so the function may make calls. Those do not ask it again: it would be asked what it is
    /// about to answer, and so on without an end.
    pub(super) fn ask(
        &self,
        purpose: &Purpose,
        reason: Reason,
        call: &Call,
    ) -> Result<Option<AuthConfig>> {
        let Some(ask) = self.0.get() else { return Ok(None) };
        let Purpose { host, repository, actions, .. } = purpose;
        let request = Request { host, repository, actions, reason };
        let request = serde_json::to_string(&request)
            .map_err(|e| Error::internal("cannot write a request for credentials").cause(e))?;
        let answer = call.on_caller_thread(move |_| {
            let Some(_asking) = Asking::begin() else { return Answer::Next };
            ask(&request)
        })?;
        match answer {
            Answer::Use(auth) => Ok(Some(auth)),
            Answer::Next => Ok(None),
            Answer::Stop => Err(Error::new(
                Code::Credentials,
                format!(
                    "the credentials callback stopped the call: no credentials for {}",
                    host::printable(host)
                ),
            )
            .phase(Phase::Credentials)
            .with(|d| d.cancelled_by = Some("credentials"))
            .hint("the program decides this: return 0 without an answer to let the next source of credentials be asked")),
        }
    }
}

/// Held while the function may run on this thread.
struct Asking;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

impl Asking {
    fn begin() -> Option<Self> {
        (!ASKING.replace(true)).then(|| Self)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.set(false);
    }
}
