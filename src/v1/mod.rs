//! The protocol before v2.

pub mod layer;
pub mod push_layer;
pub mod tar;
pub mod tarsum;
pub mod transport;
