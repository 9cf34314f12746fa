//! The names of an artifact's files: paths below a directory that never lead out of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::names::host::printable;

/// What this library's own files begin with.
pub(super) const RESERVED: &str = ".ocireg-";

/// A path below a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Title(Vec<String>);

impl Title {
    /// Reads the title of a layer. Slashes at the end, double ones and `.` mean nothing, as in any path.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = |why| Refusal { title: text.to_owned(), why };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        if text.contains('\0') {
            return Err(refused("it contains a NUL character"));
        }
        if text.starts_with('/') {
            return Err(refused("it is an absolute path"));
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    return Err(refused("it contains \"..\", which leads out of the directory"));
                }
                part if part.starts_with(RESERVED) => {
                    return Err(refused("names that begin with \".ocireg-\" are reserved"));
                }
                part => parts.push(part.to_owned()),
            }
        }
        if parts.is_empty() {
            return Err(refused("it is the directory itself"));
        }
        Ok(Self(parts))
    }

    /// What a path has below this one; None if it is not below it.
    pub(super) fn below<'a>(&self, path: &'a [String]) -> Option<&'a [String]> {
        path.strip_prefix(self.0.as_slice())
    }

    /// The directories above the file, from the root down, and the name of the file.
    pub(super) fn split(&self) -> (&[String], &str) {
        match self.0.split_last() {
            Some((name, above)) => (above, name),
            None => (&[], ""),
        }
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// Why a title names no file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    title: String,
    why: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the title {:?} cannot be used: {}", printable(&self.title), self.why)
    }
}

/// Titles that can be at the same place together: no two of them are the same, and none is below a file.
#[derive(Debug, Default)]
pub(super) struct Titles(BTreeMap<Title, bool>);

impl Titles {
    /// Adds the title of a file, or of a directory.
    pub(super) fn add(&mut self, title: &Title, is_dir: bool) -> Result<(), Refusal> {
        let refused = |why| Err(Refusal { title: title.to_string(), why });
        if self.0.contains_key(title) {
            return refused("two layers have it");
        }
        let above = (1..title.0.len()).map(|end| Title(title.0[..end].to_vec()));
        if above.into_iter().any(|above| self.0.get(&above) == Some(&false)) {
            return refused("another layer is a file with the name of one of its directories");
        }
        let below = self.0.range(title.clone()..).next();
        if !is_dir && below.is_some_and(|(other, _)| other.0.starts_with(&title.0)) {
            return refused("another layer is below it, as if it were a directory");
        }
        self.0.insert(title.clone(), is_dir);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_stay_in_the_directory() {
        for (text, parts) in [
            ("a", &["a"][..]),
            ("./a//b/", &["a", "b"]),
            ("mit Leerzeichen/übermäßig ☃", &["mit Leerzeichen", "übermäßig ☃"]),
            ("...", &["..."]),
            ("..a/b..", &["..a", "b.."]),
            ("C:\\a", &["C:\\a"]),
            (".hidden", &[".hidden"]),
            ("new\nline", &["new\nline"]),
        ] {
            let title = Title::parse(text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(title.0, parts, "{text:?}");
        }
        for text in [
            "",
            "/",
            "/etc/passwd",
            "//a",
            ".",
            "./",
            "././/",
            "..",
            "../a",
            "a/../../b",
            "a/..",
            "a/../b",
            "a\0b",
            ".ocireg-tmp-1",
            "a/.ocireg-part-sha256-00",
        ] {
            let refused = Title::parse(text).expect_err(text).to_string();
            assert!(!refused.contains('\0'), "{refused}");
        }
    }

    #[test]
    fn titles_go_together_or_not() {
        let fits = |titles: &[(&str, bool)]| {
            let mut all = Titles::default();
            titles.iter().all(|(text, is_dir)| {
                all.add(&Title::parse(text).expect("a title"), *is_dir).is_ok()
            })
        };
        assert!(fits(&[
            ("a", false),
            ("b", false),
            ("c/d", false),
            ("c/e", false),
            ("c-d", false)
        ]));
        assert!(fits(&[("d", true), ("d/a", false)]) && fits(&[("d/a", false), ("d", true)]));
        assert!(!fits(&[("a", false), ("./a", false)]));
        assert!(!fits(&[("d", true), ("d", true)]));
        assert!(!fits(&[("a", false), ("a/b/c", false)]));
        assert!(!fits(&[("a/b/c", false), ("a/b", false)]));
    }
}
