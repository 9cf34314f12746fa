//! config.json: read from a file, and asked for hosts.
#![no_main]

use std::cell::RefCell;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use ocireg::credentials::config_file::ConfigFile;
use tempfile::TempDir;

thread_local! {
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fn file() -> PathBuf {
    DIRECTORY.with_borrow_mut(|directory| {
        let made = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        directory.get_or_insert_with(|| made().expect("a directory")).path().join("config.json")
    })
}

fuzz_target!(|bytes: &[u8]| {
    let path = file();
    std::fs::write(&path, bytes).expect("a file");
    let Ok(Some((_, config))) = ConfigFile::read(&path) else { return };
    for (host, repository) in
        [("registry.test:5000", "demo/app"), ("index.docker.io", ""), ("a", "b")]
    {
        let _ = config.helper(host, repository);
        let _ = config.entry(host, repository);
    }
});
