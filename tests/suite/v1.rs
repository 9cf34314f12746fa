//! Protocol v1 through the C surface: registries that stand alone and such with an index, over http and https, as they
//! should be and as they should not.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::c_surface;
use crate::c_surface::Failure;
use crate::scene;
use crate::scene::{
    CONNECT, DENIED, LIMIT, NOT_FOUND, POLICY, PROTOCOL, REDIRECT, SERVER, UNAUTHORIZED,
    assert_tells, requests,
};
use crate::v1_scene::*;
use ocireg_testkit::rig::{assert_canary_nowhere, bystander};
use ocireg_testkit::v1::archive::Random;
use ocireg_testkit::{Action, Cut, Fault, Reply, ServerOptions};
use serde_json::{Value, json};

const ALREADY_EXISTS: i32 = 81;
const DISCONNECTED: i32 = 45;
const INVALID_ARGUMENT: i32 = 1;
const INVALID_JSON: i32 = 4;
const INVALID_REFERENCE: i32 = 5;
const REJECTED: i32 = 84;
const TIMEOUT: i32 = 44;

/// Http without an index, where a registry needs no user and no token: for what has nothing to do with either.
const PLAIN: Form = FORMS[0];

/// A registry with a chain of two images that are tagged `1`.
fn pushed(form: Form, options: Value) -> (World, Vec<Image>) {
    let world = World::start(form, options);
    let chain = Image::chain(&mut Random::new(1), 2);
    push(&world.session(), &world.reference(), &chain, "1").expect("a push");
    world.v1.servers().for_each(|server| server.clear());
    (world, chain)
}

fn failed<T>(outcome: c_surface::Outcome<T>, code: i32) -> Failure {
    match outcome {
        Ok(_) => panic!("it succeeded"),
        Err(failure) => {
            assert_eq!(failure.code, code, "{failure:#?}");
            *failure
        }
    }
}

#[test]
fn an_endpoint_is_what_the_ping_found() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        let endpoint = world.endpoint();
        assert_eq!(endpoint.text(), world.v1.index.root(), "{form:?}");
        assert_eq!(endpoint.is_secure(), form.tls);
        let ping = endpoint.ping().expect("a ping");
        let expected = [json!("v1"), json!(!form.index), json!("0.9.1")];
        for (key, expected) in ["protocol", "standalone", "version"].iter().zip(expected) {
            assert_eq!(ping[key], expected, "{form:?}: {ping}");
        }
    }
}

#[test]
fn what_is_pushed_can_be_pulled() {
    for form in FORMS {
        println!("{form:?}");
        let world = World::start(form, json!({}));
        let chain = Image::chain(&mut Random::new(2), 3);
        push(&world.session(), &world.reference(), &chain, "1.0").expect("a push");
        for image in &chain {
            let stored = world.v1.image(&image.id).expect("it is there");
            assert!(stored.complete && stored.json == image.json, "{form:?}");
        }
        pull(&world.session(), &world.reference(), &chain, "1.0").expect("a pull");
        let listed = world.v1.listed("demo/app");
        let all = |key: &str| listed.iter().filter(|image| image[key].is_string()).count();
        assert_eq!((all("id"), all("checksum"), all("Tag")), (3, 3, 1), "{listed:?}");
    }
}

