//! How much memory a call takes is not for a server to say: whatever it sends, a process that makes one call stays below
//! a bound that is measured here, and whoever sends a lot of honest content is served.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::c_surface::images::Session;
use crate::c_surface::v1::Search;
use crate::c_surface::{Outcome, Service, c, call, children};
use ocireg::ffi::*;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::server::Framing;
use ocireg_testkit::{Reply, Request, Server, ServerOptions, digest};
use serde_json::{Value, json};

const LIMIT: i32 = 103;

/// The most that a process may have had at once, in KiB: its program, its test harness and one call.
const MOST: u64 = 96 << 10;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";

fn none() -> Value {
    json!({})
}

/// Lists tags and leaves the list as it came: what a test would make of it is not the library's.
fn list_tags(session: &Session, options: &Value) -> Outcome<()> {
    let options = c(&options.to_string());
    let mut json = ptr::dangling_mut();
    // SAFETY: a live handle and text in, live places out; the text is freed once.
    unsafe {
        let listed = call(|error| {
            ocireg_session_list_tags(session.0, ptr::null(), options.as_ptr(), &mut json, error)
        });
        ocireg_string_free(json);
        listed
    }
}

/// The calls that a child makes, by name.
fn make(call: &str, host: &str) -> Outcome<()> {
    let service =
        Service::bare(json!({"retry": {"max-attempts": 1}, "insecure-registries": [host]}));
    // The log would keep what it is told.
    service.end_log();
    let reference = format!("{host}/demo/app:1");
    let session = || -> Outcome<Session> { service.open(None, &reference, &none()) };
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    match call {
        "tags" => list_tags(&session()?, &none()),
        "one page of tags" => list_tags(&session()?, &json!({"n": 5})),
        "manifest" => session()?.get_manifest(None, None, &none()).map(drop),
        "inspect" => service.inspect(None, &reference, &none()).map(drop),
        "pull" => service.pull(None, &reference, &destination, &none()).map(drop),
        "all" => {
            let options = json!({"all_platforms": true});
            service.pull(None, &reference, &destination, &options).map(drop)
        }
        "search" => service.search(&format!("{host}/term"), 25, &Search::default()).map(drop),
        "images" => {
            let endpoint = service.v1_endpoint(&format!("{host}/demo/app"))?;
            endpoint.session(Some(&none()))?.repository_data(&format!("{host}/demo/app")).map(drop)
        }
        other => panic!("no call {other}"),
    }
}

#[test]
fn one_call_of_a_child() {
    let Some(told) = children::told() else { return };
    let (call, host) = told.split_once(' ').expect("a call and a host");
    let code = make(&call.replace('-', " "), host).map_or_else(|error| error.code, |()| 0);
    println!("ended with {code}.");
}

/// Makes a call in a process of its own; gives its code, and fails if it took too much memory.
fn code_of(call: &str, server: &Server) -> i32 {
    let tell = format!("{} {}", call.replace(' ', "-"), server.host());
    let run = children::expect_success(&mut children::command("one_call_of_a_child", &tell));
    assert!(run.peak_kib < MOST, "{call} took {} KiB", run.peak_kib);
    let out = String::from_utf8_lossy(&run.stdout).into_owned();
    let (_, rest) = out.split_once("ended with ").expect("the child says how it ended");
    rest.split('.').next().and_then(|code| code.parse().ok()).expect("a code")
}

fn documents(answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    bystander(ServerOptions::default(), move |request| {
        answer(request).unwrap_or_else(|| Reply::json(200, &none()))
    })
}

/// A list that fills so many bytes with one entry again and again.
fn filled(before: &str, entry: &str, after: &str, bytes: usize) -> Vec<u8> {
    let count = (bytes - before.len() - after.len()) / (entry.len() + 1);
    let mut text = String::with_capacity(bytes);
    text.push_str(before);
    for n in 0..count {
        if n > 0 {
            text.push(',');
        }
        text.push_str(entry);
    }
    (text + after).into_bytes()
}

/// A registry of one document for every manifest, and of nothing else.
fn manifest_server(kind: &'static str, document: Vec<u8>) -> Server {
    documents(move |request| {
        request
            .target
            .contains("/manifests/")
            .then(|| Reply::new(200, document.clone()).with("Content-Type", kind))
    })
}

