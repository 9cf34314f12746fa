//! Contexts, sessions, readers and whole images as tests call them through the C surface.

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::ptr;

use ocireg::ffi::*;
use serde_json::{Value, json};

use super::{Endpoint, Outcome, Service, c, call, call_json, call_text};

/// A pull's, or any other call's, progress: bytes done, bytes in all, the event; true stops the call.
pub type OnProgress = Box<dyn FnMut(u64, u64, &Value) -> bool + Send>;

/// A context handle, freed when dropped.
pub struct Context(*mut ocireg_context);

// SAFETY: cancelling is allowed from any thread, and the tests do nothing else beside a running call.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub fn new() -> Self {
        let mut context = ptr::dangling_mut();
        // SAFETY: live places out.
        call(|error| unsafe { ocireg_context_new(&mut context, error) }).expect("a context");
        Self(context)
    }

    /// A context that ends after so many milliseconds.
    pub fn timeout(milliseconds: u64) -> Self {
        let context = Self::new();
        context.set_timeout(milliseconds);
        context
    }

    pub fn set_timeout(&self, milliseconds: u64) {
        // SAFETY: a live context.
        unsafe { ocireg_context_set_timeout(self.0, milliseconds) }
    }

    pub fn cancel(&self) {
        // SAFETY: a live context.
        unsafe { ocireg_context_cancel(self.0) }
    }

    /// A context whose progress goes to `told`.
    pub fn with_progress(told: impl FnMut(u64, u64, &Value) -> bool + Send + 'static) -> Self {
        let context = Self::new();
        let told: Box<OnProgress> = Box::new(Box::new(told));
        // SAFETY: a live context; the box is given back to `forget` once.
        unsafe {
            let data = Box::into_raw(told).cast();
            ocireg_context_set_progress(context.0, Some(progress), data, Some(forget));
        }
        context
    }
}

unsafe extern "C" fn progress(
    data: *mut c_void,
    done: u64,
    total: u64,
    event: *const c_char,
) -> i32 {
    // SAFETY: the box of with_progress, used by one call at a time; the event lives through this call.
    let (told, event) = unsafe { (&mut *data.cast::<OnProgress>(), CStr::from_ptr(event)) };
    ocireg_testkit::canary::assert_none("an event", event.to_bytes());
    let event = serde_json::from_slice(event.to_bytes()).expect("an event is JSON");
    i32::from(told(done, total, &event))
}

unsafe extern "C" fn forget(data: *mut c_void) {
    // SAFETY: made by Box::into_raw in with_progress, given back once.
    drop(unsafe { Box::from_raw(data.cast::<OnProgress>()) });
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_context_free(self.0) }
    }
}

pub fn pointer(context: Option<&Context>) -> *const ocireg_context {
    context.map_or(ptr::null(), |context| context.0.cast_const())
}

/// A function that moves a whole image.
type Transfer = unsafe extern "C" fn(
    *const ocireg_service,
    *const ocireg_context,
    *const c_char,
    *const c_char,
    *const c_char,
    *mut *mut c_char,
    *mut *mut ocireg_error,
) -> i32;

impl Service {
    /// A service that looks at nothing of this machine, with these options on top.
    pub fn bare(options: Value) -> Self {
        let mut all = json!({
            "environment": false, "certs-dir": "", "hosts-dir": "", "registries-conf": "",
            "docker-config": "",
        });
        for (key, value) in options.as_object().expect("options are an object") {
            all[key] = value.clone();
        }
        Self::new(&all).expect("a service")
    }

    pub fn open(
        &self,
        context: Option<&Context>,
        reference: &str,
        options: &Value,
    ) -> Outcome<Session> {
        let (reference, options) = (c(reference), c(&options.to_string()));
        let mut session = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let opened = call(|error| unsafe {
            ocireg_session_open(
                self.0,
                pointer(context),
                reference.as_ptr(),
                options.as_ptr(),
                &mut session,
                error,
            )
        });
        assert_eq!(opened.is_err(), session.is_null());
        opened.map(|()| Session(session))
    }

    /// Pulls into the layout `directory`.
    pub fn pull(
        &self,
        context: Option<&Context>,
        source: &str,
        destination: &str,
        options: &Value,
    ) -> Outcome<Value> {
        self.transfer(ocireg_pull, context, source, destination, options)
    }

