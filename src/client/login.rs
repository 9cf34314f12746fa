//! Logging in and out: whether a registry takes credentials, and keeping those that it took.

use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

use crate::call::Call;
use crate::credentials::AuthConfig;
use crate::credentials::store::Server;
use crate::error::{Code, Error, Phase, Result};
use crate::http::origin::Origin;
use crate::http::{Reaches, Request, header};
use crate::names::host::INDEX_SERVER;
use crate::registry::api_endpoint::ApiEndpoint;
use crate::registry::endpoint::Endpoint;
use crate::registry::failover::{Failures, is_final, try_in_order};
use crate::registry::service::Service;
use crate::v2::Registry;

/// What a registry says to credentials that it takes; in JSON, the Engine API's answer to `/auth`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Accepted {
    /// "Login Succeeded".
    pub status: &'static str,
    /// The identity token to store instead of the password; empty if the registry returned none.
    #[serde(serialize_with = "text")]
    pub identity_token: Zeroizing<String>,
    /// Where a login is kept: "config.json", the name of a helper, or "none".
    #[serde(rename = "stored", skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

fn text<S: serde::Serializer>(text: &Zeroizing<String>, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(text)
}

/// The protocol and the endpoint for one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    V2,
    V1,
}

/// Checks credentials with a registry; `user_agent` replaces the service's.
///
/// None is what the service has for the official index, which is also what credentials without an address are for.
pub fn auth(
    service: &Service,
    auth: Option<&AuthConfig>,
    user_agent: Option<&str>,
    call: &Call,
) -> Result<Accepted> {
    let server = Server::parse(auth.map_or("", |auth| &auth.serveraddress), "serveraddress")?;
    match auth {
        Some(auth) => ask(service, &server, auth, user_agent, call),
        None => {
            let found = service.credentials_for(server.host(), "", call)?.auth;
            ask(service, &server, &found, user_agent, call)
        }
    }
}

/// The same, and keeps what the registry took where the login file says.
///
/// That is found first: nothing is sent for a login that could not be kept.
pub fn login(
    service: &Service,
    auth: &AuthConfig,
    user_agent: Option<&str>,
    call: &Call,
) -> Result<Accepted> {
    let password = !auth.username.is_empty() && !auth.password.is_empty();
    if !password && auth.identitytoken.is_empty() {
        return Err(Error::argument("auth_json", "there are no credentials to log in with")
            .hint("pass username and password, or an identitytoken"));
    }
    let server = Server::parse(&auth.serveraddress, "serveraddress")?;
    let store = service.store_for(&server)?;
    let mut kept = AuthConfig::default();
    kept.username.clone_from(&auth.username);
    kept.password.clone_from(&auth.password);
    kept.identitytoken.clone_from(&auth.identitytoken);
    // A registry token cannot be kept: whether it is taken says nothing about the rest.
    let mut accepted = ask(service, &server, &kept, user_agent, call)?;
    if !accepted.identity_token.is_empty() {
        kept.password.zeroize();
        kept.identitytoken.clone_from(&accepted.identity_token);
    } else if !kept.password.is_empty() {
        // Whoever takes identity tokens gives one back: this one was not what let us in.
        kept.identitytoken.zeroize();
    }
    accepted.stored = Some(store.save(&server, &kept, call)?);
    Ok(accepted)
}

/// Forgets the credentials of a registry, if there are any.
pub fn logout(service: &Service, host: &str, call: &Call) -> Result<()> {
    if host.is_empty() {
        return Err(Error::argument("host", "the host is empty")
            .hint("write the registry as host[:port]; the official registry is docker.io"));
    }
    if host.contains('/') && !host.contains("://") {
        return Err(Error::argument("host", "the host contains a slash")
            .hint("a login is for a whole registry: write it as host[:port]"));
    }
    let server = Server::parse(host, "host")?;
    service.store_for(&server)?.erase(&server, call)
}

