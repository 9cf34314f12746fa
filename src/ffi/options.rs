//! The option documents of calls.

use crate::credentials::AuthConfig;
use crate::digest::Digest;
use crate::error::{Code, Error, Result};
use crate::json::Object;
use crate::session::OpenOptions;
use crate::transfer::{inspect, pull};
use crate::v2::Platform;
use crate::v2::foreign::Wanted;
use crate::v2::repository::{ManifestOptions, TagsOptions};

const NAME: &str = "options_json";

fn object(text: Option<&str>) -> Result<Object> {
    Object::options(text.unwrap_or("{}"), NAME)
}

/// An AuthConfig document.
pub(super) fn auth(text: &str, name: &str) -> Result<AuthConfig> {
    AuthConfig::parse(text, name)?.decoded()
}

fn auth_key(object: &mut Object) -> Result<Option<AuthConfig>> {
    match object.take("auth") {
        None => Ok(None),
        Some(value) => AuthConfig::read(Object::value(value, "auth", true)?)?.decoded().map(Some),
    }
}

fn platform_key(object: &mut Object) -> Result<Option<Platform>> {
    object.text("platform")?.map(|text| text.parse()).transpose()
}

/// What a session is opened for: the option `registry` names a whole one.
pub(super) fn open(text: Option<&str>) -> Result<(OpenOptions, Option<String>)> {
    let mut object = object(text)?;
    let auth = auth_key(&mut object)?;
    let actions = object.strings("actions")?.unwrap_or_default();
    if let Some(bad) = actions.iter().find(|a| !is_action(a)) {
        return Err(Error::argument("actions", format!("{bad:?} is no action"))
            .hint("actions are words such as pull, push and delete"));
    }
    if let Some(protocol) = object.text("protocol")?
        && protocol != "v2"
    {
        return Err(unsupported("protocol", &format!("the protocol {protocol:?} is not spoken")));
    }
    let registry = object.text("registry")?;
    object.done()?;
    Ok((OpenOptions { auth, actions }, registry))
}

fn is_action(text: &str) -> bool {
    text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()))
}

fn unsupported(key: &str, message: &str) -> Error {
    Error::new(Code::Unsupported, message).with(|d| d.argument = Some(key.to_owned()))
}

pub(super) fn tags(text: Option<&str>) -> Result<TagsOptions> {
    let mut object = object(text)?;
    let n = match object.number("n")? {
        None => None,
        Some(n) => match u32::try_from(n) {
            Ok(n) if n > 0 && i32::try_from(n).is_ok() => Some(n),
            _ => return Err(Error::argument("n", "n must be from 1 to 2147483647")),
        },
    };
    let options = TagsOptions { n, last: object.text("last")?, next: object.text("next")? };
    object.done()?;
    Ok(options)
}

pub(super) fn manifest(text: Option<&str>) -> Result<ManifestOptions> {
    let mut object = object(text)?;
    let options = ManifestOptions {
        platform: platform_key(&mut object)?,
        accept: object.strings("accept")?.unwrap_or_default(),
        max_size: object.number("max_size")?,
    };
    object.done()?;
    Ok(options)
}

pub(super) fn head(text: Option<&str>) -> Result<ManifestOptions> {
    let mut object = object(text)?;
    let accept = object.strings("accept")?.unwrap_or_default();
    object.done()?;
    Ok(ManifestOptions { accept, ..ManifestOptions::default() })
}

/// A blob with what the caller knows of it.
pub(super) fn blob(digest: Digest, text: Option<&str>) -> Result<Wanted> {
    let mut object = object(text)?;
    let size = object.number("size")?;
    let media_type = object.text("media_type")?.unwrap_or_default();
    let urls = object.strings("urls")?.unwrap_or_default();
    object.done()?;
    Ok(Wanted::new(digest, size, &media_type, &urls))
}

pub(super) fn pull(text: Option<&str>) -> Result<(Option<AuthConfig>, pull::Options)> {
    let mut object = object(text)?;
    let auth = auth_key(&mut object)?;
    let options = pull::Options {
        platform: platform_key(&mut object)?,
        all_platforms: object.flag("all_platforms")?.unwrap_or(false),
        no_resume: !object.flag("resume")?.unwrap_or(true),
        nondistributable: object.flag("nondistributable")?.unwrap_or(false),
    };
    for key in ["referrers", "verify_diff_ids"] {
        if object.flag(key)? == Some(true) {
            return Err(unsupported(key, &format!("{key} is not there yet in this version")));
        }
    }
    if options.platform.is_some() && options.all_platforms {
        return Err(Error::argument("platform", "platform and all_platforms exclude each other"));
    }
    object.done()?;
    Ok((auth, options))
}

pub(super) fn inspect(text: Option<&str>) -> Result<(Option<AuthConfig>, inspect::Options)> {
    let mut object = object(text)?;
    let auth = auth_key(&mut object)?;
    let options = inspect::Options {
        platform: platform_key(&mut object)?,
        config: object.flag("config")?.unwrap_or(true),
        layers: object.flag("layers")?.unwrap_or(true),
    };
    object.done()?;
    Ok((auth, options))
}
