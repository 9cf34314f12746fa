//! The registry configuration of a service: mirrors, insecure registries, foreign layers.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::error::{Code, Error, Phase, Result};
use crate::json::strict::{self, Object};
use crate::names::host::{self, Blocks, Cidr, INDEX_NAME};
use crate::sort;

/// What is known of one index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IndexInfo {
    /// Its name, `host[:port]`.
    pub name: String,
    /// Its mirrors' addresses.
    pub mirrors: Vec<String>,
    /// Whether its certificates are verified.
    pub secure: bool,
    /// Whether it is the official one.
    pub official: bool,
}

impl IndexInfo {
    /// Parses the JSON of one; only `Name` is required.
    pub fn parse(text: &str, argument: &str) -> Result<Self> {
        let mut object = Object::published(text, argument)?;
        Ok(Self {
            name: object
                .text("Name")?
                .ok_or_else(|| strict::invalid("Name", format!("{argument} lacks the key Name")))?,
            mirrors: object.strings("Mirrors")?.unwrap_or_default(),
            secure: object.flag("Secure")?.unwrap_or(false),
            official: object.flag("Official")?.unwrap_or(false),
        })
    }
}

/// A repository and its index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RepositoryInfo {
    /// Domain and path.
    pub name: String,
    /// The repository's index.
    pub index: IndexInfo,
    /// Whether its familiar name is a single component.
    pub official: bool,
    /// Always empty; published by the reference.
    pub class: String,
}

/// The three lists that make a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// `allow-nondistributable-artifacts`.
    pub allow_nondistributable_artifacts: Vec<String>,
    /// `registry-mirrors`.
    pub mirrors: Vec<String>,
    /// `insecure-registries`.
    pub insecure_registries: Vec<String>,
}

/// The Engine API's `RegistryConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceConfig {
    /// Blocks of registries that layers with foreign addresses may be pushed to; sorted.
    #[serde(rename = "AllowNondistributableArtifactsCIDRs", serialize_with = "as_text")]
    pub allow_nondistributable_cidrs: Vec<Cidr>,
    /// Names of registries that layers with foreign addresses may be pushed to; sorted.
    #[serde(rename = "AllowNondistributableArtifactsHostnames")]
    pub allow_nondistributable_hostnames: Vec<String>,
    /// Blocks of registries without verified certificates.
    #[serde(rename = "InsecureRegistryCIDRs", serialize_with = "as_text")]
    pub insecure_cidrs: Vec<Cidr>,
    /// What is configured for single indexes, the official one among them.
    #[serde(rename = "IndexConfigs")]
    pub indexes: BTreeMap<String, IndexInfo>,
    /// Mirrors of the official registry.
    #[serde(rename = "Mirrors")]
    pub mirrors: Vec<String>,
}

fn as_text<S: Serializer>(cidrs: &[Cidr], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cidrs.iter().map(ToString::to_string))
}

/// What lets a host's certificates go unverified, and plain http take the place of https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing does.
    Secure,
    /// Some of its addresses lie in blocks and others don't: that is no reason.
    Mixed,
    /// The host is listed by name: it may be at any address.
    Listed,
    /// All its addresses lie in blocks. That holds for connections to addresses in these blocks only.
    Within(Blocks),
}

impl ServiceConfig {
    /// The configuration that the lists make, or the first bad entry.
    pub fn new(lists: &Lists) -> Result<Self> {
        let mut config = Self {
            allow_nondistributable_cidrs: Vec::new(),
            allow_nondistributable_hostnames: Vec::new(),
            insecure_cidrs: Vec::new(),
            indexes: BTreeMap::new(),
            mirrors: Vec::new(),
        };
        config.load_allow_nondistributable_artifacts(&lists.allow_nondistributable_artifacts)?;
        config.load_mirrors(&lists.mirrors)?;
        config.load_insecure_registries(&lists.insecure_registries)?;
        Ok(config)
    }

