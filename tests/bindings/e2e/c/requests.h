/* Made by bindings/gen from src/ffi: do not edit. */

/* Answers a request that is one call; says whether it was one. */
static int called(void) {
    int32_t code;
    if (named("service_new")) {
        ocireg_service *out = NULL;
        code = ocireg_service_new(fields[2], &out, &error);
        keep(code, 'S', fields[1], out);
        return 1;
    }
    if (named("service_config")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_config(self, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_replace_config")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_service_replace_config(self, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("service_load_mirrors")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_service_load_mirrors(self, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("service_load_insecure_registries")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_service_load_insecure_registries(self, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("service_load_allow_nondistributable_artifacts")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_service_load_allow_nondistributable_artifacts(self, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("pull")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_pull(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("push")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_push(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("copy")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_copy(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("unpack")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_unpack(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("export")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_export(self, context, fields[2], number_of(fields[3]), fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("inspect")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_inspect(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_auth")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_auth(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_login")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_login(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_login_password")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_login_password(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_logout")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_service_logout(self, context, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("service_credentials")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_credentials(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_open")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        ocireg_session *out = NULL;
        code = ocireg_session_open(self, context, fields[3], fields[4], &out, &error);
        keep(code, 'X', fields[2], out);
        return 1;
    }
    if (named("session_new")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        ocireg_session *out = NULL;
        code = ocireg_session_new(self, context, fields[3], &out, &error);
        keep(code, 'X', fields[2], out);
        return 1;
    }
    if (named("session_repository")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        ocireg_session *out = NULL;
        code = ocireg_session_repository(self, fields[3], &out, &error);
        keep(code, 'X', fields[2], out);
        return 1;
    }
    if (named("session_id")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_id(self, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_info")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_info(self, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_ping")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_ping(self, context, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_catalog")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_catalog(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_list_tags")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_list_tags(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_referrers")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_referrers(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_head_manifest")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_head_manifest(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_put_manifest")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_put_manifest(self, context, fields[2], fields[3], (const uint8_t *)fields[4], size_of(fields[4]), fields[5], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_delete_manifest")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_delete_manifest(self, context, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_head_blob")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_head_blob(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_delete_blob")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_delete_blob(self, context, fields[2], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_get_blob_file")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_blob_file(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_put_blob_file")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_put_blob_file(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_get_blob_fd")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_blob_fd(self, context, fields[2], number_of(fields[3]), fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_put_blob_fd")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_put_blob_fd(self, context, number_of(fields[2]), fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_authorize")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_authorize(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("layout_list")) {
        char *out = NULL;
        code = ocireg_layout_list(fields[1], context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("layout_remove")) {
        char *out = NULL;
        code = ocireg_layout_remove(fields[1], context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("layout_collect")) {
        char *out = NULL;
        code = ocireg_layout_collect(fields[1], context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("layout_verify")) {
        char *out = NULL;
        code = ocireg_layout_verify(fields[1], context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_lookup_pull_endpoints")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_lookup_pull_endpoints(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_lookup_push_endpoints")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_lookup_push_endpoints(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_resolve_endpoints")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_resolve_endpoints(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_resolve_repository")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_resolve_repository(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_tls_config")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_tls_config(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_is_insecure_registry")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        int32_t out = 0;
        code = ocireg_service_is_insecure_registry(self, context, fields[2], &out, &error);
        answer_number(code, (int64_t)out);
        return 1;
    }
    if (named("endpoint_new")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        ocireg_endpoint *out = NULL;
        code = ocireg_endpoint_new(self, fields[3], &out, &error);
        keep(code, 'E', fields[2], out);
        return 1;
    }
    if (named("endpoint_new_v1")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        ocireg_endpoint *out = NULL;
        code = ocireg_endpoint_new_v1(self, context, fields[3], fields[4], fields[5], &out, &error);
        keep(code, 'E', fields[2], out);
        return 1;
    }
    if (named("endpoint_to_v1")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        ocireg_endpoint *out = NULL;
        code = ocireg_endpoint_to_v1(self, fields[3], fields[4], &out, &error);
        keep(code, 'E', fields[2], out);
        return 1;
    }
    if (named("endpoint_to_string")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_endpoint_to_string(self, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("endpoint_path")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_endpoint_path(self, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("endpoint_is_secure")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        int32_t out = 0;
        code = ocireg_endpoint_is_secure(self, &out, &error);
        answer_number(code, (int64_t)out);
        return 1;
    }
    if (named("endpoint_ping")) {
        ocireg_endpoint *self = handle_of('E', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_endpoint_ping(self, context, &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("service_search")) {
        ocireg_service *self = handle_of('S', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_service_search(self, context, fields[2], number_of(fields[3]), fields[4], fields[5], fields[6], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_search_repositories")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_search_repositories(self, context, fields[2], number_of(fields[3]), &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_get_repository_data")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_repository_data(self, context, fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_get_remote_tags")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_remote_tags(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_get_remote_tag")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_remote_tag(self, context, fields[2], fields[3], fields[4], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_get_remote_history")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_get_remote_history(self, context, fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("session_lookup_remote_image")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_lookup_remote_image(self, context, fields[2], fields[3], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_push_image_json_registry")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_push_image_json_registry(self, context, fields[2], fields[3], (const uint8_t *)fields[4], size_of(fields[4]), &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_push_image_checksum_registry")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_push_image_checksum_registry(self, context, fields[2], fields[3], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_push_registry_tag")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        code = ocireg_session_push_registry_tag(self, context, fields[2], fields[3], fields[4], fields[5], &error);
        answer_nothing(code);
        return 1;
    }
    if (named("session_push_image_json_index")) {
        ocireg_session *self = handle_of('X', fields[1]);
        if (self == NULL) return 1;
        char *out = NULL;
        code = ocireg_session_push_image_json_index(self, context, fields[2], fields[3], number_of(fields[4]), fields[5], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("convert_to_hostname")) {
        char *out = NULL;
        code = ocireg_convert_to_hostname(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("validate_index_name")) {
        char *out = NULL;
        code = ocireg_validate_index_name(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("validate_mirror")) {
        char *out = NULL;
        code = ocireg_validate_mirror(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("parse_reference")) {
        char *out = NULL;
        code = ocireg_parse_reference(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("parse_repository_info")) {
        char *out = NULL;
        code = ocireg_parse_repository_info(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("parse_search_index_info")) {
        char *out = NULL;
        code = ocireg_parse_search_index_info(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("auth_config_key")) {
        char *out = NULL;
        code = ocireg_auth_config_key(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("resolve_auth_config")) {
        char *out = NULL;
        code = ocireg_resolve_auth_config(fields[1], fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("parse_challenges")) {
        char *out = NULL;
        code = ocireg_parse_challenges(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("read_certs_directory")) {
        char *out = NULL;
        code = ocireg_read_certs_directory(fields[1], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("certs_dir")) {
        char *out = NULL;
        code = ocireg_certs_dir(&out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("json_get")) {
        char *out = NULL;
        code = ocireg_json_get(fields[1], fields[2], &out, &error);
        answer_text(code, out);
        return 1;
    }
    if (named("json_length")) {
        size_t out = 0;
        code = ocireg_json_length(fields[1], fields[2], &out, &error);
        answer_number(code, (int64_t)out);
        return 1;
    }
    if (named("auth_json")) {
        char *out = NULL;
        code = ocireg_auth_json(fields[1], fields[2], fields[3], &out, &error);
        answer_text(code, out);
        return 1;
    }
    return 0;
}
