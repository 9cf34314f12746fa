/* How the library behaves as a guest in a process: threads, signals, descriptors, time. One case a run:
 * behaviour CASE REGISTRY DIRECTORY, where REGISTRY is the HOST:PORT of a registry that has big:latest (some MiB).
 * Each case runs on a thread with a stack of 256 KiB, as small as a host may give us. */

#define _GNU_SOURCE
#include "server.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

extern char **environ;

static const char *registry;
static const char *directory;
static ocireg_error *error;

/* A name server that takes its time: the library's own lookups end up here, because we are the program. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node != NULL && strcmp(node, "slow.example") == 0) sleep_ms(20000);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, result);
}

static const char *format(const char *pattern, const char *value) {
    static _Thread_local char texts[4][512];
    static _Thread_local int next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], pattern, value);
    return text;
}

static ocireg_service *new_service(void) {
    ocireg_service *service;
    OK(ocireg_service_new("{}", &service, &error));
    return service;
}

static ocireg_session *open_session(ocireg_service *service, const char *address) {
    ocireg_session *session;
    OK(ocireg_session_open(service, NULL, format("%s/big:latest", address), NULL, &session, &error));
    return session;
}

static void pull(ocireg_service *service, ocireg_context *context, const char *place) {
    OK(ocireg_pull(service, context, format("docker://%s/big:latest", registry),
                   format(format("oci:%s/%%s", directory), place), NULL, NULL, &error));
}

/* The digest of the largest layer of big:latest. */
static const char *layer(ocireg_session *session) {
    static char digest[72];
    uint8_t *data;
    size_t size;
    OK(ocireg_session_get_manifest(session, NULL, NULL, NULL, NULL, &data, &size, &error));
    char *text = strndup((const char *)data, size);
    const char *layers = strstr(text, "\"layers\"");
    CHECK(layers != NULL);
    const char *found = strstr(layers, "sha256:");
    CHECK(found != NULL);
    memcpy(digest, found, 71);
    free(text);
    ocireg_bytes_free(data);
    return digest;
}

static int entries(const char *path) {
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    int count = 0;
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

/* --- cancellation and deadlines, whatever a call waits for ------------------------------------------------------ */

struct wait {
    const char *name;
    enum mode mode;
    int resolve;  /* the name server is slow */
    int manifest; /* waits in get_manifest, not in session_open */
};

static const struct wait waits[] = {
    {"dns", FULL, 1, 0},    {"connect", FULL, 0, 0}, {"tls", SILENT, 0, 0},
    {"header", HEADER, 0, 1}, {"body", BODY, 0, 1},    {"retry", RETRY, 0, 1},
};

struct job {
    ocireg_service *service;
    ocireg_session *session;
    ocireg_context *context;
    const char *address;
    int32_t code;
    ocireg_error *error;
};

static void *run_job(void *argument) {
    struct job *job = argument;
    if (job->session != NULL) {
        job->code = ocireg_session_get_manifest(job->session, job->context, NULL, NULL, NULL, NULL, NULL, &job->error);
    } else {
        ocireg_session *session;
        job->code = ocireg_session_open(job->service, job->context, format("%s/big:latest", job->address), NULL,
                                        &session, &job->error);
        CHECK(session == NULL);
    }
    return NULL;
}

static pthread_t begin(void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    CHECK(pthread_create(&thread, &attributes, run, argument) == 0);
    pthread_attr_destroy(&attributes);
    return thread;
}

enum { CANCEL_AFTER = 300, DEADLINE_AFTER = 700 };

static void check_end(const struct wait *wait, const struct job *job, int32_t code, int64_t took, int64_t most) {
    if (job->code != code || took > most) {
        fprintf(stderr, "%s: %s after %d ms: %s\n", wait->name, ocireg_code_name(job->code), (int)took,
                ocireg_error_json(job->error));
        exit(1);
    }
}

static void each_wait(void (*check)(const struct wait *, struct job *)) {
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        const struct wait *wait = &waits[i];
        struct server server = server_start(wait->mode);
        struct job job = {.service = new_service(), .address = wait->resolve ? "slow.example:5000" : server.address};
        if (wait->manifest) job.session = open_session(job.service, server.address);
        OK(ocireg_context_new(&job.context, &error));
        check(wait, &job);
        ocireg_context_free(job.context);
        ocireg_error_free(job.error);
        ocireg_session_free(job.session);
        ocireg_service_free(job.service);
        server_stop(&server);
    }
}

static void cancelled_from_another_thread(const struct wait *wait, struct job *job) {
    pthread_t thread = begin(run_job, job);
    sleep_ms(CANCEL_AFTER);
    int64_t start = now_ms();
    ocireg_context_cancel(job->context);
    CHECK(pthread_join(thread, NULL) == 0);
    check_end(wait, job, OCIREG_CANCELLED, now_ms() - start, 1000);
    CHECK(strstr(ocireg_error_json(job->error), "\"cancelled_by\":\"context\"") != NULL);
    CHECK(!ocireg_error_retryable(job->error));
    /* Final: the next call does not begin. */
    int64_t again = now_ms();
    EXPECT(OCIREG_CANCELLED, ocireg_inspect(job->service, job->context, "busybox", NULL, &(char *){NULL}, &error));
    CHECK(now_ms() - again < 100);
}

