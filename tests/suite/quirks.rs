//! What registries in use do otherwise than the specification says, and what it leaves to them, as far as no other file
//! has it: docs/conformance.md lists all of it.

use std::time::Duration;

use crate::c_surface::Service;
use crate::c_surface::images::Session;
use crate::scene::*;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{Action, Fault, Quirk, Registry, Reply, Server, ServerOptions, digest};
use serde_json::{Value, json};

const UNSUPPORTED: i32 = 8;
const REJECTED: i32 = 84;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn none() -> Value {
    json!({})
}

/// A session that may push to `demo/app`.
fn open(registry: &Server) -> (Service, Session) {
    let service = service(none());
    let actions = json!({"actions": ["pull", "push"]});
    let session = service.open(None, &app(registry), &actions).expect("a session");
    (service, session)
}

fn descriptor(bytes: &[u8]) -> Value {
    json!({"mediaType": MANIFEST, "digest": digest::sha256(bytes), "size": bytes.len()})
}

/// A manifest without layers, which refers to `subject` if there is one.
fn manifest(media_type: bool, subject: Option<&str>) -> Vec<u8> {
    let mut manifest = json!({
        "schemaVersion": 2,
        "artifactType": "application/x",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest::sha256(b"{}"), "size": 2},
        "layers": [],
    });
    if media_type {
        manifest["mediaType"] = json!(MANIFEST);
    }
    if let Some(subject) = subject {
        manifest["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 500});
    }
    manifest.to_string().into_bytes()
}

#[test]
fn a_pull_accepts_every_type_of_manifest_and_says_so() {
    let (registry, image) = demo();
    pulls(&service(none()), &app(&registry), &none(), &image);
    let asked = requests(&registry, "/manifests/");
    for kind in [
        MANIFEST,
        INDEX,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ] {
        let accepted = asked[0].header("accept").expect("Accept");
        assert!(accepted.split(',').any(|one| one.trim() == kind), "{kind}: {accepted}");
    }
}

/// Nothing that Docker added to the protocol is needed to pull, nor any header that the specification only recommends.
#[test]
fn an_image_is_pulled_without_the_headers_that_a_registry_may_leave_out() {
    let (registry, image) = demo();
    for name in ["Docker-Content-Digest", "Docker-Distribution-Api-Version", "Etag"] {
        registry.fault(Fault::on("/v2/", Action::RemoveHeader(name.into())).always());
    }
    registry.fault(Fault::on("/blobs/", Action::Chunked).always());
    pulls(&service(none()), &app(&registry), &none(), &image);
}

#[test]
fn a_manifest_is_looked_up_however_the_registry_answers_to_that() {
    for (name, action) in [
        ("as Docker Hub counts pulls: by HEAD alone", None),
        ("HEAD is not allowed", Some(Action::status(405))),
        ("a refusal without a text", Some(Action::status(403))),
        ("HEAD finds nothing", Some(Action::status(404))),
        ("no digest", Some(Action::RemoveHeader("Docker-Content-Digest".into()))),
        ("no length", Some(Action::CloseDelimited)),
        ("no type", Some(Action::RemoveHeader("Content-Type".into()))),
    ] {
        let (registry, image) = demo();
        let (_service, session) = open(&registry);
        registry.clear();
        let alone = action.is_none();
        if let Some(action) = action {
            registry.fault(Fault::on("/manifests/", action).method("HEAD").always());
        }
        let found = session.head_manifest(None, None, &none()).expect(name);
        assert_eq!(found["digest"], json!(image.digest), "{name}");
        assert_eq!(found["size"], json!(image.bytes.len()), "{name}");
        let gets = registry.requests().iter().filter(|r| r.method == "GET").count();
        assert_eq!(gets, usize::from(!alone), "{name}");
    }
    // What GET says to a refusal that HEAD cannot explain is what the caller learns.
    let (registry, _) = demo();
    let (_service, session) = open(&registry);
    let why = br#"{"errors":[{"code":"DENIED","message":"your plan has ended"}]}"#.to_vec();
    registry.fault(Fault::on("/manifests/", Action::status(403)).method("HEAD").always());
    registry.fault(Fault::on("/manifests/", Action::Status(403, vec![], why)).method("GET"));
    let failure = session.head_manifest(None, None, &none()).expect_err("it is refused");
    assert_eq!(failure.json["errors"][0]["message"], "your plan has ended", "{failure:?}");
}

/// As Harbor and registry.redhat.io answer: the status counts, whatever the code is.
#[test]
fn a_missing_manifest_is_one_whatever_the_registry_calls_it() {
    for code in ["UNKNOWN", "NOT_FOUND", "MANIFEST_UNKNOWN", "NAME_UNKNOWN", ""] {
        let body = json!({"errors": [{"code": code, "message": "not found"}]}).to_string();
        for body in [body.into_bytes(), Vec::new(), b"<html>Not Found</html>".to_vec()] {
            let registry = Registry::plain();
            let action = Action::Status(404, vec![], body);
            registry.fault(Fault::on("/manifests/", action).always());
            fails(&service(none()), &app(&registry), &none(), NOT_FOUND);
        }
    }
}

