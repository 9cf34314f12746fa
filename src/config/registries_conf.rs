//! containers' `registries.conf`, version 2: where the images below a prefix are, and which mirrors have them.

use std::io;
use std::path::{Path, PathBuf};

use super::toml_file::{Table, TomlFile, unusable};
use crate::error::{Code, Error, Phase, Result};
use crate::names::host;
use crate::names::reference::Reference;
use crate::os::dir::Dir;
use crate::sort;

/// What a file and its drop-ins say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registries(Vec<Entry>);

/// A `[[registry]]`: what holds for the images below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file that says so.
    pub file: PathBuf,
    /// `host[:port][/path]`, or `*.domain` for the hosts below a domain.
    pub prefix: String,
    /// Where the images really are; None where the file does not move them.
    pub location: Option<String>,
    /// Whether the location may be used over plain HTTP or with an unverified certificate.
    pub insecure: bool,
    /// Whether the images may not be used at all.
    pub blocked: bool,
    /// Asked before the location, in order.
    pub mirrors: Vec<Mirror>,
}

/// A `[[registry.mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// What the prefix becomes at the mirror.
    pub location: String,
    /// Whether it may be used over plain HTTP or with an unverified certificate.
    pub insecure: bool,
    /// Which images are pulled from it.
    pub pulls: Pulls,
}

/// Which images a mirror is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulls {
    /// All.
    All,
    /// Those whose reference has a digest.
    DigestOnly,
    /// Those whose reference has none.
    TagOnly,
}

/// What an image is called at a registry that has it: its host and the path of its repository.
pub type Physical = (String, String);

impl Registries {
    /// Reads the file, then `FILE.d/*.conf` in the order of their names; of entries with one prefix the last counts. What is
    /// passed over is told to `warn`.
    pub fn read(path: &Path, warn: &mut dyn FnMut(String)) -> Result<Self> {
        let mut found = Self::default();
        let Some(file) = TomlFile::read(path)? else {
            return Err(unusable(path, "there is no such file").hint(
                "correct the option registries-conf, or set it to \"\" to use no registries.conf",
            ));
        };
        found.add(&file, warn)?;
        let mut directory = path.as_os_str().to_owned();
        directory.push(".d");
        let directory = PathBuf::from(directory);
        for drop_in in drop_ins(&directory)? {
            // One that was removed a moment ago says nothing.
            if let Some(file) = TomlFile::read(&drop_in)? {
                found.add(&file, warn)?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, file: &TomlFile, warn: &mut dyn FnMut(String)) -> Result<()> {
        for entry in file.parse(|root| entries(file, root, warn))? {
            self.0.retain(|other| other.prefix != entry.prefix);
            self.0.push(entry);
        }
        Ok(())
    }

    /// What holds for an image: the entry with the longest prefix. None where no entry is about it.
    ///
    /// `name` is `host[:port]/path[:tag][@digest]`, or a host alone.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let name = usual(name);
        let entries =
            self.0.iter().filter_map(|entry| Some((matched(&entry.prefix, &name)?, entry)));
        // Of equals the first, as with the lists of others.
        entries.rev().max_by_key(|(length, _)| *length).map(|(_, entry)| entry)
    }
}

impl Entry {
    /// The error of whoever wants an image that is blocked.
    pub fn refused(&self, name: &str) -> Error {
        let (prefix, file) = (&self.prefix, self.file.display());
        Error::new(Code::Policy, format!("{name} is blocked: {file} blocks {prefix}"))
            .phase(Phase::Config)
            .hint("remove blocked from the entry in that file if the images may be used")
    }

    /// What an image is called at `location`, which replaces the prefix of its name.
    pub fn at(&self, location: &str, image: &Reference) -> Result<Physical> {
        let name = usual(&image.canonical());
        let Some(length) = matched(&self.prefix, &name) else {
            return Err(Error::internal(format!("{} is not a prefix of {name}", self.prefix)));
        };
        let moved = [location, &name[length..]].concat();
        let invalid = |why: &str| {
            unusable(&self.file, &format!("{name} would become {moved}, {why}"))
                .hint("correct the prefix and the location in that file")
        };
        let moved: Reference =
            moved.parse().map_err(|e| invalid("which is not an image").cause(e))?;
        if (moved.tag(), moved.digest()) != (image.tag(), image.digest()) {
            return Err(invalid("which has another tag or digest").recode(Code::Unsupported));
        }
        Ok((moved.domain().to_owned(), moved.path().to_owned()))
    }
}

/// How many bytes of a name belong to a prefix; None if it is no prefix of the name.
fn matched(prefix: &str, name: &str) -> Option<usize> {
    let ends_at = |end: usize| {
        let next = name[end..].chars().next();
        // A colon after a host is that of a port: another registry.
        let is_host = !name[..end].contains('/');
        match next {
            None | Some('/') => true,
            Some(':' | '@') => !is_host,
            Some(_) => false,
        }
    };
    let same = |from: usize, text: &str| {
        let part = name.get(from..from + text.len())?;
        let host = text.find('/').unwrap_or(text.len());
        let is_same =
            part[..host].eq_ignore_ascii_case(&text[..host]) && part[host..] == text[host..];
        (is_same && ends_at(from + text.len())).then_some(from + text.len())
    };
    let Some(domain) = prefix.strip_prefix('*') else { return same(0, prefix) };
    let host = name.find('/').unwrap_or(name.len());
    (1..host).filter(|from| name.is_char_boundary(*from)).find_map(|from| same(from, domain))
}

/// A name or prefix without the port of https, which is no other registry.
fn usual(name: &str) -> String {
    let (host, path) = name.split_at(name.find('/').unwrap_or(name.len()));
    [host.strip_suffix(":443").unwrap_or(host), path].concat()
}

/// The drop-ins of a directory, in byte order; none where there is no directory.
fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>> {
    let names = match Dir::open(directory).and_then(|opened| opened.raw_names()) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(unusable(directory, "the directory cannot be read")
                .cause(e)
                .hint("make the directory readable for the user of this process"));
        }
    };
    let mut paths: Vec<PathBuf> = names.into_iter().map(|name| directory.join(name)).collect();
    // As containers does, directories are passed over.
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "conf") && !path.is_dir());
    sort::sort(&mut paths);
    Ok(paths)
}

