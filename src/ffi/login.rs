//! Credentials: check, store, find and remove them.

use std::ffi::c_char;

use super::context::ocireg_context;
use super::error::ocireg_error;
use super::service::ocireg_service;
use crate::client::login;
use crate::credentials::AuthConfig;

/// Checks credentials with a registry. Nothing is stored.
///
/// The registry is `serveraddress` of the credentials, or Docker Hub if that is absent. Its endpoints for pushing are
/// tried in order, never a mirror. Wrong credentials end the search. After any other failure the next endpoint is
/// tried; the error is the last failure, and its `attempts` has all of them. If the service option `v1` is true,
/// protocol v1 is tried last. A registry that does not ask for credentials accepts all of them.
///
/// @param service     The service. Not NULL.
/// @param context     The deadline, cancellation and progress callback of this call. May be NULL.
/// @param auth_json   The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials for
///                    Docker Hub are checked.
/// @param user_agent  The User-Agent header of these requests; "" sends none. If it is NULL, the service's is used.
/// @param json        Receives a JSON object: `Status` ("Login Succeeded") and `IdentityToken` (if it is not "", store
///                    it instead of the password). It may contain a secret. Free it with ocireg_string_free(). Not
///                    NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_UNAUTHORIZED: the user name or password is wrong.
///         - OCIREG_POLICY: the registry names a token server that must not get these credentials; the error's hint
///           names the option that allows it.
///         - OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER: the service's credentials cannot be read.
///
/// Safe to call from any thread. Blocks for a few requests. Since 0.1.
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
            auth = optional_auth(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        out.set_json(&login::auth(&service, auth.as_ref(), user_agent, &call)?)
    })
}

/// Checks credentials with the registry, then stores them.
///
/// They are stored in the credential helper that config.json configures for the registry (`credHelpers`, else
/// `credsStore`), or in config.json itself if there is none. config.json is in the directory that the option
/// `docker-config` names (else $DOCKER_CONFIG, else ~/.docker); if that option is "", nothing is stored. If a
/// configured helper is missing or fails, the login fails, and nothing is stored elsewhere; a missing helper is noticed
/// before anything is sent. config.json is replaced atomically, only its owner can read it, and its other keys stay
/// unchanged. A symbolic link is followed. Concurrent logins through this library wait for each other. Example:
///
/// @code
/// char *auth = NULL, *result = NULL;
/// int32_t code = ocireg_auth_json("registry.example:5000", "alice", getenv("REGISTRY_PASSWORD"), &auth, &error);
/// if (code == OCIREG_OK) code = ocireg_service_login(service, context, auth, NULL, &result, &error);
/// ocireg_string_free(result);
/// ocireg_string_free(auth);
/// @endcode
///
/// @param service     The service. Not NULL.
/// @param context     The deadline, cancellation and progress callback of this call. May be NULL.
/// @param auth_json   The credentials as an AuthConfig with `username` and `password` (or `auth`), or with
///                    `identitytoken`; `serveraddress` is the registry, as for ocireg_service_auth(). Not NULL.
/// @param user_agent  The User-Agent header of these requests; "" sends none. If it is NULL, the service's is used.
/// @param json        Receives a JSON object: `Status` and `IdentityToken` as from ocireg_service_auth(), and `stored`
///                    ("config.json", the name of the helper, or "none"). It may contain a secret. Free it with
///                    ocireg_string_free(). Not NULL.
/// @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code as from ocireg_service_auth(), and also:
///         - OCIREG_CREDENTIALS: config.json cannot be read.
///         - OCIREG_CREDENTIAL_HELPER: the credential helper is missing or failed.
///         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: config.json cannot be written; it is unchanged.
///
/// Safe to call from any thread. Blocks for a few requests, while a helper runs, and while the file is written.
/// Since 0.1.
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
            auth = auth(auth_json),
            user_agent = user_agent(user_agent),
            call = call(context)
        );
        out.set_json(&login::login(&service, &auth, user_agent, &call)?)
    })
}