/// The endpoints in turn; who refuses the credentials has the last word, else the last of them.
fn ask(
    service: &Service,
    server: &Server,
    auth: &AuthConfig,
    user_agent: Option<&str>,
    call: &Call,
) -> Result<Accepted> {
    let common = service.common_of_login(user_agent);
    let endpoints = service.lookup_push_endpoints(server.host(), call)?;
    let protocols = if service.settings().v1 == Some(true) {
        &[Protocol::V2, Protocol::V1][..]
    } else {
        &[Protocol::V2]
    };
    let mut candidates = Vec::new();
    for protocol in protocols {
        for api in &endpoints {
            let url = match protocol {
                Protocol::V2 => api.url.clone(),
                Protocol::V1 => v1_address(api),
            };
            let endpoint = Endpoint::new(service.clone(), ApiEndpoint { url, ..api.clone() })?;
            if let Some(identity) = endpoint.identity_of_lookup(call)? {
                let url = endpoint.url().clone();
                let registry = Registry::new(common.clone(), url, identity, auth.clone());
                candidates.push((protocol, endpoint, registry));
            }
        }
    }
    let attempt = |(protocol, endpoint, registry): &(&Protocol, Endpoint, Registry)| {
        let answer = match protocol {
            Protocol::V2 => ask_v2(registry, call),
            Protocol::V1 => ask_v1(registry, call),
        };
        answer.map_err(|error| {
            let url = endpoint.api().url.clone();
            hint_at_login(error, auth).with(|d| d.endpoint = Some(url))
        })
    };
    let goes_on =
        |error: &Error, _: &_, _: &_| Ok(error.code() != Code::Unauthorized && !is_final(error));
    let answer = try_in_order(&candidates, 0, attempt, goes_on);
    answer.map(|(_, accepted)| accepted).map_err(Failures::last)
}

/// Whoever logs in need not be told to log in.
fn hint_at_login(error: Error, auth: &AuthConfig) -> Error {
    match error.code() {
        Code::Unauthorized if auth.is_anonymous() => {
            error.hint("pass a user name and a password, or an identity token")
        }
        Code::Unauthorized => error.hint(
            "check the user name and the password; some registries require an access token instead of the password",
        ),
        _ => error,
    }
}

/// Lets the registry say how it wants to be asked, then asks.
fn ask_v2(registry: &Registry, call: &Call) -> Result<Accepted> {
    registry.ping(call)?;
    let doing = format!("log in to {}", Origin::of(registry.base()).authority());
    let mut request = registry.request(registry.address(""), &doing);
    request.budget = Some((registry.common().client.timeouts().auth, Phase::Ping));
    let response = registry.fetch(&request, &[], |status| status == 200, call)?;
    response.finish(call)?;
    let identity_token = registry.auth().identity_token().unwrap_or_default();
    Ok(Accepted { status: SUCCEEDED, identity_token, stored: None })
}

const SUCCEEDED: &str = "Login Succeeded";

/// Where the same registry speaks v1.
fn v1_address(api: &ApiEndpoint) -> String {
    if api.official {
        INDEX_SERVER.to_owned()
    } else {
        [api.url.trim_end_matches('/'), "/v1/"].concat()
    }
}

/// v1 knows name and password only.
fn ask_v1(registry: &Registry, call: &Call) -> Result<Accepted> {
    let host = Origin::of(registry.base()).authority();
    let doing = format!("log in to {host} with protocol v1");
    let mut url = registry.base().clone();
    url.set_path(&format!("{}/users/", registry.base().path().trim_end_matches('/')));
    let mut request: Request<'_> = registry.request(url, &doing);
    request.budget = Some((registry.common().client.timeouts().auth, Phase::Ping));
    let request =
        request.header(header::AUTHORIZATION, &registry.auth().basic()?, Reaches::Origin)?;
    let response = registry.common().client.send(&request, call)?;
    let status = response.status;
    if status == 200 {
        response.finish(call)?;
        return Ok(Accepted {
            status: SUCCEEDED,
            identity_token: Zeroizing::default(),
            stored: None,
        });
    }
    let error = response.into_error(&doing, registry.common().limits.error, call);
    Err(match status {
        401 => error.cause("wrong login/password"),
        403 => error
            .cause("the account is not active")
            .hint("activate the account as described in the e-mail from the registry"),
        _ if error.details().http_status.is_some() => error.recode(Code::Server),
        _ => error,
    })
}