static void cancel_thread(void) { each_wait(cancelled_from_another_thread); }

static ocireg_context *alarmed;
static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    errno = 4242;
    ocireg_context_cancel(alarmed);
    if (errno == 4242) alarms++;
}

static void cancelled_in_a_signal_handler(const struct wait *wait, struct job *job) {
    struct sigaction action = {.sa_handler = on_alarm}, old;
    struct itimerval timer = {.it_value = {0, CANCEL_AFTER * 1000}};
    alarmed = job->context;
    alarms = 0;
    CHECK(sigaction(SIGALRM, &action, &old) == 0);
    int64_t start = now_ms();
    setitimer(ITIMER_REAL, &timer, NULL);
    run_job(job);
    check_end(wait, job, OCIREG_CANCELLED, now_ms() - start - CANCEL_AFTER, 1000);
    /* The handler may run on another thread, and may not have ended when the call does. */
    for (int i = 0; i < 100 && alarms == 0; i++) sleep_ms(10);
    CHECK(alarms == 1); /* errno was as the handler had it */
    sigaction(SIGALRM, &old, NULL);
}

/* A thread that is cancelled ends its calls first: each frees what it holds, and the thread's own state comes back. */
static int calls_done;

static void *calls_until_cancelled(void *argument) {
    ocireg_service *service = argument;
    char *json;
    for (int i = 0; i < 5; i++) {
        OK(ocireg_inspect(service, NULL, format("docker://%s/big:latest", registry), NULL, &json, &error));
        ocireg_string_free(json);
        calls_done++;
    }
    while (calls_done > 0) pthread_testcancel();
    return NULL;
}

static void pthread_cancel_in_a_call(void) {
    ocireg_service *service = new_service();
    int state;
    for (int round = 1; round <= 3; round++) {
        void *result = NULL;
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, calls_until_cancelled, service) == 0);
        sleep_ms(10 * round);
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
        CHECK(calls_done == 5 * round);
    }
    pull(service, NULL, "after");
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0 && state == PTHREAD_CANCEL_ENABLE);
    ocireg_service_free(service);
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state) == 0 && state == PTHREAD_CANCEL_DISABLE);
}

static void cancel_signal(void) { each_wait(cancelled_in_a_signal_handler); }

static void ended_at_the_deadline(const struct wait *wait, struct job *job) {
    ocireg_context_set_timeout(job->context, DEADLINE_AFTER);
    int64_t start = now_ms();
    run_job(job);
    int64_t took = now_ms() - start;
    check_end(wait, job, OCIREG_DEADLINE, took, DEADLINE_AFTER + 500);
    CHECK(took >= DEADLINE_AFTER - 5);
    CHECK(strstr(ocireg_error_json(job->error), "\"phase\":\"deadline\"") != NULL);
}

static void deadline(void) { each_wait(ended_at_the_deadline); }

/* One deadline for all calls, counted from where it was set; 0 removes it. */
static void deadline_counts_from_set(void) {
    ocireg_context *context;
    ocireg_service *service = new_service();
    ocireg_session *session;
    const char *reference = format("%s/big", registry);
    OK(ocireg_context_new(&context, &error));
    ocireg_context_set_timeout(context, 200);
    sleep_ms(250);
    EXPECT(OCIREG_DEADLINE, ocireg_session_open(service, context, reference, NULL, &session, &error));
    ocireg_context_set_timeout(context, 0);
    OK(ocireg_session_open(service, context, reference, NULL, &session, &error));
    ocireg_session_free(session);
    ocireg_context_free(context);
    ocireg_service_free(service);
}

static void errno_is_kept(void) {
    ocireg_context *context;
    OK(ocireg_context_new(&context, &error));
    for (int i = 0; i < 3; i++) {
        errno = 4242;
        ocireg_context_cancel(context);
        CHECK(errno == 4242);
    }
    ocireg_context_free(context);
}

/* --- progress ---------------------------------------------------------------------------------------------------- */

struct progress {
    pthread_t thread;
    int calls, drops, ticks, stop_at;
    uint64_t done;
    char kinds[4096];
    int64_t last, longest;
};

static int32_t on_progress(void *user_data, uint64_t done, uint64_t total, const char *event) {
    struct progress *progress = user_data;
    CHECK(pthread_equal(progress->thread, pthread_self()));
    CHECK(progress->drops == 0);
    CHECK(done >= progress->done && (total == 0 || done <= total));
    progress->done = done;
    if (now_ms() - progress->last > progress->longest) progress->longest = now_ms() - progress->last;
    progress->last = now_ms();
    const char *kind = strstr(event, "\"kind\":\"");
    CHECK(kind != NULL);
    if (strncmp(kind + 8, "tick", 4) == 0) progress->ticks++;
    size_t used = strlen(progress->kinds);
    if (used < sizeof progress->kinds - 16) sscanf(kind + 8, "%8[a-z]", progress->kinds + used), strcat(progress->kinds, " ");
    return ++progress->calls == progress->stop_at;
}

static void on_drop(void *user_data) { ((struct progress *)user_data)->drops++; }

