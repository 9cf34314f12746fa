//! Mirrors that others wrote: CNCF's registry as a pull-through cache, olareg with a copy; and what becomes of a pull where they
//! fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ocireg_testkit::cutter::Way;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{
    Action, Cncf, Cut, Cutter, Fault, Registry as Upstream, TempDir, cncf, tempdir,
};
use serde_json::{Value, json};

use crate::c_surface::{Service, layouts};
use crate::registries::{Registry, distribution, olareg};

fn image() -> Image {
    Spec::sized(2, 3 << 20).build()
}

/// The registry itself, with the image.
fn upstream(image: &Image) -> Upstream {
    let upstream = Upstream::plain();
    image.push_to(&upstream, "demo/app", "1");
    upstream
}

/// A service whose files say that these are asked before the upstream.
fn service(mirrors: &[String], upstream: &Upstream, more: Value) -> (TempDir, Service) {
    let files = tempdir();
    let directory = files.path().join(upstream.host());
    fs::create_dir_all(&directory).expect("a directory");
    let hosts = mirrors
        .iter()
        .map(|host| format!("[host.\"http://{host}\"]\ncapabilities = [\"pull\", \"resolve\"]\n"));
    let text = format!("server = \"{}\"\n{}", upstream.url(), hosts.collect::<String>());
    fs::write(directory.join("hosts.toml"), text).expect("a file");
    let mut options = json!({
        "hosts-dir": files.path(), "retry": {"initial-ms": 1, "max-ms": 20},
    });
    for (key, value) in more.as_object().expect("options are an object") {
        options[key] = value.clone();
    }
    (files, Service::bare(options))
}

/// Pulls the image, every byte of it right; the address of the last endpoint.
fn pulls(service: &Service, upstream: &Upstream, image: &Image, what: &str) -> String {
    let layout = tempdir();
    let (source, destination) =
        (format!("{}/demo/app:1", upstream.host()), format!("oci:{}:x", layout.path().display()));
    let report = service
        .pull(None, &source, &destination, &json!({}))
        .unwrap_or_else(|error| panic!("{what}: {error:?}"));
    layouts::assert_holds(layout.path(), image);
    report["endpoint"]["url"].as_str().expect("an endpoint").to_owned()
}

/// CNCF's 2.8 and 3 as caches of the upstream, and olareg with a copy of the image.
fn mirrors(upstream: &Upstream, image: &Image) -> Vec<(&'static str, Registry)> {
    let of = |options| Registry::Cncf(Cncf::start(&options));
    let copied = olareg("dir");
    let layout = tempdir();
    image.write_layout(layout.path(), "1");
    let (source, to) =
        (format!("oci:{}:1", layout.path().display()), format!("{}/demo/app:1", copied.host()));
    Service::bare(json!({})).push(None, &source, &to, &json!({})).expect("a push");
    vec![
        ("2.8", of(cncf::Options { proxy_of: Some(upstream.url()), ..cncf::Options::default() })),
        ("3", of(cncf::Options { proxy_of: Some(upstream.url()), ..distribution() })),
        ("olareg", copied),
    ]
}

#[test]
fn images_come_from_caches_and_go_on_elsewhere_where_those_die() {
    let image = image();
    let upstream = upstream(&image);
    for (name, mirror) in mirrors(&upstream, &image) {
        let url = format!("http://{}", mirror.host());
        let (_files, sound) = service(&[mirror.host()], &upstream, json!({}));
        assert_eq!(pulls(&sound, &upstream, &image, name), url);
        // Once it has the image it needs the registry no more, and every byte comes from it.
        upstream.clear();
        assert_eq!(pulls(&sound, &upstream, &image, name), url);
        let blobs = |server: &Upstream| {
            let requests = server.requests().into_iter();
            requests
                .filter(|r| r.method == "GET" && r.target.contains("/blobs/"))
                .collect::<Vec<_>>()
        };
        assert!(blobs(&upstream).is_empty(), "{name}: {:?}", upstream.requests());
        // Every connection ends in the middle of a layer, and then nobody listens.
        for (round, how) in [Cut::Rst, Cut::Fin].into_iter().enumerate() {
            upstream.clear();
            let cutter = Cutter::before(&mirror.host());
            let (_files, service) = service(&[cutter.host()], &upstream, json!({}));
            cutter.sever(Way::Down, (1 << 20) + 77 * round as u64, how);
            assert_eq!(pulls(&service, &upstream, &image, name), upstream.url(), "{name}");
            let asked = blobs(&upstream);
            let resumed = asked.iter().any(|r| r.header("range").is_some_and(|r| r != "bytes=0-"));
            assert!(resumed, "{name}: no blob was gone on with: {asked:?}");
        }
    }
}

/// Files of blobs below a directory that are as large as a layer.
fn layers(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            layers(&path, found);
        } else if fs::metadata(&path).is_ok_and(|state| state.len() >= 3 << 20) {
            found.push(path);
        }
    }
}

#[test]
fn a_cache_whose_disk_lies_that_is_locked_or_silent_is_left() {
    let image = image();
    let upstream = upstream(&image);
    for (name, options) in [("2.8", cncf::Options::default()), ("3", distribution())] {
        let storage = tempdir();
        let cache = |more: cncf::Options<'_>| Cncf::start(&more);
        let lying = cache(cncf::Options {
            proxy_of: Some(upstream.url()),
            storage: Some(storage.path().to_owned()),
            program: options.program.clone(),
            ..cncf::Options::default()
        });
        let (_files, filled) = service(&[lying.host()], &upstream, json!({}));
        pulls(&filled, &upstream, &image, name);
        // The cache writes what it passes on a moment later.
        let mut files = Vec::new();
        let until = Instant::now() + Duration::from_secs(20);
        while files.len() < 2 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
            files.clear();
            layers(storage.path(), &mut files);
        }
        for file in &files {
            let mut bytes = fs::read(file).expect("a layer");
            bytes[1 << 20] ^= 1;
            fs::write(file, bytes).expect("a layer");
        }
        assert!(files.len() >= 2, "{name}: {files:?}");
        let (_kept, service_) = service(&[lying.host()], &upstream, json!({}));
        assert_eq!(pulls(&service_, &upstream, &image, name), upstream.url());
        let reference = format!("{}/demo/app:1", upstream.host());
        let found = service_.resolve_endpoints(&reference, &json!({})).expect("endpoints");
        assert_eq!(found["endpoints"][0]["skipped"], "it sent wrong bytes", "{name}: {found}");

        // One that wants a login that nobody has.
        let locked = cache(cncf::Options {
            proxy_of: Some(upstream.url()),
            htpasswd: vec![("alice", "wonderland")],
            program: options.program.clone(),
            ..cncf::Options::default()
        });
        let (_files, service_) = service(&[locked.host()], &upstream, json!({}));
        assert_eq!(pulls(&service_, &upstream, &image, name), upstream.url(), "{name}: locked");

        // One whose own upstream is slow, so it is silent itself.
        let far = self::upstream(&image);
        far.fault(Fault::on("/v2/demo", Action::Delay(Duration::from_secs(30))).always());
        let slow = cache(cncf::Options {
            proxy_of: Some(far.url()),
            program: options.program.clone(),
            ..cncf::Options::default()
        });
        let timeouts = json!({"timeouts": {"header-ms": 1000, "idle-ms": 1000}});
        let (_files, service_) = service(&[slow.host()], &upstream, timeouts);
        let began = Instant::now();
        assert_eq!(pulls(&service_, &upstream, &image, name), upstream.url(), "{name}: slow");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
