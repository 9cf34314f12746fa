//! What of an image is kept, and for whom: owners, extended attributes, devices, limits.

use rustix::process::geteuid;

use crate::error::{Code, Error, Result};
use crate::sort;
use crate::tar::entries::{Bounds, Entry, in_entry, shown};

/// Who owns what is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Whoever the image says.
    Preserve,
    /// Whoever unpacks it.
    Current,
}

/// Which extended attributes are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Xattrs {
    /// All that do not belong to the host.
    All,
    /// Those in the namespace `user`.
    User,
    /// None.
    None,
}

/// What becomes of character and block devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// They are made.
    Create,
    /// They are left out, and reported.
    Skip,
}

/// Which ids of the image are which ids here: so many from each of two first ones on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id in the image.
    pub container: u32,
    /// The first id here.
    pub host: u32,
    /// How many.
    pub size: u32,
}

/// How much an image may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the data of all files; holes do not count.
    pub bytes: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of one path.
    pub path: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let Bounds { path, entries } = Bounds::default();
        Self { bytes: 64 << 30, entries, path }
    }
}

impl Limits {
    /// The most that layers may have without their compression: each entry has a header, and may have an extended one.
    pub fn stream(&self) -> u64 {
        const HEADERS: u64 = 8 << 10;
        self.bytes.saturating_add(self.entries.saturating_mul(HEADERS))
    }
}

/// What the caller asks for. What is None depends on whether the superuser asks.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)] // The types say it.
pub struct Request {
    pub ownership: Option<Ownership>,
    pub uid_map: Vec<IdRange>,
    pub gid_map: Vec<IdRange>,
    pub xattrs: Option<Xattrs>,
    pub devices: Option<Devices>,
    pub limits: Limits,
}

/// What is done.
#[derive(Debug)]
pub(super) struct Policy {
    /// None: everything belongs to the caller.
    owners: Option<Owners>,
    xattrs: Xattrs,
    pub(super) devices: Devices,
    pub(super) limits: Limits,
}

#[derive(Debug)]
struct Owners {
    users: IdMap,
    groups: IdMap,
}

/// A map of ids; an empty one changes nothing.
#[derive(Debug)]
struct IdMap(Vec<IdRange>);

impl Policy {
    /// Fails with INVALID_ARGUMENT where the request makes no sense. Asks nobody.
    pub(super) fn of(request: Request) -> Result<Self> {
        let is_root = geteuid().is_root();
        let mapped = !request.uid_map.is_empty() || !request.gid_map.is_empty();
        let ownership = request.ownership.unwrap_or({
            // A map is of no use to those who own everything.
            if is_root || mapped { Ownership::Preserve } else { Ownership::Current }
        });
        if mapped && ownership == Ownership::Current {
            let message =
                "uid_map and gid_map cannot be used together with the ownership \"current\"";
            return Err(Error::argument("ownership", message)
                .hint("remove the maps, or set ownership to \"preserve\""));
        }
        let users = IdMap::new(request.uid_map, "uid_map")?;
        let groups = IdMap::new(request.gid_map, "gid_map")?;
        let preserve = ownership == Ownership::Preserve;
        let (xattrs, devices) = match is_root {
            true => (Xattrs::All, Devices::Create),
            false => (Xattrs::User, Devices::Skip),
        };
        Ok(Self {
            owners: preserve.then_some(Owners { users, groups }),
            xattrs: request.xattrs.unwrap_or(xattrs),
            devices: request.devices.unwrap_or(devices),
            limits: request.limits,
        })
    }

    /// The user and group that an entry belongs to here; None: whoever makes it.
    pub(super) fn owner(&self, entry: &Entry) -> Result<Option<(u32, u32)>> {
        let Some(owners) = &self.owners else { return Ok(None) };
        let id = |map: &IdMap, id: i64, kind: &str, option: &str| {
            let valid = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
            let valid = valid.ok_or_else(|| {
                in_entry(&entry.path, format!("{id} is not a valid {kind}"))
                    .hint("set ownership to \"current\" to ignore the owners that the image names")
            })?;
            map.host(valid).ok_or_else(|| {
                Error::new(
                    Code::Permission,
                    format!("cannot set the owner of {}", shown(&entry.path)),
                )
                .cause(format!("the option {option} has no mapping for the {kind} {valid}"))
                .hint(format!("extend {option}, or set ownership to \"current\""))
                .with(|d| d.what = Some("entry"))
            })
        };
        let user = id(&owners.users, entry.uid, "user ID", "uid_map")?;
        Ok(Some((user, id(&owners.groups, entry.gid, "group ID", "gid_map")?)))
    }

