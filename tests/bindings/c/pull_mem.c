/* Pulls REFERENCE into the layout DIRECTORY and prints the most memory that this process ever had, in KiB. */

#include "check.h"

int main(int argc, char **argv) {
    ocireg_service *service;
    ocireg_error *error = NULL;
    char destination[4096], line[256];
    CHECK(argc == 3);
    snprintf(destination, sizeof destination, "oci:%s", argv[2]);
    OK(ocireg_service_new(NULL, &service, &error));
    OK(ocireg_pull(service, NULL, argv[1], destination, NULL, NULL, &error));
    ocireg_service_free(service);
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        unsigned long most;
        if (sscanf(line, "VmHWM: %lu kB", &most) == 1) printf("%lu\n", most);
    }
    fclose(status);
    return 0;
}
