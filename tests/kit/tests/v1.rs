//! The kit's registry of v1 by hand: what it computes, keeps and refuses.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ocireg_testkit::v1::archive::{self, Random};
use ocireg_testkit::v1::{Policy, tarsum::tarsum};
use ocireg_testkit::{Action, Ca, Cut, Fault, ServerOptions, V1, digest, process};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// What curl got: status, headers in lower case, body.
struct Got(u16, String, String);

fn curl(arguments: &[&str]) -> Got {
    let mut command = Command::new(process::program("curl", "curl"));
    command.args(["-s", "-i", "-m", "10"]).args(arguments);
    let run = process::run(&mut command, LIMIT).unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Got(status, head.to_ascii_lowercase(), body.to_owned())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn hello(content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", content).unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn its_tarsum_is_that_of_the_reference() {
    for line in include_str!("../../data/vectors/tarsum.jsonl").lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let tar = STANDARD.decode(vector["in"]["data"].as_str().unwrap()).unwrap();
        let json = vector["in"]["json"].as_str().unwrap();
        match vector.get("out") {
            Some(sum) => assert_eq!(tarsum(json.as_bytes(), &tar[..]).unwrap(), *sum),
            None => assert!(tarsum(json.as_bytes(), &tar[..]).is_err(), "{line}"),
        }
    }
}

