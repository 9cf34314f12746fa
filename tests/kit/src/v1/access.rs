//! Who may do what: Basic at an index or a standalone registry, tokens at the registries of an index, and cookies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::store::{Refusal, Store};
use crate::server::{Reply, Request, lock};
use crate::token::Verifier;

/// How the servers behave; may change while they run.
#[derive(Clone)]
pub struct Policy {
    /// Names and passwords. Nobody in the list: everybody may do everything.
    pub users: Vec<(String, String)>,
    /// Whether nobody in particular may pull and search.
    pub anonymous_pull: bool,
    /// How many tokens an index gives, each in a header of its own; its registries want all of them.
    pub tokens: usize,
    /// Whether requests of images and tags must carry the cookie that an answer about a repository has set.
    pub cookies: bool,
    /// Where tokens for searching come from (the realm), and how they are checked; none is needed when absent.
    pub search_tokens: Option<(String, Verifier)>,
    /// What `search` finds.
    pub found: Vec<Value>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            users: Vec::new(),
            anonymous_pull: true,
            tokens: 1,
            cookies: false,
            search_tokens: None,
            found: Vec::new(),
        }
    }
}

impl Policy {
    /// One user, who alone may do anything.
    pub fn user(name: &str, password: &str) -> Policy {
        Policy {
            users: vec![(name.to_owned(), password.to_owned())],
            anonymous_pull: false,
            ..Policy::default()
        }
    }
}

/// What one group of tokens allows.
#[derive(Clone)]
pub(super) struct Token {
    repository: String,
    write: bool,
    /// The number of the group: tokens that were given together.
    group: String,
}

/// What a request wants to do.
pub(super) struct Wish<'a> {
    /// The repository that its path names, if it does.
    pub repository: Option<&'a str>,
    pub write: bool,
}

impl Store {
    /// Lets users in by Basic, and everybody where no user is needed.
    pub fn check_basic(&self, request: &Request, write: bool) -> Result<(), Refusal> {
        let policy = lock(&self.policy);
        if policy.users.is_empty() {
            return Ok(());
        }
        let sent = request.header("authorization");
        let known = policy.users.iter().any(|(name, password)| {
            let wanted = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            sent == Some(wanted.as_str())
        });
        let anonymous = sent.is_none() && policy.anonymous_pull && !write;
        allow(known || anonymous, UNAUTHORIZED)
    }

    /// Lets in who has all tokens of one group that allows the wish.
    pub fn check_token(&self, request: &Request, wish: &Wish<'_>) -> Result<(), Refusal> {
        let sent = request.header("authorization").and_then(|value| value.strip_prefix("Token "));
        let sent = sent.ok_or(UNAUTHORIZED)?;
        let tokens = lock(&self.tokens);
        let good = |token: &Token| {
            (token.write || !wish.write)
                && wish.repository.is_none_or(|name| name == token.repository)
        };
        let complete = tokens.values().filter(|token| good(token)).any(|token| {
            let group: Vec<&String> = tokens
                .iter()
                .filter(|(_, other)| other.group == token.group)
                .map(|(text, _)| text)
                .collect();
            let length = group.iter().map(|text| text.len() + 1).sum::<usize>();
            group.iter().all(|text| sent.contains(text.as_str())) && sent.len() + 1 == length
        });
        allow(complete, UNAUTHORIZED)
    }

    /// Adds the tokens that a request asks for.
    pub fn give_tokens(&self, request: &Request, wish: &Wish<'_>, mut reply: Reply) -> Reply {
        let asked =
            request.header("x-docker-token").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let (Some(repository), true) = (wish.repository, asked) else { return reply };
        let group = self.unique("group");
        let access = if wish.write { "write" } else { "read" };
        for _ in 0..lock(&self.policy).tokens {
            let signature = self.unique("token");
            let text = format!("signature={signature},repository=\"{repository}\",access={access}");
            let token = Token {
                repository: repository.to_owned(),
                write: wish.write,
                group: group.clone(),
            };
            lock(&self.tokens).insert(text.clone(), token);
            reply = reply.with("X-Docker-Token", &text);
        }
        reply
    }

    pub fn give_cookie(&self, reply: Reply) -> Reply {
        if !lock(&self.policy).cookies {
            return reply;
        }
        let cookie = format!("session={}", self.unique("cookie"));
        let reply = reply.with("Set-Cookie", &format!("{cookie}; Path=/; HttpOnly"));
        lock(&self.cookies).insert(cookie);
        reply
    }

    pub fn check_cookie(&self, request: &Request) -> Result<(), Refusal> {
        let known = lock(&self.cookies);
        let sent = request.header("cookie").unwrap_or_default();
        let good = sent.split(';').any(|cookie| known.contains(cookie.trim()));
        allow(good || !lock(&self.policy).cookies, (403, "No session cookie"))
    }

    /// Lets search who has a token, where tokens are needed.
    pub fn check_search(&self, request: &Request) -> Result<(), Refusal> {
        let Some((_, verifier)) = lock(&self.policy).search_tokens.clone() else {
            return self.check_basic(request, false);
        };
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let needs: (&str, &str, &[&str]) = ("registry", "catalog", &["search"]);
        let good = token.is_some_and(|token| verifier.verify(token, Some(needs)).is_ok());
        allow(good, UNAUTHORIZED)
    }

    /// The ping of v2, which says where tokens for searching come from.
    pub fn v2(&self, request: &Request) -> Reply {
        let Some((realm, verifier)) = lock(&self.policy).search_tokens.clone() else {
            return Reply::empty(404);
        };
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let reply = match token.map(|token| verifier.verify(token, None)) {
            Some(Ok(())) => Reply::json(200, &json!({})),
            _ => {
                let service = verifier.service();
                let challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
                Reply::empty(401).with("WWW-Authenticate", &challenge)
            }
        };
        reply.with("Docker-Distribution-Api-Version", "registry/2.0")
    }
}

const UNAUTHORIZED: Refusal = (401, "Requires authorization");

fn allow(allowed: bool, otherwise: Refusal) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(otherwise) }
}
