//! The protocol before v2.

pub mod convert;
mod cookies;
pub mod data;
pub mod endpoint;
pub mod image_id;
pub mod layer;
mod push;
pub mod push_layer;
pub mod root;
pub mod search;
pub mod session;
pub mod source;
pub mod tarsum;
pub mod transport;

pub use data::{ImgData, RepositoryData, SearchResults};
pub use endpoint::Endpoint;
pub use image_id::ImageId;
pub use root::Root;
pub use session::Session;
pub use transport::Headers;
