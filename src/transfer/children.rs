//! What the manifests of an image lead to, fetched through its session.

use crate::call::Call;
use crate::error::Result;
use crate::image::Descriptor;
use crate::image::manifest::Fetched;
use crate::image::select::Source;
use crate::image::transport::Source as _;
use crate::registry::session::Session;
use crate::v2::blob;

/// The documents below a manifest, from whichever endpoint of the session gives them.
#[derive(Clone, Copy)]
pub(crate) struct Children<'a> {
    pub(crate) session: &'a Session,
    pub(crate) call: &'a Call,
}

impl Children<'_> {
    /// The bytes of a manifest of a type that this library does not read.
    pub(crate) fn unread_manifest(&self, child: &Descriptor) -> Result<Vec<u8>> {
        let call = self.call;
        self.session.with_repository(call, |r| r.unread_manifest(child, call))
    }
}

impl Source for Children<'_> {
    fn manifest(&self, child: &Descriptor) -> Result<Fetched> {
        let call = self.call;
        let fetched =
            self.session.with_repository(call, |r| r.child_manifest(child, None, call))?;
        manifest_event(&fetched, call)?;
        Ok(fetched)
    }

    fn config(&self, config: &Descriptor) -> Result<Vec<u8>> {
        let (call, limit) = (self.call, self.session.limits().config);
        self.session.with_repository(call, |r| blob::read_whole(r, config, limit, call))
    }
}

/// Tells that a manifest has come.
pub(crate) fn manifest_event(fetched: &Fetched, call: &Call) -> Result<()> {
    call.event(&serde_json::json!({
        "kind": "manifest",
        "digest": fetched.descriptor.digest,
        "media_type": fetched.descriptor.media_type,
        "total": fetched.descriptor.size,
        "done": true,
        "direction": "down",
    }))
}
