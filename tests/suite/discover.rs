//! What a registry has and how it is changed, piece by piece: repositories, manifests, referrers, and blobs as files.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Outcome, Service};
use crate::scene::*;
use ocireg_testkit::cutter::Cutter;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{
    Action, Auth, Cut, Fault, Quirk, Registry, Reply, Server, ServerOptions, TokenServer, digest,
};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 8;
const CANCELLED: i32 = 20;
const PROTOCOL: i32 = 48;
const POLICY: i32 = 49;
const NOT_FOUND: i32 = 80;
const REJECTED: i32 = 84;
const CONFLICT: i32 = 85;
const DIGEST_MISMATCH: i32 = 100;
const SIZE_MISMATCH: i32 = 101;
const INVALID_MANIFEST: i32 = 102;
const IO: i32 = 120;
const SOURCE_CHANGED: i32 = 123;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn none() -> Value {
    json!({})
}

/// A session that may do everything with `demo/app`.
fn open(registry: &Server) -> (Service, Session) {
    open_as(registry, json!({}))
}

fn open_as(registry: &Server, auth: Value) -> (Service, Session) {
    let service = service(none());
    let actions = json!({"actions": ["pull", "push", "delete"], "auth": auth});
    let session = service.open(None, &app(registry), &actions).expect("a session");
    (service, session)
}

/// An artifact that refers to `subject`, of this kind and with this annotation `n`.
fn artifact(subject: &str, kind: &str, n: usize) -> Vec<u8> {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": descriptor("application/vnd.oci.empty.v1+json", &digest::sha256(b"{}"), 2),
        "layers": [],
        "subject": descriptor(MANIFEST, subject, 500),
        "annotations": {"n": n.to_string(), "org.example.two": "2"},
    })
    .to_string()
    .into_bytes()
}

/// A user of token servers.
fn user() -> Value {
    json!({"username": "alice", "password": "wonderland"})
}

fn descriptor(kind: &str, digest: &str, size: usize) -> Value {
    json!({"mediaType": kind, "digest": digest, "size": size})
}

fn subject() -> String {
    digest::sha256(b"what others refer to")
}

fn tag_of(subject: &str) -> String {
    subject.replace(':', "-")
}

/// The digests of a list of referrers, in order.
fn digests(list: &Value) -> Vec<&str> {
    let all = list["manifests"].as_array().expect("a list");
    all.iter().map(|found| found["digest"].as_str().expect("a digest")).collect()
}

fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> i32 {
    outcome.expect_err("a failure").code
}

#[test]
fn repositories_come_in_pages_or_all_at_once() {
    let registry = Registry::plain();
    for name in ["a/one", "b", "c/d/e", "f", "g"] {
        registry.add_blob(name, *b"x");
    }
    let (_service, session) = open(&registry);
    let all = session.catalog(&none()).expect("all");
    assert_eq!(all["repositories"], json!(["a/one", "b", "c/d/e", "f", "g"]));
    let mut found = Vec::new();
    let mut page = session.catalog(&json!({"n": 2})).expect("a page");
    loop {
        found.extend(page["repositories"].as_array().expect("a list").clone());
        let Some(next) = page.get("next") else { break };
        page = session.catalog(&json!({"n": 2, "next": next})).expect("a page");
    }
    assert_eq!(json!(found), all["repositories"]);
    let rest = session.catalog(&json!({"last": "c/d/e"})).expect("the rest");
    assert_eq!(rest["repositories"], json!(["f", "g"]));
}

/// Where it is switched off, and where the challenge does not say what a token must allow.
#[test]
fn a_catalog_may_be_refused_or_need_a_right_of_its_own() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    for (status, expected) in [(404, NOT_FOUND), (405, UNSUPPORTED), (400, REJECTED)] {
        registry.fault(Fault::on("_catalog", Action::status(status)));
        assert_eq!(code(session.catalog(&none())), expected, "{status}");
        registry.clear_faults();
    }
    let tokens = TokenServer::start(ServerOptions::default(), Default::default());
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&tokens));
    registry.add_blob("demo/app", *b"x");
    let (_service, session) = open_as(&registry, user());
    assert_eq!(session.catalog(&none()).expect("a list")["repositories"], json!(["demo/app"]));
    let asked = tokens.requests().into_iter().filter(|r| r.target.contains("catalog"));
    assert!(asked.count() > 0, "no token for the catalog was asked for");
}

/// Some registries store what came of a manifest before its sender was killed.
#[test]
fn a_manifest_leaves_the_process_in_one_piece_with_its_header() {
    let registry = Registry::plain();
    let way = Cutter::before(&registry.host());
    let actions = json!({"actions": ["pull", "push"]});
    let service = service(none());
    let session = service.open(None, &format!("{}/demo/app", way.host()), &actions);
    let session = session.expect("a session");
    let (kind, bytes) = (Some("application/x.new"), [b'x'; 2000]);
    session.put_manifest(Some("v"), kind, &bytes, &none()).expect("it is put");
    let before = way.pieces();
    for number in 0..30 {
        let tag = format!("v{number}");
        session.put_manifest(Some(&tag), kind, &bytes, &none()).expect("it is put");
    }
    assert_eq!(way.pieces() - before, 30);
}