    /// Pushes from a layout.
    pub fn push(
        &self,
        context: Option<&Context>,
        source: &str,
        destination: &str,
        options: &Value,
    ) -> Outcome<Value> {
        self.transfer(ocireg_push, context, source, destination, options)
    }

    /// Copies from any place to any other.
    pub fn copy(
        &self,
        context: Option<&Context>,
        source: &str,
        destination: &str,
        options: &Value,
    ) -> Outcome<Value> {
        self.transfer(ocireg_copy, context, source, destination, options)
    }

    /// Unpacks to a directory.
    pub fn unpack(
        &self,
        context: Option<&Context>,
        source: &str,
        directory: &str,
        options: &Value,
    ) -> Outcome<Value> {
        self.transfer(ocireg_unpack, context, source, directory, options)
    }

    /// Exports to a descriptor.
    pub fn export(
        &self,
        context: Option<&Context>,
        source: &str,
        fd: i32,
        options: &Value,
    ) -> Outcome<Value> {
        let (source, options) = (c(source), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_export(
                self.0,
                pointer(context),
                source.as_ptr(),
                fd,
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    fn transfer(
        &self,
        function: Transfer,
        context: Option<&Context>,
        source: &str,
        destination: &str,
        options: &Value,
    ) -> Outcome<Value> {
        let (source, destination) = (c(source), c(destination));
        let options = c(&options.to_string());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            function(
                self.0,
                pointer(context),
                source.as_ptr(),
                destination.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn inspect(
        &self,
        context: Option<&Context>,
        source: &str,
        options: &Value,
    ) -> Outcome<Value> {
        let (source, options) = (c(source), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_inspect(self.0, pointer(context), source.as_ptr(), options.as_ptr(), json, error)
        })
    }
}

impl Endpoint {
    /// A session of the whole registry; `auth` None is what the service would use.
    pub fn session(&self, auth: Option<&Value>) -> Outcome<Session> {
        let auth = auth.map(|auth| c(&auth.to_string()));
        let auth = auth.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let mut session = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_session_new(self.0, ptr::null(), auth, &mut session, error)
        });
        assert_eq!(made.is_err(), session.is_null());
        made.map(|()| Session(session))
    }
}

/// A session handle, freed when dropped.
pub struct Session(pub *mut ocireg_session);

// SAFETY: a session may be used from any thread.
unsafe impl Send for Session {}
// SAFETY: as above, by several at once.
unsafe impl Sync for Session {}

impl Session {
    pub fn info(&self) -> Outcome<Value> {
        // SAFETY: a live handle in, live places out.
        call_json(|json, error| unsafe { ocireg_session_info(self.0, json, error) })
    }

    pub fn id(&self) -> Outcome<String> {
        // SAFETY: a live handle in, live places out.
        call_text(|text, error| unsafe { ocireg_session_id(self.0, text, error) })
    }

    pub fn repository(&self, name: &str) -> Outcome<Session> {
        let name = c(name);
        let mut session = ptr::dangling_mut();
        // SAFETY: a live handle and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_session_repository(self.0, name.as_ptr(), &mut session, error)
        });
        assert_eq!(made.is_err(), session.is_null());
        made.map(|()| Session(session))
    }

