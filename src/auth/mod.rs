//! From a registry's challenge to an Authorization header: Basic or Bearer, and never to anybody else.

pub mod challenge;
mod fetch;
mod token;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::{Host, Url};
use zeroize::Zeroizing;

use self::challenge::Challenge;
use self::token::{Holder, Key, RefreshToken};
use crate::call::Call;
use crate::config::options::Hosts;
use crate::credentials::{AuthConfig, Credentials};
use crate::error::{Code, Error, Phase, Result};
use crate::http::address::{AddressRule, Reach};
use crate::http::origin::{Origin, parse_sent, refuse_downgrade};
use crate::http::{Client, Response, header};
use crate::log::{Level, Record};
use crate::names::digest::{Algorithm, Digest};
use crate::names::host::{Blocks, normalised};
use crate::sync::{PerProcess, inherited, lock};
use crate::tls::Identity;

pub use token::Tokens;

/// What the caller's rules say about secrets.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Pairs of registry and realm, as normalised `host[:port]`, that may be used together whatever the address rule says.
    pub trusted_realms: Vec<(String, String)>,
    /// Hosts, `host[:port]`, that may get credentials over plain http.
    pub plain_http: Hosts,
    /// Hosts, `host[:port]`, that uploads may be sent on to.
    pub upload_hosts: Hosts,
    /// Hosts, `host[:port]`, that layers may be fetched from, without credentials, where their descriptors say so.
    pub foreign_hosts: Hosts,
    /// The largest token answer, in bytes.
    pub token_limit: u64,
    /// Whether token servers are asked for a refresh token, as at a login: some refuse that to some users.
    pub offline_token: bool,
}

impl Policy {
    /// Whether secrets may go to the address: over https, to a host that the caller named for it, and within this
    /// machine, which they do not leave. `identity` is the host's: it tells why https may be unverified, and binds
    /// `localhost` to addresses of this machine.
    pub fn lets_secrets_go(&self, client: &Client, url: &Url, identity: &Identity) -> bool {
        if url.scheme() == "https" {
            return !identity.anonymous_only;
        }
        if self.plain_http.contains(&Origin::of(url).authority()) {
            return true;
        }
        let is_here = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            Some(Host::Domain("localhost")) => identity.within == Some(Blocks::loopback()),
            _ => false,
        };
        // On a proxy's machine it is another address.
        is_here && !client.is_proxied(url)
    }

    /// The same as an error that says which option allows it.
    pub fn check_secrets_go(&self, client: &Client, url: &Url, identity: &Identity) -> Result<()> {
        if self.lets_secrets_go(client, url, identity) {
            return Ok(());
        }
        let authority = Origin::of(url).authority();
        let (why, hint) = if url.scheme() == "https" {
            (
                ", whose certificate is not verified",
                format!(
                    "to send them without verifying the certificate, add {authority:?} to the option insecure-registries"
                ),
            )
        } else {
            (
                " over plain http",
                format!(
                    "use https, or add {authority:?} to the option allow-plain-http-credentials"
                ),
            )
        };
        Err(Error::new(Code::Policy, format!("refused to send credentials to {authority}{why}"))
            .phase(Phase::Credentials)
            .url(url)
            .hint(hint))
    }
}

/// The kind of secret that name and password are.
const PASSWORD: &str = "password";

/// An Authorization header's value; wiped when dropped.
pub type Authorization = Zeroizing<String>;

/// How one registry lets one user in.
#[derive(Debug)]
pub struct Authenticator {
    client: Arc<Client>,
    tokens: Arc<Tokens>,
    policy: Policy,
    home: Url,
    identity: Identity,
    /// Those in use: the program may give others when these are refused.
    credentials: Arc<Current>,
    known: PerProcess<Mutex<Known>>,
    issued: PerProcess<Mutex<Option<RefreshToken>>>,
}

/// The credentials in use.
type Current = PerProcess<Mutex<Arc<Credentials>>>;

/// What the registry's answers have taught us.
#[derive(Debug, Clone)]
struct Known {
    challenges: Vec<Challenge>,
    reach: Reach,
}

impl Default for Known {
    /// Nothing was asked yet.
    fn default() -> Self {
        Self { challenges: Vec::new(), reach: Reach::Public }
    }
}

