/* Shows an image without pulling it: its digest, platform, command and layers: inspect REFERENCE [PLATFORM] */

#include <ocireg.h>
#include <stdio.h>

/* Prints one value of the result, if the image has it. */
static void show(const char *name, const char *json, const char *pointer) {
    char *value = NULL;
    if (ocireg_json_get(json, pointer, &value, NULL) == OCIREG_OK) printf("%s: %s\n", name, value);
    ocireg_string_free(value);
}

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_error *error = NULL;
    char *json = NULL, **layers = NULL;
    char options[128] = "{}";
    size_t count = 0, i;
    int32_t code;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s REFERENCE [OS/ARCHITECTURE[/VARIANT]]\n", argv[0]);
        return 2;
    }
    if (argc == 3) snprintf(options, sizeof options, "{\"platform\": \"%.64s\"}", argv[2]);
    code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK) code = ocireg_inspect(service, NULL, argv[1], options, &json, &error);
    if (code == OCIREG_OK) code = ocireg_json_strings(json, "/layers", "/digest", &layers, &count, &error);
    if (code == OCIREG_OK) {
        show("digest", json, "/descriptor/digest");
        show("platform", json, "/platform");
        show("command", json, "/config/config/Cmd");
        for (i = 0; i < count; i++) printf("layer: %s\n", layers[i]);
    } else {
        fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
        if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
    }
    ocireg_strings_free(layers);
    ocireg_string_free(json);
    ocireg_error_free(error);
    ocireg_service_free(service);
    return code == OCIREG_OK ? 0 : 1;
}
