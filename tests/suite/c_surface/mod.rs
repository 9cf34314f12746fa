//! The C surface as tests call it: C text in, C text out, errors as a struct.

pub mod children;
pub mod images;
pub mod layouts;
pub mod logs;
pub mod remote;
pub mod v1;

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use ocireg::ffi::*;
use ocireg_testkit::canary;
use serde_json::Value;

use logs::Records;

/// An error object, read through its accessors and freed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: i32,
    pub name: String,
    pub message: String,
    pub json: Value,
}

impl Failure {
    /// The argument, option or key that the error names.
    pub fn argument(&self) -> &str {
        self.json["argument"].as_str().unwrap_or_default()
    }
}

pub type Outcome<T> = Result<T, Box<Failure>>;

/// Text as C has it.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("test text without NUL")
}

fn borrowed(text: *const c_char) -> String {
    // SAFETY: text of the library lives as long as the object it came from, which the callers hold.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8 comes out").to_owned()
}

/// Makes a call that reports by its error alone; checks that code and error object agree.
pub fn call(run: impl FnOnce(*mut *mut ocireg_error) -> i32) -> Outcome<()> {
    let mut error = ptr::dangling_mut();
    let code = run(&mut error);
    if code == 0 {
        assert!(error.is_null(), "a call that succeeds leaves no error");
        return Ok(());
    }
    assert!(!error.is_null(), "a call that fails makes an error");
    // SAFETY: a live error, freed once.
    unsafe {
        let failure = Failure {
            code,
            name: borrowed(ocireg_code_name(code)),
            message: borrowed(ocireg_error_message(error)),
            json: serde_json::from_str(&borrowed(ocireg_error_json(error))).expect("error JSON"),
        };
        assert_eq!(ocireg_error_code(error), code);
        assert_eq!(failure.json["code"], code);
        let hint = borrowed(ocireg_error_hint(error));
        assert_eq!(failure.json["hint"].as_str().unwrap_or_default(), hint);
        assert!(!hint.contains('\n'), "a hint is one line: {hint}");
        ocireg_error_free(error);
        // Whatever the test: no error tells a secret.
        canary::assert_none("an error", format!("{}\n{}", failure.message, failure.json));
        Err(Box::new(failure))
    }
}

/// Makes a call that gives text.
pub fn call_text(
    run: impl FnOnce(*mut *mut c_char, *mut *mut ocireg_error) -> i32,
) -> Outcome<String> {
    let mut text = ptr::dangling_mut();
    let outcome = call(|error| run(&mut text, error));
    if let Err(failure) = outcome {
        assert!(text.is_null(), "a call that fails leaves no result");
        return Err(failure);
    }
    let owned = borrowed(text);
    // SAFETY: text of the library, freed once.
    unsafe { ocireg_string_free(text) };
    Ok(owned)
}

/// Makes a call that gives JSON.
pub fn call_json(
    run: impl FnOnce(*mut *mut c_char, *mut *mut ocireg_error) -> i32,
) -> Outcome<Value> {
    call_text(run).map(|text| serde_json::from_str(&text).expect("JSON comes out"))
}

/// A function of text that gives text.
pub type TextFunction =
    unsafe extern "C" fn(*const c_char, *mut *mut c_char, *mut *mut ocireg_error) -> i32;

/// Calls a function of text that gives text.
pub fn text_of(function: TextFunction, input: &str) -> Outcome<String> {
    let input = c(input);
    // SAFETY: live text in, live places out.
    call_text(|text, error| unsafe { function(input.as_ptr(), text, error) })
}

/// Calls a function of text that gives JSON.
pub fn json_of(function: TextFunction, input: &str) -> Outcome<Value> {
    text_of(function, input).map(|text| serde_json::from_str(&text).expect("JSON comes out"))
}

/// A service handle, freed when dropped, with all that it has logged.
pub struct Service(pub *mut ocireg_service, pub Records);

// SAFETY: a service may be used from any thread.
unsafe impl Send for Service {}
// SAFETY: as above, by several at once.
unsafe impl Sync for Service {}

/// A function of a service and text that gives JSON.
type Lookup = unsafe extern "C" fn(
    *const ocireg_service,
    *const ocireg_context,
    *const c_char,
    *mut *mut c_char,
    *mut *mut ocireg_error,
) -> i32;

/// A function that sends credentials to a registry.
type Ask = unsafe extern "C" fn(
    *const ocireg_service,
    *const ocireg_context,
    *const c_char,
    *const c_char,
    *mut *mut c_char,
    *mut *mut ocireg_error,
) -> i32;

/// A function that replaces a part of a service's configuration.
type Load =
    unsafe extern "C" fn(*const ocireg_service, *const c_char, *mut *mut ocireg_error) -> i32;

impl Service {
    pub fn new(options: &Value) -> Outcome<Self> {
        Self::from_text(&options.to_string())
    }

    pub fn from_text(options: &str) -> Outcome<Self> {
        let options = c(options);
        let mut service = ptr::dangling_mut();
        // SAFETY: live text in, live places out.
        let made =
            call(|error| unsafe { ocireg_service_new(options.as_ptr(), &mut service, error) });
        assert_eq!(made.is_err(), service.is_null());
        made.map(|()| Self::owning(service))
    }

