//! Requests to a token server: GET anonymously or with a password, POST with a refresh token.

use std::fmt::Display;
use std::time::Instant;

use url::Url;
use zeroize::Zeroizing;

use super::token::{Granted, Holder, RefreshToken, Token};
use super::{Authenticator, Authorization, Secret, basic};
use crate::call::Call;
use crate::credentials::AuthConfig;
use crate::error::{Code, Error, Phase, Result};
use crate::http::address::AddressRule;
use crate::http::origin::Origin;
use crate::http::{Method, Payload, Reaches, Request, Response, header};
use crate::json::go::{self, Object};
use crate::log::Level;
use crate::sync::lock;
use crate::tls::Identity;

/// AuthClientID of the registry package.
const CLIENT_ID: &str = "docker";

/// The longest token that fits into the header of a request.
const LONGEST_TOKEN: usize = 60 << 10;

/// How much of a token server's refusal is read.
const ERROR_BODY: u64 = 64 << 10;

/// Where a realm knows no tokens.
const NO_TOKEN_SERVER: &str = "the registry names a token server that does not give tokens at this address; report this to the registry's operator";

/// One question to a token server.
struct Question<'a> {
    realm: &'a Url,
    rule: AddressRule,
    service: &'a str,
    scopes: &'a [String],
    identity: &'a Identity,
    doing: String,
}

/// Who asks by GET.
struct Asker<'a> {
    account: &'a str,
    authorization: Authorization,
}

