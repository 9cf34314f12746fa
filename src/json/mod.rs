//! JSON: read strictly, written as Go writes it, and values picked out of it.

pub mod go;
pub mod null;
pub mod pointer;
pub mod schema;
pub mod strict;