impl Authenticator {
    /// Before anything was asked. `home` is the registry's address, `identity` how TLS is made with it.
    pub fn new(
        client: Arc<Client>,
        tokens: Arc<Tokens>,
        policy: Policy,
        home: Url,
        identity: Identity,
        credentials: Credentials,
    ) -> Self {
        let known =
            PerProcess::new(|parent| Mutex::new(parent.and_then(inherited).unwrap_or_default()));
        let issued = PerProcess::new(|parent| Mutex::new(parent.and_then(inherited).flatten()));
        let credentials = Current::with(Mutex::new(Arc::new(credentials)), |parent| {
            Mutex::new(parent.and_then(inherited).unwrap_or_default())
        });
        let credentials = Arc::new(credentials);
        Self { client, tokens, policy, home, identity, credentials, known, issued }
    }

    /// Remembers the challenges of a 401 that the registry itself gave, and tells them. One that asks for nothing
    /// takes nothing back: some registries answer so where they lack a part of the protocol.
    pub fn learn(&self, response: &Response) -> Vec<Challenge> {
        // A realm that people read may be in any language.
        let values = response.headers.get_all(header::WWW_AUTHENTICATE).iter();
        let lines: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let challenges = challenge::parse_all(lines.iter().map(|line| &**line));
        if !challenges.is_empty() {
            *lock(self.known.get()) =
                Known { challenges: challenges.clone(), reach: response.reach };
        }
        challenges
    }

    /// What the registry is asked with.
    pub fn credentials(&self) -> Arc<Credentials> {
        lock(self.credentials.get()).clone()
    }

    /// Asks for others in place of credentials that were refused, unless another call has done so. Whether there are any.
    ///
    /// Nothing is locked while the program is asked: it may make calls, and several threads may be refused at once. Of one
    /// call's threads, only the first that is refused has it asked.
    pub fn renew(&self, refused: &Arc<Credentials>, call: &Call) -> Result<bool> {
        let (current, refused) = (self.credentials.clone(), refused.clone());
        if !refused.is_renewable() {
            return Ok(false);
        }
        call.on_caller_thread(move |call| {
            let is_refused = |current: &Arc<Credentials>| Arc::ptr_eq(current, &refused);
            if !is_refused(&lock(current.get())) {
                return Ok(true);
            }
            let Some(renewed) = refused.renewed(call)? else { return Ok(false) };
            let mut current = lock(current.get());
            if is_refused(&current) {
                *current = Arc::new(renewed);
            }
            Ok(true)
        })?
    }

    /// Whether it sends the credentials themselves, and not a token.
    pub fn sends_credentials(&self) -> bool {
        let known = self.known();
        let asks_for = |scheme: &str| known.challenges.iter().any(|c| c.scheme == scheme);
        asks_for("basic") && !asks_for("bearer")
    }

    fn known(&self) -> Known {
        lock(self.known.get()).clone()
    }

    /// The refresh token to use from now on instead of a password; None if the token server returned none.
    pub fn identity_token(&self) -> Option<RefreshToken> {
        lock(self.issued.get()).clone()
    }

    /// The header for a request that needs these scopes; None where the registry has asked for nothing.
    ///
    /// `refused` is the header that the registry did not take a moment ago.
    pub fn authorization(
        &self,
        scopes: &[String],
        refused: Option<&Authorization>,
        call: &Call,
    ) -> Result<Option<Authorization>> {
        Ok(self.ending_authorization(scopes, refused, call)?.map(|(header, _)| header))
    }

