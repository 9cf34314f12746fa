//! Contexts: deadlines, cancellation and progress.

use std::ffi::{CString, c_char, c_void};
use std::time::Duration;

use super::error::ocireg_error;
use super::guard;
use super::handle;
use crate::call::{Call, Context, Progress};
use crate::error::Result;

/// What a call runs under: a deadline, cancellation, a progress callback. One context may serve several calls,
/// at once or one after the other.
///
/// ocireg_context_cancel() may be called from any thread and from a signal handler; everything else from one
/// thread at a time, and not while a call runs under the context.
pub struct ocireg_context {
    _opaque: [u8; 0],
}

handle_type!(ocireg_context, Context, b"ocicontx");

/// Told how a call goes on.
///
/// Called only on the thread that is inside the call, at most every 100 ms per blob and at least once a second
/// while the call waits. It must not throw, jump out, or free or change a handle that the running call uses.
/// It may make calls of its own; one that needs the token which the running call is fetching gets OCIREG_BUSY.
///
/// @param user_data   what was given to ocireg_context_set_progress().
/// @param done        bytes moved so far by the whole call.
/// @param total       bytes to move by the whole call, as far as is known.
/// @param event_json  what happened, borrowed for the call: `kind` is "start", "blob", "manifest", "retry", "wait",
///                    "endpoint", "tick" or "finish"; ignore others. Where they apply: `digest`, `media_type`, `offset`,
///                    `total`, `done` (a boolean), `direction` ("down", "up"), `source`, of one blob; `what` (the id of
///                    an image of protocol v1); `attempt`, `delay_ms`, `code`, `message` of what is tried again.
/// @return 0 to go on; anything else stops the call with OCIREG_CANCELLED.
pub type ocireg_progress_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        done: u64,
        total: u64,
        event_json: *const c_char,
    ) -> i32,
>;

/// Called once with the user_data of a callback, after its last call.
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

/// Makes a context without deadline and callback.
///
/// @param context  receives the context; the caller frees it with ocireg_context_free(). Not NULL.
/// @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
/// @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, or OCIREG_IO when the process has no descriptor left.
///
/// Any thread. Never blocks. Since 0.1.
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

/// Sets one deadline for all calls under the context, counted from this call.
///
/// A call that reaches it returns OCIREG_DEADLINE.
///
/// @param context       a context; NULL does nothing.
/// @param milliseconds  the time until the deadline; 0 removes it.
///
/// One thread at a time. Never blocks. Since 0.1.
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

/// Sets the progress callback for calls under the context, or removes it.
///
/// @param context    a context; NULL does nothing but end user_data.
/// @param progress   the callback; NULL removes the one that was set.
/// @param user_data  handed to the callback; may be NULL.
/// @param drop       called once with user_data when the callback will not be called any more; may be NULL.
///
/// One thread at a time, not from inside a callback. Never blocks. Since 0.1.
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

/// Ends every call under the context with OCIREG_CANCELLED within a second, whatever it waits for; calls that
/// begin later end at once. Final: a cancelled context stays so.
///
/// @param context  a context; NULL does nothing.
///
/// Any thread, and signal handlers: one atomic store, one look at a descriptor and one write to it; errno is kept. Must not run
/// beside or after ocireg_context_free(). Never blocks. Since 0.1.
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

/// Frees a context. Calls under it must have returned; readers and writers do not count.
///
/// @param context  a context, or NULL, which does nothing.
///
/// One thread, once. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocireg_context_free(context: *mut ocireg_context) {
    // SAFETY: the header's contract.
    guard!(default = (), { unsafe { handle::free(context) } })
}