#[test]
fn a_layer_is_sent_chunked_as_gzip_after_its_json() {
    let (world, chain) = (World::start(PLAIN, json!({})), Image::chain(&mut Random::new(3), 1));
    push(&world.session(), &world.reference(), &chain, "1").expect("a push");
    let requests = requests(&world.v1.index, "/v1/images/");
    let parts: Vec<&str> =
        requests.iter().map(|r| r.path().rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(parts, ["json", "layer", "checksum"]);
    assert!(requests.iter().all(|r| r.method == "PUT"));
    assert_eq!(requests[0].body, chain[0].json);
    assert_eq!(requests[1].header("transfer-encoding"), Some("chunked"));
    assert!(gunzip(&requests[1].body) == chain[0].tar);
    assert!(
        requests[2].header("x-docker-checksum").is_some_and(|s| s.starts_with("tarsum+sha256:"))
    );
}

#[test]
fn only_the_index_sees_the_password_and_only_its_registries_the_tokens() {
    for tls in [false, true] {
        let world = World::start(Form { index: true, tls }, json!({}));
        world.v1.change(|policy| policy.tokens = 2);
        let chain = Image::chain(&mut Random::new(4), 2);
        push(&world.session(), &world.reference(), &chain, "1").expect("a push");
        pull(&world.session(), &world.reference(), &chain, "1").expect("a pull");
        let password = world.auth["password"].as_str().unwrap();
        assert_canary_nowhere(&[world.v1.registry()], password);
        for request in world.v1.servers().flat_map(|server| server.requests()) {
            let name = request.header("user-agent").unwrap_or_default();
            assert!(name.starts_with("ocireg/"), "{request:?}");
        }
        for request in requests(world.v1.registry(), "/v1/images/") {
            let sent = request.header("authorization").unwrap_or_default();
            assert!(sent.starts_with("Token signature="), "{sent}");
            assert_eq!(sent.matches("signature=").count(), 2, "both tokens: {sent}");
        }
        // A session without credentials is told so, and one whose tokens are gone.
        let nobody = world.endpoint().session(Some(&json!({}))).expect("a session");
        failed(nobody.repository_data(&world.reference()), UNAUTHORIZED);
        let asked = requests(&world.v1.index, "/images").pop().expect("a request");
        assert_eq!(asked.header("authorization"), None);
        let session = world.session();
        let data = session.repository_data(&world.reference()).expect("data");
        world.v1.forget_tokens();
        let registry = data["Endpoints"][0].as_str().unwrap();
        failed(session.remote_history(&chain[1].id, registry), UNAUTHORIZED);
    }
}

#[test]
fn tokens_count_only_from_the_index_itself() {
    let (world, chain) = pushed(FORMS[2], json!({}));
    let (session, registry) = (world.session(), world.v1.registry());
    let token = ("X-Docker-Token".to_owned(), "signature=stranger".to_owned());
    let sent = || {
        session.remote_history(&chain[1].id, &registry.root()).ok();
        let last = requests(registry, "/ancestry").pop().expect("a request");
        last.header("authorization").map(str::to_owned)
    };
    // Not from whom a redirect led to, though he answers as the index would.
    let other = bystander(ServerOptions::default().bind("127.0.0.2"), {
        let endpoints = registry.host();
        let token = token.clone();
        move |_| {
            Reply::json(200, &json!([]))
                .with(&token.0, &token.1)
                .with("X-Docker-Endpoints", &endpoints)
        }
    });
    let away = Action::redirect(&format!("{}/v1/elsewhere", other.url()));
    world.v1.index.fault(Fault::on("/demo/app/images", away));
    let data = session.repository_data(&world.reference()).expect("data");
    assert_eq!(data["Endpoints"], json!([registry.root()]));
    assert_eq!(other.requests().len(), 1);
    assert_eq!(sent(), None);
    // Those of the index count at the index itself, whether it has named itself or not.
    let fresh = world.session();
    let given = Action::header("X-Docker-Token", "signature=1");
    world.v1.index.fault(Fault::on("/search", given));
    fresh.search_repositories("demo", 7).expect("results");
    fresh.remote_history(&chain[1].id, &world.v1.index.root()).ok();
    let last = requests(&world.v1.index, "/ancestry").pop().expect("a request");
    assert_eq!(last.header("authorization"), Some("Token signature=1"));
    // Nor from a registry; and an answer of the index without any takes none back.
    session.repository_data(&world.reference()).expect("data");
    registry.fault(Fault::on("/ancestry", Action::header(&token.0, &token.1)));
    let first = sent().expect("a token");
    let silent = Action::RemoveHeader(token.0);
    world.v1.index.fault(Fault::on("/demo/app/images", silent));
    session.repository_data(&world.reference()).expect("data");
    assert_eq!(sent(), Some(first));
}

#[test]
fn a23_a_cookie_goes_to_nobody_but_its_server() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (registry, id) = (world.v1.index.root(), &chain[1].id);
    let (port, name) = (
        bystander(ServerOptions::default(), |_| Reply::empty(404)),
        bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404)),
    );
    let wide = "id=1; Domain=.; Path=/; Domain=127.0.0.1; Domain=.0.0.1";
    let set = Action::header("Set-Cookie", wide);
    let session = world.session();
    world.v1.index.fault(Fault::on("/demo/app/images", set));
    session.repository_data(&world.reference()).expect("data");
    // Back to who set it, whatever path that was on; and nowhere else.
    session.remote_history(id, &registry).expect("a history");
    let last = requests(&world.v1.index, "/ancestry").pop().expect("a request");
    assert_eq!(last.header("cookie"), Some("id=1"));
    for other in [&port, &name] {
        failed(session.remote_history(id, &format!("{}/v1/", other.url())), NOT_FOUND);
        let away = Action::redirect(&format!("{}/v1/elsewhere", other.url()));
        world.v1.index.fault(Fault::on("/ancestry", away));
        failed(session.remote_history(id, &registry), NOT_FOUND);
        assert_eq!(other.requests().len(), 2);
        assert!(other.requests().iter().all(|request| request.header("cookie").is_none()));
    }
    // Nor in another session with the same server.
    world.session().remote_history(id, &registry).expect("a history");
    let last = requests(&world.v1.index, "/ancestry").pop().expect("a request");
    assert_eq!(last.header("cookie"), None);
}

#[test]
fn a23_a_flood_of_cookies_makes_no_request_fail() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (registry, id, session) = (world.v1.index.root(), &chain[1].id, world.session());
    for round in 0..200 {
        let cookies = (0..50)
            .map(|n| ("Set-Cookie".to_owned(), format!("n{round}-{n}={}", "x".repeat(100))))
            .collect();
        let body = json!([id, chain[0].id]).to_string().into_bytes();
        world.v1.index.fault(Fault::on("/ancestry", Action::Status(200, cookies, body)));
        session.remote_history(id, &registry).expect("a history");
    }
    session.lookup_remote_image(id, &registry).expect("it is there");
    let last = requests(&world.v1.index, "/json").pop().expect("a request");
    let sent = last.header("cookie").expect("cookies");
    assert!(sent.split("; ").count() <= 50 && sent.len() < 10_000, "{}", sent.len());
}

