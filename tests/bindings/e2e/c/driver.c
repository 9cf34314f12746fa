/* The C driver of the scenarios in tests/bindings/e2e.rs: reads a request a line, answers each with one line.
 *
 * Fields are separated by tabs, "\N" is NULL. An answer is "ok", a tab and a value, or "error", a tab and the error's
 * document. Handles are named by the request. */

#define _GNU_SOURCE
#include "sha256.h"

#include <fcntl.h>
#include <inttypes.h>
#include <ocireg.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

static void answer_number(int32_t code, int64_t number) {
    if (succeeded(code)) printf("ok\t%" PRId64 "\n", number);
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

/* What is answered at first and after a refusal: JSON, "pass" or "stop". */
static char answers[2][1024];
static char asked[32][64];
static int asked_times;

static int32_t on_request(void *user_data, const char *request, ocireg_answer *to) {
    (void)user_data;
    char *reason = NULL, *repository = NULL;
    ocireg_json_get(request, "/reason", &reason, NULL);
    ocireg_json_get(request, "/repository", &repository, NULL);
    const char *with = answers[strcmp(reason, "refused") == 0];
    if (asked_times < 32) snprintf(asked[asked_times++], sizeof asked[0], "%s %s", reason, repository);
    ocireg_string_free(reason);
    ocireg_string_free(repository);
    if (strcmp(with, "stop") == 0) return 1;
    return strcmp(with, "pass") == 0 ? 0 : ocireg_answer_credentials(to, with, NULL);
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

/* The handle that a request is about; NULL, and an answer, if there is none. */
static void *handle_of(char kind, const char *name) {
    struct handle *handle = find(kind, name == NULL ? "" : name);
    if (handle == NULL) refuse("no handle", name == NULL ? "" : name);
    return handle == NULL ? NULL : handle->pointer;
}

static int64_t number_of(const char *field) { return field == NULL ? 0 : strtoll(field, NULL, 10); }

static size_t size_of(const char *field) { return field == NULL ? 0 : strlen(field); }

#include "requests.h"

static void set_log(ocireg_service *service) {
    int level = atoi(fields[2]);
    records_seen = 0;
    answer_nothing(ocireg_service_set_log(service, level, level > 0 ? on_record : NULL, NULL, NULL, &error));
}

static void set_credentials(ocireg_service *service) {
    int removes = fields[2] == NULL;
    asked_times = 0;
    for (int i = 0; i < 2 && !removes; i++) snprintf(answers[i], sizeof answers[i], "%s", fields[2 + i]);
    answer_nothing(ocireg_service_set_credentials(service, removes ? NULL : on_request, NULL, NULL, &error));
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

/* Reads one part: digest, options, offset, how many bytes at most. */
static void read_at(ocireg_session *session) {
    ocireg_blob *blob;
    struct sha256 hash;
    char hex[65];
    size_t count = 0, capacity = strtoull(fields[5], NULL, 10);
    if (!succeeded(ocireg_session_blob(session, fields[2], fields[3], &blob, &error))) return;
    uint8_t *buffer = malloc(capacity);
    if (succeeded(ocireg_blob_read_at(blob, context, strtoull(fields[4], NULL, 10), buffer, capacity, &count, &error))) {
        sha256_start(&hash);
        sha256_add(&hash, buffer, count);
        sha256_end(&hash, hex);
        printf("ok\t{\"sha256\":\"%s\",\"count\":%zu,\"size\":%" PRId64 "}\n", hex, count, ocireg_blob_size(blob));
    }
    free(buffer);
    ocireg_blob_free(blob);
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

static void read_layer(ocireg_session *session) {
    ocireg_reader *reader;
    int32_t code = ocireg_session_get_remote_image_layer(session, context, fields[2], fields[3], number_of(fields[4]),
                                                         &reader, &error);
    read_all(code, reader);
}

static void free_named(char kind) {
    struct handle *handle = find(kind, fields[1]);
    if (handle == NULL) {
        refuse("no handle", fields[1]);
        return;
    }
    free_handle(handle);
    answer("");
}

/* What a request does with a session where that is more than one call. */
static const struct {
    const char *name;
    void (*does)(ocireg_session *);
} of_sessions[] = {
    {"session_get_manifest", get_manifest},
    {"session_open_blob", read_blob},
    {"session_verify_blob", verify_blob},
    {"session_read_at", read_at},
    {"session_put_blob", write_blob},
    {"session_mount_blob", mount_blob},
    {"session_get_remote_image_json", get_image_json},
    {"session_get_remote_image_layer", read_layer},
    {"session_push_image_layer_registry", push_image_layer},
};

static int handle_request(void) {
    void *handle;
    for (size_t i = 0; i < sizeof of_sessions / sizeof *of_sessions; i++) {
        if (!named(of_sessions[i].name)) continue;
        if ((handle = handle_of('X', fields[1])) != NULL) of_sessions[i].does(handle);
        return 1;
    }
    if (named("service_set_log")) {
        if ((handle = handle_of('S', fields[1])) != NULL) set_log(handle);
    } else if (named("service_set_credentials")) {
        if ((handle = handle_of('S', fields[1])) != NULL) set_credentials(handle);
    } else if (named("service_free")) {
        free_named('S');
    } else if (named("endpoint_free")) {
        free_named('E');
    } else if (named("session_free")) {
        free_named('X');
    } else if (named("fd_open")) {
        int fd = open(fields[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, atoi(fields[1])) < 0) {
            refuse("cannot open", fields[2]);
        } else {
            answer("");
        }
        close(fd);
    } else if (named("version")) {
        answer(ocireg_version());
    } else {
        return 0;
    }
    return 1;
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
    } else if (named("asked")) {
        fputs("ok\t[", stdout);
        for (int i = 0; i < asked_times; i++) printf("%s\"%s\"", i == 0 ? "" : ",", asked[i]);
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
    if (!handle_request() && !called()) refuse("unknown request", fields[0]);
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
