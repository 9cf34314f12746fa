/* Made by bindings/gen from src/ffi: do not edit. OCIREG_UPDATE=1 cargo test --test generated makes it anew. */

/*
 * ocireg: a client for container registries.
 *
 * Link with the flags that `pkg-config --cflags --libs ocireg` prints.
 *
 * Pull an image into an OCI layout:
 *
 *     #include <ocireg.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         ocireg_service *service = NULL;
 *         ocireg_error *error = NULL;
 *         char *report = NULL;
 *         int32_t code = ocireg_service_new("{}", &service, &error);
 *         if (code == OCIREG_OK)
 *             code = ocireg_pull(service, NULL, "alpine:3.20", "oci:images:alpine", NULL, &report, &error);
 *         if (code == OCIREG_OK)
 *             puts(report);
 *         else
 *             fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_error_message(error));
 *         ocireg_string_free(report);
 *         ocireg_error_free(error);
 *         ocireg_service_free(service);
 *         return code != OCIREG_OK;
 *     }
 *
 * Errors: a function that can fail returns OCIREG_OK (0) or an error code, and stores an ocireg_error in its last
 * parameter unless that is NULL. The caller owns the error: free it with ocireg_error_free(). There is no thread-local
 * last error. Each function lists the codes that have a particular meaning there. In addition,
 *   - each function may return OCIREG_INVALID_ARGUMENT (a required pointer is NULL, or a value is not valid),
 *     OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON (malformed JSON, or an unknown option), and
 *     OCIREG_INTERNAL or OCIREG_PANIC, which you should report;
 *   - a function that takes a context may return OCIREG_CANCELLED or OCIREG_DEADLINE;
 *   - a function that uses the network may return the codes from 40 to 49 (the connection failed or is not allowed),
 *     from 60 to 63 (credentials) and from 80 to 85 (the registry's answer).
 * ocireg_error_retryable() says whether it makes sense to try again, ocireg_error_hint() what the user can do.
 *
 * Ownership: the library copies every string that you pass. It sets outputs to NULL, 0 or -1 before it starts, and the
 * caller owns what it returns: free strings with ocireg_string_free(), bytes with ocireg_bytes_free(), and each handle
 * with the function of its type that ends in _free(). Freeing NULL does nothing. Handles may be freed in any order, but
 * free a context only when the calls under it have returned. The strings of an ocireg_error belong to the error.
 *
 * Threads: calls block the calling thread. A handle that a function takes as const may be used from several threads at
 * once; any other handle from one thread at a time. To set a deadline, cancel a call or follow its progress, pass an
 * ocireg_context.
 *
 * Strings are UTF-8 and end with a NUL byte. Options and results are JSON objects; an unknown option is an error.
 * ocireg_json_get() reads results in programs that have no JSON parser.
 *
 * A reference names an image in a registry: [HOST[:PORT]/]PATH[:TAG][@DIGEST]. A location is where an image is read
 * from or written to: docker://REFERENCE for a registry, oci:DIR[:NAME] for an OCI layout in a directory.
 */

#ifndef OCIREG_H
#define OCIREG_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; ocireg_version_number() is that of the library. */
#define OCIREG_VERSION_MAJOR 0
#define OCIREG_VERSION_MINOR 1
#define OCIREG_VERSION_PATCH 0
#define OCIREG_VERSION_STRING "0.1.0"
#define OCIREG_VERSION_NUMBER 256

/* What functions return: 0, or why they failed. Numbers never change; new ones may come. */
#define OCIREG_OK 0
/* An argument or option is not valid. */
#define OCIREG_INVALID_ARGUMENT 1
/* An argument is not valid UTF-8. */
#define OCIREG_INVALID_UTF8 2
/* A handle is of the wrong type or has been freed. */
#define OCIREG_INVALID_HANDLE 3
/* An argument is not the JSON that the function expects. */
#define OCIREG_INVALID_JSON 4
/* An image reference or repository name is not valid. */
#define OCIREG_INVALID_REFERENCE 5
/* A digest is not valid. */
#define OCIREG_INVALID_DIGEST 6
/* The configuration contains a value that is not valid. */
#define OCIREG_INVALID_CONFIG 7
/* The registry or this version of ocireg does not support this. */
#define OCIREG_UNSUPPORTED 8
/* Another thread is using the handle. */
#define OCIREG_BUSY 9
/* The call was cancelled. */
#define OCIREG_CANCELLED 20
/* The deadline of the call has passed. */
#define OCIREG_DEADLINE 21
/* A host name could not be resolved to an address. */
#define OCIREG_NAME_NOT_RESOLVED 40
/* The connection to the server failed. */
#define OCIREG_CONNECT 41
/* The TLS handshake failed. */
#define OCIREG_TLS 42
/* The server's certificate is not trusted. */
#define OCIREG_CERTIFICATE 43
/* The server took too long to answer. */
#define OCIREG_TIMEOUT 44
/* The connection ended before the transfer was complete. */
#define OCIREG_DISCONNECTED 45
/* The proxy refused the connection or could not be used. */
#define OCIREG_PROXY 46
/* A redirect could not be followed. */
#define OCIREG_REDIRECT 47
/* The server sent an invalid response. */
#define OCIREG_PROTOCOL 48
/* A security rule of ocireg forbids this address. */
#define OCIREG_POLICY 49
/* The registry requires valid credentials. */
#define OCIREG_UNAUTHORIZED 60
/* The credentials do not allow this operation. */
#define OCIREG_DENIED 61
/* The configured credentials cannot be used. */
#define OCIREG_CREDENTIALS 62
/* A credential helper failed. */
#define OCIREG_CREDENTIAL_HELPER 63
/* The requested object does not exist. */
#define OCIREG_NOT_FOUND 80
/* The object to be created already exists. */
#define OCIREG_ALREADY_EXISTS 81
/* The registry has received too many requests. */
#define OCIREG_RATE_LIMITED 82
/* The registry reported a server error. */
#define OCIREG_SERVER 83
/* The registry rejected the request. */
#define OCIREG_REJECTED 84
/* Somebody else changed the content in the meantime. */
#define OCIREG_CONFLICT 85
/* The content does not have the expected digest. */
#define OCIREG_DIGEST_MISMATCH 100
/* The content does not have the expected size. */
#define OCIREG_SIZE_MISMATCH 101
/* A manifest or image configuration is not valid. */
#define OCIREG_INVALID_MANIFEST 102
/* The content exceeds a configured limit. */
#define OCIREG_LIMIT 103
/* The image is not available for the requested platform. */
#define OCIREG_NO_PLATFORM 104
/* A local file or system resource could not be used. */
#define OCIREG_IO 120
/* There is no space left on the device. */
#define OCIREG_NO_SPACE 121
/* The operating system denied access to a file. */
#define OCIREG_PERMISSION 122
/* A local file changed while it was being read. */
#define OCIREG_SOURCE_CHANGED 123
/* Internal error; please report it. */
#define OCIREG_INTERNAL 200
/* Internal error: ocireg panicked during the call; please report it. */
#define OCIREG_PANIC 201

/* The constants of the registry package. */
#define OCIREG_AUTH_CLIENT_ID "docker"
#define OCIREG_DEFAULT_SEARCH_LIMIT 25
#define OCIREG_DEFAULT_NAMESPACE "docker.io"
#define OCIREG_INDEX_NAME "docker.io"
#define OCIREG_INDEX_HOSTNAME "index.docker.io"
#define OCIREG_INDEX_SERVER "https://index.docker.io/v1/"
#define OCIREG_DEFAULT_V2_REGISTRY "https://registry-1.docker.io"
#define OCIREG_DEFAULT_REGISTRY_VERSION_HEADER "Docker-Distribution-Api-Version"


/**
 * What a call runs under: a deadline, cancellation, a progress callback. One context may serve several calls,
 * at once or one after the other.
 *
 * ocireg_context_cancel() may be called from any thread and from a signal handler; everything else from one
 * thread at a time, and not while a call runs under the context.
 */
typedef struct ocireg_context ocireg_context;

/**
 * A place that a registry is spoken to at: an address, its protocol, how TLS is spoken.
 *
 * Never changes; may be used from any number of threads at once. May be freed while a call on it runs, and before
 * what was made from it.
 */
typedef struct ocireg_endpoint ocireg_endpoint;

/**
 * Why a call failed: a code, one line of text, and a JSON document with everything that is known.
 *
 * Made by a failing function in its last parameter, if that is not NULL; the caller frees it with
 * ocireg_error_free(). May be read from any thread at any time: it never changes.
 */
typedef struct ocireg_error ocireg_error;

/**
 * A blob, or a layer of protocol v1, being read.
 *
 * May move between threads, but only one may use it at a time; a second one gets OCIREG_BUSY. Holds what it needs
 * of its session: that may be freed before it.
 */
typedef struct ocireg_reader ocireg_reader;

/**
 * A configuration (mirrors, insecure registries, certificates, credentials, proxies, limits) that calls start from.
 *
 * A program usually creates one service and keeps it. It may be used from any number of threads at once, and no lock
 * is held while a call waits. It may be freed while calls on it run, and before the objects that were created from it.
 */
typedef struct ocireg_service ocireg_service;

/**
 * A conversation with one registry, or with one repository of it, at one endpoint or at several in order.
 *
 * May be used from any thread, and by several at once. Holds what it needs of its service and endpoint: these
 * may be freed before it. May be freed while a call on it runs.
 */
typedef struct ocireg_session ocireg_session;

/**
 * Content being written to a registry.
 *
 * May move between threads, but only one may use it at a time; a second one gets OCIREG_BUSY. Holds what it needs
 * of its session: that may be freed before it.
 */
typedef struct ocireg_writer ocireg_writer;

/**
 * Log callback: receives a record of what the calls of a service do on the network.
 *
 * It is called only on the thread that is inside the call. It must not throw, jump out, or free or change a handle
 * that the running call uses. Calls that the callback makes are not logged.
 *
 * @param user_data    The pointer that was passed to ocireg_service_set_log().
 * @param level        1 (error), 2 (warning), 3 (information), 4 (debug) or 5 (trace).
 * @param record_json  A JSON object, valid until the callback returns: `time_ms`, `level` (as a word), `target` (the
 *                     part of the library), `message`, and the keys that apply: those of ocireg_error_json(),
 *                     `duration_ms`, `attempt`, `delay_ms`, `from`, `to`, `kind`, `source` and others. Ignore keys
 *                     that you do not know. A record never contains a secret, a query string or a header.
 */
typedef void (*ocireg_log_fn)(void *user_data, int32_t level, const char *record_json);

/**
 * Called once with the user_data of a callback, after its last call.
 */
typedef void (*ocireg_drop_fn)(void *user_data);

/**
 * Told how a call goes on.
 *
 * Called only on the thread that is inside the call, at most every 100 ms per blob and at least once a second
 * while the call waits. It must not throw, jump out, or free or change a handle that the running call uses.
 * It may make calls of its own; one that needs the token which the running call is fetching gets OCIREG_BUSY.
 *
 * @param user_data   what was given to ocireg_context_set_progress().
 * @param done        bytes moved so far by the whole call.
 * @param total       bytes to move by the whole call, as far as is known.
 * @param event_json  what happened, borrowed for the call: `kind` is "start", "blob", "manifest", "retry", "wait",
 *                    "endpoint", "tick" or "finish"; ignore others. Where they apply: `digest`, `media_type`, `offset`,
 *                    `total`, `done` (a boolean), `direction` ("down", "up"), `source`, of one blob; `what` (the id of
 *                    an image of protocol v1); `attempt`, `delay_ms`, `code`, `message` of what is tried again.
 * @return 0 to go on; anything else stops the call with OCIREG_CANCELLED.
 */
typedef int32_t (*ocireg_progress_fn)(void *user_data, uint64_t done, uint64_t total, const char *event_json);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 * Services: the configuration that all calls start from.
 */

