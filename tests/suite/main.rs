//! The library as its callers see it, by what it can do: through the C surface where that is enough, and through the
//! modules below it where it is not.
//!
//! The tests of a module run beside those of the others, in threads of one process. What changes or looks at the whole
//! process (its environment, descriptors, threads, memory, locks, rights) does so in a process of its own: see
//! [`c_surface::children`]. What forks without starting another program is in tests/process.

mod c_surface;
mod home;
mod openssl;
mod scene;
mod v1_scene;

mod archive_faults;
mod archives;
mod artifacts;
mod authorize;
mod compress;
mod copy;
mod credential_callback;
mod credentials;
mod crypto;
mod descriptors;
mod discover;
mod echo;
mod export;
mod faults;
mod hostile;
mod identity;
mod images;
mod interrupt;
mod json;
mod layers;
mod layouts;
mod log;
mod login;
mod manifest;
mod memory;
mod mirrors;
mod names;
mod networks;
mod option_keys;
mod options;
mod origin;
mod pace;
mod pages;
mod parallel;
mod present;
mod proxies;
mod pull;
mod push;
mod quirks;
mod randomness;
mod read_at;
mod search;
mod secrets;
mod service;
mod store;
mod streams;
mod tarsum;
mod threads;
mod tls;
mod tokens;
mod unpack;
mod upload;
mod v1;
mod v1_endpoints;
mod v1_layers;
mod v1_pull;
mod v1_roundtrip;
mod vectors;
