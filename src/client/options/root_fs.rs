//! The options of calls that make a root file system of an image.

use serde_json::Value;

use super::values::one_source;
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Error, Result};
use crate::image::Platform;
use crate::json::schema::{Kind, OptionValue, options, wrong};
use crate::unpack::{self, Devices, IdRange, Ownership, Request, Xattrs};

options! {
    /// How an image is unpacked.
    pub struct UnpackOptions built by UnpackBuilder of call "unpack" for ["ocireg_unpack"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Unpack the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// Who owns the files: `preserve` is whoever the image says, `current` is the user who calls.
        "ownership" => ownership: Option<Ownership>, else "`preserve` for root or with a map, else `current`";
        /// Which user IDs of the image are which user IDs here. An ID without a mapping is an error.
        "uid_map" => uid_map: Vec<IdRangeOptions>;
        /// The same for group IDs.
        "gid_map" => gid_map: Vec<IdRangeOptions>;
        /// Which extended attributes are set: `all`, those of the namespace `user`, or `none`.
        "xattrs" => xattrs: Option<Xattrs>, else "`all` for root, else `user`";
        /// Whether to `create` character and block devices or to `skip` them.
        "devices" => devices: Option<Devices>, else "`create` for root, else `skip`";
        /// How much the image may hold. More is `LIMIT`.
        "limits" => limits: UnpackLimits;
        /// A layout, `oci:DIR[:NAME]`, that keeps the image as well. Blobs that it already has are not downloaded.
        "layout" => layout: Option<String>, else "nothing is kept";
        /// An open directory in which relative paths begin.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
}

options! {
    /// How an image is exported.
    pub struct ExportOptions built by ExportBuilder of call "export" for ["ocireg_export"] {
        /// Credentials for the registry; `{}` is anonymous.
        "auth" => auth: Option<AuthConfig>, else "the service's credentials";
        /// Where credentials may come from: "call" (the options of this call), "callback" (the program's function),
        /// "options" (the service's option), "docker-config" (Docker's files and credential helpers), "auth-json" (the
        /// files of podman and skopeo). An empty list is anonymous access.
        "credential_sources" => credential_sources: Option<Allowed>, else "all of them";
        /// Export the image for this platform.
        "platform" => platform: Option<Platform>, else "this machine's platform";
        /// How much the image may hold. More is `LIMIT`.
        "limits" => limits: UnpackLimits;
        /// A layout, `oci:DIR[:NAME]`, that keeps the image as well. Blobs that it already has are not downloaded.
        "layout" => layout: Option<String>, else "nothing is kept";
        /// An open directory in which relative paths begin.
        "dir_fd" => dir_fd: Option<u32>, in 0..=2_147_483_647, else "the working directory";
    }
    check together;
}

options! {
    /// A range of IDs in an image, and the range that it is mapped to.
    pub struct IdRangeOptions built by IdRangeBuilder of call "id_range" {
        /// The first ID in the image.
        "container" => container: Option<u32>, else "required";
        /// The first ID on this machine.
        "host" => host: Option<u32>, else "required";
        /// How many IDs there are.
        "size" => size: Option<u32>, else "required";
    }
}

options! {
    /// How much an image may hold that is unpacked or exported.
    pub struct UnpackLimits built by UnpackLimitsBuilder of call "unpack_limits" {
        /// Bytes of data in all files. Holes do not count.
        "bytes" => bytes: u64 = 64 << 30;
        /// Entries in all layers.
        "entries" => entries: u64 = 4_000_000;
        /// Bytes of one path.
        "path" => path: u64 = 4096;
    }
}

impl UnpackLimits {
    pub(in crate::client) fn read_all(&self) -> unpack::Limits {
        let Self { bytes, entries, path } = *self;
        unpack::Limits { bytes, entries, path }
    }
}

impl UnpackOptions {
    /// What the directory is filled with.
    pub(in crate::client) fn request(&self) -> Result<Request> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())?;
        let map = |ranges: &[IdRangeOptions], key| {
            ranges.iter().map(|range| range.read_all(key)).collect::<Result<Vec<IdRange>>>()
        };
        Ok(Request {
            ownership: self.ownership,
            uid_map: map(&self.uid_map, "uid_map")?,
            gid_map: map(&self.gid_map, "gid_map")?,
            xattrs: self.xattrs,
            devices: self.devices,
            limits: self.limits.read_all(),
        })
    }
}

impl IdRangeOptions {
    fn read_all(&self, key: &str) -> Result<IdRange> {
        let (Some(container), Some(host), Some(size)) = (self.container, self.host, self.size)
        else {
            return Err(Error::argument(key, format!("a range of {key} is not complete"))
                .hint("set container, host and size"));
        };
        Ok(IdRange { container, host, size })
    }
}

impl OptionValue for Vec<IdRangeOptions> {
    const KIND: Kind = Kind::List(&Kind::Document(IdRangeOptions::SCHEMA));

    fn read(value: Value, name: &str) -> Result<Self> {
        let Value::Array(ranges) = value else { return Err(wrong(name, "a list of objects")) };
        ranges.into_iter().map(|range| IdRangeOptions::read(range, name)).collect()
    }

    fn json(&self) -> Option<Value> {
        None
    }
}

/// Values that are one of a few words.
macro_rules! words {
    ($($type:ident: $($word:literal => $value:ident),+;)+) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::OneOf(&[$($word),+]);

            fn read(value: Value, name: &str) -> Result<Self> {
                match String::read(value, name)?.as_str() {
                    $($word => Ok(Self::$value),)+
                    other => Err(Error::argument(name, format!("{other:?} is not a valid value"))
                        .hint(concat!("use one of these:", $(" ", $word),+))),
                }
            }

            fn json(&self) -> Option<Value> {
                Some(match self {
                    $(Self::$value => $word.into(),)+
                })
            }
        }
    )+};
}

words! {
    Ownership: "preserve" => Preserve, "current" => Current;
    Xattrs: "all" => All, "user" => User, "none" => None;
    Devices: "create" => Create, "skip" => Skip;
}

impl ExportOptions {
    fn together(&self) -> Result<()> {
        one_source(self.credential_sources.as_ref(), "auth", self.auth.as_ref())
    }
}
