/* Pulls an image, and does something about three errors: errors REFERENCE oci:DIRECTORY
 *
 *   - There is no such image: say so. The exit status is 3.
 *   - The registry wants credentials, or better ones: ask the user to log in. The exit status is 4.
 *   - Something that may pass, such as a busy server: try again, after as long as the server asks for. */

#define _DEFAULT_SOURCE
#include <ocireg.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    int attempt, status = 1;
    int32_t code;

    if (argc != 3) {
        fprintf(stderr, "usage: %s REFERENCE oci:DIRECTORY[:NAME]\n", argv[0]);
        return 2;
    }
    /* The library tries again by itself; here it is told not to, because this program does. */
    code = ocireg_service_new("{\"retry\": {\"max-attempts\": 1}}", &service, &error);
    for (attempt = 1; code == OCIREG_OK; attempt++) {
        code = ocireg_pull(service, NULL, argv[1], argv[2], NULL, NULL, &error);
        if (code == OCIREG_OK || !ocireg_error_retryable(error) || attempt == 3) break;
        int64_t wait = ocireg_error_retry_after_ms(error); /* -1: the server does not say */
        fprintf(stderr, "attempt %d failed (%s), trying again\n", attempt, ocireg_code_name(code));
        usleep(wait < 0 ? 100000u : wait > 5000 ? 5000000u : (unsigned)wait * 1000u);
        ocireg_error_free(error);
        error = NULL;
        code = OCIREG_OK;
    }
    switch (code) {
    case OCIREG_OK:
        printf("pulled %s\n", argv[1]);
        status = 0;
        break;
    case OCIREG_NOT_FOUND:
        fprintf(stderr, "there is no image %s\n", argv[1]);
        status = 3;
        break;
    case OCIREG_UNAUTHORIZED:
    case OCIREG_DENIED:
        fprintf(stderr, "you may not pull %s: log in first\n", argv[1]);
        status = 4;
        break;
    default: /* The message is for people, ocireg_error_json() for programs. */
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_error_free(error);
    ocireg_service_free(service);
    return status;
}