#[test]
fn random_archives_are_archives() {
    let mut random = Random::new(7);
    let mut long = 0;
    for number in 0..30 {
        let bytes = archive::random(&mut random);
        if bytes.is_empty() {
            // Nothing at all is an empty layer, but not for tar.
            continue;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut command = Command::new(process::program("tar", "tar"));
        command.args(["--quoting-style=literal", "-tf"]).arg(file.path());
        let run = process::run(&mut command, LIMIT).unwrap();
        assert!(run.status.is_some_and(|status| status.success()), "archive {number}: {run:?}");
        long += run.stdout.split(|b| *b == b'\n').filter(|name| name.len() > 256).count();
    }
    assert!(long > 5, "long names come through: {long}");
}

const ID: &str = "5555555555555555555555555555555555555555555555555555555555555555";
const CHILD: &str = "6666666666666666666666666666666666666666666666666666666666666666";

/// A file to send, and curl's arguments to PUT it.
fn put(url: &str, body: &[u8], more: &[&str]) -> Got {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("body");
    std::fs::write(&path, body).unwrap();
    let path = format!("@{}", path.display());
    let chunked = "Transfer-Encoding: chunked";
    let mut arguments = vec!["-X", "PUT", "-H", chunked, "--data-binary", path.as_str(), url];
    arguments.extend_from_slice(more);
    curl(&arguments)
}

#[test]
fn a_standalone_registry_keeps_what_is_pushed_and_computes_checksums_itself() {
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    let root = v1.index.root();
    let Got(status, head, body) = curl(&[&format!("{root}_ping")]);
    assert_eq!((status, body.as_str()), (200, "true"));
    assert!(head.contains("x-docker-registry-standalone: true"), "{head}");

    let json = format!("{{ \"id\": \"{ID}\" }}");
    let (tar, image) = (hello(b"hello"), format!("{root}images/{ID}"));
    let layer = gzip(&tar);
    assert_eq!(put(&format!("{image}/layer"), &layer, &[]).0, 404);
    assert_eq!(
        put(&format!("{image}/json"), format!("{{\"id\":\"{CHILD}\"}}").as_bytes(), &[]).0,
        400
    );
    assert_eq!(put(&format!("{image}/json"), json.as_bytes(), &[]).0, 200);
    assert_eq!(put(&format!("{image}/layer"), &tar, &[]).0, 400, "not compressed");
    assert_eq!(put(&format!("{image}/layer"), &layer, &[]).0, 200);
    assert_eq!(curl(&[&format!("{image}/json")]).0, 400, "its checksum is not told");

    let sum = format!("X-Docker-Checksum: {}", tarsum(json.as_bytes(), &tar[..]).unwrap());
    let payload = digest::sha256(&[json.as_bytes(), b"\n", &layer].concat());
    let payload = format!("X-Docker-Checksum-Payload: {payload}");
    let wrong = format!("X-Docker-Checksum-Payload: {}", digest::sha256(b""));
    let other = format!("X-Docker-Checksum: {}", tarsum(b"{}", &tar[..]).unwrap());
    let url = format!("{image}/checksum");
    assert_eq!(put(&url, b"", &["-H", &sum]).0, 400);
    assert_eq!(put(&url, b"", &["-H", &sum, "-H", &wrong]).0, 400);
    assert_eq!(put(&url, b"", &["-H", &other, "-H", &payload]).0, 400);
    assert_eq!(put(&url, b"", &["-H", &sum, "-H", &payload]).0, 200);
    let Got(status, _, body) = put(&format!("{image}/json"), json.as_bytes(), &[]);
    assert_eq!((status, body.as_str()), (409, "{\"error\":\"Image already exists\"}"));

    let Got(status, head, body) = curl(&[&format!("{image}/json")]);
    assert_eq!((status, body), (200, json.clone()));
    assert!(head.contains(&format!("x-docker-size: {}", layer.len())), "{head}");
    let Got(status, head, _) = curl(&["-r", "3-9", &format!("{image}/layer")]);
    assert_eq!(status, 206);
    assert!(head.contains(&format!("content-range: bytes 3-9/{}", layer.len())), "{head}");

    // A chain, a tag and the list.
    let orphan = format!("{{\"id\":\"{CHILD}\",\"parent\":\"{}\"}}", "7".repeat(64));
    assert_eq!(put(&format!("{root}images/{CHILD}/json"), orphan.as_bytes(), &[]).0, 400);
    let child = json!({"id": CHILD, "parent": ID});
    let child = v1.add_image("demo/app", "1.0", &child, &gzip(&hello(b"")));
    let Got(_, _, body) = curl(&[&format!("{root}images/{CHILD}/ancestry")]);
    assert_eq!(body, format!("[\"{CHILD}\",\"{ID}\"]"));
    let tags = format!("{root}repositories/demo/app/tags");
    assert_eq!(curl(&[&tags]).2, format!("{{\"1.0\":\"{CHILD}\"}}"));
    let missing = format!("\"{}\"", "7".repeat(64));
    assert_eq!(put(&format!("{tags}/old"), missing.as_bytes(), &[]).0, 404);
    assert_eq!(put(&format!("{tags}/old"), format!("\"{ID}\"").as_bytes(), &[]).0, 200);
    assert_eq!(curl(&[&format!("{tags}/old")]).2, format!("\"{ID}\""));

    let repository = format!("{root}repositories/demo/app/");
    let list = json!([{"id": ID}, {"id": CHILD, "Tag": "1.0"}]).to_string();
    let Got(status, head, _) = put(&repository, list.as_bytes(), &[]);
    assert_eq!(status, 200);
    assert!(head.contains(&format!("x-docker-endpoints: {}", v1.index.host())), "{head}");
    let lie = json!([{"id": ID, "checksum": child.checksum}]).to_string();
    assert_eq!(put(&format!("{repository}images"), lie.as_bytes(), &[]).0, 400);
    let truth = json!([{"id": CHILD, "checksum": child.checksum}]).to_string();
    assert_eq!(put(&format!("{repository}images"), truth.as_bytes(), &[]).0, 204);
    let expected = json!([{"id": CHILD, "checksum": child.checksum, "Tag": "1.0"}, {"id": ID}]);
    assert_eq!(json!(v1.listed("demo/app")), expected);
}

#[test]
fn an_index_hands_out_tokens_for_its_registries() {
    let ca = Ca::default();
    let tls = || ServerOptions::default().tls(&ca);
    let v1 = V1::with_index(tls(), vec![tls(), tls()], Policy::user("alice", "wonderland"));
    v1.change(|policy| policy.tokens = 2);
    v1.add_image("demo/app", "1", &json!({"id": ID}), &gzip(&hello(b"x")));
    let images = format!("{}repositories/demo/app/images", v1.index.root());
    let tags = format!("{}repositories/demo/app/tags", v1.registries[1].root());
    assert_eq!(curl(&["-k", &images]).0, 401);
    let user = ["-k", "-u", "alice:wonderland"];
    let Got(status, head, _) = curl(&[&user[..], &[&images]].concat());
    assert_eq!((status, head.contains("x-docker-token")), (200, false), "none was asked for");

    let Got(_, head, _) = curl(&[&user[..], &["-H", "X-Docker-Token: true", &images]].concat());
    let hosts = format!("{}, {}", v1.registries[0].host(), v1.registries[1].host());
    assert!(head.contains(&format!("x-docker-endpoints: {hosts}")), "{head}");
    let tokens: Vec<&str> =
        head.lines().filter_map(|line| line.strip_prefix("x-docker-token: ")).collect();
    assert_eq!(tokens.len(), 2, "{head}");
    let both = format!("Authorization: Token {}", tokens.join(","));
    let one = format!("Authorization: Token {}", tokens[0]);
    assert_eq!(curl(&["-k", &tags]).0, 401);
    assert_eq!(curl(&[&user[..], &[&tags]].concat()).0, 401, "Basic is for the index");
    assert_eq!(curl(&["-k", "-H", &one, &tags]).0, 401);
    assert_eq!(curl(&["-k", "-H", &both, &tags]).0, 200);
    assert_eq!(curl(&["-k", "-H", &both, &tags.replace("app", "other")]).0, 401);
    let id = format!("\"{ID}\"");
    assert_eq!(put(&format!("{tags}/2"), id.as_bytes(), &["-k", "-H", &both]).0, 401, "it reads");
    v1.forget_tokens();
    assert_eq!(curl(&["-k", "-H", &both, &tags]).0, 401);
}

#[test]
fn cookies_users_search_and_faults() {
    let v1 = V1::standalone(ServerOptions::default(), Policy::user("alice", "wonderland"));
    let root = v1.index.root();
    let user = ["-u", "alice:wonderland"];
    let users = format!("{root}users/");
    assert_eq!(curl(&[&users]).0, 401);
    assert_eq!(curl(&["-u", "alice:wrong", &users]).0, 401);
    assert_eq!(curl(&[&user[..], &[&users]].concat()).0, 200);

    v1.change(|policy| {
        policy.users.clear();
        policy.cookies = true;
        policy.found = vec![json!({"name": "busybox", "star_count": 3}), json!({"name": "alpine"})];
    });
    let layer = gzip(&hello(&[7; 100_000]));
    v1.add_image("demo/app", "1", &json!({"id": ID}), &layer);
    let jar = tempfile::NamedTempFile::new().unwrap();
    let jar = jar.path().display().to_string();
    let jar = ["-c", jar.as_str(), "-b", jar.as_str()];
    let tags = format!("{root}repositories/demo/app/tags");
    assert_eq!(curl(&[&jar[..], &[&tags]].concat()).0, 403);
    let images = format!("{root}repositories/demo/app/images");
    assert_eq!(curl(&[&jar[..], &[&images]].concat()).0, 200);
    assert_eq!(curl(&[&jar[..], &[&tags]].concat()).0, 200);
    v1.change(|policy| policy.cookies = false);

    let found = curl(&[&format!("{root}search?q=bus&n=5")]).2;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["num_results"], 1);
    assert_eq!(found["results"][0], json!({"name": "busybox", "star_count": 3}));

    v1.index.fault(Fault::on("/layer", Action::CutBody(10, Cut::Fin)));
    let url = format!("{root}images/{ID}/layer");
    let got = curl(&["-o", "/dev/null", "-w", "%{size_download}", &url]);
    assert!(got.1.ends_with("10"), "{}", got.1);
    v1.index.fault(Fault::on("/layer", Action::redirect(&format!("{}/elsewhere", v1.index.url()))));
    assert_eq!(curl(&[&url]).0, 307);
    assert_eq!(curl(&[&url]).0, 200);
}

#[test]
fn serve_says_where_it_is() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    for (form, registries) in [("standalone", 0), ("index", 1)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testkit-serve"))
            .args(["--v1", form, "--tls", "--auth", "basic"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(said["registries"].as_array().unwrap().len(), registries);
        let user = format!(
            "{}:{}",
            said["username"].as_str().unwrap(),
            said["password"].as_str().unwrap()
        );
        let url = format!("{}/v1/repositories/demo/app/images", said["url"].as_str().unwrap());
        let Got(status, _, body) =
            curl(&["-u", &user, "--cacert", said["ca"].as_str().unwrap(), &url]);
        let listed: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!(status, 200);
        assert_eq!(listed[0]["checksum"], said["checksum"]);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