/**
 * Creates a service from options.
 *
 * Every option is optional. An unknown key is an error. Times are in milliseconds, sizes in bytes; the default is in
 * parentheses. docs/options.md describes each option in more detail.
 *
 * - `registry-mirrors`, `insecure-registries`, `allow-nondistributable-artifacts`: lists of strings with the same
 *   meaning as in Docker's daemon.json.
 * - `daemon-json`: the path of such a file. Explicit options win over the file.
 * - `certs-dir` (/etc/docker/certs.d): the directory of certificates, with a subdirectory for each registry. ""
 *   ignores all of them.
 * - `docker-config` ($DOCKER_CONFIG or ~/.docker): the directory that contains config.json. "" ignores all credential
 *   files.
 * - `credentials`: an object that maps host[:port] or host[:port]/path to an AuthConfig.
 * - `credential-helper-timeout-ms` (`auth-ms` of `timeouts`): how long a credential helper may run. 0: as long as the
 *   call.
 * - `resolve`: an object that maps host names to lists of addresses, which are used instead of DNS. "*" stands for
 *   every other name. A name with an empty list does not resolve.
 * - `proxy` (the environment's): a URL, or an object with `http-proxy`, `https-proxy` and `no-proxy`. "" uses no
 *   proxy. See below.
 * - `user-agent` (ocireg/VERSION): the User-Agent header. `user-agent-prefix` (none) is put in front of it, for
 *   example the name and version of your program.
 * - `timeouts`: `connect-ms` (30000), `tls-ms` (10000), `header-ms` (30000), `idle-ms` (30000), `auth-ms` (15000),
 *   `total-ms` (0), `min-bytes-per-second` (0). 0 means no limit.
 * - `retry`: `max-attempts` (5), `initial-ms` (250), `max-ms` (30000), `max-retry-after-ms` (60000).
 * - `max-concurrent-downloads` (4), `max-concurrent-uploads` (4): how many transfers from or to one host may run at
 *   once.
 * - `limits`: the largest `manifest`, `config`, `list` (8 MiB each), `token` (1 MiB) and `error` (64 KiB); the number
 *   of `pages`, `children` (10000 each), `depth` (4), `urls` (16); `total` (64 MiB), the size of all JSON that one
 *   call may collect; `spool` (no limit), the size of the temporary file for a layer of protocol v1.
 * - `environment` (true): whether environment variables may set proxies, credential files, CA certificates and the
 *   directory of temporary files. It is always false in a set-user-ID, set-group-ID or file-capability program,
 *   because the environment then belongs to a caller with fewer rights.
 * - `preload` (false): load the system's CA certificates now instead of at the first TLS connection, for programs that
 *   change their root directory later.
 * - `v1`: false makes calls that ask for protocol v1 fail; true lets a login try it last.
 * - `trusted-realms`: a list of [registry, token server] pairs. The token server may get the registry's credentials
 *   even if it is on a more private network than the registry.
 * - `allow-upload-hosts`, `allow-foreign-urls`, `allow-plain-http-credentials`, `allow-v1-endpoints`: lists of
 *   host[:port]. Each allows something that is refused by default; the error's hint names the option.
 * - `hosts-dir`, `registries-conf`: not supported yet. A value other than "" fails with OCIREG_UNSUPPORTED.
 *
 * A proxy is `SCHEME://[USER:PASSWORD@]HOST[:PORT]`. The scheme is http, https, socks5 or socks5h (the proxy resolves
 * host names). Without the option, HTTP_PROXY (not in CGI programs), HTTPS_PROXY and NO_PROXY, also in lower case, are
 * read for each call, and loopback addresses are always reached directly. `no-proxy` is a comma-separated list like
 * NO_PROXY: a domain (which includes its subdomains), `.domain` (only its subdomains), an address, a network in CIDR
 * notation, or `*`. All but networks may end in `:port`. If the proxy resolves host names, rules about private
 * addresses apply only to addresses that are written in a URL.
 *
 * @param options_json  The options as a JSON object. May be NULL.
 * @param service       Receives the service. Free it with ocireg_service_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code:
 *         - OCIREG_INVALID_JSON: malformed JSON, an unknown or duplicate key, or a value of the wrong type.
 *         - OCIREG_INVALID_CONFIG: a value cannot be used, such as a mirror with a query.
 *         - OCIREG_CREDENTIALS: an entry of `credentials` cannot be used.
 *         - OCIREG_IO, OCIREG_PERMISSION: the file that `daemon-json` names cannot be read.
 *
 * Safe to call from any thread. Reads the file that `daemon-json` names. Never uses the network. Since 0.1.
 */
int32_t ocireg_service_new(const char *options_json,
                           ocireg_service **service,
                           ocireg_error **error);

/**
 * Returns the current registry configuration.
 *
 * @param service  The service. Not NULL.
 * @param json     Receives a JSON object like RegistryConfig of Docker's Engine API:
 *                 `AllowNondistributableArtifactsCIDRs`, `AllowNondistributableArtifactsHostnames`,
 *                 `InsecureRegistryCIDRs`, `IndexConfigs`, `Mirrors`. Free it with ocireg_string_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_service_config(const ocireg_service *service, char **json, ocireg_error **error);

/**
 * Replaces the whole registry configuration atomically.
 *
 * Calls that are running keep the configuration that they started with. If the new configuration is not valid, the old
 * one stays.
 *
 * @param service       The service. Not NULL.
 * @param options_json  A JSON object with `registry-mirrors`, `insecure-registries` and
 *                      `allow-nondistributable-artifacts`. A list that is absent becomes empty, unless `daemon-json`
 *                      names a file that contains it. Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code:
 *         - OCIREG_INVALID_CONFIG: an entry of a list is not valid.
 *         - OCIREG_IO, OCIREG_PERMISSION: the file that `daemon-json` names cannot be read.
 *
 * Safe to call from any thread. Reads the file that `daemon-json` names. Since 0.1.
 */
int32_t ocireg_service_replace_config(const ocireg_service *service,
                                      const char *options_json,
                                      ocireg_error **error);

/**
 * Replaces the mirrors of Docker Hub.
 *
 * @param service    The service. Not NULL.
 * @param list_json  A JSON list of URLs. Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
 *
 * Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
 */
int32_t ocireg_service_load_mirrors(const ocireg_service *service, const char *list_json, ocireg_error **error);

/**
 * Replaces the list of insecure registries, whose certificates are not verified and which may be used over plain HTTP.
 *
 * Addresses in 127.0.0.0/8 are always insecure registries.
 *
 * @param service    The service. Not NULL.
 * @param list_json  A JSON list of host[:port] and of networks in CIDR notation. Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
 *
 * Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
 */
int32_t ocireg_service_load_insecure_registries(const ocireg_service *service,
                                                const char *list_json,
                                                ocireg_error **error);

/**
 * Replaces the list of registries that nondistributable layers may be pushed to.
 *
 * @param service    The service. Not NULL.
 * @param list_json  A JSON list of host[:port] and of networks in CIDR notation. Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if an entry is not valid; the old list then stays.
 *
 * Safe to call from any thread. Never blocks. Calls that are running keep the old list. Since 0.1.
 */
int32_t ocireg_service_load_allow_nondistributable_artifacts(const ocireg_service *service,
                                                             const char *list_json,
                                                             ocireg_error **error);

/**
 * Sets or removes the log callback of a service.
 *
 * The callback receives each request, retry, authentication, redirect, change of endpoint, proxy connection and TLS
 * handshake, also of sessions, readers and writers that were created before.
 *
 * @param service    The service. Not NULL.
 * @param max_level  The most detailed level that is logged: 0 (nothing), 1 (errors), 2 (warnings), 3 (information), 4
 *                   (debug) or 5 (trace).
 * @param log        The callback, which replaces the previous one. NULL removes it.
 * @param user_data  Passed to the callback. May be NULL.
 * @param drop       Called once with user_data when the callback will not be called any more, even if this function
 *                   fails. If another thread is inside the callback, `drop` is called after it returns. May be NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_ARGUMENT if max_level is not valid.
 *
 * Safe to call from any thread, but not from a callback. Never blocks. Since 0.1.
 */
int32_t ocireg_service_set_log(const ocireg_service *service,
                               int32_t max_level,
                               ocireg_log_fn log,
                               void *user_data,
                               ocireg_drop_fn drop,
                               ocireg_error **error);

/**
 * Frees a service.
 *
 * Calls that are running, and objects that were created from the service, are not affected.
 *
 * @param service  The service. NULL does nothing.
 *
 * Call it once. Safe to call from any thread. Never blocks. Since 0.1.
 */
void ocireg_service_free(ocireg_service *service);

/*
 * Whole images: pull, push, copy, inspect.
 */

/**
 * Pulls an image from a registry into an OCI layout, or the files of an artifact into a directory.
 *
 * Blobs that the destination already has are not downloaded again. A blob appears under its final name only after its
 * size and digest have been verified, and the image gets its name last. Example:
 *
 * @code
 * char *report = NULL;
 * int32_t code = ocireg_pull(service, context, "alpine:3.20", "oci:images:alpine", "{\"platform\": \"linux/arm64\"}",
 *                            &report, &error);
 * @endcode
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        A reference such as "alpine:3.20", or "docker://REFERENCE". Not NULL.
 * @param destination   "oci:DIR[:NAME]". The directory is created if it does not exist. The first colon after DIR
 *                      starts NAME, which may contain slashes and colons, as in
 *                      oci:dest:docker.io/library/alpine:3.18; the path DIR cannot contain a colon. Without NAME the
 *                      image is named after the reference, with its tag. Or "files:DIR": each layer of an artifact
 *                      that has the annotation org.opencontainers.image.title becomes a file with that path below DIR,
 *                      as oras does it. A title that leads out of DIR, or through a symbolic link, is an error. Layers
 *                      without a title are skipped and listed in `warnings`. Not NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
 *                      - `platform`: "os[(version)]/arch[/variant]", such as linux/arm/v7 or windows(10.0.20348)/amd64
 *                        (default: this machine, with the level of its CPU)
 *                      - `all_platforms` (default false): pull the whole index
 *                      - `resume` (default true): keep partial files if the call fails, and continue them in the next
 *                        call
 *                      - `referrers` (default false): also pull what refers to the image and to its children, such as
 *                        signatures; in a layout these have no name
 *                      - `verify_diff_ids`: must be false in this version
 *                      - `verify_present` (default false): hash all blobs that the layout already has, not only those
 *                        that have changed since this library last verified them
 *                      - `nondistributable` (default false): also pull nondistributable layers, from their `urls` if
 *                        the registry does not have them and the service's option allow-foreign-urls lists the host
 *                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
 *                      - `protocol` (default "v2"): "v1" pulls an image from a v1 index; its layers are unchanged, its
 *                        digests are computed here, and its v1 JSON is kept as history
 *                      - `overwrite` (default false): replace files in "files:DIR" that have other content; without it
 *                        the call fails with OCIREG_ALREADY_EXISTS
 * @param report_json   Receives the report as a JSON object: `reference` (canonical, with digest), `descriptor` (of
 *                      what the name now refers to), `manifests`, `platform`, `endpoint`, `destination`, `blobs` (each
 *                      with `digest`, `size`, `media_type`, `bytes_transferred`, `resumed_from`, `retries`, `source`),
 *                      `bytes_total`, `bytes_transferred`, `duration_ms`, `warnings`. Free it with
 *                      ocireg_string_free(). May be NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the registry does not have the image.
 *         - OCIREG_UNAUTHORIZED, OCIREG_DENIED: log in, or pass other credentials.
 *         - OCIREG_NO_PLATFORM: the index has no image for this platform; the error's hint lists those it has.
 *         - OCIREG_RATE_LIMITED: try again after ocireg_error_retry_after_ms().
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content than the manifest names.
 *         - OCIREG_NO_SPACE, OCIREG_PERMISSION, OCIREG_IO: the destination cannot be written.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the image is complete.
 * Since 0.1.
 */
int32_t ocireg_pull(const ocireg_service *service,
                    const ocireg_context *context,
                    const char *source,
                    const char *destination,
                    const char *options_json,
                    char **report_json,
                    ocireg_error **error);

