//! The kit against tools that know registries: curl, skopeo and umoci.

use std::process::Command;
use std::time::{Duration, Instant};

use ocireg_testkit::cncf::{self, skopeo_copy, skopeo_inspect, umoci_list};
use ocireg_testkit::cutter::Way;
use ocireg_testkit::image::{Kind, Spec};
use ocireg_testkit::process::{self, program};
use ocireg_testkit::server::{BlackHole, ConnectFault};
use ocireg_testkit::{
    Action, Auth, Ca, Cncf, Cut, Cutter, Early, Fault, Quirk, Registry, Reply, ServerOptions,
    TokenServer, digest,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Runs curl; returns its exit code, the head and the body.
fn curl(arguments: &[&str]) -> (i32, String, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let head = dir.path().join("head");
    let mut command = Command::new(program("curl", "curl"));
    command.args(["-s", "-D"]).arg(&head).args(arguments);
    let run = process::run(&mut command, LIMIT).unwrap();
    let code = run.status.and_then(|status| status.code()).expect("curl ends");
    (code, std::fs::read_to_string(&head).unwrap_or_default(), run.stdout)
}

/// Copies by skopeo into a fresh layout and compares every digest with the image's.
fn pull_by_skopeo(host: &str, image: &ocireg_testkit::image::Image, arguments: &[&str]) {
    let layout = tempfile::tempdir().unwrap();
    let mut all = vec!["--all"];
    all.extend_from_slice(arguments);
    let destination = format!("oci:{}:copy", layout.path().display());
    skopeo_copy(&format!("docker://{host}/demo/app:1"), &destination, &all);
    assert_eq!(umoci_list(layout.path()), ["copy"]);
    assert_eq!(digest::sha256(&skopeo_inspect(&destination, &[])), image.digest);
    for digest in image.blobs.keys().chain(image.manifests.iter().map(|m| &m.digest)) {
        let path = layout.path().join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
        assert_eq!(&digest::sha256(&std::fs::read(path).unwrap()), digest);
    }
}

#[test]
fn embedded_registry_answers_ranges_lists_and_faults() {
    let registry = Registry::plain();
    let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let digest = registry.add_blob("demo/app", bytes.clone());
    for tag in ["a", "b", "c"] {
        registry.add_manifest("demo/app", Some(tag), "application/json", tag);
    }
    let url = format!("{}/v2/demo/app/blobs/{digest}", registry.url());
    assert_eq!(curl(&[&url]).2, bytes);

    let (_, head, body) = curl(&["-r", "100-199", &url]);
    assert!(head.starts_with("HTTP/1.1 206") && head.contains("bytes 100-199/100000"), "{head}");
    assert_eq!(body, bytes[100..200]);
    assert!(curl(&["-r", "100000-", &url]).1.starts_with("HTTP/1.1 416"));

    let list = format!("{}/v2/demo/app/tags/list?n=2", registry.url());
    let (_, head, body) = curl(&[&list]);
    assert!(head.contains("Link: </v2/demo/app/tags/list?n=2&last=b>; rel=\"next\""), "{head}");
    assert_eq!(body, br#"{"name":"demo/app","tags":["a","b"]}"#);

    let hit = |action| {
        registry.fault(Fault::on("/blobs/", action));
        curl(&["-r", "5-", &url])
    };
    // 18 is curl's "partial file", 56 its "failure in receiving", 52 its "empty reply".
    let (code, _, body) = hit(Action::CutBody(1000, Cut::Fin));
    assert_eq!((code, body.len()), (18, 1000));
    assert_eq!(hit(Action::CutBody(1000, Cut::Rst)).0, 56);
    assert_eq!(hit(Action::CutHead(0, Cut::Fin)).0, 52);
    assert!(hit(Action::IgnoreRange).1.starts_with("HTTP/1.1 200"));
    assert!(hit(Action::RangeFromStart).1.contains("bytes 0-99999/100000"));
    assert!(!hit(Action::NoContentRange).1.contains("Content-Range"));
    assert!(hit(Action::WrongRangeTotal).1.contains("/100001"));
    assert!(hit(Action::MultipartRange).2.starts_with(b"--frontier\r\n"));
    assert_eq!(hit(Action::LengthOff(1)).0, 18);
    assert_eq!(hit(Action::Flip(7)).2[7], bytes[12] ^ 1);
    assert_eq!(hit(Action::Chunked).2, bytes[5..]);
    assert_eq!(hit(Action::CloseDelimited).2, bytes[5..]);
    assert!(hit(Action::retry_after(503, "2")).1.contains("Retry-After: 2"));
    assert!(hit(Action::redirect("/elsewhere")).1.contains("Location: /elsewhere"));
    assert!(hit(Action::Html(500, 10_000_000)).2.len() >= 10_000_000);
    let start = Instant::now();
    assert_eq!(hit(Action::Stall(10, Duration::from_millis(300))).2, bytes[5..]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    registry.fault(Fault::on("/blobs/", Action::EndlessHeaders));
    assert_eq!(curl(&[&url]).0, 56);
    registry.fault(Fault::on("/blobs/", Action::EndlessBody));
    assert_eq!(curl(&["-m", "1", "-o", "/dev/null", &url]).0, 28);
    assert_eq!(curl(&[&url]).2, bytes, "all faults are used up");
    assert!(registry.requests().iter().any(|request| request.header("range") == Some("bytes=5-")));
}

#[test]
fn embedded_registry_has_the_habits_of_others() {
    let registry = Registry::plain();
    let digest = registry.add_blob("demo/app", vec![7; 1000]);
    let subject = registry.add_manifest("demo/app", Some("a"), "application/json", "{}");
    for tag in ["b", "c"] {
        let manifest = format!(
            r#"{{"artifactType": "x/{tag}", "subject": {{"digest": "{subject}"}}, "tag": "{tag}"}}"#
        );
        registry.add_manifest("demo/app", Some(tag), "application/json", manifest);
    }
    let url = |path: &str| format!("{}/v2/demo/app/{path}", registry.url());
    let status = |arguments: &[&str]| curl(arguments).1.get(9..12).unwrap_or_default().to_owned();
    let (blob, tag) = (url(&format!("blobs/{digest}")), url("manifests/a"));

    registry.quirk(Quirk::ClosedRangesOnly);
    assert_eq!(status(&["-r", "1-", &blob]), "416");
    assert_eq!(status(&["-r", "1-9", &blob]), "206");
    registry.quirk(Quirk::HeadRefused(405));
    assert_eq!(
        [status(&["-I", &blob]), status(&["-I", &tag]), status(&[&tag])],
        ["405", "405", "200"]
    );
    registry.quirk(Quirk::NoLink);
    registry.quirk(Quirk::LastIgnored);
    let (_, head, body) = curl(&[&url("tags/list?n=1&last=b")]);
    assert!(!head.contains("Link") && body.ends_with(br#""tags":["a"]}"#), "{head}");
    registry.quirk(Quirk::DeleteRefused(405));
    assert_eq!(status(&["-X", "DELETE", &blob]), "405");
    registry.clear_quirks();

    let referrers = url(&format!("referrers/{subject}"));
    registry.quirk(Quirk::ReferrersPage(1));
    let (_, head, body) = curl(&[&referrers]);
    let page: serde_json::Value = serde_json::from_slice(&body).expect("an index");
    assert_eq!(page["manifests"].as_array().map(Vec::len), Some(1));
    assert!(head.contains("Link: </v2/demo/app/referrers/"), "{head}");
    let filtered = format!("{referrers}?artifactType=x/c");
    let (_, head, body) = curl(&[&filtered]);
    assert!(head.contains("OCI-Filters-Applied: artifactType"), "{head}");
    assert!(String::from_utf8_lossy(&body).contains(r#""artifactType":"x/c""#));
    registry.quirk(Quirk::NoFilters);
    assert!(!curl(&[&filtered]).1.contains("OCI-Filters-Applied"));
    registry.quirk(Quirk::NoReferrers);
    assert_eq!(status(&[&referrers]), "404");
    registry.clear_quirks();

    // A signed manifest of schema 1 is not what its digest is of.
    let signed = registry.add_signed_schema1("demo/app", "old");
    let (_, head, body) = curl(&[&url("manifests/old")]);
    assert!(head.contains(&signed) && digest::sha256(&body) != signed, "{head}");

    // A body of which only the head is read.
    let started = registry.requests().len();
    let refusal = Reply::new(413, b"too much".to_vec()).with("Connection", "close");
    registry.early(Early::on("PUT", refusal).over(100));
    let put = |size: usize| {
        let body = "x".repeat(size);
        let (_, head, _) = curl(&["-X", "PUT", "--data-binary", &body, &tag]);
        head[9..12].to_owned()
    };
    assert_eq!([put(100), put(101), put(101)], ["201", "413", "201"]);
    let bodies: Vec<_> = registry.requests().split_off(started);
    assert_eq!(bodies.iter().map(|r| r.body.len()).collect::<Vec<_>>(), [100, 0, 101]);
    assert_eq!(status(&["-X", "DELETE", &blob]), "202");
    assert_eq!(status(&[&blob]), "404");
}

#[test]
fn cutter_cuts_where_it_is_told() {
    let registry = Registry::plain();
    let digest = registry.add_blob("demo/app", vec![7; 100_000]);
    let cutter = Cutter::before(&registry.host());
    let url = format!("http://{}/v2/demo/app/blobs/{digest}", cutter.host());
    assert_eq!(curl(&[&url]).2.len(), 100_000);
    for how in [Cut::Rst, Cut::Fin] {
        cutter.cut(Way::Down, 50_000, how);
        let (code, head, body) = curl(&[&url]);
        assert!(code != 0 && body.len() + head.len() <= 50_000, "{code}, {} bytes", body.len());
        assert!(cutter.clear());
        cutter.cut(Way::Up, 10, how);
        let (code, head, _) = curl(&[&url]);
        assert!(code != 0 && head.is_empty() && cutter.clear());
    }
    assert!(!cutter.clear());
}

#[test]
fn generated_blob_is_what_its_digest_says() {
    let registry = Registry::plain();
    let digest = registry.add_blob_generated("demo/app", 7, 3_000_001);
    let url = format!("{}/v2/demo/app/blobs/{digest}", registry.url());
    let whole = curl(&[&url]).2;
    assert_eq!(digest::sha256(&whole), digest);
    assert_eq!(curl(&["-r", "65530-2000000", &url]).2, whole[65530..=2_000_000]);
}

#[test]
fn skopeo_pulls_and_pushes_the_embedded_registry() {
    for kind in [Kind::Oci, Kind::Docker] {
        let registry = Registry::plain();
        let image = Spec { kind, ..Spec::default() }.build();
        image.push_to(&registry, "demo/app", "1");
        if kind == Kind::Oci {
            pull_by_skopeo(&registry.host(), &image, &["--src-tls-verify=false"]);
        }
        let other = Registry::plain();
        let to = format!("docker://{}/copy/app:1", other.host());
        let tls = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
        skopeo_copy(&format!("docker://{}/demo/app:1", registry.host()), &to, &tls);
        assert_eq!(other.tag("copy/app", "1").as_deref(), Some(image.digest.as_str()));
    }
}

#[test]
fn embedded_registry_with_basic_bearer_and_client_certificates() {
    let ca = Ca::default();
    let certs = tempfile::tempdir().unwrap();
    let image = Spec::default().build();

    let basic =
        Registry::start(ServerOptions::default().tls(&ca), Auth::basic("alice", "wonderland"));
    image.push_to(&basic, "demo/app", "1");
    let dir = ca.write_certs_d(certs.path(), &basic.host(), None);
    let dir = format!("--src-cert-dir={}", dir.display());
    pull_by_skopeo(&basic.host(), &image, &[&dir, "--src-creds=alice:wonderland"]);
    assert!(basic.handshake_count() > 0);

    let token = TokenServer::plain();
    token.change(|policy| policy.anonymous_pull = false);
    let bearer = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image.push_to(&bearer, "demo/app", "1");
    let arguments = ["--src-tls-verify=false", "--src-creds=alice:wonderland"];
    pull_by_skopeo(&bearer.host(), &image, &arguments);
    assert!(token.requests().iter().any(|request| request.header("authorization").is_some()));

    let mutual = Registry::start(ServerOptions::default().tls_with_clients(&ca), Auth::None);
    image.push_to(&mutual, "demo/app", "1");
    let client = ca.client("alice");
    let dir = ca.write_certs_d(certs.path(), &mutual.host(), Some(&client));
    pull_by_skopeo(&mutual.host(), &image, &[&format!("--src-cert-dir={}", dir.display())]);
    assert_eq!(mutual.connections()[0].client_certificate, Some(client.certificate_der));
}

#[test]
fn connections_that_break_before_http() {
    let ca = Ca::default();
    let registry = Registry::tls(&ca);
    let url = format!("{}/v2/", registry.url());
    let code = |fault| {
        registry.connect_fault(fault, 1);
        curl(&["-k", "-m", "1", &url]).0
    };
    // 28 is curl's timeout, 35 its TLS failure.
    assert_eq!(code(ConnectFault::Silence(Duration::from_secs(30))), 28);
    assert_eq!(code(ConnectFault::SilenceAfterHello(Duration::from_secs(30))), 28);
    assert_eq!(code(ConnectFault::Garbage(b"SSH-2.0-no\r\n".to_vec())), 35);
    // A reset may arrive while curl still connects (7) or in its handshake (35).
    assert!([7, 35].contains(&code(ConnectFault::Close(Cut::Rst))));
    assert_eq!(code(ConnectFault::CloseAfterHello(Cut::Fin)), 35);
    assert_eq!(curl(&["-k", &url]).0, 0);
    let hole = format!("http://{}/", BlackHole::start().address());
    assert_eq!(curl(&["-m", "1", &hole]).0, 7, "a hole that is gone refuses");
    let hole = BlackHole::start();
    assert_eq!(curl(&["-m", "1", &format!("http://{}/", hole.address())]).0, 28);
}

#[test]
fn cncf_registry_in_every_mode() {
    let ca = Ca::default();
    let certs = tempfile::tempdir().unwrap();
    let platforms = ["linux/amd64", "linux/arm64"];

    let mut plain = Cncf::start(&cncf::Options::default());
    let image = plain.push_busybox("demo/app", "1", &platforms, &[]);
    plain.kill();
    plain.restart();
    pull_by_skopeo(&plain.host(), &image, &["--src-tls-verify=false"]);

    let tls = Cncf::start(&cncf::Options { tls: Some(&ca), ..Default::default() });
    let dir = ca.write_certs_d(certs.path(), &tls.host(), None);
    let image = tls.push_busybox("demo/app", "1", &platforms, &[]);
    pull_by_skopeo(&tls.host(), &image, &[&format!("--src-cert-dir={}", dir.display())]);

    let options = cncf::Options { tls: Some(&ca), client_ca: Some(&ca), ..Default::default() };
    let mutual = Cncf::start(&options);
    let dir = ca.write_certs_d(certs.path(), &mutual.host(), Some(&ca.client("alice")));
    let dir = dir.display();
    let to = format!("--dest-cert-dir={dir}");
    let image = mutual.push_busybox("demo/app", "1", &platforms, &[&to]);
    pull_by_skopeo(&mutual.host(), &image, &[&format!("--src-cert-dir={dir}")]);

    let htpasswd = vec![("alice", "wonderland")];
    let basic = Cncf::start(&cncf::Options { htpasswd, ..Default::default() });
    let creds = ["--dest-creds=alice:wonderland"];
    let image = basic.push_busybox("demo/app", "1", &platforms, &creds);
    let creds = ["--src-tls-verify=false", "--src-creds=alice:wonderland"];
    pull_by_skopeo(&basic.host(), &image, &creds);
    assert!(curl(&[&format!("{}/v2/", basic.url())]).1.starts_with("HTTP/1.1 401"));

    let token = TokenServer::plain();
    let bearer = Cncf::start(&cncf::Options { token: Some(&token), ..Default::default() });
    let creds = ["--dest-creds=alice:wonderland"];
    let image = bearer.push_busybox("demo/app", "1", &platforms, &creds);
    token.clear();
    pull_by_skopeo(&bearer.host(), &image, &["--src-tls-verify=false"]);
    assert!(!token.requests().is_empty(), "an anonymous pull asks for a token");
}

#[test]
fn rig_sees_where_a_secret_goes() {
    use ocireg_testkit::rig::{Rig, ask_basic, canary};
    let (rig, secret) = (Rig::start(|_| ask_basic()), canary());
    let user = format!("alice:{secret}");
    curl(&["-u", &user, &format!("{}/v2/", rig.registry.url())]);
    rig.assert_canary_only(&[&rig.registry], &secret);
    curl(&["-u", &user, &format!("{}/v2/", rig.bystander.url())]);
    let check = || rig.assert_canary_only(&[&rig.registry], &secret);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err());
    // Else its end would say the same.
    rig.bystander.may_receive(&secret);
}

#[test]
fn slow_dns_delays_and_maps() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::plain());
    let library = ocireg_testkit::slow_dns::build(dir.path());
    let mut command = Command::new(program("curl", "curl"));
    command.args(["-sf", &format!("http://evil.test:{}/v2/", registry.port())]);
    let map = [("other.test", "127.0.0.9"), ("evil.test", "127.0.0.1")];
    ocireg_testkit::slow_dns::apply(&mut command, &library, Duration::from_millis(300), &map);
    let run = process::run(&mut command, LIMIT).unwrap();
    assert!(run.wall >= Duration::from_millis(300) && run.peak_kib > 0, "{run:?}");
    assert_eq!(run.expect_success(), "{}");
}

#[test]
fn serve_says_where_it_is() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    for arguments in [&["--tls", "--auth", "bearer"][..], &["--cncf", "--auth", "basic"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testkit-serve"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).expect(&line);
        let source = format!("docker://{}", said["reference"].as_str().unwrap());
        let creds = ["--tls-verify=false", "--creds=alice:wonderland"];
        assert_eq!(digest::sha256(&skopeo_inspect(&source, &creds)), said["digest"]);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