#[test]
fn a23_there_are_no_cookies_in_v2() {
    let (registry, _) = scene::demo();
    registry.fault(Fault::on("/v2/", Action::header("Set-Cookie", "id=1; Path=/")).always());
    scene::pull(&scene::service(json!({})), &scene::app(&registry), &json!({})).expect("a pull");
    assert!(registry.requests().len() > 3);
    assert!(registry.requests().iter().all(|request| request.header("cookie").is_none()));
}

#[test]
fn a24_headers_of_the_caller_stay_with_whom_they_were_meant_for() {
    for tls in [false, true] {
        let (world, chain) = pushed(Form { index: true, tls }, json!({}));
        let secret = scene::secret();
        world.v1.servers().for_each(|server| server.may_receive(&secret));
        let other = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404));
        let headers = json!({"X-Meta": [secret], "User-Agent": ["me/1"]});
        let index = world.service.resolve_repository(&world.reference()).expect("known");
        let endpoint =
            world.service.v1_endpoint_of(&index["Index"], "", &headers).expect("an endpoint");
        let session = endpoint.session(Some(&world.auth)).expect("a session");
        let data = session.repository_data(&world.reference()).expect("data");
        let registry = data["Endpoints"][0].as_str().expect("a registry").to_owned();
        session.remote_history(&chain[1].id, &registry).expect("a history");
        for request in world.v1.servers().flat_map(|server| server.requests()) {
            assert_eq!(request.header("x-meta"), Some(secret.as_str()), "{request:?}");
            assert_eq!(request.header("user-agent"), Some("me/1"));
        }
        let away = Action::redirect(&format!("{}/v1/elsewhere", other.url()));
        world.v1.registry().fault(Fault::on("/ancestry", away));
        assert!(session.remote_history(&chain[1].id, &registry).is_err());
        assert_eq!(other.requests().len(), usize::from(!tls), "https does not become http");
        for request in other.requests() {
            assert_eq!(request.header("x-meta"), None, "{request:?}");
            assert_eq!(request.header("user-agent"), Some("me/1"));
        }
        assert_canary_nowhere(&[&other], &secret);
    }
}

#[test]
fn cookies_stay_in_their_session() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        world.v1.change(|policy| policy.cookies = true);
        let chain = Image::chain(&mut Random::new(5), 1);
        push(&world.session(), &world.reference(), &chain, "1").expect("a push");
        pull(&world.session(), &world.reference(), &chain, "1").expect("a pull");
        if !form.index {
            let registries = json!([world.v1.index.root()]);
            failed(world.session().remote_tags(&registries, &world.reference()), DENIED);
        }
    }
}

#[test]
fn tags_come_from_the_first_registry_that_knows() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, reference) = (world.session(), world.reference());
    let down = bystander(ServerOptions::default(), |_| Reply::empty(500));
    let registries = json!([format!("{}/v1/", down.url()), world.v1.index.root()]);
    let tags = session.remote_tags(&registries, &reference).expect("tags");
    assert_eq!(tags, json!({"1": chain[1].id}));
    assert_eq!(session.remote_tag(&registries, &reference, "1").expect("a tag"), chain[1].id);
    let failure = failed(session.remote_tag(&registries, &reference, "2"), NOT_FOUND);
    assert_eq!(failure.json["http_status"], 404);
    // Where all refuse, each refusal is told; where one alone was asked, its own is all there is.
    let down = format!("{}/v1/", down.url());
    let failure = failed(session.remote_tags(&json!([down, down]), &reference), SERVER);
    assert_eq!(failure.json["attempts"].as_array().map(Vec::len), Some(2), "{failure:#?}");
    let failure = failed(session.remote_tags(&json!([down]), &reference), SERVER);
    assert!(failure.json.get("attempts").is_none(), "{failure:#?}");
    // A registry that cannot be reached is no refusal.
    world.v1.index.clear();
    let registries = json!(["http://127.0.0.1:1/v1/", world.v1.index.root()]);
    failed(session.remote_tags(&registries, &reference), CONNECT);
    assert!(world.v1.index.requests().is_empty());
    // The repositories without an owner are those of the library.
    let plain = format!("{}/app", world.v1.index.host());
    failed(session.remote_tags(&json!([world.v1.index.root()]), &plain), NOT_FOUND);
    let last = requests(&world.v1.index, "/tags").pop().expect("a request");
    assert_eq!(last.path(), "/v1/repositories/library/app/tags");
    // A registry that knows no such repository has the last word.
    world.v1.index.clear();
    let empty = World::start(PLAIN, json!({}));
    let registries = json!([empty.v1.index.root(), world.v1.index.root()]);
    let failure = failed(session.remote_tags(&registries, &reference), NOT_FOUND);
    assert_eq!(failure.json["what"], "repository");
    assert!(requests(&world.v1.index, "/tags").is_empty());
}