/**
 * Pushes an image from this machine to a registry, by default for all its platforms.
 *
 * Content that the registry already has is not sent again, and the image gets its tag only after everything else has
 * arrived. To continue an interrupted push, push again.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        "oci:DIR[:NAME]". NAME may be left out if the layout has only one image. Or "files:DIR": the
 *                      files in DIR are pushed as an artifact, as oras does it. Not NULL.
 * @param destination   A reference, or "docker://REFERENCE". If it has a digest, the image must have that digest. Not
 *                      NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
 *                      - `platform`: push only the image for this platform
 *                      - `all_platforms` (default true, unless `platform` is set): push the whole index
 *                      - `tags`: a list of more tags for the image
 *                      - `mount_from`: a list of repositories of the same registry that blobs may be mounted from
 *                      - `referrers` (default false): also push what refers to the image and to its children, such as
 *                        signatures
 *                      - `digest_tags` (default false): also push what is found by a tag made of a digest
 *                      - `nondistributable` (default false): also push nondistributable layers; hosts in the service's
 *                        option allow-nondistributable-artifacts always get them
 *                      - `convert`: "oci" converts manifests with Docker media types to OCI manifests, which changes
 *                        their digests
 *                      - `verify_present` (default false): check each blob, even if the registry has a manifest that
 *                        lists it
 *                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
 *                      - `artifact_type`: the artifact type of "files:DIR"
 *                      - `files`: a list of objects with `path` (relative to DIR, or absolute), `title`, `media_type`
 *                        and `annotations` (default: every regular file in DIR, sorted by name, with its name as
 *                        title)
 *                      - `annotations`: the annotations of the artifact's manifest
 *                      - `subject`: the digest of a manifest at the destination that the artifact refers to; if the
 *                        destination has no tag, the artifact gets none
 *                      - `config`: the path of a file that is the artifact's configuration, or an object with `path`,
 *                        `media_type` and `annotations`
 * @param report_json   Receives the report as a JSON object: `reference` (canonical, with the digest that was pushed),
 *                      `descriptor`, `manifests`, `platform`, `endpoint`, `destination`, `tags` (all tags that now
 *                      refer to the image), `blobs` (each with `digest`, `size`, `media_type`, `bytes_transferred`,
 *                      `resumed_from`, `retries` and `source`: "network", "present" or "mounted"), `bytes_total`,
 *                      `bytes_transferred`, `duration_ms`, `converted` (each with `from` and `to`), `warnings`. Free
 *                      it with ocireg_string_free(). May be NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the layout does not contain the image.
 *         - OCIREG_UNAUTHORIZED, OCIREG_DENIED: log in, or pass credentials that may push to this repository.
 *         - OCIREG_REJECTED: the registry does not accept a blob or manifest.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: a blob of the layout is damaged.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the
 * image. Since 0.2.
 */
int32_t ocireg_push(const ocireg_service *service,
                    const ocireg_context *context,
                    const char *source,
                    const char *destination,
                    const char *options_json,
                    char **report_json,
                    ocireg_error **error);

/**
 * Copies an image from any source to any destination.
 *
 * A copy between registries does not use the disk, and within one registry blobs are mounted if the registry allows
 * it. Content is never changed, unless `convert` is set. To continue an interrupted copy, copy again.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        "docker://REFERENCE", "oci:DIR[:NAME]" or "files:DIR". Not NULL.
 * @param destination   "docker://REFERENCE", "oci:DIR[:NAME]" or "files:DIR". Without NAME the image keeps the name
 *                      that it has at the source. Not NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `source_auth`, `destination_auth` (AuthConfig; default: the service's credentials; {} is
 *                        anonymous)
 *                      - `platform`: copy only the image for this platform
 *                      - `all_platforms` (default true, unless `platform` is set): copy the whole index
 *                      - `tags`: a list of more tags for the image
 *                      - `mount_from`: a list of more repositories of the destination's registry that blobs may be
 *                        mounted from; the source's repository is always tried
 *                      - `referrers` (default false): also copy what refers to the image and to its children, such as
 *                        signatures
 *                      - `digest_tags` (default false): also copy what is found by a tag made of a digest
 *                      - `nondistributable` (default false): also copy nondistributable layers
 *                      - `convert`: "oci" converts manifests with Docker media types to OCI manifests, which changes
 *                        their digests
 *                      - `verify_present` (default false): check each blob that the destination already has
 *                      - `resume` (default true): keep partial files of a layout if the call fails, and continue them
 *                        in the next call
 *                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
 *                      - `overwrite` (default false): replace files in the destination "files:DIR" that have other
 *                        content
 *                      - `artifact_type`, `files`, `annotations`, `subject`, `config`: for the source "files:DIR", as
 *                        in ocireg_push()
 * @param report_json   Receives the report as a JSON object, with the keys of ocireg_push() but `source_endpoint` and
 *                      `destination_endpoint` instead of `endpoint`. Free it with ocireg_string_free(). May be NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, as for ocireg_pull() and ocireg_push().
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the destination has the
 * image. Since 0.2.
 */
int32_t ocireg_copy(const ocireg_service *service,
                    const ocireg_context *context,
                    const char *source,
                    const char *destination,
                    const char *options_json,
                    char **report_json,
                    ocireg_error **error);

/**
 * Describes an image without downloading its layers.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        A reference, "docker://REFERENCE", "oci:DIR[:NAME]" or "files:DIR", which is described as the
 *                      artifact that ocireg_push() would make of it without options. Not NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
 *                      - `platform`: "os[(version)]/arch[/variant]" (default: this machine)
 *                      - `config` (default true): read the image's configuration; without it the platform of a single
 *                        image is not known
 *                      - `layers` (default true): list the layers
 *                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
 * @param json          Receives a JSON object: `descriptor`, `kind` ("image", "index" or "artifact"), and the keys
 *                      that apply: `reference`, `name`, `endpoint`, `platforms`, `platform`, `manifest`, `config`,
 *                      `layers`, `artifact_type`, `subject`, `annotations`, `warnings` (a list of strings). Free it
 *                      with ocireg_string_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the image does not exist.
 *         - OCIREG_NO_PLATFORM: the index has no image for this platform.
 *         - OCIREG_UNSUPPORTED: the manifest has Docker's schema 1.
 *
 * Safe to call from any thread. Blocks for a few requests. Since 0.1.
 */
int32_t ocireg_inspect(const ocireg_service *service,
                       const ocireg_context *context,
                       const char *source,
                       const char *options_json,
                       char **json,
                       ocireg_error **error);

/*
 * Contexts: deadlines, cancellation and progress.
 */

/**
 * Makes a context without deadline and callback.
 *
 * @param context  receives the context; the caller frees it with ocireg_context_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, or OCIREG_IO when the process has no descriptor left.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_context_new(ocireg_context **context, ocireg_error **error);

/**
 * Sets one deadline for all calls under the context, counted from this call.
 *
 * A call that reaches it returns OCIREG_DEADLINE.
 *
 * @param context       a context; NULL does nothing.
 * @param milliseconds  the time until the deadline; 0 removes it.
 *
 * One thread at a time. Never blocks. Since 0.1.
 */
void ocireg_context_set_timeout(ocireg_context *context, uint64_t milliseconds);

/**
 * Sets the progress callback for calls under the context, or removes it.
 *
 * @param context    a context; NULL does nothing but end user_data.
 * @param progress   the callback; NULL removes the one that was set.
 * @param user_data  handed to the callback; may be NULL.
 * @param drop       called once with user_data when the callback will not be called any more; may be NULL.
 *
 * One thread at a time, not from inside a callback. Never blocks. Since 0.1.
 */
void ocireg_context_set_progress(ocireg_context *context,
                                 ocireg_progress_fn progress,
                                 void *user_data,
                                 ocireg_drop_fn drop);

/**
 * Ends every call under the context with OCIREG_CANCELLED within a second, whatever it waits for; calls that
 * begin later end at once. Final: a cancelled context stays so.
 *
 * @param context  a context; NULL does nothing.
 *
 * Any thread, and signal handlers: one atomic store, one look at a descriptor and one write to it; errno is kept. Must not run
 * beside or after ocireg_context_free(). Never blocks. Since 0.1.
 */
void ocireg_context_cancel(const ocireg_context *context);

/**
 * Frees a context. Calls under it must have returned; readers and writers do not count.
 *
 * @param context  a context, or NULL, which does nothing.
 *
 * One thread, once. Never blocks. Since 0.1.
 */
void ocireg_context_free(ocireg_context *context);

/*
 * Errors: what went wrong, and what can be done about it.
 */

/**
 * The error's code, an `OCIREG_…` number.
 *
 * @param error  an error, or NULL.
 * @return the code; 0 for NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_code(const ocireg_error *error);

/**
 * The error's text: one line, what could not be done and its causes.
 *
 * @param error  an error, or NULL.
 * @return text that is borrowed from the error until ocireg_error_free(); "" for NULL. Never NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
const char *ocireg_error_message(const ocireg_error *error);

/**
 * The error as a JSON object: `code`, `name`, `message`, `retryable`, and whatever else is known and applies:
 * `causes`, `http_status`, `errors` (the registry's own), `method`, `scheme`, `host`, `path` (never a query),
 * `endpoint`, `phase`, `digest_expected`, `digest_actual`, `size_expected`, `size_actual`, `bytes_done`,
 * `retry_after_ms`, `cancelled_by`, `what`, `argument`, `attempts` (errors of the endpoints tried), `hint`.
 *
 * @param error  an error, or NULL.
 * @return text that is borrowed from the error until ocireg_error_free(); "{}" for NULL. Never NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
const char *ocireg_error_json(const ocireg_error *error);

/**
 * Says what the user can do about the error, such as which option to set or which file to check.
 *
 * Show it after the message; it is the same string as `hint` of ocireg_error_json(). Example:
 *
 * @code
 * fprintf(stderr, "error: %s\n", ocireg_error_message(error));
 * if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
 * @endcode
 *
 * @param error  an error, or NULL.
 * @return one line of text that is borrowed from the error until ocireg_error_free(); "" where there is no hint, and
 *         for NULL. Never NULL.
 *
 * Any thread. Never blocks. Since 0.2.
 */
const char *ocireg_error_hint(const ocireg_error *error);

/**
 * The HTTP status that caused the error.
 *
 * @param error  an error, or NULL.
 * @return the status; 0 if there was none, and for NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_http_status(const ocireg_error *error);

/**
 * How long the registry asked to wait before asking again, in milliseconds.
 *
 * @param error  an error, or NULL.
 * @return the time; -1 if it said none, and for NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int64_t ocireg_error_retry_after_ms(const ocireg_error *error);

/**
 * Whether the same call may succeed when it is made again.
 *
 * @param error  an error, or NULL.
 * @return 1 or 0; 0 for NULL.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_retryable(const ocireg_error *error);

/**
 * Frees an error and the texts that were borrowed from it.
 *
 * @param error  an error, or NULL, which does nothing.
 *
 * Any thread. Never blocks. Since 0.1.
 */
void ocireg_error_free(ocireg_error *error);

/*
 * Memory: free what the library returned.
 */

/**
 * Frees text that a function of this library returned, after overwriting it.
 *
 * @param text  text of this library, or NULL, which does nothing. Not the text of an error or of ocireg_version().
 *
 * Any thread. Never blocks. Since 0.1.
 */
void ocireg_string_free(char *text);

/**
 * Frees bytes that a function of this library returned, after overwriting them.
 *
 * @param data  bytes of this library, or NULL, which does nothing.
 *
 * Any thread. Never blocks. Since 0.1.
 */
void ocireg_bytes_free(uint8_t *data);

/*
 * Credentials: check, store, find and remove them.
 */

/**
 * Asks a registry whether it takes credentials. Keeps nothing.
 *
 * The address is `serveraddress`, the official index if there is none; its endpoints for pushing are asked in turn,
 * never a mirror. Wrong credentials end the search; after any other failure the next endpoint is asked, and the last
 * failure is reported, all of them in `attempts`. With the service option `v1` the endpoints are asked by protocol v1
 * at last. A registry that asks for no credentials says yes to all.
 *
 * @param service     a service. Not NULL.
 * @param context     deadline and cancellation; may be NULL.
 * @param auth_json   the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the official
 *                    index.
 * @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
 * @param json        receives an object: `Status` ("Login Succeeded"), `IdentityToken` (what is to be kept in place of
 *                    the password; may be empty); owned by the caller; free with ocireg_string_free(). It may hold a secret. Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
 *         OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED (wrong credentials), OCIREG_POLICY (they
 *         would go where they must not), or any failure of the network and of the registry.
 *
 * Any thread. Blocks: speaks to the registry. Since 0.1.
 */
int32_t ocireg_service_auth(const ocireg_service *service,
                            const ocireg_context *context,
                            const char *auth_json,
                            const char *user_agent,
                            char **json,
                            ocireg_error **error);

