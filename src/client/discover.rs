//! What a registry has: repositories, tags and referrers.

use super::options::{ListOptions, ReferrersOptions};
use crate::call::Call;
use crate::error::Result;
use crate::names::digest::Digest;
use crate::registry::session::{Need, Session};
use crate::v2::pages::{Listing, PageOptions};
use crate::v2::referrers::{Filter, Referrers};

/// The repositories of the registry.
pub fn catalog(session: &Session, options: ListOptions, call: &Call) -> Result<Listing> {
    session.catalog(&page(options), call)
}

/// The tags of the repository.
pub fn tags(session: &Session, options: ListOptions, call: &Call) -> Result<Listing> {
    let page = page(options);
    session.with_repository_for(Need::Resolve, call, |repository| repository.tags(&page, call))
}

/// The manifests whose subject has a digest.
pub fn referrers(
    session: &Session,
    digest: &str,
    options: ReferrersOptions,
    call: &Call,
) -> Result<Referrers> {
    let ReferrersOptions { artifact_type, annotations } = options;
    let digest: Digest = digest.parse()?;
    let filter = Filter { artifact_type, annotations };
    session.with_repository_for(Need::Referrers, call, |repository| {
        repository.referrers(&digest, &filter, call)
    })
}

fn page(options: ListOptions) -> PageOptions {
    let ListOptions { n, last, next } = options;
    PageOptions { n, last, next }
}
