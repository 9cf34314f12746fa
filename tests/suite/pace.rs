//! How much is asked of one host at once, and what a report says of how fast it went and of how much more is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::scene::*;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{Action, Fault, Registry, Reply, Server, ServerOptions};
use serde_json::{Value, json};

fn none() -> Value {
    json!({})
}

/// A registry that tells how many requests at most waited for its answers at once. It says 429 to the first blob if it is
/// `busy`.
fn counting(image: &Image, busy: bool) -> (Server, Arc<AtomicUsize>) {
    let (now, peak) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (image, highest) = (image.clone(), peak.clone());
    let asked = AtomicUsize::new(0);
    let server = Server::start(ServerOptions::default(), move |request, connection| {
        let last = request.path().rsplit('/').next().unwrap_or_default();
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        if request.path().contains("/blobs/") && asked.fetch_add(1, Ordering::SeqCst) == 0 && busy {
            now.fetch_sub(1, Ordering::SeqCst);
            let wait = Action::retry_after(429, "1");
            let Action::Status(status, headers, _) = wait else { unreachable!("a status") };
            let mut reply = Reply::empty(status);
            reply.headers = headers;
            return connection.reply(&reply);
        }
        // From then on.
        if !busy || asked.load(Ordering::SeqCst) > 4 {
            highest.fetch_max(count, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(40));
        now.fetch_sub(1, Ordering::SeqCst);
        let reply = if request.path() == "/v2/" {
            Reply::json(200, &json!({}))
        } else if request.path().contains("/manifests/") {
            Reply::new(200, image.bytes.clone()).with("Content-Type", &image.media_type)
        } else {
            Reply::new(200, image.blobs[last].clone())
        };
        connection.reply(&reply)
    });
    (server, peak)
}

fn layers(count: usize) -> Image {
    Spec { platforms: vec!["linux/amd64".into()], layers: count, ..Spec::default() }.build()
}

#[test]
fn no_more_requests_wait_at_a_host_than_allowed_over_all_calls() {
    let image = layers(9);
    for (most, expected) in [(json!(1), 1..=1), (json!(3), 2..=3)] {
        let (server, peak) = counting(&image, false);
        let service = service(json!({
            "max-concurrent-requests": most, "max-concurrent-downloads": 8,
        }));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| pulls(&service, &app(&server), &none(), &image));
            }
        });
        let peak = peak.load(Ordering::SeqCst);
        assert!(expected.contains(&peak), "{peak} of {most}");
    }
}

/// Also by calls that had not asked yet, and with fewer transfers at once afterwards.
#[test]
fn a_host_that_is_too_busy_is_left_alone_and_then_asked_for_less() {
    let image = layers(9);
    let (server, peak) = counting(&image, true);
    let service = service(json!({"max-concurrent-downloads": 4}));
    pulls(&service, &app(&server), &none(), &image);
    let peak = peak.load(Ordering::SeqCst);
    assert!((1..=3).contains(&peak), "{peak} at once of 4");

    let (registry, image) = demo();
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    let busy = Action::retry_after(429, "1");
    registry.fault(Fault::on("/tags/list", busy));
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| session.list_tags(None, &none()).expect("tags"));
        std::thread::sleep(Duration::from_millis(300));
        pulls(&service, &app(&registry), &none(), &image);
    });
    let took = began.elapsed();
    assert!((900..5000).contains(&took.as_millis()), "{took:?}");
}

/// A copy within one registry whose only place is taken by the upload that reads from it.
#[test]
fn what_is_read_for_a_request_needs_no_place_beside_it() {
    let registry = Registry::plain();
    let image = Spec::sized(2, 5 << 20).build();
    image.push_to(&registry, "demo/app", "1");
    registry.fault(Fault::on("mount=", Action::status(405)).method("POST").always());
    let service = service(json!({"max-concurrent-requests": 1}));
    // The source has to be asked again in the middle of it.
    let path = format!("/blobs/{}", image.manifests[0].layers[0]);
    registry
        .fault(Fault::on(&path, Action::CutBody(3 << 20, ocireg_testkit::Cut::Rst)).method("GET"));
    let from = format!("docker://{}", app(&registry));
    let to = format!("docker://{}/demo/other:1", registry.host());
    service.copy(None, &from, &to, &none()).expect("a copy");
    assert_eq!(registry.tag("demo/other", "1"), Some(image.digest));
}

#[test]
fn a_report_says_how_fast_it_went_and_how_many_requests_are_left() {
    let registry = Registry::plain();
    let image = Spec::sized(2, 300_000).build();
    image.push_to(&registry, "demo/app", "1");
    let report = pulls(&service(none()), &app(&registry), &none(), &image);
    assert!(report.get("rate_limits").is_none(), "{report}");
    assert!(report["bytes_per_second"].as_u64() > Some(0), "{report}");
    for blob in report["blobs"].as_array().expect("blobs") {
        let time = blob["duration_ms"].as_u64().expect("a time").max(1);
        let bytes = blob["bytes_transferred"].as_u64().expect("bytes");
        let speed = blob["bytes_per_second"].as_u64().expect("a speed");
        assert!(speed >= bytes * 1000 / (time + 1) && speed <= bytes * 1000 / time, "{blob}");
    }
    for (name, value) in [("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "76;w=21600")]
    {
        registry.fault(Fault::on("/v2/", Action::header(name, value)).always());
    }
    let warning = r#"299 - "this registry moves""#;
    registry.fault(Fault::on("/v2/", Action::header("Warning", warning)).always());
    let told = json!([{
        "host": registry.host(), "limit": 100, "remaining": 76, "window_seconds": 21600,
    }]);
    let report = pulls(&service(none()), &app(&registry), &none(), &image);
    assert_eq!(report["rate_limits"], told);
    let is_told = |warnings: &Value| {
        let all = warnings.as_array().expect("warnings");
        all.iter().filter(|one| one.to_string().contains("this registry moves")).count()
    };
    assert_eq!(is_told(&report["warnings"]), 1, "{report}");
    let from = format!("docker://{}", app(&registry));
    let to = format!("docker://{}/demo/other:1", registry.host());
    let report = service(none()).copy(None, &from, &to, &none()).expect("a copy");
    assert_eq!(report["rate_limits"], told);
    assert_eq!(is_told(&report["warnings"]), 1, "{report}");
}