/**
 * Checks credentials with the registry, as ocireg_service_auth() does, then stores them.
 *
 * Kept by the helper that config.json names for the registry (`credHelpers`, else `credsStore`), else in config.json
 * itself, in the directory of the option `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker; with
 * `docker-config` "" nowhere. A helper that is missing or fails is an error, and nothing is kept elsewhere instead; one
 * that is missing is so before anything is sent. The file is replaced as a whole or not at all, for its owner alone;
 * all its other keys stay as they are. A symbolic link is followed. Programs that log in through this library wait for
 * each other.
 *
 * @param service     a service. Not NULL.
 * @param context     deadline and cancellation; may be NULL.
 * @param auth_json   the credentials, an AuthConfig with `username` and `password` (or `auth`) or with an
 *                    `identitytoken`; `serveraddress` is as in ocireg_service_auth(). Not NULL.
 * @param user_agent  what the caller is called in these requests, "" for nothing; NULL is the service's `user-agent`.
 * @param json        receives an object: `Status`, `IdentityToken` as ocireg_service_auth() has them, `stored`
 *                    ("config.json", the name of the helper, or "none"); owned by the caller; free with ocireg_string_free(). It may hold a
 *                    secret. Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON,
 *         OCIREG_CREDENTIALS (a file that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or
 *         OCIREG_PERMISSION when the file cannot be saved (it is then as it was), or what ocireg_service_auth() fails
 *         with.
 *
 * Any thread. Blocks: speaks to the registry, runs a helper, writes a file. Since 0.1.
 */
int32_t ocireg_service_login(const ocireg_service *service,
                             const ocireg_context *context,
                             const char *auth_json,
                             const char *user_agent,
                             char **json,
                             ocireg_error **error);

/**
 * Logs out: the helper that config.json names for the registry forgets its credentials, and so does config.json, under
 * whatever name a login put them there. Nothing to forget is no failure. The registry is not asked. A logout from
 * Docker Hub also removes the tokens that `docker login` in a browser left there.
 *
 * @param service  a service. Not NULL.
 * @param context  deadline and cancellation; may be NULL.
 * @param host     the registry, host[:port] or an address; docker.io is the official one. Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
 *         that cannot be used), OCIREG_CREDENTIAL_HELPER, OCIREG_IO, OCIREG_NO_SPACE or OCIREG_PERMISSION when the file
 *         cannot be saved (it is then as it was), OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. Blocks while it reads and writes the file and while a helper runs; never asks the network. Since 0.1.
 */
int32_t ocireg_service_logout(const ocireg_service *service,
                              const ocireg_context *context,
                              const char *host,
                              ocireg_error **error);

/**
 * Which credentials would be used for a registry, and where they come from; never the secret.
 *
 * Looked through in this order: the option `credentials`; $DOCKER_AUTH_CONFIG (the text of a config.json); `config.json` in the directory of the option
 * `docker-config`, else in $DOCKER_CONFIG, else in ~/.docker (its `credHelpers`, else its `credsStore`, then its
 * `auths`); the containers tools' $REGISTRY_AUTH_FILE, else `containers/auth.json` in $XDG_RUNTIME_DIR (where that is not
 * set, /run/containers/UID/auth.json), then in $XDG_CONFIG_HOME or ~/.config; then nobody, which is anonymous. In each
 * the longest path counts: that of the repository, else of what it is in, else the host alone. Credentials given to a
 * call come before all of these.
 * With `docker-config` "" none of these files and variables is read; with `environment` false, only the file in
 * `docker-config`. The files are read as Docker reads them: letter case of their keys does not matter, null is an empty
 * value, the last of two equal keys counts, and an entry that cannot be used fails for its own registry only.
 *
 * A helper is the program docker-credential-NAME in a directory of $PATH, and has `credential-helper-timeout-ms` for its
 * answer. It inherits the environment of this process. With `environment` false no helper runs: one that is configured
 * fails. One that has nothing is a reason to look further; one that fails is not. This call then fails, as do all calls
 * that log in, push or delete. Calls that only read go on without credentials, say so in their `warnings` and in the log,
 * and fail with the code of that failure if the registry then asks for credentials. The same holds for a file that cannot
 * be used, unless $REGISTRY_AUTH_FILE names it: then every call fails.
 *
 * @param service  a service. Not NULL.
 * @param context  deadline and cancellation; may be NULL.
 * @param host     the registry, host[:port], or a repository of it, host[:port]/path. Not NULL.
 * @param json     receives an object: `username`, `source` (`credentials` for the option, the path of a file, the
 *                 variable, or the name of a helper), `kind` ("password", "identity_token", "registry_token" or "anonymous"); what
 *                 does not apply is absent; owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CREDENTIALS (a file
 *         that cannot be read or used), OCIREG_CREDENTIAL_HELPER, OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. Blocks while it reads the files and while a credential helper runs; never asks the network. Since 0.1.
 */
int32_t ocireg_service_credentials(const ocireg_service *service,
                                   const ocireg_context *context,
                                   const char *host,
                                   char **json,
                                   ocireg_error **error);

/*
 * Sessions: a registry or repository, its endpoint and its credentials.
 */

/**
 * Opens a session of a reference's repository, or of a whole registry: asks its endpoints (mirrors first) for
 * protocol v2 in order and keeps the first that answers. Later calls may move on to the next one.
 *
 * @param service       the service; may be freed afterwards. Not NULL.
 * @param context       the call's context; may be NULL.
 * @param reference     the reference, such as "alpine:3.20" or "registry.example/team/app@sha256:…". Not NULL,
 *                      unless the option registry says what to open.
 * @param options_json  `auth` (AuthConfig; absent: what the service knows; {}: anonymous), `actions` (list of strings,
 *                      default ["pull"]; with others no mirrors are asked), `registry` (host[:port], with a NULL
 *                      reference: the whole registry), `protocol` ("v2"; "v1": the session is of the index at the
 *                      reference's host, which is asked as by ocireg_endpoint_new_v1()); may be NULL.
 * @param session       receives the session; the caller frees it with ocireg_session_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. `attempts` holds the failure
 *                      of each endpoint.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_REFERENCE, OCIREG_UNSUPPORTED,
 *         OCIREG_CREDENTIALS or OCIREG_CREDENTIAL_HELPER when a source of credentials fails and `actions` are more than
 *         ["pull"], any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: credential helper, DNS, connection, one exchange an endpoint. Since 0.1.
 */
int32_t ocireg_session_open(const ocireg_service *service,
                            const ocireg_context *context,
                            const char *reference,
                            const char *options_json,
                            ocireg_session **session,
                            ocireg_error **error);

/**
 * Makes a session of a whole registry at one endpoint.
 *
 * @param endpoint   the endpoint; may be freed afterwards. Not NULL.
 * @param context    the call's context; may be NULL.
 * @param auth_json  the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the host.
 * @param session    receives the session; the caller frees it with ocireg_session_free(). Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_UNSUPPORTED, OCIREG_CREDENTIALS when
 *         $REGISTRY_AUTH_FILE names a file that cannot be used, with protocol v1 any network code, OCIREG_CANCELLED,
 *         OCIREG_DEADLINE. A credential helper that fails is the failure of the first call that changes something or is
 *         refused.
 *
 * Any thread. May block: DNS, credential helper. Asks no registry yet; but one of protocol v1 over https with
 * credentials is asked whether it stands alone. Since 0.1.
 */
int32_t ocireg_session_new(const ocireg_endpoint *endpoint,
                           const ocireg_context *context,
                           const char *auth_json,
                           ocireg_session **session,
                           ocireg_error **error);

/**
 * Makes a session of one repository at the endpoints of another session.
 *
 * @param session     a session; may be freed afterwards. Not NULL.
 * @param name        the repository's path at the registry, such as "library/alpine". Not NULL.
 * @param repository  receives the session; the caller frees it with ocireg_session_free(). Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_REFERENCE.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_repository(const ocireg_session *session,
                                  const char *name,
                                  ocireg_session **repository,
                                  ocireg_error **error);

/**
 * The session's id: 64 random hex digits.
 *
 * @param session  a session. Not NULL.
 * @param text     receives the id; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_id(const ocireg_session *session, char **text, ocireg_error **error);

/**
 * What the session is: `protocol` ("v2" or "v1"), `endpoint` (the address in use), `mirror`, and where they apply
 * `repository` (the path), `reference` (canonical) and `warnings` (list of strings: what went wrong when the session was
 * opened, though it was opened, such as a credential helper that failed).
 *
 * @param session  a session. Not NULL.
 * @param json     receives the document; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_info(const ocireg_session *session,
                            char **json,
                            ocireg_error **error);

/**
 * Asks the endpoint for `/v2/`, or `/v1/_ping`, without credentials.
 *
 * @param session  a session. Not NULL.
 * @param context  the call's context; may be NULL.
 * @param json     receives what ocireg_endpoint_ping() gives; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: DNS, connection, one exchange. Since 0.1.
 */
int32_t ocireg_session_ping(const ocireg_session *session,
                            const ocireg_context *context,
                            char **json,
                            ocireg_error **error);

/**
 * Frees a session. Calls that run on it go on.
 *
 * @param session  a session, or NULL, which does nothing.
 *
 * Any thread, once. Never blocks. Since 0.1.
 */
void ocireg_session_free(ocireg_session *session);

/*
 * What a registry has: repositories, tags and referrers.
 */

/**
 * Lists the repositories of the registry.
 *
 * @param session       a session. Not NULL.
 * @param context       the call's context; may be NULL.
 * @param options_json  `n` (with it one page of about so many, without it all), `last` (only repositories after this one),
 *                      `next` (what an earlier page gave); may be NULL.
 * @param json          receives `repositories`, where a page follows `next`, and `warnings`: what is not a valid path
 *                      is left out. Free it with ocireg_string_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_NOT_FOUND or OCIREG_UNSUPPORTED where the
 *         registry does not list its repositories, OCIREG_LIMIT, OCIREG_POLICY, any network or registry code,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange a page. Since 0.2.
 */
int32_t ocireg_session_catalog(const ocireg_session *session,
                               const ocireg_context *context,
                               const char *options_json,
                               char **json,
                               ocireg_error **error);

/**
 * The repository's tags.
 *
 * @param session       a session of a repository. Not NULL.
 * @param context       the call's context; may be NULL.
 * @param options_json  `n` (with it one page of about so many, without it all), `last` (only tags after this one),
 *                      `next` (what an earlier page gave); may be NULL.
 * @param json          receives `name`, `tags`, where a page follows `next`, and `warnings`: what is not a valid tag
 *                      is left out. Free it with ocireg_string_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_NOT_FOUND, OCIREG_LIMIT, OCIREG_POLICY,
 *         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange a page. Since 0.1.
 */
int32_t ocireg_session_list_tags(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *options_json,
                                 char **json,
                                 ocireg_error **error);

/**
 * Lists the manifests that refer to another one by their `subject`, such as signatures: by the referrers API, or where
 * the registry has none, by the tag that stands in for it.
 *
 * @param session       a session of a repository. Not NULL.
 * @param context       the call's context; may be NULL.
 * @param digest        the digest of the manifest that is referred to; it need not be there. Not NULL.
 * @param options_json  `artifact_type` (only manifests of this type), `annotations` ({name: value}: only manifests with
 *                      all of them); may be NULL.
 * @param json          receives an OCI index of them with `source` ("api" or "tag") and `warnings`. Free it with
 *                      ocireg_string_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_MANIFEST,
 *         OCIREG_LIMIT, OCIREG_POLICY when a page leads to another host, any network or registry code, OCIREG_CANCELLED,
 *         OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange a page, or two. Since 0.2.
 */
int32_t ocireg_session_referrers(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *digest,
                                 const char *options_json,
                                 char **json,
                                 ocireg_error **error);

/*
 * Manifests: get, put and delete them.
 */

/**
 * Gets a manifest or index, verified against the digest that was asked for.
 *
 * @param session          a session of a repository. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
 * @param options_json     `platform` ("os[(version)]/arch[/variant]": selects the image of that platform from an index),
 *                         `accept` (media types; a manifest of any type listed here is returned, even one that this
 *                         library cannot interpret), `max_size` (bytes); may be NULL.
 * @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(); may be NULL.
 * @param data             receives the exact bytes; the caller frees them with ocireg_bytes_free(); may be NULL.
 * @param size             receives their number; may be NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_NOT_FOUND, OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_LIMIT,
 *         OCIREG_NO_PLATFORM, OCIREG_UNSUPPORTED, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Docker schema 1 manifests are OCIREG_UNSUPPORTED.
 *
 * Any thread. Blocks: one exchange; with a platform also one for each nested index, and two for each entry that states no
 * platform. Since 0.1.
 */
int32_t ocireg_session_get_manifest(const ocireg_session *session,
                                    const ocireg_context *context,
                                    const char *tag_or_digest,
                                    const char *options_json,
                                    char **descriptor_json,
                                    uint8_t **data,
                                    size_t *size,
                                    ocireg_error **error);

/**
 * Looks a manifest up without its content, where the registry can tell.
 *
 * @param session          a session of a repository. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param tag_or_digest    which one; NULL is that of the session's reference, else "latest".
 * @param options_json     `accept` (media types); may be NULL.
 * @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_NOT_FOUND, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange, or two. Since 0.1.
 */
