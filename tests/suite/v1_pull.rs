//! Images of protocol v1 pulled into OCI layouts, where the caller asks for it, and read there by other tools.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::c_surface;
use crate::c_surface::images::Context;
use crate::c_surface::{Failure, layouts};
use crate::scene;
use crate::scene::{INVALID_MANIFEST, NO_PLATFORM, NOT_FOUND, PROTOCOL, assert_tells, requests};
use crate::v1_scene::{FORMS, Form, Image, World, gunzip, push};
use ocireg_testkit::v1::archive::{self, Random};
use ocireg_testkit::v1::{Policy, V1};
use ocireg_testkit::{Action, Cut, Fault, ServerOptions, cncf, digest, tempdir};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;
const DEADLINE: i32 = 21;
const LIMIT: i32 = 103;
const SIZE_MISMATCH: i32 = 101;

const PLAIN: Form = FORMS[0];

/// A registry with these images, the last one tagged `1`.
fn with(form: Form, chain: &[Image]) -> World {
    let world = World::start(form, json!({}));
    push(&world.session(), &world.reference(), chain, "1").expect("a push");
    world.v1.servers().for_each(|server| server.clear());
    world
}

/// A registry over plain http with two images.
fn demo() -> (World, Vec<Image>) {
    let chain = Image::chain(&mut Random::new(21), 2);
    (with(PLAIN, &chain), chain)
}

/// Options of a pull by v1.
fn by_v1(world: &World) -> Value {
    json!({"protocol": "v1", "auth": world.auth, "platform": "linux/amd64"})
}

fn pull(world: &World) -> c_surface::Outcome<scene::Pulled> {
    scene::pull(&world.service, &format!("{}:1", world.reference()), &by_v1(world))
}

fn fails(world: &World, code: i32) -> Failure {
    let reference = format!("{}:1", world.reference());
    scene::fails(&world.service, &reference, &by_v1(world), code)
}

/// A blob of the layout as JSON.
fn document(layout: &Path, digest: &Value) -> Value {
    let name = digest.as_str().expect("a digest").trim_start_matches("sha256:");
    let bytes = fs::read(layout.join("blobs/sha256").join(name)).expect("a blob");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Panics unless the layout's image `x` is this chain, whose layers are as the registry has them.
fn assert_is(world: &World, pulled: &scene::Pulled, chain: &[Image]) {
    let layout = pulled.layout.path();
    let manifest = document(layout, &pulled.report["descriptor"]["digest"]);
    let config = document(layout, &manifest["config"]["digest"]);
    let stored: Vec<Vec<u8>> = chain
        .iter()
        .map(|image| world.v1.image(&image.id).and_then(|image| image.layer).expect("a layer"))
        .map(|layer| layer.to_vec())
        .collect();
    let layers: Vec<Value> = stored
        .iter()
        .map(|layer| {
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": digest::sha256(layer), "size": layer.len()})
        })
        .collect();
    assert_eq!(manifest["layers"], json!(layers));
    let plain: Vec<String> = stored.iter().map(|layer| digest::sha256(&gunzip(layer))).collect();
    assert_eq!(config["rootfs"], json!({"type": "layers", "diff_ids": plain}));
    let histories = config["history"].as_array().expect("a history");
    assert_eq!(histories.len(), chain.len());
    for (history, image) in histories.iter().zip(chain) {
        assert_eq!(history["v1Compatibility"].as_str().map(str::as_bytes), Some(&image.json[..]));
    }
    let last: Value = serde_json::from_slice(&chain.last().expect("images").json).expect("JSON");
    assert_eq!((&config["config"], &config["created"]), (&last["config"], &last["created"]));
}

#[test]
fn an_image_of_v1_becomes_one_that_others_read() {
    for form in FORMS {
        println!("{form:?}");
        let chain = Image::chain(&mut Random::new(20), 3);
        let world = with(form, &chain);
        let pulled = pull(&world).expect("a pull");
        assert_is(&world, &pulled, &chain);
        let report = &pulled.report;
        assert_eq!(report["platform"], "linux/amd64");
        assert_eq!(
            report["endpoint"],
            json!({"url": world.v1.registry().root(), "mirror": false}),
            "the registry that has the layers"
        );
        let digest = report["descriptor"]["digest"].as_str().expect("a digest");
        assert_eq!(report["reference"], format!("{}@{digest}", world.reference()));
        assert_eq!(report["blobs"].as_array().map(Vec::len), Some(3));
        assert_eq!(report["bytes_total"], report["bytes_transferred"]);
        assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1), "it has no digests");
        // skopeo verifies every digest on the way.
        let copy = tempdir();
        let source = format!("oci:{}:x", pulled.layout.path().display());
        cncf::skopeo_copy(&source, &format!("dir:{}", copy.path().display()), &[]);
        assert_eq!(cncf::umoci_list(pulled.layout.path()), ["x"]);
    }
}

