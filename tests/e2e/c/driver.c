/* The C driver of the scenarios in tests/e2e.rs: reads a request a line, answers each with one line.
 *
 * Fields are separated by tabs, "\N" is NULL. An answer is "ok", a tab and a value, or "error", a tab and the error's
 * document. Handles are named by the request. */

#define _GNU_SOURCE
#include "sha256.h"

#include <inttypes.h>
#include <ocireg.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_FIELDS = 8, MAX_HANDLES = 64 };

/* --- the request under way --------------------------------------------------------------------------------------- */

static const char *fields[MAX_FIELDS];
static ocireg_error *error;
static ocireg_context *context; /* of the request; NULL if it has none */

static long timeout_ms, cancel_after_ms; /* of the next request */
static int progress;
static char kinds[32][16];
static int kinds_seen;
static char records[32][32]; /* the parts of the library that have logged, each with its level */
static int records_seen;

static void answer(const char *value) { printf("ok\t%s\n", value); }

static void refuse(const char *message, const char *what) {
    printf("error\t{\"name\":\"DRIVER\",\"message\":\"%s %s\"}\n", message, what);
}

/* Answers a failure; says whether the call succeeded. */
static int succeeded(int32_t code) {
    if (code == OCIREG_OK) return 1;
    printf("error\t%s\n", ocireg_error_json(error));
    ocireg_error_free(error);
    error = NULL;
    return 0;
}

static void answer_text(int32_t code, char *text) {
    if (succeeded(code)) answer(text);
    ocireg_string_free(text);
}

static void answer_number(int32_t code, int32_t number) {
    if (succeeded(code)) printf("ok\t%d\n", number);
}

static void answer_nothing(int32_t code) {
    if (succeeded(code)) answer("");
}

/* --- handles ----------------------------------------------------------------------------------------------------- */

static struct handle {
    char name[64];
    char kind; /* S service, E endpoint, X session */
    void *pointer;
} handles[MAX_HANDLES];

static void free_handle(struct handle *handle) {
    switch (handle->kind) {
        case 'S': ocireg_service_free(handle->pointer); break;
        case 'E': ocireg_endpoint_free(handle->pointer); break;
        case 'X': ocireg_session_free(handle->pointer); break;
    }
    memset(handle, 0, sizeof *handle);
}

static struct handle *find(char kind, const char *name) {
    for (int i = 0; i < MAX_HANDLES; i++) {
        if (handles[i].kind == kind && strcmp(handles[i].name, name) == 0) return &handles[i];
    }
    return NULL;
}

/* Keeps a handle that a call made, in place of one of the same name. */
static void keep(int32_t code, char kind, const char *name, void *pointer) {
    if (!succeeded(code)) return;
    struct handle *handle = find(kind, name);
    if (handle != NULL) free_handle(handle);
    for (int i = 0; i < MAX_HANDLES; i++) {
        if (handles[i].kind != 0) continue;
        snprintf(handles[i].name, sizeof handles[i].name, "%s", name);
        handles[i].kind = kind;
        handles[i].pointer = pointer;
        answer("");
        return;
    }
    refuse("too many handles:", name);
}

/* --- contexts ---------------------------------------------------------------------------------------------------- */

static int32_t on_progress(void *user_data, uint64_t done, uint64_t total, const char *event) {
    (void)user_data, (void)done, (void)total;
    char kind[16] = "";
    const char *found = strstr(event, "\"kind\":\"");
    if (found != NULL) sscanf(found + 8, "%15[a-z]", kind);
    for (int i = 0; i < kinds_seen; i++) {
        if (strcmp(kinds[i], kind) == 0) return 0;
    }
    if (kinds_seen < 32) strcpy(kinds[kinds_seen++], kind);
    return 0;
}