static void progress_and_drop(void) {
    struct progress first = {.thread = pthread_self(), .last = now_ms()}, second = first, third = first;
    ocireg_service *service = new_service();
    ocireg_context *context;
    OK(ocireg_context_new(&context, &error));
    ocireg_context_set_progress(context, on_progress, &first, on_drop);
    pull(service, context, "progress");
    CHECK(first.calls > 0 && first.drops == 0);
    if (!strstr(first.kinds, "start ") || !strstr(first.kinds, "blob ") || !strstr(first.kinds, "finish ")) {
        fprintf(stderr, "told: %s\n", first.kinds);
        exit(1);
    }
    /* Replacing ends the old one; without a function its data still gets its end; so it does without a context. */
    ocireg_context_set_progress(context, on_progress, &second, on_drop);
    CHECK(first.drops == 1);
    ocireg_context_set_progress(context, NULL, &third, on_drop);
    CHECK(second.drops == 1 && second.calls == 0 && third.drops == 1);
    ocireg_context_set_progress(NULL, on_progress, &third, on_drop);
    CHECK(third.drops == 2);
    /* Stopping. */
    struct progress stop = {.thread = pthread_self(), .last = now_ms(), .stop_at = 1};
    ocireg_context_set_progress(context, on_progress, &stop, on_drop);
    int32_t code = ocireg_pull(service, context, format("%s/big:latest", registry),
                               format("oci:%s/stopped", directory), NULL, NULL, &error);
    CHECK(code == OCIREG_CANCELLED && stop.calls == 1);
    CHECK(strstr(ocireg_error_json(error), "\"cancelled_by\":\"progress\"") != NULL);
    ocireg_error_free(error);
    error = NULL;
    ocireg_context_free(context);
    CHECK(stop.drops == 1 && first.drops == 1 && second.drops == 1);
    ocireg_service_free(service);
}

static void progress_ticks(void) {
    struct server server = server_start(HEADER);
    struct progress progress = {.thread = pthread_self(), .last = now_ms()};
    struct job job = {.service = new_service()};
    job.session = open_session(job.service, server.address);
    OK(ocireg_context_new(&job.context, &error));
    ocireg_context_set_timeout(job.context, 3500);
    ocireg_context_set_progress(job.context, on_progress, &progress, on_drop);
    run_job(&job);
    CHECK(job.code == OCIREG_DEADLINE && progress.ticks >= 3 && progress.longest <= 1100);
    ocireg_error_free(job.error);
    ocireg_session_free(job.session);
    ocireg_context_free(job.context);
    ocireg_service_free(job.service);
    CHECK(progress.drops == 1);
    server_stop(&server);
}

/* --- the log ----------------------------------------------------------------------------------------------------- */

struct log {
    pthread_t thread;
    int records, drops, least, most;
};

static void on_record(void *user_data, int32_t level, const char *record) {
    struct log *log = user_data;
    CHECK(pthread_equal(log->thread, pthread_self()) && log->drops == 0);
    CHECK(strstr(record, "\"time_ms\":") && strstr(record, "\"message\":") && !strchr(record, '?'));
    if (log->records++ == 0 || level < log->least) log->least = level;
    if (level > log->most) log->most = level;
}

static void on_log_drop(void *user_data) { ((struct log *)user_data)->drops++; }

static void log_and_drop(void) {
    struct log first = {.thread = pthread_self()}, second = first, third = first;
    ocireg_service *service = new_service();
    OK(ocireg_service_set_log(service, 4, on_record, &first, on_log_drop, &error));
    pull(service, NULL, "logged");
    CHECK(first.records > 3 && first.drops == 0 && first.least >= 1 && first.most == 4);
    /* Replacing ends the old one; a wrong level, and no function, end their own data at once. */
    OK(ocireg_service_set_log(service, 1, on_record, &second, on_log_drop, &error));
    CHECK(first.drops == 1);
    CHECK(ocireg_service_set_log(service, 6, on_record, &third, on_log_drop, &error) == OCIREG_INVALID_ARGUMENT);
    ocireg_error_free(error);
    error = NULL;
    CHECK(third.drops == 1 && second.drops == 0);
    pull(service, NULL, "silent");
    CHECK(second.records == 0 && first.records > 0);
    OK(ocireg_service_set_log(service, 5, NULL, &third, on_log_drop, &error));
    CHECK(second.drops == 1 && third.drops == 2);
    CHECK(ocireg_service_set_log(NULL, 5, on_record, &third, on_log_drop, NULL) == OCIREG_INVALID_ARGUMENT);
    CHECK(third.drops == 3);
    /* What was made from a service goes on logging when the service is gone, and ends the log. */
    struct log last = {.thread = pthread_self()};
    OK(ocireg_service_set_log(service, 5, on_record, &last, on_log_drop, &error));
    ocireg_session *session = open_session(service, registry);
    ocireg_service_free(service);
    int seen = last.records;
    char *json;
    OK(ocireg_session_ping(session, NULL, &json, &error));
    ocireg_string_free(json);
    CHECK(last.records > seen && last.drops == 0);
    ocireg_session_free(session);
    CHECK(last.drops == 1);
}

/* --- readers ----------------------------------------------------------------------------------------------------- */

