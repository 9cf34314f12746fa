//! What a call has sent as a secret does not come back out of it: not in an error, a log record, an event or a warning.
//!
//! Servers and proxies that debug repeat what they got, as it was or in other clothes: in base64 at any place of a longer
//! text, percent-encoded, escaped as in JSON. The call remembers what it sent and looks for that in all that it tells.

mod view;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::{Error, RegistryError};
use crate::sort;
use crate::sync::lock;
use view::{Stands, View};

/// What stands in place of a secret.
const MASK: &str = "***";

/// Secrets that are remembered; a call that sends more of them forgets the oldest.
const MOST: usize = 64;

/// Shorter secrets are no texts to look for: they would be found in any sentence. Only as words of their own, and only
/// in what a server says.
const SHORTEST: usize = 4;

/// A password of fewer letters and of nothing else may be any word. In our own sentences it is one of these, unless it
/// stands where addresses and quotations have their parts.
const WORD: usize = 8;

/// Escapes upon escapes that are looked through.
const LAYERS: usize = 3;

/// The secrets of one call, shared by its threads.
#[derive(Clone, Default)]
pub struct Mask(Arc<Mutex<VecDeque<Zeroizing<Vec<u8>>>>>);

/// Whose words a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// All a server's.
    Server,
    /// Ours, perhaps with a server's among them.
    Ours,
}

impl Mask {
    fn secrets(&self) -> MutexGuard<'_, VecDeque<Zeroizing<Vec<u8>>>> {
        lock(&self.0)
    }

    /// Remembers a secret.
    pub fn add(&self, secret: &[u8]) {
        let mut secrets = self.secrets();
        if secret.is_empty() || secrets.iter().any(|known| known.as_slice() == secret) {
            return;
        }
        if secrets.len() == MOST {
            secrets.pop_front();
        }
        secrets.push_back(Zeroizing::new(secret.to_vec()));
    }

    /// Remembers what is secret of an Authorization header or one like it, `SCHEME CREDENTIALS`.
    pub fn add_authorization(&self, value: &[u8]) {
        let Some(space) = value.iter().position(|b| *b == b' ') else {
            self.add(value);
            return;
        };
        let (scheme, credentials) = (&value[..space], value[space + 1..].trim_ascii());
        self.add(credentials);
        if scheme.eq_ignore_ascii_case(b"basic")
            && let Ok(pair) = LENIENT.decode(credentials).map(Zeroizing::new)
        {
            self.add(&pair);
            if let Some(colon) = pair.iter().position(|b| *b == b':') {
                self.add(&pair[colon + 1..]);
            }
        }
    }

    /// Remembers what is secret of a list of pairs such as cookies or a v1 token: all of it, and each long value.
    pub fn add_pairs(&self, value: &[u8]) {
        /// Shorter ones, such as an access mode, are no secrets.
        const LONG: usize = 8;
        for part in value.split(|b| b",;".contains(b)) {
            let value = part.splitn(2, |b| *b == b'=').last().unwrap_or(part);
            let bare = value.trim_ascii();
            let quoted = bare.strip_prefix(b"\"").and_then(|bare| bare.strip_suffix(b"\""));
            let bare = quoted.unwrap_or(bare);
            if bare.len() >= LONG {
                self.add(bare);
            }
        }
        if value.len() >= LONG {
            self.add(value);
        }
    }

    /// Remembers the secrets of a form that asks for a token.
    pub fn add_form(&self, form: &[u8]) {
        const PUBLIC: &[&str] =
            &["grant_type", "service", "scope", "client_id", "account", "username", "access_type"];
        for (key, value) in url::form_urlencoded::parse(form) {
            if !PUBLIC.contains(&&*key) {
                self.add(Zeroizing::new(value.into_owned()).as_bytes());
            }
        }
    }

    /// A text without the secrets.
    pub fn text(&self, text: &str, words: Words) -> String {
        match self.found(text.as_bytes(), words) {
            found if found.is_empty() => text.to_owned(),
            found => String::from_utf8_lossy(&replaced(text.as_bytes(), &found)).into_owned(),
        }
    }

    /// What a server sent, without the secrets.
    pub fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let found = self.found(&bytes, Words::Server);
        if !found.is_empty() {
            bytes = replaced(&bytes, &found);
        }
        bytes
    }

    /// A JSON document without the secrets.
    pub fn json(&self, json: String) -> String {
        if self.found(json.as_bytes(), Words::Ours).is_empty() {
            return json;
        }
        // By its strings: what is masked may hold a quote.
        match serde_json::from_str(&json) {
            Ok(mut value) => {
                // The names of its own keys are ours.
                match &mut value {
                    Value::Object(map) => map.values_mut().for_each(|value| self.value(value)),
                    other => self.value(other),
                }
                value.to_string()
            }
            Err(_) => format!("{MASK:?}"),
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text, Words::Ours),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => {
                let masked = std::mem::take(map).into_iter().map(|(key, mut value)| {
                    self.value(&mut value);
                    (self.text(&key, Words::Ours), value)
                });
                *map = masked.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// An error without the secrets.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        if self.secrets().is_empty() {
            return error;
        }
        let masked = |text: &mut String| *text = self.text(text, Words::Ours);
        error.map_message(masked).with(|d| {
            d.causes.iter_mut().for_each(masked);
            for text in [&mut d.host, &mut d.path, &mut d.endpoint, &mut d.hint, &mut d.argument] {
                text.as_mut().map(masked);
            }
            for RegistryError { code, message, detail } in &mut d.errors {
                masked(code);
                masked(message);
                if let Some(detail) = detail {
                    self.value(detail);
                }
            }
            d.attempts =
                std::mem::take(&mut d.attempts).into_iter().map(|e| self.error(e)).collect();
        })
    }

    /// Where the secrets are in a text, in order and apart from each other.
    fn found(&self, text: &[u8], words: Words) -> Vec<Range<usize>> {
        let secrets = self.secrets();
        if secrets.is_empty() || text.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut view = View::of(text);
        for layer in 0..LAYERS {
            for secret in secrets.iter() {
                if secret.len() >= SHORTEST {
                    let is_word = secret.len() < WORD && secret.iter().all(u8::is_ascii_alphabetic);
                    let raw = match words {
                        Words::Ours if is_word => Stands::Quoted,
                        _ => Stands::Anywhere,
                    };
                    view.find(secret, raw, &mut found);
                    for needle in encodings(secret) {
                        view.find(&needle, Stands::Anywhere, &mut found);
                    }
                } else if words == Words::Server {
                    view.find(secret, Stands::Alone, &mut found);
                }
            }
            let deeper = view.unescaped();
            if layer + 1 == LAYERS || deeper.bytes.len() == view.bytes.len() {
                break;
            }
            view = deeper;
        }
        merged(found)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").field("secrets", &self.secrets().len()).finish()
    }
}