static void on_record(void *user_data, int32_t level, const char *record) {
    (void)user_data;
    char target[20] = "", seen[32];
    const char *found = strstr(record, "\"target\":\"");
    if (found != NULL) sscanf(found + 10, "%19[a-z]", target);
    snprintf(seen, sizeof seen, "%s %d", target, level);
    for (int i = 0; i < records_seen; i++) {
        if (strcmp(records[i], seen) == 0) return;
    }
    if (records_seen < 32) strcpy(records[records_seen++], seen);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over_changed = PTHREAD_COND_INITIALIZER;
static int over;

static void *cancel_later(void *unused) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += cancel_after_ms % 1000 * 1000000;
    until.tv_sec += cancel_after_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    while (!over && pthread_cond_timedwait(&over_changed, &lock, &until) == 0) {}
    if (!over) ocireg_context_cancel(context);
    pthread_mutex_unlock(&lock);
    return unused;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static int named(const char *name) { return strcmp(fields[0], name) == 0; }

typedef int32_t text_of_text(const char *, char **, ocireg_error **);

static const struct {
    const char *name;
    text_of_text *call;
} names[] = {
    {"convert_to_hostname", ocireg_convert_to_hostname},
    {"validate_index_name", ocireg_validate_index_name},
    {"validate_mirror", ocireg_validate_mirror},
    {"parse_reference", ocireg_parse_reference},
    {"parse_repository_info", ocireg_parse_repository_info},
    {"parse_search_index_info", ocireg_parse_search_index_info},
    {"auth_config_key", ocireg_auth_config_key},
    {"parse_challenges", ocireg_parse_challenges},
    {"read_certs_directory", ocireg_read_certs_directory},
};

static int name_request(void) {
    char *text = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!named(names[i].name)) continue;
        int32_t code = names[i].call(fields[1], &text, &error);
        answer_text(code, text);
        return 1;
    }
    if (named("resolve_auth_config")) {
        int32_t code = ocireg_resolve_auth_config(fields[1], fields[2], &text, &error);
        answer_text(code, text);
    } else if (named("certs_dir")) {
        int32_t code = ocireg_certs_dir(&text, &error);
        answer_text(code, text);
    } else if (named("version")) {
        answer(ocireg_version());
    } else {
        return 0;
    }
    return 1;
}

typedef int32_t service_lookup(const ocireg_service *, const ocireg_context *, const char *, char **, ocireg_error **);
typedef int32_t service_change(const ocireg_service *, const char *, ocireg_error **);

static const struct {
    const char *name;
    service_lookup *call;
} lookups[] = {
    {"service_lookup_pull_endpoints", ocireg_service_lookup_pull_endpoints},
    {"service_lookup_push_endpoints", ocireg_service_lookup_push_endpoints},
    {"service_resolve_repository", ocireg_service_resolve_repository},
    {"service_credentials", ocireg_service_credentials},
    {"service_tls_config", ocireg_service_tls_config},
};

static const struct {
    const char *name;
    service_change *call;
} changes[] = {
    {"service_replace_config", ocireg_service_replace_config},
    {"service_load_mirrors", ocireg_service_load_mirrors},
    {"service_load_insecure_registries", ocireg_service_load_insecure_registries},
    {"service_load_allow_nondistributable_artifacts", ocireg_service_load_allow_nondistributable_artifacts},
};

