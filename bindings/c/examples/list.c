/* Streams an image's first layer through tar(1), which lists its files or unpacks them, and says whether the layer was
 * right: list REFERENCE [DIRECTORY] */

#define _POSIX_C_SOURCE 200809L
#include <ocireg.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[256 << 10];

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    ocireg_reader *reader = NULL;
    ocireg_error *error = NULL;
    char *image = NULL, *digest = NULL;
    FILE *tar = NULL;
    size_t count = 0;
    int32_t code;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s REFERENCE [DIRECTORY]\n", argv[0]);
        return 2;
    }
    if (argc == 3 && chdir(argv[2]) != 0) return perror(argv[2]), 1;
    signal(SIGPIPE, SIG_IGN); /* tar may end before we have written everything */
    code = ocireg_service_new("{\"environment\": true}", &service, &error);
    if (code == OCIREG_OK) code = ocireg_inspect(service, NULL, argv[1], NULL, &image, &error);
    if (code == OCIREG_OK) code = ocireg_json_get(image, "/manifest/layers/0/digest", &digest, &error);
    if (code == OCIREG_OK) code = ocireg_session_open(service, NULL, argv[1], NULL, &session, &error);
    if (code == OCIREG_OK) code = ocireg_session_open_blob(session, NULL, digest, 0, NULL, &reader, &error);
    if (code == OCIREG_OK && (tar = popen(argc == 3 ? "tar --extract --gzip" : "tar --list --gzip", "w")) == NULL) perror("tar");
    while (code == OCIREG_OK && tar != NULL) {
        code = ocireg_reader_read(reader, NULL, (uint8_t *)buffer, sizeof buffer, &count, &error);
        if (count == 0 || fwrite(buffer, 1, count, tar) < count) break;
    }
    if (tar != NULL) pclose(tar);
    /* A reader of archives stops at the end of the archive, which may come before the end of the blob. What it gave out
     * counts only if the whole blob is right. */
    if (code == OCIREG_OK) code = ocireg_reader_verify(reader, NULL, &error);
    if (code == OCIREG_OK) {
        printf("verified: %s\n", digest);
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_string_free(digest);
    ocireg_string_free(image);
    ocireg_error_free(error);
    ocireg_reader_free(reader);
    ocireg_session_free(session);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