int32_t ocireg_session_head_manifest(const ocireg_session *session,
                                     const ocireg_context *context,
                                     const char *tag_or_digest,
                                     const char *options_json,
                                     char **descriptor_json,
                                     ocireg_error **error);

/**
 * Stores a manifest or index. Everything that it lists must be in the repository.
 *
 * A manifest with a `subject` is findable by it afterwards: the registry says that it takes note of it, or this function
 * adds the manifest to the list under the tag that stands in for the referrers API, without losing the entries of others
 * where the registry lets it.
 *
 * @param session          a session of a repository, opened with the action push or made by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          the call's context; may be NULL.
 * @param tag_or_digest    the tag, or the digest that the bytes must have; NULL: under its digest, without a tag.
 * @param media_type       the media type; NULL is the manifest's own `mediaType`, which it must equal.
 * @param data             the exact bytes. Not NULL unless size is 0.
 * @param size             their number.
 * @param options_json     `tags` (more tags for the same manifest), `if_match` (the digest or ETag that the tag must have
 *                         now); may be NULL.
 * @param descriptor_json  receives the OCI descriptor, with `subject` (the digest, where the registry took note of it),
 *                         `subject_tag` (the tag that lists the manifest, where it did not) and `warnings`; the caller frees it with
 *                         ocireg_string_free(); may be NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH, OCIREG_CONFLICT when the tag is not what if_match says,
 *         OCIREG_UNSUPPORTED, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Docker schema 1 manifests are OCIREG_UNSUPPORTED.
 *
 * Any thread. Blocks: one exchange, one more for each further tag, and some for a subject. Since 0.2.
 */
int32_t ocireg_session_put_manifest(const ocireg_session *session,
                                    const ocireg_context *context,
                                    const char *tag_or_digest,
                                    const char *media_type,
                                    const uint8_t *data,
                                    size_t size,
                                    const char *options_json,
                                    char **descriptor_json,
                                    ocireg_error **error);

/**
 * Deletes a tag, or by its digest a manifest with all tags that name it. A tag is deleted alone, or the call fails: the
 * manifest that it names stays. A manifest with a `subject` leaves the list of what refers to that, too.
 *
 * @param session        a session of a repository, opened with the action delete or made by
 *                       ocireg_session_repository(). Not NULL.
 * @param context        the call's context; may be NULL.
 * @param tag_or_digest  which one; NULL is that of the session's reference, else "latest".
 * @param error          receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND,
 *         OCIREG_UNSUPPORTED where the registry cannot delete it or its operator does not allow that, any network or
 *         registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange, for a digest some more. Since 0.2.
 */
int32_t ocireg_session_delete_manifest(const ocireg_session *session,
                                       const ocireg_context *context,
                                       const char *tag_or_digest,
                                       ocireg_error **error);

/*
 * Blobs: read, write, mount and delete them.
 */

/**
 * Looks a blob up without its content.
 *
 * @param session          a session of a repository. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param digest           the blob's digest. Not NULL.
 * @param descriptor_json  receives the OCI descriptor; the caller frees it with ocireg_string_free(). Not NULL. Its `mediaType` is
 *                         application/octet-stream: only a manifest knows more.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND, OCIREG_PROTOCOL when the registry
 *         does not tell the size, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange, or two. Since 0.2.
 */
int32_t ocireg_session_head_blob(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *digest,
                                 char **descriptor_json,
                                 ocireg_error **error);

/**
 * Opens a blob to read, from an offset on. What is read has been verified only when the end is reached.
 *
 * @param session       a session of a repository. Not NULL.
 * @param context       the context of this call; reading has its own. May be NULL.
 * @param digest        the blob's digest. Not NULL.
 * @param offset        where to begin, in bytes; only 0 lets the digest be checked.
 * @param options_json  `size` (bytes of the blob, checked), `media_type`, `urls` (where a layer of a
 *                      nondistributable type is, if the registry does not have it: asked without credentials, at
 *                      hosts of the service's option allow-foreign-urls only; not used for other types); may be NULL.
 * @param reader        receives the reader; the caller frees it with ocireg_reader_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND,
 *         OCIREG_SIZE_MISMATCH, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_open_blob(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *digest,
                                 uint64_t offset,
                                 const char *options_json,
                                 ocireg_reader **reader,
                                 ocireg_error **error);

/**
 * Begins to write a blob to the repository. Its bytes go to the registry a chunk at a time, or at the end in one
 * request if they fit into a chunk.
 *
 * @param session       a session of a repository, opened with the action push or made by ocireg_session_repository().
 *                      Not NULL.
 * @param context       the call's context; may be NULL.
 * @param options_json  `digest`, `size` (checked at the end), `media_type` (for the descriptor; default
 *                      application/octet-stream), `algorithm` ("sha256", "sha384", "sha512": where no digest is given;
 *                      default sha256), `mount_from` (repositories of the registry that
 *                      may have the blob; needs a digest), `chunk_size` (bytes, default 4 MiB), `check_exists` (look
 *                      first; needs a digest); may be NULL. A blob that is there already takes no network.
 * @param writer        receives the writer; the caller frees it with ocireg_writer_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
 *         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange, one more for each of mount_from and for check_exists. Since 0.1.
 */
int32_t ocireg_session_put_blob(const ocireg_session *session,
                                const ocireg_context *context,
                                const char *options_json,
                                ocireg_writer **writer,
                                ocireg_error **error);

/**
 * Takes a blob over from another repository of the same registry, without its bytes.
 *
 * @param session          a session of a repository, opened with the action push or made by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          the call's context; may be NULL.
 * @param digest           the blob's digest. Not NULL.
 * @param from_repository  the path of the repository that has it. Not NULL.
 * @param options_json     no keys yet; may be NULL.
 * @param mounted          receives 1 if the blob is in the repository now, else 0; may be NULL.
 * @param writer           receives NULL if it was mounted, else a writer that goes on with the upload that the registry
 *                         began instead; the caller frees it with ocireg_writer_free(); may be NULL: then that is aborted.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. That the registry does not
 *                         mount is no failure.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_POLICY when the registry sends the upload to another host (the option allow-upload-hosts allows it),
 *         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange or two. Since 0.1.
 */
int32_t ocireg_session_mount_blob(const ocireg_session *session,
                                  const ocireg_context *context,
                                  const char *digest,
                                  const char *from_repository,
                                  const char *options_json,
                                  int32_t *mounted,
                                  ocireg_writer **writer,
                                  ocireg_error **error);

/**
 * Deletes a blob from the repository.
 *
 * @param session  a session of a repository, opened with the action delete or made by ocireg_session_repository().
 *                 Not NULL.
 * @param context  the call's context; may be NULL.
 * @param digest   the blob's digest. Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND, OCIREG_UNSUPPORTED where the
 *         registry does not delete blobs, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.2.
 */
int32_t ocireg_session_delete_blob(const ocireg_session *session,
                                   const ocireg_context *context,
                                   const char *digest,
                                   ocireg_error **error);

/**
 * Downloads a blob to a file. The file appears under its name when it is whole and its digest was found right; one that
 * is there already and right is left as it is, another one is replaced.
 *
 * @param session          a session of a repository. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param digest           the blob's digest. Not NULL.
 * @param path             the file; its directory must exist. Not NULL.
 * @param options_json     `size` (bytes of the blob, checked), `media_type` (for the descriptor; default
 *                         application/octet-stream), `urls` (where a layer of a nondistributable type is, as for
 *                         ocireg_session_open_blob()), `resume` (default true: a partial file is kept beside the file if
 *                         the call fails, and taken up by the next call); may be NULL.
 * @param descriptor_json  receives the OCI descriptor with `existed` (the file was there already), `bytes_transferred`
 *                         and `warnings`; the caller frees it with ocireg_string_free(); may be NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_NOT_FOUND,
 *         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION, any network or
 *         registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread; progress is told on this one. Blocks until the file is there. Since 0.2.
 */
int32_t ocireg_session_get_blob_file(const ocireg_session *session,
                                     const ocireg_context *context,
                                     const char *digest,
                                     const char *path,
                                     const char *options_json,
                                     char **descriptor_json,
                                     ocireg_error **error);

/**
 * Uploads a file as a blob.
 *
 * @param session          a session of a repository, opened with the action push or made by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          the call's context; may be NULL.
 * @param path             the file. Not NULL.
 * @param options_json     `digest`, `size` (what the file must have), `media_type` (for the descriptor; default
 *                         application/octet-stream), `algorithm` ("sha256", "sha384", "sha512": where no digest is given;
 *                         default sha256), `mount_from` (repositories of the registry that may have the blob),
 *                         `chunk_size` (bytes, default 4 MiB), `check_exists` (look first). For mount_from and
 *                         check_exists a file without a digest is hashed first; may be NULL.
 * @param descriptor_json  receives the OCI descriptor with `existed` (the repository has it already, or could mount it),
 *                         `bytes_transferred` and `warnings`; the caller frees it with ocireg_string_free(); may be NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_INVALID_REFERENCE,
 *         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_SOURCE_CHANGED when the file changes meanwhile,
 *         OCIREG_IO, OCIREG_PERMISSION, OCIREG_POLICY as for ocireg_session_put_blob(), any network or registry code,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread; progress is told on this one. Blocks until the registry has the blob. Since 0.2.
 */
int32_t ocireg_session_put_blob_file(const ocireg_session *session,
                                     const ocireg_context *context,
                                     const char *path,
                                     const char *options_json,
                                     char **descriptor_json,
                                     ocireg_error **error);

/*
 * Readers: a blob or layer, read as a stream.
 */

/**
 * Reads the next bytes of a blob or layer.
 *
 * A cut connection is made again and reading goes on where it was (of a layer: if the server sends parts). After a failure the reader only repeats it,
 * but after OCIREG_CANCELLED and OCIREG_DEADLINE reading can go on with another context.
 *
 * @param reader    a reader. Not NULL.
 * @param context   the call's context; may be NULL.
 * @param buffer    receives the bytes; 256 KiB or more is fast. Not NULL.
 * @param capacity  its size; not 0.
 * @param count     receives how many bytes were read. 0 is the end, and says that size and digest were found right
 *                  (from an offset on: the size; of a layer: the size, where it is known). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, any network
 *         or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * One thread at a time. Blocks until bytes are there. Since 0.1.
 */
int32_t ocireg_reader_read(ocireg_reader *reader,
                           const ocireg_context *context,
                           uint8_t *buffer,
                           size_t capacity,
                           size_t *count,
                           ocireg_error **error);

/**
 * Reads what is left of a blob or layer and checks size and digest.
 *
 * A tar reader stops at the end of the archive, which may be before the end of the blob: what it gave out is then not
 * verified. Call this when you are done reading, and trust what you have read only if it succeeds. A reader that was
 * opened at an offset has its size checked, and a layer of protocol v1 its size where it is known: nothing else can
 * be checked there. At the end of the blob already, it returns OCIREG_OK at once. Example:
 *
 * @code
 * while (next_tar_entry(reader)) unpack_into_temporary_directory();
 * if (ocireg_reader_verify(reader, context, &error) == OCIREG_OK) keep_the_directory();
 * @endcode
 *
 * @param reader   a reader. Not NULL.
 * @param context  the call's context; may be NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK when the whole blob has been read and is right; else as ocireg_reader_read(). After
 *         OCIREG_CANCELLED and OCIREG_DEADLINE it can be called again with another context.
 *
 * One thread at a time. Blocks until the rest of the blob is there. Since 0.2.
 */
int32_t ocireg_reader_verify(ocireg_reader *reader,
                             const ocireg_context *context,
                             ocireg_error **error);

/**
 * The size of the whole blob or layer, whatever the offset.
 *
 * @param reader  a reader, or NULL.
 * @return the size in bytes; -1 where it is not known, while another thread reads, and for NULL.
 *
 * One thread at a time. Never blocks. Since 0.1.
 */
int64_t ocireg_reader_size(const ocireg_reader *reader);

/**
 * Frees a reader, at any point.
 *
 * @param reader  a reader, or NULL, which does nothing.
 *
 * One thread, once, not while it is read from. Never blocks. Since 0.1.
 */
void ocireg_reader_free(ocireg_reader *reader);

/*
 * Writers: a blob or layer, written as a stream.
 */