    /// The owner of directories that no entry describes, where a map says who that is.
    pub(super) fn implied_owner(&self) -> Option<(u32, u32)> {
        let owners = self.owners.as_ref()?;
        if owners.users.0.is_empty() && owners.groups.0.is_empty() {
            return None;
        }
        owners.users.host(0).zip(owners.groups.host(0))
    }

    /// Whether an extended attribute is set, or else why not; None if nobody needs to know.
    pub(super) fn takes_xattr(&self, name: &[u8]) -> std::result::Result<(), Option<&'static str>> {
        match self.xattrs {
            Xattrs::None => Err(None),
            Xattrs::User if !name.starts_with(b"user.") => Err(None),
            _ if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") => {
                Err(Some("it would change how an overlay file system shows the files"))
            }
            _ if name == b"security.selinux" || name == b"system.nfs4_acl" => {
                Err(Some("it belongs to the host's file system"))
            }
            _ => Ok(()),
        }
    }
}

impl IdMap {
    fn new(ranges: Vec<IdRange>, option: &str) -> Result<Self> {
        let wrong = |message: String| Err(Error::argument(option, format!("{option}: {message}")));
        for range in &ranges {
            if range.size == 0 {
                return wrong(format!("the range that begins with {} is empty", range.container));
            }
            // The last number means that nobody is meant.
            for first in [range.container, range.host] {
                if first.checked_add(range.size).is_none() {
                    return wrong(format!("{} ids from {first} on are too many", range.size));
                }
            }
        }
        for side in ["container", "host"] {
            let first = |range: &IdRange| if side == "host" { range.host } else { range.container };
            let mut sorted: Vec<(u32, u32)> = ranges.iter().map(|r| (first(r), r.size)).collect();
            sort::sort(&mut sorted);
            for pair in sorted.windows(2) {
                // Neither is beyond the last number.
                if pair[0].0 + pair[0].1 > pair[1].0 {
                    return wrong(format!("two ranges contain the {side} ID {}", pair[1].0));
                }
            }
        }
        Ok(Self(ranges))
    }

    fn host(&self, id: u32) -> Option<u32> {
        if self.0.is_empty() {
            return Some(id);
        }
        self.0.iter().find_map(|range| {
            let offset = id.checked_sub(range.container)?;
            (offset < range.size).then(|| range.host + offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(container: u32, host: u32, size: u32) -> IdRange {
        IdRange { container, host, size }
    }

    #[test]
    fn maps_are_checked_before_anything_is_done() {
        for bad in [
            vec![range(0, 1000, 0)],
            vec![range(0, 1000, 10), range(9, 5000, 1)],
            vec![range(5, 1000, 10), range(0, 1009, 1)],
            vec![range(0, u32::MAX, 1)],
            vec![range(u32::MAX - 1, 0, 2)],
        ] {
            let error = IdMap::new(bad.clone(), "uid_map").expect_err("a wrong map");
            assert_eq!(error.code(), Code::InvalidArgument, "{bad:?}");
            assert_eq!(error.details().argument.as_deref(), Some("uid_map"));
        }
        let map = vec![range(10, 100_000, 5), range(0, 1000, 1), range(15, 2000, 500)];
        let map = IdMap::new(map, "uid_map").expect("a map with gaps");
        for (id, host) in [
            (0, Some(1000)),
            (1, None),
            (9, None),
            (10, Some(100_000)),
            (14, Some(100_004)),
            (15, Some(2000)),
        ] {
            assert_eq!(map.host(id), host, "{id}");
        }
        let none = IdMap::new(Vec::new(), "uid_map").expect("no map");
        assert_eq!(none.host(7), Some(7));
    }

    #[test]
    fn a_map_is_of_no_use_to_those_who_own_everything() {
        let request = Request {
            ownership: Some(Ownership::Current),
            gid_map: vec![range(0, 0, 1)],
            ..Request::default()
        };
        assert_eq!(Policy::of(request).expect_err("both").code(), Code::InvalidArgument);
    }
}
