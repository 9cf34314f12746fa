/* Logs in and pulls a private image: private HOST USER REFERENCE oci:DIRECTORY, with the password in $PASSWORD. The login
 * is stored where `docker login` stores it, so later pulls need none of this. */

#include <ocireg.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    char *stored = NULL;
    const char *password = getenv("PASSWORD");
    int32_t code;

    if (argc != 5 || password == NULL) {
        fprintf(stderr, "usage: PASSWORD=… %s HOST[:PORT] USER REFERENCE oci:DIRECTORY[:NAME]\n", argv[0]);
        return 2;
    }
    code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK)
        code = ocireg_service_login_password(service, NULL, argv[1], argv[2], password, &stored, &error);
    if (code == OCIREG_OK) {
        printf("logged in to %s; stored in: %s\n", argv[1], stored);
        code = ocireg_pull(service, NULL, argv[3], argv[4], NULL, NULL, &error);
    }
    if (code == OCIREG_OK) {
        printf("pulled %s\n", argv[3]);
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_string_free(stored);
    ocireg_error_free(error);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
