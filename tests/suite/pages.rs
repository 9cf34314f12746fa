//! Lists of tags in pages: links as registries write them, pages that bring nothing, entries that are none.

use crate::c_surface::Service;
use crate::c_surface::images::Session;
use ocireg_testkit::rig::bystander;
use ocireg_testkit::{Reply, Request, Server, ServerOptions};
use serde_json::{Value, json};

const INVALID_ARGUMENT: i32 = 1;
const PROTOCOL: i32 = 48;
const POLICY: i32 = 49;

fn none() -> Value {
    json!({})
}

/// A registry whose tags are listed by `page`.
fn listing(page: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    bystander(ServerOptions::default(), move |request| {
        if request.target.contains("/tags/list") {
            page(request)
        } else {
            Reply::json(200, &none())
        }
    })
}

fn tags(tags: &[&str]) -> Reply {
    Reply::json(200, &json!({"name": "demo/app", "tags": tags}))
}

fn session(server: &Server) -> Session {
    let service = Service::bare(json!({"retry": {"max-attempts": 1}}));
    service.open(None, &format!("{}/demo/app", server.host()), &none()).expect("a session")
}

/// The pages that a caller gets who asks for them one by one.
fn pages(session: &Session, n: usize) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut options = json!({"n": n});
    loop {
        let page = session.list_tags(None, &options).expect("a page");
        pages.push(page["tags"].clone());
        match page.get("next") {
            Some(next) => options["next"] = next.clone(),
            None => return pages,
        }
        assert!(pages.len() < 20, "no end: {pages:?}");
    }
}

#[test]
fn links_are_followed_however_they_are_written() {
    const NEXT: &str = "/v2/demo/app/tags/list?cursor=2%3D,x&n=50";
    let forms: &[&[&str]] = &[
        &["<NEXT>; rel=\"next\""],
        &["<http://HOSTNEXT>; rel=next"],
        &["<?cursor=2&n=50>; rel=\"next\""],
        &["</v2/demo/app/tags/list?n=50>; rel=\"first\", <NEXT>; rel=\"next\""],
        &["<NEXT>; rel=\"next\", </v2/demo/app/tags/list?n=50>; rel=\"first\""],
        &["</v2/demo/app/tags/list?n=50>; rel=\"first\"", "<NEXT>; rel=\"next\""],
        &["<NEXT>; title=\"a;b, <c>; rel=first\"; REL=\"prev Next\""],
    ];
    for links in forms {
        let server = listing(move |request| {
            if request.target.contains("cursor=2") {
                return tags(&["c"]);
            }
            let host = request.header("host").unwrap_or_default();
            links.iter().fold(tags(&["a", "b"]), |reply, link| {
                reply.with("Link", &link.replace("NEXT", NEXT).replace("HOST", host))
            })
        });
        let session = session(&server);
        let all = session.list_tags(None, &none()).expect("tags");
        assert_eq!(all, json!({"name": "demo/app", "tags": ["a", "b", "c"]}), "{links:?}");
        assert_eq!(pages(&session, 50), [json!(["a", "b"]), json!(["c"])], "{links:?}");
    }
}

#[test]
fn a_page_counts_though_its_link_leads_nowhere() {
    for (link, code) in [
        ("<http://127.0.0.1:1/v2/demo/app/tags/list?last=b>; rel=\"next\"", POLICY),
        ("</elsewhere/v2/demo/app/tags/list?last=b>; rel=\"next\"", POLICY),
        ("<https://user:5a1t-w0rd@registry.example/v2/>; rel=\"next\"", PROTOCOL),
        ("<http://[::/v2/>; rel=\"next\"", PROTOCOL),
    ] {
        let server = listing(move |_| tags(&["a", "b"]).with("Link", link));
        let session = session(&server);
        let page = session.list_tags(None, &json!({"n": 2})).expect("a page");
        assert_eq!(page["tags"], json!(["a", "b"]), "{link}");
        let asked = server.requests().len();
        let error = session.list_tags(None, &json!({"n": 2, "next": page["next"]}));
        let error = error.expect_err("no way on");
        assert_eq!(error.code, code, "{link}: {error:?}");
        assert!(!error.message.contains("5a1t-w0rd"), "{error:?}");
        assert_eq!(server.requests().len(), asked, "nobody is asked");
        assert_eq!(session.list_tags(None, &none()).expect_err("no way on").code, code, "{link}");
    }
}