#[test]
fn an_image_is_there_or_not() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, registry) = (world.session(), world.v1.index.root());
    session.lookup_remote_image(&chain[0].id, &registry).expect("it is there");
    let missing = "7".repeat(64);
    let failure = failed(session.lookup_remote_image(&missing, &registry), NOT_FOUND);
    assert_eq!(failure.json["http_status"], 404);
    failed(session.remote_history(&missing, &registry), NOT_FOUND);
    failed(session.remote_image_json(&missing, &registry), NOT_FOUND);
    failed(session.remote_image_layer(&missing, &registry, 10), NOT_FOUND);
    failed(session.repository_data(&format!("{}/demo/none", world.v1.index.host())), NOT_FOUND);
}

#[test]
fn b6_an_id_is_checked_before_it_is_part_of_an_address_or_believed() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, registry) = (world.session(), world.v1.index.root());
    let reference = world.reference();
    let (good, json) = (&chain[1].id, &chain[1].json);
    let long = "7".repeat(65);
    for id in ["../x", "..", "", &long, &good[1..], &good.to_uppercase(), "%2e%2e", "a\n"] {
        let data = json!({"id": id});
        failed(session.remote_history(id, &registry), INVALID_ARGUMENT);
        failed(session.lookup_remote_image(id, &registry), INVALID_ARGUMENT);
        failed(session.remote_image_json(id, &registry), INVALID_ARGUMENT);
        failed(session.remote_image_layer(id, &registry, 1), INVALID_ARGUMENT);
        failed(session.push_image_json(&data, &registry, json), INVALID_JSON);
        failed(session.push_image_layer(id, &registry, json), INVALID_ARGUMENT);
        failed(session.push_image_checksum(&data, &registry), INVALID_JSON);
        failed(session.push_tag(&reference, id, "1", &registry), INVALID_ARGUMENT);
        failed(session.push_index(&reference, &json!([data]), false, &json!([])), INVALID_JSON);
    }
    let registries = json!([registry]);
    for tag in ["", "../x", "..", "a/b", "a?b", "a#b", "a b", "a\n", &"x".repeat(129)] {
        failed(session.remote_tag(&registries, &reference, tag), INVALID_REFERENCE);
        failed(session.push_tag(&reference, good, tag, &registry), INVALID_REFERENCE);
    }
    let list = format!("[\"{good}\"]");
    failed(session.push_image_json(&json!([good]), &registry, json), INVALID_JSON);
    failed(session.push_index(&reference, &json!([[good]]), false, &json!([])), INVALID_JSON);
    failed(session.push_image_layer(good, &registry, list.as_bytes()), INVALID_ARGUMENT);
    // What is pushed must be what it is called.
    let other = json!({"id": "7".repeat(64)});
    failed(session.push_image_json(&other, &registry, json), INVALID_ARGUMENT);
    assert!(requests(&world.v1.index, "/v1/images/").is_empty());
    assert!(requests(&world.v1.index, "/tags").is_empty());

    let lie = |path: &str, body: &str| {
        world.v1.index.clear_faults();
        world.v1.index.fault(Fault::on(path, Action::ReplaceBody(body.into())).always());
    };
    let escape = format!("[\"{good}\",\"../../etc/passwd\"]");
    let circle = format!("[\"{good}\",\"{}\",\"{good}\"]", chain[0].id);
    let stranger = format!("[\"{}\",\"{good}\"]", chain[0].id);
    for body in ["", "[]", "{}", "[1]", "[\"short\"]", &escape, &circle, &stranger, "[", "<html>"] {
        lie("/ancestry", body);
        failed(session.remote_history(good, &registry), PROTOCOL);
    }
    let twice = format!("{{\"1\":\"{good}\",\"1\":\"{}\"}}", chain[0].id);
    for body in ["", "[]", "{\"1\":2}", "{\"1\":\"../x\"}", &twice, "<html>"] {
        lie("/tags", body);
        failed(session.remote_tags(&registries, &reference), PROTOCOL);
    }
    for body in ["", "{}", "12", "\"../x\""] {
        lie("/tags/1", body);
        failed(session.remote_tag(&registries, &reference, "1"), PROTOCOL);
    }
    let listed = format!("[[\"{good}\"]]");
    for body in ["", "{}", "[{\"id\":\"../x\"}]", "[{\"id\":1}]", &listed] {
        lie("/app/images", body);
        failed(session.repository_data(&reference), PROTOCOL);
    }
    let listed = format!(" [\"{good}\"]");
    let twice = format!("{{\"id\":\"{good}\",\"os\":\"linux\",\"os\":\"plan9\"}}");
    for body in ["", "{}", "[]", &other.to_string(), "{\"id\":\"../x\"}", &listed, &twice] {
        lie("/json", body);
        failed(session.remote_image_json(good, &registry), PROTOCOL);
    }
}

