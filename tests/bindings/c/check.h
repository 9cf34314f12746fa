/* What the C tests share: checks that end the process with a line that says what went wrong, and the clock. */

#ifndef CHECK_H
#define CHECK_H

#include <ocireg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);       \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

/* The call gives this code; its error goes away. */
#define EXPECT(expected, call) expect(__FILE__, __LINE__, #call, expected, call, &error)

/* The call succeeds. */
#define OK(call) EXPECT(OCIREG_OK, call)

static inline void expect(const char *file, int line, const char *text, int32_t expected, int32_t code,
                          ocireg_error **error) {
    if (code != expected || (code == OCIREG_OK) != (*error == NULL) || ocireg_error_code(*error) != code) {
        fprintf(stderr, "%s:%d: %s gives %s instead of %s: %s\n", file, line, text, ocireg_code_name(code),
                ocireg_code_name(expected), ocireg_error_json(*error));
        exit(1);
    }
    ocireg_error_free(*error);
    *error = NULL;
}

static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {}
}

#endif