static void reader_goes_on_after_cancel(void) {
    static uint8_t buffer[256 << 10];
    ocireg_service *service = new_service();
    ocireg_session *session = open_session(service, registry);
    ocireg_reader *reader;
    ocireg_context *context;
    size_t count = 1, total = 0;
    OK(ocireg_session_open_blob(session, NULL, layer(session), 0, NULL, &reader, &error));
    ocireg_session_free(session); /* the reader holds what it needs */
    ocireg_service_free(service);
    int64_t size = ocireg_reader_size(reader);
    CHECK(size > 1 << 20);
    OK(ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, &error));
    total += count;
    OK(ocireg_context_new(&context, &error));
    ocireg_context_cancel(context);
    EXPECT(OCIREG_CANCELLED, ocireg_reader_read(reader, context, buffer, sizeof buffer, &count, &error));
    CHECK(count == 0);
    EXPECT(OCIREG_INVALID_ARGUMENT, ocireg_reader_read(reader, NULL, buffer, 0, &count, &error));
    do {
        OK(ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, &error));
        total += count;
    } while (count != 0);
    CHECK(total == (size_t)size);
    OK(ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, &error));
    CHECK(count == 0);
    ocireg_reader_free(reader);
    ocireg_context_free(context);
}

/* --- layers ------------------------------------------------------------------------------------------------------ */

/* The digest of the first layer of tree:latest, whose layers are archives. */
static const char *tree_layer(ocireg_session *session) {
    static char digest[72];
    uint8_t *data;
    size_t size;
    OK(ocireg_session_get_manifest(session, NULL, NULL, NULL, NULL, &data, &size, &error));
    char *text = strndup((const char *)data, size), *found;
    OK(ocireg_json_get(text, "/layers/0/digest", &found, &error));
    snprintf(digest, sizeof digest, "%s", found);
    ocireg_string_free(found);
    free(text);
    ocireg_bytes_free(data);
    return digest;
}

static size_t read_all(ocireg_session *session, const char *options) {
    static uint8_t buffer[64 << 10];
    ocireg_reader *reader;
    size_t count = 1, total = 0;
    OK(ocireg_session_open_blob(session, NULL, tree_layer(session), 0, options, &reader, &error));
    while (count != 0) {
        OK(ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, &error));
        total += count;
    }
    OK(ocireg_reader_verify(reader, NULL, &error));
    ocireg_reader_free(reader);
    return total;
}

static void layers_are_read(void) {
    ocireg_service *service = new_service();
    ocireg_session *session;
    OK(ocireg_session_open(service, NULL, format("%s/tree:latest", registry), NULL, &session, &error));
    CHECK(read_all(session, "{\"decompress\": true}") > read_all(session, NULL));
    /* What comes out is something else: the first read, or one of the next, says so. */
    ocireg_reader *reader;
    uint8_t buffer[4096];
    size_t count = 1;
    int32_t code = OCIREG_OK;
    OK(ocireg_session_open_blob(session, NULL, tree_layer(session), 0,
                                "{\"decompress\": true, \"diff_id\": "
                                "\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
                                &reader, &error));
    while (code == OCIREG_OK && count != 0) {
        code = ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, NULL);
    }
    CHECK(code == OCIREG_DIGEST_MISMATCH);
    ocireg_reader_free(reader); /* while the error is the reader's last word */
    OK(ocireg_session_open_blob(session, NULL, tree_layer(session), 0, "{\"decompress\": true}", &reader, &error));
    OK(ocireg_reader_read(reader, NULL, buffer, 1, &count, &error));
    ocireg_reader_free(reader); /* in the middle */
    ocireg_session_free(session);
    ocireg_service_free(service);
}

static void images_are_unpacked(void) {
    ocireg_service *service = new_service();
    ocireg_context *context;
    char *report, *entries, *source = strdup(format("%s/tree:latest", registry)), *root = strdup(format("%s/root", directory));
    OK(ocireg_context_new(&context, &error));
    ocireg_context_cancel(context);
    EXPECT(OCIREG_CANCELLED, ocireg_unpack(service, context, source, root, NULL, &report, &error));
    CHECK(report == NULL && access(root, F_OK) != 0);
    OK(ocireg_unpack(service, NULL, source, root, NULL, &report, &error));
    OK(ocireg_json_get(report, "/entries", &entries, &error));
    CHECK(atoi(entries) > 0);
    ocireg_string_free(entries);
    ocireg_string_free(report);
    EXPECT(OCIREG_INVALID_ARGUMENT, ocireg_unpack(service, NULL, source, root, NULL, &report, &error));
    EXPECT(OCIREG_INVALID_JSON, ocireg_unpack(service, NULL, source, root, "{\"uid_map\": 1}", &report, &error));
    ocireg_context_free(context);
    ocireg_service_free(service);
    free(source);
    free(root);
}

static void *drain(void *argument) {
    static char buffer[64 << 10];
    size_t *total = argument;
    int from = (int)*total;
    ssize_t count;
    *total = 0;
    while ((count = read(from, buffer, sizeof buffer)) > 0) *total += (size_t)count;
    CHECK(count == 0);
    close(from);
    return NULL;
}