#[test]
fn a_history_has_as_many_images_as_the_limit_and_no_more() {
    for (most, enough) in [(2, true), (1, false)] {
        let (world, chain) = pushed(PLAIN, json!({"limits": {"children": most}}));
        let history = world.session().remote_history(&chain[1].id, &world.v1.index.root());
        if enough {
            assert_eq!(history.expect("a history").as_array().map(Vec::len), Some(2));
        } else {
            assert_tells(&failed(history, LIMIT), &["children"], &[]);
        }
    }
}

#[test]
fn where_an_index_names_no_registry_it_is_one_itself() {
    let (world, _) = pushed(PLAIN, json!({}));
    for silence in [
        Action::RemoveHeader("X-Docker-Endpoints".into()),
        Action::header("X-Docker-Endpoints", ""),
    ] {
        world.v1.index.fault(Fault::on("/app/images", silence));
        let data = world.session().repository_data(&world.reference()).expect("data");
        assert_eq!(data["Endpoints"], json!([world.v1.index.root()]));
    }
}

#[test]
fn what_an_index_does_not_know_may_be_null() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, id) = (world.session(), &chain[1].id);
    let data = |body: &Value| {
        world.v1.index.clear_faults();
        let lie = Action::ReplaceBody(body.to_string().into());
        world.v1.index.fault(Fault::on("/app/images", lie).always());
        session.repository_data(&world.reference()).expect("data")["ImgList"].clone()
    };
    let image = json!({"id": id, "checksum": null, "Tag": null});
    assert_eq!(data(&json!([image])), json!({id: {"id": id}}));
    assert_eq!(data(&Value::Null), json!({}));
    // And what came out can go in again, by whomever it was kept.
    session.push_image_json(&image, &world.v1.index.root(), &chain[1].json).unwrap_or_else(|e| {
        assert_eq!(e.code, ALREADY_EXISTS, "{e:#?}");
    });
}

#[test]
fn c8_a_size_that_is_no_number_is_refused() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (registry, id) = (world.v1.index.root(), &chain[1].id);
    let with = |action: Action| {
        world.v1.index.clear_faults();
        world.v1.index.fault(Fault::on("/json", action).always());
        world.session().remote_image_json(id, &registry)
    };
    for size in [
        "",
        "-1",
        "+5",
        "0x10",
        "1e3",
        "1,2",
        "1 2",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999",
        "five",
    ] {
        failed(with(Action::header("X-Docker-Size", size)), PROTOCOL);
    }
    let (_, size) = with(Action::header("X-Docker-Size", "0")).expect("its JSON");
    assert_eq!(size, 0);
    let (_, size) = with(Action::RemoveHeader("X-Docker-Size".into())).expect("its JSON");
    assert_eq!(size, -1);
    world.v1.index.clear_faults();
    let (_, size) = world.session().remote_image_json(id, &registry).expect("its JSON");
    let stored = world.v1.image(id).and_then(|image| image.layer).expect("a layer");
    assert_eq!(u64::try_from(size).ok(), stored.len());
}

#[test]
fn what_the_registry_has_is_not_pushed_again() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, registry, image) = (world.session(), world.v1.index.root(), &chain[0]);
    let data = json!({"id": image.id});
    let failure = failed(session.push_image_json(&data, &registry, &image.json), ALREADY_EXISTS);
    assert_eq!(failure.json["errors"][0]["message"], "Image already exists");
}

#[test]
fn a_checksum_that_is_not_the_servers_is_refused() {
    let world = World::start(PLAIN, json!({}));
    let (session, registry) = (world.session(), world.v1.index.root());
    let image = &Image::chain(&mut Random::new(6), 1)[0];
    let mut data = json!({"id": image.id});
    let other = data.to_string();
    session.push_image_json(&data, &registry, &image.json).expect("its JSON");
    let mut writer =
        session.push_image_layer(&image.id, &registry, other.as_bytes()).expect("a writer");
    writer.write(None, &image.tar).expect("written");
    let sums = writer.commit(None).expect("a layer");
    data["checksum"] = sums["checksum"].clone();
    data["checksum_payload"] = sums["checksum_payload"].clone();
    let failure = failed(session.push_image_checksum(&data, &registry), REJECTED);
    assert_eq!(failure.json["http_status"], 400);
    assert!(!world.v1.image(&image.id).expect("pushed").complete);
}

