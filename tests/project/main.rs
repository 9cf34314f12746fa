//! The promises of the repository about itself: its documentation, its language, its tables.

mod architecture;
mod docs;
mod english;
mod prose;
mod rows;
mod sizes;
mod trust;
