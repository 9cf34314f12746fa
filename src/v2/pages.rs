//! Lists that come in pages: the tags of a repository, the repositories of a registry.
//!
//! A list is kept as the JSON that it becomes: nothing else of ours grows with what a registry sends.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use url::Url;

use super::Registry;
use crate::call::Call;
use crate::error::{Code, Error, Result};
use crate::http::origin::{Origin, parse_sent};
use crate::http::{header, link};
use crate::log::{Level, Record};
use crate::mask::Words;
use crate::names::reference::check_path;

/// No registry refuses to list so many entries at once.
const MOST_AT_ONCE: u32 = 1000;

/// What is wanted of a list.
#[derive(Debug, Clone, Default)]
pub struct PageOptions {
    /// One page of about so many; without it, all pages.
    pub n: Option<u32>,
    /// Only entries after this one.
    pub last: Option<String>,
    /// The `next` of an earlier page.
    pub next: Option<String>,
}

/// A list of one registry.
pub struct List<'a> {
    /// Whose it is.
    pub registry: &'a Registry,
    /// The first page's address, without a query.
    pub first: Url,
    /// What a token must allow.
    pub scopes: Vec<String>,
    /// The key of the entries, and what messages call them.
    pub key: &'static str,
    /// Of what they are, for messages.
    pub of: &'a str,
    /// Whether a text can be such an entry; others are left out.
    pub is_entry: fn(&str) -> bool,
    /// What a failure of the registry means.
    pub named: &'a dyn Fn(Error) -> Error,
}

/// One page of a list, or all of it.
#[derive(Debug)]
pub struct Listing {
    /// What the registry calls that whose list it is.
    pub name: Option<String>,
    key: &'static str,
    /// The entries as JSON strings with commas between them.
    entries: String,
    /// Where the next page is, if there is one.
    next: Option<String>,
    warnings: Vec<String>,
}

impl Listing {
    /// The list as a JSON object, without another copy of it in memory.
    pub fn into_json(self) -> String {
        let mut head = String::from("{");
        for (key, text) in [("name", self.name), ("next", self.next)] {
            if let Some(text) = text {
                head += &format!("{key:?}:{},", Value::from(text));
            }
        }
        if !self.warnings.is_empty() {
            head += &format!("\"warnings\":{},", Value::from(self.warnings));
        }
        head += &format!("{:?}:[", self.key);
        let mut json = self.entries;
        json.insert_str(0, &head);
        json.push_str("]}");
        json
    }
}

impl Registry {
    /// The registry's repositories.
    pub fn catalog(&self, options: &PageOptions, call: &Call) -> Result<Listing> {
        let of = Origin::of(self.base()).authority();
        let list = List {
            registry: self,
            first: self.address("_catalog"),
            scopes: vec!["registry:catalog:*".to_owned()],
            key: "repositories",
            of: &of,
            is_entry: |name| check_path(name).is_ok(),
            named: &|error| error,
        };
        list.fetch(options, call)
    }
}