static void images_are_exported(void) {
    ocireg_service *service = new_service();
    ocireg_session *session;
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    size_t total = (size_t)ends[0];
    char *report, *source = strdup(format("%s/tree:latest", registry));
    pthread_t thread = begin(drain, &total);
    OK(ocireg_export(service, NULL, source, ends[1], NULL, &report, &error));
    CHECK((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);
    close(ends[1]);
    CHECK(pthread_join(thread, NULL) == 0 && total >= 1024 && total % 512 == 0);
    ocireg_string_free(report);
    EXPECT(OCIREG_INVALID_ARGUMENT, ocireg_export(service, NULL, source, -1, NULL, &report, &error));
    /* A blob into a file, and from there as another. */
    char *path = strdup(format("%s/blob", directory)), *descriptor;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    OK(ocireg_session_open(service, NULL, source, "{\"actions\": [\"pull\", \"push\"]}", &session, &error));
    OK(ocireg_session_get_blob_fd(session, NULL, tree_layer(session), file, NULL, &descriptor, &error));
    ocireg_string_free(descriptor);
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    OK(ocireg_session_put_blob_fd(session, NULL, file, NULL, &descriptor, &error));
    ocireg_string_free(descriptor);
    EXPECT(OCIREG_INVALID_ARGUMENT, ocireg_session_get_blob_fd(session, NULL, tree_layer(session), -1, NULL, NULL, &error));
    close(file);
    ocireg_session_free(session);
    ocireg_service_free(service);
    free(source);
    free(path);
}

static void *read_parts(void *argument) {
    const ocireg_blob *blob = argument;
    uint8_t part[1000];
    ocireg_error *failure = NULL;
    for (uint64_t at = 0; at < 100000; at += 9999) {
        size_t count = 0;
        CHECK(ocireg_blob_read_at(blob, NULL, at, part, sizeof part, &count, &failure) == OCIREG_OK && count == sizeof part);
    }
    return NULL;
}

static void blobs_are_files(void) {
    ocireg_service *service = new_service();
    ocireg_session *session = open_session(service, registry);
    ocireg_blob *blob;
    OK(ocireg_session_blob(session, layer(session), NULL, &blob, &error));
    ocireg_session_free(session); /* the blob holds what it needs */
    ocireg_service_free(service);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = begin(read_parts, blob);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    int64_t size = ocireg_blob_size(blob);
    CHECK(size > 1 << 20);
    uint8_t end[10];
    size_t count = 1;
    OK(ocireg_blob_read_at(blob, NULL, (uint64_t)size - 4, end, sizeof end, &count, &error));
    CHECK(count == 4);
    OK(ocireg_blob_read_at(blob, NULL, UINT64_MAX, end, sizeof end, &count, &error));
    CHECK(count == 0);
    ocireg_blob_free(blob);
}

struct asked {
    int times, drops, answers;
};

static int32_t on_credentials(void *user_data, const char *request, ocireg_answer *answer) {
    struct asked *asked = user_data;
    ocireg_error *failure = NULL;
    CHECK(strstr(request, "\"host\"") != NULL);
    asked->times++;
    if (asked->answers == 0) return 1;
    CHECK(ocireg_answer_credentials(answer, "{", &failure) == OCIREG_INVALID_JSON && failure != NULL);
    ocireg_error_free(failure);
    /* The last answer counts. */
    CHECK(ocireg_answer_credentials(answer, "{\"username\": \"user\", \"password\": \"wrong\"}", NULL) == OCIREG_OK);
    CHECK(ocireg_answer_credentials(answer, "{\"username\": \"user\", \"password\": \"secret\"}", NULL) == OCIREG_OK);
    return 0;
}

static void on_credentials_drop(void *user_data) {
    ((struct asked *)user_data)->drops++;
}

static void credentials_come_from_the_program(void) {
    struct server server = server_start(LOGIN);
    struct asked refuses = {0}, gives = {.answers = 1};
    ocireg_service *service = new_service();
    ocireg_session *session;
    char *json;
    OK(ocireg_service_set_credentials(service, on_credentials, &refuses, on_credentials_drop, &error));
    EXPECT(OCIREG_CREDENTIALS, ocireg_session_open(service, NULL, format("%s/app", server.address), NULL, &session, &error));
    OK(ocireg_service_set_credentials(service, on_credentials, &gives, on_credentials_drop, &error));
    CHECK(refuses.times > 0 && refuses.drops == 1);
    OK(ocireg_session_open(service, NULL, format("%s/app", server.address), NULL, &session, &error));
    OK(ocireg_session_ping(session, NULL, &json, &error));
    ocireg_string_free(json);
    CHECK(gives.times > 0 && gives.drops == 0);
    OK(ocireg_session_authorize(session, NULL, "GET", "tags/list", NULL, &json, &error));
    CHECK(strstr(json, "Basic dXNlcjpzZWNyZXQ=") != NULL);
    ocireg_string_free(json);
    ocireg_service_free(service);
    CHECK(gives.drops == 0); /* the session may still ask */
    ocireg_session_free(session);
    CHECK(gives.drops == 1);
    server_stop(&server);
}

/* --- memory, handles, threads ------------------------------------------------------------------------------------ */

static void *read_error(void *argument) {
    ocireg_error *made = argument;
    CHECK(ocireg_error_code(made) == OCIREG_INVALID_REFERENCE);
    CHECK(strlen(ocireg_error_message(made)) > 0 && strchr(ocireg_error_message(made), '\n') == NULL);
    CHECK(strstr(ocireg_error_json(made), "\"name\":\"INVALID_REFERENCE\"") != NULL);
    ocireg_error_free(made);
    return NULL;
}

static void error_on_another_thread(void) {
    ocireg_error *made = NULL;
    char *json;
    CHECK(ocireg_parse_reference("UPPER/case", &json, &made) == OCIREG_INVALID_REFERENCE && json == NULL);
    ocireg_error *other = NULL; /* an error of its own does not disturb the first */
    CHECK(ocireg_parse_reference(NULL, &json, &other) == OCIREG_INVALID_ARGUMENT);
    CHECK(pthread_join(begin(read_error, made), NULL) == 0);
    ocireg_error_free(other);
}

static void frees_in_any_order(void) {
    for (int order = 0; order < 6; order++) {
        static uint8_t buffer[4096];
        ocireg_service *service = new_service();
        ocireg_session *session = open_session(service, registry), *other;
        ocireg_reader *reader;
        size_t count;
        OK(ocireg_session_open_blob(session, NULL, layer(session), 0, NULL, &reader, &error));
        OK(ocireg_session_repository(session, "big", &other, &error));
        for (int step = 0; step < 3; step++) {
            switch ((order + (order < 3 ? step : 5 - step)) % 3) {
                case 0: ocireg_service_free(service); break;
                case 1: ocireg_session_free(session); break;
                case 2:
                    OK(ocireg_reader_read(reader, NULL, buffer, sizeof buffer, &count, &error));
                    CHECK(count > 0);
                    ocireg_reader_free(reader);
                    break;
            }
        }
        char *json;
        OK(ocireg_session_list_tags(other, NULL, NULL, &json, &error));
        CHECK(strstr(json, "latest") != NULL);
        ocireg_string_free(json);
        ocireg_session_free(other);
    }
}

static void freed_while_running(void) {
    struct server server = server_start(HEADER);
    struct job job = {.service = new_service()};
    job.session = open_session(job.service, server.address);
    OK(ocireg_context_new(&job.context, &error));
    pthread_t thread = begin(run_job, &job);
    sleep_ms(200);
    int64_t start = now_ms();
    ocireg_session_free(job.session);
    ocireg_service_free(job.service);
    CHECK(now_ms() - start < 50); /* freeing never waits for the call */
    ocireg_context_cancel(job.context);
    CHECK(pthread_join(thread, NULL) == 0 && job.code == OCIREG_CANCELLED);
    ocireg_error_free(job.error);
    ocireg_context_free(job.context);
    server_stop(&server);
}

/* A second free does nothing, as far as the magic number tells; so does a free of something else. */
static void freed_twice(void) {
    ocireg_service *service = new_service();
    ocireg_context *context;
    char *json;
    OK(ocireg_context_new(&context, &error));
    ocireg_service_free((ocireg_service *)context);
    ocireg_context_free((ocireg_context *)service);
    OK(ocireg_service_config(service, &json, &error));
    ocireg_string_free(json);
    ocireg_context_set_timeout(context, 1);
    ocireg_context_free(context);
    ocireg_context_free(context);
    ocireg_service_free(service);
    ocireg_service_free(service);
    EXPECT(OCIREG_INVALID_HANDLE, ocireg_service_config(service, &json, &error));
    CHECK(json == NULL);
}

static void *pull_many(void *argument) {
    ocireg_service *service = argument;
    ocireg_session *session = NULL;
    ocireg_error *failure = NULL;
    char *json;
    for (int i = 0; i < 5; i++) {
        CHECK(ocireg_session_open(service, NULL, format("%s/big:latest", registry), NULL, &session, &failure) == 0);
        CHECK(ocireg_session_list_tags(session, NULL, NULL, &json, &failure) == 0);
        ocireg_string_free(json);
        CHECK(ocireg_session_head_manifest(session, NULL, NULL, NULL, &json, &failure) == 0);
        ocireg_string_free(json);
        ocireg_session_free(session);
    }
    return NULL;
}

static void one_service_on_many_threads(void) {
    ocireg_service *service = new_service();
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) threads[i] = begin(pull_many, service);
    for (int i = 0; i < 8; i++) {
        OK(ocireg_service_replace_config(service, "{\"insecure-registries\": [\"10.0.0.0/8\"]}", &error));
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    ocireg_service_free(service);
}

/* --- manners in a process ---------------------------------------------------------------------------------------- */

static int descriptors_before[256];

static int32_t check_descriptors(void *user_data, uint64_t done, uint64_t total, const char *event) {
    (void)done, (void)total, (void)event;
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || descriptors_before[fd]) continue;
        if (!(flags & FD_CLOEXEC)) {
            char link[64], target[256] = "";
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            CHECK(readlink(link, target, sizeof target - 1) > 0);
            fprintf(stderr, "a child would inherit %s\n", target);
            exit(1);
        }
        ++*(int *)user_data;
    }
    return 0;
}

