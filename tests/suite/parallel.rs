//! Large blobs in several ranges at once, where one connection is slower than that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::c_surface::{children, layouts};
use crate::scene::*;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{Action, Cut, Fault, Registry};
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// A connection brings a piece of 64 KiB in 8 ms.
fn slowly() -> Action {
    Action::Trickle(64 << 10, Duration::from_millis(8))
}

/// A registry that gives each connection 8 MiB/s at most, with an image of one large layer.
fn slow(size: u64) -> (Registry, Image, String) {
    let registry = Registry::plain();
    let image = Spec::sized(1, size).build();
    image.push_to(&registry, "demo/app", "1");
    let layer = format!("/blobs/{}", image.manifests[0].layers[0]);
    registry.fault(Fault::on(&layer, slowly()).always());
    (registry, image, layer)
}

fn in_ranges() -> Value {
    json!({"parallel-range-bytes": 1})
}

/// The closed ranges that were asked for, but for the small one that only shows whether the server knows them.
fn ranges(registry: &Registry, layer: &str) -> Vec<(u64, u64)> {
    let requests = requests(registry, layer);
    let headers = requests.iter().filter_map(|request| request.header("range"));
    let closed = headers.filter_map(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse::<u64>().ok()? + 1))
    });
    closed.filter(|(first, end)| end - first > 4096).collect()
}

fn layer_of(report: &Value, size: u64) -> Value {
    let blobs = report["blobs"].as_array().expect("blobs");
    blobs.iter().find(|blob| blob["size"] == size).expect("the layer").clone()
}

#[test]
fn several_ranges_are_faster_where_each_connection_is_slow() {
    let size = 24 * MIB;
    let (registry, image, layer) = slow(size);
    registry.fault(Fault::on("/v2/", Action::Delay(Duration::from_millis(20))).always());
    let timed = |options: Value| {
        let began = Instant::now();
        let report = pulls(&service(options), &app(&registry), &json!({}), &image);
        (began.elapsed(), report)
    };
    let (alone, _) = timed(json!({"parallel-range-bytes": 0}));
    assert!(ranges(&registry, &layer).is_empty(), "0 is never");
    let (small, _) = timed(json!({"parallel-range-bytes": size + 1}));
    assert!(ranges(&registry, &layer).is_empty(), "it is too small for {small:?}");
    let (together, report) = timed(in_ranges());
    assert!(together < alone.mul_f64(0.8), "{together:?} instead of {alone:?}");
    let mut asked = ranges(&registry, &layer);
    asked.sort_unstable();
    assert!(asked.len() > 2, "{asked:?}");
    assert!(asked.windows(2).all(|two| two[0].1 == two[1].0), "nothing comes twice: {asked:?}");
    assert_eq!(asked.last().expect("one").1, size);
    assert_eq!(layer_of(&report, size)["bytes_transferred"], size);
    assert_eq!(layer_of(&report, size)["retries"], 0, "{report}");
}

#[test]
fn each_range_takes_a_place_of_its_host() {
    let (registry, image, layer) = slow(16 * MIB);
    let options = json!({"parallel-range-bytes": 1, "max-concurrent-downloads": 1});
    pulls(&service(options), &app(&registry), &json!({}), &image);
    assert!(ranges(&registry, &layer).is_empty());
    registry.clear();
    let options = json!({"parallel-range-bytes": 1, "max-concurrent-downloads": 2});
    pulls(&service(options), &app(&registry), &json!({}), &image);
    let connections: BTreeSet<_> =
        requests(&registry, &layer).iter().map(|request| request.connection).collect();
    assert!(connections.len() <= 3, "two at a time, after one: {connections:?}");
}

/// The stream that works is not given up for ranges that do not come.
#[test]
fn a_server_without_ranges_is_not_asked_again() {
    let size = 16 * MIB;
    for action in [
        Action::IgnoreRange,
        Action::RangeFromStart,
        Action::NoContentRange,
        Action::WrongRangeTotal,
        Action::MultipartRange,
        Action::header("Content-Range", "bytes 0-4095/4096"),
        Action::status(416),
        Action::status(400),
        Action::status(501),
    ] {
        let (registry, image, layer) = slow(size);
        registry.fault(Fault::on(&layer, action.clone()).with_header("range").always());
        let report = pulls(&service(in_ranges()), &app(&registry), &json!({}), &image);
        let asked = requests(&registry, &layer);
        assert_eq!(asked.len(), 2, "{action:?}: one stream, one question: {asked:#?}");
        assert_eq!(layer_of(&report, size)["bytes_transferred"], size, "{action:?}");
    }
}

