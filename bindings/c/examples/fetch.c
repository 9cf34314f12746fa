/* Downloads a blob with libcurl, with what ocireg says is needed for it, and goes on when the token ends:
 * fetch REFERENCE DIGEST FILE */

#include <curl/curl.h>
#include <inttypes.h>
#include <ocireg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (1 << 20)

/* Authorizes the next requests; the headers hold a secret. */
static int32_t authorize(ocireg_session *session, const char *digest, int renew, CURL *curl,
                         struct curl_slist **headers, ocireg_error **error) {
    char path[300], *json = NULL, *url = NULL, *value = NULL;
    snprintf(path, sizeof path, "blobs/%s", digest);
    int32_t code = ocireg_session_authorize(session, NULL, "GET", path, renew ? "{\"renew\": true}" : NULL, &json, error);
    if (code == OCIREG_OK) code = ocireg_json_get(json, "/url", &url, error);
    if (code == OCIREG_OK) curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_slist_free_all(*headers);
    *headers = NULL;
    if (code == OCIREG_OK && ocireg_json_get(json, "/headers/Authorization", &value, NULL) == OCIREG_OK) {
        size_t size = strlen(value) + sizeof "Authorization: ";
        char *line = malloc(size);
        if (line != NULL) {
            snprintf(line, size, "Authorization: %s", value);
            *headers = curl_slist_append(*headers, line);
            free(line);
        }
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
    ocireg_string_free(value);
    ocireg_string_free(url);
    ocireg_string_free(json);
    return code;
}

/* Downloads the blob piece by piece; 0, or what to tell the user. */
static const char *download(ocireg_session *session, const char *digest, CURL *curl, FILE *file, ocireg_error **error) {
    struct curl_slist *headers = NULL;
    const char *failure = NULL;
    uint64_t done = 0;
    int refused = 0, code = authorize(session, digest, 0, curl, &headers, error);
    while (code == OCIREG_OK && failure == NULL) {
        char range[64];
        long status = 0;
        curl_off_t got = 0;
        snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, done, done + PIECE - 1);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
        fseek(file, (long)done, SEEK_SET); /* over what a refusal wrote */
        CURLcode result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, &got);
        if (result != CURLE_OK && result != CURLE_HTTP_RETURNED_ERROR) {
            failure = curl_easy_strerror(result);
        } else if (status == 401 && !refused) {
            refused = 1;
            code = authorize(session, digest, 1, curl, &headers, error);
        } else if (status == 206 || (status == 200 && done == 0)) {
            refused = 0;
            done += (uint64_t)got;
            if (status == 200 || got < PIECE) break;
        } else if (status == 416 && done > 0) {
            break; /* it ends with a whole piece */
        } else {
            failure = "the registry refused the request";
        }
    }
    curl_slist_free_all(headers);
    if (code != OCIREG_OK) failure = ocireg_error_message(*error);
    return failure;
}

int main(int argc, char **argv) {
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    ocireg_error *error = NULL;
    const char *failure = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: %s REFERENCE DIGEST FILE\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[3], "wb");
    CURL *curl = curl_easy_init();
    if (file == NULL || curl == NULL) {
        perror(argv[3]);
        return 1;
    }
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    /* curl does not send the header on to another host. */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    int32_t code = ocireg_service_new(NULL, &service, &error);
    if (code == OCIREG_OK) code = ocireg_session_open(service, NULL, argv[1], NULL, &session, &error);
    if (code == OCIREG_OK) failure = download(session, argv[2], curl, file, &error);
    else failure = ocireg_error_message(error);
    if (fclose(file) != 0 && failure == NULL) failure = "cannot write the file";
    if (failure != NULL) fprintf(stderr, "%s\n", failure);
    else printf("downloaded %s; now verify its digest\n", argv[2]);
    int status = failure == NULL ? 0 : 1;
    curl_easy_cleanup(curl);
    ocireg_error_free(error);
    ocireg_session_free(session);
    ocireg_service_free(service);
    return status;
}
