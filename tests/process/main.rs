//! What the library does in a process that forks, and to the process of its host.
//!
//! A program of its own: a child that is forked here holds what all tests of this program hold at that moment.

#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "../suite/c_surface/mod.rs"]
mod c_surface;
#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "../suite/scene.rs"]
mod scene;

mod forks;
mod guest;