#[test]
fn what_is_no_next_is_refused() {
    let server = listing(|_| tags(&["a"]));
    let session = session(&server);
    for next in
        ["", "x", "/v2/demo/app/tags/list?last=a", "1.2.3.4.5", "1.2.3.4.5.6", "-1.0.0.0.1./v2/"]
    {
        let error = session.list_tags(None, &json!({"n": 1, "next": next})).expect_err(next);
        assert_eq!((error.code, error.argument()), (INVALID_ARGUMENT, "next"), "{error:?}");
        assert!(error.json["hint"].is_string(), "{error:?}");
    }
}

#[test]
fn pages_go_on_where_the_registry_gives_no_link() {
    const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];
    let value = |request: &Request, key: &str| request.query(key).first().cloned();
    // Knows both parameters, and no links.
    let sound = listing(move |request| {
        let last = value(request, "last");
        let n = value(request, "n").and_then(|n| n.parse().ok()).unwrap_or(ALL.len());
        let rest = ALL.iter().filter(|tag| last.as_deref().is_none_or(|last| **tag > last));
        tags(&rest.take(n).copied().collect::<Vec<_>>())
    });
    assert_eq!(pages(&session(&sound), 2), [json!(["a", "b"]), json!(["c", "d"]), json!(["e"])]);
    // Counts, but knows no `last`; knows neither.
    let counts = listing(move |request| {
        let n = value(request, "n").and_then(|n| n.parse().ok()).unwrap_or(ALL.len());
        tags(&ALL[..n.min(ALL.len())])
    });
    let neither = listing(|_| tags(&ALL));
    assert_eq!(pages(&session(&counts), 2)[0], json!(["a", "b"]));
    assert_eq!(pages(&session(&neither), 2).concat_tags(), ALL);
    for server in [&sound, &counts, &neither] {
        let after = session(server).list_tags(None, &json!({"last": "b"})).expect("tags");
        assert_eq!(after["tags"], json!(["c", "d", "e"]));
    }
}

trait ConcatTags {
    fn concat_tags(&self) -> Vec<String>;
}

impl ConcatTags for Vec<Value> {
    fn concat_tags(&self) -> Vec<String> {
        let tags = self.iter().flat_map(|page| page.as_array().expect("tags"));
        tags.map(|tag| tag.as_str().expect("text").to_owned()).collect()
    }
}

#[test]
fn what_can_be_no_tag_is_left_out_with_a_warning() {
    let long = "v".repeat(129);
    let good = ["1.0", "latest", "_x", &"v".repeat(128)].map(str::to_owned);
    let bad = [
        "../../etc",
        "a/b",
        "",
        "x\ny",
        "\u{1b}[31mred",
        "-lead",
        ".lead",
        "a b",
        &long,
        "\u{202e}txt.exe",
        "é",
    ];
    let mixed: Vec<_> = bad.iter().copied().chain(good.iter().map(String::as_str)).collect();
    let document = json!({"name": "demo/app", "tags": mixed});
    let server = listing(move |_| Reply::json(200, &document));
    let listed = session(&server).list_tags(None, &none()).expect("tags");
    assert_eq!(listed["tags"], json!(good));
    let warnings = listed["warnings"].as_array().expect("warnings");
    let warning = warnings[0].as_str().expect("text");
    assert_eq!(warnings.len(), 1);
    assert!(warning.contains("11 that") && warning.contains("../../etc"), "{warning}");
}

#[test]
fn answers_that_are_no_list_are_refused() {
    for body in [
        "",
        "[]",
        "null",
        "{\"tags\":\"a\"}",
        "{\"tags\":[1]}",
        "{\"tags\":{}}",
        "{\"tags\":[]}x",
        "<html>",
    ] {
        let server = listing(move |_| Reply::new(200, body.as_bytes().to_vec()));
        let error = session(&server).list_tags(None, &none()).expect_err(body);
        assert_eq!(error.code, PROTOCOL, "{body}: {error:?}");
    }
    for body in ["{}", "{\"tags\":null}", "{\"name\":null,\"tags\":[],\"more\":[{}]}"] {
        let server = listing(move |_| Reply::new(200, body.as_bytes().to_vec()));
        let listed = session(&server).list_tags(None, &none()).expect(body);
        assert_eq!(listed, json!({"name": "demo/app", "tags": []}));
    }
}
