//! How a copy is done.

use crate::image::Platform;

/// How a copy is done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whose image of an index; None is this machine's.
    pub platform: Option<Platform>,
    /// The index with all of its images instead.
    pub all_platforms: bool,
    /// Layers that are not meant to be distributed are moved as well.
    pub nondistributable: bool,
    /// Nothing is taken for present because a manifest that lists it is.
    pub verify_present: bool,
    /// Every layer is decompressed and compared with the image's configuration.
    pub verify_diff_ids: bool,
    /// What refers to the image, to its children, and in turn to that, goes as well.
    pub referrers: bool,
    /// Tags that are made of digests of the image and its children go as well.
    pub digest_tags: bool,
    /// Manifests of Docker's media types become OCI ones.
    pub convert_to_oci: bool,
    /// More names, in addition to the destination's.
    pub tags: Vec<String>,
    /// Repositories of the destination's registry to mount blobs from.
    pub mount_from: Vec<String>,
}

/// Whether a whole index is copied, which is the default unless a platform is given.
pub fn all_platforms(asked: Option<bool>, platform: Option<&Platform>) -> bool {
    asked.unwrap_or(platform.is_none())
}