#[test]
fn its_layers_are_unpacked_by_umoci_in_their_order() {
    let file = |name: &str, content: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).expect("an entry");
        tar.into_inner().expect("an archive")
    };
    let layers =
        [file("kept", "1"), file("changed", "old"), file(".wh.kept", ""), file("changed", "new")];
    let mut random = Random::new(22);
    let mut chain: Vec<Image> = Vec::new();
    for tar in layers {
        let parent = chain.last().map(|image| image.id.clone());
        chain.push(Image { tar, ..Image::random(&mut random, parent.as_deref()) });
    }
    let world = with(PLAIN, &chain);
    let pulled = pull(&world).expect("a pull");
    let bundle = pulled.layout.path().join("bundle");
    let mut unpack = Command::new("umoci");
    unpack.args(["unpack", "--rootless", "--image"]);
    unpack.arg(format!("{}:x", pulled.layout.path().display())).arg(&bundle);
    let unpacked = unpack.output().expect("umoci");
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    assert_eq!(fs::read_to_string(bundle.join("rootfs/changed")).expect("a file"), "new");
    assert!(!bundle.join("rootfs/kept").exists());
}

#[test]
fn a_layer_without_compression_stays_without() {
    let (world, chain) = demo();
    for image in &chain {
        let place = format!("/images/{}/layer", image.id);
        let plain = Action::ReplaceBody(image.tar.clone());
        world.v1.index.fault(Fault::on(&place, plain).always());
    }
    let unknown = Action::RemoveHeader("X-Docker-Size".into());
    world.v1.index.fault(Fault::on("/json", unknown).always());
    let pulled = pull(&world).expect("a pull");
    let manifest = document(pulled.layout.path(), &pulled.report["descriptor"]["digest"]);
    let config = document(pulled.layout.path(), &manifest["config"]["digest"]);
    for (number, image) in chain.iter().enumerate() {
        let layer = &manifest["layers"][number];
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar");
        assert_eq!(layer["digest"], digest::sha256(&image.tar));
        assert_eq!(config["rootfs"]["diff_ids"][number], layer["digest"]);
    }
}

#[test]
fn v1_is_spoken_only_where_it_was_asked_for() {
    let (world, _) = demo();
    let reference = format!("{}:1", world.reference());
    for options in [json!({}), json!({"protocol": "v2"})] {
        assert!(scene::pull(&world.service, &reference, &options).is_err());
    }
    assert!(requests(&world.v1.index, "/v1/").is_empty());
    let options = json!({"protocol": "v3"});
    scene::fails(&world.service, &reference, &options, UNSUPPORTED);
    let modern = scene::service(json!({"v1": false}));
    let failure = scene::fails(&modern, &reference, &by_v1(&world), UNSUPPORTED);
    assert_tells(&failure, &["v1"], &[]);
    assert!(requests(&world.v1.index, "/v1/").is_empty());
}

#[test]
fn what_v1_does_not_have_is_told() {
    let (world, _) = demo();
    let pull = |reference: &str, options: &Value, code| {
        scene::fails(&world.service, reference, options, code)
    };
    let (options, name) = (by_v1(&world), world.reference());
    let digest = format!("{name}@{}", digest::sha256(b"x"));
    assert_tells(&pull(&digest, &options, UNSUPPORTED), &["pull by tag"], &[]);
    pull(&format!("{name}:none"), &options, NOT_FOUND);
    pull(&name, &options, NOT_FOUND);
    let unknown = format!("{}/demo/none:1", world.v1.index.host());
    assert_eq!(pull(&unknown, &options, NOT_FOUND).json["what"], "repository");
    let mut other = options.clone();
    // An image that says no more than amd64 runs on each of its levels.
    other["platform"] = json!("linux/amd64/v3");
    scene::pull(&world.service, &format!("{name}:1"), &other).expect("a pull");
    for platform in ["linux/arm64", "windows/amd64", "linux/386"] {
        other["platform"] = json!(platform);
        assert_tells(&pull(&format!("{name}:1"), &other, NO_PLATFORM), &["linux/amd64"], &[]);
    }
    let refused = world.service.pull(None, &format!("{name}:1"), "dir:/tmp/x", &options);
    assert_eq!(refused.expect_err("no layout").code, INVALID_ARGUMENT);
}