#[test]
fn a_manifest_is_put_by_tag_by_digest_and_without_a_name() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    let own = digest::sha256(&bytes);
    for which in [Some("v1"), Some(own.as_str()), None] {
        let put = session.put_manifest(which, None, &bytes, &none()).expect("it is put");
        assert_eq!(put["digest"], json!(own));
        assert_eq!(put["mediaType"], json!(MANIFEST));
        assert_eq!(put["size"], json!(bytes.len()));
        assert_eq!(put["subject"], json!(subject()));
        assert!(put.get("subject_tag").is_none(), "{put}");
    }
    assert_eq!(registry.tag("demo/app", "v1"), Some(own));
    assert_eq!(registry.tag("demo/app", "latest"), None);
    for request in requests(&registry, "/manifests/") {
        assert_eq!(request.header("content-type"), Some(MANIFEST));
    }
}

/// Each is refused before anything is sent.
#[test]
fn a_manifest_that_contradicts_its_call_is_not_sent() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    let other = digest::sha256(b"other");
    let v1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (name, which, kind, bytes, options, expected) in [
        ("another digest", Some(&*other), None, &*bytes, none(), DIGEST_MISMATCH),
        ("another type", None, Some(INDEX), &*bytes, none(), INVALID_ARGUMENT),
        ("no type at all", None, None, b"{}", none(), INVALID_ARGUMENT),
        ("no JSON", None, Some(MANIFEST), b"{", none(), INVALID_MANIFEST),
        ("schema 1", Some("v"), Some(v1), b"{}", none(), UNSUPPORTED),
        ("nothing to compare", None, None, &*bytes, json!({"if_match": other}), INVALID_ARGUMENT),
        ("no tag", None, None, &*bytes, json!({"tags": ["-"]}), 5),
    ] {
        let error = session.put_manifest(which, kind, bytes, &options).expect_err(name);
        assert_eq!(error.code, expected, "{name}: {error:?}");
    }
    assert!(requests(&registry, "/manifests/").is_empty());
    // Parameters of a type are not part of it, and types that nobody knows are fine.
    let kind = format!("{MANIFEST}; charset=utf-8");
    session.put_manifest(Some("v"), Some(&kind), &bytes, &none()).expect("it is put");
    session.put_manifest(Some("w"), Some("application/x.new"), b"text", &none()).expect("put");
    let sent: Vec<_> = requests(&registry, "/manifests/");
    assert_eq!(sent[0].header("content-type"), Some(MANIFEST));
    assert_eq!(sent[1].header("content-type"), Some("application/x.new"));
}

#[test]
fn what_a_registry_says_of_a_manifest_must_be_right() {
    let (bytes, other) = (artifact(&subject(), "application/x", 1), digest::sha256(b"other"));
    let long = ocireg::names::digest::Digest::of(ocireg::names::digest::Algorithm::Sha512, &bytes);
    let put = |action: Action| {
        let registry = Registry::plain();
        registry.fault(Fault::on("/manifests/", action).method("PUT").always());
        let (_service, session) = open(&registry);
        session.put_manifest(Some("v1"), None, &bytes, &none())
    };
    let told = |digest: &str| Action::header("Docker-Content-Digest", digest);
    assert_eq!(code(put(told(&other))), DIGEST_MISMATCH);
    // Another algorithm may be chosen, nonsense is none, and nothing need be said.
    put(told(&long.to_string())).expect("sha512 of the same");
    put(told("nonsense")).expect("no digest");
    put(Action::RemoveHeader("Docker-Content-Digest".into())).expect("no header");
    put(Action::RemoveHeader("Location".into())).expect("as ECR answers");
    // A web server that says 200 to everything has stored nothing.
    assert_eq!(code(put(Action::status(200))), PROTOCOL);
    assert_eq!(code(put(Action::status(413))), REJECTED);
    put(Action::SetStatus(202)).expect("202 with the digest");
}

#[test]
fn several_tags_are_set_at_once_or_one_by_one() {
    let bytes = artifact(&subject(), "application/x", 1);
    let tags = json!({"tags": ["b", "c", "b"]});
    for quirk in [None, Some(Quirk::NoTagQuery)] {
        let registry = Registry::plain();
        let puts = if quirk.is_some() { 4 } else { 1 };
        quirk.into_iter().for_each(|quirk| registry.quirk(quirk));
        let (_service, session) = open(&registry);
        session.put_manifest(Some("a"), None, &bytes, &tags).expect("it is put");
        for tag in ["a", "b", "c"] {
            assert_eq!(registry.tag("demo/app", tag), Some(digest::sha256(&bytes)), "{tag}");
        }
        assert_eq!(requests(&registry, "/manifests/").len(), puts);
    }
    // Nor is it a failure where the query is refused.
    let registry = Registry::plain();
    registry.fault(Fault::on("?tag=", Action::status(400)).always());
    let (_service, session) = open(&registry);
    session.put_manifest(None, None, &bytes, &tags).expect("it is put");
    assert_eq!(registry.tag("demo/app", "c"), Some(digest::sha256(&bytes)));
}