impl List<'_> {
    /// Fetches one page with `n`, all of them without.
    pub fn fetch(&self, options: &PageOptions, call: &Call) -> Result<Listing> {
        match self.fetch_as(options, call) {
            // Some registries refuse what they could answer in part.
            Err(error)
                if options.next.is_none()
                    && options.n.is_some_and(|n| n > MOST_AT_ONCE)
                    && matches!(error.code(), Code::Rejected | Code::Unsupported) =>
            {
                self.fetch_as(&PageOptions { n: Some(MOST_AT_ONCE), ..options.clone() }, call)
            }
            fetched => fetched,
        }
    }

    fn fetch_as(&self, options: &PageOptions, call: &Call) -> Result<Listing> {
        let mut place = match &options.next {
            Some(next) => next.parse()?,
            None => Position::first(&self.first, options),
        };
        let mut seen = if options.n.is_none() { Some(Seen::default()) } else { None };
        let mut left_out = LeftOut::default();
        let mut all = Listing {
            name: None,
            key: self.key,
            entries: String::new(),
            next: None,
            warnings: Vec::new(),
        };
        loop {
            let most = self.registry.common().limits.pages;
            if place.count >= most {
                return Err(self.endless(&format!("has more than {most} pages of {}", self.key)));
            }
            let url = self.address_of(&self.first, &place.target)?;
            let begin = all.entries.len();
            let mut page = Page {
                key: self.key,
                is_entry: self.is_entry,
                cutoff: place.cutoff(&url),
                begin,
                entries: &mut all.entries,
                seen: seen.as_mut(),
                left_out: &mut left_out,
                name: None,
                count: 0,
                last: None,
                brings: false,
            };
            let told = self.read(&url, &mut page, call)?;
            let Page { name, count, last, brings, .. } = page;
            let entries = &all.entries[begin..];
            let brings = brings && !(seen.is_none() && place.has_had(entries));
            let next = match (told, options.n, last) {
                (Some(text), ..) => Some((self.target(&url, text, options.n.is_some())?, false)),
                (None, Some(n), Some(last)) if brings && count >= u64::from(n) => {
                    Some((after(&self.first, Some(n), &last), true))
                }
                _ => None,
            };
            all.name = name.or(all.name);
            let repeats = next.as_ref().is_some_and(|(target, _)| place.has_been_at(target));
            match next {
                // What is known already, and a link to go on and on. (A page may be empty, and the next one not.)
                Some(_) if !brings && (repeats || !entries.is_empty()) => {
                    return Err(self.endless(&format!("repeats a page of its {}", self.key)));
                }
                Some((target, made)) => place.advance(entries, target, made),
                None => break,
            }
            if options.n.is_some() {
                all.next = Some(place.to_string());
                break;
            }
        }
        if let Some(example) = left_out.example {
            let warning = format!(
                "{} lists {} that are not valid {}, such as {example}; they were skipped",
                self.of, left_out.count, self.key
            );
            let warning = call.mask().text(&warning, Words::Ours);
            call.log(Level::Warn, "list", || Record::new(&warning));
            all.warnings.push(warning);
        }
        Ok(all)
    }

    /// Reads one page; gives the link to the next one as the registry wrote it.
    fn read(&self, url: &Url, page: &mut Page<'_>, call: &Call) -> Result<Option<String>> {
        let doing = format!("list the {} of {}", self.key, self.of);
        let limits = &self.registry.common().limits;
        let request = self.registry.request(url.clone(), &doing);
        let mut response = self
            .registry
            .fetch(&request, &self.scopes, |status| status == 200, call)
            .map_err(self.named)?;
        let what = format!("the list of {}", self.key);
        let body = response.body.read_all(limits.list, &what, "list", call)?;
        let mut reader = serde_json::Deserializer::from_slice(&body);
        reader.deserialize_map(&mut *page).and_then(|()| reader.end()).map_err(|e| {
            Error::new(Code::Protocol, format!("cannot {doing}"))
                .cause(format!("the response is not a list of {}", self.key))
                .cause(e)
                .url(url)
                .hint("check that the address is that of a registry")
        })?;
        let lines: Vec<_> = response
            .headers
            .get_all(header::LINK)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        Ok(link::target(lines.iter().map(AsRef::as_ref), "next"))
    }

    /// A further page's target: its path and query. One that cannot be used is an error now, or, where a page was
    /// asked for and is there, when somebody wants the page after it.
    fn target(&self, from: &Url, text: String, later: bool) -> Result<String> {
        match self.address_of(from, &text) {
            Ok(url) => Ok(path_and_query(&url)),
            Err(_) if later => Ok(text),
            Err(error) => Err(error),
        }
    }

    fn address_of(&self, from: &Url, text: &str) -> Result<Url> {
        page_address(self.registry, self.of, from, text)
    }

    fn endless(&self, what: &str) -> Error {
        Error::new(Code::Limit, format!("{} {what}", self.of))
            .url(&self.first)
            .hint("raise pages in the option limits, or report this to the registry's operator")
    }
}

/// A further page of a list of `of`: of the same origin and below the same API path, or an error.
pub(super) fn page_address(registry: &Registry, of: &str, from: &Url, text: &str) -> Result<Url> {
    let url = parse_sent(from, text, Code::Protocol, "a link to the next page")?;
    let prefix = registry.address("");
    if Origin::of(&url) != Origin::of(&prefix) || !url.path().starts_with(prefix.path()) {
        return Err(Error::new(
            Code::Policy,
            format!(
                "the link to the next page of {of} points to {}{}",
                Origin::of(&url),
                url.path()
            ),
        )
        .url(&url)
        .hint("ocireg follows pages only on the registry itself; report this to its operator"));
    }
    Ok(url)
}

/// Where a list goes on, with enough of its past to notice that it runs in a circle: as text, the `next` that callers
/// give back.
///
/// At the pages of the numbers 1, 2, 4, 8… the address and content are marked; whoever runs in a circle comes back to
/// a mark.
#[derive(Debug)]
struct Position {
    /// How many pages came before.
    count: u64,
    /// The digest of the marked page's address.
    mark: u64,
    /// The digests of the marked page's entries, and of those of the page before.
    had: [u64; 2],
    /// Whether the address is of our making, with `last`, which the registry may ignore.
    made: bool,
    /// Path and query, or a link that cannot be followed.
    target: String,
}

impl Position {
    fn first(first: &Url, options: &PageOptions) -> Self {
        let target = match (&options.n, &options.last) {
            (None, None) => path_and_query(first),
            (n, Some(last)) => after(first, *n, last),
            (Some(n), None) => format!("{}?n={n}", first.path()),
        };
        Self { count: 0, mark: digest(&target), had: [0; 2], made: true, target }
    }

