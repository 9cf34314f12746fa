/* A registry that misbehaves, in a process of its own: it leaves no thread or descriptor in the process under test. */

#ifndef SERVER_H
#define SERVER_H

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum mode {
    FULL,   /* the queue of connections is full: connecting waits */
    SILENT, /* accepts and says nothing: the TLS handshake waits */
    /* These close TLS connections at once, and answer http://…/v2/. Everything else: */
    HEADER, /* gets no answer */
    BODY,   /* gets the head and the first bytes of its answer */
    RETRY,  /* is asked to come again in half a minute */
    LOGIN,  /* needs a user name and a password, also at http://…/v2/ */
    RESET   /* is answered, and the connection is reset */
};

struct server {
    pid_t pid;
    char address[32]; /* HOST:PORT */
};

static inline void say(int peer, const char *text) {
    size_t size = strlen(text);
    if (send(peer, text, size, MSG_NOSIGNAL) != (ssize_t)size) _exit(0);
}

static inline void serve(int peer, enum mode mode) {
    char request[8192];
    size_t got = 0;
    for (;;) {
        ssize_t read = mode == SILENT ? 0 : recv(peer, request + got, sizeof request - 1 - got, 0);
        if (mode == SILENT) for (;;) pause();
        if (read <= 0 || request[0] == 0x16) _exit(0);
        got += (size_t)read;
        request[got] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL) continue;
        got = 0;
        if (mode == LOGIN && strstr(request, "uthorization: Basic dXNlcjpzZWNyZXQ=\r\n") == NULL) {
            say(peer, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\r\n");
        } else if (strncmp(request, "GET /v2/ ", 9) == 0) {
            say(peer, "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"
                      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        } else if (mode == HEADER) {
            for (;;) pause();
        } else if (mode == BODY) {
            say(peer, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
                      "Content-Length: 100000\r\n\r\n{\"schemaVersion\":2,");
            for (;;) pause();
        } else if (mode == RETRY) {
            say(peer, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n");
        }
        if (mode == RESET) {
            struct linger now = {1, 0};
            setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            close(peer);
            _exit(0);
        }
    }
}

static inline struct server server_start(enum mode mode) {
    struct server server;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(listener, mode == FULL ? 0 : 64) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(server.address, sizeof server.address, "127.0.0.1:%d", ntohs(address.sin_port));
    int ready[2];
    CHECK(pipe(ready) == 0);
    server.pid = fork();
    CHECK(server.pid >= 0);
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_IGN);
        if (mode == FULL) {
            for (int i = 0; i < 4; i++) {
                int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                connect(filler, (struct sockaddr *)&address, size);
            }
            sleep_ms(50);
        }
        if (write(ready[1], "!", 1) != 1) _exit(1);
        if (mode == FULL) for (;;) pause();
        for (;;) {
            int peer = accept(listener, NULL, NULL);
            if (peer < 0) continue;
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(listener);
                serve(peer, mode);
            }
            close(peer);
        }
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    close(listener);
    return server;
}

static inline void server_stop(struct server *server) {
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

#endif
