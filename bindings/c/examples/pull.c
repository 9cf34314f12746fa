/* Pulls an image into an OCI layout, shows how far it is, stops at Ctrl-C, and gives up after ten
 * minutes: pull REFERENCE oci:DIRECTORY */

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

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    char *report = NULL;
    int32_t code;

    if (argc != 3) {
        fprintf(stderr, "usage: %s REFERENCE oci:DIRECTORY[:NAME]\n", argv[0]);
        return 2;
    }
    code = ocireg_context_new(&context, &error);
    if (code == OCIREG_OK) {
        signal(SIGINT, on_interrupt);
        ocireg_context_set_timeout(context, 10 * 60 * 1000);
        ocireg_context_set_progress(context, on_progress, NULL, NULL);
        code = ocireg_service_new("{\"environment\": true}", &service, &error);
    }
    if (code == OCIREG_OK) code = ocireg_pull(service, context, argv[1], argv[2], NULL, &report, &error);
    if (code == OCIREG_OK) {
        fprintf(stderr, "\n");
        printf("%s\n", report);
    } else {
        fprintf(stderr, "\n%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    signal(SIGINT, SIG_DFL); /* before the context goes */
    ocireg_string_free(report);
    ocireg_error_free(error);
    ocireg_service_free(service);
    ocireg_context_free(context);
    return code == OCIREG_OK ? 0 : 1;
}
