//! Values of options that several rooms use.

use std::path::PathBuf;

use serde_json::Value;

use crate::error::Result;
use crate::json::schema::{Kind, OptionValue};
use crate::json::strict;
use crate::names::host;
use crate::os::environment::Environment;

/// An option that says where files of one kind are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PathOption {
    /// Not said: the usual place, where there is one.
    #[default]
    Usual,
    /// `""`: nowhere.
    Nowhere,
    /// There.
    At(PathBuf),
}

impl OptionValue for PathOption {
    const KIND: Kind = Kind::Path;

    fn read(value: Value, name: &str) -> Result<Self> {
        let path = String::read(value, name)?;
        Ok(if path.is_empty() { Self::Nowhere } else { Self::At(path.into()) })
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// Hosts that something is allowed for, compared exactly, without regard to letter case and the port of https.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Whether the host is one of them.
    pub fn contains(&self, host: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&host::normalised(host))
    }
}

impl OptionValue for Hosts {
    const KIND: Kind = <Vec<String>>::KIND;

    fn read(value: Value, name: &str) -> Result<Self> {
        let normalised = strict::strings(value, name)?.into_iter().map(|entry| {
            host::check_host_port(&entry).map_err(|e| e.in_argument(name))?;
            Ok(host::normalised(&entry))
        });
        normalised.collect::<Result<_>>().map(Self)
    }

    fn json(&self) -> Option<Value> {
        Some(self.0.as_slice().into())
    }
}

impl OptionValue for Environment {
    const KIND: Kind = Kind::Flag;

    fn read(value: Value, name: &str) -> Result<Self> {
        bool::read(value, name).map(Self::of_process)
    }

    fn json(&self) -> Option<Value> {
        Some(self.is_heard().into())
    }
}
