//! TOML files that others wrote: read whole, with the line of whatever is wrong.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Phase, Result};
use crate::names::host;
use crate::os::file::{ReadError, read_limited};

/// Larger than any file of registries, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A file's path and text. It may hold a secret, such as a header.
pub struct TomlFile {
    path: PathBuf,
    text: Zeroizing<String>,
}

impl TomlFile {
    /// Reads a file; None if there is none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let content = match read_limited(path, MAX_FILE) {
            Ok(content) => content,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => {
                let hint = match error {
                    ReadError::System(_) => "make the file readable for the user of this process",
                    _ => "check the path: it must name a regular file, or a link to one",
                };
                return Err(unusable(path, "it cannot be read").cause(error).hint(hint));
            }
        };
        let Ok(text) = std::str::from_utf8(&content.bytes) else {
            return Err(unusable(path, "it is not UTF-8").hint("save the file as UTF-8 text"));
        };
        Ok(Some(Self::new(path.to_owned(), text.strip_prefix('\u{feff}').unwrap_or(text))))
    }

    /// A file with this text.
    pub fn new(path: PathBuf, text: &str) -> Self {
        Self { path, text: Zeroizing::new(text.to_owned()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing is written in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Parses the file, and hands its outermost table to `read`.
    pub fn parse<T>(&self, read: impl FnOnce(&Table<'_>) -> Result<T>) -> Result<T> {
        match DeTable::parse(&self.text) {
            Ok(root) => {
                let (span, table) = (root.span(), root.get_ref());
                read(&Table { file: self, span, table, path: String::new() })
            }
            Err(error) => Err(self.wrong(error.span().unwrap_or(0..0), error.message())),
        }
    }

    fn wrong(&self, at: Range<usize>, why: &str) -> Error {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        unusable(&self.path, &format!("line {line}: {why}"))
            .hint("correct the file at the line in the message")
    }
}

/// A file that cannot be used.
pub fn unusable(path: &Path, why: &str) -> Error {
    Error::new(Code::InvalidConfig, format!("cannot use {}: {why}", path.display()))
        .phase(Phase::Config)
}

/// A table of a file.
pub struct Table<'a> {
    file: &'a TomlFile,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    /// Its own name and a dot; nothing for the outermost one.
    path: String,
}

/// A value with its place.
type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Table<'a> {
    /// What is wrong with the whole table.
    pub fn wrong(&self, why: &str) -> Error {
        self.file.wrong(self.span.clone(), why)
    }

    /// What is wrong with the value of a key.
    pub fn wrong_at(&self, key: &str, why: &str) -> Error {
        let span = self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span);
        self.file.wrong(span, &format!("{}{} {why}", self.path, host::printable(key)))
    }

    fn get<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let wrong = || self.wrong_at(key, &format!("must be {expected}"));
        read(value).map(Some).ok_or_else(wrong)
    }

    /// A string.
    pub fn string(&self, key: &str) -> Result<Option<&'a str>> {
        self.get(key, "a string", text)
    }

    /// true or false.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key, "true or false", |value| match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A list of strings.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        self.get(key, "a list of strings", |value| list(value)?.map(text).collect())
    }

    /// A string, or a list of strings.
    pub fn one_or_many(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        self.get(key, "a string or a list of strings", |value| match text(value) {
            Some(one) => Some(vec![one]),
            None => list(value)?.map(text).collect(),
        })
    }

    /// A string, or a list of strings and of pairs of strings.
    pub fn one_or_pairs(&self, key: &str) -> Result<Option<Vec<(&'a str, &'a str)>>> {
        let expected = "a path, a list of paths, or a list of pairs of paths";
        self.get(key, expected, |value| match text(value) {
            Some(one) => Some(vec![(one, "")]),
            None => list(value)?
                .map(|item| match text(item) {
                    Some(one) => Some((one, "")),
                    None => {
                        let pair: Option<Vec<_>> = list(item)?.map(text).collect();
                        <[_; 2]>::try_from(pair?).ok().map(|[first, second]| (first, second))
                    }
                })
                .collect(),
        })
    }

    /// A table.
    pub fn table(&self, key: &str) -> Result<Option<Table<'a>>> {
        self.get(key, "a table", |value| self.inner(key, value))
    }

    /// A list of tables.
    pub fn tables(&self, key: &str) -> Result<Vec<Table<'a>>> {
        let tables = self.get(key, "a list of tables", |value| {
            list(value)?.map(|item| self.inner(key, item)).collect::<Option<Vec<_>>>()
        })?;
        Ok(tables.unwrap_or_default())
    }

    /// The keys, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.keys().map(|key| key.get_ref().as_ref())
    }

    /// Whether there is a key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Tells `warn` of each key that is none of these.
    pub fn warn_of_others(&self, known: &[&str], warn: &mut dyn FnMut(String)) {
        for key in self.keys().filter(|key| !known.contains(key)) {
            let (path, shown) = (self.file.path.display(), self.path.as_str());
            let key = host::printable(key);
            warn(format!("{path}: the unknown key {shown}{key} was ignored"));
        }
    }

    fn inner(&self, key: &str, value: &'a Value<'a>) -> Option<Table<'a>> {
        let DeValue::Table(table) = value.get_ref() else { return None };
        let path = format!("{}{}.", self.path, host::printable(key));
        Some(Table { file: self.file, span: value.span(), table, path })
    }
}

fn text<'a>(value: &'a Value<'a>) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

fn list<'a>(value: &'a Value<'a>) -> Option<impl Iterator<Item = &'a Value<'a>>> {
    match value.get_ref() {
        DeValue::Array(items) => Some(items.iter()),
        _ => None,
    }
}