#[test]
fn options_that_v1_cannot_obey_are_refused() {
    let (world, chain) = demo();
    let reference = format!("{}:1", world.reference());
    let with = |key: &str, value: bool| {
        let mut options = by_v1(&world);
        options[key] = json!(value);
        if key == "all_platforms" {
            options.as_object_mut().expect("an object").remove("platform");
        }
        options
    };
    world.v1.servers().for_each(|server| server.clear());
    for key in ["all_platforms", "resume", "nondistributable"] {
        let failure = scene::fails(&world.service, &reference, &with(key, true), UNSUPPORTED);
        assert_tells(&failure, &[key, "v1"], &[]);
    }
    assert!(requests(&world.v1.index, "/v1/").is_empty(), "it is known before anybody is asked");
    for key in ["all_platforms", "resume", "nondistributable"] {
        let pulled = scene::pull(&world.service, &reference, &with(key, false)).expect(key);
        assert_is(&world, &pulled, &chain);
    }
    // A variant that the image is not for.
    let arm = |variant: &str| {
        let chain = Image::chain(&mut Random::new(23), 1);
        let mut json: Value = serde_json::from_slice(&chain[0].json).expect("JSON");
        (json["architecture"], json["variant"]) = (json!("arm"), json!(variant));
        let chain = [Image {
            json: json.to_string().into_bytes(),
            ..chain.into_iter().next().expect("one")
        }];
        let world = self::with(PLAIN, &chain);
        let mut options = by_v1(&world);
        options["platform"] = json!("linux/arm/v6");
        (world, options)
    };
    let (world, options) = arm("v6");
    scene::pull(&world.service, &format!("{}:1", world.reference()), &options).expect("a pull");
    let (world, options) = arm("v7");
    let reference = format!("{}:1", world.reference());
    scene::fails(&world.service, &reference, &options, NO_PLATFORM);
}

/// Layers of v1 are decompressed to be hashed: in small pieces, with an eye on the call.
#[test]
fn c3_a_bomb_in_a_layer_ends_with_its_call() {
    let (world, chain) = demo();
    let gzip = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(bytes).expect("memory");
        gzip.finish().expect("memory")
    };
    let layer = format!("/images/{}/layer", chain[0].id);
    let unknown = Action::RemoveHeader("X-Docker-Size".into());
    world.v1.index.fault(Fault::on("/json", unknown).always());
    // Gigabytes of zeros.
    let bomb = gzip(&vec![0; 64 << 20]).repeat(64);
    world.v1.index.fault(Fault::on(&layer, Action::ReplaceBody(bomb)).always());
    let context = Context::new();
    context.set_timeout(1500);
    let layout = tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let (began, reference) = (Instant::now(), format!("{}:1", world.reference()));
    let pulled = world.service.pull(Some(&context), &reference, &destination, &by_v1(&world));
    assert_eq!(pulled.expect_err("no time").code, DEADLINE);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    layouts::assert_sound(layout.path());
    // A layer in very many members of gzip, most of them empty, is one like any other.
    world.v1.index.clear_faults();
    let mut members = gzip(b"").repeat(50_000);
    members.extend(gzip(&chain[0].tar));
    let unknown = Action::RemoveHeader("X-Docker-Size".into());
    world.v1.index.fault(Fault::on("/json", unknown).always());
    world.v1.index.fault(Fault::on(&layer, Action::ReplaceBody(members)).always());
    let pulled = pull(&world).expect("a pull");
    let manifest = document(pulled.layout.path(), &pulled.report["descriptor"]["digest"]);
    let config = document(pulled.layout.path(), &manifest["config"]["digest"]);
    assert_eq!(config["rootfs"]["diff_ids"][0], digest::sha256(&chain[0].tar));
}

