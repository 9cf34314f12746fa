//! What must hold of an OCI layout on disk whatever happened.

use std::fs;
use std::path::Path;

use ocireg::ffi::ocireg_layout_collect;
use ocireg_testkit::digest;
use ocireg_testkit::image::Image;
use serde_json::Value;

use super::{Outcome, c, call_json};

/// Panics if a file under a final name is not what its name says; gives the number of blobs.
pub fn assert_sound(layout: &Path) -> usize {
    let Ok(entries) = fs::read_dir(layout.join("blobs/sha256")) else { return 0 };
    entries
        .map(|entry| {
            let entry = entry.expect("a directory entry");
            let name = entry.file_name().into_string().expect("UTF-8 in a name");
            let bytes = fs::read(entry.path()).expect("read a blob");
            assert_eq!(digest::sha256(&bytes), format!("sha256:{name}"), "a blob under a name");
        })
        .count()
}

/// The index as it is, or nothing where there is none.
pub fn index(layout: &Path) -> Vec<u8> {
    fs::read(layout.join("index.json")).unwrap_or_default()
}

/// The number of images that the index lists.
pub fn images(layout: &Path) -> usize {
    let bytes = index(layout);
    if bytes.is_empty() {
        return 0;
    }
    let index: Value = serde_json::from_slice(&bytes).expect("index.json is JSON");
    index["manifests"].as_array().expect("index.json lists manifests").len()
}

/// Panics unless the layout holds every byte of a one-platform image.
pub fn assert_holds(layout: &Path, image: &Image) {
    assert_sound(layout);
    let path =
        |digest: &str| layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    for (digest, body) in &image.blobs {
        let stored = fs::metadata(path(digest)).expect("a blob of the image").len();
        assert_eq!(Some(stored), body.len(), "{digest}");
    }
    assert_eq!(fs::read(path(&image.digest)).expect("the manifest"), image.bytes);
    let index: Value = serde_json::from_slice(&index(layout)).expect("index.json is JSON");
    let listed = index["manifests"].as_array().expect("index.json lists manifests");
    assert!(listed.iter().any(|entry| entry["digest"] == image.digest.as_str()), "{index}");
}

/// Removes what no image of a layout needs.
pub fn collect(location: &str, options: &Value) -> Outcome<Value> {
    let (location, options) = (c(location), c(&options.to_string()));
    // SAFETY: text in, live places out.
    call_json(|json, error| unsafe {
        ocireg_layout_collect(location.as_ptr(), std::ptr::null(), options.as_ptr(), json, error)
    })
}
