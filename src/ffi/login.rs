//! Credentials: check, store, find and remove them.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use crate::client::login;

/// Asks a registry whether it takes credentials. Keeps nothing.
///
/// The address is `serveraddress`, the official index if there is none; its endpoints for pushing are asked in turn,
/// never a mirror. Wrong credentials end the search; after any other failure the next endpoint is asked, and the last
/// failure is reported, all of them in `attempts`. With the service option `v1` the endpoints are asked by protocol v1
/// at last. A registry that asks for no credentials says yes to all.
///
/// @param service     a service. Not NULL.
/// @param context     deadline and cancellation; may be NULL.
/// @param auth_json   the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the official
///                    index.
/// @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
/// @param json        receives an object: `Status` ("Login Succeeded"), `IdentityToken` (what is to be kept in place of
///                    the password; may be empty); owned by the caller; free with ocireg_string_free(). It may hold a secret. Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
///         OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED (wrong credentials), OCIREG_POLICY (they
///         would go where they must not), or any failure of the network and of the registry.
///
/// Any thread. Blocks: speaks to the registry. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_auth(
    service: *const ocireg_service,
    context: *const ocireg_context,
    auth_json: *const c_char,
    user_agent: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            auth = optional_text(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        let auth = auth.map(|text| super::options::auth(text, "auth_json")).transpose()?;
        out.set_json(&login::auth(&service, auth.as_ref(), user_agent, &call)?)
    })
}

/// Checks credentials with the registry, as ocireg_service_auth() does, then stores them.
///
/// Kept by the helper that config.json names for the registry (`credHelpers`, else `credsStore`), else in config.json
/// itself, in the directory of the option `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker; with
/// `docker-config` "" nowhere. A helper that is missing or fails is an error, and nothing is kept elsewhere instead; one
/// that is missing is so before anything is sent. The file is replaced as a whole or not at all, for its owner alone;
/// all its other keys stay as they are. A symbolic link is followed. Programs that log in through this library wait for
/// each other.
///
/// @param service     a service. Not NULL.
/// @param context     deadline and cancellation; may be NULL.
/// @param auth_json   the credentials, an AuthConfig with `username` and `password` (or `auth`) or with an
///                    `identitytoken`; `serveraddress` is as in ocireg_service_auth(). Not NULL.
/// @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
/// @param json        receives an object: `Status`, `IdentityToken` as ocireg_service_auth() has them, `stored`
///                    ("config.json", the name of the helper, or "none"); owned by the caller; free with ocireg_string_free(). It may hold a
///                    secret. Not NULL.
/// @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
///         OCIREG_CREDENTIALS (a file that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or
///         OCIREG_PERMISSION when the file cannot be saved (it is then as it was), or what ocireg_service_auth() fails
///         with.
///
/// Any thread. Blocks: speaks to the registry, runs a helper, writes a file. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_login(
    service: *const ocireg_service,
    context: *const ocireg_context,
    auth_json: *const c_char,
    user_agent: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = out(json),
            service = handle(service),
            auth = text(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        let auth = super::options::auth(auth, "auth_json")?;
        out.set_json(&login::login(&service, &auth, user_agent, &call)?)
    })
}

/// Logs out: the helper that config.json names for the registry forgets its credentials, and so does config.json, under
/// whatever name a login put them there. Nothing to forget is no failure. The registry is not asked. A logout from
/// Docker Hub also removes the tokens that `docker login` in a browser left there.
///
/// @param service  a service. Not NULL.
/// @param context  deadline and cancellation; may be NULL.
/// @param host     the registry, host[:port] or an address; docker.io is the official one. Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
///         that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or OCIREG_PERMISSION when the file
///         cannot be saved (it is then as it was), OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. Blocks while it reads and writes the file and while a helper runs; never asks the network. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_logout(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(service = handle(service), host = text(host), call = call(context));
        login::logout(&service, host, &call)
    })
}

/// Which credentials would be used for a registry, and where they come from; never the secret.
///
/// Looked through in this order: the option `credentials`; $DOCKER_AUTH_CONFIG (the text of a config.json); `config.json` in the directory of the option
/// `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker (its `credHelpers`, else its `credsStore`, then its
/// `auths`); the containers tools' $REGISTRY_AUTH_FILE, else `containers/auth.json` in $XDG_RUNTIME_DIR (where that is not
/// set, /run/containers/UID/auth.json), then in $XDG_CONFIG_HOME or ~/.config; then nobody, which is anonymous. In each
/// the longest path counts: that of the repository, else of what it is in, else the host alone. Credentials given to a
/// call come before all of these.
/// With `docker-config` "" none of these files and variables is read; with `environment` false, only the file in
/// `docker-config`. The files are read as Docker reads them: letter case of their keys does not matter, null is an empty
/// value, the last of two equal keys counts, and an entry that cannot be used fails for its own registry only.
///
/// A helper is the program docker-credential-NAME in a directory of $PATH, and has `credential-helper-timeout-ms` for its
/// answer. It inherits the environment of this process. With `environment` false no helper runs: one that is configured
/// fails. One that has nothing is a reason to look further; one that fails is not. This call then fails, as do all calls
/// that log in, push or delete. Calls that only read go on without credentials, say so in their `warnings` and in the log,
/// and fail with the code of that failure if the registry then asks for credentials. The same holds for a file that cannot
/// be used, unless $REGISTRY_AUTH_FILE names it: then every call fails.
///
/// @param service  a service. Not NULL.
/// @param context  deadline and cancellation; may be NULL.
/// @param host     the registry, host[:port], or a repository of it, host[:port]/path. Not NULL.
/// @param json     receives an object: `username`, `source` (`credentials` for the option, the path of a file, the
///                 variable, or the name of a helper), `kind` ("password", "identity_token", "registry_token" or "anonymous"); what
///                 does not apply is absent; owned by the caller; free with ocireg_string_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
///         that cannot be read or used), OCIREG_CREDENTIAL_HELPER, OCIREG_CANCELLED or OCIREG_DEADLINE.
///
/// Any thread. Blocks while it reads the files and while a credential helper runs; never asks the network. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_credentials(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(out = out(json), service = handle(service), host = text(host), call = call(context));
        out.set_json(&service.credentials_summary(host, &call)?)
    })
}
