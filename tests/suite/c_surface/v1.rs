//! Protocol v1 as tests call it through the C surface.

use std::ffi::{CString, c_char};
use std::ptr;

use ocireg::ffi::*;
use serde_json::{Value, json};

use super::images::{Context, Reader, Session, pointer};
use super::{Endpoint, Outcome, Service, c, call, call_json, call_text};

/// What a search may carry besides its term.
#[derive(Default)]
pub struct Search<'a> {
    pub context: Option<&'a Context>,
    pub auth: Option<Value>,
    pub user_agent: Option<&'a str>,
    pub headers: Option<Value>,
}

impl Service {
    pub fn search(&self, term: &str, limit: i32, more: &Search<'_>) -> Outcome<Value> {
        let json = |value: &Option<Value>| value.as_ref().map(|value| c(&value.to_string()));
        let (term, auth, headers) = (c(term), json(&more.auth), json(&more.headers));
        let agent = more.user_agent.map(c);
        let raw = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: live handles and text in, live places out.
        call_json(|out, error| unsafe {
            ocireg_service_search(
                self.0,
                pointer(more.context),
                term.as_ptr(),
                limit,
                raw(&auth),
                raw(&agent),
                raw(&headers),
                out,
                error,
            )
        })
    }

    /// The v1 endpoint of the index that a reference belongs to, once it was found to be there.
    pub fn v1_endpoint(&self, reference: &str) -> Outcome<Endpoint> {
        let repository = self.resolve_repository(reference)?;
        self.v1_endpoint_of(&repository["Index"], "", &json!({}))
    }

    pub fn v1_endpoint_of(
        &self,
        index: &Value,
        user_agent: &str,
        headers: &Value,
    ) -> Outcome<Endpoint> {
        let (index, agent) = (c(&index.to_string()), c(user_agent));
        let headers = c(&headers.to_string());
        let mut endpoint = ptr::dangling_mut();
        // SAFETY: live handle and text in, live places out.
        let made = call(|error| unsafe {
            ocireg_endpoint_new_v1(
                self.0,
                ptr::null(),
                index.as_ptr(),
                agent.as_ptr(),
                headers.as_ptr(),
                &mut endpoint,
                error,
            )
        });
        assert_eq!(made.is_err(), endpoint.is_null());
        made.map(|()| Endpoint(endpoint))
    }
}

impl Endpoint {
    pub fn ping(&self) -> Outcome<Value> {
        // SAFETY: a live handle in, live places out.
        call_json(|json, error| unsafe { ocireg_endpoint_ping(self.0, ptr::null(), json, error) })
    }
}

/// A question about an image of a registry that has an answer in JSON.
type OfImage = unsafe extern "C" fn(
    *const ocireg_session,
    *const ocireg_context,
    *const c_char,
    *const c_char,
    *mut *mut c_char,
    *mut *mut ocireg_error,
) -> i32;