    /// The same, and when it ends, if it does.
    pub fn ending_authorization(
        &self,
        scopes: &[String],
        refused: Option<&Authorization>,
        call: &Call,
    ) -> Result<Option<(Authorization, Option<Instant>)>> {
        let (known, credentials) = (self.known(), self.credentials());
        let with_scheme = |scheme: &str| known.challenges.iter().find(|c| c.scheme == scheme);
        // A gateway in front of a registry may add a challenge of its own that names no token server.
        let bearer = |wanted: &dyn Fn(&Challenge) -> bool| {
            known.challenges.iter().find(|c| c.scheme == "bearer" && wanted(c))
        };
        let has_token = !credentials.auth.registrytoken.is_empty();
        let usable = bearer(&|c| has_token || self.realm(c, known.reach).is_ok());
        let usable = usable.or_else(|| bearer(&|c| self.parse_realm(c).is_ok()));
        let basic = with_scheme("basic");
        if let Some(bearer) = usable.or(with_scheme("bearer").filter(|_| basic.is_none())) {
            let refused = refused.and_then(|header| header.strip_prefix("Bearer "));
            return self.bearer(bearer, &credentials, scopes, known.reach, refused, call).map(Some);
        }
        if basic.is_some() {
            let basic = self.basic_of(&credentials)?;
            let home = Origin::of(&self.home);
            call.log(Level::Debug, "auth", || self.record("basic", &home, PASSWORD));
            return Ok(Some((basic, None)));
        }
        let Some(other) = known.challenges.first() else { return Ok(None) };
        Err(Error::new(
            Code::Unsupported,
            format!(
                "{} requires the authentication scheme {:?}",
                Origin::of(&self.home),
                other.scheme
            ),
        )
        .phase(Phase::Token)
        .url(&self.home)
        .hint("ocireg supports only Basic and Bearer"))
    }

    /// Name and password for the registry itself.
    pub fn basic(&self) -> Result<Authorization> {
        self.basic_of(&self.credentials())
    }

    fn basic_of(&self, credentials: &Credentials) -> Result<Authorization> {
        // Tokens beside them are for those who ask for tokens.
        let (username, password) = (&credentials.auth.username, &credentials.auth.password);
        if username.is_empty() || password.is_empty() {
            let refusal = Error::new(
                Code::Unauthorized,
                format!("no basic auth credentials for {}", Origin::of(&self.home)),
            )
            .phase(Phase::Credentials)
            .url(&self.home)
            .with(|d| d.http_status = Some(401))
            .hint("log in, or pass a user name and a password");
            return Err(credentials.blame_source(refusal));
        }
        self.may_go_home()?;
        Ok(basic(username, password))
    }

