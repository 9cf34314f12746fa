//! Manifests, descriptors and platforms: what is read, what is refused, and by which name.

use std::cell::Cell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocireg::config::settings::Limits;
use ocireg::error::{Code, Error};
use ocireg::image::manifest::Fetched;
use ocireg::image::manifest::Kind;
use ocireg::image::media_type::{
    ACCEPT_MANIFESTS, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED,
    OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, is_nondistributable,
};
use ocireg::image::select::{Source, choose};
use ocireg::image::{Descriptor, Index, Manifest, Platform};
use ocireg::names::digest::{Algorithm, Digest};
use serde_json::{Value, json};

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
fn b1_one_document_is_never_two() {
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
fn b1_body_and_content_type_must_agree() {
    let all = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
    for body in all {
        let more = format!(r#","mediaType":"{body}""#);
        let is_index = [OCI_INDEX, DOCKER_LIST].contains(&body);
        let (text, wrong) =
            if is_index { (index(&more), image(&more)) } else { (image(&more), index(&more)) };
        for header in all.into_iter().filter(|header| *header != body) {
            let error = refused(&text, Some(header));
            assert_eq!(error.code(), Code::InvalidManifest);
            assert!(error.to_string().contains("but its Content-Type is"), "{error}");
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
fn b2_what_two_parsers_could_read_differently_is_refused() {
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
        (format!("[{good}]"), "not a JSON object"),
        (format!(r#"{{"schemaVersion":2,"layers":[{d}]}}"#), "\"config\""),
        (r#"{"schemaVersion":2}"#.to_owned(), "\"config\""),
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
    assert_eq!(manifest.kind(), Kind::Artifact);
    assert_eq!(parse(image(""), None).unwrap().artifact_type(), Some("application/x"));
    assert_eq!(parse(index(r#","artifactType":"a""#), None).unwrap().kind(), Kind::Index);
    // An artifact may have no list of layers. Go writes empty lists as null, and reads null as what is empty.
    let d = descriptor();
    let none = format!(r#"{{"schemaVersion":2,"config":{d},"artifactType":"a/b"}}"#);
    for content_type in [None, Some(OCI_MANIFEST)] {
        let Manifest::Image(image) = parse(&none, content_type).unwrap() else { panic!() };
        assert!(image.layers.is_empty());
    }
    assert_eq!(refused(&none, Some(OCI_INDEX)).code(), Code::InvalidManifest);
    let null = image(
        r#","mediaType":null,"artifactType":null,"subject":null,"annotations":{"a":null,"b":"c"}"#,
    );
    let null = null.replace(
        "\"size\":0",
        r#""size":0,"urls":null,"annotations":{"a":null},"data":null,"artifactType":null,"platform":{"os":null,"architecture":null,"variant":null,"os.version":null,"os.features":null}"#,
    );
    let Manifest::Image(image) = parse(null, None).unwrap() else { panic!() };
    assert_eq!(image.annotations["a"], "");
    assert_eq!(image.config.annotations.as_ref().unwrap()["a"], "");
    assert!(!image.config.platform.as_ref().unwrap().is_stated());
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

    let limits = Limits::builder().children(3u64).build().expect("limits");
    let list = |n: usize| {
        let all = vec![descriptor(); n].join(",");
        format!(r#"{{"schemaVersion":2,"manifests":[{all}]}}"#)
    };
    assert!(Manifest::parse(list(3).as_bytes(), None, &limits).is_ok());
    let error = Manifest::parse(list(4).as_bytes(), None, &limits).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert_eq!(refused(list(10_001), None).code(), Code::Limit);

    let text = image("");
    let exactly = Limits::builder().manifest(text.len() as u64).build().expect("limits");
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

/// The documents that an index leads to, and how often it was asked for one.
#[derive(Default)]
struct Documents {
    all: BTreeMap<Digest, Vec<u8>>,
    asked: Cell<usize>,
}

impl Documents {
    fn put(&mut self, media_type: &str, document: &Value) -> Descriptor {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        self.all.insert(digest.clone(), bytes.clone());
        Descriptor::new(media_type, digest, bytes.len() as u64)
    }

    /// An image whose configuration is for `os/arch[/variant]`; `""` says nothing.
    fn image(&mut self, platform: &str) -> Descriptor {
        self.image_of(OCI_CONFIG, &platform_json(platform))
    }

    fn image_of(&mut self, config_type: &str, config: &Value) -> Descriptor {
        let config = self.put(config_type, config);
        self.put(
            OCI_MANIFEST,
            &json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}),
        )
    }

    fn index(&mut self, entries: &[Descriptor]) -> Descriptor {
        self.put(
            OCI_INDEX,
            &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}),
        )
    }

    fn get(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.asked.set(self.asked.get() + 1);
        let missing = || Error::new(Code::NotFound, format!("{} is missing", descriptor.digest));
        self.all.get(&descriptor.digest).cloned().ok_or_else(missing)
    }

    /// The image of an index for a platform, and what it is said to run on.
    fn choose(&self, entries: &[Descriptor], wanted: &str) -> Result<(Digest, String), Error> {
        self.asked.set(0);
        let (wanted, limits) = (wanted.parse().unwrap(), Limits::default());
        let chosen = choose(&index_of(entries), &wanted, &limits, self)?;
        let platform = chosen.platform.map(|platform| platform.to_string());
        Ok((chosen.image.descriptor.digest, platform.unwrap_or_default()))
    }
}

impl Source for Documents {
    fn manifest(&self, child: &Descriptor) -> Result<Fetched, Error> {
        let bytes = self.get(child)?;
        let manifest = Manifest::parse(&bytes, Some(&child.media_type), &Limits::default())?;
        Ok(Fetched { descriptor: child.clone(), bytes, manifest })
    }

    fn config(&self, config: &Descriptor) -> Result<Vec<u8>, Error> {
        self.get(config)
    }
}

fn platform_json(name: &str) -> Value {
    if name.is_empty() {
        return json!({});
    }
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, json!(version)),
        None => (name, Value::Null),
    };
    let mut parts = name.split('/');
    json!({
        "os": parts.next(), "architecture": parts.next(), "variant": parts.next().unwrap_or(""),
        "os.version": version,
    })
}

fn stating(descriptor: Descriptor, platform: &str) -> Descriptor {
    let platform = Some(serde_json::from_value(platform_json(platform)).unwrap());
    Descriptor { platform, ..descriptor }
}

fn index_of(entries: &[Descriptor]) -> Index {
    Index {
        media_type: OCI_INDEX.to_owned(),
        manifests: entries.to_vec(),
        subject: None,
        annotations: Default::default(),
        artifact_type: None,
    }
}

/// Which of some stated platforms is taken.
fn taken(offered: &[&str], wanted: &str) -> Option<usize> {
    let mut documents = Documents::default();
    let entries: Vec<Descriptor> = offered
        .iter()
        .enumerate()
        .map(|(i, platform)| {
            let image = documents.image_of("application/x", &json!({"i": i}));
            stating(image, platform)
        })
        .collect();
    let (digest, said) = documents.choose(&entries, wanted).ok()?;
    assert_eq!(documents.asked.get(), 1, "stated platforms are believed");
    let taken = entries.iter().position(|entry| entry.digest == digest).unwrap();
    assert_eq!(said, entries[taken].platform.as_ref().unwrap().to_string());
    Some(taken)
}

#[test]
fn the_best_entry_that_runs_is_taken_and_the_first_of_equals() {
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
    let cases: &[(&[&str], &str, Option<usize>)] = &[
        (usual, "linux/amd64", Some(1)),
        (usual, "linux/x86_64", Some(1)),
        (usual, "Linux/AMD64", Some(1)),
        (usual, "linux/amd64/v3", Some(7)),
        (usual, "linux/amd64/v4", Some(7)),
        (usual, "linux/amd64/v2", Some(1)),
        (usual, "linux/amd64/v1", Some(1)),
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
        (&["linux/amd64/v3"], "linux/amd64/v2", None),
        (&["linux/amd64/v2", "linux/amd64/v3"], "linux/amd64/v4", Some(1)),
        (&["linux/amd64", "linux/amd64/v2"], "linux/amd64/v3", Some(1)),
        (&["linux/arm64"], "linux/arm64/v8", Some(0)),
        (&["linux/arm"], "linux/arm/v7", Some(0)),
        // A processor runs the code of an older architecture, if there is none of its own.
        (&["linux/386"], "linux/amd64", Some(0)),
        (&["linux/386", "linux/amd64"], "linux/amd64/v4", Some(1)),
        (&["linux/amd64"], "linux/386", None),
        (&["linux/arm/v6", "linux/arm/v7"], "linux/arm64", Some(1)),
        (&["linux/arm/v5"], "linux/arm64/v8.2", Some(0)),
        (&["linux/arm64"], "linux/arm/v8", None),
        (&["linux/arm/v4"], "linux/arm/v5", None),
        (&["linux/arm/v4"], "linux/arm/v4", Some(0)),
        // Version 9.n of arm64 has all that 8.(n + 5) has.
        (&["linux/arm64/v8.2"], "linux/arm64", None),
        (&["linux/arm64/v8.2", "linux/arm64/v8"], "linux/arm64/v8.1", Some(1)),
        (&["linux/arm64/v8.6"], "linux/arm64/v9", None),
        (&["linux/arm64/v8.6", "linux/arm64/v9.0"], "linux/arm64/v9.1", Some(1)),
        (&["linux/arm64/v8.6"], "linux/arm64/v9.1", Some(0)),
        (&["linux/arm64/v8.9"], "linux/arm64/v9.7", Some(0)),
        (&["linux/riscv64/rva22"], "linux/riscv64/rva22", Some(0)),
        (&["linux/riscv64"], "linux/riscv64/rva22", None),
        // What runs nowhere, or says nothing, is no entry for anybody.
        (&["unknown/unknown"], "linux/amd64", None),
        (&[], "linux/amd64", None),
    ];
    for (offered, wanted, expected) in cases {
        assert_eq!(taken(offered, wanted), *expected, "{wanted} of {offered:?}");
    }
    let mut documents = Documents::default();
    let image = documents.image("");
    let entries: Vec<_> = usual.iter().map(|p| stating(image.clone(), p)).collect();
    let error = documents.choose(&entries, "linux/s390x").unwrap_err();
    assert_eq!(error.code(), Code::NoPlatform);
    let hint = error.details().hint.clone().unwrap();
    assert!(hint.contains("linux/amd64, linux/arm/v5, linux/arm/v7"), "{hint}");
    assert!(!hint.contains("unknown"), "{hint}");
}

#[test]
fn a_version_of_windows_is_chosen_and_runs_what_it_can() {
    let offered = &[
        "windows/amd64@10.0.17763.5576",
        "windows/amd64@10.0.20348.2402",
        "windows/amd64@10.0.20348.2500",
        "windows/amd64@10.0.26100.1",
        "windows/amd64",
    ][..];
    for (wanted, expected) in [
        ("windows/amd64", Some(0)),
        ("windows(10.0.17763.5576)/amd64", Some(0)),
        ("windows(10.0.17763)/amd64", Some(0)),
        ("windows(10.0.20348.2500)/amd64", Some(2)),
        ("windows(10.0.20348.1)/amd64", Some(1)),
        ("windows(10.0.20348)/amd64", Some(1)),
        // Newer than Server 2022: what is nearest, not older than the long-term release before.
        ("windows(10.0.25398)/amd64", Some(1)),
        ("windows(10.0.26100)/amd64", Some(3)),
        ("windows(10.0.26200)/amd64", Some(3)),
        ("windows(10.0.14393)/amd64", Some(4)),
        ("windows(6.3.20348)/amd64", Some(4)),
        ("windows(10.0.20348)/arm64", None),
    ] {
        assert_eq!(taken(offered, wanted), expected, "{wanted}");
    }
    assert_eq!(taken(&offered[..4], "windows(10.0.14393)/amd64"), None);
    assert_eq!(taken(&offered[..1], "windows(10.0.20348)/amd64"), None);
    // Elsewhere the version decides nothing.
    assert_eq!(taken(&["linux/amd64@5.10"], "linux(6.1)/amd64"), Some(0));
    assert_eq!(taken(&["linux/amd64@5.10", "linux/amd64@6.1"], "linux(6.1)/amd64"), Some(1));
}

#[test]
fn features_of_the_system_have_to_be_there() {
    let with = |os: &str, features: &[&str]| Platform {
        os_features: features.iter().map(|f| (*f).to_owned()).collect(),
        ..Platform::new(os, "amd64", None)
    };
    let suits =
        |wanted: &str, offered: &Platform| wanted.parse::<Platform>().unwrap().suits(offered);
    assert!(suits("linux/amd64", &with("linux", &["erofs"])).is_none());
    assert!(suits("linux(+erofs)/amd64", &with("linux", &["erofs"])).is_some());
    assert!(suits("linux(+a+erofs)/amd64", &with("linux", &["erofs"])).is_some());
    assert!(suits("linux(+erofs)/amd64", &with("linux", &["erofs", "a"])).is_none());
    assert!(suits("windows/amd64", &with("windows", &["win32k"])).is_some());
    let plain = suits("linux(+erofs)/amd64", &with("linux", &[]));
    assert!(suits("linux(+erofs)/amd64", &with("linux", &["erofs"])) < plain);
}

#[test]
fn an_entry_without_a_platform_is_what_its_configuration_says() {
    let mut d = Documents::default();
    let (arm, amd) = (d.image("linux/arm64"), d.image("linux/amd64"));
    let attestation = Descriptor {
        annotations: Some([("vnd.docker.reference.type".to_owned(), "x".to_owned())].into()),
        ..d.image("linux/amd64/v1")
    };
    let unknown = stating(d.image("unknown/unknown"), "unknown/unknown");
    let empty = stating(amd.clone(), "");
    let helm = d.image_of("application/vnd.cncf.helm.config.v1+json", &json!({"name": "x"}));
    let silent = d.image("");
    let found = |d: &Documents, entries: &[&Descriptor], wanted: &str| {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).clone()).collect();
        d.choose(&entries, wanted).map_err(|e| e.code())
    };
    let is = |image: &Descriptor, platform: &str| Ok((image.digest.clone(), platform.to_owned()));
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    assert_eq!(found(&d, &[&amd, &unknown], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&arm, &amd], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&arm, &amd], arm64), is(&arm, arm64));
    assert_eq!(found(&d, &[&empty], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&attestation, &amd], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&helm, &silent, &amd], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&arm], amd64), Err(Code::NoPlatform));
    assert_eq!(found(&d, &[&attestation], amd64), Err(Code::NoPlatform));
    assert_eq!(found(&d, &[&helm, &arm], amd64), Err(Code::NoPlatform));
    // What is stated comes first, and nothing is asked for.
    let stated = stating(d.image("linux/amd64/"), amd64);
    assert_eq!(found(&d, &[&amd, &stated], amd64), is(&stated, amd64));
    assert_eq!(d.asked.get(), 1);
    // Before another architecture, the unstated ones are looked at.
    let i386 = stating(d.image("linux/386"), "linux/386");
    assert_eq!(found(&d, &[&i386, &amd], amd64), is(&amd, amd64));
    assert_eq!(found(&d, &[&i386, &arm], amd64), is(&i386, "linux/386"));
    // The best of the unstated ones, the first of equals, each looked at once.
    let (v3, v3_too) = (d.image("linux/amd64/v3"), d.image("linux/amd64/v3@"));
    assert_eq!(found(&d, &[&amd, &v3, &v3_too, &arm], "linux/amd64/v3"), is(&v3, "linux/amd64/v3"));
    assert_eq!(d.asked.get(), 4);
    assert_eq!(found(&d, &[&arm, &arm, &arm], amd64), Err(Code::NoPlatform));
    assert_eq!(d.asked.get(), 2);
    // An index of artifacts for no platform gives its first, and does not claim one for it.
    assert_eq!(found(&d, &[&unknown, &helm, &silent], amd64), is(&helm, ""));
    assert_eq!(found(&d, &[&silent], amd64), is(&silent, ""));
    let error = d.choose(&[stating(arm.clone(), arm64), amd], "linux/s390x").unwrap_err();
    assert!(error.details().hint.as_ref().unwrap().contains("linux/arm64, linux/amd64"), "{error}");
}

#[test]
fn an_index_of_which_a_part_is_missing_gives_what_is_there() {
    let mut d = Documents::default();
    let (amd, arm, lost) = (d.image("linux/amd64"), d.image("linux/arm64"), d.image("linux/s390x"));
    let bare = d.image_of(OCI_CONFIG, &json!({"os": "linux", "architecture": "s390x", "x": 1}));
    let Manifest::Image(image) =
        Manifest::parse(&d.all[&bare.digest], None, &Limits::default()).unwrap()
    else {
        panic!("no image")
    };
    d.all.remove(&lost.digest);
    d.all.remove(&image.config.digest);
    let entries = [lost.clone(), bare, arm, amd.clone()];
    assert_eq!(d.choose(&entries, "linux/amd64").unwrap().0, amd.digest);
    // Whether it would have been the one is not known.
    let error = d.choose(&entries, "linux/s390x").unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.to_string().contains(&lost.digest.to_string()), "{error}");
}

