# Made by bindings/gen from src/ffi: do not edit.
"""Constants, types and functions of ocireg.h for ctypes; each name stands as in the header.

Owned text has the type ``c_void_p``: with ``c_char_p`` ctypes would hand out a copy and lose the pointer to free.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from ._library import load

OK = 0
INVALID_ARGUMENT = 1
INVALID_UTF8 = 2
INVALID_HANDLE = 3
INVALID_JSON = 4
INVALID_REFERENCE = 5
INVALID_DIGEST = 6
INVALID_CONFIG = 7
UNSUPPORTED = 8
BUSY = 9
CANCELLED = 20
DEADLINE = 21
NAME_NOT_RESOLVED = 40
CONNECT = 41
TLS = 42
CERTIFICATE = 43
TIMEOUT = 44
DISCONNECTED = 45
PROXY = 46
REDIRECT = 47
PROTOCOL = 48
POLICY = 49
UNAUTHORIZED = 60
DENIED = 61
CREDENTIALS = 62
CREDENTIAL_HELPER = 63
NOT_FOUND = 80
ALREADY_EXISTS = 81
RATE_LIMITED = 82
SERVER = 83
REJECTED = 84
CONFLICT = 85
DIGEST_MISMATCH = 100
SIZE_MISMATCH = 101
INVALID_MANIFEST = 102
LIMIT = 103
NO_PLATFORM = 104
IO = 120
NO_SPACE = 121
PERMISSION = 122
SOURCE_CHANGED = 123
INTERNAL = 200
PANIC = 201

AUTH_CLIENT_ID = "docker"
DEFAULT_SEARCH_LIMIT = 25
DEFAULT_NAMESPACE = "docker.io"
INDEX_NAME = "docker.io"
INDEX_HOSTNAME = "index.docker.io"
INDEX_SERVER = "https://index.docker.io/v1/"
DEFAULT_V2_REGISTRY = "https://registry-1.docker.io"
DEFAULT_REGISTRY_VERSION_HEADER = "Docker-Distribution-Api-Version"


# One type for each kind of handle: mixing them up is then a TypeError.
class ocireg_service(Structure):
    pass


class ocireg_context(Structure):
    pass


class ocireg_error(Structure):
    pass


class ocireg_answer(Structure):
    pass


class ocireg_session(Structure):
    pass


class ocireg_reader(Structure):
    pass


class ocireg_blob(Structure):
    pass


class ocireg_writer(Structure):
    pass


class ocireg_endpoint(Structure):
    pass


_service = POINTER(ocireg_service)
_context = POINTER(ocireg_context)
_error = POINTER(ocireg_error)
_answer = POINTER(ocireg_answer)
_session = POINTER(ocireg_session)
_reader = POINTER(ocireg_reader)
_blob = POINTER(ocireg_blob)
_writer = POINTER(ocireg_writer)
_endpoint = POINTER(ocireg_endpoint)

ocireg_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
ocireg_progress_fn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64, c_char_p)
ocireg_drop_fn = CFUNCTYPE(None, c_void_p)
ocireg_credentials_fn = CFUNCTYPE(c_int32, c_void_p, c_char_p, _answer)

_text = c_char_p
_text_out = POINTER(c_void_p)
_bytes = POINTER(c_uint8)

# Function → result, parameters.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "ocireg_service_new": (c_int32, [_text, POINTER(_service), POINTER(_error)]),
    "ocireg_service_config": (c_int32, [_service, _text_out, POINTER(_error)]),
    "ocireg_service_replace_config": (c_int32, [_service, _text, POINTER(_error)]),
    "ocireg_service_load_mirrors": (c_int32, [_service, _text, POINTER(_error)]),
    "ocireg_service_load_insecure_registries": (c_int32, [_service, _text, POINTER(_error)]),
    "ocireg_service_load_allow_nondistributable_artifacts": (c_int32, [_service, _text, POINTER(_error)]),
    "ocireg_service_set_log": (c_int32, [_service, c_int32, ocireg_log_fn, c_void_p, ocireg_drop_fn, POINTER(_error)]),
    "ocireg_service_free": (None, [_service]),
    "ocireg_pull": (c_int32, [_service, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_push": (c_int32, [_service, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_copy": (c_int32, [_service, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_unpack": (c_int32, [_service, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_export": (c_int32, [_service, _context, _text, c_int32, _text, _text_out, POINTER(_error)]),
    "ocireg_inspect": (c_int32, [_service, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_context_new": (c_int32, [POINTER(_context), POINTER(_error)]),
    "ocireg_context_set_timeout": (None, [_context, c_uint64]),
    "ocireg_context_set_progress": (None, [_context, ocireg_progress_fn, c_void_p, ocireg_drop_fn]),
    "ocireg_context_cancel": (None, [_context]),
    "ocireg_context_free": (None, [_context]),
    "ocireg_error_code": (c_int32, [_error]),
    "ocireg_error_message": (c_char_p, [_error]),
    "ocireg_error_json": (c_char_p, [_error]),
    "ocireg_error_hint": (c_char_p, [_error]),
    "ocireg_error_http_status": (c_int32, [_error]),
    "ocireg_error_retry_after_ms": (c_int64, [_error]),
    "ocireg_error_retryable": (c_int32, [_error]),
    "ocireg_error_free": (None, [_error]),
    "ocireg_string_free": (None, [c_void_p]),
    "ocireg_bytes_free": (None, [_bytes]),
    "ocireg_strings_free": (None, [_text_out]),
    "ocireg_service_auth": (c_int32, [_service, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_service_login": (c_int32, [_service, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_service_login_password": (c_int32, [_service, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_service_logout": (c_int32, [_service, _context, _text, POINTER(_error)]),
    "ocireg_service_credentials": (c_int32, [_service, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_answer_credentials": (c_int32, [_answer, _text, POINTER(_error)]),
    "ocireg_service_set_credentials": (
        c_int32,
        [_service, ocireg_credentials_fn, c_void_p, ocireg_drop_fn, POINTER(_error)],
    ),
    "ocireg_session_open": (c_int32, [_service, _context, _text, _text, POINTER(_session), POINTER(_error)]),
    "ocireg_session_new": (c_int32, [_endpoint, _context, _text, POINTER(_session), POINTER(_error)]),
    "ocireg_session_repository": (c_int32, [_session, _text, POINTER(_session), POINTER(_error)]),
    "ocireg_session_id": (c_int32, [_session, _text_out, POINTER(_error)]),
    "ocireg_session_info": (c_int32, [_session, _text_out, POINTER(_error)]),
    "ocireg_session_ping": (c_int32, [_session, _context, _text_out, POINTER(_error)]),
    "ocireg_session_free": (None, [_session]),
    "ocireg_session_catalog": (c_int32, [_session, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_session_list_tags": (c_int32, [_session, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_session_referrers": (c_int32, [_session, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_get_manifest": (
        c_int32,
        [_session, _context, _text, _text, _text_out, POINTER(_bytes), POINTER(c_size_t), POINTER(_error)],
    ),
    "ocireg_session_head_manifest": (c_int32, [_session, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_put_manifest": (
        c_int32,
        [_session, _context, _text, _text, _bytes, c_size_t, _text, _text_out, POINTER(_error)],
    ),
    "ocireg_session_delete_manifest": (c_int32, [_session, _context, _text, POINTER(_error)]),
    "ocireg_session_head_blob": (c_int32, [_session, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_session_open_blob": (
        c_int32,
        [_session, _context, _text, c_uint64, _text, POINTER(_reader), POINTER(_error)],
    ),
    "ocireg_session_put_blob": (c_int32, [_session, _context, _text, POINTER(_writer), POINTER(_error)]),
    "ocireg_session_mount_blob": (
        c_int32,
        [_session, _context, _text, _text, _text, POINTER(c_int32), POINTER(_writer), POINTER(_error)],
    ),
    "ocireg_session_delete_blob": (c_int32, [_session, _context, _text, POINTER(_error)]),
    "ocireg_session_get_blob_file": (c_int32, [_session, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_put_blob_file": (c_int32, [_session, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_get_blob_fd": (c_int32, [_session, _context, _text, c_int32, _text, _text_out, POINTER(_error)]),
    "ocireg_session_put_blob_fd": (c_int32, [_session, _context, c_int32, _text, _text_out, POINTER(_error)]),
    "ocireg_reader_read": (c_int32, [_reader, _context, _bytes, c_size_t, POINTER(c_size_t), POINTER(_error)]),
    "ocireg_reader_verify": (c_int32, [_reader, _context, POINTER(_error)]),
    "ocireg_reader_size": (c_int64, [_reader]),
    "ocireg_reader_free": (None, [_reader]),
    "ocireg_session_blob": (c_int32, [_session, _text, _text, POINTER(_blob), POINTER(_error)]),
    "ocireg_blob_read_at": (c_int32, [_blob, _context, c_uint64, _bytes, c_size_t, POINTER(c_size_t), POINTER(_error)]),
    "ocireg_blob_size": (c_int64, [_blob]),
    "ocireg_blob_free": (None, [_blob]),
    "ocireg_session_authorize": (c_int32, [_session, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_writer_write": (c_int32, [_writer, _context, _bytes, c_size_t, POINTER(_error)]),
    "ocireg_writer_commit": (c_int32, [_writer, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_writer_abort": (c_int32, [_writer, _context, POINTER(_error)]),
    "ocireg_writer_free": (None, [_writer]),
    "ocireg_layout_list": (c_int32, [_text, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_layout_remove": (c_int32, [_text, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_layout_collect": (c_int32, [_text, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_layout_verify": (c_int32, [_text, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_service_lookup_pull_endpoints": (c_int32, [_service, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_service_lookup_push_endpoints": (c_int32, [_service, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_service_resolve_endpoints": (c_int32, [_service, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_service_resolve_repository": (c_int32, [_service, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_service_tls_config": (c_int32, [_service, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_service_is_insecure_registry": (c_int32, [_service, _context, _text, POINTER(c_int32), POINTER(_error)]),
    "ocireg_endpoint_new": (c_int32, [_service, _text, POINTER(_endpoint), POINTER(_error)]),
    "ocireg_endpoint_new_v1": (c_int32, [_service, _context, _text, _text, _text, POINTER(_endpoint), POINTER(_error)]),
    "ocireg_endpoint_to_v1": (c_int32, [_endpoint, _text, _text, POINTER(_endpoint), POINTER(_error)]),
    "ocireg_endpoint_to_string": (c_int32, [_endpoint, _text_out, POINTER(_error)]),
    "ocireg_endpoint_path": (c_int32, [_endpoint, _text, _text_out, POINTER(_error)]),
    "ocireg_endpoint_is_secure": (c_int32, [_endpoint, POINTER(c_int32), POINTER(_error)]),
    "ocireg_endpoint_free": (None, [_endpoint]),
    "ocireg_endpoint_ping": (c_int32, [_endpoint, _context, _text_out, POINTER(_error)]),
    "ocireg_service_search": (
        c_int32,
        [_service, _context, _text, c_int32, _text, _text, _text, _text_out, POINTER(_error)],
    ),
    "ocireg_session_search_repositories": (c_int32, [_session, _context, _text, c_int32, _text_out, POINTER(_error)]),
    "ocireg_session_get_repository_data": (c_int32, [_session, _context, _text, _text_out, POINTER(_error)]),
    "ocireg_session_get_remote_tags": (c_int32, [_session, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_get_remote_tag": (c_int32, [_session, _context, _text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_get_remote_history": (c_int32, [_session, _context, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_session_lookup_remote_image": (c_int32, [_session, _context, _text, _text, POINTER(_error)]),
    "ocireg_session_get_remote_image_json": (
        c_int32,
        [_session, _context, _text, _text, POINTER(_bytes), POINTER(c_size_t), POINTER(c_int64), POINTER(_error)],
    ),
    "ocireg_session_get_remote_image_layer": (
        c_int32,
        [_session, _context, _text, _text, c_int64, POINTER(_reader), POINTER(_error)],
    ),
    "ocireg_session_push_image_json_registry": (
        c_int32,
        [_session, _context, _text, _text, _bytes, c_size_t, POINTER(_error)],
    ),
    "ocireg_session_push_image_layer_registry": (
        c_int32,
        [_session, _context, _text, _text, _bytes, c_size_t, POINTER(_writer), POINTER(_error)],
    ),
    "ocireg_session_push_image_checksum_registry": (c_int32, [_session, _context, _text, _text, POINTER(_error)]),
    "ocireg_session_push_registry_tag": (c_int32, [_session, _context, _text, _text, _text, _text, POINTER(_error)]),
    "ocireg_session_push_image_json_index": (
        c_int32,
        [_session, _context, _text, _text, c_int32, _text, _text_out, POINTER(_error)],
    ),
    "ocireg_convert_to_hostname": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_validate_index_name": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_validate_mirror": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_parse_reference": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_parse_repository_info": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_parse_search_index_info": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_auth_config_key": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_resolve_auth_config": (c_int32, [_text, _text, _text_out, POINTER(_error)]),
    "ocireg_parse_challenges": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_read_certs_directory": (c_int32, [_text, _text_out, POINTER(_error)]),
    "ocireg_certs_dir": (c_int32, [_text_out, POINTER(_error)]),
    "ocireg_json_get": (c_int32, [_text, _text, _text_out, POINTER(_error)]),
    "ocireg_json_length": (c_int32, [_text, _text, POINTER(c_size_t), POINTER(_error)]),
    "ocireg_json_strings": (
        c_int32,
        [_text, _text, _text, POINTER(POINTER(c_void_p)), POINTER(c_size_t), POINTER(_error)],
    ),
    "ocireg_auth_json": (c_int32, [_text, _text, _text, _text_out, POINTER(_error)]),
    "ocireg_version": (c_char_p, []),
    "ocireg_version_info": (c_char_p, []),
    "ocireg_version_number": (c_uint32, []),
    "ocireg_code_name": (c_char_p, [c_int32]),
    "ocireg_code_text": (c_char_p, [c_int32]),
}

lib, library_path = load(PROTOTYPES)
