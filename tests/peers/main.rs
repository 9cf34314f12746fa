//! Programs that others wrote: registries, token servers, and the tools that people have beside this library.

#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "../suite/c_surface/mod.rs"]
mod c_surface;
#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "../suite/scene.rs"]
mod scene;

mod caches;
mod conformance;
mod containerd;
mod crane_exports;
mod docker_auth;
mod oras_artifacts;
mod registries;
mod transfers;
mod trees;
mod umoci;
