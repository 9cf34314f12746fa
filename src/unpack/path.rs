//! Paths of an archive: where in the tree an entry belongs, and what its name says beyond that.

use crate::error::Result;
use crate::tar::entries::in_entry;

/// What the names of whiteouts begin with.
const WHITEOUT: &[u8] = b".wh.";

/// What AUFS called its own files, which old images still have.
const AUFS: &[u8] = b".wh..wh.";

/// The name of the file that hides all that lower layers have in a directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an entry is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// The root itself.
    Root,
    /// Something of this name.
    Node(&'a [u8]),
    /// It hides this name of its directory.
    Whiteout(&'a [u8]),
    /// It hides all of its directory.
    Opaque,
    /// Nothing that anybody needs.
    Bookkeeping,
}

/// The path from the root to an entry: names with one slash between them; none of them is `.` or `..`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    whole: Vec<u8>,
    /// Where the last name begins.
    last: usize,
}

impl Path {
    /// Reads the path of an entry. A leading slash is dropped; one that leaves the root is an error, and so is none.
    pub(crate) fn of_entry(path: &[u8]) -> Result<Self> {
        Self::parse(path).map_err(|why| in_entry(path, why))
    }

    /// Reads what a hard link leads to.
    pub(crate) fn of_target(entry: &[u8], path: &[u8]) -> Result<Self> {
        Self::parse(path)
            .map_err(|why| in_entry(entry, format!("the target of the hard link: {why}")))
    }

    fn parse(path: &[u8]) -> std::result::Result<Self, &'static str> {
        if path.is_empty() {
            return Err("its path is empty");
        }
        if path.contains(&0) {
            return Err("its path contains a NUL byte");
        }
        let mut names: Vec<&[u8]> = Vec::new();
        for name in path.split(|b| *b == b'/') {
            match name {
                b"" | b"." => {}
                b".." => {
                    names.pop().ok_or("its path leads out of the root directory")?;
                }
                _ => names.push(name),
            }
        }
        let whole = names.join(&b'/');
        let last = whole.len() - names.last().map_or(0, |name| name.len());
        Ok(Self { whole, last })
    }

    /// All of it.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// The directory that it is in.
    pub(crate) fn parent(&self) -> &[u8] {
        &self.whole[..self.last.saturating_sub(1)]
    }

    /// Its last name; empty for the root.
    pub(crate) fn name(&self) -> &[u8] {
        &self.whole[self.last..]
    }

    /// What its names say.
    pub(crate) fn role(&self) -> Result<Role<'_>> {
        let reserved = |name: &[u8]| name.starts_with(WHITEOUT);
        for name in self.parent().split(|b| *b == b'/') {
            if name.starts_with(AUFS) {
                return Ok(Role::Bookkeeping);
            }
            if reserved(name) {
                return Err(in_entry(&self.whole, "it is below a whiteout"));
            }
        }
        let name = self.name();
        Ok(match name.strip_prefix(WHITEOUT) {
            _ if name == OPAQUE => Role::Opaque,
            _ if name.starts_with(AUFS) => Role::Bookkeeping,
            Some(b"" | b"." | b"..") => {
                return Err(in_entry(&self.whole, "it is a whiteout without a valid name"));
            }
            Some(hidden) => Role::Whiteout(hidden),
            None if name.is_empty() => Role::Root,
            None => Role::Node(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn paths_stay_below_the_root() {
        for (path, whole) in [
            ("a", "a"),
            ("/a", "a"),
            ("//a//b/", "a/b"),
            ("./a/./b", "a/b"),
            ("a/../b", "b"),
            ("a/b/..", "a"),
            (".", ""),
            ("./", ""),
            ("/", ""),
            ("a/..", ""),
            ("a\\..\\b", "a\\..\\b"),
            ("...", "..."),
            ("a/... /..b", "a/... /..b"),
        ] {
            let read = Path::of_entry(path.as_bytes()).expect(path);
            assert_eq!(read.whole, whole.as_bytes(), "{path}");
            let joined = [read.parent(), read.name()].join(&b'/');
            assert_eq!(
                joined.trim_ascii_start().strip_prefix(b"/").unwrap_or(&joined),
                whole.as_bytes()
            );
        }
        for path in ["..", "../x", "a/../../x", "/..", "/../x", "a/b/../../..", "", "a\0b"] {
            let error = Path::of_entry(path.as_bytes()).expect_err(path);
            assert_eq!(error.code(), Code::InvalidManifest, "{path}");
            assert_eq!(error.details().what, Some("entry"));
            let shown = path.replace('\0', "\\0");
            assert!(error.to_string().contains(&format!("\"{shown}\"")), "{error}");
        }
    }

    #[test]
    fn names_of_whiteouts_are_told_from_others() {
        let role = |path: &str| Path::of_entry(path.as_bytes()).expect(path);
        for (path, expected) in [
            ("/", Role::Root),
            ("a/b", Role::Node(b"b")),
            ("a/.who", Role::Node(b".who")),
            ("a/x.wh.", Role::Node(b"x.wh.")),
            ("a/.wh.b", Role::Whiteout(b"b")),
            (".wh.....", Role::Whiteout(b"....")),
            (".wh..b", Role::Whiteout(b".b")),
            ("a/.wh..wh..opq", Role::Opaque),
            (".wh..wh.plnk", Role::Bookkeeping),
            (".wh..wh.plnk/7.8", Role::Bookkeeping),
        ] {
            assert_eq!(role(path).role().expect(path), expected, "{path}");
        }
        for path in [".wh.", "a/.wh..", "a/.wh...", "a/.wh.b/c", ".wh./c"] {
            let error = role(path).role().expect_err(path);
            assert_eq!(error.code(), Code::InvalidManifest, "{path}");
        }
    }
}