const EIGHT: usize = (8 << 20) - 4096;

#[test]
fn lists_of_tags_stay_within_the_limit() {
    // 8 MiB a page, each with other tags and a link to the next.
    let served = AtomicUsize::new(0);
    let server = documents(move |request| {
        if !request.target.contains("/tags/list") {
            return None;
        }
        let page = served.fetch_add(1, Ordering::SeqCst);
        let tags: Vec<_> = (0..62_000).map(|n| format!("\"{page:0>60}-{n:0>60}\"")).collect();
        let body = format!("{{\"tags\":[{}]}}", tags.join(","));
        let link = format!("</v2/demo/app/tags/list?page={page}>; rel=\"next\"");
        Some(Reply::new(200, body.into_bytes()).with("Link", &link))
    });
    assert_eq!(code_of("tags", &server), LIMIT);
    assert_eq!(code_of("one page of tags", &server), 0);
    for entry in ["\"\"", "\"a\"", "\"abcd\"", "\"\\u0061\""] {
        let page = filled("{\"tags\":[", entry, "]}", EIGHT);
        let server = documents(move |request| {
            request.target.contains("/tags/list").then(|| Reply::new(200, page.clone()))
        });
        assert_eq!(code_of("tags", &server), 0, "{entry}");
    }
}

#[test]
fn documents_full_of_small_things_stay_small() {
    let image = |layers: &str| {
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{},\"layers\":{layers}",
            json!({"mediaType": CONFIG, "digest": digest::sha256(b"{}"), "size": 2})
        )
    };
    let zeros = digest::sha256(b"");
    let layer = |more: &str| {
        format!("{{\"mediaType\":\"{FOREIGN}\",\"digest\":\"{zeros}\",\"size\":0{more}}}")
    };
    let tiny = format!("{{\"mediaType\":\"\",\"digest\":\"{zeros}\",\"size\":0}}");
    let cases = [
        (
            "addresses",
            filled(
                &image(&format!("[{}", layer(",\"urls\":[").trim_end_matches('}'))),
                "\"\"",
                "]}]}",
                EIGHT,
            ),
        ),
        ("values of an unknown key", filled(&image("[],\"x\":["), "0", "]}", EIGHT)),
        (
            "values in a descriptor",
            filled(
                &image(&format!("[{}", layer(",\"x\":[").trim_end_matches('}'))),
                "0",
                "]}]}",
                EIGHT,
            ),
        ),
        ("layers", filled(&image("["), &tiny, "]}", EIGHT)),
        ("lists in lists", filled(&image("[],\"x\":["), "[]", "]}", EIGHT)),
    ];
    for (what, document) in cases {
        let server = manifest_server(MANIFEST, document);
        for call in ["manifest", "inspect", "pull"] {
            assert_ne!(code_of(call, &server), 0, "{what}: {call}");
        }
    }
    let many: Vec<_> = (0..700_000).map(|n| format!("\"{n:x}\":\"\"")).collect();
    let server = manifest_server(
        MANIFEST,
        format!("{},\"annotations\":{{{}}}}}", image("[]"), many.join(",")).into_bytes(),
    );
    assert_ne!(code_of("manifest", &server), 0, "annotations");
    let entry = format!("{{\"mediaType\":\"{MANIFEST}\",\"digest\":\"{zeros}\",\"size\":0}}");
    let index = filled(
        &format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":["),
        &entry,
        "]}",
        EIGHT,
    );
    let server = manifest_server(INDEX, index);
    for call in ["manifest", "inspect", "all"] {
        assert_ne!(code_of(call, &server), 0, "an index: {call}");
    }
}

