/* Pulls, pushes, copies or unpacks one image, and prints the process's highest memory: bench-transfer CALL SOURCE DESTINATION */
#include <ocireg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-transfer pull|push|copy|unpack SOURCE DESTINATION\n");
        return 2;
    }
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    int32_t code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK) {
        if (strcmp(argv[1], "push") == 0)
            code = ocireg_push(service, NULL, argv[2], argv[3], NULL, NULL, &error);
        else if (strcmp(argv[1], "copy") == 0)
            code = ocireg_copy(service, NULL, argv[2], argv[3], NULL, NULL, &error);
        else if (strcmp(argv[1], "unpack") == 0)
            code = ocireg_unpack(service, NULL, argv[2], argv[3], NULL, NULL, &error);
        else
            code = ocireg_pull(service, NULL, argv[2], argv[3], NULL, NULL, &error);
    }
    if (code != OCIREG_OK)
        fprintf(stderr, "%s\n", ocireg_error_json(error));
    ocireg_error_free(error);
    ocireg_service_free(service);

    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            fputs(line, stdout);
    if (status != NULL)
        fclose(status);
    return code == OCIREG_OK ? 0 : 1;
}