    /// The entry up to which all are left out, in case that the registry sent them in spite of `last`.
    fn cutoff(&self, url: &Url) -> Option<String> {
        let mut query = url.query_pairs().filter(|_| self.made);
        query.find(|(key, _)| key == "last").map(|(_, last)| last.into_owned())
    }

    fn has_had(&self, entries: &str) -> bool {
        self.had.contains(&digest(entries))
    }

    fn has_been_at(&self, target: &str) -> bool {
        self.target == target || self.mark == digest(target)
    }

    fn advance(&mut self, entries: &str, target: String, made: bool) {
        self.count += 1;
        self.had[1] = digest(entries);
        if self.count.is_power_of_two() {
            self.mark = digest(&target);
            self.had[0] = self.had[1];
        }
        (self.target, self.made) = (target, made);
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, mark, had: [one, other], made, target } = self;
        write!(f, "{count}.{mark:x}.{one:x}.{other:x}.{}.{target}", u8::from(*made))
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.splitn(6, '.');
        let mut part = || parts.next();
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let mut read = || {
            Some(Self {
                count: part()?.parse().ok()?,
                mark: hex(part()?)?,
                had: [hex(part()?)?, hex(part()?)?],
                made: match part()? {
                    "0" => false,
                    "1" => true,
                    _ => return None,
                },
                target: part()?.to_owned(),
            })
        };
        read().ok_or_else(|| {
            Error::argument("next", "next does not lead to another page of this list")
                .hint("pass the value of next from an earlier page unchanged")
        })
    }
}

/// The page after an entry.
fn after(first: &Url, n: Option<u32>, last: &str) -> String {
    let mut url = first.clone();
    if let Some(n) = n {
        url.query_pairs_mut().append_pair("n", &n.to_string());
    }
    url.query_pairs_mut().append_pair("last", last);
    path_and_query(&url)
}

fn path_and_query(url: &Url) -> String {
    url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
}

fn digest(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

/// The entries of earlier pages, as well as a fixed size allows: now and then it takes a new one for a known one, and
/// never a known one for a new one.
#[derive(Debug)]
struct Seen(Vec<u64>);

impl Default for Seen {
    fn default() -> Self {
        Self(vec![0; 1 << 20])
    }
}

impl Seen {
    /// Whether it was not there.
    fn insert(&mut self, text: &str) -> bool {
        let digest = digest(text);
        let (start, step) = (digest >> 32, digest | 1);
        let mut new = false;
        for i in 0..4_u64 {
            let bit = start.wrapping_add(i.wrapping_mul(step)) & ((1 << 26) - 1);
            let word = &mut self.0[usize::try_from(bit / 64).unwrap_or_default()];
            new |= *word >> (bit % 64) & 1 == 0;
            *word |= 1 << (bit % 64);
        }
        new
    }
}

/// Entries that are none.
#[derive(Debug, Default)]
struct LeftOut {
    count: u64,
    example: Option<String>,
}

/// One page as it is read.
struct Page<'a> {
    key: &'static str,
    is_entry: fn(&str) -> bool,
    /// The entries up to this one are left out.
    cutoff: Option<String>,
    /// Where the page begins in `entries`.
    begin: usize,
    entries: &'a mut String,
    seen: Option<&'a mut Seen>,
    left_out: &'a mut LeftOut,
    name: Option<String>,
    /// How many entries were sent, whatever became of them.
    count: u64,
    last: Option<String>,
    /// Whether there was anything new among them.
    brings: bool,
}

impl Page<'_> {
    fn take(&mut self, text: &str) {
        self.count += 1;
        if !(self.is_entry)(text) {
            self.left_out.count += 1;
            let shown = || format!("{:?}", text.chars().take(64).collect::<String>());
            self.left_out.example.get_or_insert_with(shown);
            return;
        }
        if self.cutoff.as_deref() == Some(text) {
            self.entries.truncate(self.begin);
            self.brings = false;
            return;
        }
        self.brings |= self.seen.as_mut().is_none_or(|seen| seen.insert(text));
        // No entry has a character that JSON would escape.
        let comma = if self.entries.is_empty() { "" } else { "," };
        for part in [comma, "\"", text, "\""] {
            self.entries.push_str(part);
        }
        match &mut self.last {
            Some(last) => {
                last.clear();
                last.push_str(text);
            }
            None => self.last = Some(text.to_owned()),
        }
    }
}

impl<'de> Visitor<'de> for &mut Page<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list of {}", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            if key == self.key {
                fields.next_value_seed(Entries(self))?;
            } else if key == "name" {
                self.name = fields.next_value()?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The entries of a page: a list, or null, as some registries write a list of nothing.
struct Entries<'a, 'b>(&'a mut Page<'b>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> std::result::Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.0.key)
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        while items.next_element_seed(Entry(self.0))?.is_some() {}
        Ok(())
    }
}

struct Entry<'a, 'b>(&'a mut Page<'b>);

impl<'de> DeserializeSeed<'de> for Entry<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> std::result::Result<(), D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<(), E> {
        self.0.take(text);
        Ok(())
    }
}
