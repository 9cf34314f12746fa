//! The only error type of the library: a code, what was being done to what, why it failed, and what to try.
//!
//! Nothing in an [`Error`] may hold a secret or a query string: addresses enter it only through
//! [`Error::url`], which keeps scheme, host and path.

mod codes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::{Code, DOCUMENTATION, Documentation};

/// The step that failed or was too slow; the `phase` of the error document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // As for Code.
pub enum Phase {
    Config,
    Credentials,
    Dns,
    Connect,
    Tls,
    Proxy,
    Ping,
    Token,
    Header,
    Idle,
    Slow,
    Body,
    Verify,
    Store,
    Wait,
    Deadline,
}

/// One entry of a registry's own error document (`errors[]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegistryError {
    /// The registry's code, such as `MANIFEST_UNKNOWN`.
    #[serde(default)]
    pub code: String,
    /// The registry's words; control characters are escaped.
    #[serde(default)]
    pub message: String,
    /// Whatever else the registry said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

/// What is known of a failure beyond its code and message; absent keys do not apply.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)] // The keys are described in the header's guide, under "error".
pub struct Details {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RegistryError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_actual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_expected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_actual: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Error>,
    /// Written by the error itself, which knows the usual one.
    #[serde(skip)]
    pub hint: Option<String>,
    /// Whether the peer answered with HTTP, even if malformed: this says more than that it does not support TLS.
    #[serde(skip)]
    pub speaks_http: bool,
}

/// Every way in which a call of this library fails.
///
/// Cheap to move (one pointer). [`fmt::Display`] gives one line: the message with its causes.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    retryable: bool,
    details: Details,
}

/// What the library's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error with its one-line message: what could not be done, to what.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retryable = code.usually_passes();
        let message = one_line(&message.into());
        Self(Box::new(Inner { code, message, retryable, details: Details::default() }))
    }

    /// A caller's argument that cannot be used.
    pub fn argument(name: &str, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message).in_argument(name)
    }

    /// Says which argument or option it is about.
    #[must_use]
    pub fn in_argument(self, name: &str) -> Self {
        self.with(|d| d.argument = Some(name.to_owned()))
    }

    /// A state that the library's own code rules out.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// A failed file operation: NO_SPACE, PERMISSION or IO, with the system's reason as cause.
    pub fn file(doing: impl Into<String>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let (code, hint) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                (Code::NoSpace, Some("free some space, or choose another directory"))
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                (Code::Permission, Some("check the owner and mode of the directory"))
            }
            ErrorKind::NotFound => (Code::Io, Some("check that the path exists")),
            _ => (Code::Io, None),
        };
        let made = Self::new(code, doing).phase(Phase::Store).cause(error);
        match hint {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }

    /// Something that the system did not give: a descriptor, a thread, a program. Trying elsewhere does not help.
    pub fn resource(doing: impl Into<String>, error: &std::io::Error) -> Self {
        use rustix::io::Errno;
        let hint = match Errno::from_io_error(error) {
            Some(Errno::MFILE) => {
                "the program has too many files open: close some, or raise its limit (ulimit -n)"
            }
            Some(Errno::NFILE) => {
                "the system has too many files open: close some, or raise fs.file-max"
            }
            Some(Errno::AGAIN | Errno::NOMEM | Errno::NOBUFS) => {
                "free memory, or raise the limits on memory, processes and threads"
            }
            Some(Errno::PERM | Errno::ACCESS | Errno::NOSYS) => {
                "a security policy such as seccomp forbids this: allow clone, clone3, socket and pipe2"
            }
            _ => "check the limits of the program and the security policy that it runs under",
        };
        Self::new(Code::Io, doing).cause(error).hint(hint)
    }

    /// Sets any of the details.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Details)) -> Self {
        set(&mut self.0.details);
        self
    }

    /// Adds a cause; the message then reads `message: cause`.
    #[must_use]
    pub fn cause(self, cause: impl fmt::Display) -> Self {
        let cause = one_line(&cause.to_string());
        self.with(|d| d.causes.push(cause))
    }

    /// Changes the message, but not its causes.
    #[must_use]
    pub fn map_message(mut self, change: impl FnOnce(&mut String)) -> Self {
        change(&mut self.0.message);
        self
    }

    /// Says what to try.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let hint = one_line(&hint.into());
        self.with(|d| d.hint = Some(hint))
    }

    /// Says at which step.
    #[must_use]
    pub fn phase(self, phase: Phase) -> Self {
        self.with(|d| d.phase = Some(phase))
    }

    /// Adds the URL's scheme, host and path, never user info or the query.
    #[must_use]
    pub fn url(self, url: &url::Url) -> Self {
        self.with(|d| {
            d.scheme = Some(url.scheme().to_owned());
            d.host = Some(match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (host, _) => host.unwrap_or_default().to_owned(),
            });
            d.path = Some(url.path().to_owned());
        })
    }

    /// Overrules what the code says about whether asking again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Gives another code: what looked like one failure turned out to be another.
    #[must_use]
    pub fn recode(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Puts what was being done in front; the old message becomes the first cause.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.0.message, one_line(&doing.into()));
        self.0.details.causes.insert(0, inner);
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What is known beyond code and message.
    pub fn details(&self) -> &Details {
        &self.0.details
    }

    /// What the user can do: what was said where it failed, else what usually helps against such a failure.
    pub fn hint_text(&self) -> Option<&str> {
        self.details().hint.as_deref().or_else(|| self.code().usual_hint())
    }

    /// Whether the same call may succeed when made again.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The error document of the C surface.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists of them always serialize.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            code: i32,
            name: &'static str,
            message: String,
            #[serde(flatten)]
            details: &'a Details,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
            retryable: bool,
        }
        Document {
            code: self.code().number(),
            name: self.code().name(),
            message: self.to_string(),
            details: self.details(),
            hint: self.hint_text(),
            retryable: self.is_retryable(),
        }
        .serialize(serializer)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for cause in &self.0.details.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.code().name())
    }
}

