//! Every code: its number, its name, and its documentation.
//!
//! A row gives the name in Rust, the number, the name in C (without `OCIREG_`) and one sentence, which
//! `ocireg_code_text()` returns. `when` says when a call fails with it and `example` shows a message, both for
//! `docs/errors.md`. `hint` is what an error says to do where nobody knows better; `advice` is for the documentation alone.
//! `retryable` codes may go away by themselves. Numbers never change, and new rows have new numbers:
//! `OCIREG_UPDATE=1 cargo test --test generated` then updates what is generated.

use std::ffi::CStr;

macro_rules! codes {
    ($(
        $Variant:ident = $number:literal $name:literal $text:literal
            when $when:literal
            $(hint $hint:literal)? $(advice $advice:literal)?
            example $example:literal $($retryable:ident)?;
    )+) => {
        /// The numbers of the C surface (`OCIREG_…`): fixed, append-only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        #[allow(missing_docs)] // Each name is its meaning; the table has a sentence for each.
        pub enum Code {
            $($Variant = $number,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The name in the C surface.
            pub fn c_name(self) -> &'static CStr {
                match self {
                    $(Self::$Variant => c_str(concat!("OCIREG_", $name, "\0")),)+
                }
            }

            /// What the code means, in one sentence; as the C surface lends it.
            pub fn text(self) -> &'static CStr {
                match self {
                    $(Self::$Variant => c_str(concat!($text, "\0")),)+
                }
            }

            /// What a user can do if the error itself has no hint; None if there is nothing to do.
            pub(super) fn usual_hint(self) -> Option<&'static str> {
                match self {
                    $(Self::$Variant => codes!(@option $($hint)?),)+
                }
            }

            /// Whether the failure may go away by itself, judging by the code alone.
            pub(super) fn usually_passes(self) -> bool {
                match self {
                    $(Self::$Variant => codes!(@flag $($retryable)?),)+
                }
            }
        }

        /// What the documentation says about each code.
        pub const DOCUMENTATION: &[Documentation] = &[$(
            Documentation {
                code: Code::$Variant,
                when: $when,
                advice: concat!($($hint)? $($advice)?),
                example: $example,
            },
        )+];
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
    (@flag) => { false };
    (@flag retryable) => { true };
}

/// What the documentation says about a code.
#[derive(Debug)]
pub struct Documentation {
    /// The code.
    pub code: Code,
    /// When a call fails with it.
    pub when: &'static str,
    /// What the user can do.
    pub advice: &'static str,
    /// A message.
    pub example: &'static str,
}

/// Text that ends in NUL.
fn c_str(text: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or_default()
}

