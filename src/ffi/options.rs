//! The option documents of calls.

use crate::client::inspect;
use crate::config::api_endpoint::ApiVersion;
use crate::credentials::AuthConfig;
use crate::error::{Code, Error, Result};
use crate::image::Platform;
use crate::json::strict::{self, Object};
use crate::names::digest::{Algorithm, Digest};
use crate::names::reference::check_path;
use crate::registry::session::OpenOptions;
use crate::transfer::pull;
use crate::v1;
use crate::v2::foreign::Wanted;
use crate::v2::pages::PageOptions;
use crate::v2::repository::ManifestOptions;
use crate::v2::upload::{LARGEST_CHUNK, PutOptions};
use serde_json::Value;
use zeroize::Zeroizing;

const NAME: &str = "options_json";

fn object(text: Option<&str>) -> Result<Object> {
    Object::options(text.unwrap_or("{}"), NAME)
}

/// An AuthConfig document.
pub(super) fn auth(text: &str, name: &str) -> Result<AuthConfig> {
    AuthConfig::parse(text, name)?.decoded()
}

/// The headers of all requests of an endpoint: {"Name": ["value"]}.
pub(super) fn headers(user_agent: Option<&str>, text: Option<&str>) -> Result<v1::Headers> {
    let mut headers = v1::Headers::default();
    let given = strict::parse(text.unwrap_or("{}"), "headers_json")?;
    let Value::Object(given) = given else {
        return Err(strict::invalid("headers_json", "headers_json must be a JSON object"));
    };
    for (name, values) in given {
        for value in strict::strings(values, "headers_json")?.into_iter().map(Zeroizing::new) {
            headers.add(&name, &value)?;
        }
    }
    if let Some(user_agent) = user_agent.filter(|text| !text.is_empty()) {
        headers.add("user-agent", user_agent)?;
    }
    Ok(headers)
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

/// What a session is opened for.
pub(super) struct Open {
    pub(super) options: OpenOptions,
    /// A whole registry.
    pub(super) registry: Option<String>,
    pub(super) protocol: ApiVersion,
}

pub(super) fn open(text: Option<&str>) -> Result<Open> {
    let mut object = object(text)?;
    let auth = auth_key(&mut object)?;
    let actions = object.strings("actions")?.unwrap_or_default();
    if let Some(bad) = actions.iter().find(|a| !is_action(a)) {
        return Err(Error::argument("actions", format!("{bad:?} is not a valid action"))
            .hint("use actions such as pull, push and delete"));
    }
    let protocol = protocol_key(&mut object)?;
    let registry = object.text("registry")?;
    object.done()?;
    Ok(Open { options: OpenOptions { auth, actions }, registry, protocol })
}

fn protocol_key(object: &mut Object) -> Result<ApiVersion> {
    match object.text("protocol")?.as_deref() {
        None | Some("v2") => Ok(ApiVersion::V2),
        Some("v1") => Ok(ApiVersion::V1),
        Some(other) => {
            Err(unsupported("protocol", &format!("the protocol {other:?} is not supported"))
                .hint("use \"v1\" or \"v2\""))
        }
    }
}

fn is_action(text: &str) -> bool {
    text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()))
}

fn unsupported(key: &str, message: &str) -> Error {
    Error::new(Code::Unsupported, message).in_argument(key)
}

