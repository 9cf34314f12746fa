//! What the system lends: the environment, wake-up descriptors, waiting, directories, atomic and temporary files, files
//! that are written over, locks, child processes.

pub mod atomic_file;
pub mod child;
pub mod copy;
pub mod cores;
pub mod descriptor;
pub mod dir;
pub mod environment;
pub mod file;
mod held;
pub mod holes;
pub mod in_place;
pub mod lent;
pub mod lock;
pub mod process;
mod remove;
pub mod spool;
pub mod tree;
pub mod wait;
pub mod wake;
pub mod within;