#[test]
fn what_a_pull_by_v1_finds_in_the_layout_is_written_again() {
    let (world, chain) = demo();
    let reference = format!("{}:1", world.reference());
    let mut options = by_v1(&world);
    for verify_present in [true, false] {
        options["verify_present"] = json!(verify_present);
        let pulled = scene::pull(&world.service, &reference, &options).expect("a pull");
        let layout = pulled.layout.path();
        let blobs: Vec<_> = fs::read_dir(layout.join("blobs/sha256"))
            .expect("blobs")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(blobs.len(), 4);
        for blob in blobs {
            let size = fs::metadata(&blob).expect("a blob").len();
            fs::remove_file(&blob).expect("a blob");
            fs::write(&blob, vec![b'x'; usize::try_from(size).expect("small")]).expect("damage");
        }
        let destination = format!("oci:{}:x", layout.display());
        world.service.pull(None, &reference, &destination, &options).expect("a pull");
        assert_is(&world, &pulled, &chain);
        layouts::assert_sound(layout);
    }
}

#[test]
fn a_registry_that_lacks_the_image_is_passed_over_and_no_other_refusal_is() {
    for (status, enough) in [(404, true), (403, false)] {
        let chain = Image::chain(&mut Random::new(29), 2);
        let world = with(PLAIN, &chain);
        let other = V1::standalone(ServerOptions::default(), Policy::default());
        let both = format!("{},{}", other.index.host(), world.v1.index.host());
        let mut options = world.options.clone();
        options["allow-v1-endpoints"] = json!([other.index.host()]);
        let service = scene::service(options);
        let named = Action::header("X-Docker-Endpoints", &both);
        world.v1.index.fault(Fault::on("/app/images", named));
        // It has the tag, but not the image.
        let tag = Action::Status(200, vec![], json!(chain[1].id).to_string().into_bytes());
        other.index.fault(Fault::on("/tags/1", tag));
        other.index.fault(Fault::on("/ancestry", Action::status(status)));
        let reference = format!("{}:1", world.reference());
        if enough {
            let pulled = scene::pull(&service, &reference, &by_v1(&world)).expect("a pull");
            assert_is(&world, &pulled, &chain);
        } else {
            scene::fails(&service, &reference, &by_v1(&world), scene::DENIED);
        }
        assert_eq!(requests(&other.index, "/ancestry").len(), 1);
        assert_eq!(requests(&world.v1.index, "/ancestry").len(), usize::from(enough));
    }
}

#[test]
fn documents_that_contradict_each_other_are_refused() {
    let (world, chain) = demo();
    let (old, new) = (&chain[0].id, &chain[1].id);
    let lie = |path: &str, body: &str| {
        world.v1.index.clear_faults();
        world.v1.index.fault(Fault::on(path, Action::ReplaceBody(body.into())).always());
    };
    let other = "7".repeat(64);
    for body in [
        json!([new, old, new]),
        json!([new, new]),
        json!([old]),
        json!([new, "../../x"]),
        json!([]),
        json!({}),
    ] {
        lie("/ancestry", &body.to_string());
        fails(&world, PROTOCOL);
    }
    // A chain that is too short, and one that goes on where it does not.
    for (body, code) in [(json!([new]), INVALID_MANIFEST), (json!([new, old, other]), NOT_FOUND)] {
        lie("/ancestry", &body.to_string());
        fails(&world, code);
    }
    let place = format!("/images/{new}/json");
    for (body, code) in [
        (json!({"id": other, "parent": old}), PROTOCOL),
        (json!({"parent": old}), PROTOCOL),
        (json!({"id": new}), INVALID_MANIFEST),
        (json!({"id": new, "parent": other}), INVALID_MANIFEST),
        (json!({"id": new, "parent": new}), INVALID_MANIFEST),
        (json!({"id": new, "parent": {}}), INVALID_MANIFEST),
    ] {
        lie(&place, &body.to_string());
        fails(&world, code);
    }
    lie("/tags/1", "\"../../../etc/passwd\"");
    fails(&world, PROTOCOL);
}

