//! The one failure type of the library: a code, what was being done to whom, why it failed, what to try.
//!
//! Nothing in an [`Error`] may hold a secret or a query string: addresses enter it only through
//! [`Error::url`], which keeps scheme, host and path.

use std::ffi::CStr;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The numbers of the C surface (`OCIREG_…`): fixed, append-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(i32)]
#[allow(missing_docs)] // Each name is its meaning; the header documents the numbers.
pub enum Code {
    InvalidArgument = 1,
    InvalidUtf8 = 2,
    InvalidHandle = 3,
    InvalidJson = 4,
    InvalidReference = 5,
    InvalidDigest = 6,
    InvalidConfig = 7,
    Unsupported = 8,
    Busy = 9,
    Cancelled = 20,
    Deadline = 21,
    NameNotResolved = 40,
    Connect = 41,
    Tls = 42,
    Certificate = 43,
    Timeout = 44,
    Disconnected = 45,
    Proxy = 46,
    Redirect = 47,
    Protocol = 48,
    Policy = 49,
    Unauthorized = 60,
    Denied = 61,
    Credentials = 62,
    CredentialHelper = 63,
    NotFound = 80,
    AlreadyExists = 81,
    RateLimited = 82,
    Server = 83,
    Rejected = 84,
    Conflict = 85,
    DigestMismatch = 100,
    SizeMismatch = 101,
    InvalidManifest = 102,
    Limit = 103,
    NoPlatform = 104,
    Io = 120,
    NoSpace = 121,
    Permission = 122,
    SourceChanged = 123,
    Internal = 200,
    Panic = 201,
}

/// Every code with its name in the C surface, without the `OCIREG_` prefix.
pub const CODES: &[(Code, &str)] = &[
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::InvalidUtf8, "INVALID_UTF8"),
    (Code::InvalidHandle, "INVALID_HANDLE"),
    (Code::InvalidJson, "INVALID_JSON"),
    (Code::InvalidReference, "INVALID_REFERENCE"),
    (Code::InvalidDigest, "INVALID_DIGEST"),
    (Code::InvalidConfig, "INVALID_CONFIG"),
    (Code::Unsupported, "UNSUPPORTED"),
    (Code::Busy, "BUSY"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Deadline, "DEADLINE"),
    (Code::NameNotResolved, "NAME_NOT_RESOLVED"),
    (Code::Connect, "CONNECT"),
    (Code::Tls, "TLS"),
    (Code::Certificate, "CERTIFICATE"),
    (Code::Timeout, "TIMEOUT"),
    (Code::Disconnected, "DISCONNECTED"),
    (Code::Proxy, "PROXY"),
    (Code::Redirect, "REDIRECT"),
    (Code::Protocol, "PROTOCOL"),
    (Code::Policy, "POLICY"),
    (Code::Unauthorized, "UNAUTHORIZED"),
    (Code::Denied, "DENIED"),
    (Code::Credentials, "CREDENTIALS"),
    (Code::CredentialHelper, "CREDENTIAL_HELPER"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::RateLimited, "RATE_LIMITED"),
    (Code::Server, "SERVER"),
    (Code::Rejected, "REJECTED"),
    (Code::Conflict, "CONFLICT"),
    (Code::DigestMismatch, "DIGEST_MISMATCH"),
    (Code::SizeMismatch, "SIZE_MISMATCH"),
    (Code::InvalidManifest, "INVALID_MANIFEST"),
    (Code::Limit, "LIMIT"),
    (Code::NoPlatform, "NO_PLATFORM"),
    (Code::Io, "IO"),
    (Code::NoSpace, "NO_SPACE"),
    (Code::Permission, "PERMISSION"),
    (Code::SourceChanged, "SOURCE_CHANGED"),
    (Code::Internal, "INTERNAL"),
    (Code::Panic, "PANIC"),
];