/* Descriptors, threads, environment, signals: all as it was. */
static void leaves_no_trace(void) {
    struct sigaction before[65], after;
    sigset_t mask, mask_after;
    int files = entries("/proc/self/fd"), seen = 0, variables = 0;
    for (int fd = 0; fd < 256; fd++) descriptors_before[fd] = fcntl(fd, F_GETFD) >= 0;
    for (int number = 1; number <= 64; number++) sigaction(number, NULL, &before[number]);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    while (environ[variables] != NULL) variables++;
    char **environment = environ, *copies[variables];
    for (int i = 0; i < variables; i++) copies[i] = strdup(environ[i]);
    int tasks = entries("/proc/self/task");

    for (int i = 0; i < 3; i++) {
        ocireg_service *service = new_service();
        ocireg_context *context;
        OK(ocireg_context_new(&context, &error));
        ocireg_context_set_progress(context, check_descriptors, &seen, NULL);
        pull(service, context, i == 0 ? "trace" : "trace-again");
        CHECK(entries("/proc/self/task") == tasks);
        EXPECT(OCIREG_NOT_FOUND, ocireg_inspect(service, context, format("%s/nothing/here:1", registry), NULL,
                                                &(char *){NULL}, &error));
        ocireg_context_free(context);
        ocireg_service_free(service);
    }
    CHECK(seen > 0);
    CHECK(entries("/proc/self/fd") == files);
    CHECK(entries("/proc/self/task") == tasks);
    for (int number = 1; number <= 64; number++) {
        CHECK(sigaction(number, NULL, &after) != 0 || (after.sa_handler == before[number].sa_handler &&
                                                       after.sa_flags == before[number].sa_flags));
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int number = 1; number <= 64; number++) {
        CHECK(sigismember(&mask, number) == sigismember(&mask_after, number));
    }
    CHECK(environ == environment && environ[variables] == NULL);
    for (int i = 0; i < variables; i++) {
        CHECK(strcmp(environ[i], copies[i]) == 0);
        free(copies[i]);
    }
}

