/* Lists the tags of a repository, one a line: tags REPOSITORY */

#include <ocireg.h>
#include <stdio.h>

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    ocireg_error *error = NULL;
    char *json = NULL, **tags = NULL;
    size_t count = 0, i;
    int32_t code;

    if (argc != 2) {
        fprintf(stderr, "usage: %s REPOSITORY\n", argv[0]);
        return 2;
    }
    code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK) code = ocireg_session_open(service, NULL, argv[1], NULL, &session, &error);
    if (code == OCIREG_OK) code = ocireg_session_list_tags(session, NULL, NULL, &json, &error);
    if (code == OCIREG_OK) code = ocireg_json_strings(json, "/tags", NULL, &tags, &count, &error);
    for (i = 0; i < count; i++) puts(tags[i]);
    if (code != OCIREG_OK) {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_strings_free(tags);
    ocireg_string_free(json);
    ocireg_error_free(error);
    ocireg_session_free(session);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