static int service_request(ocireg_service *service) {
    char *text = NULL;
    int32_t code, number;
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        if (!named(lookups[i].name)) continue;
        code = lookups[i].call(service, context, fields[2], &text, &error);
        return answer_text(code, text), 1;
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (named(changes[i].name)) return answer_nothing(changes[i].call(service, fields[2], &error)), 1;
    }
    if (named("service_free")) {
        free_handle(find('S', fields[1]));
        answer("");
    } else if (named("service_config")) {
        code = ocireg_service_config(service, &text, &error);
        answer_text(code, text);
    } else if (named("service_is_insecure_registry")) {
        code = ocireg_service_is_insecure_registry(service, context, fields[2], &number, &error);
        answer_number(code, number);
    } else if (named("service_auth")) {
        code = ocireg_service_auth(service, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else if (named("service_login")) {
        code = ocireg_service_login(service, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else if (named("service_logout")) {
        answer_nothing(ocireg_service_logout(service, context, fields[2], &error));
    } else if (named("service_search")) {
        code = ocireg_service_search(service, context, fields[2], atoi(fields[3]), fields[4], fields[5], fields[6],
                                     &text, &error);
        answer_text(code, text);
    } else if (named("endpoint_new")) {
        ocireg_endpoint *endpoint;
        code = ocireg_endpoint_new(service, fields[3], &endpoint, &error);
        keep(code, 'E', fields[2], endpoint);
    } else if (named("endpoint_new_v1")) {
        ocireg_endpoint *endpoint;
        code = ocireg_endpoint_new_v1(service, context, fields[3], fields[4], fields[5], &endpoint, &error);
        keep(code, 'E', fields[2], endpoint);
    } else if (named("session_open")) {
        ocireg_session *session;
        code = ocireg_session_open(service, context, fields[3], fields[4], &session, &error);
        keep(code, 'X', fields[2], session);
    } else if (named("pull")) {
        code = ocireg_pull(service, context, fields[2], fields[3], fields[4], &text, &error);
        answer_text(code, text);
    } else if (named("service_set_log")) {
        int level = atoi(fields[2]);
        records_seen = 0;
        answer_nothing(ocireg_service_set_log(service, level, level > 0 ? on_record : NULL, NULL, NULL, &error));
    } else if (named("inspect")) {
        code = ocireg_inspect(service, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else {
        return 0;
    }
    return 1;
}

static int endpoint_request(ocireg_endpoint *endpoint) {
    char *text = NULL;
    int32_t code, number;
    if (named("endpoint_free")) {
        free_handle(find('E', fields[1]));
        answer("");
    } else if (named("endpoint_to_string")) {
        code = ocireg_endpoint_to_string(endpoint, &text, &error);
        answer_text(code, text);
    } else if (named("endpoint_path")) {
        code = ocireg_endpoint_path(endpoint, fields[2], &text, &error);
        answer_text(code, text);
    } else if (named("endpoint_is_secure")) {
        code = ocireg_endpoint_is_secure(endpoint, &number, &error);
        answer_number(code, number);
    } else if (named("endpoint_ping")) {
        code = ocireg_endpoint_ping(endpoint, context, &text, &error);
        answer_text(code, text);
    } else if (named("endpoint_to_v1")) {
        ocireg_endpoint *v1;
        code = ocireg_endpoint_to_v1(endpoint, fields[3], fields[4], &v1, &error);
        keep(code, 'E', fields[2], v1);
    } else if (named("session_new")) {
        ocireg_session *session;
        code = ocireg_session_new(endpoint, context, fields[3], &session, &error);
        keep(code, 'X', fields[2], session);
    } else {
        return 0;
    }
    return 1;
}

static void get_manifest(ocireg_session *session) {
    char *descriptor, hex[65];
    uint8_t *data;
    size_t size;
    struct sha256 hash;
    int32_t code = ocireg_session_get_manifest(session, context, fields[2], fields[3], &descriptor, &data, &size, &error);
    if (!succeeded(code)) return;
    sha256_start(&hash);
    sha256_add(&hash, data, size);
    sha256_end(&hash, hex);
    printf("ok\t{\"descriptor\":%s,\"sha256\":\"%s\",\"size\":%zu}\n", descriptor, hex, size);
    ocireg_string_free(descriptor);
    ocireg_bytes_free(data);
}

/* Answers with what a call that opened a reader lets us read. */
static void read_all(int32_t code, ocireg_reader *reader) {
    static uint8_t buffer[256 << 10];
    char hex[65];
    struct sha256 hash;
    uint64_t read = 0;
    size_t count;
    if (!succeeded(code)) return;
    sha256_start(&hash);
    do {
        if (!succeeded(ocireg_reader_read(reader, context, buffer, sizeof buffer, &count, &error))) {
            ocireg_reader_free(reader);
            return;
        }
        sha256_add(&hash, buffer, count);
        read += count;
    } while (count > 0);
    sha256_end(&hash, hex);
    printf("ok\t{\"size\":%" PRId64 ",\"read\":%" PRIu64 ",\"sha256\":\"%s\"}\n", ocireg_reader_size(reader), read, hex);
    ocireg_reader_free(reader);
}

static void read_blob(ocireg_session *session) {
    ocireg_reader *reader;
    uint64_t offset = fields[3] == NULL ? 0 : strtoull(fields[3], NULL, 10);
    int32_t code = ocireg_session_open_blob(session, context, fields[2], offset, fields[4], &reader, &error);
    read_all(code, reader);
}

/* Reads so many bytes at most, and lets the rest be verified: what a reader of archives does. */
static void verify_blob(ocireg_session *session) {
    static uint8_t buffer[64 << 10];
    ocireg_reader *reader;
    size_t left = strtoull(fields[3], NULL, 10), count = 1, after = 1;
    uint64_t read = 0;
    if (!succeeded(ocireg_session_open_blob(session, context, fields[2], 0, fields[4], &reader, &error))) return;
    while (left > 0 && count > 0) {
        size_t most = left < sizeof buffer ? left : sizeof buffer;
        if (!succeeded(ocireg_reader_read(reader, context, buffer, most, &count, &error))) {
            ocireg_reader_free(reader);
            return;
        }
        left -= count;
        read += count;
    }
    if (succeeded(ocireg_reader_verify(reader, context, &error)) &&
        succeeded(ocireg_reader_read(reader, context, buffer, sizeof buffer, &after, &error))) {
        printf("ok\t{\"read\":%" PRIu64 ",\"after\":%zu}\n", read, after);
    }
    ocireg_reader_free(reader);
}

static void write_blob(ocireg_session *session) {
    ocireg_writer *writer;
    char *descriptor = NULL;
    const uint8_t *content = (const uint8_t *)fields[3];
    size_t size = strlen(fields[3]), half = size / 2;
    if (!succeeded(ocireg_session_put_blob(session, context, fields[2], &writer, &error))) return;
    if (succeeded(ocireg_writer_write(writer, context, content, half, &error)) &&
        succeeded(ocireg_writer_write(writer, context, content + half, size - half, &error))) {
        int32_t code = ocireg_writer_commit(writer, context, fields[4], &descriptor, &error);
        answer_text(code, descriptor);
    }
    ocireg_writer_free(writer);
}

static void mount_blob(ocireg_session *session) {
    ocireg_writer *writer;
    int32_t mounted;
    if (!succeeded(ocireg_session_mount_blob(session, context, fields[2], fields[3], NULL, &mounted, &writer, &error))) {
        return;
    }
    if (writer == NULL || succeeded(ocireg_writer_abort(writer, context, &error))) printf("ok\t%d\n", mounted);
    ocireg_writer_free(writer);
}

static void get_image_json(ocireg_session *session) {
    char hex[65];
    uint8_t *data;
    size_t size;
    int64_t layer_size;
    struct sha256 hash;
    if (!succeeded(ocireg_session_get_remote_image_json(session, context, fields[2], fields[3], &data, &size, &layer_size,
                                                        &error))) {
        return;
    }
    sha256_start(&hash);
    sha256_add(&hash, data, size);
    sha256_end(&hash, hex);
    printf("ok\t{\"sha256\":\"%s\",\"layer_size\":%" PRId64 "}\n", hex, layer_size);
    ocireg_bytes_free(data);
}

/* The layer is in a file. */
static void push_image_layer(ocireg_session *session) {
    uint8_t buffer[4096];
    ocireg_writer *writer;
    char *checksums = NULL;
    size_t count;
    FILE *file = fopen(fields[5], "rb");
    if (file == NULL) {
        refuse("cannot open", fields[5]);
        return;
    }
    if (succeeded(ocireg_session_push_image_layer_registry(session, context, fields[2], fields[3],
                                                           (const uint8_t *)fields[4], strlen(fields[4]), &writer,
                                                           &error))) {
        int written = 1;
        while (written && (count = fread(buffer, 1, sizeof buffer, file)) > 0) {
            written = succeeded(ocireg_writer_write(writer, context, buffer, count, &error));
        }
        if (written) {
            int32_t code = ocireg_writer_commit(writer, context, NULL, &checksums, &error);
            answer_text(code, checksums);
        }
        ocireg_writer_free(writer);
    }
    fclose(file);
}

/* Requests of protocol v1. */
static int session_v1_request(ocireg_session *session) {
    char *text = NULL;
    int32_t code;
    if (named("session_get_repository_data")) {
        code = ocireg_session_get_repository_data(session, context, fields[2], &text, &error);
        answer_text(code, text);
    } else if (named("session_get_remote_tags")) {
        code = ocireg_session_get_remote_tags(session, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else if (named("session_get_remote_tag")) {
        code = ocireg_session_get_remote_tag(session, context, fields[2], fields[3], fields[4], &text, &error);
        answer_text(code, text);
    } else if (named("session_get_remote_history")) {
        code = ocireg_session_get_remote_history(session, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else if (named("session_lookup_remote_image")) {
        answer_nothing(ocireg_session_lookup_remote_image(session, context, fields[2], fields[3], &error));
    } else if (named("session_get_remote_image_json")) {
        get_image_json(session);
    } else if (named("session_get_remote_image_layer")) {
        ocireg_reader *reader;
        code = ocireg_session_get_remote_image_layer(session, context, fields[2], fields[3], atoll(fields[4]), &reader,
                                                     &error);
        read_all(code, reader);
    } else if (named("session_push_image_json_registry")) {
        answer_nothing(ocireg_session_push_image_json_registry(session, context, fields[2], fields[3],
                                                               (const uint8_t *)fields[4], strlen(fields[4]), &error));
    } else if (named("session_push_image_layer_registry")) {
        push_image_layer(session);
    } else if (named("session_push_image_checksum_registry")) {
        answer_nothing(ocireg_session_push_image_checksum_registry(session, context, fields[2], fields[3], &error));
    } else if (named("session_push_registry_tag")) {
        answer_nothing(ocireg_session_push_registry_tag(session, context, fields[2], fields[3], fields[4], fields[5],
                                                        &error));
    } else if (named("session_push_image_json_index")) {
        code = ocireg_session_push_image_json_index(session, context, fields[2], fields[3], atoi(fields[4]), fields[5],
                                                    &text, &error);
        answer_text(code, text);
    } else if (named("session_search_repositories")) {
        code = ocireg_session_search_repositories(session, context, fields[2], atoi(fields[3]), &text, &error);
        answer_text(code, text);
    } else {
        return 0;
    }
    return 1;
}

static int session_request(ocireg_session *session) {
    char *text = NULL;
    int32_t code;
    if (session_v1_request(session)) return 1;
    if (named("session_free")) {
        free_handle(find('X', fields[1]));
        answer("");
    } else if (named("session_repository")) {
        ocireg_session *repository;
        code = ocireg_session_repository(session, fields[3], &repository, &error);
        keep(code, 'X', fields[2], repository);
    } else if (named("session_id")) {
        code = ocireg_session_id(session, &text, &error);
        answer_text(code, text);
    } else if (named("session_info")) {
        code = ocireg_session_info(session, &text, &error);
        answer_text(code, text);
    } else if (named("session_ping")) {
        code = ocireg_session_ping(session, context, &text, &error);
        answer_text(code, text);
    } else if (named("session_list_tags")) {
        code = ocireg_session_list_tags(session, context, fields[2], &text, &error);
        answer_text(code, text);
    } else if (named("session_head_manifest")) {
        code = ocireg_session_head_manifest(session, context, fields[2], fields[3], &text, &error);
        answer_text(code, text);
    } else if (named("session_get_manifest")) {
        get_manifest(session);
    } else if (named("session_open_blob")) {
        read_blob(session);
    } else if (named("session_verify_blob")) {
        verify_blob(session);
    } else if (named("session_put_blob")) {
        write_blob(session);
    } else if (named("session_mount_blob")) {
        mount_blob(session);
    } else {
        return 0;
    }
    return 1;
}

static int handle_request(void) {
    /* The first field after the name is the handle that the request is about. */
    struct handle *handle;
    const char *name = fields[1] == NULL ? "" : fields[1];
    char kind;
    if (named("service_new")) {
        ocireg_service *service;
        int32_t code = ocireg_service_new(fields[2], &service, &error);
        keep(code, 'S', name, service);
        return 1;
    }
    if (named("endpoint_new") || named("endpoint_new_v1") || named("session_open") || named("pull") || named("inspect") ||
        strncmp(fields[0], "service_", 8) == 0) {
        kind = 'S';
    } else if (named("session_new") || strncmp(fields[0], "endpoint_", 9) == 0) {
        kind = 'E';
    } else if (strncmp(fields[0], "session_", 8) == 0) {
        kind = 'X';
    } else {
        return 0;
    }
    handle = find(kind, name);
    if (handle == NULL) {
        refuse("no handle", name);
        return 1;
    }
    return kind == 'S'   ? service_request(handle->pointer)
           : kind == 'E' ? endpoint_request(handle->pointer)
                         : session_request(handle->pointer);
}

static int control_request(void) {
    if (named("with")) {
        timeout_ms = atol(fields[1]);
        cancel_after_ms = atol(fields[2]);
        answer("");
    } else if (named("progress")) {
        progress = strcmp(fields[1], "on") == 0;
        if (progress) kinds_seen = 0;
        answer("");
    } else if (named("events")) {
        fputs("ok\t[", stdout);
        for (int i = 0; i < kinds_seen; i++) printf("%s\"%s\"", i == 0 ? "" : ",", kinds[i]);
        puts("]");
    } else if (named("logged")) {
        fputs("ok\t[", stdout);
        for (int i = 0; i < records_seen; i++) printf("%s\"%s\"", i == 0 ? "" : ",", records[i]);
        puts("]");
    } else {
        return 0;
    }
    return 1;
}

static void request(void) {
    pthread_t canceller;
    int cancels = cancel_after_ms > 0;
    if (control_request()) return;
    if (timeout_ms > 0 || cancels || progress) {
        if (!succeeded(ocireg_context_new(&context, &error))) return;
        ocireg_context_set_timeout(context, (uint64_t)timeout_ms);
        if (progress) ocireg_context_set_progress(context, on_progress, NULL, NULL);
    }
    over = 0;
    if (cancels) pthread_create(&canceller, NULL, cancel_later, NULL);
    if (!name_request() && !handle_request()) refuse("unknown request", fields[0]);
    if (cancels) {
        pthread_mutex_lock(&lock);
        over = 1;
        pthread_cond_signal(&over_changed);
        pthread_mutex_unlock(&lock);
        pthread_join(canceller, NULL);
    }
    ocireg_context_free(context);
    context = NULL;
    timeout_ms = cancel_after_ms = 0;
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        char *rest = line;
        if (line[size - 1] == '\n') line[size - 1] = '\0';
        for (int i = 0; i < MAX_FIELDS; i++) {
            fields[i] = rest == NULL ? NULL : strsep(&rest, "\t");
            if (fields[i] != NULL && strcmp(fields[i], "\\N") == 0) fields[i] = NULL;
        }
        if (strcmp(fields[0], "quit") == 0) break;
        request();
        fflush(stdout);
    }
    free(line);
    for (int i = 0; i < MAX_HANDLES; i++) {
        if (handles[i].kind != 0) free_handle(&handles[i]);
    }
    return 0;
}
