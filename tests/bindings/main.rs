//! The shared library as programs get it, installed: what it exports, its header, and C, C++, Go and Python on it.

mod abuse;
mod declarations;
mod fixtures;

mod abi;
mod c;
mod c_tasks;
mod e2e;
mod header;
mod install;
mod man;
mod program;
mod python;
