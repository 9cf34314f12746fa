//! The library's main job in one program: `cargo run --example quickstart [REFERENCE]`.
//!
//! Without an argument it starts a registry on loopback, puts a small image for three platforms into it, and pulls
//! it back. With one it pulls that reference from its real registry. Every call of the library goes through its C
//! surface, as a C program's would.

use std::ffi::{CStr, CString, c_char, c_void};
use std::io::Write;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::time::Duration;

use ocireg::ffi::*;
use ocireg_testkit::image::Spec;
use ocireg_testkit::registry::Registry;
use serde_json::Value;

fn main() -> ExitCode {
    let (registry, reference) = match std::env::args().nth(1) {
        Some(reference) => (None, reference),
        None => {
            let registry = Registry::plain();
            Spec::default().build().push_to(&registry, "demo/hello", "v1");
            let reference = format!("{}/demo/hello:v1", registry.host());
            println!("a registry with a small image listens on {}", registry.host());
            (Some(registry), reference)
        }
    };
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/target/quickstart");
    let pulled = pull(&reference, &format!("oci:{directory}"));
    drop(registry);
    match pulled {
        Ok(report) => {
            print(&report, directory);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\n{}: {}", text(&error["name"]), text(&error["message"]));
            if let Some(hint) = error["hint"].as_str() {
                eprintln!("what to try: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Pulls a reference; the report, or the error, as their documents.
fn pull(reference: &str, destination: &str) -> Result<Value, Value> {
    println!("pulling {reference}");
    let (mut service, mut context, mut report, mut error) =
        (null_mut(), null_mut(), null_mut(), null_mut());
    let (source, destination) = (c_text(reference), c_text(destination));
    // SAFETY: every pointer is NULL, a C string that lives to the end, or an out parameter of this function; the
    // handles are freed once, after their last use.
    unsafe {
        let mut code = ocireg_service_new(null(), &mut service, &mut error);
        if code == 0 {
            code = ocireg_context_new(&mut context, &mut error);
        }
        if code == 0 {
            // A quick start that hangs is none.
            let most = Duration::from_secs(600).as_millis();
            ocireg_context_set_timeout(context, u64::try_from(most).unwrap_or(0));
            ocireg_context_set_progress(context, Some(progress), null_mut(), None);
            let (source, destination) = (source.as_ptr(), destination.as_ptr());
            code =
                ocireg_pull(service, context, source, destination, null(), &mut report, &mut error);
        }
        let result =
            if code == 0 { Ok(document(report)) } else { Err(document(ocireg_error_json(error))) };
        ocireg_string_free(report);
        ocireg_error_free(error);
        ocireg_context_free(context);
        ocireg_service_free(service);
        result
    }
}

/// One line that is written over while the pull goes on.
unsafe extern "C" fn progress(
    _: *mut c_void,
    done: u64,
    total: u64,
    event_json: *const c_char,
) -> i32 {
    // SAFETY: the library lends a C string for the time of the call.
    let event = unsafe { document(event_json) };
    if matches!(event["kind"].as_str(), Some("blob" | "tick" | "finish")) {
        print!("\r{:<60}", format!("{done} of {total} bytes"));
        // A terminal that is gone is no reason to stop the pull.
        let _ = std::io::stdout().flush();
    }
    0
}

fn print(report: &Value, directory: &str) {
    println!("\n\nreference    {}", text(&report["reference"]));
    if let Some(platform) = report.get("platform") {
        println!("platform     {}", text(platform));
    }
    println!("from         {}", text(&report["endpoint"]["url"]));
    println!("into         {directory}");
    println!("manifest     {}", text(&report["descriptor"]["digest"]));
    for blob in report["blobs"].as_array().into_iter().flatten() {
        let (digest, size, source) = (text(&blob["digest"]), &blob["size"], text(&blob["source"]));
        println!("blob         {digest}  {size} bytes, {source}");
    }
    let (moved, all) = (&report["bytes_transferred"], &report["bytes_total"]);
    println!("transferred  {moved} of {all} bytes in {} ms", report["duration_ms"]);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("arguments of a process hold no NUL")
}

/// # Safety
/// `json` is a C string.
unsafe fn document(json: *const c_char) -> Value {
    // SAFETY: passed on.
    let json = unsafe { CStr::from_ptr(json) };
    serde_json::from_slice(json.to_bytes()).expect("the library writes JSON")
}