impl Code {
    /// The number in the C surface.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The name in the C surface, without the `OCIREG_` prefix.
    pub fn name(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self).map_or("UNKNOWN", |(_, name)| name)
    }

    /// What the code means, in one sentence; as the C surface lends it.
    pub fn text(self) -> &'static CStr {
        match self {
            Self::InvalidArgument => c"An argument or option is not valid.",
            Self::InvalidUtf8 => c"An argument is not valid UTF-8.",
            Self::InvalidHandle => c"A handle is of the wrong type or has been freed.",
            Self::InvalidJson => c"An argument is not the JSON that the function expects.",
            Self::InvalidReference => c"An image reference or repository name is not valid.",
            Self::InvalidDigest => c"A digest is not valid.",
            Self::InvalidConfig => c"The configuration contains a value that is not valid.",
            Self::Unsupported => c"The registry or this version of ocireg does not support this.",
            Self::Busy => c"Another thread is using the handle.",
            Self::Cancelled => c"The call was cancelled.",
            Self::Deadline => c"The deadline of the call has passed.",
            Self::NameNotResolved => c"A host name could not be resolved to an address.",
            Self::Connect => c"The connection to the server failed.",
            Self::Tls => c"The TLS handshake failed.",
            Self::Certificate => c"The server's certificate is not trusted.",
            Self::Timeout => c"The server took too long to answer.",
            Self::Disconnected => c"The connection ended before the transfer was complete.",
            Self::Proxy => c"The proxy refused the connection or could not be used.",
            Self::Redirect => c"A redirect could not be followed.",
            Self::Protocol => c"The server sent an invalid response.",
            Self::Policy => c"A security rule of ocireg forbids this address.",
            Self::Unauthorized => c"The registry requires valid credentials.",
            Self::Denied => c"The credentials do not allow this operation.",
            Self::Credentials => c"The configured credentials cannot be used.",
            Self::CredentialHelper => c"A credential helper failed.",
            Self::NotFound => c"The requested object does not exist.",
            Self::AlreadyExists => c"The object to be created already exists.",
            Self::RateLimited => c"The registry has received too many requests.",
            Self::Server => c"The registry reported a server error.",
            Self::Rejected => c"The registry rejected the request.",
            Self::Conflict => c"Somebody else changed the content in the meantime.",
            Self::DigestMismatch => c"The content does not have the expected digest.",
            Self::SizeMismatch => c"The content does not have the expected size.",
            Self::InvalidManifest => c"A manifest or image configuration is not valid.",
            Self::Limit => c"The content exceeds a configured limit.",
            Self::NoPlatform => c"The image is not available for the requested platform.",
            Self::Io => c"A local file or system resource could not be used.",
            Self::NoSpace => c"There is no space left on the device.",
            Self::Permission => c"The operating system denied access to a file.",
            Self::SourceChanged => c"A local file changed while it was being read.",
            Self::Internal => c"Internal error; please report it.",
            Self::Panic => c"Internal error: ocireg panicked during the call; please report it.",
        }
    }

    /// What a user can do where nobody knows better; None where there is nothing to do.
    fn usual_hint(self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidArgument => {
                "see the function's documentation for the values that the argument accepts"
            }
            Self::InvalidUtf8 => "convert the string to UTF-8 before the call",
            Self::InvalidHandle => "pass a handle of the right type that has not been freed",
            Self::InvalidJson => "see the function's documentation for the keys and their types",
            Self::InvalidReference => {
                "write [HOST[:PORT]/]PATH[:TAG][@DIGEST], with the path in lower case"
            }
            Self::InvalidDigest => "write sha256: and 64 lower-case hex digits",
            Self::InvalidConfig => "correct the option or file named in the message",
            Self::Unsupported => "use another registry, or a newer version of ocireg",
            Self::Busy => "use the handle from one thread at a time, or open one for each thread",
            Self::NameNotResolved => {
                "check the spelling of the host name and the DNS settings of this machine"
            }
            Self::Connect => {
                "check the host and port, that the server is running, and that no firewall blocks the connection"
            }
            Self::Tls => "check that the server speaks TLS 1.2 or 1.3 on this port",
            Self::Certificate => {
                "put the registry's CA certificate into the registry's directory below the one that the option certs-dir names"
            }
            Self::Timeout => "try again, or raise the limit in the option timeouts",
            Self::Disconnected => {
                "try again; if it happens again, check the network and any proxy in between"
            }
            Self::Proxy => "check the option proxy, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
            Self::Redirect | Self::Protocol => {
                "check that the address is that of a registry; if it is, report this to its operator"
            }
            Self::Policy => "if you trust the host, add it to the option that allows this",
            Self::Unauthorized => "log in to the registry, or pass valid credentials",
            Self::Denied => "check that the repository exists and that the user has access to it",
            Self::Credentials => "correct the credentials, or log in again",
            Self::CredentialHelper => {
                "run the credential helper by hand, or remove it from config.json and log in again"
            }
            Self::NotFound => "check the spelling of the repository, tag and digest",
            Self::AlreadyExists => "if it is the same content, there is nothing to do",
            Self::RateLimited => {
                "wait before you try again; many registries allow more requests when you are logged in"
            }
            Self::Server => {
                "try again later; if it happens again, report it to the registry's operator"
            }
            Self::Rejected => "see the registry's own error in the message",
            Self::Conflict => "look at the current content, and decide again",
            Self::DigestMismatch | Self::SizeMismatch => {
                "do not use the content; try again, and report it to the registry's operator if it happens again"
            }
            Self::InvalidManifest => {
                "report this to whoever built the image, or rebuild it with a current tool"
            }
            Self::Limit => "raise the limit in the option limits, if you trust the registry",
            Self::NoPlatform => "choose one of the image's platforms with the option platform",
            Self::Io => {
                "check the file or directory named in the message, and the resource limits of the process"
            }
            Self::NoSpace => "free some space, or choose another directory",
            Self::Permission => {
                "check the owner and mode of the file or directory named in the message"
            }
            Self::SourceChanged => "try again when no process is writing to the file",
            Self::Internal | Self::Panic => "please report this",
            Self::Cancelled | Self::Deadline => return None,
        })
    }
}

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
    /// Whether the peer was heard to speak HTTP, though badly: that says more than that it speaks no TLS.
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
    /// A failure with its one-line message: what could not be done, to whom.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retryable = matches!(
            code,
            Code::NameNotResolved
                | Code::Connect
                | Code::Timeout
                | Code::Disconnected
                | Code::RateLimited
                | Code::Server
        );
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

    /// Says to whom: scheme, host and path, never user info or the query.
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
        for (code, name) in CODES {
            let text = code.text().to_str().expect("UTF-8");
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