/// A registry of an index of so many manifests of about this size.
fn platforms(count: usize, size: usize) -> Server {
    let config = b"{\"os\":\"linux\",\"architecture\":\"amd64\"}";
    let manifest = move |n: usize| {
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": digest::sha256(config), "size": config.len()},
            "annotations": {"number": n.to_string(), "padding": "a".repeat(size)},
        })
        .to_string()
        .into_bytes()
    };
    let heads: Vec<Value> = (0..count)
        .map(|n| {
            let bytes = manifest(n);
            json!({
                "mediaType": MANIFEST, "digest": digest::sha256(&bytes), "size": bytes.len(),
                "platform": {"os": "linux", "architecture": format!("a{n}")},
            })
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": heads}).to_string();
    documents(move |request| {
        let name = request.path().rsplit('/').next().unwrap_or_default();
        if request.target.contains("/blobs/") {
            return Some(Reply::new(200, config.to_vec()));
        }
        if !request.target.contains("/manifests/") {
            return None;
        }
        let of = heads.iter().position(|head| head["digest"] == name);
        let (bytes, kind) = match of {
            Some(n) => (manifest(n), MANIFEST),
            None => (index.clone().into_bytes(), INDEX),
        };
        Some(Reply::new(200, bytes).with("Content-Type", kind))
    })
}

#[test]
fn manifests_of_all_platforms_are_stored_as_they_come() {
    assert_eq!(code_of("all", &platforms(24, EIGHT)), LIMIT);
    // Just below the limit they are all there.
    assert_eq!(code_of("all", &platforms(14, 4 << 20)), 0);
}

#[test]
fn a_large_configuration_is_passed_on_without_a_tree() {
    let config = filled(
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"history\":[",
        "{\"created_by\":\"a long line of a script that somebody wrote into a Dockerfile once upon a time\"}",
        "]}",
        EIGHT,
    );
    let layer = b"layer".to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest::sha256(&config), "size": config.len()},
        "layers": [{"mediaType": LAYER, "digest": digest::sha256(&layer), "size": layer.len()}],
    })
    .to_string();
    let server = documents(move |request| {
        if request.target.contains("/manifests/") {
            let reply = Reply::new(200, manifest.clone().into_bytes());
            return Some(reply.with("Content-Type", MANIFEST));
        }
        request.target.contains("/blobs/").then(|| Reply::new(200, config.clone()))
    });
    assert_eq!(code_of("inspect", &server), 0);
}

#[test]
fn answers_of_v1_stay_small() {
    let id = "0".repeat(64);
    for list in [
        filled("[", &format!("{{\"id\":\"{id}\"}}"), "]", EIGHT),
        filled("[", "{}", "]", EIGHT),
        filled("[", "0", "]", EIGHT),
        filled(&format!("[{{\"id\":\"{id}\",\"x\":["), "0", "]}]", EIGHT),
    ] {
        let server = documents(move |request| {
            if request.target.contains("_ping") {
                return Some(Reply::json(200, &json!({"standalone": true})));
            }
            let images = request.target.ends_with("/images");
            images.then(|| Reply::new(200, list.clone()).with("X-Docker-Token", "t"))
        });
        code_of("images", &server);
    }
    for results in ["{}", "0", "{\"name\":\"\"}", "{\"x\":[]}"] {
        let list = filled("{\"num_results\":1,\"results\":[", results, "]}", EIGHT);
        let server = documents(move |request| {
            if request.target.contains("_ping") {
                return Some(Reply::json(200, &json!({"standalone": true})));
            }
            request.target.contains("/search").then(|| Reply::new(200, list.clone()))
        });
        code_of("search", &server);
    }
}

#[test]
fn c6_all_documents_of_a_call_count_together() {
    let server = documents(|request| {
        let page = request.query("page").first().and_then(|n| n.parse().ok()).unwrap_or(0);
        request.target.contains("/tags/list").then(|| {
            let link = format!("</v2/demo/app/tags/list?page={}>; rel=\"next\"", page + 1);
            let reply = Reply::json(200, &json!({"tags": [format!("tag-{page}")]}));
            let mut reply = if page < 9 { reply.with("Link", &link) } else { reply };
            reply.framing = Framing::Chunked;
            reply
        })
    });
    let bytes = 10 * json!({"tags": ["tag-0"]}).to_string().len();
    let reference = format!("{}/demo/app", server.host());
    let list = |total: usize| {
        let service = Service::bare(json!({"limits": {"total": total}}));
        let session = service.open(None, &reference, &none())?;
        session.list_tags(None, &none())
    };
    assert_eq!(list(bytes).expect("exactly as much")["tags"].as_array().map(Vec::len), Some(10));
    let error = list(bytes - 1).expect_err("one byte more");
    assert_eq!(error.code, LIMIT);
    assert!(error.json["hint"].as_str().is_some_and(|hint| hint.contains("total")), "{error:?}");
}