    pub fn ping(&self, context: Option<&Context>) -> Outcome<Value> {
        // SAFETY: live handles in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_ping(self.0, pointer(context), json, error)
        })
    }

    pub fn list_tags(&self, context: Option<&Context>, options: &Value) -> Outcome<Value> {
        let options = c(&options.to_string());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_list_tags(self.0, pointer(context), options.as_ptr(), json, error)
        })
    }

    /// A manifest's descriptor and bytes.
    pub fn get_manifest(
        &self,
        context: Option<&Context>,
        which: Option<&str>,
        options: &Value,
    ) -> Outcome<(Value, Vec<u8>)> {
        let (which, options) = (which.map(c), c(&options.to_string()));
        let which = which.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let (mut data, mut size) = (ptr::dangling_mut::<u8>(), usize::MAX);
        // SAFETY: live handles and text in, live places out.
        let descriptor = call_json(|descriptor, error| unsafe {
            ocireg_session_get_manifest(
                self.0,
                pointer(context),
                which,
                options.as_ptr(),
                descriptor,
                &mut data,
                &mut size,
                error,
            )
        });
        if descriptor.is_err() {
            assert!(data.is_null() && size == 0, "a call that fails leaves no bytes");
        }
        let descriptor = descriptor?;
        // SAFETY: bytes of the library, of this size, freed once.
        let bytes = unsafe {
            let bytes = std::slice::from_raw_parts(data, size).to_vec();
            ocireg_bytes_free(data);
            bytes
        };
        Ok((descriptor, bytes))
    }

    pub fn head_manifest(
        &self,
        context: Option<&Context>,
        which: Option<&str>,
        options: &Value,
    ) -> Outcome<Value> {
        let (which, options) = (which.map(c), c(&options.to_string()));
        let which = which.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_head_manifest(
                self.0,
                pointer(context),
                which,
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn head_blob(&self, context: Option<&Context>, digest: &str) -> Outcome<Value> {
        let digest = c(digest);
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_head_blob(self.0, pointer(context), digest.as_ptr(), json, error)
        })
    }

    pub fn open_blob(
        &self,
        context: Option<&Context>,
        digest: &str,
        offset: u64,
        options: &Value,
    ) -> Outcome<Reader> {
        let (digest, options) = (c(digest), c(&options.to_string()));
        let mut reader = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let opened = call(|error| unsafe {
            ocireg_session_open_blob(
                self.0,
                pointer(context),
                digest.as_ptr(),
                offset,
                options.as_ptr(),
                &mut reader,
                error,
            )
        });
        assert_eq!(opened.is_err(), reader.is_null());
        opened.map(|()| Reader(reader))
    }
}

