/* Uploads a file as a blob, and prints its descriptor: upload REPOSITORY FILE. "-" is the standard input, whose size and
 * digest nobody knows before its end. */

#include <ocireg.h>
#include <stdio.h>
#include <string.h>

static unsigned char buffer[256 << 10];

/* Writes a stream piece by piece; the registry has the blob once it is committed. */
static int32_t write_stream(const ocireg_session *session, FILE *file, char **descriptor, ocireg_error **error) {
    ocireg_writer *writer = NULL;
    size_t count;
    int32_t code = ocireg_session_put_blob(session, NULL, NULL, &writer, error);
    while (code == OCIREG_OK && (count = fread(buffer, 1, sizeof buffer, file)) > 0)
        code = ocireg_writer_write(writer, NULL, buffer, count, error);
    if (code == OCIREG_OK && ferror(file)) {
        ocireg_writer_abort(writer, NULL, NULL);
        code = OCIREG_IO;
    }
    if (code == OCIREG_OK) code = ocireg_writer_commit(writer, NULL, NULL, descriptor, error);
    ocireg_writer_free(writer);
    return code;
}

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    ocireg_error *error = NULL;
    char *descriptor = NULL;
    int32_t code;

    if (argc != 3) {
        fprintf(stderr, "usage: %s REPOSITORY FILE\n", argv[0]);
        return 2;
    }
    code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK)
        code = ocireg_session_open(service, NULL, argv[1], "{\"actions\": [\"pull\", \"push\"]}", &session, &error);
    if (code == OCIREG_OK) {
        if (strcmp(argv[2], "-") == 0)
            code = write_stream(session, stdin, &descriptor, &error);
        else
            code = ocireg_session_put_blob_file(session, NULL, argv[2], NULL, &descriptor, &error);
    }
    if (code == OCIREG_OK) {
        puts(descriptor);
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_string_free(descriptor);
    ocireg_error_free(error);
    ocireg_session_free(session);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
