//! A token server that signs real JWTs (ES256, with an x5c header), for the embedded registry and for the CNCF one.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::ca::Ca;
use crate::fault::{self, Fault, Faults};
use crate::server::{Reply, Request, Server, ServerOptions, form_values, lock};

/// How a token server behaves; may change while it runs.
#[derive(Clone)]
pub struct Policy {
    /// Names and passwords; a user may do everything.
    pub users: Vec<(String, String)>,
    /// Whether nobody in particular may pull.
    pub anonymous_pull: bool,
    /// How long tokens are valid, in seconds; negative ones have expired already.
    pub lifetime: i64,
    /// What `expires_in` says; `None` leaves it out.
    pub expires_in: Option<Value>,
    /// The fields that carry the token: `token`, `access_token`.
    pub fields: Vec<String>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            users: vec![("alice".into(), "wonderland".into())],
            anonymous_pull: true,
            lifetime: 300,
            expires_in: Some(json!(300)),
            fields: vec!["token".into(), "access_token".into()],
        }
    }
}

struct Issuer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    certificate_der: Vec<u8>,
    verifier: Verifier,
    policy: Mutex<Policy>,
    next: AtomicU64,
}

/// A running token server; a [`Server`] too, for its address and its records.
pub struct TokenServer {
    server: Server,
    issuer: Arc<Issuer>,
    certificate: String,
    faults: Faults,
}

impl Deref for TokenServer {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl TokenServer {
    /// The `iss` of its tokens.
    pub const ISSUER: &'static str = "ocireg test issuer";
    /// The `aud` of its tokens, and the `service` of the challenge.
    pub const SERVICE: &'static str = "registry.test";

    /// Starts a token server.
    pub fn start(options: ServerOptions, policy: Policy) -> TokenServer {
        let key = KeyPair::generate().expect("make a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, Self::ISSUER);
        let certificate = params.self_signed(&key).expect("sign the certificate");
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.serialize_der(),
            &random,
        )
        .expect("a P-256 key");
        let issuer = Arc::new(Issuer {
            key: pair,
            random,
            certificate_der: certificate.der().to_vec(),
            verifier: Verifier { public_key: key.der_bytes().to_vec() },
            policy: Mutex::new(policy),
            next: AtomicU64::new(1),
        });
        let faults = Faults::default();
        let server = {
            let issuer = issuer.clone();
            fault::serve(options, faults.clone(), move |request| issuer.answer(request))
        };
        TokenServer { server, issuer, certificate: certificate.pem(), faults }
    }

    /// Starts one over plain HTTP: user `alice` with password `wonderland`, and everybody may pull.
    pub fn plain() -> TokenServer {
        TokenServer::start(ServerOptions::default(), Policy::default())
    }

    /// Like [`TokenServer::plain`], over TLS when there is an authority.
    pub fn plain_or_tls(ca: Option<&Ca>) -> TokenServer {
        let options = ServerOptions::default();
        let options = ca.map_or(options.clone(), |ca| options.tls(ca));
        TokenServer::start(options, Policy::default())
    }

    /// The realm: the URL to ask for tokens.
    pub fn realm(&self) -> String {
        format!("{}/token", self.url())
    }

    /// Writes the certificate of the signing key into `dir`, as `rootcertbundle` wants it.
    pub fn write_bundle(&self, dir: &Path) -> PathBuf {
        let path = dir.join("token-bundle.pem");
        std::fs::write(&path, &self.certificate).expect("write the bundle");
        path
    }

    /// What a registry checks tokens with.
    pub fn verifier(&self) -> Verifier {
        self.issuer.verifier.clone()
    }

    /// Changes how it behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut lock(&self.issuer.policy));
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64)
}