impl Session {
    pub fn catalog(&self, options: &Value) -> Outcome<Value> {
        let options = c(&options.to_string());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_catalog(self.0, ptr::null(), options.as_ptr(), json, error)
        })
    }

    /// Without a media type it is the manifest's own.
    pub fn put_manifest(
        &self,
        which: Option<&str>,
        kind: Option<&str>,
        bytes: &[u8],
        options: &Value,
    ) -> Outcome<Value> {
        let (which, kind, options) = (which.map(c), kind.map(c), c(&options.to_string()));
        let which = which.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let kind = kind.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: live handles, bytes and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_put_manifest(
                self.0,
                ptr::null(),
                which,
                kind,
                bytes.as_ptr(),
                bytes.len(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn delete_manifest(&self, which: &str) -> Outcome<()> {
        let which = c(which);
        // SAFETY: live handles and text in, a live place out.
        call(|error| unsafe {
            ocireg_session_delete_manifest(self.0, ptr::null(), which.as_ptr(), error)
        })
    }

    pub fn delete_blob(&self, digest: &str) -> Outcome<()> {
        let digest = c(digest);
        // SAFETY: live handles and text in, a live place out.
        call(|error| unsafe {
            ocireg_session_delete_blob(self.0, ptr::null(), digest.as_ptr(), error)
        })
    }

    pub fn referrers(&self, digest: &str, options: &Value) -> Outcome<Value> {
        let (digest, options) = (c(digest), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_referrers(
                self.0,
                ptr::null(),
                digest.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn get_blob_file(
        &self,
        context: Option<&Context>,
        digest: &str,
        path: &Path,
        options: &Value,
    ) -> Outcome<Value> {
        let (digest, options) = (c(digest), c(&options.to_string()));
        let path = c(path.to_str().expect("a path of text"));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_get_blob_file(
                self.0,
                pointer(context),
                digest.as_ptr(),
                path.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn put_blob_file(
        &self,
        context: Option<&Context>,
        path: &Path,
        options: &Value,
    ) -> Outcome<Value> {
        let (path, options) = (c(path.to_str().expect("a path of text")), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_put_blob_file(
                self.0,
                pointer(context),
                path.as_ptr(),
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn get_blob_fd(
        &self,
        context: Option<&Context>,
        digest: &str,
        fd: i32,
        options: &Value,
    ) -> Outcome<Value> {
        let (digest, options) = (c(digest), c(&options.to_string()));
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_get_blob_fd(
                self.0,
                pointer(context),
                digest.as_ptr(),
                fd,
                options.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn put_blob_fd(
        &self,
        context: Option<&Context>,
        fd: i32,
        options: &Value,
    ) -> Outcome<Value> {
        let options = c(&options.to_string());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_put_blob_fd(self.0, pointer(context), fd, options.as_ptr(), json, error)
        })
    }

    pub fn put_blob(&self, context: Option<&Context>, options: &Value) -> Outcome<Writer> {
        let options = c(&options.to_string());
        let mut writer = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let opened = call(|error| unsafe {
            ocireg_session_put_blob(self.0, pointer(context), options.as_ptr(), &mut writer, error)
        });
        assert_eq!(opened.is_err(), writer.is_null());
        opened.map(|()| Writer(writer))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_session_free(self.0) }
    }
}

/// Protocol v1.
impl Session {
    pub fn get_remote_image_layer(
        &self,
        image_id: &str,
        registry: &str,
        image_size: i64,
    ) -> Outcome<Reader> {
        let (image_id, registry) = (c(image_id), c(registry));
        let mut reader = ptr::dangling_mut();
        // SAFETY: live handles and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_session_get_remote_image_layer(
                self.0,
                ptr::null(),
                image_id.as_ptr(),
                registry.as_ptr(),
                image_size,
                &mut reader,
                error,
            )
        });
        assert_eq!(made.is_err(), reader.is_null());
        made.map(|()| Reader(reader))
    }

    pub fn push_image_layer_registry(
        &self,
        image_id: &str,
        registry: &str,
        image_json: &[u8],
    ) -> Outcome<Writer> {
        let (image_id, registry) = (c(image_id), c(registry));
        let mut writer = ptr::dangling_mut();
        // SAFETY: live handles, text and bytes in, live places out.
        let made = call(|error| unsafe {
            ocireg_session_push_image_layer_registry(
                self.0,
                ptr::null(),
                image_id.as_ptr(),
                registry.as_ptr(),
                image_json.as_ptr(),
                image_json.len(),
                &mut writer,
                error,
            )
        });
        assert_eq!(made.is_err(), writer.is_null());
        made.map(|()| Writer(writer))
    }
}

/// A writer handle, freed when dropped.
pub struct Writer(pub *mut ocireg_writer);

// SAFETY: a writer may move between threads.
unsafe impl Send for Writer {}

impl Writer {
    pub fn write(&mut self, context: Option<&Context>, bytes: &[u8]) -> Outcome<()> {
        // SAFETY: live handles and bytes in, a live place out.
        call(|error| unsafe {
            ocireg_writer_write(self.0, pointer(context), bytes.as_ptr(), bytes.len(), error)
        })
    }

    pub fn commit(&mut self, context: Option<&Context>, options: &Value) -> Outcome<Value> {
        let options = c(&options.to_string());
        // SAFETY: live handles and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_writer_commit(self.0, pointer(context), options.as_ptr(), json, error)
        })
    }

    pub fn abort(&mut self, context: Option<&Context>) -> Outcome<()> {
        // SAFETY: live handles in, a live place out.
        call(|error| unsafe { ocireg_writer_abort(self.0, pointer(context), error) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_writer_free(self.0) }
    }
}

/// A reader handle, freed when dropped.
pub struct Reader(pub *mut ocireg_reader);

// SAFETY: a reader may move between threads.
unsafe impl Send for Reader {}

impl Reader {
    pub fn size(&self) -> i64 {
        // SAFETY: a live handle.
        unsafe { ocireg_reader_size(self.0) }
    }

    pub fn read(&mut self, context: Option<&Context>, buffer: &mut [u8]) -> Outcome<usize> {
        let mut count = usize::MAX;
        // SAFETY: live handles and a buffer of this size in, live places out.
        let read = call(|error| unsafe {
            ocireg_reader_read(
                self.0,
                pointer(context),
                buffer.as_mut_ptr(),
                buffer.len(),
                &mut count,
                error,
            )
        });
        if read.is_err() {
            assert_eq!(count, 0, "a read that fails gives no bytes");
        }
        read.map(|()| count)
    }

    /// Reads what is left, where size and digest are judged.
    pub fn verify(&mut self, context: Option<&Context>) -> Outcome<()> {
        // SAFETY: live handles in, a live place out.
        call(|error| unsafe { ocireg_reader_verify(self.0, pointer(context), error) })
    }

    /// Reads to the end, appending to `bytes`.
    pub fn read_to_end(&mut self, context: Option<&Context>, bytes: &mut Vec<u8>) -> Outcome<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.read(context, &mut buffer)? {
                0 => return Ok(()),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_reader_free(self.0) }
    }
}
