//! Layouts as caches: list, remove, collect, verify.

use crate::call::Call;
use crate::client::options::CollectOptions;
use crate::error::{Error, Result};
use crate::json::strict::Object;
use crate::names::location::{Bare, Location};
use crate::store::Layout;
use crate::store::cache::{Collected, Images, Removed, Verified};

/// Lists the images of the layout `oci:DIR`.
pub fn list(location: &str, options: Option<&str>, call: &Call) -> Result<Images> {
    no_options(options)?;
    call.check()?;
    open(location)?.images()
}

/// Removes the name of `oci:DIR:NAME`.
pub fn remove(location: &str, options: Option<&str>, call: &Call) -> Result<Removed> {
    no_options(options)?;
    let (dir, name) = parse(location)?;
    let name = name.ok_or_else(|| {
        Error::argument("location", format!("{location} does not say which name to remove"))
            .hint("write oci:DIR:NAME")
    })?;
    Layout::open(&dir)?.remove_name(&name, call)
}

/// Removes the blobs of the layout `oci:DIR` that none of its images needs.
pub fn collect(location: &str, options: Option<&str>, call: &Call) -> Result<Collected> {
    let CollectOptions { dry_run } = CollectOptions::parse(options)?;
    open(location)?.collect(dry_run, call)
}

/// Hashes all blobs of the layout `oci:DIR`.
pub fn verify(location: &str, options: Option<&str>, call: &Call) -> Result<Verified> {
    no_options(options)?;
    let verified = open(location)?.verify(call)?;
    call.report_events()?;
    Ok(verified)
}

/// Refuses every key of an options object that has none yet.
fn no_options(options: Option<&str>) -> Result<()> {
    match options {
        Some(json) => Object::options(json, "options_json")?.done(),
        None => Ok(()),
    }
}

/// A whole layout. A name is refused, because it would suggest that only one image is meant.
fn open(location: &str) -> Result<Layout> {
    match parse(location)? {
        (dir, None) => Layout::open(&dir),
        (_, Some(name)) => {
            Err(Error::argument("location", format!("the whole layout is used, not only {name:?}"))
                .hint("write oci:DIR, without a name"))
        }
    }
}

fn parse(location: &str) -> Result<(std::path::PathBuf, Option<String>)> {
    match Location::parse(location, Bare::OnThisMachine, "location")? {
        Location::Oci { dir, name } => Ok((dir, name)),
        other => Err(Error::argument("location", format!("{other} is not an OCI layout"))
            .hint("write oci:DIR or oci:DIR:NAME")),
    }
}
