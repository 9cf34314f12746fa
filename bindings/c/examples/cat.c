/* Lists the files of an uncompressed layer, or prints one of them, and downloads nothing else: cat REFERENCE [PATH] */

#include <inttypes.h>
#include <ocireg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

static ocireg_error *error;

/* Reads a part of the layer; how much there was of it, or -1. */
static long read_at(const ocireg_blob *layer, uint64_t offset, uint8_t *buffer, size_t size) {
    size_t count = 0;
    if (ocireg_blob_read_at(layer, NULL, offset, buffer, size, &count, &error) != OCIREG_OK) return -1;
    return (long)count;
}

/* The name in a header of a tar archive; long names (GNU, PAX) are left to real tar readers. */
static void name_of(const uint8_t *header, char *name, size_t size) {
    int has_prefix = memcmp(header + 257, "ustar", 5) == 0 && header[345] != 0;
    snprintf(name, size, "%.*s%s%.100s", has_prefix ? 155 : 0, (const char *)header + 345, has_prefix ? "/" : "",
             (const char *)header);
}

/* Prints the content of a file, a piece at a time. */
static int print(const ocireg_blob *layer, uint64_t offset, uint64_t left) {
    uint8_t piece[16384];
    while (left > 0) {
        long count = read_at(layer, offset, piece, left < sizeof piece ? (size_t)left : sizeof piece);
        if (count <= 0) return 0;
        fwrite(piece, 1, (size_t)count, stdout);
        offset += (uint64_t)count;
        left -= (uint64_t)count;
    }
    return 1;
}

/* Goes from header to header. 1: found, or all were listed; 0: not found; -1: failed. */
static int walk(const ocireg_blob *layer, const char *wanted) {
    uint8_t header[BLOCK];
    char name[300], octal[13] = "";
    for (uint64_t offset = 0;;) {
        long count = read_at(layer, offset, header, sizeof header);
        if (count < 0) return -1;
        if (count < BLOCK || header[0] == 0) return wanted == NULL;
        memcpy(octal, header + 124, 12);
        uint64_t size = strtoull(octal, NULL, 8);
        name_of(header, name, sizeof name);
        offset += BLOCK;
        if (wanted == NULL) printf("%10" PRIu64 " %s\n", size, name);
        else if (strcmp(name, wanted) == 0) return print(layer, offset, size) ? 1 : -1;
        offset += (size + BLOCK - 1) / BLOCK * BLOCK;
    }
}

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    char *image = NULL;
    size_t layers = 0;
    int found = 0;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s REFERENCE [PATH]\n", argv[0]);
        return 2;
    }
    int32_t code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK) code = ocireg_inspect(service, NULL, argv[1], "{\"config\": false}", &image, &error);
    if (code == OCIREG_OK) code = ocireg_json_length(image, "/layers", &layers, &error);
    if (code == OCIREG_OK) code = ocireg_session_open(service, NULL, argv[1], NULL, &session, &error);
    /* The top layer counts first. */
    while (code == OCIREG_OK && layers-- > 0 && found == 0) {
        char pointer[64], *digest = NULL, *type = NULL;
        ocireg_blob *layer = NULL;
        snprintf(pointer, sizeof pointer, "/layers/%zu/digest", layers);
        code = ocireg_json_get(image, pointer, &digest, &error);
        snprintf(pointer, sizeof pointer, "/layers/%zu/mediaType", layers);
        if (code == OCIREG_OK) code = ocireg_json_get(image, pointer, &type, &error);
        if (code == OCIREG_OK && strcmp(type + strlen(type) - 4, ".tar") != 0) {
            fprintf(stderr, "%s is compressed: only uncompressed layers can be read in parts\n", digest);
        } else if (code == OCIREG_OK) {
            code = ocireg_session_blob(session, digest, NULL, &layer, &error);
            if (code == OCIREG_OK) found = walk(layer, argc == 3 ? argv[2] : NULL);
            if (found < 0) code = error == NULL ? OCIREG_INVALID_MANIFEST : ocireg_error_code(error);
            if (argc == 2) found = 0; /* list the others, too */
        }
        ocireg_blob_free(layer);
        ocireg_string_free(type);
        ocireg_string_free(digest);
    }
    if (code != OCIREG_OK) fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
    else if (argc == 3 && found == 0) fprintf(stderr, "there is no file %s\n", argv[2]);
    ocireg_string_free(image);
    ocireg_error_free(error);
    ocireg_session_free(session);
    ocireg_service_free(service);
    return code == OCIREG_OK && (argc == 2 || found > 0) ? 0 : 1;
}
