//! The options of calls, each document a table, and the list of all documents.
//!
//! To add an option, add a row; to add a document, add a table to the file of its calls, or to the room that reads it, and its `SCHEMA` to
//! [`DOCUMENTS`]. Then run `OCIREG_UPDATE=1 cargo test --test generated`, and name the key with its default in the header's text
//! and in `tests/suite/option_keys.rs`: tests fail until that is done.

mod artifact;
mod image;
mod layout;
mod repository;
mod root_fs;
mod session;
mod values;

pub use self::artifact::{
    ArtifactConfig, ArtifactConfigBuilder, ArtifactFile, ArtifactFileBuilder, ConfigFile,
};
pub use self::image::{
    Conversion, CopyBuilder, CopyOptions, InspectBuilder, InspectOptions, PullBuilder, PullOptions,
    PushBuilder, PushOptions,
};
pub use self::layout::{CollectBuilder, CollectOptions};
pub use self::repository::{
    BlobBuilder, BlobOptions, ChunkBuilder, ChunkOptions, CommitBuilder, CommitOptions,
    GetBlobFDBuilder, GetBlobFDOptions, GetBlobFileBuilder, GetBlobFileOptions, HeadBuilder,
    HeadOptions, ListBuilder, ListOptions, ManifestBuilder, ManifestOptions, MountBuilder,
    MountOptions, PutBlobBuilder, PutBlobFileBuilder, PutBlobFileOptions, PutBlobOptions,
    PutManifestBuilder, PutManifestOptions, ReferrersBuilder, ReferrersOptions, RemoteBlobBuilder,
    RemoteBlobOptions,
};
pub use self::root_fs::{
    ExportBuilder, ExportOptions, IdRangeBuilder, IdRangeOptions, UnpackBuilder, UnpackLimits,
    UnpackLimitsBuilder, UnpackOptions,
};
pub use self::session::{
    Actions, AuthorizeBuilder, AuthorizeOptions, EndpointsBuilder, EndpointsOptions,
    SessionBuilder, SessionOptions,
};

use crate::config::settings::{Limits, Retry, Timeouts};
use crate::json::schema::Schema;
use crate::registry::options::{ConfigOptions, ProxyOptions, ServiceOptions};

/// Every options document, in the order of the documentation.
pub const DOCUMENTS: &[&Schema] = &[
    ServiceOptions::SCHEMA,
    Timeouts::SCHEMA,
    Retry::SCHEMA,
    Limits::SCHEMA,
    ProxyOptions::SCHEMA,
    ConfigOptions::SCHEMA,
    SessionOptions::SCHEMA,
    EndpointsOptions::SCHEMA,
    ListOptions::SCHEMA,
    ManifestOptions::SCHEMA,
    HeadOptions::SCHEMA,
    PutManifestOptions::SCHEMA,
    ReferrersOptions::SCHEMA,
    BlobOptions::SCHEMA,
    RemoteBlobOptions::SCHEMA,
    ChunkOptions::SCHEMA,
    AuthorizeOptions::SCHEMA,
    GetBlobFileOptions::SCHEMA,
    GetBlobFDOptions::SCHEMA,
    PutBlobOptions::SCHEMA,
    PutBlobFileOptions::SCHEMA,
    MountOptions::SCHEMA,
    CommitOptions::SCHEMA,
    PullOptions::SCHEMA,
    ArtifactFile::SCHEMA,
    ArtifactConfig::SCHEMA,
    PushOptions::SCHEMA,
    CopyOptions::SCHEMA,
    InspectOptions::SCHEMA,
    UnpackOptions::SCHEMA,
    ExportOptions::SCHEMA,
    IdRangeOptions::SCHEMA,
    UnpackLimits::SCHEMA,
    CollectOptions::SCHEMA,
];