#[test]
fn a_tag_changes_only_if_it_is_what_was_expected() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let [one, two, three] = [1, 2, 3].map(|n| artifact(&subject(), "application/x", n));
    session.put_manifest(Some("v"), None, &one, &none()).expect("the first");
    let expected = json!({"if_match": digest::sha256(&one)});
    session.put_manifest(Some("v"), None, &two, &expected).expect("the second");
    let error = session.put_manifest(Some("v"), None, &three, &expected).expect_err("a conflict");
    assert_eq!((error.code, &error.json["http_status"]), (CONFLICT, &json!(412)), "{error:?}");
    assert_eq!(registry.tag("demo/app", "v"), Some(digest::sha256(&two)));
    // Also by an entity tag, and with more tags.
    let expected = json!({"if_match": format!("\"{}\"", digest::sha256(&two)), "tags": ["w"]});
    session.put_manifest(Some("v"), None, &three, &expected).expect("the third");
    assert_eq!(registry.tag("demo/app", "w"), Some(digest::sha256(&three)));
    let sent = requests(&registry, "/manifests/v");
    let quoted = format!("\"{}\"", digest::sha256(&one));
    assert_eq!(sent[1].header("if-match"), Some(&*quoted));
    // The answer may be lost: then it is there, and that is no conflict.
    let four = artifact(&subject(), "application/x", 4);
    registry.fault(Fault::on("/manifests/v", Action::CutHead(0, Cut::Rst)).method("PUT"));
    let expected = json!({"if_match": digest::sha256(&three)});
    session.put_manifest(Some("v"), None, &four, &expected).expect("the fourth");
}

#[test]
fn referrers_come_from_the_api_in_pages() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    assert_eq!(session.referrers(&subject(), &none()).expect("none")["manifests"], json!([]));
    let mut all: Vec<String> = (0..5)
        .map(|n| {
            let bytes = artifact(&subject(), "application/x", n);
            session.put_manifest(None, None, &bytes, &none()).expect("it is put");
            digest::sha256(&bytes)
        })
        .collect();
    all.sort();
    for size in [1, 2, 5, 9] {
        registry.clear_quirks();
        registry.quirk(Quirk::ReferrersPage(size));
        let found = session.referrers(&subject(), &none()).expect("a list");
        assert_eq!(digests(&found), all, "{size}");
        assert_eq!(found["source"], "api");
        assert_eq!((&found["mediaType"], &found["schemaVersion"]), (&json!(INDEX), &json!(2)));
        assert_eq!(found["manifests"][0]["annotations"]["org.example.two"], "2");
    }
}

#[test]
fn referrers_are_filtered_by_whoever_can() {
    for quirks in [vec![], vec![Quirk::NoFilters], vec![Quirk::NoReferrers]] {
        let registry = Registry::plain();
        quirks.iter().for_each(|quirk| registry.quirk(quirk.clone()));
        registry.quirk(Quirk::ReferrersPage(2));
        let (_service, session) = open(&registry);
        let put = |kind: &str, n: usize| {
            let bytes = artifact(&subject(), kind, n);
            session.put_manifest(None, None, &bytes, &none()).expect("it is put");
            digest::sha256(&bytes)
        };
        let mut kinds: Vec<_> = (0..4).map(|n| put("application/a+b", n)).collect();
        put("application/other", 1);
        kinds.sort();
        let wanted = json!({"artifact_type": "application/a+b"});
        let found = session.referrers(&subject(), &wanted).expect("a list");
        let mut told = digests(&found);
        told.sort_unstable();
        assert_eq!(told, kinds, "{quirks:?}");
        let wanted = json!({"artifact_type": "application/a+b", "annotations": {"n": "1"}});
        let found = session.referrers(&subject(), &wanted).expect("a list");
        assert_eq!(digests(&found).len(), 1, "{quirks:?}");
        let wanted = json!({"annotations": {"n": "1", "org.example.two": "3"}});
        let found = session.referrers(&subject(), &wanted).expect("a list");
        assert!(digests(&found).is_empty(), "{quirks:?}");
    }
}

/// Who has no such API says so in many ways, and the tag that stands in for it is read then.
#[test]
fn where_there_is_no_api_the_tag_is_read() {
    let entry = digest::sha256(b"a signature");
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(MANIFEST, &entry, 9)]});
    let html = ("Content-Type".to_owned(), "text/html".to_owned());
    for (name, action) in [
        ("404", Action::status(404)),
        ("405", Action::status(405)),
        ("501", Action::status(501)),
        ("401 without a challenge, as old versions of Harbor", Action::status(401)),
        (
            "400 UNSUPPORTED",
            Action::Status(400, vec![], br#"{"errors":[{"code":"UNSUPPORTED"}]}"#.to_vec()),
        ),
        ("a web page", Action::Status(200, vec![html], b"<html>".to_vec())),
    ] {
        let registry = Registry::plain();
        registry.add_manifest("demo/app", Some(&tag_of(&subject())), INDEX, list.to_string());
        registry.fault(Fault::on("/referrers/", action).always());
        let (_service, session) = open(&registry);
        let found = session.referrers(&subject(), &none()).expect(name);
        assert_eq!((digests(&found), &found["source"]), (vec![&*entry], &json!("tag")), "{name}");
    }
    for (status, expected) in [(403, 61), (401, 60)] {
        let registry = Registry::plain();
        let action = Action::challenge(status, "Basic realm=\"x\"");
        registry.fault(Fault::on("/referrers/", action).always());
        let (_service, session) = open(&registry);
        assert_eq!(code(session.referrers(&subject(), &none())), expected);
    }
}