impl std::error::Error for Error {}

/// For readers of the standard library; `downcast` is the way back.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// Text from elsewhere may hold line breaks, terminal escapes and characters that turn a line around; an error is one
/// line that shows what it holds.
pub fn one_line(text: &str) -> String {
    if !text.chars().any(is_unseen) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unseen(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Makes one line of each text of a JSON value that came from elsewhere.
pub fn one_line_each(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => *text = one_line(text),
        Value::Array(items) => items.iter_mut().for_each(one_line_each),
        Value::Object(map) => {
            let lines = std::mem::take(map).into_iter().map(|(key, mut value)| {
                one_line_each(&mut value);
                (one_line(&key), value)
            });
            *map = lines.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a character is no mark on the screen but changes what stands there: Unicode's control characters, its format
/// characters (those that turn the direction of a line and those of no width among them), and the ends of lines and
/// paragraphs.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}'
            | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_turns_or_hides_what_stands_beside_it() {
        for c in [
            '\n',
            '\u{1b}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let evil = format!("a{c}b");
            let error = Error::new(Code::Denied, &*evil).cause(&evil).hint(&*evil).context(&*evil);
            let json = error.to_json();
            assert!(!json.contains(c) && !error.to_string().contains(c), "{json}");
            let mut value = serde_json::json!({&*evil: [&*evil]});
            one_line_each(&mut value);
            assert!(!value.to_string().contains(c), "{value}");
        }
        for text in ["plain", "Zürich 東京 🙂", "a — b"] {
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn every_code_has_a_sentence_and_a_hint() {
        for code in Code::ALL {
            let (text, name) = (code.text().to_str().expect("UTF-8"), code.name());
            assert!(text.ends_with('.') && !text.contains('\n'), "{name}: {text}");
            let error = Error::new(*code, "it failed");
            let ended_by_the_caller = matches!(code, Code::Cancelled | Code::Deadline);
            assert_eq!(error.hint_text().is_none(), ended_by_the_caller, "{name}");
            assert_eq!(error.to_json().contains("\"hint\""), !ended_by_the_caller, "{name}");
        }
    }

    #[test]
    fn what_is_known_where_it_failed_counts_before_what_usually_helps() {
        let error = Error::new(Code::Connect, "it failed").hint("plug\nit in");
        assert_eq!(error.hint_text(), Some("plug\\nit in"));
        assert_eq!(error.to_json().matches("\"hint\"").count(), 1);
        // Another code brings its own.
        let other = Error::new(Code::Connect, "it failed").recode(Code::NoSpace);
        assert_eq!(other.hint_text(), Error::new(Code::NoSpace, "").hint_text());
    }
}