static void on_storm(int number) {
    (void)number;
    alarms++;
}

/* A timer every millisecond, without SA_RESTART: every system call is interrupted. */
static void signal_storm(void) {
    struct sigaction action = {.sa_handler = on_storm};
    struct itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    ocireg_service *service = new_service();
    pull(service, NULL, "storm");
    ocireg_service_free(service);
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(alarms > 10);
}

/* SIGPIPE is at its default, which ends the process: a registry that resets connections must not raise it. */
static void sigpipe(void) {
    struct server server = server_start(RESET);
    ocireg_service *service;
    ocireg_session *session;
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    OK(ocireg_service_new("{\"retry\": {\"max-attempts\": 2, \"initial-ms\": 1}}", &service, &error));
    for (int i = 0; i < 20; i++) {
        char *json;
        int32_t code = ocireg_session_open(service, NULL, format("%s/x:y", server.address), NULL, &session, &error);
        if (code == OCIREG_OK) code = ocireg_session_list_tags(session, NULL, NULL, &json, &error);
        CHECK(code >= OCIREG_NAME_NOT_RESOLVED && code < OCIREG_UNAUTHORIZED);
        ocireg_error_free(error);
        error = NULL;
        ocireg_session_free(session);
    }
    ocireg_service_free(service);
    server_stop(&server);
}

/* A child inherits handles: they work in both processes, and ending the child's does not disturb the parent's. */
static void fork_then_use(void) {
    ocireg_service *service = new_service();
    ocireg_session *session = open_session(service, registry);
    char *json;
    OK(ocireg_session_list_tags(session, NULL, NULL, &json, &error));
    ocireg_string_free(json);
    for (int round = 0; round < 2; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(20);
            OK(ocireg_session_list_tags(session, NULL, NULL, &json, &error));
            ocireg_string_free(json);
            pull(service, NULL, round == 0 ? "child-0" : "child-1");
            ocireg_session_free(session);
            ocireg_service_free(service);
            _exit(0);
        }
        OK(ocireg_session_head_manifest(session, NULL, NULL, NULL, &json, &error));
        ocireg_string_free(json);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        OK(ocireg_session_list_tags(session, NULL, NULL, &json, &error));
        ocireg_string_free(json);
    }
    ocireg_session_free(session);
    ocireg_service_free(service);
}

/* Another copy of the library in the same process: each keeps to its own handles. */
static void two_copies(void) {
    Dl_info info;
    CHECK(dladdr((void *)(uintptr_t)ocireg_version, &info) != 0);
    const char *copy = format("%s/libother.so", directory);
    char command[2048];
    snprintf(command, sizeof command, "cp -L '%s' '%s'", info.dli_fname, copy);
    CHECK(system(command) == 0);
    void *library = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    int32_t (*service_new)(const char *, ocireg_service **, ocireg_error **);
    int32_t (*inspect)(const ocireg_service *, const ocireg_context *, const char *, const char *, char **, ocireg_error **);
    void (*service_free)(ocireg_service *);
    void (*string_free)(char *);
    *(void **)&service_new = dlsym(library, "ocireg_service_new");
    *(void **)&inspect = dlsym(library, "ocireg_inspect");
    *(void **)&service_free = dlsym(library, "ocireg_service_free");
    *(void **)&string_free = dlsym(library, "ocireg_string_free");
    CHECK(service_new != NULL && service_new != ocireg_service_new);
    ocireg_service *ours = new_service(), *theirs;
    const char *reference = format("%s/big:latest", registry);
    char *one, *two;
    OK(service_new("{}", &theirs, &error));
    OK(ocireg_inspect(ours, NULL, reference, NULL, &one, &error));
    OK(inspect(theirs, NULL, reference, NULL, &two, &error));
    CHECK(strcmp(one, two) == 0);
    ocireg_string_free(one);
    string_free(two);
    service_free(theirs);
    dlclose(library); /* it stays mapped: its thread-locals are still to end with this thread */
    ocireg_service_free(ours);
}

/* --- a handle used by two at once -------------------------------------------------------------------------------- */

static ocireg_reader *read_now;
static int refused;

