//! The TLS settings for a host, from the configuration, the directories of certificates and the caller.

use url::Url;

use super::service::Service;
use crate::call::Call;
use crate::config::registry::{ServiceConfig, Standing};
use crate::error::{Error, Result};
use crate::http::origin::Origin;
use crate::names::host::{self, Blocks, UrlParts};
use crate::tls::Identity;
use crate::tls::certs_d::{self, TlsConfig};

impl Service {
    /// The TLS settings for a host: unverified if it is insecure, else those of its certs.d directory.
    pub fn tls_config(&self, hostname: &str, call: &Call) -> Result<TlsConfig> {
        self.tls_config_of(&self.config(), hostname, call)
    }

    pub(super) fn tls_config_of(
        &self,
        config: &ServiceConfig,
        hostname: &str,
        call: &Call,
    ) -> Result<TlsConfig> {
        host::check_component(hostname)?;
        if !config.is_secure_index(hostname, |host| self.addresses(host, call))? {
            return Ok(TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() });
        }
        self.certificates(hostname)
    }

    /// What the host's certs.d directory says.
    pub(crate) fn certificates(&self, hostname: &str) -> Result<TlsConfig> {
        match &self.0.certs_dir {
            Some(directory) => certs_d::read_for_host(directory, hostname),
            None => Ok(TlsConfig::default()),
        }
    }

    /// The TLS settings for the host of a URL, judging by its name and address alone.
    pub(crate) fn tls_config_without_asking(&self, address: &str) -> Result<TlsConfig> {
        let parts = UrlParts::split(address).map_err(|why| Error::argument("URL", why))?;
        host::check_component(parts.authority)?;
        if self.is_secure_without_asking(parts.authority) {
            return self.certificates(parts.authority);
        }
        Ok(TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() })
    }

    /// Who is to be found at an address that the caller names: how TLS is made, and which addresses that holds for.
    ///
    /// The one place that lets certificates go unverified: for hosts that are listed by name, and for connections to
    /// addresses in insecure blocks where all addresses of the host lie in them. Where a proxy finds the addresses,
    /// only the name counts. `tls` is what the caller gives, perhaps from a lookup, which answers as the reference does
    /// and goes by any address: it may switch verification on for any host. Switched off for a host that nothing else
    /// makes insecure, it is good for requests without secrets.
    pub(crate) fn identity(
        &self,
        url: &Url,
        authority: &str,
        tls: Option<&TlsConfig>,
        call: &Call,
    ) -> Result<Identity> {
        host::check_component(authority)?;
        let proxied = self.0.proxies.finds_names(url);
        // What a lookup said may have followed from addresses also where a proxy finds others.
        let lookup = |name: &str| match tls {
            None if proxied => Ok(Vec::new()),
            _ => self.addresses(name, call),
        };
        let standing = match tls {
            Some(tls) if !tls.insecure_skip_verify => Standing::Secure,
            _ => match self.config().standing(authority, lookup)? {
                Standing::Within(_) if proxied && url.domain().is_some() => Standing::Mixed,
                standing => standing,
            },
        };
        let given = || tls.cloned().unwrap_or_default();
        let unverified = || TlsConfig { insecure_skip_verify: true, ..given() };
        let found = match (&standing, tls) {
            (Standing::Secure, None) => self.certificates(authority)?,
            (Standing::Secure, Some(tls)) => tls.clone(),
            (Standing::Mixed, _) => {
                let (mut own, given) = (self.certificates(authority)?, given());
                own.root_cas.extend(given.root_cas);
                own.certificates.extend(given.certificates);
                own
            }
            (Standing::Listed | Standing::Within(_), _) => unverified(),
        };
        let mut identity = found.identity(self.environment());
        match standing {
            Standing::Secure => identity.anonymous_only = identity.insecure,
            Standing::Within(blocks) => identity.within = Some(blocks),
            Standing::Mixed | Standing::Listed => {}
        }
        self.keep_at_home(&mut identity, url, call)?;
        Ok(identity)
    }

    /// The same for a host that a file of mirrors names: it is verified unless the file says otherwise, at whatever addresses
    /// it is.
    pub(super) fn identity_of_host(
        &self,
        url: &Url,
        authority: &str,
        tls: TlsConfig,
        call: &Call,
    ) -> Result<Identity> {
        host::check_component(authority)?;
        let says_whom = !tls.root_cas.is_empty() || !tls.certificates.is_empty();
        let tls =
            if says_whom || tls.insecure_skip_verify { tls } else { self.certificates(authority)? };
        let mut identity = tls.identity(self.environment());
        self.keep_at_home(&mut identity, url, call)?;
        Ok(identity)
    }

    /// The same for a host that a server names: it is insecure by its own name only.
    pub(super) fn identity_of_stranger(&self, url: &Url, call: &Call) -> Result<Identity> {
        let authority = Origin::of(url).authority();
        host::check_component(&authority)?;
        let tls = if self.config().is_listed_insecure(&authority) {
            TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() }
        } else {
            self.certificates(&authority)?
        };
        let mut identity = tls.identity(self.environment());
        self.keep_at_home(&mut identity, url, call)?;
        Ok(identity)
    }

    /// What goes to `localhost` over plain http stays on this machine, if that is where the name leads.
    fn keep_at_home(&self, identity: &mut Identity, url: &Url, call: &Call) -> Result<()> {
        let is_named = url.scheme() == "http" && url.host_str() == Some("localhost");
        if is_named && identity.within.is_none() && !self.0.proxies.is_proxied(url) {
            let here = Blocks::loopback();
            if here.contain_all(&self.addresses("localhost", call)?) {
                identity.within = Some(here);
            }
        }
        Ok(())
    }

    /// Whether the host's certificates are not verified, and http is tried if https fails.
    pub fn is_insecure_registry(&self, host: &str, call: &Call) -> Result<bool> {
        host::check_component(host)?;
        let secure = self.config().is_secure_index(host, |host| self.addresses(host, call))?;
        Ok(!secure)
    }

    /// The same by name and address alone: a name whose addresses are not known counts as secure.
    pub fn is_secure_without_asking(&self, host: &str) -> bool {
        let nowhere = |_: &str| Ok(Vec::new());
        self.config().is_secure_index(host, nowhere).unwrap_or(true)
    }
}