#[test]
fn a_list_that_is_none_is_not_used() {
    let not_a_list = artifact(&digest::sha256(b"x"), "application/x", 1);
    for (name, kind, bytes) in [
        ("an image", MANIFEST, not_a_list.clone()),
        ("nonsense", INDEX, b"nonsense".to_vec()),
        ("nothing", INDEX, Vec::new()),
    ] {
        let registry = Registry::plain();
        registry.quirk(Quirk::NoReferrers);
        registry.add_manifest("demo/app", Some(&tag_of(&subject())), kind, bytes);
        let (_service, session) = open(&registry);
        let found = session.referrers(&subject(), &none()).expect(name);
        assert!(digests(&found).is_empty(), "{name}");
        // Nor is it overwritten: it may be somebody's image.
        let artifact = artifact(&subject(), "application/x", 1);
        let error = session.put_manifest(None, None, &artifact, &none()).expect_err(name);
        assert_eq!(error.code, INVALID_MANIFEST, "{name}: {error:?}");
        assert!(error.message.contains(&tag_of(&subject())), "{error:?}");
    }
    // What the API sends must be right.
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    registry.fault(Fault::on("/referrers/", Action::ReplaceBody(b"nonsense".to_vec())).always());
    assert_eq!(code(session.referrers(&subject(), &none())), INVALID_MANIFEST);
}

#[test]
fn a_manifest_is_added_to_the_list_under_the_tag_and_leaves_it() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    let (_service, session) = open(&registry);
    let artifacts: Vec<_> = (0..3).map(|n| artifact(&subject(), "application/x", n)).collect();
    for bytes in artifacts.iter().chain(&artifacts) {
        let put = session.put_manifest(None, None, bytes, &none()).expect("it is put");
        assert_eq!(put["subject_tag"], json!(tag_of(&subject())));
        assert!(put.get("subject").is_none(), "{put}");
    }
    let (list, bytes) = session
        .get_manifest(None, Some(&tag_of(&subject())), &none())
        .expect("the list under the tag");
    assert_eq!(list["mediaType"], INDEX);
    let list: Value = serde_json::from_slice(&bytes).expect("JSON");
    let expected: Vec<_> = artifacts.iter().map(|bytes| digest::sha256(bytes)).collect();
    assert_eq!(digests(&list), expected);
    assert_eq!(list["manifests"][1]["artifactType"], "application/x");
    let annotations = json!({"n": "1", "org.example.two": "2"});
    assert_eq!(list["manifests"][1]["annotations"], annotations);
    session.delete_manifest(&expected[1]).expect("it is deleted");
    let found = session.referrers(&subject(), &none()).expect("a list");
    assert_eq!(digests(&found), [expected[0].as_str(), expected[2].as_str()]);
    // The kind of one that does not say it is that of its configuration.
    let plain = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.example.config", &digest::sha256(b"{}"), 2),
        "layers": [],
        "subject": descriptor(MANIFEST, &subject(), 500),
    });
    let bytes = plain.to_string().into_bytes();
    session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    let found = session.referrers(&subject(), &none()).expect("a list");
    assert_eq!(found["manifests"][2]["artifactType"], "application/vnd.example.config");
}

/// Everything else in such a list stays as it was.
#[test]
fn a_list_of_others_keeps_what_they_wrote() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    let mut entry = descriptor(MANIFEST, &digest::sha256(b"a signature"), 9);
    entry["org.example"] = json!({"kept": true});
    let list = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry], "annotations": {"a": "b"},
    });
    registry.add_manifest("demo/app", Some(&tag_of(&subject())), INDEX, list.to_string());
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    session.put_manifest(Some("sig"), None, &bytes, &none()).expect("it is put");
    let (_, bytes) =
        session.get_manifest(None, Some(&tag_of(&subject())), &none()).expect("the list");
    let now: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(now["manifests"][0], entry);
    assert_eq!(now["annotations"], json!({"a": "b"}));
    assert_eq!(digests(&now).len(), 2);
}