fn entries(file: &TomlFile, root: &Table<'_>, warn: &mut dyn FnMut(String)) -> Result<Vec<Entry>> {
    if root.has("registries") {
        return Err(root
            .wrong_at("registries", "is of version 1 of the format, which is not supported")
            .hint("write the file in version 2: [[registry]] with prefix, location, insecure and blocked"));
    }
    // Short names are not ours: a reference without a registry is Docker Hub's.
    const SHORT_NAMES: [&str; 4] = [
        "unqualified-search-registries",
        "short-name-mode",
        "aliases",
        "additional-layer-store-auth-helper",
    ];
    root.warn_of_others(&[&SHORT_NAMES[..], &["registry"]].concat(), warn);
    let mut entries: Vec<Entry> = Vec::new();
    for table in root.tables("registry")? {
        let entry = entry(file, &table, warn)?;
        if let Some(other) =
            entries.iter().find(|other| other.location_or_prefix() == entry.location_or_prefix())
        {
            for (key, same) in [
                ("insecure", other.insecure == entry.insecure),
                ("blocked", other.blocked == entry.blocked),
            ] {
                if !same {
                    return Err(table.wrong(&format!(
                        "another registry with the same location has another value of {key}"
                    )));
                }
            }
        }
        entries.retain(|other| other.prefix != entry.prefix);
        entries.push(entry);
    }
    Ok(entries)
}

impl Entry {
    fn location_or_prefix(&self) -> &str {
        self.location.as_deref().unwrap_or(&self.prefix)
    }
}

fn entry(file: &TomlFile, table: &Table<'_>, warn: &mut dyn FnMut(String)) -> Result<Entry> {
    const KEYS: [&str; 6] =
        ["prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only"];
    if table.has("pull-from-mirror") {
        return Err(table.wrong_at("pull-from-mirror", "may only be set for a mirror"));
    }
    table.warn_of_others(&KEYS, warn);
    let location = place(table, "location", false)?;
    let prefix = place(table, "prefix", true)?.or_else(|| location.clone());
    let Some(prefix) = prefix.map(|prefix| usual(&prefix)) else {
        return Err(table.wrong("a registry needs a prefix or a location"));
    };
    let by_digest_only = table.flag("mirror-by-digest-only")?.unwrap_or(false);
    let mirrors = table.tables("mirror")?;
    let mirrors = mirrors.iter().map(|mirror| self::mirror(mirror, by_digest_only, warn));
    let mirrors = mirrors.collect::<Result<_>>()?;
    Ok(Entry {
        file: file.path().to_owned(),
        location: location.filter(|location| *location != prefix),
        prefix,
        insecure: table.flag("insecure")?.unwrap_or(false),
        blocked: table.flag("blocked")?.unwrap_or(false),
        mirrors,
    })
}

fn mirror(table: &Table<'_>, by_digest_only: bool, warn: &mut dyn FnMut(String)) -> Result<Mirror> {
    table.warn_of_others(&["location", "insecure", "pull-from-mirror"], warn);
    let Some(location) = place(table, "location", false)? else {
        return Err(table.wrong("a mirror needs a location"));
    };
    const PULLS: &str = "pull-from-mirror";
    let pulls = match table.string(PULLS)? {
        None | Some("") if by_digest_only => Pulls::DigestOnly,
        Some("all" | "digest-only" | "tag-only") if by_digest_only => {
            let why = "cannot be set together with mirror-by-digest-only";
            return Err(table.wrong_at(PULLS, why));
        }
        None | Some("" | "all") => Pulls::All,
        Some("digest-only") => Pulls::DigestOnly,
        Some("tag-only") => Pulls::TagOnly,
        Some(_) => {
            let why = "must be \"all\", \"digest-only\" or \"tag-only\"";
            return Err(table.wrong_at(PULLS, why));
        }
    };
    let insecure = table.flag("insecure")?.unwrap_or(false);
    Ok(Mirror { location, insecure, pulls })
}

/// `host[:port][/path]` without slashes at its end; None where there is none.
fn place(table: &Table<'_>, key: &str, wildcard: bool) -> Result<Option<String>> {
    let Some(text) = table.string(key)? else { return Ok(None) };
    let trimmed = text.trim_end_matches('/');
    if text.is_empty() {
        return Ok(None);
    }
    let rest = trimmed.strip_prefix("*.").filter(|_| wildcard).unwrap_or(trimmed);
    let why = if trimmed.contains("://") {
        "must be host[:port][/path], without a scheme"
    } else if rest.is_empty() || rest.starts_with(['/', ':']) {
        "must be host[:port][/path]"
    } else if !wildcard && !host::is_domain_like(rest.split('/').next().unwrap_or_default()) {
        "must begin with a host, such as registry.example or registry:5000"
    } else if rest.contains('*') {
        "may have a * only at the beginning of a prefix, as in *.example.com"
    } else if rest.bytes().any(|b| b <= b' ' || b >= 0x7f || b"?#\\".contains(&b)) {
        "contains a character that no name has"
    } else {
        return Ok(Some(trimmed.to_owned()));
    };
    Err(table.wrong_at(key, why))
}
