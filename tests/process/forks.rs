//! Children that are forked while threads of the parent are in the middle of something.

use std::time::{Duration, Instant};

use crate::c_surface::images::Context;
use crate::guest::{place, runs_alone};
use crate::scene::{app, demo, image, requests, service};
use ocireg_testkit::{Action, Auth, Fault, Registry, ServerOptions, TokenServer};
use serde_json::json;

/// The threads that have places at a host are not there in a forked child, which must not wait for them.
#[test]
fn a_forked_child_has_places_of_its_own() {
    if runs_alone("a_forked_child_has_places_of_its_own") {
        return;
    }
    let (registry, _) = demo();
    registry.fault(Fault::on("/blobs/", Action::Delay(Duration::from_secs(3))));
    let service = service(json!({"max-concurrent-downloads": 1}));
    let (ours, childs) = (ocireg_testkit::tempdir(), ocireg_testkit::tempdir());
    std::thread::scope(|scope| {
        let parent = scope.spawn(|| {
            service.pull(None, &app(&registry), &place(ours.path()), &json!({})).expect("a pull");
        });
        while requests(&registry, "/blobs/").is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: the child makes calls of the library, which are allowed there, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let context = Context::timeout(15_000);
            let outcome =
                service.pull(Some(&context), &app(&registry), &place(childs.path()), &json!({}));
            // SAFETY: no destructors and no hooks of the parent's test run.
            unsafe { libc::_exit(i32::from(outcome.is_err())) };
        }
        parent.join().expect("the parent's pull");
        let mut status = -1;
        // SAFETY: our own child, a live place out.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child has its image");
    });
}

/// The thread that fetches a token is not there in a forked child, which must not wait for it.
#[test]
fn a_forked_child_does_not_wait_for_its_parents_token() {
    if runs_alone("a_forked_child_does_not_wait_for_its_parents_token") {
        return;
    }
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image().push_to(&registry, "demo/app", "1");
    let service = service(json!({}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    session.ping(None).expect("an answer");
    token.fault(Fault::on("/token", Action::Delay(Duration::from_secs(3))));
    std::thread::scope(|scope| {
        scope.spawn(|| session.list_tags(None, &json!({})).expect("tags"));
        let began = Instant::now();
        while token.requests().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "no token is asked for");
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: the child makes calls of the library, which are allowed there, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let outcome = session.list_tags(Some(&Context::timeout(10_000)), &json!({}));
            // SAFETY: no destructors and no hooks of the parent's test run.
            unsafe { libc::_exit(i32::from(outcome.is_err())) };
        }
        let mut status = -1;
        // SAFETY: our own child, a live place out.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child got its tags");
    });
}

/// The thread that looks for the way to a blob is not there in a forked child, which finds its own.
#[test]
fn a_forked_child_finds_its_own_way_to_a_blob() {
    if runs_alone("a_forked_child_finds_its_own_way_to_a_blob") {
        return;
    }
    let (registry, image) = demo();
    let layer = &image.manifests[0].layers[0];
    let service = service(json!({}));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    let blob = session.blob(layer, &json!({})).expect("a blob");
    registry.fault(Fault::on("/blobs/", Action::Delay(Duration::from_secs(3))));
    std::thread::scope(|scope| {
        let parent = scope.spawn(|| blob.read_at(None, 1, 10).expect("a part"));
        while requests(&registry, "/blobs/").is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: the child makes calls of the library, which are allowed there, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let context = Context::timeout(10_000);
            let read = (0..3)
                .all(|_| blob.read_at(Some(&context), 1, 10).is_ok_and(|part| part.len() == 10));
            // SAFETY: no destructors and no hooks of the parent's test run.
            unsafe { libc::_exit(i32::from(!read)) };
        }
        let mut status = -1;
        // SAFETY: our own child, a live place out.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child read its part");
        assert_eq!(parent.join().expect("the parent's read").len(), 10);
    });
    assert_eq!(blob.read_at(None, 1, 10).expect("a part").len(), 10);
}