impl Session {
    pub fn repository_data(&self, reference: &str) -> Outcome<Value> {
        let reference = c(reference);
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_get_repository_data(self.0, ptr::null(), reference.as_ptr(), json, error)
        })
    }

    pub fn remote_tags(&self, registries: &Value, reference: &str) -> Outcome<Value> {
        let of: OfImage = ocireg_session_get_remote_tags;
        self.of_image(of, &registries.to_string(), reference)
    }

    pub fn remote_tag(&self, registries: &Value, reference: &str, tag: &str) -> Outcome<String> {
        let (registries, reference, tag) = (c(&registries.to_string()), c(reference), c(tag));
        // SAFETY: live handle and text in, live places out.
        call_text(|text, error| unsafe {
            ocireg_session_get_remote_tag(
                self.0,
                ptr::null(),
                registries.as_ptr(),
                reference.as_ptr(),
                tag.as_ptr(),
                text,
                error,
            )
        })
    }

    pub fn remote_history(&self, id: &str, registry: &str) -> Outcome<Value> {
        self.of_image(ocireg_session_get_remote_history, id, registry)
    }

    fn of_image(&self, function: OfImage, first: &str, second: &str) -> Outcome<Value> {
        let (first, second) = (c(first), c(second));
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            function(self.0, ptr::null(), first.as_ptr(), second.as_ptr(), json, error)
        })
    }

    pub fn lookup_remote_image(&self, id: &str, registry: &str) -> Outcome<()> {
        let (id, registry) = (c(id), c(registry));
        // SAFETY: live handle and text in, a live place out.
        call(|error| unsafe {
            ocireg_session_lookup_remote_image(
                self.0,
                ptr::null(),
                id.as_ptr(),
                registry.as_ptr(),
                error,
            )
        })
    }

    /// The exact bytes, and the size of the layer.
    pub fn remote_image_json(&self, id: &str, registry: &str) -> Outcome<(Vec<u8>, i64)> {
        let (id, registry) = (c(id), c(registry));
        let (mut data, mut size, mut image_size) =
            (ptr::dangling_mut::<u8>(), usize::MAX, i64::MAX);
        // SAFETY: live handle and text in, live places out.
        call(|error| unsafe {
            ocireg_session_get_remote_image_json(
                self.0,
                ptr::null(),
                id.as_ptr(),
                registry.as_ptr(),
                &mut data,
                &mut size,
                &mut image_size,
                error,
            )
        })?;
        // SAFETY: bytes of the library, of this size, freed once.
        let bytes = unsafe {
            let bytes = std::slice::from_raw_parts(data, size).to_vec();
            ocireg_bytes_free(data);
            bytes
        };
        Ok((bytes, image_size))
    }

    pub fn remote_image_layer(&self, id: &str, registry: &str, size: i64) -> Outcome<Reader> {
        let (id, registry) = (c(id), c(registry));
        let mut reader = ptr::dangling_mut();
        // SAFETY: live handle and text in, live places out.
        let opened = call(|error| unsafe {
            ocireg_session_get_remote_image_layer(
                self.0,
                ptr::null(),
                id.as_ptr(),
                registry.as_ptr(),
                size,
                &mut reader,
                error,
            )
        });
        assert_eq!(opened.is_err(), reader.is_null());
        opened.map(|()| Reader(reader))
    }

    pub fn push_image_json(&self, image: &Value, registry: &str, json: &[u8]) -> Outcome<()> {
        let (image, registry) = (c(&image.to_string()), c(registry));
        // SAFETY: live handle, text and bytes in, a live place out.
        call(|error| unsafe {
            ocireg_session_push_image_json_registry(
                self.0,
                ptr::null(),
                image.as_ptr(),
                registry.as_ptr(),
                json.as_ptr(),
                json.len(),
                error,
            )
        })
    }

    pub fn push_image_layer(&self, id: &str, registry: &str, json: &[u8]) -> Outcome<Writer> {
        let (id, registry) = (c(id), c(registry));
        let mut writer = ptr::dangling_mut();
        // SAFETY: live handle, text and bytes in, live places out.
        let opened = call(|error| unsafe {
            ocireg_session_push_image_layer_registry(
                self.0,
                ptr::null(),
                id.as_ptr(),
                registry.as_ptr(),
                json.as_ptr(),
                json.len(),
                &mut writer,
                error,
            )
        });
        assert_eq!(opened.is_err(), writer.is_null());
        opened.map(|()| Writer(writer))
    }

    pub fn push_image_checksum(&self, image: &Value, registry: &str) -> Outcome<()> {
        let (image, registry) = (c(&image.to_string()), c(registry));
        // SAFETY: live handle and text in, a live place out.
        call(|error| unsafe {
            ocireg_session_push_image_checksum_registry(
                self.0,
                ptr::null(),
                image.as_ptr(),
                registry.as_ptr(),
                error,
            )
        })
    }

    pub fn push_tag(&self, reference: &str, id: &str, tag: &str, registry: &str) -> Outcome<()> {
        let (reference, id, tag, registry) = (c(reference), c(id), c(tag), c(registry));
        // SAFETY: live handle and text in, a live place out.
        call(|error| unsafe {
            ocireg_session_push_registry_tag(
                self.0,
                ptr::null(),
                reference.as_ptr(),
                id.as_ptr(),
                tag.as_ptr(),
                registry.as_ptr(),
                error,
            )
        })
    }

    pub fn push_index(
        &self,
        reference: &str,
        images: &Value,
        validate: bool,
        registries: &Value,
    ) -> Outcome<Value> {
        let (reference, images) = (c(reference), c(&images.to_string()));
        let registries = c(&registries.to_string());
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_push_image_json_index(
                self.0,
                ptr::null(),
                reference.as_ptr(),
                images.as_ptr(),
                i32::from(validate),
                registries.as_ptr(),
                json,
                error,
            )
        })
    }

    pub fn search_repositories(&self, term: &str, limit: i32) -> Outcome<Value> {
        let term = c(term);
        // SAFETY: live handle and text in, live places out.
        call_json(|json, error| unsafe {
            ocireg_session_search_repositories(
                self.0,
                ptr::null(),
                term.as_ptr(),
                limit,
                json,
                error,
            )
        })
    }
}

/// A writer handle, freed when dropped.
pub struct Writer(pub *mut ocireg_writer);

impl Writer {
    pub fn write(&mut self, context: Option<&Context>, bytes: &[u8]) -> Outcome<()> {
        // SAFETY: live handles and bytes in, a live place out.
        call(|error| unsafe {
            ocireg_writer_write(self.0, pointer(context), bytes.as_ptr(), bytes.len(), error)
        })
    }

    pub fn commit(&mut self, context: Option<&Context>) -> Outcome<Value> {
        // SAFETY: live handles in, live places out.
        call_json(|json, error| unsafe {
            ocireg_writer_commit(self.0, pointer(context), ptr::null(), json, error)
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { ocireg_writer_free(self.0) }
    }
}