#[test]
fn credentials_do_not_go_over_http_and_the_error_says_so() {
    let names = json!({"resolve": {"named.test": ["127.0.0.1"]}});
    let world = World::start(PLAIN, names);
    world.v1.index.fault(Fault::on("/v1/images/", Action::challenge(401, "Basic")).always());
    let reference = format!("named.test:{}/demo/app", world.v1.index.port());
    let endpoint = world.service.v1_endpoint(&reference).expect("an endpoint");
    let session = endpoint.session(Some(&world.auth)).expect("a session");
    let registry = world.v1.index.root().replace("127.0.0.1", "named.test");
    let image = &Image::chain(&mut Random::new(7), 1)[0];
    let failure = failed(
        session.push_image_json(&json!({"id": image.id}), &registry, &image.json),
        UNAUTHORIZED,
    );
    let password = world.auth["password"].as_str().expect("a password");
    assert_tells(&failure, &["http", "allow-plain-http-credentials"], &[password]);
    // Another refusal has another reason, and so has one over https.
    world.v1.index.clear_faults();
    world.v1.index.fault(Fault::on("/v1/images/", Action::status(403)).always());
    let push = session.push_image_json(&json!({"id": image.id}), &registry, &image.json);
    assert_tells(&failed(push, DENIED), &[], &["allow-plain-http-credentials"]);
    let secure = World::start(FORMS[1], json!({}));
    secure.v1.index.fault(Fault::on("/v1/images/", Action::challenge(401, "Basic")).always());
    let (alice, registry) = (secure.session(), secure.v1.index.root());
    let push = alice.push_image_json(&json!({"id": image.id}), &registry, &image.json);
    assert_tells(&failed(push, UNAUTHORIZED), &[], &["allow-plain-http-credentials"]);
    let failure = failed(session.repository_data(&reference), POLICY);
    assert_tells(&failure, &["allow-plain-http-credentials"], &[password]);
    assert_canary_nowhere(&[&world.v1.index], world.auth["password"].as_str().unwrap());
}

#[test]
fn a_push_is_done_only_where_the_answer_says_so() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, registry) = (world.session(), world.v1.index.root());
    let (reference, id) = (world.reference(), &chain[1].id);
    let sums = |id: &str| json!({"id": id, "checksum": "tarsum+sha256:00", "checksum_payload": "sha256:00"});
    let list = json!([sums(id), {"id": chain[0].id}]);
    let index =
        |validate| session.push_index(&reference, &list, validate, &json!([registry])).map(|_| ());
    type Push<'a> = &'a dyn Fn() -> c_surface::Outcome<()>;
    let pushes: [(Push<'_>, &[u16]); 5] = [
        (&|| session.push_image_json(&sums(id), &registry, &chain[1].json), &[200]),
        (&|| session.push_image_checksum(&sums(id), &registry), &[200]),
        (&|| session.push_tag(&reference, id, "1", &registry), &[200, 201]),
        (&|| index(false), &[200, 201]),
        (&|| index(true), &[204]),
    ];
    for (number, (push, wanted)) in pushes.into_iter().enumerate() {
        for status in [200, 201, 202, 204, 400] {
            world.v1.index.clear_faults();
            let endpoints = vec![("X-Docker-Endpoints".into(), world.v1.index.host())];
            world.v1.index.fault(Fault::on("/v1/", Action::Status(status, endpoints, vec![])));
            assert_eq!(push().is_ok(), wanted.contains(&status), "{number}: {status}");
        }
    }
    // The index hears of the registries, and of the images that have a checksum, when all is there.
    let puts: Vec<_> = requests(&world.v1.index, "/v1/repositories/demo/app/")
        .into_iter()
        .filter(|request| !request.path().contains("/tags/"))
        .collect();
    for request in &puts {
        let validate = request.path().ends_with("/images");
        let images: Vec<Value> = serde_json::from_slice(&request.body).expect("a list");
        assert_eq!(images.len(), if validate { 1 } else { 2 }, "{request:?}");
        let endpoints = request.header("x-docker-endpoints");
        assert_eq!(endpoints, validate.then_some(registry.as_str()));
    }
    assert_eq!(puts.len(), 10);
}

#[test]
fn a26_a_list_of_images_goes_to_no_host_that_was_not_allowed() {
    let place = "/v1/repositories/demo/app/";
    for form in FORMS {
        let other = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(200));
        let named = json!([other.host()]);
        // Where it is allowed, https still does not become http.
        let (allowed, why) = match form.tls {
            true => (named, "https"),
            false => (json!([]), "allow-v1-endpoints"),
        };
        let world = World::start(form, json!({"allow-v1-endpoints": allowed}));
        let list = json!([{"id": "7".repeat(64)}]);
        let away = Action::redirect(&format!("{}{place}", other.url()));
        world.v1.index.fault(Fault::on(place, away).method("PUT"));
        let push = world.session().push_index(&world.reference(), &list, false, &json!([]));
        assert_tells(&failed(push, POLICY), &[why, &other.host()], &[]);
        assert!(other.requests().is_empty(), "{form:?}");
        // A redirect to nowhere in particular is none to the same place.
        world.v1.index.clear();
        let nowhere = Action::Status(307, vec![("Location".into(), String::new())], vec![]);
        world.v1.index.fault(Fault::on(place, nowhere).method("PUT").always());
        let push = world.session().push_index(&world.reference(), &list, false, &json!([]));
        failed(push, REDIRECT);
        assert_eq!(requests(&world.v1.index, place).len(), 1);
    }
}

