//! The protocol before v2.

pub mod tar;
pub mod tarsum;
