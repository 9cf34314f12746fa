//! The rig of the security tests: a registry, a token server, a bystander, a mirror and a proxy, each under its own name,
//! and the one assertion that a secret went nowhere else.

use crate::ca::Ca;
use crate::fault::{self, Faults};
use crate::proxy::Proxy;
use crate::registry::{Auth, Registry};
use crate::server::{Reply, Request, Server, ServerOptions};
use crate::token::{Policy, TokenServer};

pub use crate::canary::{canary, holds_secret};

/// Starts a server that answers every request as `answer` says: a bystander, or an attacker.
pub fn bystander(
    options: ServerOptions,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    fault::serve(options, Faults::default(), answer)
}

/// The answer of a server that asks for Basic credentials.
pub fn ask_basic() -> Reply {
    Reply::empty(401).with("WWW-Authenticate", "Basic realm=\"bystander\"")
}

/// The answer of a server that asks for a token from `realm`.
pub fn ask_bearer(realm: &str) -> Reply {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"bystander\"");
    Reply::empty(401).with("WWW-Authenticate", &challenge)
}

/// Panics if a text (an error, a log, a file) holds the secret.
pub fn assert_no_secret(what: &str, bytes: impl AsRef<[u8]>, secret: &str) {
    if let Some(how) = holds_secret(bytes.as_ref(), secret) {
        panic!("{what} holds the secret ({how})");
    }
}

/// Registry R on 127.0.0.1, token server T on localhost, bystander B on 127.0.0.2, mirror M on 127.0.0.3,
/// proxy P on 127.0.0.4.
pub struct Rig {
    /// R.
    pub registry: Registry,
    /// T.
    pub token: TokenServer,
    /// B.
    pub bystander: Server,
    /// M.
    pub mirror: Registry,
    /// P, for everybody.
    pub proxy: Proxy,
}

impl Rig {
    /// Starts all five over plain HTTP; R and M are open until `set_auth`. B answers as `answer` says.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Rig {
        let at = |address| ServerOptions::default().bind(address);
        Rig {
            registry: Registry::start(at("127.0.0.1"), Auth::None),
            token: TokenServer::start(at("127.0.0.1").name("localhost"), Policy::default()),
            bystander: bystander(at("127.0.0.2"), answer),
            mirror: Registry::start(at("127.0.0.3"), Auth::None),
            proxy: Proxy::open(),
        }
    }

    /// Starts all five, each of a name and a scheme of its own: R as registry.test, T as token.test and B as
    /// bystander.test over https with certificates of `ca`, M and P over http. P finds all of them by their names.
    pub fn named(ca: &Ca, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Rig {
        let tls = |address, name: &str| {
            ServerOptions::default().bind(address).name(name).identity(ca.server(&[name]))
        };
        let rig = Rig {
            registry: Registry::start(tls("127.0.0.1", "registry.test"), Auth::None),
            token: TokenServer::start(tls("127.0.0.5", "token.test"), Policy::default()),
            bystander: bystander(tls("127.0.0.2", "bystander.test"), answer),
            mirror: Registry::start(
                ServerOptions::default().bind("127.0.0.3").name("mirror.test"),
                Auth::None,
            ),
            proxy: Proxy::open(),
        };
        for server in [&*rig.registry, &*rig.token, &rig.bystander, &*rig.mirror] {
            rig.proxy.knows(&server.host(), server.address());
        }
        rig
    }

    /// Panics if the secret reached one of the five that is not in `allowed`; those may have it from now on.
    pub fn assert_canary_only(&self, allowed: &[&Server], secret: &str) {
        for server in allowed {
            server.may_receive(secret);
        }
        let all: [&Server; 5] =
            [&self.registry, &self.token, &self.bystander, &self.mirror, &self.proxy];
        let others: Vec<&Server> = all
            .into_iter()
            .filter(|server| !allowed.iter().any(|a| a.address() == server.address()))
            .collect();
        assert_canary_nowhere(&others, secret);
    }
}

/// Panics if the secret reached one of these servers.
pub fn assert_canary_nowhere(servers: &[&Server], secret: &str) {
    for server in servers {
        for connection in server.connections() {
            if let Some(how) = holds_secret(&connection.received, secret) {
                let text = String::from_utf8_lossy(&connection.received).into_owned();
                panic!("the secret reached {} ({how}):\n{text}", server.url());
            }
        }
    }
}