#[test]
fn the_list_of_images_follows_redirects_with_its_body_but_not_for_ever() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        let chain = Image::chain(&mut Random::new(8), 1);
        let to = format!("{}repositories/demo/app/?again", world.v1.index.root());
        let fault = Fault::on("/v1/repositories/demo/app/", Action::redirect(&to)).method("PUT");
        world.v1.index.fault(fault);
        push(&world.session(), &world.reference(), &chain, "1").expect("a push");
        pull(&world.session(), &world.reference(), &chain, "1").expect("a pull");
        let puts = requests(&world.v1.index, "/v1/repositories/demo/app/");
        let puts: Vec<_> = puts.iter().filter(|r| r.method == "PUT").collect();
        assert_eq!(puts[0].body, puts[1].body, "{form:?}");
        assert!(puts[1].target.ends_with("?again"));
    }
    let world = World::start(PLAIN, json!({}));
    let circle = Action::redirect("/v1/repositories/demo/app/");
    world.v1.index.fault(Fault::on("/v1/repositories/", circle).always());
    let list = json!([{"id": "7".repeat(64)}]);
    failed(world.session().push_index(&world.reference(), &list, false, &json!([])), REDIRECT);
    assert!(requests(&world.v1.index, "/v1/repositories/").len() < 30);
}

#[test]
fn a_redirect_to_another_host_takes_neither_password_nor_tokens_nor_cookies() {
    for tls in [false, true] {
        let world = World::start(Form { index: true, tls }, json!({}));
        world.v1.change(|policy| policy.cookies = true);
        let chain = Image::chain(&mut Random::new(9), 1);
        push(&world.session(), &world.reference(), &chain, "1").expect("a push");
        let other = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404));
        let session = world.session();
        let data = session.repository_data(&world.reference()).expect("data");
        let registry = data["Endpoints"][0].as_str().unwrap().to_owned();
        let elsewhere = || Action::redirect(&format!("{}/v1/elsewhere", other.url()));
        world.v1.registry().fault(Fault::on("/v1/images/", elsewhere()).always());
        world.v1.index.fault(Fault::on("/v1/repositories/", elsewhere()).always());
        let id = &chain[0].id;
        assert!(session.remote_history(id, &registry).is_err());
        assert!(session.remote_image_layer(id, &registry, 10).is_err());
        assert!(session.repository_data(&world.reference()).is_err());
        let list = json!([{"id": id}]);
        assert!(session.push_index(&world.reference(), &list, false, &json!([])).is_err());
        for request in other.requests() {
            for name in ["authorization", "cookie", "x-docker-token"] {
                assert_eq!(request.header(name), None, "{request:?}");
            }
        }
        assert_canary_nowhere(&[&other], world.auth["password"].as_str().unwrap());
        assert_canary_nowhere(&[&other], "signature=");
    }
}

#[test]
fn a10_a_list_of_images_that_left_the_index_comes_back_without_its_login() {
    let home = Arc::new(OnceLock::<String>::new());
    let place = "/v1/repositories/demo/app/";
    let other = bystander(ServerOptions::default().bind("127.0.0.2"), {
        let home = home.clone();
        move |_| Reply::empty(307).with("Location", home.get().expect("the index is there"))
    });
    let form = Form { index: true, tls: false };
    let world = World::start(form, json!({"allow-v1-endpoints": [other.host()]}));
    let found = world.service.resolve_repository(&world.reference()).expect("known");
    let endpoint = world
        .service
        .v1_endpoint_of(&found["Index"], "", &json!({"X-Meta": ["mine"]}))
        .expect("an endpoint");
    let session = endpoint.session(Some(&world.auth)).expect("a session");
    home.set(format!("{}{place}?back", world.v1.index.url())).expect("once");
    let away = Action::redirect(&format!("{}{place}", other.url()));
    world
        .v1
        .index
        .fault(Fault::on(place, Action::header("Set-Cookie", "id=1; Path=/")).method("PUT"));
    world.v1.index.fault(Fault::on(place, away).method("PUT").skip(1));
    let list = json!([{"id": "7".repeat(64)}]);
    let push = || session.push_index(&world.reference(), &list, false, &json!([]));
    assert!(push().is_err(), "the registry is not allowed");
    let failure = failed(push(), UNAUTHORIZED);
    assert_eq!(failure.json["http_status"], 401);
    let puts = requests(&world.v1.index, place);
    assert!(puts[1].header("authorization").is_some() && puts[1].header("cookie").is_some());
    let back = puts.last().expect("a request");
    assert!(back.target.ends_with("?back"), "{back:?}");
    for request in other.requests().iter().chain([back]) {
        for name in ["authorization", "cookie", "x-meta"] {
            assert_eq!(request.header(name), None, "{request:?}");
        }
    }
    assert_eq!(puts[1].header("x-meta"), Some("mine"));
}