#[test]
fn configurations_that_can_be_read_in_two_ways_say_nothing() {
    let of = |config: &str| Platform::of_config(config.as_bytes()).map(|p| p.to_string());
    assert_eq!(
        of(r#"{"os":"linux","architecture":"arm","variant":"v6"}"#).unwrap(),
        "linux/arm/v6"
    );
    let windows = r#"{"os":"windows","architecture":"amd64","os.version":"10.0.1","x":[{}]}"#;
    assert_eq!(of(windows).unwrap(), "windows(10.0.1)/amd64");
    for config in [
        "",
        "[]",
        "{}",
        r#"{"os":"linux"}"#,
        r#"{"os":"linux","architecture":""}"#,
        r#"{"os":null,"architecture":"amd64"}"#,
        r#"{"os":1,"architecture":"amd64"}"#,
        r#"{"os":"linux","architecture":"amd64","os":"windows"}"#,
        r#"{"os":"linux","architecture":"amd64"}{}"#,
    ] {
        assert_eq!(of(config), None, "{config}");
    }
}

#[test]
fn every_index_within_an_index_is_looked_into_in_order() {
    let mut d = Documents::default();
    let (amd, arm) = (d.image("linux/amd64"), d.image("linux/arm64"));
    let v2 = stating(d.image("linux/amd64/v2"), "linux/amd64/v2");
    let of_arm = d.index(&[stating(arm.clone(), "linux/arm64")]);
    let of_both = d.index(&[arm.clone(), amd.clone()]);
    let of_v2 = d.index(std::slice::from_ref(&v2));
    let twice = d.index(&[of_arm.clone(), of_both.clone()]);
    let take = |d: &Documents, entries: &[Descriptor], wanted: &str| {
        d.choose(entries, wanted).map(|(digest, _)| digest).map_err(|e| e.code())
    };
    let both = [of_arm.clone(), of_both.clone()];
    assert_eq!(take(&d, &both, "linux/amd64"), Ok(amd.digest.clone()));
    assert_eq!(take(&d, &both, "linux/arm64"), Ok(arm.digest.clone()));
    assert_eq!(take(&d, std::slice::from_ref(&twice), "linux/amd64"), Ok(amd.digest.clone()));
    let better = [of_both.clone(), of_v2.clone()];
    assert_eq!(take(&d, &better, "linux/amd64/v2"), Ok(v2.digest.clone()));
    // A stated platform is where to look first, but the index within has to have it.
    let misled = [stating(of_arm.clone(), "linux/amd64"), of_both.clone()];
    assert_eq!(take(&d, &misled, "linux/amd64"), Ok(amd.digest.clone()));
    let elsewhere = [stating(of_both.clone(), "linux/s390x")];
    assert_eq!(take(&d, &elsewhere, "linux/amd64"), Err(Code::NoPlatform));
    let error = d.choose(&both, "linux/s390x").unwrap_err();
    assert!(error.details().hint.as_ref().unwrap().contains("linux/arm64, linux/amd64"), "{error}");

    // Four levels, and no more; ten thousand entries, and no more.
    let mut deep = amd.clone();
    for level in 1..=5 {
        let expected = if level < 5 { Ok(amd.digest.clone()) } else { Err(Code::Limit) };
        assert_eq!(take(&d, std::slice::from_ref(&deep), "linux/amd64"), expected, "{level}");
        deep = d.index(std::slice::from_ref(&deep));
    }
    let mut wide = vec![stating(arm, "linux/arm64"); 9_999];
    wide.push(amd.clone());
    assert_eq!(take(&d, &wide, "linux/amd64"), Ok(amd.digest.clone()));
    let inner = d.index(&wide[..9_999]);
    assert_eq!(take(&d, &[inner.clone(), amd.clone()], "linux/s390x"), Err(Code::Limit));
}

#[test]
fn entries_that_are_no_manifests_are_passed_over() {
    let mut d = Documents::default();
    let amd = stating(d.image("linux/amd64"), "linux/amd64");
    let unknown = |media_type: &str| {
        let x = Descriptor::new(media_type, Digest::of(Algorithm::Sha256, b"x"), 1);
        [x.clone(), stating(x, "linux/amd64")]
    };
    let types = [
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.buildkit.cacheconfig.v0",
        "application/vnd.oci.artifact.manifest.v1+json",
        "",
    ];
    for media_type in types {
        let [bare, stated] = unknown(media_type);
        let entries = [bare.clone(), stated.clone(), amd.clone()];
        assert_eq!(d.choose(&entries, "linux/amd64").unwrap().0, amd.digest, "{media_type}");
        assert_eq!(d.choose(&[bare, stated], "linux/amd64").unwrap_err().code(), Code::NoPlatform);
    }
    // Schema 1 is told from what is unknown, but only where nothing else is there.
    let [_, old] = unknown(DOCKER_SCHEMA1_SIGNED);
    assert_eq!(d.choose(&[old.clone(), amd.clone()], "linux/amd64").unwrap().0, amd.digest);
    let error = d.choose(&[old], "linux/amd64").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("schema 1"), "{error}");
}