/**
 * Writes the next bytes: takes all of them, or fails. After a failure the writer only repeats it.
 *
 * A blob is sent as it is written. A layer of protocol v1 waits in a temporary file, from which
 * ocireg_writer_commit() sends it.
 *
 * @param writer   a writer. Not NULL.
 * @param context  the call's context; may be NULL.
 * @param data     the bytes, borrowed for the call; Not NULL unless size is 0.
 * @param size     how many.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_POLICY when the registry sends the upload to another
 *         host, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE. For a layer OCIREG_LIMIT when it is larger
 *         than `spool` of the option `limits`, OCIREG_NO_SPACE or OCIREG_IO when it cannot be kept.
 *
 * One thread at a time. Blocks when a chunk is full: one exchange. Since 0.1.
 */
int32_t ocireg_writer_write(ocireg_writer *writer,
                            const ocireg_context *context,
                            const uint8_t *data,
                            size_t size,
                            ocireg_error **error);

/**
 * Ends the content: when this returns, the registry has it.
 *
 * A layer of protocol v1 is sent now, in gzip; what is no tar archive is not sent. A commit of a layer that failed can
 * be made again.
 *
 * @param writer        a writer. Not NULL.
 * @param context       the call's context; may be NULL.
 * @param options_json  `digest` and `size`: what must have been written, beside what was said when the writer was made
 *                      (of a layer only `size`); may be NULL.
 * @param json          receives the blob's OCI descriptor; the caller frees it with ocireg_string_free(); of a layer an object of
 *                      `checksum` (the tarsum) and `checksum_payload`, for
 *                      ocireg_session_push_image_checksum_registry(); may be NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_DIGEST, OCIREG_BUSY,
 *         OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH, OCIREG_POLICY, any network or registry code, OCIREG_CANCELLED,
 *         OCIREG_DEADLINE.
 *
 * One thread at a time. Blocks: one exchange or two. Since 0.1.
 */
int32_t ocireg_writer_commit(ocireg_writer *writer,
                             const ocireg_context *context,
                             const char *options_json,
                             char **json,
                             ocireg_error **error);

/**
 * Ends the upload without its content: the registry is told to forget what it has, and a temporary file is gone.
 *
 * @param writer   a writer. Not NULL.
 * @param context  the call's context; may be NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_BUSY, OCIREG_CANCELLED, OCIREG_DEADLINE. What the registry
 *         answers is no error: it forgets uploads in time.
 *
 * One thread at a time. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_writer_abort(ocireg_writer *writer, const ocireg_context *context, ocireg_error **error);

/**
 * Frees a writer. What was not committed is forgotten here; the registry forgets it in time.
 *
 * @param writer  a writer, or NULL, which does nothing.
 *
 * One thread, once, not while it is written to. Never blocks. Since 0.1.
 */
void ocireg_writer_free(ocireg_writer *writer);

/*
 * OCI layouts as caches: list, remove, collect garbage, verify.
 */

/**
 * Lists the images in an OCI layout.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       the context of the call; may be NULL.
 * @param options_json  {} (there are no options yet); may be NULL.
 * @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Key: `images`, a list
 *                      of {`name`, `descriptor`} in the order of the layout's index; `name` is absent where an image has none.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST, OCIREG_IO, OCIREG_PERMISSION,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Safe to call from any thread. Reads one file. Since 0.2.
 */
int32_t ocireg_layout_list(const char *location,
                           const ocireg_context *context,
                           const char *options_json,
                           char **json,
                           ocireg_error **error);

/**
 * Removes a name from an OCI layout. The blobs stay until ocireg_layout_collect() removes them.
 *
 * @param location      "oci:DIR:NAME". Not NULL.
 * @param context       the context of the call; may be NULL.
 * @param options_json  {} (there are no options yet); may be NULL.
 * @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Key: `removed`, the
 *                      descriptor of the image that had the name.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, OCIREG_NOT_FOUND if no image has the name, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON,
 *         OCIREG_INVALID_MANIFEST, OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Safe to call from any thread, and while other processes use the layout. May wait for those that are changing its index.
 * Since 0.2.
 */
int32_t ocireg_layout_remove(const char *location,
                             const ocireg_context *context,
                             const char *options_json,
                             char **json,
                             ocireg_error **error);

/**
 * Removes blobs that no image of an OCI layout needs, and partial downloads that are older than a week.
 *
 * An image counts if the layout's index lists it, with or without a name. A referrer without a name, such as a signature,
 * counts as long as its subject does; after that it is removed from the index too.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       the context of the call; may be NULL.
 * @param options_json  `dry_run` (default false: only report what would be removed); may be NULL.
 * @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Keys: `removed` (a
 *                      list of {`digest`, `size`}), `bytes` (their sizes together).
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, OCIREG_BUSY while a pull or copy, of any process that uses this library, writes to the layout,
 *         OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST or OCIREG_DIGEST_MISMATCH if a manifest is
 *         damaged (nothing is removed then), OCIREG_IO, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Safe to call from any thread. Blocks while it reads and removes files; pulls that begin meanwhile wait for it. Since 0.2.
 */
int32_t ocireg_layout_collect(const char *location,
                              const ocireg_context *context,
                              const char *options_json,
                              char **json,
                              ocireg_error **error);

/**
 * Hashes all blobs of an OCI layout, and looks for blobs that its images need and that are missing.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       the context of the call; may be NULL.
 * @param options_json  {} (there are no options yet); may be NULL.
 * @param json          receives the document; the caller frees it with ocireg_string_free(). Not NULL. Keys: `damaged` (a
 *                      list of {`digest`, `why`}, empty if the layout is intact), `checked` (how many blobs were hashed),
 *                      `bytes` (their sizes together).
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(). May be NULL. A damaged blob
 *                      is not an error.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_MANIFEST if index.json is malformed,
 *         OCIREG_IO, OCIREG_PERMISSION, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Safe to call from any thread. Blocks while it reads every blob; progress is reported in bytes. Since 0.2.
 */
int32_t ocireg_layout_verify(const char *location,
                             const ocireg_context *context,
                             const char *options_json,
                             char **json,
                             ocireg_error **error);

/*
 * Endpoints and TLS settings that a service would use for a host.
 */

/**
 * The endpoints to pull from, in the order to try them: mirrors of the official registry, then https, then
 * http for insecure hosts.
 *
 * @param service   a service. Not NULL.
 * @param context   deadline and cancellation; may be NULL.
 * @param hostname  the registry, host[:port]. Not NULL.
 * @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
 *                  `AllowNondistributableArtifacts`, `TLSConfig`; owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
 *         OCIREG_IO
 *         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
 */
int32_t ocireg_service_lookup_pull_endpoints(const ocireg_service *service,
                                             const ocireg_context *context,
                                             const char *hostname,
                                             char **json,
                                             ocireg_error **error);

/**
 * The endpoints to push to, in the order to try them: as to pull from, without mirrors.
 *
 * @param service   a service. Not NULL.
 * @param context   deadline and cancellation; may be NULL.
 * @param hostname  the registry, host[:port]. Not NULL.
 * @param json      receives a list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
 *                  `AllowNondistributableArtifacts`, `TLSConfig`; owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
 *         OCIREG_IO
 *         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
 */
int32_t ocireg_service_lookup_push_endpoints(const ocireg_service *service,
                                             const ocireg_context *context,
                                             const char *hostname,
                                             char **json,
                                             ocireg_error **error);

/**
 * What is known of a reference's repository under the service's configuration.
 *
 * @param service    a service. Not NULL.
 * @param context    deadline and cancellation; may be NULL.
 * @param reference  the reference. Not NULL.
 * @param json       receives an object: `Name`, `Index` (`Name`, `Mirrors`, `Secure`, `Official`), `Official`,
 *                   `Class`; owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8,
 *         OCIREG_INVALID_REFERENCE,
 *         OCIREG_INVALID_CONFIG, OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
 */
int32_t ocireg_service_resolve_repository(const ocireg_service *service,
                                          const ocireg_context *context,
                                          const char *reference,
                                          char **json,
                                          ocireg_error **error);

/**
 * How TLS is spoken to a host: unverified where it is insecure, else as its directory of certificates says.
 *
 * @param service   a service. Not NULL.
 * @param context   deadline and cancellation; may be NULL.
 * @param hostname  the registry, host[:port]. Not NULL.
 * @param json      receives an object: `InsecureSkipVerify`, `MinVersion`, `RootCAs` (paths), `Certificates`
 *                  (objects of `cert` and `key`); owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG,
 *         OCIREG_IO
 *         or OCIREG_PERMISSION when the host's certificates cannot be used, OCIREG_CANCELLED or OCIREG_DEADLINE.
 *
 * Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
 */
int32_t ocireg_service_tls_config(const ocireg_service *service,
                                  const ocireg_context *context,
                                  const char *hostname,
                                  char **json,
                                  ocireg_error **error);

/**
 * Whether a host is an insecure registry: certificates are not verified, and http is tried after https.
 *
 * @param service   a service. Not NULL.
 * @param context   deadline and cancellation; may be NULL.
 * @param host      the registry, host[:port]. Not NULL.
 * @param insecure  receives 1 or 0. Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8, OCIREG_CANCELLED or
 *         OCIREG_DEADLINE.
 *
 * Any thread. May wait for the name server where blocks of insecure registries have to be compared. Since 0.1.
 */
int32_t ocireg_service_is_insecure_registry(const ocireg_service *service,
                                            const ocireg_context *context,
                                            const char *host,
                                            int32_t *insecure,
                                            ocireg_error **error);

/*
 * Endpoints: one address of one registry.
 */

/**
 * Makes an endpoint. Does not speak to it.
 *
 * @param service            the service that it belongs to. Not NULL; may be freed afterwards.
 * @param api_endpoint_json  an object as the lookups give it; only `URL` is required. Without `TLSConfig` the
 *                           service's configuration for the host applies. `InsecureSkipVerify` alone sends no
 *                           credentials: list the host in `insecure-registries`. Other keys are ignored. Not NULL.
 * @param endpoint           receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
 * @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (also for an address with user info, query, fragment, another scheme
 *         than http and https, or a host that no URL can hold), OCIREG_INVALID_HANDLE, OCIREG_INVALID_UTF8,
 *         OCIREG_INVALID_JSON, or OCIREG_UNSUPPORTED for a MinVersion other than 1.2, and for Version v1 where the
 *         option v1 of the service is false.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_new(const ocireg_service *service,
                            const char *api_endpoint_json,
                            ocireg_endpoint **endpoint,
                            ocireg_error **error);

/**
 * Finds the endpoint of a v1 index or registry: asks it for `_ping` by https, and by http after that where the index is
 * not secure. The official index is not asked.
 *
 * @param service       the service that it belongs to. Not NULL; may be freed afterwards.
 * @param context       the call's context; may be NULL.
 * @param index_json    an IndexInfo: `Name` (host[:port]), `Secure`, `Official`. Not NULL.
 * @param user_agent    the User-Agent of all its requests; NULL or "" is the service's.
 * @param headers_json  more headers of all its requests, {"Name": ["value"]}; may be NULL.
 * @param endpoint      receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. With a secure index its hint says
 *                      how to allow another one; `attempts` holds the failures by https and http.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (also for an address that ends in v2), OCIREG_INVALID_JSON,
 *         OCIREG_INVALID_CONFIG when the certificates of its directory cannot be used, OCIREG_UNSUPPORTED when the
 *         option v1 of the service is false, any network code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: DNS, connection, one exchange or two. Since 0.1.
 */
int32_t ocireg_endpoint_new_v1(const ocireg_service *service,
                               const ocireg_context *context,
                               const char *index_json,
                               const char *user_agent,
                               const char *headers_json,
                               ocireg_endpoint **endpoint,
                               ocireg_error **error);

/**
 * The same place by protocol v1: the address of an endpoint, its TLS configuration, and other headers. Asks nobody.
 *
 * @param endpoint      an endpoint of either protocol. Not NULL.
 * @param user_agent    the User-Agent of all its requests; NULL or "" is the service's.
 * @param headers_json  more headers of all its requests, {"Name": ["value"]}; may be NULL.
 * @param v1            receives the endpoint; the caller frees it with ocireg_endpoint_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_JSON, OCIREG_INVALID_CONFIG when the certificates of its
 *         directory cannot be used, OCIREG_UNSUPPORTED when the option v1 of the service is false.
 *
 * Any thread. Never blocks, but may read files. Since 0.1.
 */
int32_t ocireg_endpoint_to_v1(const ocireg_endpoint *endpoint,
                              const char *user_agent,
                              const char *headers_json,
                              ocireg_endpoint **v1,
                              ocireg_error **error);

