//! The process environment. Nothing else in the library reads it.

#![allow(unsafe_code, reason = "only getauxval() tells whether the process is privileged")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the environment may say. The default is nothing.
///
/// In a set-user-ID, set-group-ID or file-capability program the environment belongs to the caller, who has fewer
/// rights than the program. There it never has a say, whatever the options ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Environment {
    heard: bool,
}

impl Environment {
    /// The environment of this process, if the caller wants it heard and the process is not privileged.
    pub fn of_process(wanted: bool) -> Self {
        Self { heard: wanted && !is_privileged() }
    }

    /// Whether it has a say.
    pub fn is_heard(self) -> bool {
        self.heard
    }

    /// The value of a variable; None if it is unset or empty, or has no say.
    pub fn variable(self, name: &str) -> Option<OsString> {
        let value = if self.heard { env::var_os(name) } else { None };
        value.filter(|value| !value.is_empty())
    }

    /// A variable that names a file or directory, relative to the working directory of this moment.
    pub fn path(self, name: &str) -> Option<PathBuf> {
        std::path::absolute(self.variable(name)?).ok()
    }

    /// A variable that names a directory by its absolute path. A relative path counts as unset, as the XDG
    /// specification says: it would follow the working directory of the host.
    pub fn directory(self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// The home directory: $HOME.
    pub fn home(self) -> Option<PathBuf> {
        self.directory("HOME")
    }

    /// The directory of the user's configuration: $XDG_CONFIG_HOME, else ~/.config.
    pub fn config_home(self) -> Option<PathBuf> {
        self.directory("XDG_CONFIG_HOME").or_else(|| Some(self.home()?.join(".config")))
    }

    /// The absolute directories of a list such as $PATH. Relative ones would follow the working directory of the host.
    pub fn directories(self, name: &str) -> Vec<PathBuf> {
        let list = self.variable(name).unwrap_or_default();
        env::split_paths(&list).filter(|directory| directory.is_absolute()).collect()
    }
}

/// Whether the program has rights that its caller lacks.
fn is_privileged() -> bool {
    // SAFETY: getauxval() only reads what the kernel gave the process at its start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_without_a_say_says_nothing() {
        assert!(env::var_os("PATH").is_some(), "this test needs a PATH");
        let silent = Environment::default();
        assert_eq!(Environment::of_process(false), silent);
        assert_eq!(silent.variable("PATH"), None);
        assert_eq!(silent.path("PATH"), None);
        assert!(silent.directories("PATH").is_empty());
        assert_eq!((silent.home(), silent.config_home()), (None, None));
        assert!(!silent.is_heard());
        assert!(Environment::of_process(true).variable("PATH").is_some());
    }
}