#[test]
fn platforms_as_strings() {
    for (text, shown) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/3", "linux/amd64/v3"),
        ("macos/aarch64", "darwin/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/9.0", "linux/arm64/v9"),
        ("windows(10.0.20348.2402)/amd64", "windows(10.0.20348.2402)/amd64"),
        ("windows()/amd64", "windows/amd64"),
        ("windows(10.0.20348+win32k)/amd64", "windows(10.0.20348+win32k)/amd64"),
        ("linux(+erofs+x)/arm/v6", "linux(+erofs+x)/arm/v6"),
    ] {
        assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
    }
    for text in [
        "",
        "linux",
        "linux/",
        "/amd64",
        "a/b/c/d",
        "a/b/",
        "linux/am d64",
        "linux//v7",
        "windows(10.0/amd64",
        "windows(10.0)x/amd64",
        "(10.0)/amd64",
        "windows(10 0)/amd64",
        "windows(10.0+)/amd64",
        "windows((1))/amd64",
        "windows/amd64(1)",
        "windows/amd64:10.0.20348",
    ] {
        let error = text.parse::<Platform>().unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{text}");
        assert!(error.details().hint.is_some());
    }
}

#[test]
fn this_machine_runs_the_code_of_its_processor_and_of_the_older_ones() {
    let host = Platform::host();
    let shown = host.to_string();
    assert!(shown.starts_with(std::env::consts::OS) && !shown.contains("x86_64"), "{shown}");
    let plain = Platform::new(&host.os, &host.architecture, None);
    assert!(host.suits(&host).unwrap().is_perfect());
    assert!(host.suits(&plain).is_some(), "{plain} on {host}");
    if host.architecture == "amd64" {
        let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let has = |flag: &str| flags.split_whitespace().any(|f| f == flag);
        let runs =
            |level: &str| host.suits(&Platform::new("linux", "amd64", Some(level))).is_some();
        assert_eq!(runs("v2"), has("sse4_2") && has("popcnt") && has("cx16") && has("ssse3"));
        assert_eq!(runs("v3"), has("avx2") && has("bmi2") && has("fma") && has("movbe"));
        assert_eq!(runs("v4"), has("avx512f") && has("avx512bw") && has("avx512vl"));
        assert!(!runs("v5"));
    }
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
