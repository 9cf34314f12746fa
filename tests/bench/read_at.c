/* Reads 10,000 parts of 64 KiB at random places of a blob on 8 threads, and prints the process's highest memory:
 * bench-read-at ocireg REFERENCE DIGEST SIZE, or with curl, one handle a thread: bench-read-at curl URL - SIZE */
#include <curl/curl.h>
#include <ocireg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define READS (10000 / THREADS)
#define PART (64 << 10)

static const char *url;
static ocireg_blob *blob;
static uint64_t size;

/* The same places for both. */
static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % (size - PART);
}

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void *with_ocireg(void *thread) {
    static _Thread_local uint8_t part[PART];
    uint64_t state = 88172645463325252u + (uintptr_t)thread;
    for (int i = 0; i < READS; i++) {
        ocireg_error *error = NULL;
        size_t count = 0;
        if (ocireg_blob_read_at(blob, NULL, next(&state), part, sizeof part, &count, &error) != OCIREG_OK)
            fail(ocireg_error_json(error));
        if (count != sizeof part) fail("a part is short");
    }
    return NULL;
}

struct part {
    size_t count;
    uint8_t bytes[PART];
};

static size_t take(char *bytes, size_t one, size_t count, void *into) {
    struct part *part = into;
    if (count * one > sizeof part->bytes - part->count) return 0;
    memcpy(part->bytes + part->count, bytes, count * one);
    part->count += count * one;
    return count * one;
}

static void *with_curl(void *thread) {
    static _Thread_local struct part part;
    uint64_t state = 88172645463325252u + (uintptr_t)thread;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &part);
    for (int i = 0; i < READS; i++) {
        char range[64];
        uint64_t offset = next(&state);
        snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)offset, (unsigned long long)offset + PART - 1);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
        part.count = 0;
        CURLcode code = curl_easy_perform(curl);
        if (code != CURLE_OK) fail(curl_easy_strerror(code));
        if (part.count != PART) fail("a part is short");
    }
    curl_easy_cleanup(curl);
    return NULL;
}

int main(int argc, char **argv)
{
    ocireg_service *service = NULL;
    ocireg_session *session = NULL;
    ocireg_error *error = NULL;
    pthread_t threads[THREADS];
    if (argc != 5) fail("usage: bench-read-at ocireg|curl REFERENCE|URL DIGEST|- SIZE");
    int is_ours = strcmp(argv[1], "ocireg") == 0;
    url = argv[2];
    size = strtoull(argv[4], NULL, 10);
    if (is_ours) {
        if (ocireg_service_new(NULL, &service, &error) != OCIREG_OK
            || ocireg_session_open(service, NULL, argv[2], NULL, &session, &error) != OCIREG_OK
            || ocireg_session_blob(session, argv[3], NULL, &blob, &error) != OCIREG_OK)
            fail(ocireg_error_json(error));
    } else {
        curl_global_init(CURL_GLOBAL_ALL);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, is_ours ? with_ocireg : with_curl, (void *)i) != 0) fail("no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ocireg_blob_free(blob);
    ocireg_session_free(session);
    ocireg_service_free(service);

    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            fputs(line, stdout);
    if (status != NULL)
        fclose(status);
    return 0;
}