#[test]
fn nobodys_entry_is_lost_when_several_write() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    let all: Vec<_> = (0..8).map(|n| artifact(&subject(), "application/x", n)).collect();
    std::thread::scope(|scope| {
        for bytes in &all {
            // Each has a service of its own, as other processes have.
            let registry = &registry;
            scope.spawn(move || {
                let (_service, session) = open(registry);
                session.put_manifest(None, None, bytes, &none()).expect("it is put");
            });
        }
    });
    let (_service, session) = open(&registry);
    let found = session.referrers(&subject(), &none()).expect("a list");
    // The first of them may overwrite each other: before there is a list, there is nothing to compare with.
    let mut told: Vec<_> = digests(&found).into_iter().map(str::to_owned).collect();
    for bytes in &all {
        session.put_manifest(None, None, bytes, &none()).expect("it is put");
    }
    let found = session.referrers(&subject(), &none()).expect("a list");
    told.retain(|digest| !digests(&found).contains(&digest.as_str()));
    assert!(told.is_empty(), "lost: {told:?}");
    assert_eq!(digests(&found).len(), all.len());
    // A conflict that does not end is one.
    registry.fault(Fault::on(&tag_of(&subject()), Action::status(412)).method("PUT").always());
    let bytes = artifact(&subject(), "application/x", 99);
    assert_eq!(code(session.put_manifest(None, None, &bytes, &none())), CONFLICT);
}

/// There a tag that is made of a digest names what has the digest: an index would seem to be referred to by its children.
#[test]
fn a_tag_that_leads_to_the_subject_itself_is_no_list() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    registry.quirk(Quirk::TagsAreDigests);
    let child = descriptor(MANIFEST, &digest::sha256(b"a child"), 9);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    let subject = registry.add_manifest("demo/app", Some("v1"), INDEX, index.to_string());
    let (_service, session) = open(&registry);
    let found = session.referrers(&subject, &none()).expect("a list");
    assert!(digests(&found).is_empty(), "{found}");
    let bytes = artifact(&subject, "application/x", 1);
    let put = session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    assert_eq!(put["subject_tag"], json!(tag_of(&subject)));
    let found = session.referrers(&subject, &none()).expect("a list");
    assert_eq!(digests(&found), [digest::sha256(&bytes)]);
}

/// Long digests are cut for a tag.
#[test]
fn the_tag_of_a_long_digest_is_short() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    let (_service, session) = open(&registry);
    let long = format!("sha512:{}", "ab".repeat(64));
    let bytes = artifact(&long, "application/x", 1);
    let put = session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    assert_eq!(put["subject_tag"], json!(format!("sha512-{}", "ab".repeat(32))));
}

#[test]
fn a13_pages_of_referrers_stay_at_the_registry_and_end() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    let path = format!("/v2/demo/app/referrers/{}", subject());
    let seen = bystander(ServerOptions::default(), |_| Reply::empty(200));
    for (name, link, expected) in [
        ("another host", format!("<{}{path}?x>; rel=\"next\"", seen.url()), POLICY),
        ("no API path", "</elsewhere>; rel=\"next\"".to_owned(), POLICY),
        ("itself", format!("<{path}>; rel=\"next\""), LIMIT),
        ("for ever", format!("<{path}?more>; rel=\"next\""), LIMIT),
    ] {
        registry.clear_faults();
        registry.fault(Fault::on("/referrers/", Action::header("Link", &link)).always());
        assert_eq!(code(session.referrers(&subject(), &none())), expected, "{name}");
    }
    assert!(seen.requests().is_empty());
}

#[test]
fn a_tag_is_deleted_alone_or_not_at_all() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    let own = digest::sha256(&bytes);
    session.put_manifest(Some("a"), None, &bytes, &json!({"tags": ["b"]})).expect("it is put");
    session.delete_manifest("a").expect("it is deleted");
    assert_eq!(registry.tag("demo/app", "a"), None);
    assert_eq!(registry.tag("demo/app", "b"), Some(own.clone()));
    assert_eq!(code(session.delete_manifest("a")), NOT_FOUND);
    for status in [400, 405] {
        registry.clear_quirks();
        registry.quirk(Quirk::TagDeleteRefused(status));
        let error = session.delete_manifest("b").expect_err("no tag can be deleted");
        assert_eq!(error.code, UNSUPPORTED, "{error:?}");
    }
    assert_eq!(registry.tag("demo/app", "b"), Some(own.clone()));
    let deleted = registry.requests().into_iter().filter(|r| r.method == "DELETE");
    for request in deleted {
        assert!(!request.target.contains("sha256"), "{}", request.target);
    }
    session.delete_manifest(&own).expect("it is deleted");
    assert_eq!(registry.tag("demo/app", "b"), None);
    assert_eq!(code(session.delete_manifest(&own)), NOT_FOUND);
}