#[test]
fn a_cut_layer_goes_on_where_it_was_until_it_was_cut_too_often() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let (session, registry, image) = (world.session(), world.v1.index.root(), &chain[1]);
    let stored = world.v1.image(&image.id).and_then(|image| image.layer).expect("a layer");
    let size = stored.len().unwrap();
    let read = || {
        let mut layer = Vec::new();
        let mut reader = session.remote_image_layer(&image.id, &registry, size as i64)?;
        reader.read_to_end(None, &mut layer).map(|()| layer)
    };
    let cut = |at, how| Fault::on("/layer", Action::CutBody(at, how));
    for (number, how) in [Cut::Clean, Cut::Fin, Cut::Rst].into_iter().enumerate() {
        world.v1.index.fault(cut(7 + number as u64, how).skip(number));
    }
    assert!(read().expect("a layer") == stored.to_vec());
    let ranges: Vec<_> = requests(&world.v1.index, "/layer")
        .iter()
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges[0], None);
    let ranges: Vec<_> = ranges[1..].iter().flatten().collect();
    assert_eq!(ranges, ["bytes=7-", "bytes=15-", "bytes=24-"]);

    // Not even one more byte each time.
    world.v1.index.clear_faults();
    world.v1.index.fault(cut(0, Cut::Fin).always());
    failed(read(), DISCONNECTED);
    // A server that sends everything again, and one that never said that it sends parts.
    world.v1.index.clear_faults();
    world.v1.index.fault(cut(5, Cut::Fin));
    world.v1.index.fault(Fault::on("/layer", Action::IgnoreRange).skip(1));
    failed(read(), PROTOCOL);
    world.v1.index.clear_faults();
    world.v1.index.fault(cut(5, Cut::Fin));
    let silent = Action::RemoveHeader("Accept-Ranges".into());
    world.v1.index.fault(Fault::on("/layer", silent).always());
    failed(read(), DISCONNECTED);
}

#[test]
fn a_stalled_registry_is_given_up() {
    let (world, chain) = pushed(
        PLAIN,
        json!({"timeouts": {"header-ms": 300, "idle-ms": 300}, "retry": {"max-attempts": 1}}),
    );
    let (session, registry) = (world.session(), world.v1.index.root());
    let index = Fault::on("/images", Action::Delay(Duration::from_secs(60))).always();
    world.v1.index.fault(index);
    let failure = failed(session.repository_data(&world.reference()), TIMEOUT);
    assert_tells(&failure, &["/v1/repositories/demo/app/images", "a proxy is needed"], &[]);
    world.v1.index.clear_faults();
    world.v1.index.fault(Fault::on("/json", Action::Stall(3, Duration::from_secs(60))).always());
    failed(session.remote_image_json(&chain[0].id, &registry), TIMEOUT);
}

#[test]
fn an_index_must_say_where_the_images_go() {
    let (world, chain) = pushed(PLAIN, json!({}));
    let nowhere = Action::RemoveHeader("X-Docker-Endpoints".into());
    world.v1.index.fault(Fault::on("/demo/app/", nowhere).method("PUT").always());
    let list = json!([{"id": chain[1].id}]);
    let index = world.session().push_index(&world.reference(), &list, false, &json!([]));
    failed(index, PROTOCOL);
}

#[test]
fn a26_an_index_sends_nobody_to_hosts_that_were_not_allowed() {
    for tls in [false, true] {
        let (world, chain) = pushed(Form { index: true, tls }, json!({}));
        let other = bystander(ServerOptions::default().bind("127.0.0.2"), |_| Reply::empty(404));
        let many = vec![other.host(); 1000].join(",");
        let hosts = [
            other.host(),
            format!("http://{}", other.host()),
            format!("{}/..", other.host()),
            many,
        ];
        for host in hosts {
            world.v1.index.clear_faults();
            let lie = Action::header("X-Docker-Endpoints", &host);
            world.v1.index.fault(Fault::on("/v1/repositories/", lie).always());
            let session = world.session();
            assert!(session.repository_data(&world.reference()).is_err(), "{host}");
            let list = json!([{"id": chain[0].id}]);
            let index = session.push_index(&world.reference(), &list, false, &json!([]));
            assert!(index.is_err(), "{host}");
        }
        assert_canary_nowhere(&[&other], world.auth["password"].as_str().unwrap());
        assert_canary_nowhere(&[&other], "signature=");
        assert!(other.requests().is_empty());
    }
}

#[test]
fn search_asks_the_index() {
    for form in FORMS {
        let world = World::start(form, json!({}));
        let found = json!({"name": "demo/app", "description": "größe", "star_count": 3,
            "is_official": false, "is_automated": true});
        world.v1.change(|policy| {
            policy.found = (0..30).map(|n| json!({"name": format!("other/app{n}")})).collect();
            policy.found.push(found.clone());
        });
        let session = world.session();
        let results = session.search_repositories("demo", 25).expect("results");
        assert_eq!(results["num_results"], 1);
        assert_eq!(results["query"], "demo");
        assert_eq!(results["results"], json!([found]), "{form:?}");
        for limit in [0, -1, 101] {
            failed(session.search_repositories("demo", limit), INVALID_ARGUMENT);
        }
        let results = session.search_repositories("app", 7).expect("results");
        assert_eq!(results["results"].as_array().map(Vec::len), Some(7), "{form:?}");
        let odd = session.search_repositories("a b&n=1%", 7).expect("results");
        assert_eq!(odd["query"], "a b&n=1%");
    }
}