#[test]
fn layers_that_are_none_are_refused() {
    let (world, chain) = demo();
    let good = archive::gzip(&chain[1].tar);
    let mut damaged = good.clone();
    let end = damaged.len();
    damaged[end - 5] ^= 1;
    let place = format!("/images/{}/layer", chain[1].id);
    let told = Fault::on("/json", Action::RemoveHeader("X-Docker-Size".into())).always();
    for (body, code) in [
        (Vec::new(), INVALID_MANIFEST),
        (b"<html>Not found</html>".to_vec(), INVALID_MANIFEST),
        (vec![b'x'; 4096], INVALID_MANIFEST),
        (archive::gzip(b"<html>"), INVALID_MANIFEST),
        (good[..end - 4].to_vec(), INVALID_MANIFEST),
        (damaged, INVALID_MANIFEST),
        ([&good[..], b"more"].concat(), INVALID_MANIFEST),
        (b"BZh91AY&SY".to_vec(), UNSUPPORTED),
        (b"\xfd7zXZ\0...".to_vec(), UNSUPPORTED),
        (b"\x28\xb5\x2f\xfd...".to_vec(), UNSUPPORTED),
    ] {
        world.v1.index.clear_faults();
        world.v1.index.fault(told.clone());
        world.v1.index.fault(Fault::on(&place, Action::ReplaceBody(body)).always());
        let failure = fails(&world, code);
        assert!(failure.message.contains(&chain[1].id), "{failure:#?}");
    }
    // Where the size was told, another one is refused.
    world.v1.index.clear_faults();
    let longer = Action::ReplaceBody([&good[..], b"more"].concat());
    world.v1.index.fault(Fault::on(&place, longer).always());
    fails(&world, SIZE_MISMATCH);
}

#[test]
fn a_cut_layer_is_gone_on_with() {
    let (world, chain) = demo();
    for at in [1, 7] {
        world.v1.index.fault(Fault::on("/layer", Action::CutBody(at, Cut::Rst)));
    }
    let pulled = pull(&world).expect("a pull");
    assert_is(&world, &pulled, &chain);
    let layers = requests(&world.v1.index, "/layer");
    let ranges = layers.iter().filter(|request| request.header("range").is_some()).count();
    assert!(ranges > 0);
    let retries = pulled.report["blobs"].as_array().expect("blobs").iter().map(|b| &b["retries"]);
    assert_eq!(retries.map(|n| n.as_u64().expect("a number")).sum::<u64>(), ranges as u64);
}

#[test]
fn an_odd_image_becomes_one_that_others_read() {
    let mut chain = Image::chain(&mut Random::new(23), 2);
    let (old, new) = (chain[0].id.clone(), chain[1].id.clone());
    // What was never right, or was once, or says nothing.
    let odd = [
        json!({"id": old, "parent": "", "created": "yesterday", "author": ["x"], "comment": 7,
            "container_config": null, "config": null}),
        json!({"id": new, "parent": old, "created": "", "author": 1, "architecture": "x86_64", "os": 3,
            "os.features": "x", "container_config": {"Cmd": "/bin/sh"},
            "config": {"Cmd": "/bin/sh", "Entrypoint": [1], "Env": {}, "Labels": {"a": 1},
                "Volumes": {"/": null}, "ExposedPorts": [80], "User": null, "Memory": "1g"}}),
    ];
    for (image, json) in chain.iter_mut().zip(&odd) {
        image.json = json.to_string().into_bytes();
    }
    let world = World::start(PLAIN, json!({}));
    let good = Image::chain(&mut Random::new(23), 2);
    push(&world.session(), &world.reference(), &good, "1").expect("a push");
    for image in &chain {
        let lie = Action::ReplaceBody(image.json.clone());
        world.v1.index.fault(Fault::on(&format!("/images/{}/json", image.id), lie).always());
    }
    let pulled = pull(&world).expect("a pull");
    let source = format!("oci:{}:x", pulled.layout.path().display());
    let config: Value = serde_json::from_slice(&cncf::skopeo_inspect(&source, &["--config"]))
        .expect("skopeo reads it");
    assert_eq!(config["config"]["Cmd"], json!(["/bin/sh"]));
    assert_eq!(config["architecture"], "amd64");
    let mut stat = Command::new("umoci");
    stat.args(["stat", "--json", "--image"]).arg(format!("{}:x", pulled.layout.path().display()));
    let told = stat.output().expect("umoci");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["history"].as_array().map(Vec::len), Some(2));
}