/**
 * The address of the endpoint's API: the URL with one / at its end, and `v2/` or `v1/`.
 *
 * @param endpoint  an endpoint. Not NULL.
 * @param text      receives the address; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_to_string(const ocireg_endpoint *endpoint, char **text, ocireg_error **error);

/**
 * The address of something below the endpoint's API: ocireg_endpoint_to_string() and the path.
 *
 * @param endpoint  an endpoint. Not NULL.
 * @param path      the path, as it stands in an address, without a / in front. Not NULL.
 * @param text      receives the address; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_HANDLE or OCIREG_INVALID_UTF8.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_path(const ocireg_endpoint *endpoint, const char *path, char **text, ocireg_error **error);

/**
 * Whether the other side's certificate is verified: https, and not an insecure registry.
 *
 * @param endpoint  an endpoint. Not NULL.
 * @param secure    receives 1 or 0. Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_HANDLE.
 *
 * Any thread. Never blocks: asks no name server. Since 0.1.
 */
int32_t ocireg_endpoint_is_secure(const ocireg_endpoint *endpoint, int32_t *secure, ocireg_error **error);

/**
 * Frees an endpoint. Calls on it that run end as they would; what was made from it lives on.
 *
 * @param endpoint  an endpoint, or NULL, which does nothing.
 *
 * One thread, once. Never blocks. Since 0.1.
 */
void ocireg_endpoint_free(ocireg_endpoint *endpoint);

/**
 * Asks the endpoint for its protocol's first address, without credentials.
 *
 * @param endpoint  an endpoint. Not NULL.
 * @param context   the call's context; may be NULL.
 * @param json      receives `protocol`; the caller frees it with ocireg_string_free(). With "v2" there are `confirmed` (whether the
 *                  version header says registry/2.0) and `challenges` (a list of `scheme` and `parameters`), with "v1"
 *                  `standalone` (whether it needs no index) and, if it says one, `version`. Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: DNS, connection, one exchange. Since 0.1.
 */
int32_t ocireg_endpoint_ping(const ocireg_endpoint *endpoint,
                             const ocireg_context *context,
                             char **json,
                             ocireg_error **error);

/*
 * Search, by protocol v1.
 */

/**
 * Searches an index for repositories, by protocol v1.
 *
 * The index is the one that the term names, else the official one, where `library/` in front of the term is left out.
 * Credentials with an `identitytoken` and a `username` are used through the index's token server where it has one
 * (scope registry:catalog:search); others as a session of protocol v1 uses them.
 *
 * @param service       a service. Not NULL.
 * @param context       deadline and cancellation; may be NULL.
 * @param term          the term, [HOST[:PORT]/]TERM. Not NULL.
 * @param limit         the most results wanted, 1 to 100; 25 is usual.
 * @param auth_json     the credentials, an AuthConfig; "{}" is anonymous; NULL is what the service knows for the index.
 * @param user_agent    the User-Agent of these requests; NULL or "" is the service's.
 * @param headers_json  more headers for them, an object of lists, {"X-Meta": ["value"]}; NULL is none.
 * @param json          receives an object: `query`, `num_results`, `results`, a list of objects: `name`, `description`,
 *                      `star_count`, `is_official`, `is_automated`; owned by the caller; free with ocireg_string_free(). Not NULL.
 * @param error         receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT (a scheme in the term, or the limit), OCIREG_INVALID_HANDLE,
 *         OCIREG_INVALID_UTF8, OCIREG_INVALID_JSON, OCIREG_INVALID_CONFIG, OCIREG_UNSUPPORTED (the service's option `v1`
 *         is false), OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER, OCIREG_UNAUTHORIZED, OCIREG_POLICY, or any failure of
 *         the network and of the registry.
 *
 * Any thread. Blocks: speaks to the index. Since 0.1.
 */
int32_t ocireg_service_search(const ocireg_service *service,
                              const ocireg_context *context,
                              const char *term,
                              int32_t limit,
                              const char *auth_json,
                              const char *user_agent,
                              const char *headers_json,
                              char **json,
                              ocireg_error **error);

/**
 * Searches the index.
 *
 * @param session  a session of protocol v1. Not NULL.
 * @param context  the call's context; may be NULL.
 * @param term     what to look for. Not NULL.
 * @param limit    how many results, 1 to 100.
 * @param json     receives `query`, `num_results` and `results` (`name`, `description`, `star_count`, `is_official`,
 *                 `is_automated`); the caller frees it with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_LIMIT, any
 *         network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_search_repositories(const ocireg_session *session,
                                           const ocireg_context *context,
                                           const char *term,
                                           int32_t limit,
                                           char **json,
                                           ocireg_error **error);

/*
 * Protocol v1: read images.
 */

/**
 * Asks the index for a repository: its images, and the registries that have them. What token the index gives is kept
 * for these registries, in place of an earlier one: work on several repositories at once needs a session for each.
 *
 * @param session    a session of protocol v1. Not NULL.
 * @param context    the call's context; may be NULL.
 * @param reference  the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not NULL.
 * @param json       receives `ImgList` (id to `id`, `checksum`, `Tag`) and `Endpoints` (roots for the other
 *                   functions); the caller frees it with ocireg_string_free(). Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2,
 *         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND (`what` is "repository"), OCIREG_POLICY when the index names a
 *         registry at another host (the option allow-v1-endpoints allows it) or credentials would go over plain http,
 *         any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_get_repository_data(const ocireg_session *session,
                                           const ocireg_context *context,
                                           const char *reference,
                                           char **json,
                                           ocireg_error **error);

/**
 * The tags of a repository, from the first registry that tells. One that says there is no such repository ends the
 * search.
 *
 * @param session          a session of protocol v1. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param registries_json  a list of roots that end in /v1/, asked in order. Not NULL.
 * @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
 *                         NULL.
 * @param json             receives an object of tag to image id; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
 *         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND (`what` is "repository"), any network or registry code,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange a registry. Since 0.1.
 */
int32_t ocireg_session_get_remote_tags(const ocireg_session *session,
                                       const ocireg_context *context,
                                       const char *registries_json,
                                       const char *reference,
                                       char **json,
                                       ocireg_error **error);

/**
 * The id of a tag's image, from the first registry that tells.
 *
 * @param session          a session of protocol v1. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param registries_json  a list of roots that end in /v1/, asked in order. Not NULL.
 * @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
 *                         NULL.
 * @param tag              the tag. Not NULL.
 * @param text             receives the id; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
 *         OCIREG_INVALID_REFERENCE, OCIREG_NOT_FOUND, any network or registry code, OCIREG_CANCELLED,
 *         OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange a registry. Since 0.1.
 */
int32_t ocireg_session_get_remote_tag(const ocireg_session *session,
                                      const ocireg_context *context,
                                      const char *registries_json,
                                      const char *reference,
                                      const char *tag,
                                      char **text,
                                      ocireg_error **error);

/**
 * The images that an image is made of: itself, its parent, and so on.
 *
 * @param session   a session of protocol v1. Not NULL.
 * @param context   the call's context; may be NULL.
 * @param image_id  the id of an image, 64 lower-case hex digits. Not NULL.
 * @param registry  the root of a registry, which ends in /v1/. Not NULL.
 * @param json      receives a list of ids, the image's own first; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
 *         OCIREG_PROTOCOL when the list does not begin with the image or goes in a circle, any network or registry
 *         code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_get_remote_history(const ocireg_session *session,
                                          const ocireg_context *context,
                                          const char *image_id,
                                          const char *registry,
                                          char **json,
                                          ocireg_error **error);

/**
 * Whether a registry has an image: success if so.
 *
 * @param session   a session of protocol v1. Not NULL.
 * @param context   the call's context; may be NULL.
 * @param image_id  the id of an image, 64 lower-case hex digits. Not NULL.
 * @param registry  the root of a registry, which ends in /v1/. Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND, any
 *         network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_lookup_remote_image(const ocireg_session *session,
                                           const ocireg_context *context,
                                           const char *image_id,
                                           const char *registry,
                                           ocireg_error **error);

/**
 * The JSON of an image, byte for byte, and the size of its layer.
 *
 * @param session     a session of protocol v1. Not NULL.
 * @param context     the call's context; may be NULL.
 * @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
 * @param registry    the root of a registry, which ends in /v1/. Not NULL.
 * @param data        receives the bytes; the caller frees it with ocireg_bytes_free(); may be NULL.
 * @param size        receives their number; may be NULL.
 * @param image_size  receives the size of the layer in bytes, -1 if the registry does not tell; may be NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
 *         OCIREG_PROTOCOL when it is the JSON of another image, OCIREG_LIMIT, any network or registry code,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_get_remote_image_json(const ocireg_session *session,
                                             const ocireg_context *context,
                                             const char *image_id,
                                             const char *registry,
                                             uint8_t **data,
                                             size_t *size,
                                             int64_t *image_size,
                                             ocireg_error **error);

/**
 * Opens the layer of an image as a stream. It goes on after a cut where the server sends parts and the size is known.
 *
 * @param session     a session of protocol v1. Not NULL.
 * @param context     the call's context; may be NULL.
 * @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
 * @param registry    the root of a registry, which ends in /v1/. Not NULL.
 * @param image_size  what ocireg_session_get_remote_image_json() gave; -1 or 0 if it is not known.
 * @param reader      receives the reader; the caller frees it with ocireg_reader_free(). Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_NOT_FOUND,
 *         OCIREG_SIZE_MISMATCH, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_get_remote_image_layer(const ocireg_session *session,
                                              const ocireg_context *context,
                                              const char *image_id,
                                              const char *registry,
                                              int64_t image_size,
                                              ocireg_reader **reader,
                                              ocireg_error **error);

/*
 * Protocol v1: push images.
 */

/**
 * Gives a registry the JSON of an image.
 *
 * @param session          a session of protocol v1. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param image_data_json  the image: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
 * @param registry         the root of a registry, which ends in /v1/. Not NULL.
 * @param data             the JSON, borrowed for the call; Not NULL unless size is 0.
 * @param size             how many bytes.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
 *         OCIREG_ALREADY_EXISTS when the registry has the image, any network or registry code, OCIREG_CANCELLED,
 *         OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_push_image_json_registry(const ocireg_session *session,
                                                const ocireg_context *context,
                                                const char *image_data_json,
                                                const char *registry,
                                                const uint8_t *data,
                                                size_t size,
                                                ocireg_error **error);

/**
 * Begins to give a registry the layer of an image. What is written is a plain tar archive; it waits in a temporary
 * file until ocireg_writer_commit() sends it as gzip. Its result is `checksum` and `checksum_payload`.
 *
 * @param session     a session of protocol v1. Not NULL.
 * @param context     the call's context; may be NULL.
 * @param image_id    the id of an image, 64 lower-case hex digits. Not NULL.
 * @param registry    the root of a registry, which ends in /v1/. Not NULL.
 * @param image_json  the JSON of the image, copied; Not NULL unless size is 0.
 * @param size        its bytes.
 * @param writer      receives the writer; the caller frees it with ocireg_writer_free(). Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_IO,
 *         OCIREG_NO_SPACE or OCIREG_PERMISSION when there can be no temporary file, any network or registry code,
 *         OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Never blocks for the network: asks nobody before the commit. Since 0.1.
 */
int32_t ocireg_session_push_image_layer_registry(const ocireg_session *session,
                                                 const ocireg_context *context,
                                                 const char *image_id,
                                                 const char *registry,
                                                 const uint8_t *image_json,
                                                 size_t size,
                                                 ocireg_writer **writer,
                                                 ocireg_error **error);

