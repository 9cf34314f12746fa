/* Pulls, pushes, copies, unpacks or exports one image, and prints the process's highest memory, on standard error:
 * bench-transfer CALL SOURCE DESTINATION. An export goes to a file, or to standard output if that is `-`. */
#include <fcntl.h>
#include <ocireg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-transfer pull|push|copy|unpack|export SOURCE DESTINATION\n");
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
        else if (strcmp(argv[1], "export") == 0) {
            int out = strcmp(argv[3], "-") == 0 ? 1 : open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666);
            code = ocireg_export(service, NULL, argv[2], out, NULL, NULL, &error);
        } else
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
            fputs(line, stderr);
    if (status != NULL)
        fclose(status);
    return code == OCIREG_OK ? 0 : 1;
}