#[test]
fn deleting_may_be_switched_off() {
    let registry = Registry::plain();
    let (_service, session) = open(&registry);
    let blob = registry.add_blob("demo/app", *b"a blob");
    let manifest = registry.add_manifest("demo/app", Some("v1"), MANIFEST, *b"whatever it is");
    for status in [400, 405] {
        registry.clear_faults();
        registry.fault(Fault::on("/v2/demo/", Action::status(status)).method("DELETE").always());
        assert_eq!(code(session.delete_blob(&blob)), UNSUPPORTED, "{status}");
        assert_eq!(code(session.delete_manifest(&manifest)), UNSUPPORTED, "{status}");
        assert_eq!(code(session.delete_manifest("v1")), UNSUPPORTED, "{status}");
    }
    registry.clear_faults();
    session.delete_blob(&blob).expect("it is deleted");
    let error = session.delete_blob(&blob).expect_err("it is gone");
    assert_eq!((error.code, &error.json["what"]), (NOT_FOUND, &json!("blob")));
    // Its answer may be lost.
    registry.fault(Fault::on("/manifests/", Action::CutHead(0, Cut::Rst)).method("DELETE"));
    session.delete_manifest(&manifest).expect("it is deleted");
}

/// A session says what it is for, and one that was derived from another may do all of it.
#[test]
fn changes_need_a_session_for_them() {
    let registry = Registry::plain();
    let service = service(none());
    let session = service.open(None, &app(&registry), &json!({"auth": {}})).expect("a session");
    let error = session.delete_manifest("v1").expect_err("it may only pull");
    assert_eq!(error.code, INVALID_ARGUMENT, "{error:?}");
    assert!(error.json["hint"].to_string().contains("delete"), "{error:?}");
    assert_eq!(code(session.put_manifest(None, Some(MANIFEST), b"{}", &none())), INVALID_ARGUMENT);
    let repository = session.repository("demo/app").expect("a session");
    assert_eq!(code(repository.delete_manifest("v1")), NOT_FOUND);
}

/// Some token servers do not know the right to delete, and give it only with all others.
#[test]
fn a_right_that_a_token_server_does_not_know_is_asked_for_with_all_others() {
    let tokens = TokenServer::start(ServerOptions::default(), Default::default());
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&tokens));
    let blob = registry.add_blob("demo/app", *b"a blob");
    tokens.fault(Fault::on("delete", Action::status(400)).always());
    let (_service, session) = open_as(&registry, user());
    session.delete_blob(&blob).expect("it is deleted");
    let asked = tokens.requests();
    assert!(asked.iter().any(|r| r.target.contains("app%3A*") || r.target.contains("app:*")));
}