/**
 * Tells a registry the checksums of a layer that it was given.
 *
 * @param session          a session of protocol v1. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param image_data_json  the image: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
 * @param registry         the root of a registry, which ends in /v1/. Not NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
 *         OCIREG_ALREADY_EXISTS, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_push_image_checksum_registry(const ocireg_session *session,
                                                    const ocireg_context *context,
                                                    const char *image_data_json,
                                                    const char *registry,
                                                    ocireg_error **error);

/**
 * Gives an image a tag.
 *
 * @param session    a session of protocol v1. Not NULL.
 * @param context    the call's context; may be NULL.
 * @param reference  the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not NULL.
 * @param revision   the id of the image. Not NULL.
 * @param tag        the tag. Not NULL.
 * @param registry   the root of a registry, which ends in /v1/. Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2,
 *         OCIREG_INVALID_REFERENCE, any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_push_registry_tag(const ocireg_session *session,
                                         const ocireg_context *context,
                                         const char *reference,
                                         const char *revision,
                                         const char *tag,
                                         const char *registry,
                                         ocireg_error **error);

/**
 * Gives the index the list of a repository's images: before the registries get them, and again with `validate`, with
 * the checksums, after. Redirects are followed with the list.
 *
 * @param session          a session of protocol v1. Not NULL.
 * @param context          the call's context; may be NULL.
 * @param reference        the repository, such as "busybox" or "registry.example/team/app"; a tag is ignored. Not
 *                         NULL.
 * @param images_json      a list of images: `id`, `checksum`, `Tag`. With `validate` those without a checksum are
 *                         left out. Not NULL.
 * @param validate         0 before, 1 after.
 * @param registries_json  the roots of the registries that have the images, told to the index with `validate`. Not
 *                         NULL.
 * @param json             receives `ImgList` (empty) and `Endpoints` (where the images are to go, without
 *                         `validate`); the caller frees it with ocireg_string_free(); may be NULL.
 * @param error            receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_UNSUPPORTED for a session of protocol v2, OCIREG_INVALID_JSON,
 *         OCIREG_INVALID_REFERENCE, OCIREG_REDIRECT, OCIREG_POLICY when the index leads to another host (the option
 *         allow-v1-endpoints allows it), any network or registry code, OCIREG_CANCELLED, OCIREG_DEADLINE.
 *
 * Any thread. Blocks: one exchange. Since 0.1.
 */
int32_t ocireg_session_push_image_json_index(const ocireg_session *session,
                                             const ocireg_context *context,
                                             const char *reference,
                                             const char *images_json,
                                             int32_t validate,
                                             const char *registries_json,
                                             char **json,
                                             ocireg_error **error);

/*
 * Helpers for names, mirrors, credentials and certificates. They never use the network.
 */

/**
 * The host of a registry's address: drops one leading http:// or https://, then everything from the first /.
 *
 * @param url    the address. Not NULL.
 * @param text   receives the host; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_UTF8.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_convert_to_hostname(const char *url, char **text, ocireg_error **error);

/**
 * The name of an index as the library uses it: index.docker.io becomes docker.io, others stay as they are.
 *
 * @param name   the name. Not NULL.
 * @param text   receives the name; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, or OCIREG_INVALID_CONFIG for a name that
 *         begins or ends
 *         with a hyphen.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_validate_index_name(const char *name, char **text, ocireg_error **error);

/**
 * Checks the address of a mirror and ensures one / at its end.
 *
 * @param url    the address: http or https, without user info, query and fragment; a path is allowed. Not NULL.
 * @param text   receives the address; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, or OCIREG_INVALID_CONFIG, whose message never
 *         holds a password.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_validate_mirror(const char *url, char **text, ocireg_error **error);

/**
 * Parses an image reference, [HOST[:PORT]/]PATH[:TAG][@DIGEST].
 *
 * @param reference  the reference, such as busybox or registry.example/team/app:1.0. Not NULL.
 * @param json       receives an object: `domain`, `path`, `tag`, `digest` ("" where absent),
 *                   `name`, `familiar_name`, `familiar`, `canonical`, `with_default_tag`; freed by
 *                   ocireg_string_free(). Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_REFERENCE.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_reference(const char *reference, char **json, ocireg_error **error);

/**
 * What is known of a reference's repository without a configuration and without asking a name server: only
 * localhost, 127.0.0.0/8 and ::1 are insecure. ocireg_service_resolve_repository() knows more.
 *
 * @param reference  the reference. Not NULL.
 * @param json       receives an object: `Name`, `Index` (as of
 *                   ocireg_parse_search_index_info()), `Official`, `Class`; the caller frees it with ocireg_string_free(). Not
 *                   NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, OCIREG_INVALID_REFERENCE or
 *         OCIREG_INVALID_CONFIG.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_repository_info(const char *reference,
                                     char **json,
                                     ocireg_error **error);

/**
 * The index that a search term names, without a configuration and without asking a name server.
 *
 * @param term   the term, [HOST[:PORT]/]TERM. Not NULL.
 * @param json   receives an object: `Name`, `Mirrors`, `Secure`, `Official`; the caller frees it with ocireg_string_free(). Not
 *               NULL.
 * @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_CONFIG.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_search_index_info(const char *term,
                                       char **json,
                                       ocireg_error **error);

/**
 * The key under which the credentials of an index are kept: https://index.docker.io/v1/ for the official
 * one, else its name.
 *
 * @param index_json  an index: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
 * @param text        receives the key; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error       receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_auth_config_key(const char *index_json, char **text, ocireg_error **error);

/**
 * The credentials for an index among several: those under its key, else the first, in key order, whose host is
 * the key.
 *
 * @param auth_configs_json  an object of registry address to AuthConfig. Not NULL.
 * @param index_json         an index: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
 * @param json               receives an AuthConfig: `username`, `password`, `auth`,
 *                           `serveraddress`, `identitytoken`, `registrytoken` where not empty; {} if there is
 *                           none; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_resolve_auth_config(const char *auth_configs_json,
                                   const char *index_json,
                                   char **json,
                                   ocireg_error **error);

/**
 * The challenges in WWW-Authenticate header lines, one for each line; a malformed tail ends the parameters of its
 * line.
 *
 * @param header_lines_json  a list of the header's values. Not NULL.
 * @param json               receives a list of objects: `scheme` (in lower case) and `parameters`; freed by
 *                           ocireg_string_free(). Not NULL.
 * @param error              receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8 or OCIREG_INVALID_JSON.
 *
 * Any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_challenges(const char *header_lines_json,
                                char **json,
                                ocireg_error **error);

/**
 * Reads a directory of certificates as it is kept for a registry: *.crt are CA certificates, X.cert with X.key
 * is a client certificate. A directory that does not exist is empty.
 *
 * @param directory  the directory's path. Not NULL.
 * @param json       receives an object: `InsecureSkipVerify` (false), `MinVersion`,
 *                   `RootCAs` (paths, in name order), `Certificates` (objects of `cert` and `key`); freed by
 *                   ocireg_string_free(). Not NULL.
 * @param error      receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT, OCIREG_INVALID_UTF8, OCIREG_INVALID_CONFIG when a certificate or
 *         key lacks
 *         its other half, OCIREG_PERMISSION or OCIREG_IO when something cannot be read.
 *
 * Any thread. Reads files. Since 0.1.
 */
int32_t ocireg_read_certs_directory(const char *directory, char **json, ocireg_error **error);

/**
 * The directory whose subdirectories hold registries' certificates: /etc/docker/certs.d, or, under rootlesskit,
 * docker/certs.d in the user's configuration directory.
 *
 * @param text   receives the path; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error  receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK or OCIREG_INVALID_ARGUMENT.
 *
 * Any thread. Reads the environment (ROOTLESSKIT_STATE_DIR, XDG_CONFIG_HOME, HOME), but not in a set-user-ID or
 * file-capability program. Never blocks. Since 0.1.
 */
int32_t ocireg_certs_dir(char **text, ocireg_error **error);

/*
 * Helpers for programs without a JSON parser.
 */

/**
 * Gets a value out of JSON, such as the `digest` of the first layer of a manifest.
 *
 * The value is named by a JSON Pointer (RFC 6901): / before each key or index, indices from 0, ~1 for a / and ~0 for
 * a ~ within a key; "" is the whole. Example:
 *
 * @code
 * char *digest = NULL;
 * if (ocireg_json_get(report, "/descriptor/digest", &digest, &error) == OCIREG_OK) puts(digest);
 * ocireg_string_free(digest);
 * @endcode
 *
 * @param json     JSON: what a function of this library returned, a manifest, or any other with unique keys and no
 *                 more than 32 levels. Not NULL.
 * @param pointer  the JSON Pointer, such as /layers/0/digest. Not NULL.
 * @param text     receives the value: a string without quotes and escapes, anything else (numbers, true, false, null,
 *                 objects, arrays) as it stands in the JSON; the caller frees it with ocireg_string_free(). Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK; OCIREG_NOT_FOUND when there is no such value; OCIREG_INVALID_ARGUMENT for a pointer that does not
 *         begin with / or has a ~ without 0 or 1; OCIREG_INVALID_UTF8; OCIREG_INVALID_JSON; OCIREG_UNSUPPORTED when
 *         the value is a string that holds a NUL character.
 *
 * Any thread. Never blocks. Each call reads the JSON from its beginning. Since 0.2.
 */
int32_t ocireg_json_get(const char *json,
                        const char *pointer,
                        char **text,
                        ocireg_error **error);

/**
 * Counts the elements of an array, or the keys of an object, in JSON.
 *
 * Example, which goes through the layers of a manifest:
 *
 * @code
 * size_t layers = 0;
 * ocireg_json_length(manifest, "/layers", &layers, &error);
 * @endcode
 *
 * @param json     JSON, as for ocireg_json_get(). Not NULL.
 * @param pointer  the JSON Pointer of the array or object; "" is the whole. Not NULL.
 * @param length   receives the number; 0 on failure. Not NULL.
 * @param error    receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL.
 * @return OCIREG_OK; OCIREG_NOT_FOUND when there is no such value; OCIREG_INVALID_ARGUMENT for a value that is not an
 *         array or object, and for a pointer that is not valid; OCIREG_INVALID_UTF8; OCIREG_INVALID_JSON.
 *
 * Any thread. Never blocks. Since 0.2.
 */
int32_t ocireg_json_length(const char *json,
                           const char *pointer,
                           size_t *length,
                           ocireg_error **error);

/**
 * Makes the JSON of an AuthConfig from a user name and a password, with everything escaped that must be.
 *
 * The result is what `auth_json` parameters and the option `auth` take. Example:
 *
 * @code
 * char *auth = NULL, *result = NULL;
 * ocireg_auth_json("registry.example:5000", "alice", getenv("REGISTRY_PASSWORD"), &auth, &error);
 * ocireg_service_login(service, context, auth, NULL, &result, &error);
 * ocireg_string_free(auth);
 * @endcode
 *
 * @param host      the registry as host[:port], for `serveraddress`, which login and auth read; docker.io is
 *                  https://index.docker.io/v1/. NULL or "" leaves it out.
 * @param username  the user's name, without control characters and colons. NULL or "" is anonymous, and password must
 *                  be so, too.
 * @param password  the user's password or access token; it may have several lines, as a JSON key file has. NULL is
 *                  not allowed with a username; "" is an empty password.
 * @param json      receives the AuthConfig: `username`, `password`, `serveraddress` where not empty; it holds the
 *                  password; the caller frees it with ocireg_string_free(), which overwrites it. Not NULL.
 * @param error     receives an error on failure; the caller frees it with ocireg_error_free(); may be NULL. It never holds the password.
 * @return OCIREG_OK, OCIREG_INVALID_ARGUMENT or OCIREG_INVALID_UTF8.
 *
 * Any thread. Never blocks. Since 0.2.
 */
int32_t ocireg_auth_json(const char *host,
                         const char *username,
                         const char *password,
                         char **json,
                         ocireg_error **error);

/*
 * The version of the library, and the names of error codes.
 */

/**
 * The library's version, such as "0.1.0".
 *
 * @return static text.
 *
 * Any thread. Never blocks. Since 0.1.
 */
const char *ocireg_version(void);

/**
 * The library's version and abilities as a JSON object: `version`, `features` (names), `protocols`, `http`, `tls`.
 *
 * @return static text.
 *
 * Any thread. Never blocks. Since 0.1.
 */
const char *ocireg_version_info(void);

/**
 * The library's version as a number: major << 16 | minor << 8 | patch.
 *
 * @return the number; compare with OCIREG_VERSION_NUMBER, which is that of the header.
 *
 * Any thread. Never blocks. Since 0.1.
 */
uint32_t ocireg_version_number(void);

/**
 * The name of a code, such as "OCIREG_NOT_FOUND" for 80.
 *
 * @param code  what a function returned.
 * @return static text; "OCIREG_UNKNOWN" for a number that this version does not know.
 *
 * Any thread. Never blocks. Since 0.1.
 */
const char *ocireg_code_name(int32_t code);

/**
 * Explains a code in one sentence, such as "The requested object does not exist." for 80.
 *
 * For messages about a code without its error object; ocireg_error_message() says more. Example:
 *
 * @code
 * fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_code_text(code));
 * @endcode
 *
 * @param code  what a function returned.
 * @return static text, the same for each call; never NULL. For a number that this version does not know, a sentence
 *         that says so.
 *
 * Any thread. Never blocks. Since 0.2.
 */
const char *ocireg_code_text(int32_t code);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCIREG_H */
