//! Manifests, descriptors and platforms: what is read, what is refused, and by which name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocireg::config::settings::Limits;
use ocireg::digest::{Algorithm, Digest};
use ocireg::error::{Code, Error};
use ocireg::v2::media_type::{
    ACCEPT_MANIFESTS, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED,
    OCI_INDEX, OCI_MANIFEST, is_nondistributable,
};
use ocireg::v2::platform::select_or_list;
use ocireg::v2::{Descriptor, Index, Manifest, Platform, select};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn descriptor() -> String {
    format!(r#"{{"mediaType":"application/x","digest":"sha256:{HEX}","size":0}}"#)
}

fn image(more: &str) -> String {
    let d = descriptor();
    format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d},{d}]{more}}}"#)
}

fn index(more: &str) -> String {
    format!(r#"{{"schemaVersion":2,"manifests":[{}]{more}}}"#, descriptor())
}

fn parse(text: impl AsRef<[u8]>, content_type: Option<&str>) -> Result<Manifest, Error> {
    Manifest::parse(text.as_ref(), content_type, &Limits::default())
}

fn refused(text: impl AsRef<[u8]>, content_type: Option<&str>) -> Error {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(&text[..text.len().min(300)]).into_owned();
    match parse(text, content_type) {
        Ok(_) => panic!("{content_type:?} was accepted: {shown}"),
        Err(e) => e,
    }
}

#[test]
fn every_known_type_is_read_with_and_without_its_content_type() {
    for (media_type, is_index) in
        [(OCI_MANIFEST, false), (DOCKER_MANIFEST, false), (OCI_INDEX, true), (DOCKER_LIST, true)]
    {
        let more = format!(r#","mediaType":"{media_type}""#);
        let text = if is_index { index(&more) } else { image(&more) };
        let with_parameters = format!("{}; charset=utf-8", media_type.to_uppercase());
        for content_type in [
            None,
            Some(""),
            Some(media_type),
            Some(with_parameters.as_str()),
            Some("application/json"),
            Some("text/plain; charset=utf-8"),
            Some("application/octet-stream"),
        ] {
            let manifest = parse(&text, content_type).unwrap();
            assert_eq!(manifest.media_type(), media_type, "{content_type:?}");
            assert_eq!(matches!(manifest, Manifest::Index(_)), is_index);
        }
        // The body may leave its type to the header.
        let bare = if is_index { index("") } else { image("") };
        assert_eq!(parse(&bare, Some(media_type)).unwrap().media_type(), media_type);
        assert!(ACCEPT_MANIFESTS.split(", ").any(|accepted| accepted == media_type));
    }
    assert_eq!(parse(image(""), None).unwrap().media_type(), OCI_MANIFEST);
    assert_eq!(parse(index(""), None).unwrap().media_type(), OCI_INDEX);
}

#[test]
fn one_document_is_never_two() {
    let d = descriptor();
    let fields = [
        ("config", d.clone()),
        ("layers", format!("[{d}]")),
        ("manifests", format!("[{d}]")),
        ("fsLayers", "[]".to_owned()),
    ];
    let group = |name: &str| match name {
        "config" | "layers" => 0,
        "manifests" => 1,
        _ => 2,
    };
    let types = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, DOCKER_SCHEMA1];
    let mut mixes = 0;
    for set in 0u32..16 {
        let chosen: Vec<_> = fields
            .iter()
            .enumerate()
            .filter(|(i, _)| set & (1 << i) != 0)
            .map(|(_, f)| f)
            .collect();
        let groups: std::collections::BTreeSet<_> = chosen.iter().map(|(n, _)| group(n)).collect();
        if groups.len() < 2 {
            continue;
        }
        for body in types.iter().map(|t| Some(*t)).chain([None]) {
            for value in [None, Some("null")] {
                let mut text = r#"{"schemaVersion":2"#.to_owned();
                for (name, full) in &chosen {
                    text += &format!(r#","{name}":{}"#, value.unwrap_or(full));
                }
                if let Some(body) = body {
                    text += &format!(r#","mediaType":"{body}""#);
                }
                text += "}";
                for header in types.iter().map(|t| Some(*t)).chain([None, Some("text/plain")]) {
                    let error = refused(&text, header);
                    assert_eq!(error.code(), Code::InvalidManifest, "{header:?} {text}");
                    assert!(error.to_string().contains("two kinds"), "{error}");
                    mixes += 1;
                }
            }
        }
    }
    assert!(mixes > 500, "{mixes}");
}

#[test]
fn body_and_content_type_must_agree() {
    let all = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
    for body in all {
        let more = format!(r#","mediaType":"{body}""#);
        let is_index = [OCI_INDEX, DOCKER_LIST].contains(&body);
        let (text, wrong) =
            if is_index { (index(&more), image(&more)) } else { (image(&more), index(&more)) };
        for header in all.into_iter().filter(|header| *header != body) {
            let error = refused(&text, Some(header));
            assert_eq!(error.code(), Code::InvalidManifest);
            assert!(error.to_string().contains("was sent as"), "{error}");
        }
        for header in [None, Some(body)] {
            assert_eq!(refused(&wrong, header).code(), Code::InvalidManifest);
        }
    }
    // The header alone never decides.
    assert_eq!(refused(image(""), Some(OCI_INDEX)).code(), Code::InvalidManifest);
    assert_eq!(refused(index(""), Some(DOCKER_MANIFEST)).code(), Code::InvalidManifest);
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    let good = image("");
    assert!(parse(&good, None).is_ok());
    let d = descriptor();
    let cases = [
        (format!("{good}{{}}"), "trailing"),
        (format!("{good} x"), "trailing"),
        (format!("{good}{good}"), "trailing"),
        (image(r#","layers":[]"#), "twice"),
        (image(r#","l\u0061yers":[]"#), "twice"),
        (image(r#","x":{"a":[{"b":1,"b":2}]}"#), "twice"),
        (image(r#","annotations":{"a":"1","a":"2"}"#), "twice"),
        (image(r#","Layers":[]"#), "\"Layers\""),
        (image(r#","layerſ":[]"#), "\"layerſ\""),
        (image(r#","MediaType":"x""#), "\"MediaType\""),
        (good.replace("\"layers\"", "\"Layers\""), "\"Layers\""),
        (good.replace("\"config\"", "\"CONFIG\""), "\"CONFIG\""),
        (good.replacen("\"size\":0", "\"size\":0,\"Size\":5", 1), "\"Size\""),
        (good.replacen("\"size\":0", "\"size\":0,\"size\":5", 1), "twice"),
        (index("").replace("\"size\":0", r#""size":0,"platform":{"os":"a","OS":"b"}"#), "\"OS\""),
        (good.replace("\"schemaVersion\":2", "\"schemaVersion\":3"), "schemaVersion"),
        (good.replace("\"schemaVersion\":2", "\"x\":2"), "schemaVersion"),
        (format!("[{good}]"), "no JSON object"),
        (format!(r#"{{"schemaVersion":2,"layers":[{d}]}}"#), "\"config\""),
        (format!(r#"{{"schemaVersion":2,"config":{d}}}"#), "\"layers\""),
        (r#"{"schemaVersion":2}"#.to_owned(), "\"layers\""),
        ("<html>502 Bad Gateway</html>".to_owned(), "JSON"),
        (String::new(), "JSON"),
        (good[..good.len() - 1].to_owned(), "JSON"),
        (format!("\u{feff}{good}"), "JSON"),
    ];
    for (text, word) in cases {
        let error = refused(&text, None);
        assert_eq!(error.code(), Code::InvalidManifest, "{text}");
        assert!(error.to_string().contains(word), "{word:?} is not in {error}");
    }
    assert_eq!(refused([good.as_bytes(), b"\xff"].concat(), None).code(), Code::InvalidManifest);
    // Annotations are free text: there, letter case makes another key.
    assert!(parse(image(r#","annotations":{"a":"1","A":"2"}"#), None).is_ok());
}

#[test]
fn old_and_foreign_manifests_are_named() {
    let old = r#"{"schemaVersion":1,"name":"a","tag":"b","architecture":"amd64","fsLayers":[]}"#;
    for header in [
        None,
        Some("application/json"),
        Some(DOCKER_SCHEMA1),
        Some(DOCKER_SCHEMA1_SIGNED),
        Some(OCI_MANIFEST),
    ] {
        let error = refused(old, header);
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.to_string().contains("schema 1"), "{error}");
    }
    let foreign = image(r#","mediaType":"application/vnd.example.manifest+json""#);
    let error = refused(foreign, None);
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("vnd.example"), "{error}");
}

#[test]
fn unknown_types_within_a_manifest_are_no_error() {
    let text = image(r#","artifactType":"application/vnd.new","somethingNew":{"x":[1,2]}"#);
    let manifest = parse(text, None).unwrap();
    assert_eq!(manifest.artifact_type(), Some("application/vnd.new"));
    assert_eq!(manifest.kind(), "artifact");
    assert_eq!(parse(image(""), None).unwrap().artifact_type(), Some("application/x"));
    assert_eq!(parse(index(r#","artifactType":"a""#), None).unwrap().kind(), "index");
    // Go writes empty lists as null.
    let d = descriptor();
    let empty = format!(
        r#"{{"schemaVersion":2,"config":{d},"layers":null,"subject":null,"annotations":null}}"#
    );
    assert_eq!(parse(empty, None).unwrap().children().count(), 1);
    assert!(parse(r#"{"schemaVersion":2,"manifests":null}"#, None).is_ok());
}

#[test]
fn sizes_are_whole_numbers_in_range() {
    let with = |size: &str| image("").replace("\"size\":0", &format!("\"size\":{size}"));
    for size in ["0", "1", "4611686018427387904", "9223372036854775807"] {
        let Manifest::Image(image) = parse(with(size), None).unwrap() else { panic!("no image") };
        assert_eq!(image.config.size.to_string(), size);
    }
    for size in [
        "-1",
        "-0.5",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "1e3",
        "12.5",
        "\"12\"",
        "null",
        "true",
        "[]",
    ] {
        assert_eq!(refused(with(size), None).code(), Code::InvalidManifest, "{size}");
    }
}

#[test]
fn digests_are_digests() {
    let upper = HEX.to_uppercase();
    let sha512 = Digest::of(Algorithm::Sha512, b"").to_string();
    assert!(parse(image("").replace(&format!("sha256:{HEX}"), &sha512), None).is_ok());
    for digest in [
        "sha256:",
        "sha256:../../../etc/passwd",
        &format!("sha256:{}", &HEX[1..]),
        &format!("sha256:{HEX}0"),
        &format!("sha256:{upper}"),
        &format!("a:sha256:{HEX}"),
        &format!("md5:{HEX}"),
        &format!("sha512:{HEX}"),
        &format!("SHA256:{HEX}"),
        &format!("sha256:%2e%2e{}", &HEX[6..]),
        &format!("sha256:\\u0000{}", &HEX[1..]),
        &format!("sha256/{HEX}"),
        HEX,
        "",
    ] {
        let error = refused(image("").replace(&format!("sha256:{HEX}"), digest), None);
        assert_eq!(error.code(), Code::InvalidManifest, "{digest}");
    }
}

#[test]
fn depth_and_counts_are_limited() {
    for text in ["[".repeat(1_000_000), r#"{"a":"#.repeat(1_000_000)] {
        assert_eq!(refused(&text, None).code(), Code::InvalidManifest);
    }
    let hidden = image(&format!(r#","x":{}{}"#, "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(refused(hidden, None).code(), Code::InvalidManifest);

    let limits = Limits { children: 3, ..Limits::default() };
    let list = |n: usize| {
        let all = vec![descriptor(); n].join(",");
        format!(r#"{{"schemaVersion":2,"manifests":[{all}]}}"#)
    };
    assert!(Manifest::parse(list(3).as_bytes(), None, &limits).is_ok());
    let error = Manifest::parse(list(4).as_bytes(), None, &limits).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert_eq!(refused(list(10_001), None).code(), Code::Limit);

    let text = image("");
    let exactly = Limits { manifest: text.len() as u64, ..Limits::default() };
    assert!(Manifest::parse(text.as_bytes(), None, &exactly).is_ok());
    let error = Manifest::parse(format!("{text} ").as_bytes(), None, &exactly).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
}

#[test]
fn a_parser_error_does_not_repeat_the_document() {
    let long = "x".repeat(100_000);
    let error = refused(image("").replace("\"size\":0", &format!("\"size\":\"{long}\"")), None);
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
}

#[test]
fn embedded_data_is_verified() {
    let with = |content: &[u8], data: &str| {
        let digest = Digest::of(Algorithm::Sha256, content);
        let size = content.len();
        let d = format!(
            r#"{{"mediaType":"application/x","digest":"{digest}","size":{size},"data":"{data}"}}"#
        );
        format!(r#"{{"schemaVersion":2,"config":{d},"layers":[]}}"#)
    };
    let Manifest::Image(image) = parse(with(b"{}", "e30="), None).unwrap() else { panic!() };
    assert_eq!(image.config.embedded().unwrap().as_deref(), Some(&b"{}"[..]));
    let cases = [
        (with(b"{}", &BASE64.encode(b"{]")), Code::DigestMismatch),
        (with(b"{}", &BASE64.encode(b"{} ")), Code::SizeMismatch),
        (with(b"{}", "e30"), Code::InvalidManifest),
        (with(b"{}", "no base64!"), Code::InvalidManifest),
    ];
    for (text, code) in cases {
        assert_eq!(refused(&text, None).code(), code, "{text}");
    }
}

#[test]
fn a_descriptor_goes_out_as_it_came_in() {
    let text = format!(
        r#"{{"mediaType":"application/x","digest":"sha256:{HEX}","size":7,"urls":["https://a/b"],"annotations":{{"k":"v"}},"platform":{{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k"],"features":["sse4"]}},"artifactType":"a/b","unknown":{{"x":[1,2.5,null]}}}}"#
    );
    let parsed: Descriptor = serde_json::from_str(&text).unwrap();
    let again = serde_json::to_value(&parsed).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).unwrap());
    let plain: Descriptor = serde_json::from_str(&descriptor()).unwrap();
    assert_eq!(serde_json::to_string(&plain).unwrap(), descriptor());
}

fn platforms(names: &[&str]) -> Index {
    let manifests = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let mut d = Descriptor::new(OCI_MANIFEST, Digest::of(Algorithm::Sha256, &[]), i as u64);
            if !name.is_empty() {
                let mut parts = name.split('/');
                let json = serde_json::json!({
                    "os": parts.next(), "architecture": parts.next(), "variant": parts.next().unwrap_or("")
                });
                d.platform = Some(serde_json::from_value(json).unwrap());
            }
            d
        })
        .collect();
    Index {
        media_type: OCI_INDEX.to_owned(),
        manifests,
        subject: None,
        annotations: Default::default(),
        artifact_type: None,
    }
}

#[test]
fn the_first_entry_that_runs_is_taken() {
    let usual = &[
        "unknown/unknown",
        "linux/amd64",
        "linux/amd64",
        "linux/arm/v5",
        "linux/arm/v7",
        "linux/arm64/v8",
        "windows/amd64",
        "linux/amd64/v3",
        "linux/386",
    ][..];
    let cases: &[(&[&str], &str, Option<u64>)] = &[
        (usual, "linux/amd64", Some(1)),
        (usual, "linux/x86_64", Some(1)),
        (usual, "Linux/AMD64", Some(1)),
        (usual, "linux/amd64/v3", Some(7)),
        (usual, "linux/amd64/v2", Some(1)),
        (usual, "linux/arm", Some(4)),
        (usual, "linux/arm/v8", Some(4)),
        (usual, "linux/arm/v6", Some(3)),
        (usual, "linux/arm/7", Some(4)),
        (usual, "linux/armhf", Some(4)),
        (usual, "linux/arm64", Some(5)),
        (usual, "linux/aarch64", Some(5)),
        (usual, "linux/arm64/v9", Some(5)),
        (usual, "linux/i386", Some(8)),
        (usual, "windows/amd64", Some(6)),
        (usual, "linux/riscv64", None),
        (usual, "darwin/amd64", None),
        (usual, "unknown/unknown", None),
        (&["linux/arm/v7"], "linux/arm/v6", None),
        (&["linux/amd64/v3"], "linux/amd64", None),
        (&["linux/arm64"], "linux/arm64/v8", Some(0)),
        (&["linux/arm"], "linux/arm/v7", Some(0)),
        // An index that says nothing has one image; one that says something means it.
        (&["", ""], "linux/amd64", Some(0)),
        (&["", "linux/arm64"], "linux/amd64", None),
        (&["unknown/unknown"], "linux/amd64", None),
        (&[], "linux/amd64", None),
    ];
    for (entries, wanted, expected) in cases {
        let index = platforms(entries);
        let found = select(&index, &wanted.parse().unwrap()).map(|d| d.size);
        assert_eq!(found, *expected, "{wanted} of {entries:?}");
    }
    let error = select_or_list(&platforms(usual), &"linux/s390x".parse().unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::NoPlatform);
    let hint = error.details().hint.clone().unwrap();
    assert!(hint.contains("linux/amd64, linux/arm/v5, linux/arm/v7"), "{hint}");
    assert!(!hint.contains("unknown"), "{hint}");
}

#[test]
fn platforms_as_text() {
    for (text, shown) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("macos/aarch64", "darwin/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/arm64/v8", "linux/arm64"),
    ] {
        assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
    }
    for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "a/b/", "linux/am d64", "linux//v7"] {
        let error = text.parse::<Platform>().unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{text}");
    }
    let host = Platform::host().to_string();
    assert!(host.starts_with(std::env::consts::OS) && !host.contains("x86_64"), "{host}");
}

#[test]
fn nondistributable_layers_are_known_by_type() {
    for media_type in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    ] {
        assert!(is_nondistributable(media_type));
    }
    assert!(!is_nondistributable("application/vnd.oci.image.layer.v1.tar+gzip"));
    assert!(!is_nondistributable(OCI_MANIFEST));
}