/// A server that changes its mind in the middle.
#[test]
fn ranges_that_turn_out_to_be_wrong_cost_nothing_but_time() {
    let size = 20 * MIB;
    for (action, times) in [
        (Action::CutBody(300_000, Cut::Rst), 1),
        (Action::CutBody(300_000, Cut::Fin), 6),
        (Action::CutHead(0, Cut::Rst), 6),
        (Action::status(503), 1),
        (Action::status(404), 1),
        (Action::IgnoreRange, usize::MAX),
        (Action::RangeFromStart, 1),
        (Action::header("Content-Range", "bytes 0-4095/4096"), 1),
        (Action::LengthOff(1), 1),
        (Action::Flip(70_000), 1),
        (Action::Flip(70_000), usize::MAX),
    ] {
        let (registry, image, layer) = slow(size);
        let fault = Fault::on(&layer, action.clone()).with_header("range").skip(2).times(times);
        registry.fault(fault);
        let report = pulls(&service(in_ranges()), &app(&registry), &json!({}), &image);
        assert!(ranges(&registry, &layer).len() > 1, "{action:?}");
        let layer = layer_of(&report, size);
        assert_ne!(layer["retries"], 0, "{action:?}: {layer}");
    }
}

#[test]
fn wrong_bytes_never_get_the_name_of_the_blob() {
    let (registry, _, layer) = slow(16 * MIB);
    registry.fault(Fault::on(&layer, Action::Flip(70_000)).always());
    // `fails` looks at what is left.
    fails(&service(in_ranges()), &app(&registry), &json!({}), DIGEST_MISMATCH);
}

/// One range of several is silent, so that there is a hole before the others when the process dies.
#[test]
fn a_killed_process_leaves_what_the_next_one_goes_on_with() {
    let name = "a_killed_process_leaves_what_the_next_one_goes_on_with";
    if let Some(told) = children::told() {
        let (reference, destination) = told.split_once(' ').expect("a reference and a place");
        service(in_ranges()).pull(None, reference, destination, &json!({})).expect("a pull");
        return;
    }
    let size = 48 * MIB;
    let (registry, image, layer) = slow(size);
    // Once it is clear that several are faster.
    let silent = Fault::on(&layer, Action::Stall(512 << 10, Duration::from_secs(60)));
    registry.fault(silent.with_header("range").skip(6));
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let tell = format!("{} {destination}", app(&registry));
    let mut child = children::command(name, &tell).spawn().expect("a child");
    let began = Instant::now();
    // All others are asked for: the silent one is the last that is missing.
    while !ranges(&registry, &layer).iter().any(|(_, end)| *end == size) {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", ranges(&registry, &layer));
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().expect("kill the child");
    child.wait().expect("the child's end");
    assert_eq!(layouts::images(layout.path()), 0);
    layouts::assert_sound(layout.path());
    assert!(has_hole(layout.path(), size), "nothing was written behind the silent range");
    // The connection is as slow as before, and what was brought in ranges is not brought again.
    registry.clear_faults();
    registry.fault(Fault::on(&layer, slowly()).always());
    let report = service(in_ranges())
        .pull(None, &app(&registry), &destination, &json!({}))
        .expect("the rest");
    layouts::assert_holds(layout.path(), &image);
    let layer = layer_of(&report, size);
    let number = |key: &str| layer[key].as_u64().expect("a number");
    assert!(number("resumed_from") > 6 * MIB, "{layer}");
    assert_eq!(number("resumed_from") + number("bytes_transferred"), size, "{layer}");
    assert_eq!(number("retries"), 0, "nothing was wrong: {layer}");
}

/// Whether a partial file takes less room than it has bytes.
fn has_hole(layout: &Path, size: u64) -> bool {
    use std::os::unix::fs::MetadataExt;
    let files = fs::read_dir(layout).expect("the layout").flatten();
    files.filter_map(|file| file.metadata().ok()).any(|state| {
        let written = state.blocks() * 512;
        state.len() == size && written < size && written > size / 2
    })
}

#[test]
fn eight_processes_bring_one_blob_in_ranges_into_one_layout() {
    let name = "eight_processes_bring_one_blob_in_ranges_into_one_layout";
    if let Some(told) = children::told() {
        let (reference, layout) = told.split_once(' ').expect("a reference and a layout");
        let destination = format!("oci:{layout}:from-{}", std::process::id());
        service(in_ranges()).pull(None, reference, &destination, &json!({})).expect("a pull");
        return;
    }
    let (registry, image, layer) = slow(24 * MIB);
    let layout = ocireg_testkit::tempdir();
    let tell = format!("{} {}", app(&registry), layout.path().display());
    let start = |_| children::command(name, &tell).spawn().expect("a child");
    let children: Vec<_> = (0..8).map(start).collect();
    for mut child in children {
        assert!(child.wait().expect("the child's end").success());
    }
    assert!(!ranges(&registry, &layer).is_empty());
    layouts::assert_holds(layout.path(), &image);
    assert_eq!(layouts::images(layout.path()), 8);
}