/* On the thread that reads, which must not wait for itself. */
static int32_t reads_again(void *user_data, uint64_t done, uint64_t total, const char *event) {
    uint8_t byte;
    size_t count = 7;
    (void)user_data, (void)done, (void)total, (void)event;
    EXPECT(OCIREG_BUSY, ocireg_reader_read(read_now, NULL, &byte, 1, &count, &error));
    CHECK(count == 0);
    EXPECT(OCIREG_BUSY, ocireg_reader_verify(read_now, NULL, &error));
    CHECK(ocireg_reader_size(read_now) == -1);
    refused++;
    return 1;
}

static void reader_is_busy(void) {
    struct server server = server_start(BODY);
    ocireg_service *service = new_service();
    ocireg_session *session = open_session(service, server.address);
    ocireg_context *context;
    OK(ocireg_context_new(&context, &error));
    OK(ocireg_session_open_blob(session, context, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0,
                                NULL, &read_now, &error));
    ocireg_context_set_progress(context, reads_again, NULL, NULL);
    EXPECT(OCIREG_CANCELLED, ocireg_reader_verify(read_now, context, &error));
    CHECK(refused == 1 && ocireg_reader_size(read_now) == 100000);
    ocireg_reader_free(read_now);
    ocireg_context_free(context);
    ocireg_session_free(session);
    ocireg_service_free(service);
    server_stop(&server);
}

/* --- the working directory --------------------------------------------------------------------------------------- */

static int32_t leaves(void *user_data, uint64_t done, uint64_t total, const char *event) {
    (void)user_data, (void)done, (void)total, (void)event;
    CHECK(chdir("/") == 0);
    return 0;
}

static void directory_changes(void) {
    ocireg_service *service = new_service();
    ocireg_context *context;
    OK(ocireg_context_new(&context, &error));
    ocireg_context_set_progress(context, leaves, NULL, NULL);
    CHECK(chdir(directory) == 0);
    OK(ocireg_pull(service, context, format("docker://%s/big:latest", registry), "oci:relative", NULL, NULL, &error));
    CHECK(access("relative", F_OK) != 0 && access(format("%s/relative/index.json", directory), F_OK) == 0);
    ocireg_context_free(context);
    ocireg_service_free(service);
}

/* --- stacks that are set aside ----------------------------------------------------------------------------------- */

/* What is above a callback on the stack, up to the call: a host with coroutines may copy it away and use the place for
 * another stack until the callback goes on. */
static char *call_frame;
static int set_aside;

__attribute__((noinline)) static void use_the_place(char *low, char *high) {
    size_t size = (size_t)(high - low);
    char *copy = malloc(size);
    CHECK(copy != NULL && size > 100 && size < 256 << 10);
    memcpy(copy, low, size);
    memset(low, 0xa5, size);
    sleep_ms(30);
    memcpy(low, copy, size);
    free(copy);
    set_aside++;
}

__attribute__((noinline)) static int32_t yields(void *user_data, uint64_t done, uint64_t total, const char *event) {
    (void)user_data, (void)done, (void)total, (void)event;
    use_the_place(__builtin_frame_address(0), call_frame);
    return 0;
}

__attribute__((noinline)) static int32_t pull_below(ocireg_service *service, ocireg_context *context, int number) {
    call_frame = __builtin_frame_address(0);
    char destination[512];
    snprintf(destination, sizeof destination, "oci:%s/%d", directory, number);
    return ocireg_pull(service, context, format("docker://%s/big:latest", registry), destination, NULL, NULL, &error);
}

static void stack_set_aside_in_a_callback(void) {
    ocireg_service *service = new_service();
    ocireg_context *context;
    OK(ocireg_context_new(&context, &error));
    ocireg_context_set_progress(context, yields, NULL, NULL);
    for (int i = 0; i < 5; i++) OK(pull_below(service, context, i));
    CHECK(set_aside > 10);
    ocireg_context_free(context);
    ocireg_service_free(service);
}

/* ----------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE(name) {#name, name}
    CASE(cancel_thread), CASE(cancel_signal), CASE(pthread_cancel_in_a_call), CASE(deadline), CASE(deadline_counts_from_set), CASE(errno_is_kept),
    CASE(progress_and_drop), CASE(log_and_drop), CASE(progress_ticks), CASE(reader_goes_on_after_cancel), CASE(error_on_another_thread),
    CASE(frees_in_any_order), CASE(freed_while_running), CASE(freed_twice), CASE(one_service_on_many_threads),
    CASE(leaves_no_trace), CASE(signal_storm), CASE(sigpipe), CASE(fork_then_use), CASE(two_copies),
    CASE(stack_set_aside_in_a_callback), CASE(reader_is_busy), CASE(directory_changes),
    CASE(layers_are_read), CASE(images_are_unpacked), CASE(images_are_exported), CASE(blobs_are_files),
    CASE(credentials_come_from_the_program),
};

static void *run_case(void *argument) {
    (*(void (**)(void))argument)();
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) puts(cases[i].name);
        return 0;
    }
    CHECK(argc == 4);
    registry = argv[2];
    directory = argv[3];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i].name, argv[1]) != 0) continue;
        void (*run)(void) = cases[i].run;
        CHECK(pthread_join(begin(run_case, &run), NULL) == 0);
        return 0;
    }
    fprintf(stderr, "no case %s\n", argv[1]);
    return 1;
}