    /// Replaces the mirrors; on an error nothing changes.
    pub fn load_mirrors(&mut self, mirrors: &[String]) -> Result<()> {
        let (mut valid, mut seen) = (Vec::with_capacity(mirrors.len()), HashSet::new());
        for mirror in mirrors {
            let mirror = host::validate_mirror(mirror).map_err(|e| of("registry-mirrors", e))?;
            if seen.insert(mirror.clone()) {
                valid.push(mirror);
            }
        }
        self.mirrors = valid;
        self.set_official_index();
        Ok(())
    }

    /// Replaces the insecure registries; this machine is always among them. On an error nothing changes.
    pub fn load_insecure_registries(&mut self, registries: &[String]) -> Result<()> {
        let (mut cidrs, mut seen) = (Vec::new(), HashSet::new());
        let mut indexes = BTreeMap::new();
        let always = ["::1/128", "127.0.0.0/8"];
        for entry in registries.iter().map(String::as_str).chain(always) {
            let parsed = without_scheme(entry)
                .and_then(|bare| parse_registry(bare, entry))
                .map_err(|e| of("insecure-registries", e))?;
            match parsed {
                Registry::Block(cidr) if seen.insert(cidr) => cidrs.push(cidr),
                Registry::Block(_) => {}
                Registry::Host(name) => {
                    let index = IndexInfo {
                        name: name.clone(),
                        mirrors: Vec::new(),
                        secure: false,
                        official: false,
                    };
                    indexes.insert(name, index);
                }
            }
        }
        self.insecure_cidrs = cidrs;
        self.indexes = indexes;
        self.set_official_index();
        Ok(())
    }

    /// Replaces the registries that foreign layers may go to; on an error nothing changes.
    pub fn load_allow_nondistributable_artifacts(&mut self, registries: &[String]) -> Result<()> {
        let (mut cidrs, mut hostnames) = (Vec::new(), Vec::new());
        for entry in registries {
            let parsed = no_scheme(entry)
                .and_then(|bare| parse_registry(bare, entry))
                .map_err(|e| of("allow-nondistributable-artifacts", e))?;
            match parsed {
                Registry::Block(cidr) => cidrs.push(cidr),
                Registry::Host(name) => hostnames.push(name),
            }
        }
        sort::sort_by_key(&mut cidrs, ToString::to_string);
        cidrs.dedup();
        sort::sort(&mut hostnames);
        hostnames.dedup();
        self.allow_nondistributable_cidrs = cidrs;
        self.allow_nondistributable_hostnames = hostnames;
        Ok(())
    }

    fn set_official_index(&mut self) {
        let official = IndexInfo {
            name: INDEX_NAME.to_owned(),
            mirrors: self.mirrors.clone(),
            secure: true,
            official: true,
        };
        self.indexes.insert(INDEX_NAME.to_owned(), official);
    }

    /// Whether the index's certificates are verified; `lookup` answers the addresses of a name, none if it has none.
    pub fn is_secure_index(
        &self,
        name: &str,
        lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
    ) -> Result<bool> {
        match self.indexes.get(name) {
            Some(index) => Ok(index.secure),
            None => Ok(!is_in_block(&self.insecure_cidrs, name, lookup)?),
        }
    }

    /// Whether the host is listed as insecure by its name, whatever its addresses.
    pub fn is_listed_insecure(&self, name: &str) -> bool {
        self.indexes.get(name).is_some_and(|index| !index.secure)
    }

    /// How far the host may be trusted without verified certificates.
    ///
    /// Unlike [`ServiceConfig::is_secure_index`], which answers as the reference does, one address outside of all
    /// blocks makes a name secure: whoever answers for a name must not switch verification off by adding 127.0.0.1.
    pub fn standing(
        &self,
        name: &str,
        lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
    ) -> Result<Standing> {
        if let Some(index) = self.indexes.get(name) {
            return Ok(if index.secure { Standing::Secure } else { Standing::Listed });
        }
        let addresses = addresses_of(name, lookup)?;
        let insecure = Blocks::new(&self.insecure_cidrs);
        if !addresses.iter().any(|address| insecure.contains(*address)) {
            return Ok(Standing::Secure);
        }
        // As few addresses as possible: a name of this machine has no business in other blocks.
        let within = [Blocks::loopback(), insecure].into_iter().find(|b| b.contain_all(&addresses));
        Ok(within.map_or(Standing::Mixed, Standing::Within))
    }