codes! {
    InvalidArgument = 1 "INVALID_ARGUMENT" "An argument or option is not valid."
        when "A required argument is missing, a value is out of range, or two options contradict each other. `argument` names it."
        hint "see the function's documentation for the values that the argument accepts"
        example "platform and all_platforms cannot be used together";
    InvalidUtf8 = 2 "INVALID_UTF8" "An argument is not valid UTF-8."
        when "A string contains bytes that are not UTF-8."
        hint "convert the string to UTF-8 before the call"
        example "source is not valid UTF-8";
    InvalidHandle = 3 "INVALID_HANDLE" "A handle is of the wrong type or has been freed."
        when "The pointer is not a handle of the type that the function expects, as far as that can be detected."
        hint "pass a handle of the right type that has not been freed"
        example "invalid handle: expected an ocireg_service that has not been freed";
    InvalidJson = 4 "INVALID_JSON" "An argument is not the JSON that the function expects."
        when "A JSON argument is malformed, has the same key twice, a key that does not exist, or a value of the wrong type."
        hint "see the function's documentation for the keys and their types"
        example "unknown option \"platfrom\"";
    InvalidReference = 5 "INVALID_REFERENCE" "An image reference or repository name is not valid."
        when "A reference, tag or repository name breaks the rules for names."
        hint "write [HOST[:PORT]/]PATH[:TAG][@DIGEST], with the path in lower case"
        example "\"registry.example/App\" is not a valid reference: the repository name must be lower case";
    InvalidDigest = 6 "INVALID_DIGEST" "A digest is not valid."
        when "A digest has an unsupported algorithm, the wrong length, or characters other than lower-case hex digits."
        hint "write sha256: and 64 lower-case hex digits"
        example "\"sha256:abc\" is not a valid digest: it has the wrong length";
    InvalidConfig = 7 "INVALID_CONFIG" "The configuration contains a value that is not valid."
        when "An option of a service, or a file that it names, has the right type but a value that cannot be used."
        hint "correct the option or file named in the message"
        example "max-concurrent-downloads must be from 1 to 1024";
    Unsupported = 8 "UNSUPPORTED" "The registry or this version of ocireg does not support this."
        when "The registry does not implement the request, the session's protocol has no such function, or this version of ocireg does not know the format."
        hint "use another registry, or a newer version of ocireg"
        example "cannot delete the manifest of app:1: registry.example answered 405 Method Not Allowed: UNSUPPORTED";
    Busy = 9 "BUSY" "Another thread is using the handle."
        when "Two threads use the same reader or writer at once, or a callback calls a function that needs what the running call holds."
        hint "use the handle from one thread at a time, or open one for each thread"
        example "another thread is reading from this reader";
    Cancelled = 20 "CANCELLED" "The call was cancelled."
        when "The program cancelled the context, or its progress callback returned non-zero. `cancelled_by` says which."
        advice "nothing: the program asked for it"
        example "the call was cancelled";
    Deadline = 21 "DEADLINE" "The deadline of the call has passed."
        when "The call did not end within the context's timeout or the option `total-ms`."
        advice "give the context a longer timeout"
        example "the deadline of the call has passed";
    NameNotResolved = 40 "NAME_NOT_RESOLVED" "A host name could not be resolved to an address."
        when "DNS has no address for the host, or does not answer."
        hint "check the spelling of the host name and the DNS settings of this machine"
        example "cannot find the address of registry.example" retryable;
    Connect = 41 "CONNECT" "The connection to the server failed."
        when "Nothing listens on the address, or it cannot be reached."
        hint "check the host and port, that the server is running, and that no firewall blocks the connection"
        example "cannot connect to registry.example:5000: Connection refused" retryable;
    Tls = 42 "TLS" "The TLS handshake failed."
        when "The server does not speak TLS, or no version or cipher that ocireg accepts."
        hint "check that the server speaks TLS 1.2 or 1.3 on this port"
        example "registry.example:5000 closed the connection during the TLS handshake";
    Certificate = 43 "CERTIFICATE" "The server's certificate is not trusted."
        when "The certificate is expired, is for another host, or was issued by an authority that is not trusted here."
        hint "put the registry's CA certificate into the registry's directory below the one that the option certs-dir names"
        example "cannot open registry.example:5000/app: the certificate of registry.example:5000 is signed by a CA that is not trusted";
    Timeout = 44 "TIMEOUT" "The server took too long to answer."
        when "One step of a request took longer than the option `timeouts` allows. `phase` says which step."
        hint "try again, or raise the limit in the option timeouts"
        example "cannot get the manifest of registry.example/app:1: no response within 30 seconds" retryable;
    Disconnected = 45 "DISCONNECTED" "The connection ended before the transfer was complete."
        when "The server or something on the way closed the connection."
        hint "try again; if it happens again, check the network and any proxy in between"
        example "registry.example closed the connection before the end of the response" retryable;
    Proxy = 46 "PROXY" "The proxy refused the connection or could not be used."
        when "The proxy requires other credentials, or did not forward the request."
        hint "check the option proxy, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        example "the proxy proxy.example:3128 did not forward the request to registry.example: it responded with status 407";
    Redirect = 47 "REDIRECT" "A redirect could not be followed."
        when "There are too many redirects, or one has no address or leads from https to http."
        hint "check that the address is that of a registry; if it is, report this to its operator"
        example "cannot get blob sha256:0123…: the redirect has no Location header";
    Protocol = 48 "PROTOCOL" "The server sent an invalid response."
        when "The response is not HTTP, not the JSON that it should be, or contradicts itself. `phase` is `ping` for a server that is not a registry."
        hint "check that the address is that of a registry; if it is, report this to its operator"
        example "cannot list the tags of registry.example/app: the server sent an invalid response: it is not valid JSON";
    Policy = 49 "POLICY" "A security rule of ocireg forbids this address."
        when "A server points to a more private network than its own, or credentials would go over plain HTTP or to a host that may not have them. See docs/security.md."
        hint "if you trust the host, add it to the option that allows this"
        example "refused to send credentials to registry.example over plain HTTP";
    Unauthorized = 60 "UNAUTHORIZED" "The registry requires valid credentials."
        when "The registry needs credentials, and none were found, or it does not accept them."
        hint "log in to the registry, or pass valid credentials"
        example "cannot pull registry.example/app:1: no basic auth credentials for registry.example";
    Denied = 61 "DENIED" "The credentials do not allow this operation."
        when "The registry knows the user, but refuses the request."
        hint "check that the repository exists and that the user has access to it"
        example "cannot upload a blob to app: registry.example answered 403 Forbidden: DENIED: requested access to the resource is denied";
    Credentials = 62 "CREDENTIALS" "The configured credentials cannot be used."
        when "A file or option with credentials cannot be read, or an entry in it is not valid."
        hint "correct the credentials, or log in again"
        example "cannot use the credentials for registry.example in /home/user/.docker/config.json: auth is not valid base64";
    CredentialHelper = 63 "CREDENTIAL_HELPER" "A credential helper failed."
        when "A `docker-credential-…` program ended with an error or gave an answer that is not valid. One that cannot be started is `IO`."
        hint "run the credential helper by hand, or remove it from config.json and log in again"
        example "docker-credential-pass get failed for registry.example: it failed (exit status: 1)";
    NotFound = 80 "NOT_FOUND" "The requested object does not exist."
        when "The registry or layout has no such repository, manifest, blob or tag. `what` says which."
        hint "check the spelling of the repository, tag and digest"
        example "cannot get the manifest of app:2: registry.example answered 404 Not Found: MANIFEST_UNKNOWN: manifest unknown";
    AlreadyExists = 81 "ALREADY_EXISTS" "The object to be created already exists."
        when "A registry of protocol v1 already has the image, or a file of an artifact already exists with other content."
        hint "if it is the same content, there is nothing to do"
        example "cannot upload the image: the registry already has it";
    RateLimited = 82 "RATE_LIMITED" "The registry has received too many requests."
        when "The registry answers 429, or asks for a longer wait than `max-retry-after-ms`. `retry_after_ms` says how long."
        hint "wait before you try again; many registries allow more requests when you are logged in"
        example "cannot get the manifest of library/alpine:latest: registry-1.docker.io answered 429 Too Many Requests: TOOMANYREQUESTS" retryable;
    Server = 83 "SERVER" "The registry reported a server error."
        when "The registry answers with a status of 500 or more, also after all attempts."
        hint "try again later; if it happens again, report it to the registry's operator"
        example "cannot get the blob sha256:0123…: registry.example answered 503 Service Unavailable" retryable;
    Rejected = 84 "REJECTED" "The registry rejected the request."
        when "The registry answers with another status from 400 to 499. `errors` has its own words."
        hint "see the registry's own error in the message"
        example "cannot put the manifest of app:1: registry.example answered 400 Bad Request: MANIFEST_INVALID: manifest invalid";
    Conflict = 85 "CONFLICT" "Somebody else changed the content in the meantime."
        when "A tag no longer has the content that it should have, or an upload was changed by somebody else."
        hint "look at the current content, and decide again"
        example "cannot put the manifest of app:1: registry.example answered 409 Conflict";
    DigestMismatch = 100 "DIGEST_MISMATCH" "The content does not have the expected digest."
        when "What was received or read hashes to another digest than the one that was asked for. `digest_expected` and `digest_actual` say which."
        hint "do not use the content; try again, and report it to the registry's operator if it happens again"
        example "the content has the digest sha256:4567…, but sha256:0123… was expected";
    SizeMismatch = 101 "SIZE_MISMATCH" "The content does not have the expected size."
        when "There are more or fewer bytes than a descriptor, an option or the server said. `size_expected` and `size_actual` say how many."
        hint "do not use the content; try again, and report it to the registry's operator if it happens again"
        example "sha256:0123… has 1000 bytes, but 1024 were expected";
    InvalidManifest = 102 "INVALID_MANIFEST" "A manifest, image configuration or layer is not valid."
        when "A manifest, index, configuration or layer has the right digest, but not the form that it should have; with a layer, `what` is `layer`."
        hint "report this to whoever built the image, or rebuild it with a current tool"
        example "the manifest is not valid: config is missing";
    Limit = 103 "LIMIT" "The content exceeds a configured limit."
        when "A response or image is larger, deeper or longer than the option `limits` allows."
        hint "raise the limit in the option limits, if you trust the registry"
        example "the manifest is larger than 8388608 bytes";
    NoPlatform = 104 "NO_PLATFORM" "The image is not available for the requested platform."
        when "An index lists no manifest for the platform. The message lists those that it has."
        hint "choose one of the image's platforms with the option platform"
        example "cannot pull registry.example/app:1: the index has no image for linux/s390x";
    Io = 120 "IO" "A local file or system resource could not be used."
        when "A file cannot be read or written, a program not started, or the process has too many open files."
        hint "check the file or directory named in the message, and the resource limits of the process"
        example "cannot read /home/user/image/index.json: Input/output error";
    NoSpace = 121 "NO_SPACE" "The device has no space left."
        when "The disk is full, or a quota is used up."
        hint "free some space, or choose another directory"
        example "cannot write /home/user/image/blobs/sha256/0123…: No space left on device";
    Permission = 122 "PERMISSION" "The operating system denied access to a file."
        when "The process may not read or write the file or directory, or the file system is read-only."
        hint "check the owner and mode of the file or directory named in the message"
        example "cannot create /srv/images: Permission denied";
    SourceChanged = 123 "SOURCE_CHANGED" "A local file changed while it was being read."
        when "A file that is uploaded or copied has another size or other content than at the beginning."
        hint "try again when no process is writing to the file"
        example "app.tar changed while it was being read";
    Internal = 200 "INTERNAL" "Internal error; please report it."
        when "ocireg is in a state that should be impossible."
        hint "please report this"
        example "internal error: no endpoint was asked";
    Panic = 201 "PANIC" "Internal error: ocireg panicked during the call; please report it."
        when "A bug in ocireg stopped the call. The process goes on, and the handle can still be used."
        hint "please report this"
        example "internal error: ocireg panicked during this call";
}

impl Code {
    /// The number in the C surface.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The name in the C surface, without the `OCIREG_` prefix.
    pub fn name(self) -> &'static str {
        let name = self.c_name().to_str().unwrap_or_default();
        name.strip_prefix("OCIREG_").unwrap_or(name)
    }

    /// The code of a number; None for one that this version does not know.
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}