/// Once each, however often it is said.
#[test]
fn warnings_of_a_registry_are_passed_on_once() {
    let registry = Registry::plain();
    let warning = r#"299 - "the repository \"demo\" moves soon""#;
    registry.fault(Fault::on("/v2/demo/", Action::header("Warning", warning)).always());
    let (_service, session) = open(&registry);
    let bytes = artifact(&subject(), "application/x", 1);
    let put = session.put_manifest(Some("v1"), None, &bytes, &none()).expect("it is put");
    let told = put["warnings"].as_array().expect("warnings");
    assert_eq!(told.len(), 1, "{told:?}");
    let told = told[0].as_str().expect("text");
    assert!(told.contains(r#"the repository "demo" moves soon"#), "{told}");
    assert!(told.contains(&registry.host()), "{told}");
    // Other codes are about caches, and nonsense is nothing.
    for other in ["110 - \"stale\"", "nonsense", "299 -", "299 - \"unclosed"] {
        registry.clear_faults();
        registry.fault(Fault::on("/v2/demo/", Action::header("Warning", other)).always());
        let put = session.put_manifest(Some("v1"), None, &bytes, &none()).expect("it is put");
        assert!(put.get("warnings").is_none(), "{other}: {put}");
    }
}

#[test]
fn a_file_appears_whole_and_right_or_not_at_all() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = registry.add_blob("demo/app", content.clone());
    let (_service, session) = open(&registry);
    let path = dir.path().join("file");
    let get = |options: &Value| session.get_blob_file(None, &blob, &path, options);
    let options = json!({"size": content.len(), "media_type": "application/x"});
    let got = get(&options).expect("a file");
    assert_eq!(fs::read(&path).expect("a file"), content);
    assert_eq!((&got["digest"], &got["size"]), (&json!(blob), &json!(content.len())));
    assert_eq!((&got["mediaType"], &got["existed"]), (&json!("application/x"), &json!(false)));
    assert_eq!(got["bytes_transferred"], json!(content.len()));
    // What is there is not fetched again, and what is something else is replaced.
    registry.clear();
    let got = get(&none()).expect("a file");
    assert_eq!((&got["existed"], &got["bytes_transferred"]), (&json!(true), &json!(0)));
    assert!(requests(&registry, "/blobs/").is_empty());
    fs::write(&path, b"something else").expect("a file");
    registry.fault(Fault::on("/blobs/", Action::Flip(500_000)).always());
    assert_eq!(code(get(&none())), DIGEST_MISMATCH);
    assert_eq!(fs::read(&path).expect("a file"), b"something else");
    assert_eq!(code(get(&json!({"size": 5}))), SIZE_MISMATCH);
    registry.clear_faults();
    get(&none()).expect("a file");
    assert_eq!(fs::read(&path).expect("a file"), content);
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1, "parts are left");
    for bad in [dir.path().to_owned(), dir.path().join("..")] {
        let error = session.get_blob_file(None, &blob, &bad, &none()).expect_err("no file");
        assert_eq!(error.code, INVALID_ARGUMENT, "{error:?}");
    }
    let nowhere = dir.path().join("no/file");
    assert_eq!(code(session.get_blob_file(None, &blob, &nowhere, &none())), IO);
    let missing = digest::sha256(b"missing");
    let error = session.get_blob_file(None, &missing, &path, &none()).expect_err("no blob");
    assert_eq!((error.code, &error.json["what"]), (NOT_FOUND, &json!("blob")));
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let size = 3 << 20;
    let blob = registry.add_blob_generated("demo/app", 7, size);
    let path = dir.path().join("file");
    let session = {
        let service = service(json!({"retry": {"max-attempts": 1}}));
        service.open(None, &app(&registry), &json!({"auth": {}})).expect("a session")
    };
    let get = |options: &Value| session.get_blob_file(None, &blob, &path, options);
    registry.fault(Fault::on("/blobs/", Action::CutBody(2 << 20, Cut::Rst)));
    get(&none()).expect_err("it was cut");
    assert!(!path.exists());
    registry.clear();
    let got = get(&none()).expect("a file");
    let moved = got["bytes_transferred"].as_u64().expect("a number");
    assert!(moved < size, "{got}");
    let range = requests(&registry, "/blobs/")[0].header("range").map(str::to_owned);
    assert_eq!(range, Some(format!("bytes={}-", size - moved)));
    assert_eq!(digest::sha256(&fs::read(&path).expect("a file")), blob);
    // A part that is wrong is begun anew; without resume there is none.
    fs::remove_file(&path).expect("a file");
    registry.fault(Fault::on("/blobs/", Action::CutBody(2 << 20, Cut::Rst)));
    get(&none()).expect_err("it was cut");
    let part = fs::read_dir(dir.path()).expect("a directory").next().expect("a part");
    let part = part.expect("a part").path();
    let length = fs::metadata(&part).expect("a part").len();
    let mut damaged = fs::OpenOptions::new().write(true).open(&part).expect("a part");
    damaged.write_all(b"XXXX").expect("a part");
    drop(damaged);
    assert!(length > 0);
    get(&none()).expect("a file");
    assert_eq!(digest::sha256(&fs::read(&path).expect("a file")), blob);
    fs::remove_file(&path).expect("a file");
    registry.fault(Fault::on("/blobs/", Action::CutBody(2 << 20, Cut::Rst)));
    get(&json!({"resume": false})).expect_err("it was cut");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn a_layer_that_is_elsewhere_becomes_a_file() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let content = b"a layer that is kept elsewhere";
    let answer = content.to_vec();
    let store = bystander(ServerOptions::default(), move |_| Reply::new(200, answer.clone()));
    let service = service(json!({"allow-foreign-urls": [store.host()]}));
    let session = service.open(None, &app(&registry), &json!({"auth": {}})).expect("a session");
    let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let options = json!({"media_type": kind, "urls": [format!("{}/layer", store.url())], "size": content.len()});
    let path = dir.path().join("layer");
    session.get_blob_file(None, &digest::sha256(content), &path, &options).expect("a file");
    assert_eq!(fs::read(&path).expect("a file"), content);
}

#[test]
fn a_call_that_ends_leaves_a_part_for_the_next_one() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let blob = registry.add_blob_generated("demo/app", 9, 4 << 20);
    let (_service, session) = open(&registry);
    let path = dir.path().join("file");
    let last = Arc::new(Mutex::new((0, 0)));
    let stop = Context::with_progress(|done, _, _| done > 1 << 20);
    assert_eq!(code(session.get_blob_file(Some(&stop), &blob, &path, &none())), CANCELLED);
    assert!(!path.exists());
    let progress = {
        let last = last.clone();
        Context::with_progress(move |done, total, _| {
            *last.lock().expect("no panic") = (done, total);
            false
        })
    };
    let got = session.get_blob_file(Some(&progress), &blob, &path, &none()).expect("a file");
    assert!(got["bytes_transferred"].as_u64() < Some(4 << 20), "{got}");
    assert_eq!(*last.lock().expect("no panic"), (4 << 20, 4 << 20));
}

#[test]
fn a_file_becomes_a_blob() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let (_service, session) = open(&registry);
    let path = dir.path().join("file");
    for content in [Vec::new(), b"small".to_vec(), vec![7; 100_000]] {
        fs::write(&path, &content).expect("a file");
        let options = json!({"media_type": "application/x", "chunk_size": 40_000});
        let put = session.put_blob_file(None, &path, &options).expect("it is put");
        let own = digest::sha256(&content);
        assert_eq!((&put["digest"], &put["size"]), (&json!(own), &json!(content.len())));
        assert_eq!((&put["mediaType"], &put["existed"]), (&json!("application/x"), &json!(false)));
        assert_eq!(put["bytes_transferred"], json!(content.len()));
        assert_eq!(registry.blob("demo/app", &own).expect("a blob").to_vec(), content);
    }
    let patches = registry.requests().into_iter().filter(|r| r.method == "PATCH");
    assert!(patches.map(|r| r.body.len()).all(|length| length <= 40_000));
    let put = session.put_blob_file(None, &path, &json!({"algorithm": "sha512"})).expect("put");
    assert!(put["digest"].as_str().expect("a digest").starts_with("sha512:"), "{put}");
    assert_eq!(code(session.put_blob_file(None, dir.path(), &none())), IO);
    assert_eq!(code(session.put_blob_file(None, &dir.path().join("none"), &none())), IO);
}

