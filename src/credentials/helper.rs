//! Credential helpers: programs that keep credentials, and speak the docker-credential protocol on their standard
//! input and output.

use std::fmt::Display;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use serde::Serialize;
use zeroize::Zeroizing;

use super::AuthConfig;
use crate::call::Call;
use crate::config::host_path::host_path;
use crate::error::{Code, Error, Phase, Result};
use crate::json::go::{Object, WrongType, nullable};
use crate::names::host;
use crate::os::child::{self, Failure};
use crate::os::environment::Environment;

/// The user name which says that the password is an identity token.
const TOKEN: &str = "<token>";

/// How a helper says that it has no credentials, in any letter case; most helpers add "in native keychain".
const NOT_FOUND: &str = "credentials not found";

/// More than any helper has to say.
const MOST: usize = 1024 * 1024;

/// A credential helper that was found.
#[derive(Debug, Clone)]
pub struct Helper {
    program: String,
    path: PathBuf,
    time: Duration,
}

impl Helper {
    /// Finds the helper of this name in the directories of PATH. Where the environment has no say, no helper runs.
    ///
    /// `time` is how long it may take for an answer; zero is as long as the call may.
    pub fn find(name: &str, environment: Environment, time: Duration) -> Result<Self> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !name.bytes().all(sound) {
            return Err(failed("the name of a credential helper is not valid")
                .hint("in credsStore and credHelpers, write the helper without docker-credential- in front, as in pass"));
        }
        let program = program(name);
        if !environment.is_heard() {
            return Err(failed(format!("cannot run {program}"))
                .cause("helpers are looked up in $PATH, but ocireg does not use the environment: the option environment is false, or this is a set-user-ID or file-capability program")
                .hint("put the credentials into the option credentials or into auths in config.json, or set the option environment to true"));
        }
        let path = environment
            .directories("PATH")
            .into_iter()
            .map(|directory| directory.join(&program))
            .find(|path| is_program(path));
        match path {
            Some(path) => Ok(Self { program, path, time }),
            None => Err(failed(format!("{program} was not found in $PATH, or is not executable")).hint(
                "install it in a directory of $PATH, or remove it from credsStore and credHelpers in config.json",
            )),
        }
    }

    /// What it is called.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// What it has for a server; None if it says that it has nothing.
    pub fn get(&self, server: &str, call: &Call) -> Result<Option<AuthConfig>> {
        match self.ask("get", server, call)? {
            Some(answer) => self.read_answer(server, &answer),
            None => Ok(None),
        }
    }

    fn read_answer(&self, server: &str, answer: &str) -> Result<Option<AuthConfig>> {
        let read = || -> Result<_, WrongType> {
            let object = Object::parse(answer).map_err(|_| WrongType)?;
            Ok((object.string("ServerURL")?, object.string("Username")?, object.string("Secret")?))
        };
        let (url, username, mut secret) = read().map_err(|WrongType| {
            self.failed(
                "get",
                server,
                "its response is not the JSON object that the protocol requires",
            )
        })?;
        if !url.is_empty() && (host_path(&url).is_err() || host_path(&url) != host_path(server)) {
            return Err(self.failed("get", server, "its response is for another server"));
        }
        // An identity token that is empty is none.
        if secret.is_empty() && (username.is_empty() || *username == TOKEN) {
            return Ok(None);
        }
        let mut auth = AuthConfig::default();
        if *username == TOKEN {
            auth.identitytoken = std::mem::take(&mut *secret);
        } else {
            auth.username.clone_from(&username);
            auth.password = std::mem::take(&mut *secret);
        }
        auth.decoded().map(Some).map_err(|_| {
            self.failed(
                "get",
                server,
                "its response contains a control character outside the password",
            )
        })
    }

    /// Keeps credentials for a server: the identity token if there is one, else name and password.
    pub fn store(&self, server: &str, auth: &AuthConfig, call: &Call) -> Result<()> {
        let (username, secret) = match auth.identitytoken.as_str() {
            "" => (auth.username.as_str(), auth.password.as_str()),
            token => (TOKEN, token),
        };
        self.check(server)?;
        host::check_no_control(username, "username")?;
        host::check_no_control(&auth.identitytoken, "identitytoken")?;
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Entry<'a> {
            #[serde(rename = "ServerURL")]
            server_url: &'a str,
            username: &'a str,
            secret: &'a str,
        }
        let entry = Entry { server_url: server, username, secret };
        // An escape takes six bytes: with this room the text never moves, and leaves no copy behind.
        let room = 6 * (server.len() + username.len() + secret.len()) + 64;
        let mut input = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *input, &entry)
            .map_err(|e| Error::internal("cannot serialize the credentials").cause(e))?;
        match self.speak("store", server, &input, call)? {
            Some(_) => Ok(()),
            None => Err(self.failed(
                "store",
                server,
                "it responded that the credentials were not found",
            )),
        }
    }

    /// Forgets what it has for a server, if anything.
    pub fn erase(&self, server: &str, call: &Call) -> Result<()> {
        self.ask("erase", server, call).map(drop)
    }

    /// The servers that it has credentials for, each with the user's name.
    pub fn list(&self, call: &Call) -> Result<Vec<(String, String)>> {
        let Some(answer) = self.speak("list", "all servers", b"", call)? else {
            return Ok(Vec::new());
        };
        let read = || -> Result<_, WrongType> {
            let object = Object::parse(&answer).map_err(|_| WrongType)?;
            let entries = object.0.into_iter();
            entries
                .map(|(key, value)| Ok((key.into_owned(), nullable(value)?.to_string())))
                .collect()
        };
        read().map_err(|WrongType| {
            self.failed("list", "all servers", "its list is not a JSON object of strings")
        })
    }

    /// One request whose input is a server's name.
    fn ask(&self, action: &str, server: &str, call: &Call) -> Result<Option<Zeroizing<String>>> {
        self.check(server)?;
        self.speak(action, server, format!("{server}\n").as_bytes(), call)
    }

    /// A second line would be a second server to some helpers.
    fn check(&self, server: &str) -> Result<()> {
        if server.is_empty() || server.contains(char::is_control) {
            return Err(failed(format!(
                "cannot ask {} for {:?}, which is not a valid registry name",
                self.program,
                host::printable(server)
            )));
        }
        Ok(())
    }

    /// One request; None if the answer is that nothing was found.
    fn speak(
        &self,
        action: &str,
        server: &str,
        input: &[u8],
        call: &Call,
    ) -> Result<Option<Zeroizing<String>>> {
        let until = if self.time.is_zero() { None } else { Instant::now().checked_add(self.time) };
        let answer = child::converse(&self.path, action, input, MOST, until, call);
        let answer = answer.map_err(|failure| match failure {
            Failure::Call(error) => error,
            // Whether it could have answered nobody knows: the machine failed, not the helper.
            Failure::System(e) => self
                .failed(action, server, "it cannot be started")
                .cause(e)
                .recode(Code::Io)
                .hint(format!("check that {} is a program for this machine, and the limits of this process", self.path.display())),
            Failure::TooMuch => self.failed(action, server, "its response is larger than 1 MiB"),
            Failure::TooSlow => self
                .failed(action, server, format!("it did not finish within {} ms", self.time.as_millis()))
                .hint("it may be waiting for a password or a key: unlock its store, or raise the option credential-helper-timeout-ms"),
        })?;
        let Ok(text) = std::str::from_utf8(&answer.output) else {
            return Err(self.failed(action, server, "its response is not valid UTF-8"));
        };
        let said = text.trim().get(..NOT_FOUND.len());
        let says_nothing = said.is_some_and(|said| said.eq_ignore_ascii_case(NOT_FOUND));
        if says_nothing && answer.status.is_none_or(|status| !status.success()) {
            return Ok(None);
        }
        match answer.status {
            Some(status) if status.success() => Ok(Some(Zeroizing::new(text.to_owned()))),
            // The host took its end for itself. Where there is nothing to answer, only a failure has something to say.
            None if !matches!(action, "store" | "erase") || text.trim().is_empty() => {
                Ok(Some(Zeroizing::new(text.to_owned())))
            }
            status => {
                let how =
                    status.map_or("unknown exit status".to_owned(), |status| status.to_string());
                let error = self.failed(action, server, format!("it failed ({how})"));
                // What looks like an answer may hold a secret.
                match text.lines().map(str::trim).find(|line| !line.is_empty()) {
                    Some(line) if !text.contains(['{', '"']) => {
                        Err(error.cause(host::printable(line)))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    fn failed(&self, action: &str, server: &str, why: impl Display) -> Error {
        let does_not = match action {
            "store" => "cannot store the",
            "erase" => "cannot erase the",
            _ => "cannot get the",
        };
        failed(format!("{} {does_not} credentials for {}", self.program, host::printable(server)))
            .cause(why)
            .hint(format!("to see its own error, run: echo SERVER | {} get", self.program))
    }
}

/// What the helper of a name is called.
pub fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

fn is_program(path: &Path) -> bool {
    let Ok(state) = path.metadata() else { return false };
    state.is_file()
        && match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
            // Where it cannot be asked, starting it will tell.
            Err(Errno::NOSYS | Errno::PERM) => state.mode() & 0o111 != 0,
            asked => asked.is_ok(),
        }
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(Code::CredentialHelper, message).phase(Phase::Credentials)
}

/// The door of the fuzz target.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz(answer: &str) {
    let helper = Helper {
        program: "docker-credential-fuzz".to_owned(),
        path: std::path::PathBuf::new(),
        time: Duration::ZERO,
    };
    for server in ["registry.test:5000", "https://index.docker.io/v1/"] {
        if let Ok(Some(auth)) = helper.read_answer(server, answer) {
            assert!(!auth.is_anonymous());
        }
    }
}