    /// Takes over a handle, and logs all that it can.
    pub fn owning(service: *mut ocireg_service) -> Self {
        let mut service = Self(service, Records::default());
        service.1 = service.set_log(5).expect("a log");
        service
    }

    fn lookup(&self, function: Lookup, input: &str) -> Outcome<Value> {
        let input = c(input);
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            function(self.0, ptr::null(), input.as_ptr(), json, error)
        })
    }

    fn load(&self, function: Load, input: &Value) -> Outcome<()> {
        let input = c(&input.to_string());
        // SAFETY: live handle and text in, a live place out.
        call(|error| unsafe { function(self.0, input.as_ptr(), error) })
    }

    pub fn config(&self) -> Outcome<Value> {
        // SAFETY: a live handle in, live places out.
        call_json(|json, error| unsafe { ocireg_service_config(self.0, json, error) })
    }

    pub fn replace_config(&self, options: &Value) -> Outcome<()> {
        self.load(ocireg_service_replace_config, options)
    }

    pub fn load_mirrors(&self, list: &Value) -> Outcome<()> {
        self.load(ocireg_service_load_mirrors, list)
    }

    pub fn load_insecure_registries(&self, list: &Value) -> Outcome<()> {
        self.load(ocireg_service_load_insecure_registries, list)
    }

    pub fn load_allow_nondistributable_artifacts(&self, list: &Value) -> Outcome<()> {
        self.load(ocireg_service_load_allow_nondistributable_artifacts, list)
    }

    pub fn lookup_pull_endpoints(&self, hostname: &str) -> Outcome<Value> {
        self.lookup(ocireg_service_lookup_pull_endpoints, hostname)
    }

    pub fn resolve_endpoints(&self, reference: &str, options: &Value) -> Outcome<Value> {
        let (reference, options) = (c(reference), c(&options.to_string()));
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_service_resolve_endpoints(
                self.0,
                ptr::null(),
                reference.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn lookup_push_endpoints(&self, hostname: &str) -> Outcome<Value> {
        self.lookup(ocireg_service_lookup_push_endpoints, hostname)
    }

    pub fn resolve_repository(&self, reference: &str) -> Outcome<Value> {
        self.lookup(ocireg_service_resolve_repository, reference)
    }

    pub fn tls_config(&self, hostname: &str) -> Outcome<Value> {
        self.lookup(ocireg_service_tls_config, hostname)
    }

    pub fn credentials(&self, host: &str) -> Outcome<Value> {
        self.lookup(ocireg_service_credentials, host)
    }

    /// Null is NULL.
    pub fn auth(&self, auth: &Value, user_agent: Option<&str>) -> Outcome<Value> {
        self.ask(ocireg_service_auth, auth, user_agent)
    }

    pub fn login(&self, auth: &Value) -> Outcome<Value> {
        self.ask(ocireg_service_login, auth, None)
    }

    fn ask(&self, function: Ask, auth: &Value, user_agent: Option<&str>) -> Outcome<Value> {
        let auth = (!auth.is_null()).then(|| c(&auth.to_string()));
        let auth = auth.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let user_agent = user_agent.map(c);
        let user_agent = user_agent.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            function(self.0, ptr::null(), auth, user_agent, json, error)
        })
    }

    pub fn logout(&self, host: &str) -> Outcome<()> {
        let host = c(host);
        // SAFETY: live handle and text in, a live place out.
        call(|error| unsafe { ocireg_service_logout(self.0, ptr::null(), host.as_ptr(), error) })
    }

    pub fn is_insecure_registry(&self, host: &str) -> Outcome<bool> {
        let host = c(host);
        let mut insecure = -1;
        // SAFETY: live handle and text in, live places out.
        call(|error| unsafe {
            let context = ptr::null();
            ocireg_service_is_insecure_registry(
                self.0,
                context,
                host.as_ptr(),
                &mut insecure,
                error,
            )
        })
        .map(|()| insecure == 1)
    }

    pub fn endpoint(&self, api_endpoint: &Value) -> Outcome<Endpoint> {
        let json = c(&api_endpoint.to_string());
        let mut endpoint = ptr::dangling_mut();
        // SAFETY: live handle and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_endpoint_new(self.0, json.as_ptr(), &mut endpoint, error)
        });
        assert_eq!(made.is_err(), endpoint.is_null());
        made.map(|()| Endpoint(endpoint))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_service_free(self.0) }
        if !std::thread::panicking() {
            self.1.check();
        }
    }
}

/// An endpoint handle, freed when dropped.
pub struct Endpoint(pub *mut ocireg_endpoint);

impl Endpoint {
    pub fn text(&self) -> String {
        // SAFETY: a live handle in, live places out.
        call_text(|text, error| unsafe { ocireg_endpoint_to_string(self.0, text, error) })
            .expect("an endpoint has an address")
    }

    pub fn path(&self, path: &str) -> String {
        let path = c(path);
        // SAFETY: live handle and text in, live places out.
        call_text(|text, error| unsafe { ocireg_endpoint_path(self.0, path.as_ptr(), text, error) })
            .expect("an endpoint has paths")
    }

    pub fn is_secure(&self) -> bool {
        let mut secure = -1;
        // SAFETY: a live handle in, live places out.
        call(|error| unsafe { ocireg_endpoint_is_secure(self.0, &mut secure, error) })
            .expect("an endpoint is secure or not");
        secure == 1
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_endpoint_free(self.0) }
    }
}
