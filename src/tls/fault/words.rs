//! Words for values of rustls that have only names.

use std::fmt::{self, Debug, Write};

/// The name of a value's variant, without what it holds.
pub(super) fn variant(value: &impl Debug) -> String {
    /// Keeps the identifier that debug text begins with; the rest may be long.
    struct Identifier(String);
    impl Write for Identifier {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                if !c.is_ascii_alphanumeric() || self.0.len() > 100 {
                    return Err(fmt::Error);
                }
                self.0.push(c);
            }
            Ok(())
        }
    }
    let mut identifier = Identifier(String::new());
    // It ends with an error where more than the identifier comes.
    let _ = write!(identifier, "{value:?}");
    identifier.0
}

/// `UnsolicitedCertExtension` as `unsolicited cert extension`.
pub(super) fn words(value: &impl Debug) -> String {
    snake(&variant(value)).replace('_', " ")
}

/// `UnknownCA` as `unknown_ca`: the form that the standards write.
pub(super) fn snake(identifier: &str) -> String {
    let mut text = String::with_capacity(identifier.len() + 8);
    let mut previous = None;
    let mut letters = identifier.chars().peekable();
    while let Some(c) = letters.next() {
        let begins = c.is_ascii_uppercase()
            && previous.is_some_and(|p: char| {
                !p.is_ascii_uppercase() || letters.peek().is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        previous = Some(c);
    }
    text
}
