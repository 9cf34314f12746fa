/* The image step of a container runtime: unpacks an image, and prints the arguments of its process, one a line.
 *
 *     rootfs SOURCE DIRECTORY
 *
 * SOURCE is a reference or a location such as oci:DIRECTORY:NAME. DIRECTORY must not exist, or be empty. Ctrl-C stops it, and
 * nothing is left of what was unpacked. */

#include <inttypes.h>
#include <ocireg.h>
#include <signal.h>
#include <stdio.h>

static ocireg_context *context;

static void on_interrupt(int number) {
    (void)number;
    ocireg_context_cancel(context); /* allowed in a signal handler */
}

static int32_t on_progress(void *user_data, uint64_t done, uint64_t total, const char *event_json) {
    (void)user_data, (void)event_json;
    fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " bytes", done, total);
    return 0; /* go on */
}

/* Prints a list of the image's configuration; how many it had. */
static size_t print_list(const char *image, const char *key) {
    char pointer[64], *value = NULL;
    size_t length = 0;

    snprintf(pointer, sizeof pointer, "/config/config/%s", key);
    if (ocireg_json_length(image, pointer, &length, NULL) != OCIREG_OK) return 0; /* it may be absent or null */
    for (size_t i = 0; i < length; i++) {
        snprintf(pointer, sizeof pointer, "/config/config/%s/%zu", key, i);
        if (ocireg_json_get(image, pointer, &value, NULL) == OCIREG_OK) printf("%s\n", value);
        ocireg_string_free(value);
    }
    return length;
}

/* What was left out, such as devices if we are not root. */
static void print_skipped(const char *report) {
    char pointer[64], *path = NULL, *why = NULL;
    size_t length = 0;

    if (ocireg_json_length(report, "/skipped", &length, NULL) != OCIREG_OK) return;
    for (size_t i = 0; i < length; i++) {
        snprintf(pointer, sizeof pointer, "/skipped/%zu/path", i);
        ocireg_json_get(report, pointer, &path, NULL);
        snprintf(pointer, sizeof pointer, "/skipped/%zu/why", i);
        ocireg_json_get(report, pointer, &why, NULL);
        fprintf(stderr, "skipped %s: %s\n", path ? path : "?", why ? why : "?");
        ocireg_string_free(path);
        ocireg_string_free(why);
    }
}

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    char *image = NULL, *digest = NULL, *report = NULL, source[1024];
    const char *from;
    int32_t code;

    if (argc != 3) {
        fprintf(stderr, "usage: %s SOURCE DIRECTORY\n", argv[0]);
        return 2;
    }
    from = argv[1];
    code = ocireg_context_new(&context, &error);
    if (code == OCIREG_OK) {
        signal(SIGINT, on_interrupt);
        ocireg_context_set_progress(context, on_progress, NULL, NULL);
        code = ocireg_service_new("{\"environment\": true}", &service, &error);
    }
    /* First the configuration; then the layers of the very same image, whatever its tag names by then. */
    if (code == OCIREG_OK) code = ocireg_inspect(service, context, from, NULL, &image, &error);
    if (code == OCIREG_OK && ocireg_json_get(image, "/reference", &digest, NULL) == OCIREG_OK) {
        snprintf(source, sizeof source, "docker://%s", digest);
        from = source;
    }
    if (code == OCIREG_OK) code = ocireg_unpack(service, context, from, argv[2], NULL, &report, &error);
    fprintf(stderr, "\n");
    if (code == OCIREG_OK) {
        print_skipped(report);
        if (print_list(image, "Entrypoint") + print_list(image, "Cmd") == 0) printf("/bin/sh\n");
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    signal(SIGINT, SIG_DFL); /* before the context goes */
    ocireg_string_free(image);
    ocireg_string_free(digest);
    ocireg_string_free(report);
    ocireg_error_free(error);
    ocireg_service_free(service);
    ocireg_context_free(context);
    return code == OCIREG_OK ? 0 : 1;
}