/// Any base64 that a header may hold.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is the same in every base64 text that holds a secret, by where it begins there.
fn encodings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut needles = Vec::new();
    for before in 0..3 {
        let mut padded = Zeroizing::new(vec![0; before]);
        padded.extend_from_slice(secret);
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&padded).into_bytes());
        // The first and the last letters depend on what stands beside the secret.
        let (skipped, uncertain) = ([0, 2, 3][before], usize::from(padded.len() % 3 != 0));
        let Some(sure) = encoded.get(skipped..encoded.len() - uncertain) else { continue };
        if sure.len() < SHORTEST {
            continue;
        }
        let url_safe = sure.iter().map(|b| match b {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        let url_safe = Zeroizing::new(url_safe.collect::<Vec<_>>());
        if url_safe.as_slice() != sure {
            needles.push(url_safe);
        }
        needles.push(Zeroizing::new(sure.to_vec()));
    }
    needles
}

fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    sort::sort_by_key(&mut found, |range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

fn replaced(text: &[u8], found: &[Range<usize>]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut at = 0;
    for range in found {
        masked.extend_from_slice(&text[at..range.start]);
        masked.extend_from_slice(MASK.as_bytes());
        at = range.end;
    }
    masked.extend_from_slice(&text[at..]);
    masked
}

#[cfg(test)]
mod tests {
    use base64::prelude::*;

    use super::*;

    const PASSWORD: &str = "p\u{e4}ss/w+rd?~~\"é";

    fn mask() -> Mask {
        let mask = Mask::default();
        let pair = BASE64_STANDARD.encode(format!("bob:{PASSWORD}"));
        mask.add_authorization(format!("Basic {pair}").as_bytes());
        mask
    }

    fn percent(text: &str, all: bool) -> String {
        text.bytes()
            .map(|b| match b {
                b if b.is_ascii_alphanumeric() && !all => char::from(b).to_string(),
                b if b % 2 == 0 => format!("%{b:02x}"),
                b => format!("%{b:02X}"),
            })
            .collect()
    }

    #[test]
    fn a_password_is_masked_in_all_its_clothes() {
        let mask = mask();
        let json = serde_json::to_string(PASSWORD).unwrap();
        let ascii: String = PASSWORD.encode_utf16().map(|u| format!("\\u{u:04x}")).collect();
        let mut clothes = vec![
            PASSWORD.to_owned(),
            format!("bob:{PASSWORD}"),
            json.trim_matches('"').to_owned(),
            ascii,
            percent(PASSWORD, false),
            percent(PASSWORD, true),
            percent(&percent(PASSWORD, true), false),
            percent(&BASE64_STANDARD.encode(PASSWORD), true),
        ];
        for around in ["", "x", "xy", "xyz", "user:"] {
            for after in ["", "1", "22", "333"] {
                let text = format!("{around}{PASSWORD}{after}");
                clothes.push(BASE64_STANDARD.encode(&text));
                clothes.push(BASE64_STANDARD_NO_PAD.encode(&text));
                clothes.push(BASE64_URL_SAFE.encode(&text));
                clothes.push(BASE64_URL_SAFE_NO_PAD.encode(&text));
            }
        }
        let middle = |text: &str| text.chars().skip(6).take(6).collect::<String>();
        for worn in clothes {
            let masked = mask.text(&format!("rule 17: {worn} is not good"), Words::Ours);
            assert!(masked.contains("rule 17: ") && masked.contains(" is not good"), "{masked}");
            assert!(masked.contains(MASK), "{worn}: {masked}");
            assert!(!masked.contains(&middle(&worn)), "{worn}: {masked}");
        }
    }

    #[test]
    fn other_words_stay() {
        let mask = mask();
        for text in
            ["", "bob", "rule 17: bob may not", "100%", "%", "\\", "\\u12", "%zz é", "Basic"]
        {
            assert_eq!(mask.text(text, Words::Server), text);
        }
        assert_eq!(Mask::default().text(PASSWORD, Words::Server), PASSWORD);
    }

    #[test]
    fn a_short_password_is_masked_where_a_server_says_it() {
        let mask = Mask::default();
        mask.add_authorization(format!("Basic {}", BASE64_STANDARD.encode("bob:a1")).as_bytes());
        let said = b"rule a1: 'a1' is a11y, bob:a1 Ym9iOmEx".to_vec();
        let masked = String::from_utf8(mask.bytes(said)).unwrap();
        assert_eq!(masked, "rule ***: '***' is a11y, *** ***");
        assert_eq!(mask.text("cannot get a1 of x", Words::Ours), "cannot get a1 of x");
        assert_eq!(mask.text("with bob:a1", Words::Ours), "with ***");
    }

    #[test]
    fn a_password_that_is_a_word_does_not_take_that_word_from_us() {
        let mask = Mask::default();
        mask.add_authorization(format!("Basic {}", BASE64_STANDARD.encode("bob:wrong")).as_bytes());
        assert_eq!(mask.text("wrong login", Words::Ours), "wrong login");
        assert_eq!(mask.text("wrong login", Words::Server), "*** login");
        assert_eq!(mask.text("sent to http://x/wrong", Words::Ours), "sent to http://x/***");
        assert_eq!(mask.text("the realm \"wrong\"", Words::Ours), "the realm \"***\"");
    }

    #[test]
    fn tokens_cookies_and_forms_are_secrets_and_what_stands_beside_them_is_not() {
        let mask = Mask::default();
        mask.add_authorization(b"Bearer eyJhbGciOi.payload.sig");
        mask.add_pairs(b"signature=0123456789abcdef,repository=\"demo/app\",access=read");
        mask.add_pairs(b"true");
        mask.add_form(b"grant_type=refresh_token&refresh_token=r%2Btoken&service=registry.example");
        for (text, expected) in [
            ("it was eyJhbGciOi.payload.sig", "it was ***"),
            ("signature 0123456789abcdef", "signature ***"),
            ("access=read is true", "access=read is true"),
            ("no r+token for registry.example", "no *** for registry.example"),
            ("no r%2btoken, refresh_token", "no ***, refresh_token"),
        ] {
            assert_eq!(mask.text(text, Words::Ours), expected);
        }
    }

    #[test]
    fn errors_and_documents_are_masked_as_a_whole() {
        use crate::error::Code;
        let mask = mask();
        let inner = Error::new(Code::Denied, format!("inner {PASSWORD}"));
        let error = Error::new(Code::Denied, format!("outer {PASSWORD}"))
            .cause(PASSWORD)
            .hint(PASSWORD)
            .with(|d| {
                d.path = Some(format!("/v2/{}", percent(PASSWORD, false)));
                d.errors = vec![RegistryError {
                    code: PASSWORD.into(),
                    message: PASSWORD.into(),
                    detail: Some(serde_json::json!({PASSWORD: [{"deep": PASSWORD}]})),
                }];
                d.attempts = vec![inner];
            });
        let json = mask.error(error).to_json();
        assert!(!json.contains("w+rd"), "{json}");
        assert_eq!(json.matches(MASK).count(), 10, "{json}");
        let record = serde_json::json!({"message": PASSWORD, "n": 1}).to_string();
        assert_eq!(mask.json(record), r#"{"message":"***","n":1}"#);
    }

    #[test]
    fn the_oldest_secrets_are_forgotten_before_there_are_too_many() {
        let mask = Mask::default();
        for number in 0..1000 {
            mask.add(format!("secret-{number}").as_bytes());
            mask.add(b"secret-again");
        }
        assert_eq!(mask.secrets().len(), MOST);
        assert_eq!(mask.text("secret-999", Words::Ours), MASK);
        assert!(!format!("{mask:?}").contains("secret-9"));
    }
}
