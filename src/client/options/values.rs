//! Types of values that options of several calls have.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::credentials::{Allowed, AuthConfig, SourceKind};
use crate::error::{Code, Error, Result};
use crate::image::Platform;
use crate::json::schema::{Kind, OptionValue, wrong};
use crate::json::strict::{Object, strings};
use crate::names::digest::{Algorithm, Digest};
use crate::registry::api_endpoint::ApiVersion;

/// Strings by key.
impl OptionValue for BTreeMap<String, String> {
    const KIND: Kind = Kind::Map(&Kind::String);

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Object(all) = value else { return Err(wrong(name, "an object")) };
        let mut texts = Self::new();
        for (key, value) in all {
            texts.insert(key, String::read(value, name)?);
        }
        Ok(texts)
    }

    fn json(&self) -> Option<Value> {
        self.is_empty().then(|| Value::Object(serde_json::Map::new()))
    }
}

/// Credentials that are passed to a call are to be used, or to be refused.
pub(super) fn one_source(
    allowed: Option<&Allowed>,
    key: &str,
    auth: Option<&AuthConfig>,
) -> Result<()> {
    if auth.is_none() || allowed.is_none_or(|allowed| allowed.has(SourceKind::Call)) {
        return Ok(());
    }
    let message =
        format!("{key} cannot be used, because credential_sources does not list \"call\"");
    Err(Error::argument(key, message)
        .hint(format!("remove {key}, or add \"call\" to credential_sources")))
}

pub(super) fn unsupported(key: &str, message: String) -> Error {
    Error::new(Code::Unsupported, message).in_argument(key)
}

impl OptionValue for Allowed {
    const KIND: Kind =
        Kind::List(&Kind::OneOf(&["call", "callback", "options", "docker-config", "auth-json"]));

    fn read(value: Value, name: &str) -> Result<Self> {
        let kind = |text: &String| {
            SourceKind::all().into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
                let message =
                    format!("{name} contains {text:?}, which is not a source of credentials");
                let names = SourceKind::all().map(SourceKind::name).join(", ");
                Error::argument(name, message).hint(format!("the sources are {names}"))
            })
        };
        strings(value, name)?.iter().map(kind).collect::<Result<_>>().map(Self::only)
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

impl OptionValue for ApiVersion {
    const KIND: Kind = Kind::OneOf(&["v2", "v1"]);

    fn read(value: Value, name: &str) -> Result<Self> {
        match String::read(value, name)?.as_str() {
            "v2" => Ok(Self::V2),
            "v1" => Ok(Self::V1),
            other => Err(unsupported(name, format!("the protocol {other:?} is not supported"))
                .hint("use \"v1\" or \"v2\"")),
        }
    }

    fn json(&self) -> Option<Value> {
        Some(match self {
            Self::V1 => "v1".into(),
            Self::V2 => "v2".into(),
        })
    }
}

impl OptionValue for AuthConfig {
    const KIND: Kind = Kind::Published("AuthConfig");
    const SECRET: bool = true;

    fn read(value: Value, name: &str) -> Result<Self> {
        Self::read(Object::value(value, name, true)?)?.decoded()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// Values that are written as strings.
macro_rules! parsed {
    ($($type:ty),+) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::String;

            fn read(value: Value, name: &str) -> Result<Self> {
                String::read(value, name)?.parse()
            }

            fn json(&self) -> Option<Value> {
                Some(self.to_string().into())
            }
        }
    )+};
}

parsed!(Digest, Platform);

impl OptionValue for Algorithm {
    const KIND: Kind = Kind::OneOf(&["sha256", "sha384", "sha512"]);

    fn read(value: Value, name: &str) -> Result<Self> {
        String::read(value, name)?.parse()
    }

    fn json(&self) -> Option<Value> {
        Some(self.name().into())
    }
}