/// Checks a user name and a password with a registry, then stores them.
///
/// It is ocireg_service_login() without JSON.
///
/// @param service   The service. Not NULL.
/// @param context   The deadline, cancellation and progress callback of this call. May be NULL.
/// @param host      The registry as host[:port]. NULL, "" and "docker.io" are Docker Hub.
/// @param username  The user name. Not NULL.
/// @param password  The password or access token. Not NULL.
/// @param stored    Receives where the credentials were stored: "config.json", the name of the credential helper, or
///                  "none". Free it with ocireg_string_free(). May be NULL.
/// @param error     Receives the error on failure, which never contains the password. Free it with ocireg_error_free().
///                  May be NULL.
/// @return OCIREG_OK or an error code as from ocireg_service_login().
///
/// Safe to call from any thread. Blocks for a few requests, while a helper runs, and while the file is written.
/// Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_login_password(
    service: *const ocireg_service,
    context: *const ocireg_context,
    host: *const c_char,
    username: *const c_char,
    password: *const c_char,
    stored: *mut *mut c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(
            out = optional_out(stored),
            service = handle(service),
            host = optional_text(host),
            username = text(username),
            password = text(password),
            call = call(context)
        );
        let auth = AuthConfig::of_user(host, Some(username), Some(password))?;
        let accepted = login::login(&service, &auth, None, &call)?;
        out.set_text(accepted.stored.unwrap_or_default())
    })
}

/// Removes the stored credentials of a registry.
///
/// They are removed from config.json and from the credential helper that it configures for the registry, under every
/// name that a login may have used. It is not an error if there are none. The registry is not contacted. A logout from
/// Docker Hub also removes the tokens that a browser login with `docker login` has stored.
///
/// @param service  The service. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param host     The registry as host[:port] or URL; "docker.io" is Docker Hub. Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_CREDENTIALS: config.json cannot be read.
///         - OCIREG_CREDENTIAL_HELPER: the credential helper failed.
///         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: config.json cannot be written; it is unchanged.
///
/// Safe to call from any thread. Blocks while a helper runs and while the file is written. Never uses the network.
/// Since 0.1.
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

/// Returns which credentials would be used for a registry and where they come from, without the secret.
///
/// These sources are searched in order:
/// - the service option `credentials`
/// - $DOCKER_AUTH_CONFIG, which contains the text of a config.json
/// - config.json in the directory that the option `docker-config` names, else in $DOCKER_CONFIG, else in ~/.docker: its
///   `credHelpers`, else its `credsStore`, then its `auths`
/// - the file $REGISTRY_AUTH_FILE, else containers/auth.json in $XDG_RUNTIME_DIR (/run/containers/UID/auth.json if that
///   is not set), then in $XDG_CONFIG_HOME or ~/.config
///
/// If none has credentials, requests are anonymous. Within a source the longest path wins: the repository, then the
/// paths that contain it, then the host. Credentials that are passed to a call come before all of these.
///
/// If `docker-config` is "", none of these files and variables is read. If `environment` is false, only the file in
/// `docker-config` is read. The files are read as Docker reads them: keys are case-insensitive, null is an empty value,
/// the last of two equal keys wins, and an entry that cannot be used only affects its own registry.
///
/// A credential helper is the program docker-credential-NAME in a directory of $PATH. It inherits the environment of
/// this process and must answer within `credential-helper-timeout-ms`. If `environment` is false no helper runs, and a
/// configured one is an error. If a helper has no credentials, the search continues; if it fails, this function fails,
/// and so does every call that logs in, pushes or deletes. Calls that only read continue without credentials and say so
/// in their `warnings` and in the log; if the registry then asks for credentials, they fail with the helper's error.
/// The same applies to a file that cannot be used, except $REGISTRY_AUTH_FILE: if that cannot be used, every call
/// fails.
///
/// @param service  The service. Not NULL.
/// @param context  The deadline, cancellation and progress callback of this call. May be NULL.
/// @param host     The registry as host[:port], or a repository as host[:port]/path. Not NULL.
/// @param json     Receives a JSON object with the keys that apply: `username`, `source` ("credentials" for the option,
///                 the path of a file, the variable, or the name of a helper), `kind` ("password", "identity_token",
///                 "registry_token" or "anonymous"). Free it with ocireg_string_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_CREDENTIALS: a file cannot be read or used.
///         - OCIREG_CREDENTIAL_HELPER: a credential helper failed.
///
/// Safe to call from any thread. Blocks while files are read and while a helper runs. Never uses the network.
/// Since 0.1.
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