#[test]
fn a_file_that_is_there_is_not_sent() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let (_service, session) = open(&registry);
    let (path, content) = (dir.path().join("file"), vec![5; 50_000]);
    fs::write(&path, &content).expect("a file");
    registry.add_blob("demo/base", content.clone());
    for options in [json!({"mount_from": ["demo/base"]}), json!({"check_exists": true})] {
        let put = session.put_blob_file(None, &path, &options).expect("it is there");
        assert_eq!(put["existed"], json!(true), "{options}");
        assert_eq!(put["bytes_transferred"], json!(0), "{options}");
        assert_eq!(put["digest"], json!(digest::sha256(&content)));
    }
    assert!(requests(&registry, "/blobs/").iter().all(|r| r.body.is_empty()));
    // Whatever the registry says to a mount, the blob comes.
    for status in [401, 403, 404, 405, 500, 503] {
        let registry = Registry::plain();
        registry.fault(Fault::on("?mount=", Action::status(status)).method("POST").always());
        let (_service, session) = open(&registry);
        let options = json!({"mount_from": ["demo/base", "demo/other"]});
        let put = session.put_blob_file(None, &path, &options).expect("it is sent");
        assert_eq!(put["existed"], json!(false), "{status}");
        assert!(registry.blob("demo/app", &digest::sha256(&content)).is_some(), "{status}");
    }
}

/// The first one does not have it, and begins an upload instead; the second one does.
#[test]
fn every_place_to_mount_from_is_tried() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let (_service, session) = open(&registry);
    let (path, content) = (dir.path().join("file"), vec![5; 50_000]);
    fs::write(&path, &content).expect("a file");
    registry.add_blob("demo/second", content);
    let options = json!({"mount_from": ["demo/first", "demo/second"]});
    let put = session.put_blob_file(None, &path, &options).expect("it is mounted");
    assert_eq!(put["bytes_transferred"], json!(0));
    assert_eq!(registry.upload_count(), 0, "an upload that nobody needs is left");
    // Where nobody has it, the upload that was begun first goes on.
    let path = dir.path().join("other");
    fs::write(&path, b"other").expect("a file");
    registry.clear();
    session.put_blob_file(None, &path, &options).expect("it is sent");
    assert_eq!(registry.upload_count(), 0);
    let begun = requests(&registry, "/uploads/").into_iter().filter(|r| r.method == "POST");
    assert!(begun.map(|r| r.target).all(|target| target.contains("mount=")));
}

#[test]
fn a_file_is_sent_only_if_it_is_what_was_promised() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let (_service, session) = open(&registry);
    let (path, content) = (dir.path().join("file"), vec![5; 50_000]);
    fs::write(&path, &content).expect("a file");
    let put = |options: Value| session.put_blob_file(None, &path, &options);
    assert_eq!(code(put(json!({"size": 5}))), SIZE_MISMATCH);
    assert!(requests(&registry, "/blobs/").is_empty());
    assert_eq!(code(put(json!({"digest": digest::sha256(b"other")}))), DIGEST_MISMATCH);
    assert_eq!(registry.upload_count(), 0, "the upload was not given up");
    let own = digest::sha256(&content);
    put(json!({"digest": own, "size": content.len()})).expect("it is sent");
    let both = json!({"digest": own, "algorithm": "sha512"});
    assert_eq!(code(put(both)), INVALID_ARGUMENT);
}

#[test]
fn a_file_that_changes_meanwhile_is_told() {
    let (dir, registry) = (ocireg_testkit::tempdir(), Registry::plain());
    let (_service, session) = open(&registry);
    let path = dir.path().join("file");
    for (name, options) in [
        ("streamed", json!({"chunk_size": 100_000})),
        ("hashed before", json!({"chunk_size": 100_000, "check_exists": true})),
    ] {
        for grown in [true, false] {
            fs::write(&path, vec![1; 1_000_000]).expect("a file");
            let changed = path.clone();
            let mut done = false;
            let context = Context::with_progress(move |_, _, event| {
                if event["kind"] == "blob" && !std::mem::replace(&mut done, true) {
                    let mut file = fs::OpenOptions::new()
                        .write(true)
                        .append(grown)
                        .open(&changed)
                        .expect("a file");
                    file.write_all(b"changed").expect("a file");
                }
                false
            });
            let error = session.put_blob_file(Some(&context), &path, &options).expect_err(name);
            assert_eq!(error.code, SOURCE_CHANGED, "{name}, {grown}: {error:?}");
            assert_eq!(registry.upload_count(), 0, "{name}");
        }
    }
}
