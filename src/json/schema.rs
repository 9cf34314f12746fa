//! Options as tables: `options!` makes a struct, its strict reader and its description from one list of rows.
//!
//! ```ignore
//! options! {
//!     /// How an image is pulled.
//!     pub struct PullOptions built by PullBuilder of call "pull" for ["ocireg_pull"] {
//!         /// Credentials for the registry; `{}` is anonymous.
//!         "auth" => auth: Option<AuthConfig>, else "the service's credentials";
//!         /// Continue the partial files of an interrupted pull.
//!         "resume" => resume: bool = true;
//!         /// Entries of one page.
//!         "n" => n: Option<u32>, in 1..=1000, else "all";
//!     }
//!     check together;
//! }
//! ```
//!
//! A row is a sentence, the key, the field and its type, and what holds where the key is absent: `= VALUE`, or the default
//! of the type, which for an `Option` needs a few words (`else "…"`). `check` names a method that returns `Result<()>`, for
//! rules between rows. Every other type becomes usable in a row by implementing [`OptionValue`].
//!
//! Fields are read inside this crate only, and a field that nothing reads does not compile. Rust programs fill options in with
//! the builder, whose methods have the fields' names: `PullOptions::builder().resume(false).build()?`. (The builder is a type of
//! its own, because the compiler counts a field that is written as used. For the same reason no code of ours may write
//! `..Default::default()` for options.)
//!
//! A new document is added to the list in `client/options.rs`; `OCIREG_UPDATE=1 cargo test --test generated` then writes the
//! documentation, the JSON Schemas and the types of the bindings.

use std::time::Duration;

use serde_json::Value;

use super::strict::{self, Object, wipe};
use crate::error::{Code, Error, Phase, Result};