impl Issuer {
    fn answer(&self, request: &Request) -> Reply {
        if request.path() != "/token" {
            return Reply::empty(404);
        }
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let values = |name: &str| match request.method.as_str() {
            "POST" => form_values(&form, name),
            _ => request.query(name),
        };
        let first = |name: &str| values(name).into_iter().next().unwrap_or_default();
        let policy = lock(&self.policy).clone();
        let known = |name: &str, password: &str| {
            policy.users.iter().any(|(n, p)| n == name && p == password)
        };
        let denied = || {
            Reply::json(
                401,
                &json!({"errors": [{"code": "UNAUTHORIZED", "message": "access denied"}]}),
            )
        };
        let user = match request.method.as_str() {
            "GET" => match request.header("authorization") {
                None => None,
                Some(value) => match basic(value) {
                    Some((name, password)) if known(&name, &password) => Some(name),
                    _ => return denied(),
                },
            },
            "POST" => match first("grant_type").as_str() {
                "password" if known(&first("username"), &first("password")) => {
                    Some(first("username"))
                }
                "refresh_token" => match self.refresh_user(&policy, &first("refresh_token")) {
                    Some(name) => Some(name),
                    None => return denied(),
                },
                _ => return denied(),
            },
            _ => return Reply::empty(405),
        };
        if user.is_none() && !policy.anonymous_pull {
            return denied();
        }
        let access: Vec<Value> = values("scope")
            .iter()
            .flat_map(|scopes| scopes.split(' '))
            .filter_map(|scope| grant(scope, user.is_some()))
            .collect();
        let now = now();
        let token = self.sign(&json!({
            "iss": Self::issuer(),
            "sub": user.clone().unwrap_or_default(),
            "aud": TokenServer::SERVICE,
            "iat": now, "nbf": now - 10, "exp": now + policy.lifetime,
            "jti": self.next.fetch_add(1, Ordering::SeqCst).to_string(),
            "access": access,
        }));
        let mut document = json!({"issued_at": rfc3339(now)});
        for field in &policy.fields {
            document[field] = json!(token);
        }
        if let Some(expires_in) = &policy.expires_in {
            document["expires_in"] = expires_in.clone();
        }
        let offline = first("offline_token") == "true" || first("access_type") == "offline";
        if let Some(user) = user.filter(|_| offline || request.method == "POST") {
            document["refresh_token"] = json!(format!("refresh-{user}"));
        }
        Reply::json(200, &document)
    }

    fn issuer() -> &'static str {
        TokenServer::ISSUER
    }

    fn refresh_user(&self, policy: &Policy, token: &str) -> Option<String> {
        let name = token.strip_prefix("refresh-")?;
        policy.users.iter().find(|(n, _)| n == name).map(|(n, _)| n.clone())
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({
            "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate_der)],
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.key.sign(&self.random, signed.as_bytes()).expect("sign a token");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// What a scope `TYPE:NAME:ACTION,…` gives: a user all of it, anybody else pulling.
fn grant(scope: &str, is_user: bool) -> Option<Value> {
    let (rest, actions) = scope.rsplit_once(':')?;
    let (kind, name) = rest.split_once(':')?;
    let actions: Vec<&str> = actions
        .split(',')
        .filter(|action| is_user || (kind == "repository" && *action == "pull"))
        .collect();
    (!actions.is_empty()).then(|| json!({"type": kind, "name": name, "actions": actions}))
}

fn rfc3339(seconds: i64) -> String {
    // The civil date of a day number, by the usual 400-year cycle that starts in March.
    let (days, time) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// What a registry checks tokens with.
#[derive(Clone)]
pub struct Verifier {
    public_key: Vec<u8>,
}

impl Verifier {
    /// The `service` of the challenge.
    pub fn service(&self) -> &str {
        TokenServer::SERVICE
    }

    /// Checks signature, issuer, audience, time and, when asked for, (type, name, actions); says what is wrong.
    pub fn verify(&self, token: &str, needs: Option<(&str, &str, &[&str])>) -> Result<(), String> {
        let (signed, signature) = token.rsplit_once('.').ok_or("not a JWT")?;
        let (_, claims) = signed.split_once('.').ok_or("not a JWT")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|e| e.to_string())?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "wrong signature")?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|e| e.to_string())?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|e| e.to_string())?;
        if claims["iss"] != TokenServer::ISSUER || claims["aud"] != TokenServer::SERVICE {
            return Err("another issuer or audience".into());
        }
        if claims["exp"].as_i64().is_none_or(|expires| expires <= now()) {
            return Err("expired".into());
        }
        let Some((kind, name, actions)) = needs else { return Ok(()) };
        let granted = claims["access"].as_array().into_iter().flatten().any(|entry| {
            entry["type"] == kind
                && entry["name"] == name
                && actions.iter().all(|wanted| {
                    entry["actions"].as_array().is_some_and(|given| {
                        given.contains(&json!(wanted)) || given.contains(&json!("*"))
                    })
                })
        });
        if granted { Ok(()) } else { Err("insufficient scope".into()) }
    }
}
