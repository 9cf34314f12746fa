//! Starts a registry with an image, prints one JSON line that says where, and runs until stdin ends.
//!
//! `testkit-serve [--cncf] [--tls] [--auth basic|bearer] [--repository NAME] [--tag TAG]`
//! `testkit-serve --v1 standalone|index [--tls] [--auth basic] [--repository NAME] [--tag TAG]`

use std::io::{Read, Write};

use ocireg_testkit::image::Spec;
use ocireg_testkit::v1::{Policy, archive};
use ocireg_testkit::{Auth, Ca, Cncf, Registry, ServerOptions, TokenServer, V1, cncf};
use serde_json::json;

const USAGE: &str = "usage: testkit-serve [--cncf] [--tls] [--auth basic|bearer] \
                     [--repository NAME] [--tag TAG]\n       \
                     testkit-serve --v1 standalone|index [--tls] [--auth basic] [--repository NAME] \
                     [--tag TAG]";

/// Keeps whichever registry was asked for alive.
enum Running {
    Embedded(Registry),
    Cncf(Cncf),
}

fn main() {
    let (mut cncf, mut tls, mut auth, mut v1) = (false, false, None, None);
    let (mut repository, mut tag) = ("demo/app".to_owned(), "1.0".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| usage());
        match argument.as_str() {
            "--cncf" => cncf = true,
            "--tls" => tls = true,
            "--auth" => match value().as_str() {
                kind @ ("basic" | "bearer") => auth = Some(kind.to_owned()),
                _ => usage(),
            },
            "--v1" => match value().as_str() {
                form @ ("standalone" | "index") => v1 = Some(form.to_owned()),
                _ => usage(),
            },
            "--repository" => repository = value(),
            "--tag" => tag = value(),
            _ => usage(),
        }
    }
    let (username, password) = ("alice", "wonderland");
    let ca = Ca::default();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ca_path = tls.then(|| ca.write(&dir.path().join("ca.crt")));
    if let Some(form) = v1 {
        let user = match auth.as_deref() {
            None => None,
            Some("basic") => Some((username, password)),
            Some(_) => usage(),
        };
        let options = || match tls {
            true => ServerOptions::default().tls(&ca),
            false => ServerOptions::default(),
        };
        let policy =
            user.map_or_else(Policy::default, |(name, password)| Policy::user(name, password));
        let v1 = match form.as_str() {
            "standalone" => V1::standalone(options(), policy),
            _ => V1::with_index(options(), vec![options()], policy),
        };
        let image = v1.add_image(
            &repository,
            &tag,
            &json!({"id": "5".repeat(64)}),
            &archive::gzip(&[0; 1024]),
        );
        say(&json!({
            "host": v1.index.host(), "url": v1.index.url(), "ca": ca_path,
            "username": user.map(|user| user.0), "password": user.map(|user| user.1),
            "repository": repository, "tag": tag, "id": "5".repeat(64), "checksum": image.checksum,
            "registries": v1.registries.iter().map(|registry| registry.root()).collect::<Vec<_>>(),
        }));
        return;
    }
    // Bearer pulls need the user too, so that a binding's credentials are what makes them work.
    let token = (auth.as_deref() == Some("bearer")).then(|| {
        let token = TokenServer::plain_or_tls(tls.then_some(&ca));
        token.change(|policy| policy.anonymous_pull = false);
        token
    });
    let basic = auth.as_deref() == Some("basic");
    let (running, image) = if cncf {
        let options = cncf::Options {
            tls: tls.then_some(&ca),
            htpasswd: if basic { vec![(username, password)] } else { Vec::new() },
            token: token.as_ref(),
            ..Default::default()
        };
        let registry = Cncf::start(&options);
        let creds = format!("--dest-creds={username}:{password}");
        let creds = if auth.is_some() { vec![creds.as_str()] } else { Vec::new() };
        let platforms = ["linux/amd64", "linux/arm64"];
        let image = registry.push_busybox(&repository, &tag, &platforms, &creds);
        (Running::Cncf(registry), image)
    } else {
        let mut options = ServerOptions::default();
        if tls {
            options = options.tls(&ca);
        }
        let auth = match &token {
            Some(token) => Auth::bearer(token),
            None if basic => Auth::basic(username, password),
            None => Auth::None,
        };
        let registry = Registry::start(options, auth);
        let image = Spec::default().build();
        image.push_to(&registry, &repository, &tag);
        (Running::Embedded(registry), image)
    };
    let (host, url) = match &running {
        Running::Embedded(registry) => (registry.host(), registry.url()),
        Running::Cncf(registry) => (registry.host(), registry.url()),
    };
    let manifests: Vec<_> = image
        .manifests
        .iter()
        .map(|m| {
            json!({
                "platform": m.platform, "digest": m.digest, "mediaType": m.media_type,
                "config": m.config, "layers": m.layers,
            })
        })
        .collect();
    let line = json!({
        "host": host, "url": url, "ca": ca_path,
        "username": auth.is_some().then_some(username),
        "password": auth.is_some().then_some(password),
        "repository": repository, "tag": tag, "reference": format!("{host}/{repository}:{tag}"),
        "digest": image.digest, "mediaType": image.media_type, "manifests": manifests,
    });
    say(&line);
    drop(running);
}

/// Tells the parent where everything is, and waits for its end.
fn say(line: &serde_json::Value) {
    println!("{line}");
    std::io::stdout().flush().expect("write to stdout");
    // What comes on stdin does not matter; its end is the parent's word, or its death.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}