impl Authenticator {
    pub(super) fn fetch(
        &self,
        realm: &Url,
        rule: AddressRule,
        (secret, auth): (&Secret<'_>, &AuthConfig),
        holder: &Holder,
        scopes: &[String],
        call: &Call,
    ) -> Result<Token> {
        let same_origin = Origin::of(realm) == Origin::of(&self.home);
        let foreign = self.client.foreign(&self.identity, realm, call)?;
        let identity = if same_origin { &self.identity } else { &foreign };
        if !matches!(secret, Secret::Anonymous) {
            self.policy.check_secrets_go(&self.client, realm, identity)?;
        }
        let question = Question {
            realm,
            rule,
            service: &holder.service,
            scopes,
            identity,
            doing: format!("get a token from {}", Origin::of(realm)),
        };
        let granted = match *secret {
            Secret::IdentityToken(given) => {
                self.tokens.exchange(holder, given, call, |refresh| {
                    self.by_refresh_token(&question, refresh, auth, call)
                })?
            }
            Secret::Password { username, password } => {
                let authorization = basic(username, password);
                self.by_get(&question, Some(&Asker { account: username, authorization }), call)?
            }
            Secret::Anonymous | Secret::RegistryToken(_) => self.by_get(&question, None, call)?,
        };
        call.log(Level::Info, "auth", || {
            self.record("bearer", &Origin::of(realm), secret.kind()).with("scopes", scopes)
        });
        if let Some(refresh) = granted.refresh {
            *lock(self.issued.get()) = Some(refresh);
        }
        Ok(granted.token)
    }

    /// By POST; then by GET, with the refresh token as a password, where POST is refused: some registries answer it
    /// 404 or 405 as a thing they do not know, others 400 or 401.
    fn by_refresh_token(
        &self,
        question: &Question<'_>,
        refresh: &str,
        auth: &AuthConfig,
        call: &Call,
    ) -> Result<Granted> {
        let refusal = match self.by_post(question, refresh, call) {
            Err(e) if matches!(e.details().http_status, Some(400 | 401 | 404 | 405)) => e,
            other => return other,
        };
        let (account, password) = (&auth.username, &auth.password);
        let password = if password.is_empty() { refresh } else { password };
        let asker = Asker { account, authorization: basic(account, password) };
        self.by_get(question, Some(&asker), call).map_err(|e| match e.details().http_status {
            // It does not know GET: what it said to POST is its answer.
            Some(404 | 405) => refusal,
            _ => e.cause(refusal),
        })
    }

    fn by_post(&self, question: &Question<'_>, refresh: &str, call: &Call) -> Result<Granted> {
        let form = Zeroizing::new(
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", refresh)
                .append_pair("service", question.service)
                .append_pair("scope", &question.scopes.join(" "))
                .append_pair("client_id", CLIENT_ID)
                .finish(),
        );
        let mut request = self.question(question);
        request.method = Method::POST;
        request.body = Payload::Bytes(form.as_bytes());
        let kind = "application/x-www-form-urlencoded";
        let request = request.header(header::CONTENT_TYPE, kind, Reaches::Origin)?;
        self.ask(&request, call)
    }

    fn by_get(
        &self,
        question: &Question<'_>,
        asker: Option<&Asker<'_>>,
        call: &Call,
    ) -> Result<Granted> {
        let mut request = self.question(question);
        {
            let mut query = request.url.query_pairs_mut();
            if !question.service.is_empty() {
                query.append_pair("service", question.service);
            }
            for scope in question.scopes {
                query.append_pair("scope", scope);
            }
            if let Some(asker) = asker {
                if self.policy.offline_token {
                    query.append_pair("offline_token", "true");
                }
                query.append_pair("client_id", CLIENT_ID);
                if !asker.account.is_empty() {
                    query.append_pair("account", asker.account);
                }
            }
        }
        if request.url.query() == Some("") {
            request.url.set_query(None);
        }
        if let Some(asker) = asker {
            let value = &asker.authorization;
            request = request.header(header::AUTHORIZATION, value, Reaches::Origin)?;
        }
        self.ask(&request, call)
    }

    fn question<'a>(&self, question: &'a Question<'_>) -> Request<'a> {
        let mut request = Request::get(question.realm.clone(), question.identity, &question.doing);
        request.rule = question.rule;
        request.budget = Some((self.client.timeouts().auth, Phase::Token));
        request
    }

    fn ask(&self, request: &Request<'_>, call: &Call) -> Result<Granted> {
        let asked = Instant::now();
        let response = self
            .client
            .send(request, call)
            .map_err(|e| if e.details().phase.is_some() { e } else { e.phase(Phase::Token) })
            .map_err(|e| self.hint_at_pair(e, &request.url))?;
        self.read_token(response, asked, request.doing, call)
    }

    /// A realm that the address rule refuses may be allowed by name; what it redirects to may not.
    fn hint_at_pair(&self, error: Error, realm: &Url) -> Error {
        let realm = Origin::of(realm).authority();
        if error.code() != Code::Policy || error.details().host.as_ref() != Some(&realm) {
            return error;
        }
        let registry = Origin::of(&self.home).authority();
        error.hint(format!(
            "if you trust this token server, add [{registry:?}, {realm:?}] to the option trusted-realms"
        ))
    }

    fn read_token(
        &self,
        mut response: Response,
        asked: Instant,
        doing: &str,
        call: &Call,
    ) -> Result<Granted> {
        if response.status != 200 {
            let error = response.into_error(doing, ERROR_BODY, call).phase(Phase::Token);
            return Err(match error.code() {
                // The hints for these are about a repository of a registry.
                Code::NotFound | Code::Unsupported => error.hint(NO_TOKEN_SERVER),
                _ => error,
            });
        }
        let url = response.url.clone();
        let limit = self.policy.token_limit;
        let body = Zeroizing::new(response.body.read_all(
            limit,
            "the response of the token server",
            "token",
            call,
        )?);
        let unusable = |why: &dyn Display| {
            Error::new(Code::Protocol, format!("cannot {doing}"))
                .cause(why)
                .phase(Phase::Token)
                .url(&url)
                .hint("report this to the operator of the token server")
        };
        let body = go::text(&body);
        // What is wrong with the text may quote it, and it may hold a token.
        let answer = Object::parse(&body)
            .map_err(|_| unusable(&"the response is not a JSON object with a token"))?;
        // What has another type than it should is as good as absent.
        let given = |key| answer.string(key).ok().filter(|text| !text.is_empty());
        let token = given("access_token").or_else(|| given("token"));
        let text = token.ok_or_else(|| unusable(&"the response does not contain a token"))?;
        if text.bytes().any(|b| !(0x21..0x7f).contains(&b)) {
            return Err(unusable(
                &"the token contains characters that are not allowed in a header",
            ));
        }
        if text.len() > LONGEST_TOKEN {
            let why = format!(
                "the token has {} bytes, but a request can carry at most {LONGEST_TOKEN}",
                text.len()
            );
            return Err(unusable(&why));
        }
        let refresh: Option<RefreshToken> = given("refresh_token");
        if refresh.as_ref().is_some_and(|text| text.contains(char::is_control)) {
            return Err(unusable(&"the refresh token contains a control character"));
        }
        // A number of any kind, perhaps as a string.
        let expires_in =
            answer.raw("expires_in").and_then(|raw| raw.trim_matches('"').trim().parse().ok());
        Ok(Granted { token: Token::new(text, expires_in, asked), refresh })
    }
}