    /// Whether layers with foreign addresses may be pushed to the host.
    pub fn allows_nondistributable_artifacts(
        &self,
        hostname: &str,
        lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
    ) -> Result<bool> {
        if self.allow_nondistributable_hostnames.iter().any(|name| name == hostname) {
            return Ok(true);
        }
        is_in_block(&self.allow_nondistributable_cidrs, hostname, lookup)
    }

    /// What is known of an index, configured or not.
    pub fn index(
        &self,
        name: &str,
        lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
    ) -> Result<IndexInfo> {
        let name = host::validate_index_name(name)?;
        if let Some(index) = self.indexes.get(name) {
            return Ok(index.clone());
        }
        let secure = self.is_secure_index(name, lookup)?;
        Ok(IndexInfo { name: name.to_owned(), mirrors: Vec::new(), secure, official: false })
    }

    /// What is known of a reference's repository.
    pub fn repository(
        &self,
        reference: &crate::names::reference::Reference,
        lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
    ) -> Result<RepositoryInfo> {
        Ok(RepositoryInfo {
            name: reference.name(),
            index: self.index(reference.domain(), lookup)?,
            official: !reference.familiar_name().contains('/'),
            class: String::new(),
        })
    }
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self::new(&Lists::default())
            .unwrap_or_else(|_| unreachable!("empty lists hold no bad entry"))
    }
}

/// For calls that ask no name server: only this machine has a known name.
pub fn lookup_local(host: &str) -> Result<Vec<IpAddr>> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    match host {
        "localhost" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        _ => Ok(Vec::new()),
    }
}

enum Registry {
    Block(Cidr),
    Host(String),
}

fn parse_registry(bare: &str, entry: &str) -> Result<Registry> {
    host::validate_index_name(entry)?;
    match bare.parse() {
        Ok(cidr) => Ok(Registry::Block(cidr)),
        Err(()) => host::check_host_port(bare).map(|()| Registry::Host(bare.to_owned())),
    }
}

fn without_scheme(entry: &str) -> Result<&str> {
    let drop = |scheme: &str| {
        let start = entry.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &entry[scheme.len()..])
    };
    match drop("http://").or_else(|| drop("https://")) {
        Some(bare) => Ok(bare),
        None => no_scheme(entry),
    }
}

fn no_scheme(entry: &str) -> Result<&str> {
    if !entry.contains("://") {
        return Ok(entry);
    }
    let shown = host::printable(entry);
    Err(Error::new(Code::InvalidConfig, format!("{shown:?} must not have a scheme"))
        .phase(Phase::Config)
        .hint("remove everything up to and including ://"))
}

/// Names the list that a bad entry stands in.
fn of(list: &str, error: Error) -> Error {
    error.context(format!("{list} is not valid")).in_argument(list)
}

/// Whether the host, or one of its name's addresses, lies in one of the blocks.
fn is_in_block(
    cidrs: &[Cidr],
    hostname: &str,
    lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
) -> Result<bool> {
    if cidrs.is_empty() {
        return Ok(false);
    }
    let addresses = addresses_of(hostname, lookup)?;
    Ok(addresses.iter().any(|address| cidrs.iter().any(|cidr| cidr.contains(*address))))
}

/// The address that a host is, or those of its name.
fn addresses_of(
    hostname: &str,
    lookup: impl FnOnce(&str) -> Result<Vec<IpAddr>>,
) -> Result<Vec<IpAddr>> {
    let host = host::split_port(hostname).map_or(hostname, |(host, _)| host);
    match host.parse() {
        Ok(address) => Ok(vec![address]),
        // A bracket belongs to an address, and without a port the reference takes it for a name that is none.
        Err(_) if host.is_empty() || host.contains(['[', ']', '/']) => Ok(Vec::new()),
        Err(_) => lookup(host),
    }
}
