/* Interposes getaddrinfo (LD_PRELOAD): waits OCIREG_SLOW_DNS_MS before it answers, and answers names in
 * OCIREG_DNS_MAP ("evil.test=127.0.0.1,other.test=127.0.0.2") by the addresses given there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
    getaddrinfo_fn *next = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *wait = getenv("OCIREG_SLOW_DNS_MS");
    const char *map = getenv("OCIREG_DNS_MAP");
    char address[64];

    if (!next)
        return EAI_SYSTEM;
    if (wait && node) {
        long ms = atol(wait);
        struct timespec left = { ms / 1000, (ms % 1000) * 1000000L };
        /* A signal does not shorten the real one either. */
        while (nanosleep(&left, &left) == -1 && errno == EINTR)
            ;
    }
    while (map && node && *map) {
        size_t len = strcspn(map, ",");
        size_t name = strcspn(map, "=");
        if (name < len && name == strlen(node) && !strncmp(map, node, name) && len - name <= sizeof address) {
            memcpy(address, map + name + 1, len - name - 1);
            address[len - name - 1] = '\0';
            node = address;
            break;
        }
        map += len + (map[len] == ',');
    }
    return next(node, service, hints, res);
}