pub(super) fn tags(text: Option<&str>) -> Result<PageOptions> {
    let mut object = object(text)?;
    let n = match object.number("n")? {
        None => None,
        Some(n) => match u32::try_from(n) {
            Ok(n) if n > 0 && i32::try_from(n).is_ok() => Some(n),
            _ => return Err(Error::argument("n", "n must be from 1 to 2147483647")),
        },
    };
    let options = PageOptions { n, last: object.text("last")?, next: object.text("next")? };
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

/// How a blob is put.
pub(super) fn put_blob(text: Option<&str>) -> Result<PutOptions> {
    let mut object = object(text)?;
    let usual = PutOptions::default();
    let chunk_size = match object.number("chunk_size")? {
        None => usual.chunk_size,
        Some(n) => match usize::try_from(n) {
            Ok(size) if n > 0 && n <= LARGEST_CHUNK => size,
            _ => {
                let range = format!("chunk_size must be from 1 to {LARGEST_CHUNK}");
                return Err(Error::argument("chunk_size", range));
            }
        },
    };
    let algorithm: Option<Algorithm> =
        object.text("algorithm")?.map(|name| name.parse()).transpose()?;
    let options = PutOptions {
        digest: digest_key(&mut object)?,
        size: object.number("size")?,
        media_type: object.text("media_type")?.unwrap_or(usual.media_type),
        algorithm: algorithm.unwrap_or(usual.algorithm),
        mount_from: object.strings("mount_from")?.unwrap_or_default(),
        chunk_size,
        check_exists: object.flag("check_exists")?.unwrap_or(usual.check_exists),
    };
    object.done()?;
    options.mount_from.iter().try_for_each(|from| check_path(from))?;
    if options.digest.is_none() && (options.check_exists || !options.mount_from.is_empty()) {
        let message = "mount_from and check_exists need the blob's digest in the option digest";
        return Err(Error::argument("digest", message));
    }
    if let (Some(digest), Some(algorithm)) = (&options.digest, algorithm)
        && digest.algorithm() != algorithm
    {
        let message = format!("algorithm is {}, but digest is {digest}", algorithm.name());
        return Err(Error::argument("algorithm", message)
            .hint("remove algorithm: the digest names it already"));
    }
    Ok(options)
}

/// What a blob must be at its end.
pub(super) fn commit(text: Option<&str>) -> Result<(Option<Digest>, Option<u64>)> {
    let mut object = object(text)?;
    let expected = (digest_key(&mut object)?, object.number("size")?);
    object.done()?;
    Ok(expected)
}

fn digest_key(object: &mut Object) -> Result<Option<Digest>> {
    object.text("digest")?.map(|text| text.parse()).transpose()
}

/// Checks the options of a call that has none yet.
pub(super) fn none(text: Option<&str>) -> Result<()> {
    object(text)?.done()
}

/// How an image is pulled.
pub(super) struct Pull {
    pub(super) auth: Option<AuthConfig>,
    pub(super) protocol: ApiVersion,
    pub(super) options: pull::Options,
}

pub(super) fn pull(text: Option<&str>) -> Result<Pull> {
    let mut object = object(text)?;
    let auth = auth_key(&mut object)?;
    let protocol = protocol_key(&mut object)?;
    let (all_platforms, resume, nondistributable) =
        (object.flag("all_platforms")?, object.flag("resume")?, object.flag("nondistributable")?);
    if protocol == ApiVersion::V1 {
        // Whatever is there already is fetched and hashed again, which is all that verify_present asks for.
        for (key, value, lacking) in [
            ("all_platforms", all_platforms, "has no indexes for several platforms"),
            ("resume", resume, "has no digests to resume a layer with"),
            ("nondistributable", nondistributable, "does not mark layers as non-distributable"),
        ] {
            if value == Some(true) {
                let message = format!("{key} is not possible: protocol v1 {lacking}");
                return Err(
                    unsupported(key, &message).hint(format!("remove {key}, or set it to false"))
                );
            }
        }
    }
    let options = pull::Options {
        platform: platform_key(&mut object)?,
        all_platforms: all_platforms.unwrap_or(false),
        no_resume: !resume.unwrap_or(true),
        nondistributable: nondistributable.unwrap_or(false),
        verify_present: object.flag("verify_present")?.unwrap_or(false),
    };
    for key in ["referrers", "verify_diff_ids"] {
        if object.flag(key)? == Some(true) {
            return Err(unsupported(
                key,
                &format!("this version of ocireg does not support {key} yet"),
            ));
        }
    }
    if options.platform.is_some() && options.all_platforms {
        return Err(Error::argument(
            "platform",
            "platform and all_platforms cannot be used together",
        ));
    }
    object.done()?;
    Ok(Pull { auth, protocol, options })
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