#[test]
fn documents_are_judged_before_any_layer_is_fetched() {
    let chain = Image::chain(&mut Random::new(24), 3);
    let world = with(PLAIN, &chain);
    let layers = || requests(&world.v1.index, "/layer").len();
    let mut other = by_v1(&world);
    other["platform"] = json!("linux/arm64");
    let reference = format!("{}:1", world.reference());
    scene::fails(&world.service, &reference, &other, NO_PLATFORM);
    assert_eq!(layers(), 0);
    // Each fits, but all of them become one configuration.
    for image in &chain {
        let mut json: Value = serde_json::from_slice(&image.json).expect("JSON");
        json["comment"] = json!("x".repeat(2000));
        let lie = Action::ReplaceBody(json.to_string().into_bytes());
        world.v1.index.fault(Fault::on(&format!("/images/{}/json", image.id), lie).always());
    }
    pull(&world).expect("a pull");
    let mut options = world.options.clone();
    options["limits"] = json!({"config": 5000});
    let before = layers();
    let failure = scene::fails(&scene::service(options), &reference, &by_v1(&world), LIMIT);
    assert_tells(&failure, &["raise config"], &[]);
    assert_eq!(layers(), before);
}

#[test]
fn a_pull_tells_how_it_goes_on_and_ends_with_its_context() {
    let (world, _) = demo();
    let reference = format!("{}:1", world.reference());
    let layout = tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let (tell, told) = std::sync::mpsc::channel();
    let context = Context::with_progress(move |done, total, event| {
        tell.send((done, total, event["kind"].as_str().unwrap_or_default().to_owned())).is_err()
    });
    world.service.pull(Some(&context), &reference, &destination, &by_v1(&world)).expect("a pull");
    drop(context);
    let told: Vec<(u64, u64, String)> = told.iter().collect();
    let kinds: Vec<&str> = told.iter().map(|(.., kind)| kind.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"start"), Some(&"finish")));
    assert!(kinds.contains(&"blob"));
    let (done, total, _) = told.last().expect("events");
    assert!(done == total && *done > 0, "{done} of {total}");

    world.v1.index.fault(Fault::on("/layer", Action::Stall(9, Duration::from_secs(60))).always());
    let (context, start) = (Context::timeout(300), Instant::now());
    let other = tempdir();
    let destination = format!("oci:{}:x", other.path().display());
    let failure = world
        .service
        .pull(Some(&context), &reference, &destination, &by_v1(&world))
        .expect_err("the deadline");
    assert_eq!(failure.code, DEADLINE);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((layouts::assert_sound(other.path()), layouts::images(other.path())), (0, 0));
    let left: Vec<_> = fs::read_dir(other.path().join("blobs/sha256"))
        .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "temporary files: {left:?}");
}

#[test]
fn no_more_is_done_than_there_is_in_all() {
    let (world, _) = demo();
    let index = &world.v1.index;
    index.fault(Fault::on("/json", Action::RemoveHeader("X-Docker-Size".into())).always());
    index.fault(Fault::on("/layer", Action::Chunked).always());
    let (tell, told) = std::sync::mpsc::channel();
    let context = Context::with_progress(move |done, total, _| tell.send((done, total)).is_err());
    let layout = tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let reference = format!("{}:1", world.reference());
    world.service.pull(Some(&context), &reference, &destination, &by_v1(&world)).expect("a pull");
    drop(context);
    let told: Vec<(u64, u64)> = told.iter().collect();
    assert!(told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert!(told.last().is_some_and(|(done, total)| done == total && *done > 0), "{told:?}");
}

#[test]
fn layers_take_their_turns_at_a_host() {
    let chain = Image::chain(&mut Random::new(25), 2);
    let world = with(PLAIN, &chain);
    let mut options = world.options.clone();
    options["max-concurrent-downloads"] = json!(1);
    let service = scene::service(options);
    let delay = Duration::from_millis(200);
    world.v1.index.fault(Fault::on("/layer", Action::Delay(delay)).always());
    let reference = format!("{}:1", world.reference());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| scene::pull(&service, &reference, &by_v1(&world)).expect("a pull"));
        }
    });
    let mut at: Vec<Instant> =
        requests(&world.v1.index, "/layer").iter().map(|request| request.at).collect();
    at.sort();
    assert_eq!(at.len(), 6);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= delay), "{at:?}");
}