/// What the value of an option is in JSON.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// true or false.
    Flag,
    /// A whole number that is not negative.
    Number,
    /// The same, counting milliseconds.
    Milliseconds,
    /// A string.
    String,
    /// A string that is the path of a file or directory; `""` is none.
    Path,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Kind),
    /// A list of exactly two.
    Pair(&'static Kind),
    /// An object whose keys are up to the user.
    Map(&'static Kind),
    /// Either of two.
    Either(&'static Kind, &'static Kind),
    /// An object with a table of its own.
    Document(&'static Schema),
    /// A published type of this name, in which unknown keys are ignored.
    Published(&'static str),
}

/// One option.
#[derive(Debug)]
pub struct Row {
    /// Its key in JSON.
    pub key: &'static str,
    /// The name of its field.
    pub field: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether a value may hold a secret.
    pub secret: bool,
    /// What it does, as lines of a doc comment.
    pub text: &'static str,
    /// What holds where it is absent and no value says so.
    pub otherwise: &'static str,
    /// The least and the largest number.
    pub range: Option<(u64, u64)>,
}

/// Where options belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The options of a service: hyphenated, as in daemon.json.
    Service,
    /// The options of a call.
    Call,
}

/// The table of one document.
#[derive(Debug)]
pub struct Schema {
    /// The document's short name, such as `pull`.
    pub name: &'static str,
    /// The name of the struct.
    pub type_name: &'static str,
    /// What it belongs to.
    pub group: Group,
    /// The C functions that take it; none for a document within another one.
    pub functions: &'static [&'static str],
    /// What it is, as lines of a doc comment.
    pub text: &'static str,
    /// Its options.
    pub rows: &'static [Row],
    /// The default of each row in JSON; None where no value says it.
    pub defaults: fn() -> Vec<Option<Value>>,
}

/// A type of an option's value.
pub trait OptionValue: Sized {
    /// What it is in JSON.
    const KIND: Kind;
    /// Whether it may hold a secret.
    const SECRET: bool = false;

    /// Reads it; `name` is the key as messages name it.
    fn read(value: Value, name: &str) -> Result<Self>;

    /// The same value in JSON; None where it has no form there. Only defaults are asked for it.
    fn json(&self) -> Option<Value>;
}

/// An error about the type of an option.
pub fn wrong(name: &str, expected: &str) -> Error {
    strict::invalid(name, format!("{name} must be {expected}"))
}

/// Takes an option out of a document; leaves what there is where it is absent.
pub fn take<T: OptionValue>(
    object: &mut Object,
    group: Group,
    key: &str,
    range: Option<(u64, u64)>,
    into: &mut Option<T>,
) -> Result<()> {
    if let Some((value, name)) = take_value(object, group, key, range)? {
        *into = Some(T::read(value, &name)?);
    }
    Ok(())
}

/// The value and the name of an option. Not generic: compiled once.
fn take_value(
    object: &mut Object,
    group: Group,
    key: &str,
    range: Option<(u64, u64)>,
) -> Result<Option<(Value, String)>> {
    let name = object.name(key);
    let Some(value) = object.take(key) else { return Ok(None) };
    if let (Some((least, most)), Some(number)) = (range, value.as_u64())
        && !(least..=most).contains(&number)
    {
        let message = match most {
            u64::MAX => format!("{name} must be at least {least}"),
            _ => format!("{name} must be from {least} to {most}"),
        };
        return Err(match group {
            Group::Call => Error::argument(&name, message),
            Group::Service => {
                Error::new(Code::InvalidConfig, message).phase(Phase::Config).in_argument(&name)
            }
        });
    }
    Ok(Some((value, name)))
}

impl OptionValue for bool {
    const KIND: Kind = Kind::Flag;

    fn read(value: Value, name: &str) -> Result<Self> {
        value.as_bool().ok_or_else(|| wrong(name, "true or false"))
    }

    fn json(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl OptionValue for u64 {
    const KIND: Kind = Kind::Number;

    fn read(value: Value, name: &str) -> Result<Self> {
        match value.as_u64() {
            Some(number) if i64::try_from(number).is_ok() => Ok(number),
            _ => Err(wrong(name, "a non-negative integer")),
        }
    }

    fn json(&self) -> Option<Value> {
        Some((*self).into())
    }
}

/// Numbers that the range of their row keeps small; what is larger all the same is the largest.
macro_rules! small_number {
    ($($type:ty),+) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::Number;

            fn read(value: Value, name: &str) -> Result<Self> {
                u64::read(value, name).map(|number| Self::try_from(number).unwrap_or(Self::MAX))
            }

            fn json(&self) -> Option<Value> {
                Some((*self).into())
            }
        }
    )+};
}

small_number!(u32, usize);

impl OptionValue for Duration {
    const KIND: Kind = Kind::Milliseconds;

    fn read(value: Value, name: &str) -> Result<Self> {
        u64::read(value, name).map(Self::from_millis)
    }

    fn json(&self) -> Option<Value> {
        u64::try_from(self.as_millis()).ok().map(Value::from)
    }
}

impl OptionValue for String {
    const KIND: Kind = Kind::String;

    fn read(value: Value, name: &str) -> Result<Self> {
        match value {
            Value::String(text) => Ok(text),
            mut other => {
                wipe(&mut other);
                Err(wrong(name, "a string"))
            }
        }
    }

