# Made by bindings/gen from src/ffi: do not edit.
"""The requests that are one call: whose method it is (None: a function of the package), its name and its fields.
"""

from __future__ import annotations

from typing import NamedTuple


class Call(NamedTuple):
    of: str | None
    name: str
    fields: tuple[str, ...]
    context: bool


CALLS: dict[str, Call] = {
    "service_config": Call("service", "config", (), False),
    "service_replace_config": Call("service", "replace_config", ("options",), False),
    "service_load_mirrors": Call("service", "load_mirrors", ("text",), False),
    "service_load_insecure_registries": Call("service", "load_insecure_registries", ("text",), False),
    "service_load_allow_nondistributable_artifacts": Call(
        "service", "load_allow_nondistributable_artifacts", ("text",), False
    ),
    "pull": Call("service", "pull", ("text", "text", "options"), True),
    "push": Call("service", "push", ("text", "text", "options"), True),
    "copy": Call("service", "copy", ("text", "text", "options"), True),
    "unpack": Call("service", "unpack", ("text", "text", "options"), True),
    "export": Call("service", "export", ("text", "number", "options"), True),
    "inspect": Call("service", "inspect", ("text", "options"), True),
    "service_auth": Call("service", "auth", ("text", "text"), True),
    "service_login": Call("service", "login", ("text", "text"), True),
    "service_login_password": Call("service", "login_password", ("text", "text", "text"), True),
    "service_logout": Call("service", "logout", ("text",), True),
    "service_credentials": Call("service", "credentials", ("text",), True),
    "session_id": Call("session", "id", (), False),
    "session_info": Call("session", "info", (), False),
    "session_ping": Call("session", "ping", (), True),
    "session_catalog": Call("session", "catalog", ("options",), True),
    "session_list_tags": Call("session", "list_tags", ("options",), True),
    "session_referrers": Call("session", "referrers", ("text", "options"), True),
    "session_head_manifest": Call("session", "head_manifest", ("text", "options"), True),
    "session_put_manifest": Call("session", "put_manifest", ("text", "text", "bytes", "options"), True),
    "session_delete_manifest": Call("session", "delete_manifest", ("text",), True),
    "session_head_blob": Call("session", "head_blob", ("text",), True),
    "session_delete_blob": Call("session", "delete_blob", ("text",), True),
    "session_get_blob_file": Call("session", "get_blob_file", ("text", "text", "options"), True),
    "session_put_blob_file": Call("session", "put_blob_file", ("text", "options"), True),
    "session_get_blob_fd": Call("session", "get_blob_fd", ("text", "number", "options"), True),
    "session_put_blob_fd": Call("session", "put_blob_fd", ("number", "options"), True),
    "session_authorize": Call("session", "authorize", ("text", "text", "options"), True),
    "layout_list": Call(None, "layout_list", ("text", "options"), True),
    "layout_remove": Call(None, "layout_remove", ("text", "options"), True),
    "layout_collect": Call(None, "layout_collect", ("text", "options"), True),
    "layout_verify": Call(None, "layout_verify", ("text", "options"), True),
    "service_lookup_pull_endpoints": Call("service", "lookup_pull_endpoints", ("text",), True),
    "service_lookup_push_endpoints": Call("service", "lookup_push_endpoints", ("text",), True),
    "service_resolve_endpoints": Call("service", "resolve_endpoints", ("text", "options"), True),
    "service_resolve_repository": Call("service", "resolve_repository", ("text",), True),
    "service_tls_config": Call("service", "tls_config", ("text",), True),
    "service_is_insecure_registry": Call("service", "is_insecure_registry", ("text",), True),
    "endpoint_to_string": Call("endpoint", "to_string", (), False),
    "endpoint_path": Call("endpoint", "path", ("text",), False),
    "endpoint_is_secure": Call("endpoint", "is_secure", (), False),
    "endpoint_ping": Call("endpoint", "ping", (), True),
    "service_search": Call("service", "search", ("text", "number", "text", "text", "text"), True),
    "session_search_repositories": Call("session", "search_repositories", ("text", "number"), True),
    "session_get_repository_data": Call("session", "get_repository_data", ("text",), True),
    "session_get_remote_tags": Call("session", "get_remote_tags", ("text", "text"), True),
    "session_get_remote_tag": Call("session", "get_remote_tag", ("text", "text", "text"), True),
    "session_get_remote_history": Call("session", "get_remote_history", ("text", "text"), True),
    "session_lookup_remote_image": Call("session", "lookup_remote_image", ("text", "text"), True),
    "session_push_image_json_registry": Call("session", "push_image_json_registry", ("text", "text", "bytes"), True),
    "session_push_image_checksum_registry": Call("session", "push_image_checksum_registry", ("text", "text"), True),
    "session_push_registry_tag": Call("session", "push_registry_tag", ("text", "text", "text", "text"), True),
    "session_push_image_json_index": Call("session", "push_image_json_index", ("text", "text", "number", "text"), True),
    "convert_to_hostname": Call(None, "convert_to_hostname", ("text",), False),
    "validate_index_name": Call(None, "validate_index_name", ("text",), False),
    "validate_mirror": Call(None, "validate_mirror", ("text",), False),
    "parse_reference": Call(None, "parse_reference", ("text",), False),
    "parse_repository_info": Call(None, "parse_repository_info", ("text",), False),
    "parse_search_index_info": Call(None, "parse_search_index_info", ("text",), False),
    "auth_config_key": Call(None, "auth_config_key", ("text",), False),
    "resolve_auth_config": Call(None, "resolve_auth_config", ("text", "text"), False),
    "parse_challenges": Call(None, "parse_challenges", ("text",), False),
    "read_certs_directory": Call(None, "read_certs_directory", ("text",), False),
    "certs_dir": Call(None, "certs_dir", (), False),
    "json_get": Call(None, "json_get", ("text", "text"), False),
    "json_length": Call(None, "json_length", ("text", "text"), False),
    "auth_json": Call(None, "auth_json", ("text", "text", "text"), False),
}
