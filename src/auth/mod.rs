//! What a registry asks for, and the answer.

pub mod challenge;
