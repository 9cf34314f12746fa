//! Contexts: deadlines, cancellation and progress.

use std::ffi::{CString, c_char, c_void};
use std::time::Duration;

use super::error::ocireg_error;
use super::guard;
use super::handle;
use crate::call::{Call, Context, Progress};
use crate::error::Result;

/// A deadline, cancellation and a progress callback for calls.
///
/// One context may serve several calls, at the same time or one after the other. ocireg_context_cancel() may be called
/// from any thread and from a signal handler; all other functions from one thread at a time, and not while a call runs
/// under the context.
pub struct ocireg_context {
    _opaque: [u8; 0],
}

handle_type!(ocireg_context, Context, b"ocicontx");

/// Progress callback: receives the events of a call.
///
/// It is called only on the thread that is inside the call, at most every 100 ms for each blob, and at least once a
/// second while the call waits. It must not throw, jump out, or free or change a handle that the running call uses. It
/// may make calls of its own; a call that needs the token that the running call is fetching gets OCIREG_BUSY.
///
/// @param user_data   The pointer that was passed to ocireg_context_set_progress().
/// @param done        The number of bytes that the whole call has transferred so far.
/// @param total       The number of bytes that the whole call has to transfer, as far as is known.
/// @param event_json  A JSON object, valid until the callback returns. `kind` is "start", "blob", "manifest", "retry",
///                    "wait", "endpoint", "tick" or "finish"; ignore other kinds. The other keys depend on the kind. Of
///                    a blob or manifest: `digest`, `media_type`, `offset`, `total`, `done` (a boolean), `direction`
///                    ("down" or "up"), `source`; of an image of protocol v1: `what` (its id); of a retry: `attempt`,
///                    `delay_ms`, `code`, `message`. docs/events.md describes them.
/// @return 0 to continue. Any other value stops the call with OCIREG_CANCELLED.
pub type ocireg_progress_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        done: u64,
        total: u64,
        event_json: *const c_char,
    ) -> i32,
>;

/// Drop callback: called once with the user_data of another callback, after the last call of that callback.
pub type ocireg_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// A callback's user_data with its end.
pub(super) struct UserData {
    data: *mut c_void,
    drop: ocireg_drop_fn,
}

// SAFETY: the header tells callers that the callback runs on whichever thread makes the call, and that drop may
// run on whichever thread lets go last.
unsafe impl Send for UserData {}
// SAFETY: as above; the pointer is only handed back, never followed.
unsafe impl Sync for UserData {}

impl UserData {
    pub(super) fn new(data: *mut c_void, drop: ocireg_drop_fn) -> Self {
        Self { data, drop }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the caller gave this function for exactly this pointer; it runs once.
            unsafe { drop(self.data) }
        }
    }
}

/// Begins a call under a context that C gave us, which may be NULL.
///
/// # Safety
/// `context` is NULL or a context of this library that lives through the call.
pub(super) unsafe fn call(context: *const ocireg_context) -> Result<Call> {
    // SAFETY: passed on.
    let context = unsafe { handle::optional(context) }?;
    let call = Call::new(context);
    guard::watch(call.mask());
    call.check()?;
    Ok(call)
}

/// Creates a context without a deadline and without a callback.
///
/// @param context  Receives the context. Free it with ocireg_context_free(). Not NULL.
/// @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
/// @return OCIREG_OK, or OCIREG_IO if the process has no file descriptor left.
///
/// Safe to call from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_new(
    context: *mut *mut ocireg_context,
    error: *mut *mut ocireg_error,
) -> i32 {
    guard!(error, {
        args!(context = out(context));
        context.set(handle::into_raw(Context::new()?));
        Ok(())
    })
}

/// Sets one deadline for all calls under the context.
///
/// The time is counted from now. A call that reaches the deadline returns OCIREG_DEADLINE.
///
/// @param context       The context. NULL does nothing.
/// @param milliseconds  The time until the deadline. 0 removes the deadline.
///
/// Call it from one thread at a time. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_set_timeout(
    context: *mut ocireg_context,
    milliseconds: u64,
) {
    guard!(default = (), {
        // SAFETY: the header's contract.
        if let Ok(Some(context)) = unsafe { handle::optional(context.cast_const()) } {
            context.set_timeout(Duration::from_millis(milliseconds));
        }
    })
}

/// Sets or removes the progress callback for calls under the context.
///
/// @param context    The context. If it is NULL, nothing happens but the call of `drop`.
/// @param progress   The callback, which replaces the previous one. NULL removes it.
/// @param user_data  Passed to the callback. May be NULL.
/// @param drop       Called once with user_data when the callback will not be called any more. May be NULL.
///
/// Call it from one thread at a time, and not from a callback. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_set_progress(
    context: *mut ocireg_context,
    progress: ocireg_progress_fn,
    user_data: *mut c_void,
    drop: ocireg_drop_fn,
) {
    guard!(default = (), {
        let user_data = UserData::new(user_data, drop);
        // SAFETY: the header's contract.
        let Ok(Some(context)) = (unsafe { handle::optional(context.cast_const()) }) else { return };
        let progress = progress.map(|progress| -> Progress {
            Box::new(move |done, total, event: &str| {
                let event = CString::new(event).unwrap_or_default();
                // SAFETY: the caller gave a function of this type, for this pointer, to be called until drop.
                unsafe { progress(user_data.pointer(), done, total, event.as_ptr()) != 0 }
            })
        });
        context.set_progress(progress);
    })
}

/// Cancels all calls under the context.
///
/// Calls that are running return OCIREG_CANCELLED within a second, whatever they wait for. Calls that start later
/// return it at once: a cancelled context stays cancelled.
///
/// @param context  The context. NULL does nothing.
///
/// Safe to call from any thread and from a signal handler (it keeps errno), but not during or after
/// ocireg_context_free(). Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_cancel(context: *const ocireg_context) {
    guard!(default = (), {
        // SAFETY: errno is the calling thread's own; a signal handler must leave it as it found it.
        let errno = unsafe { *libc::__errno_location() };
        // SAFETY: the header's contract. A wrong handle would make an error, which allocates; a live one does not.
        if let Ok(Some(context)) = unsafe { handle::optional(context) } {
            context.cancel();
        }
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
    })
}

/// Frees a context.
///
/// All calls under the context must have returned. Readers and writers do not keep it.
///
/// @param context  The context. NULL does nothing.
///
/// Call it once, from any thread. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_free(context: *mut ocireg_context) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(context) } })
}