    fn bearer(
        &self,
        challenge: &Challenge,
        credentials: &Credentials,
        scopes: &[String],
        reach: Reach,
        refused: Option<&str>,
        call: &Call,
    ) -> Result<(Authorization, Option<Instant>)> {
        let bearer = |text: &str, ends| Ok((Zeroizing::new(format!("Bearer {text}")), ends));
        let mut secret = Secret::of(&credentials.auth);
        if let Secret::RegistryToken(token) = secret {
            self.may_go_home()?;
            let home = Origin::of(&self.home);
            call.log(Level::Debug, "auth", || self.record("bearer", &home, secret.kind()));
            return bearer(token, None);
        }
        let (realm, rule) = self.realm(challenge, reach)?;
        if !matches!(secret, Secret::Anonymous) {
            // A token that somebody in particular gets is a credential like any other while it lives.
            self.may_go_home()?;
            // An https registry's credentials are not for a wire that others read, also where a token may come from there.
            let downgraded = self.home.scheme() == "https" && realm.scheme() == "http";
            if downgraded && !self.policy.plain_http.contains(&Origin::of(&realm).authority()) {
                call.log(Level::Warn, "auth", || {
                    let place = Origin::of(&realm);
                    Record::new(format!(
                        "not sending credentials to {place}, because it is not https"
                    ))
                    .url(&realm)
                });
                secret = Secret::Anonymous;
            }
        }
        let service = challenge.parameters.get("service").cloned().unwrap_or_default();
        // Some token servers read the first scope only, so what is needed comes before what was asked for.
        let mut wanted = scopes.to_vec();
        let asked = challenge.parameters.get("scope").map_or("", String::as_str);
        for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
            if scopes.is_empty() && !wanted.iter().any(|w| w == scope) {
                wanted.push(scope.to_owned());
            }
        }
        let holder = Holder {
            origin: Origin::of(&self.home).to_string(),
            realm: realm.to_string(),
            service,
            secret: secret.fingerprint(),
        };
        let key = Key::new(holder.clone(), &wanted);
        let token = self
            .tokens
            .get(key, refused, call, || {
                let account = &credentials.auth;
                self.fetch(&realm, rule, (&secret, account), &holder, &wanted, call)
            })
            // Not before: whoever waits for the same token may have none for another reason.
            .map_err(|refusal| credentials.explain(refusal))?;
        bearer(token.text(), Some(token.ends()))
    }

    /// Where tokens come from: what the registry names, if it may.
    fn realm(&self, challenge: &Challenge, reach: Reach) -> Result<(Url, AddressRule)> {
        let realm = self.parse_realm(challenge)?;
        if Origin::of(&realm) == Origin::of(&self.home) {
            return Ok((realm, AddressRule::Named));
        }
        let pair = [&self.home, &realm].map(|url| normalised(&Origin::of(url).authority()));
        if self.policy.trusted_realms.contains(&pair.clone().into()) {
            return Ok((realm, AddressRule::Named));
        }
        refuse_downgrade(&self.home, &realm, "a token realm").map_err(|e| {
            let [registry, place] = pair;
            e.phase(Phase::Token).hint(format!(
                "nothing was sent; the registry must name an https realm. If you trust this token server anyway, add [{registry:?}, {place:?}] to the option trusted-realms: ocireg then asks it without credentials"
            ))
        })?;
        Ok((realm, AddressRule::AtLeast(reach)))
    }

    fn parse_realm(&self, challenge: &Challenge) -> Result<Url> {
        let text = challenge.parameters.get("realm").ok_or_else(|| {
            Error::new(
                Code::Protocol,
                format!(
                    "{} requires a token, but does not name a token server",
                    Origin::of(&self.home)
                ),
            )
            .phase(Phase::Token)
            .url(&self.home)
            .hint("its WWW-Authenticate header has no realm; report this to its operator")
        })?;
        parse_sent(&self.home, text, Code::Protocol, "a token realm")
            .map_err(|e| e.phase(Phase::Token))
    }

    /// The log entry of an authentication: the scheme, the kind of secret, and who gets that secret.
    fn record(&self, scheme: &str, realm: &Origin, kind: &str) -> Record {
        let home = Origin::of(&self.home);
        Record::new(format!("{home} requires {scheme}; sending to {realm}: {kind}"))
            .url(&self.home)
            .with("challenge", scheme)
            .with("realm", realm.to_string())
            .with("kind", kind)
    }

    /// Whether secrets may go to the registry itself.
    fn may_go_home(&self) -> Result<()> {
        self.policy.check_secrets_go(&self.client, &self.home, &self.identity)
    }
}

fn basic(username: &str, password: &str) -> Authorization {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let mut header = Zeroizing::new("Basic ".to_owned());
    BASE64_STANDARD.encode_string(pair.as_bytes(), &mut header);
    header
}

/// The one secret of an AuthConfig that is used: the strongest claim wins, as in the reference.
enum Secret<'a> {
    Anonymous,
    Password {
        username: &'a str,
        password: &'a str,
    },
    /// Exchanged for bearer tokens.
    IdentityToken(&'a str),
    /// A bearer token already.
    RegistryToken(&'a str),
}

impl<'a> Secret<'a> {
    fn of(config: &'a AuthConfig) -> Self {
        if !config.registrytoken.is_empty() {
            Self::RegistryToken(&config.registrytoken)
        } else if !config.identitytoken.is_empty() {
            Self::IdentityToken(&config.identitytoken)
        } else if !config.username.is_empty() && !config.password.is_empty() {
            Self::Password { username: &config.username, password: &config.password }
        } else {
            Self::Anonymous
        }
    }

    /// What is told of it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Password { .. } => PASSWORD,
            Self::IdentityToken(_) => "identity_token",
            Self::RegistryToken(_) => "registry_token",
        }
    }

    /// A digest that distinguishes credentials without containing them.
    fn fingerprint(&self) -> Digest {
        let joined = Zeroizing::new(match self {
            Self::Anonymous => String::new(),
            Self::Password { username, password } => format!("password\0{username}\0{password}"),
            Self::IdentityToken(token) => format!("identity\0{token}"),
            Self::RegistryToken(token) => format!("registry\0{token}"),
        });
        Digest::of(Algorithm::Sha256, joined.as_bytes())
    }
}
