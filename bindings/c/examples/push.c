/* Pushes an image from an OCI layout, or the files of a directory as an artifact, under one tag or several:
   push oci:DIRECTORY[:NAME] REFERENCE [TAG...], or push files:DIRECTORY REFERENCE [TAG...] */

#include <ocireg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    char options[1024] = "{\"tags\": [", *report = NULL, *reference = NULL;
    size_t used = strlen(options);
    int32_t code;
    int i;

    if (argc < 3) {
        fprintf(stderr, "usage: %s oci:DIRECTORY[:NAME]|files:DIRECTORY REFERENCE [TAG...]\n", argv[0]);
        return 2;
    }
    for (i = 3; i < argc && used < sizeof options; i++) {
        /* A tag has no character that JSON would want escaped; what is no tag, the library refuses. */
        used += (size_t)snprintf(options + used, sizeof options - used, "%s\"%s\"", i > 3 ? ", " : "", argv[i]);
    }
    if (used < sizeof options) used += (size_t)snprintf(options + used, sizeof options - used, "]}");
    if (used >= sizeof options) {
        fprintf(stderr, "too many tags\n");
        return 2;
    }
    code = ocireg_service_new("{\"environment\": true}", &service, &error);
    if (code == OCIREG_OK) code = ocireg_push(service, NULL, argv[1], argv[2], options, &report, &error);
    if (code == OCIREG_OK) code = ocireg_json_get(report, "/reference", &reference, &error);
    if (code == OCIREG_OK) {
        printf("pushed %s\n", reference);
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_string_free(reference);
    ocireg_string_free(report);
    ocireg_error_free(error);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