/// The names of tags beside the key that is known, and much more, as Google's registries answer.
#[test]
fn a_list_of_tags_may_say_more() {
    let registry = bystander(ServerOptions::default(), |request| {
        let more =
            json!({"sha256:0": {"tag": ["1"], "timeUploadedMs": "1", "imageSizeBytes": "9"}});
        match request.target.contains("/tags/list") {
            true => Reply::json(
                200,
                &json!({"child": [], "manifest": more, "name": "demo/app", "tags": ["1", "2"]}),
            ),
            false => Reply::json(200, &json!({})),
        }
    });
    let service = service(none());
    let session = service.open(None, &app(&registry), &none()).expect("a session");
    assert_eq!(session.list_tags(None, &none()).expect("tags")["tags"], json!(["1", "2"]));
}

#[test]
fn a_page_larger_than_a_registry_gives_is_asked_for_smaller() {
    let registry = Registry::plain();
    for n in 0..1500 {
        registry.add_manifest(
            "demo/app",
            Some(&format!("t{n:04}")),
            MANIFEST,
            manifest(true, None),
        );
    }
    let (_service, session) = open(&registry);
    for status in [400, 405] {
        registry.clear_quirks();
        registry.quirk(Quirk::MostListed(1000, status));
        let page = session.list_tags(None, &json!({"n": 1400})).expect("a page");
        assert_eq!(page["tags"].as_array().map(Vec::len), Some(1000));
        let next = json!({"n": 1400, "next": page["next"]});
        let page = session.list_tags(None, &next).expect("the rest");
        assert_eq!(page["tags"].as_array().map(Vec::len), Some(500));
        assert!(page.get("next").is_none());
    }
    // What is refused for another reason stays refused.
    registry.clear_quirks();
    registry.quirk(Quirk::MostListed(10, 400));
    let failure = session.list_tags(None, &json!({"n": 1400})).expect_err("refused");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
}

/// Bytes are never changed, so only its author can help; the error says so.
#[test]
fn a_manifest_without_its_type_may_be_refused() {
    let registry = Registry::plain();
    registry.quirk(Quirk::MediaTypeWanted(405));
    let (_service, session) = open(&registry);
    let put = |media_type: bool| {
        session.put_manifest(Some("1"), Some(MANIFEST), &manifest(media_type, None), &none())
    };
    let failure = put(false).expect_err("it is refused");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
    assert!(failure.json["hint"].to_string().contains("mediaType"), "{failure:?}");
    put(true).expect("it is taken");
    registry.clear_quirks();
    put(false).expect("it is taken elsewhere");
    assert_eq!(registry.tag("demo/app", "1"), Some(digest::sha256(&manifest(false, None))));
}

#[test]
fn an_empty_blob_may_be_refused() {
    let registry = Registry::plain();
    registry.quirk(Quirk::EmptyBlobRefused(400));
    let (_service, session) = open(&registry);
    let file = ocireg_testkit::tempdir();
    let path = file.path().join("empty");
    std::fs::write(&path, b"").expect("a file");
    let failure = session.put_blob_file(None, &path, &none()).expect_err("it is refused");
    assert_eq!(failure.code, REJECTED, "{failure:?}");
    assert!(failure.json["hint"].to_string().contains("{}"), "{failure:?}");
    std::fs::write(&path, b"{}").expect("a file");
    session.put_blob_file(None, &path, &none()).expect("it is taken");
    registry.clear_quirks();
    std::fs::write(&path, b"").expect("a file");
    session.put_blob_file(None, &path, &none()).expect("it is taken elsewhere");
}

#[test]
fn a_mount_always_says_where_from() {
    let (registry, _) = demo();
    registry.quirk(Quirk::MountWantsFrom(400));
    let from = format!("docker://{}", app(&registry));
    let to = format!("docker://{}/demo/other:1", registry.host());
    let report = service(none()).copy(None, &from, &to, &none()).expect("a copy");
    for blob in report["blobs"].as_array().expect("blobs") {
        assert_eq!(blob["source"], "mounted");
    }
    let mounts = requests(&registry, "mount=");
    assert!(!mounts.is_empty());
    assert!(mounts.iter().all(|request| request.query("from") == ["demo/app"]));
}

#[test]
fn a_manifest_by_a_digest_that_the_registry_does_not_know_may_be_refused() {
    let bytes = manifest(true, None);
    let long = ocireg::names::digest::Digest::of(ocireg::names::digest::Algorithm::Sha512, &bytes);
    let registry = Registry::plain();
    registry.quirk(Quirk::Sha256Only(400));
    let (_service, session) = open(&registry);
    let put = |which: &str| session.put_manifest(Some(which), None, &bytes, &none());
    let failure = put(&long.to_string()).expect_err("it is refused");
    assert_eq!(failure.code, REJECTED, "{failure:?}");
    assert_eq!(failure.json["errors"][0]["code"], "DIGEST_INVALID");
    put("1").expect("by a tag it is taken");
    registry.clear_quirks();
    put(&long.to_string()).expect("it is taken elsewhere");
}