    fn json(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

impl OptionValue for Vec<String> {
    const KIND: Kind = Kind::List(&Kind::String);

    fn read(value: Value, name: &str) -> Result<Self> {
        strict::strings(value, name)
    }

    fn json(&self) -> Option<Value> {
        Some(self.as_slice().into())
    }
}

impl<T: OptionValue> OptionValue for Option<T> {
    const KIND: Kind = T::KIND;
    const SECRET: bool = T::SECRET;

    fn read(value: Value, name: &str) -> Result<Self> {
        T::read(value, name).map(Some)
    }

    fn json(&self) -> Option<Value> {
        self.as_ref().and_then(T::json)
    }
}

/// Makes a struct of options from a table; see [the module](self).
macro_rules! options {
    (
        $(#[doc = $about:literal])+
        pub struct $Name:ident built by $Builder:ident of $group:ident $name:literal $(for [$($function:literal),+ $(,)?])? {
            $(
                $(#[doc = $text:literal])+
                $key:literal => $field:ident: $type:ty $(= $default:expr)? $(, in $least:literal ..= $most:expr)?
                    $(, else $otherwise:literal)?;
            )*
        }
        $(check $check:ident;)?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        #[deny(dead_code)] // An option that nothing reads.
        pub struct $Name {
            $($(#[doc = $text])+ pub(crate) $field: $type,)*
        }

        #[doc = concat!("Fills in [`", stringify!($Name), "`]; what is not given has its default.")]
        #[derive(Debug, Clone, Default)]
        pub struct $Builder {
            $($field: Option<$type>,)*
        }

        impl $Builder {
            $(
                $(#[doc = $text])+
                #[must_use]
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = Some(value.into());
                    self
                }
            )*

            /// The options, if they go together.
            pub fn build(self) -> $crate::error::Result<$Name> {
                let options = $Name {
                    $($field: self.$field
                        .unwrap_or_else(|| $crate::json::schema::options!(@default $($default)?)),)*
                };
                $(options.$check()?;)?
                Ok(options)
            }
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $crate::json::schema::options!(@default $($default)?),)* }
            }
        }

        impl $Name {
            /// The table that this type is made from.
            pub const SCHEMA: &'static $crate::json::schema::Schema = &$crate::json::schema::Schema {
                name: $name,
                type_name: stringify!($Name),
                group: $crate::json::schema::options!(@group $group),
                functions: &[$($($function),+)?],
                text: concat!($($about, "\n"),+),
                rows: &[$($crate::json::schema::Row {
                    key: $key,
                    field: stringify!($field),
                    kind: <$type as $crate::json::schema::OptionValue>::KIND,
                    secret: <$type as $crate::json::schema::OptionValue>::SECRET,
                    text: concat!($($text, "\n"),+),
                    otherwise: concat!($($otherwise)?),
                    range: $crate::json::schema::options!(@range $($least, $most)?),
                }),*],
                defaults: Self::default_values,
            };

            fn default_values() -> Vec<Option<serde_json::Value>> {
                // Not from a whole value: its fields would count as read.
                vec![$({
                    let default: $type = $crate::json::schema::options!(@default $($default)?);
                    $crate::json::schema::OptionValue::json(&default)
                }),*]
            }

            /// Options that are filled in one by one.
            pub fn builder() -> $Builder {
                $Builder::default()
            }

            /// Reads the JSON of a caller: unknown keys and wrong types are errors. None is no options.
            #[allow(dead_code)] // Not for a document within another one.
            pub fn parse(json: Option<&str>) -> $crate::error::Result<Self> {
                let Some(json) = json else { return Ok(Self::default()) };
                Self::read_keys($crate::json::strict::Object::options(json, "options_json")?)
            }

            #[allow(unused_mut)] // Of a document without options.
            fn read_keys(mut object: $crate::json::strict::Object) -> $crate::error::Result<Self> {
                let mut builder = $Builder::default();
                $($crate::json::schema::take(
                    &mut object,
                    $crate::json::schema::options!(@group $group),
                    $key,
                    $crate::json::schema::options!(@range $($least, $most)?),
                    &mut builder.$field,
                )?;)*
                object.done()?;
                builder.build()
            }
        }

        impl $crate::json::schema::OptionValue for $Name {
            const KIND: $crate::json::schema::Kind = $crate::json::schema::Kind::Document(Self::SCHEMA);

            fn read(value: serde_json::Value, name: &str) -> $crate::error::Result<Self> {
                Self::read_keys($crate::json::strict::Object::value(value, name, false)?)
            }

            fn json(&self) -> Option<serde_json::Value> {
                None
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@range) => { None };
    (@range $least:expr, $most:expr) => { Some(($least, $most as u64)) };
    (@group service) => { $crate::json::schema::Group::Service };
    (@group call) => { $crate::json::schema::Group::Call };
}

pub(crate) use options;
