//! Credentials from the program: a callback.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, Mutex};

use super::context::{UserData, ocireg_drop_fn};
use super::error::ocireg_error;
use super::handle;
use super::service::ocireg_service;
use crate::credentials::AuthConfig;
use crate::credentials::callback::{Answer, Ask};
use crate::sync::lock;

/// Where a credentials callback puts its answer. It is valid until the callback returns; do not free
/// it. It belongs to the callback's thread.
pub struct ocireg_answer {
    _opaque: [u8; 0],
}

handle_type!(ocireg_answer, Arc<Mutex<Option<AuthConfig>>>, b"ociansw\0");

/// Credentials callback: gives the credentials for one registry.
///
/// It is called only on the thread that is inside the call. It must not throw, jump out, or free or change a handle
/// that the running call uses. It may make calls: these do not invoke it again, and use the next source of credentials.
///
/// @param user_data     The pointer that was passed to ocireg_service_set_credentials().
/// @param request_json  What the credentials are for, as a JSON object: `host` (the registry as host[:port]), `reason`
///                      ("first", or "refused" if the registry did not accept what the callback answered before) and, if
///                      they are known, `repository` (its path) and `actions` (such as ["pull", "push"]). Ignore other
///                      keys. Valid until the callback returns.
/// @param answer        Pass it to ocireg_answer_credentials().
/// @return 0 to continue with the credentials in the answer or, if there are none, with the next source. Any other value
///         ends the call with OCIREG_CREDENTIALS.
pub type ocireg_credentials_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request_json: *const c_char,
        answer: *mut ocireg_answer,
    ) -> i32,
>;

/// Answers a request for credentials, inside a credentials callback. A second answer replaces the first.
///
/// @param answer     The answer that the callback received. Not NULL.
/// @param auth_json  The credentials as an AuthConfig, for example from ocireg_auth_json(); "{}" is anonymous. Not NULL.
/// @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code, such as:
///         - OCIREG_INVALID_JSON: this is not an AuthConfig.
///         - OCIREG_CREDENTIALS: its `auth` cannot be decoded.
///
/// Call it on the callback's thread. Never blocks. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_answer_credentials(
    answer: *mut ocireg_answer,
    auth_json: *const c_char,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(answer = handle(answer), auth = auth(auth_json));
        *lock(&answer) = Some(auth);
        Ok(())
    })
}

/// Sets the program's own source of credentials, for example for tokens of a cloud provider or a password prompt.
///
/// The callback is invoked when a call needs credentials for a registry, unless they are in its option `auth`: before
/// the service option `credentials`, Docker's files and credential helpers, and the files of podman are used. It is
/// invoked again, with the reason "refused", when the registry does not accept its answer, for example because a
/// password has expired; the call then continues with the new credentials. Each mirror counts as a registry of its own.
/// To choose the sources of a call, set its option `credential_sources`. Example:
///
/// @code
/// static int32_t give(void *user_data, const char *request_json, ocireg_answer *answer) {
///     struct secrets *secrets = user_data;
///     char *host = NULL;
///     ocireg_json_get(request_json, "/host", &host, NULL);
///     const char *auth_json = find_secret(secrets, host);
///     ocireg_string_free(host);
///     return auth_json ? ocireg_answer_credentials(answer, auth_json, NULL) : 0;
/// }
/// @endcode
///
/// @param service      The service. Not NULL.
/// @param credentials  The callback, which replaces the previous one. NULL removes it.
/// @param user_data    Passed to the callback. May be NULL.
/// @param drop         Called once with user_data when no call can use the callback any more, also if this call fails.
///                     May be NULL.
/// @param error        Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK or an error code.
///
/// Safe to call from any thread, but not inside a callback. Never blocks. Objects that were created from the service
/// before use the new callback, too. Since 0.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_service_set_credentials(
    service: *const ocireg_service,
    credentials: ocireg_credentials_fn,
    user_data: *mut c_void,
    drop: ocireg_drop_fn,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        // Taken first: whatever is wrong with the rest, `drop` is called for it.
        let user_data = UserData::new(user_data, drop);
        args!(service = handle(service));
        service.set_credentials(credentials.map(|credentials| -> Ask {
            Box::new(move |request: &str| {
                let request = CString::new(request).unwrap_or_default();
                let given = Arc::new(Mutex::new(None));
                let answer = handle::into_raw::<ocireg_answer>(given.clone());
                // SAFETY: the caller gave a function of this type, for this pointer, to be called until drop.
                let code = unsafe { credentials(user_data.pointer(), request.as_ptr(), answer) };
                // SAFETY: made above, and the header says that it ends with the callback.
                unsafe { handle::free(answer) };
                match (code, lock(&given).take()) {
                    (0, Some(auth)) => Answer::Use(auth),
                    (0, None) => Answer::Next,
                    _ => Answer::Stop,
                }
            })
        }));
        Ok(())
    })
}