/// As ECR answers to what refers to an image: the copy names it, and brings the rest where that was not asked for.
#[test]
fn what_refers_to_an_image_may_be_refused() {
    let (from, image) = demo();
    let bytes = manifest(true, Some(&image.digest));
    from.add_blob("demo/app", *b"{}");
    let (_service, session) = open(&from);
    session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    let to = Registry::plain();
    to.fault(
        Fault::on(&format!("/manifests/{}", digest::sha256(&bytes)), Action::status(405))
            .method("PUT")
            .always(),
    );
    let (source, destination) =
        (format!("docker://{}", app(&from)), format!("docker://{}", app(&to)));
    let service = service(none());
    let failure = service
        .copy(None, &source, &destination, &json!({"referrers": true}))
        .expect_err("it is refused");
    assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
    assert!(failure.message.contains(&digest::sha256(&bytes)), "{failure:?}");
    service.copy(None, &source, &destination, &none()).expect("the image alone");
    assert_eq!(to.tag("demo/app", "1"), Some(image.digest));
}

/// As Artifactory answers: HEAD says that a blob is there, and GET knows nothing of it.
#[test]
fn a_blob_that_only_head_knows_is_missing() {
    let (registry, image) = demo();
    let blob = image.manifests[0].layers[0].clone();
    let (_service, session) = open(&registry);
    registry.fault(Fault::on(&blob, Action::status(404)).method("GET").always());
    session.head_blob(None, &blob).expect("HEAD finds it");
    let failure = fails(&service(none()), &app(&registry), &none(), NOT_FOUND);
    assert_eq!(failure.json["what"], "blob", "{failure:?}");
    assert!(failure.message.contains(&blob), "{failure:?}");
}

/// As Google's registries redirect: the place is relative, and may have a query.
#[test]
fn a_redirect_may_be_relative() {
    let (registry, image) = demo();
    for layer in &image.manifests[0].layers {
        let there = format!("/v2/demo/app/blobs/{layer}?part=1");
        let path = format!("/blobs/{layer}");
        registry.fault(Fault::on(&path, Action::redirect(&there)).method("GET"));
    }
    pulls(&service(none()), &app(&registry), &none(), &image);
    assert_eq!(requests(&registry, "?part=1").len(), image.manifests[0].layers.len());
}

/// Nobody notices there that somebody else has written meanwhile, until the list is read back.
#[test]
fn a_list_of_referrers_that_others_replaced_is_written_again() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    registry.quirk(Quirk::NoIfMatch);
    let subject = digest::sha256(b"what others refer to");
    let tag = subject.replace(':', "-");
    let list = |entries: &[&[u8]]| {
        let entries: Vec<_> = entries.iter().map(|bytes| descriptor(bytes)).collect();
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string()
    };
    registry.add_manifest("demo/app", Some(&tag), INDEX, list(&[b"an old one"]));
    // The first look after writing finds what another client wrote over it.
    let replaced = list(&[b"an old one", b"another client's"]).into_bytes();
    for action in [
        Action::ReplaceBody(replaced),
        Action::RemoveHeader("Docker-Content-Digest".into()),
        Action::RemoveHeader("Etag".into()),
    ] {
        registry.fault(Fault::on(&tag, action).method("GET").skip(1));
    }
    let (_service, session) = open(&registry);
    let bytes = manifest(true, Some(&subject));
    let put = session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    assert_eq!(put["subject_tag"], json!(tag));
    let now = session.referrers(&subject, &none()).expect("a list");
    let now: Vec<_> = now["manifests"].as_array().expect("a list").iter().collect();
    let expected = [&b"an old one"[..], b"another client's", &bytes].map(digest::sha256);
    let now: Vec<_> = now.iter().map(|entry| entry["digest"].as_str().expect("text")).collect();
    assert_eq!(now, expected);
}

/// Another client has read the list before this one wrote it, and writes it after that, without a look at what is there.
#[test]
fn a_list_of_referrers_that_others_replace_a_little_later_is_written_again() {
    let registry = Registry::plain();
    registry.quirk(Quirk::NoReferrers);
    registry.quirk(Quirk::NoIfMatch);
    let subject = digest::sha256(b"what others refer to");
    let tag = subject.replace(':', "-");
    let slow = Action::Delay(Duration::from_millis(150));
    registry.fault(Fault::on(&tag, slow).always());
    let (_service, session) = open(&registry);
    let bytes = manifest(true, Some(&subject));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while registry.tag("demo/app", &tag).is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(250));
            let entries = [descriptor(b"another client's")];
            let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
            registry.add_manifest("demo/app", Some(&tag), INDEX, list.to_string());
        });
        session.put_manifest(None, None, &bytes, &none()).expect("it is put");
    });
    let now = session.referrers(&subject, &none()).expect("a list");
    let now = now["manifests"].as_array().expect("a list").iter();
    let now: Vec<_> = now.map(|entry| entry["digest"].as_str().expect("text")).collect();
    assert_eq!(now, [&b"another client's"[..], &bytes].map(digest::sha256));
}
