//! Searching the index that a term names.

use super::data::{Limit, SearchResults};
use super::endpoint::Endpoint;
use super::session::Session;
use super::transport::Headers;
use crate::call::Call;
use crate::credentials::{Allowed, AuthConfig};
use crate::error::{Code, Error, Result};
use crate::log::{Level, Record};
use crate::names::host;
use crate::registry::failover::is_final;
use crate::registry::service::Service;
use crate::v2::Registry;

/// What a bearer token must allow for a search.
const SCOPE: &str = "registry:catalog:search";

/// Searches the index that a term, `[HOST[:PORT]/]TERM`, names. None is what the service has for the index.
pub fn search(
    service: &Service,
    term: &str,
    limit: Limit,
    auth: Option<AuthConfig>,
    headers: Headers,
    call: &Call,
) -> Result<SearchResults> {
    if term.contains("://") {
        let shown = host::printable(term);
        return Err(Error::new(
            Code::InvalidReference,
            format!("the search term {shown:?} has a URL scheme"),
        )
        .in_argument("term")
        .hint("to search another index, write HOST[:PORT]/TERM without http:// or https://"));
    }
    let (host, rest) = host::split_search_term(term);
    let index = service.index(host, call)?;
    let wanted = if index.official { rest.strip_prefix("library/").unwrap_or(rest) } else { rest };
    let endpoint = Endpoint::new(service, &index, headers, call)?;
    let credentials = match auth {
        Some(auth) => auth.into(),
        None => endpoint.known_credentials(&Allowed::default(), call)?,
    };
    let session = match by_token(&endpoint, &credentials.auth, call)? {
        Some(session) => session,
        None => Session::with_credentials(&endpoint, credentials, call)?,
    };
    session.search_repositories(wanted, limit, call)
}

/// A session with bearer tokens, if the caller has an identity token and the index also supports v2.
fn by_token(endpoint: &Endpoint, auth: &AuthConfig, call: &Call) -> Result<Option<Session>> {
    if auth.identitytoken.is_empty() || auth.username.is_empty() {
        return Ok(None);
    }
    let registry = Registry::new(
        endpoint.common(),
        host::parse_endpoint_url(endpoint.address())?,
        endpoint.identity(call)?,
        auth.clone(),
    );
    match registry.ping(call) {
        Ok(ping) if ping.confirmed => {
            Session::with_tokens(endpoint, registry, vec![SCOPE.to_owned()], call).map(Some)
        }
        Err(error) if is_final(&error) => Err(error),
        outcome => {
            call.log(Level::Warn, "search", || {
                let record = Record::new(
                    "cannot use the identity token: the index does not support protocol v2",
                );
                match &outcome {
                    Ok(_) => record,
                    Err(error) => record.error(error),
                }
            });
            Ok(None)
        }
    }
}
