//! What the tests of v1 share: registries in both forms over both schemes, and whole pushes and pulls.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use ocireg_testkit::v1::archive::{self, Random};
use ocireg_testkit::v1::{Policy, V1};
use ocireg_testkit::{Ca, ServerOptions, TempDir, tempdir};
use serde_json::{Value, json};

use crate::c_surface::images::Session;
use crate::c_surface::{Endpoint, Outcome, Service};
use crate::scene;

/// How a registry of v1 is set up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// An index with a registry behind it, not a registry of its own.
    pub index: bool,
    /// Over https with a certificate that is verified.
    pub tls: bool,
}

/// Both forms over both schemes.
pub const FORMS: [Form; 4] = [
    Form { index: false, tls: false },
    Form { index: false, tls: true },
    Form { index: true, tls: false },
    Form { index: true, tls: true },
];

/// A registry of v1, and a service that may do everything with it.
pub struct World {
    pub v1: V1,
    pub service: Service,
    /// What the service was made with.
    pub options: Value,
    pub auth: Value,
    _certs: TempDir,
}

impl World {
    /// For alice alone; but a standalone registry over http is for everybody: nobody sends it credentials.
    pub fn start(form: Form, more: Value) -> Self {
        let password = scene::secret();
        let policy = match form {
            Form { index: false, tls: false } => Policy::default(),
            _ => Policy::user("alice", &password),
        };
        let ca = Ca::default();
        let options = || match form.tls {
            true => scene::secure(&ca),
            false => ServerOptions::default(),
        };
        let v1 = match form.index {
            true => V1::with_index(options(), vec![options()], policy),
            false => V1::standalone(options(), policy),
        };
        v1.index.may_receive(&password);
        let certs = tempdir();
        let hosts: Vec<String> = v1.servers().map(|server| server.host()).collect();
        let mut all = match form.tls {
            true => {
                let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                scene::trust(&ca, certs.path(), &hosts)
            }
            false => json!({"allow-plain-http-credentials": hosts}),
        };
        all["allow-v1-endpoints"] = json!(hosts);
        for (key, value) in more.as_object().expect("options are an object") {
            all[key] = value.clone();
        }
        let auth = json!({"username": "alice", "password": password});
        Self { v1, service: scene::service(all.clone()), options: all, auth, _certs: certs }
    }

    pub fn reference(&self) -> String {
        format!("{}/demo/app", self.v1.index.host())
    }

    pub fn endpoint(&self) -> Endpoint {
        self.service.v1_endpoint(&self.reference()).expect("an endpoint")
    }

    pub fn session(&self) -> Session {
        self.endpoint().session(Some(&self.auth)).expect("a session")
    }
}

/// An image of v1, as it is pushed.
pub struct Image {
    pub id: String,
    pub json: Vec<u8>,
    pub tar: Vec<u8>,
}

impl Image {
    /// A random one on top of `parent`.
    pub fn random(random: &mut Random, parent: Option<&str>) -> Self {
        let id = random.id();
        let mut json = json!({
            "id": id, "created": "2013-06-13T14:03:50.821769-07:00", "comment": "größe \u{1f980} \"x\"",
            "config": {"Cmd": ["/bin/sh", "-c", "#(nop)"], "Size": random.below(1 << 50)},
        });
        if let Some(parent) = parent {
            json["parent"] = json!(parent);
        }
        let json = match random.below(3) {
            0 => json.to_string(),
            1 => serde_json::to_string_pretty(&json).expect("JSON"),
            _ => format!(" {json}\n\n"),
        };
        Self { id, json: json.into_bytes(), tar: archive::random(random) }
    }

    /// A chain of so many, oldest first.
    pub fn chain(random: &mut Random, length: usize) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::new();
        for _ in 0..length {
            let parent = chain.last().map(|image| image.id.clone());
            chain.push(Self::random(random, parent.as_deref()));
        }
        chain
    }
}

/// Pushes one image; returns its entry for the index.
pub fn push_image(session: &Session, registry: &str, image: &Image) -> Outcome<Value> {
    let mut data = json!({"id": image.id});
    session.push_image_json(&data, registry, &image.json)?;
    let mut writer = session.push_image_layer(&image.id, registry, &image.json)?;
    for piece in image.tar.chunks(7777) {
        writer.write(None, piece)?;
    }
    let sums = writer.commit(None)?;
    for key in ["checksum", "checksum_payload"] {
        data[key] = sums[key].clone();
    }
    session.push_image_checksum(&data, registry)?;
    Ok(data)
}

/// Pushes a chain, oldest image first, and tags the last one.
pub fn push(session: &Session, reference: &str, chain: &[Image], tag: &str) -> Outcome<()> {
    let last = chain.last().expect("images");
    let list: Vec<Value> = chain
        .iter()
        .map(|image| match image.id == last.id {
            true => json!({"id": image.id, "Tag": tag}),
            false => json!({"id": image.id}),
        })
        .collect();
    let data = session.push_index(reference, &json!(list), false, &json!([]))?;
    let registries = &data["Endpoints"];
    let registry = registries[0].as_str().expect("a registry");
    let mut pushed = Vec::new();
    for image in chain {
        pushed.push(push_image(session, registry, image)?);
    }
    session.push_tag(reference, &last.id, tag, registry)?;
    session.push_index(reference, &json!(pushed), true, registries)?;
    Ok(())
}

/// Pulls what a tag names, and panics unless it is this chain with every byte.
pub fn pull(session: &Session, reference: &str, chain: &[Image], tag: &str) -> Outcome<()> {
    let data = session.repository_data(reference)?;
    let registries = &data["Endpoints"];
    let registry = registries[0].as_str().expect("a registry");
    let id = session.remote_tag(registries, reference, tag)?;
    assert_eq!(session.remote_tags(registries, reference)?[tag], id);
    let history = session.remote_history(&id, registry)?;
    let ids: Vec<&String> = chain.iter().rev().map(|image| &image.id).collect();
    assert_eq!(history, json!(ids));
    for image in chain {
        session.lookup_remote_image(&image.id, registry)?;
        let (json, size) = session.remote_image_json(&image.id, registry)?;
        assert!(json == image.json, "the JSON of {} came through whole", image.id);
        let mut layer = Vec::new();
        let mut reader = session.remote_image_layer(&image.id, registry, size)?;
        reader.read_to_end(None, &mut layer)?;
        assert_eq!(layer.len() as i64, size);
        assert!(gunzip(&layer) == image.tar, "the layer of {} came through whole", image.id);
        let listed = &data["ImgList"][&image.id];
        assert_eq!(listed["id"], json!(image.id));
    }
    Ok(())
}

pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut all).expect("gzip");
    all
}
