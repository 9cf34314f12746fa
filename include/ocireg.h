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
 * from or written to: docker://REFERENCE for a registry, oci:DIR[:NAME] for an OCI layout in a directory,
 * oci-archive:FILE[:NAME] for a tar archive of one, docker-archive:FILE[:REFERENCE] for an archive of docker save,
 * files:DIR for the files of an artifact.
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
/* A manifest, image configuration or layer is not valid. */
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
 * A deadline, cancellation and a progress callback for calls.
 *
 * One context may serve several calls, at the same time or one after the other. ocireg_context_cancel() may be called
 * from any thread and from a signal handler; all other functions from one thread at a time, and not while a call runs
 * under the context.
 */
typedef struct ocireg_context ocireg_context;

/**
 * One address of a registry, with its protocol and its TLS settings.
 *
 * It never changes, so any number of threads may use it at once. It may be freed while calls on it run, and before the
 * sessions that were created from it.
 */
typedef struct ocireg_endpoint ocireg_endpoint;

/**
 * What went wrong in a call: a code, a message, and a JSON object with everything that is known.
 *
 * A function that fails stores it in its last parameter, unless that is NULL. It never changes, so any thread may read
 * it at any time. Free it with ocireg_error_free().
 */
typedef struct ocireg_error ocireg_error;

/**
 * A blob, or a layer of protocol v1, that is read as a stream.
 *
 * It may move between threads, but only one thread may use it at a time; another one gets OCIREG_BUSY. Its session may
 * be freed before it.
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
 * A registry or one of its repositories, with the endpoints that serve it and the credentials for it.
 *
 * It may be used from any number of threads at once. It may be freed while calls on it run, and its service and
 * endpoint may be freed before it. A session speaks either protocol v2 or protocol v1; functions for the other
 * protocol return OCIREG_UNSUPPORTED.
 */
typedef struct ocireg_session ocireg_session;

/**
 * A blob, or a layer of protocol v1, that is written to a registry as a stream.
 *
 * It may move between threads, but only one thread may use it at a time; another one gets OCIREG_BUSY. Its session may
 * be freed before it.
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
 * Drop callback: called once with the user_data of another callback, after the last call of that callback.
 */
typedef void (*ocireg_drop_fn)(void *user_data);

/**
 * Progress callback: receives the events of a call.
 *
 * It is called only on the thread that is inside the call, at most every 100 ms for each blob, and at least once a
 * second while the call waits. It must not throw, jump out, or free or change a handle that the running call uses. It
 * may make calls of its own; a call that needs the token that the running call is fetching gets OCIREG_BUSY.
 *
 * @param user_data   The pointer that was passed to ocireg_context_set_progress().
 * @param done        The number of bytes that the whole call has transferred so far.
 * @param total       The number of bytes that the whole call has to transfer, as far as is known.
 * @param event_json  A JSON object, valid until the callback returns. `kind` is "start", "blob", "manifest", "retry",
 *                    "wait", "endpoint", "tick" or "finish"; ignore other kinds. The other keys depend on the kind. Of
 *                    a blob or manifest: `digest`, `media_type`, `offset`, `total`, `done` (a boolean), `direction`
 *                    ("down" or "up"), `source`; of an image of protocol v1: `what` (its id); of a retry: `attempt`,
 *                    `delay_ms`, `code`, `message`. docs/events.md describes them.
 * @return 0 to continue. Any other value stops the call with OCIREG_CANCELLED.
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
 *                      image is named after the reference, with its tag. Or "oci-archive:FILE[:NAME]": a tar archive of
 *                      such a layout. Or "docker-archive:FILE[:REFERENCE]": a tar archive of one image, which
 *                      docker load reads; its layers are stored uncompressed, after they were checked against the
 *                      image's configuration, and it is tagged with REFERENCE, or else with the reference of the
 *                      source unless that has a digest. An archive replaces an existing FILE once it is complete; a
 *                      call that fails leaves FILE as it was. Or "files:DIR": each layer of an artifact
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
 *                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
 *                        configuration before the image gets its name; layers that are there already are read again
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
 * @param source        "oci:DIR[:NAME]". NAME may be left out if the layout has only one image. Or
 *                      "oci-archive:FILE[:NAME]": a tar archive of a layout. Or "docker-archive:FILE[:REFERENCE]": an
 *                      archive that docker save, podman, skopeo or crane wrote; REFERENCE may be an at sign and the
 *                      image's number, counted from 0. Its manifest is created by this call, in Docker's format; layers are pushed as they
 *                      are in the archive. Archives may be compressed with gzip or zstd; they are then decompressed
 *                      into a temporary file. Or "files:DIR": the files in DIR are pushed as an artifact, as oras does
 *                      it. Not NULL.
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
 *                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
 *                        configuration before the image gets its name; layers that the destination already has are
 *                        read from it if it is on this machine, else from the source
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
 * @param source        "docker://REFERENCE", "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]",
 *                      "docker-archive:FILE[:REFERENCE]" or "files:DIR". Not NULL.
 * @param destination   One of the same. Without NAME the image keeps the name that it has at the source. Of an index,
 *                      "docker-archive" takes the image for one platform. Not NULL.
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
 *                      - `verify_diff_ids` (default false): decompress every layer and check it against the image's
 *                        configuration before the image gets its name; layers that the destination already has are
 *                        read from it if it is on this machine, else from the source
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
 * Unpacks an image to a directory, as the root file system of a container.
 *
 * The layers are applied while they are downloaded; nothing is stored but the files themselves. Each blob is verified
 * against its digest and each layer against the image's configuration. If anything fails, the directory is left as it
 * was: absent or empty. Nothing outside the directory is created or changed, whatever the image contains.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        A reference, "docker://REFERENCE" or "oci:DIR[:NAME]"; without NAME the only image in the layout.
 *                      Not NULL.
 * @param directory     The path of a directory that does not exist or is empty. One that does not exist appears when the
 *                      image is complete; the directory above it must exist. Its data is not synced to the disk. Not
 *                      NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
 *                      - `platform` (default: this machine's platform), as in ocireg_pull()
 *                      - `ownership` (default "preserve" for root or with a map, else "current"): "preserve" keeps the
 *                        owners that the image names, "current" gives everything to the calling user
 *                      - `uid_map`, `gid_map`: lists of {`container`, `host`, `size`}; IDs without a mapping are an error
 *                      - `xattrs` (default "all" for root, else "user"): "all", "user" or "none" of the extended
 *                        attributes. "trusted.overlay.*" and those that belong to the host are never set
 *                      - `devices` (default "create" for root, else "skip"): character and block devices
 *                      - `limits`: {`bytes` (default 64 GiB of data, not counting holes), `entries` (default 4000000),
 *                        `path` (default 4096 bytes)}
 *                      - `layout`: "oci:DIR[:NAME]", a layout that keeps the image as well; blobs that it already has
 *                        are not downloaded
 *                      - `dir_fd` (default: the working directory): an open directory that relative paths start from
 * @param report_json   Receives the report as a JSON object, with the keys of ocireg_pull() and `entries`, `bytes`,
 *                      `diff_ids` and `skipped` [{`path`, `why`}], which lists the first 10000 devices and extended
 *                      attributes that were left out. Free it with ocireg_string_free(). May be NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, among them:
 *         - OCIREG_INVALID_ARGUMENT: the directory is not empty, or an option is not valid
 *         - OCIREG_INVALID_MANIFEST: a layer is not a valid archive, or an entry leads out of the directory; `what` is
 *           "entry"
 *         - OCIREG_DIGEST_MISMATCH: a blob is damaged, or a layer is not what the configuration says; `what` is "diff_id"
 *         - OCIREG_LIMIT: the image is larger than `limits`
 *         - OCIREG_PERMISSION: an ID has no mapping, or the process may not set owners or create devices
 *         - OCIREG_NO_SPACE: the disk is full
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the image is unpacked. After a
 * cancellation it first removes what it has created. Since 0.2.
 */
int32_t ocireg_unpack(const ocireg_service *service,
                      const ocireg_context *context,
                      const char *source,
                      const char *directory,
                      const char *options_json,
                      char **report_json,
                      ocireg_error **error);

/**
 * Describes an image without downloading its layers.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param source        A reference, "docker://REFERENCE", "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]",
 *                      "docker-archive:FILE[:REFERENCE]" or "files:DIR", which is described as the artifact that
 *                      ocireg_push() would make of it without options. Not NULL.
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
 * Creates a context without a deadline and without a callback.
 *
 * @param context  Receives the context. Free it with ocireg_context_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_IO if the process has no file descriptor left.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_context_new(ocireg_context **context, ocireg_error **error);

/**
 * Sets one deadline for all calls under the context.
 *
 * The time is counted from now. A call that reaches the deadline returns OCIREG_DEADLINE.
 *
 * @param context       The context. NULL does nothing.
 * @param milliseconds  The time until the deadline. 0 removes the deadline.
 *
 * Call it from one thread at a time. Never blocks. Since 0.1.
 */
void ocireg_context_set_timeout(ocireg_context *context, uint64_t milliseconds);

/**
 * Sets or removes the progress callback for calls under the context.
 *
 * @param context    The context. If it is NULL, nothing happens but the call of `drop`.
 * @param progress   The callback, which replaces the previous one. NULL removes it.
 * @param user_data  Passed to the callback. May be NULL.
 * @param drop       Called once with user_data when the callback will not be called any more. May be NULL.
 *
 * Call it from one thread at a time, and not from a callback. Never blocks. Since 0.1.
 */
void ocireg_context_set_progress(ocireg_context *context,
                                 ocireg_progress_fn progress,
                                 void *user_data,
                                 ocireg_drop_fn drop);

/**
 * Cancels all calls under the context.
 *
 * Calls that are running return OCIREG_CANCELLED within a second, whatever they wait for. Calls that start later
 * return it at once: a cancelled context stays cancelled.
 *
 * @param context  The context. NULL does nothing.
 *
 * Safe to call from any thread and from a signal handler (it keeps errno), but not during or after
 * ocireg_context_free(). Never blocks. Since 0.1.
 */
void ocireg_context_cancel(const ocireg_context *context);

/**
 * Frees a context.
 *
 * All calls under the context must have returned. Readers and writers do not keep it.
 *
 * @param context  The context. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_context_free(ocireg_context *context);

/*
 * Errors: what went wrong, and what can be done about it.
 */

/**
 * Returns the code of an error.
 *
 * @param error  The error. May be NULL.
 * @return The code, such as OCIREG_NOT_FOUND; 0 for NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_code(const ocireg_error *error);

/**
 * Returns the message of an error: one line that says what failed and why.
 *
 * @param error  The error. May be NULL.
 * @return A string that belongs to the error and is valid until ocireg_error_free(); "" for NULL. Never NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
const char *ocireg_error_message(const ocireg_error *error);

/**
 * Returns everything that is known about an error as a JSON object.
 *
 * It contains `code`, `name`, `message`, `retryable`, and the keys that apply: `causes`, `http_status`, `errors`
 * (those that the registry sent), `method`, `scheme`, `host`, `path` (without the query string), `endpoint`, `phase`,
 * `digest_expected`, `digest_actual`, `size_expected`, `size_actual`, `bytes_done`, `retry_after_ms`, `cancelled_by`,
 * `what`, `argument`, `attempts` (the errors of all endpoints that were tried), `hint`.
 *
 * @param error  The error. May be NULL.
 * @return A string that belongs to the error and is valid until ocireg_error_free(); "{}" for NULL. Never NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
const char *ocireg_error_json(const ocireg_error *error);

/**
 * Returns what the user can do about an error, such as which option to set or which file to check.
 *
 * It is the same string as `hint` of ocireg_error_json(). Example:
 *
 * @code
 * fprintf(stderr, "error: %s\n", ocireg_error_message(error));
 * if (*ocireg_error_hint(error)) fprintf(stderr, "hint: %s\n", ocireg_error_hint(error));
 * @endcode
 *
 * @param error  The error. May be NULL.
 * @return A line that belongs to the error and is valid until ocireg_error_free(); "" if there is no hint, and for
 *         NULL. Never NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.2.
 */
const char *ocireg_error_hint(const ocireg_error *error);

/**
 * Returns the HTTP status that caused an error.
 *
 * @param error  The error. May be NULL.
 * @return The status, such as 404; 0 if there was none, and for NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_http_status(const ocireg_error *error);

/**
 * Returns how long the registry asked to wait before the next attempt.
 *
 * @param error  The error. May be NULL.
 * @return The time in milliseconds; -1 if the registry did not say, and for NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int64_t ocireg_error_retry_after_ms(const ocireg_error *error);

/**
 * Returns whether the same call may succeed if you try again.
 *
 * @param error  The error. May be NULL.
 * @return 1 or 0; 0 for NULL.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_error_retryable(const ocireg_error *error);

/**
 * Frees an error and the strings that belong to it.
 *
 * @param error  The error. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_error_free(ocireg_error *error);

/*
 * Memory: free what the library returned.
 */

/**
 * Overwrites and frees a string that a function of this library returned.
 *
 * Do not free the strings of an error, or those that ocireg_version() and similar functions return.
 *
 * @param text  The string. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_string_free(char *text);

/**
 * Overwrites and frees bytes that a function of this library returned.
 *
 * @param data  The bytes. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_bytes_free(uint8_t *data);

/*
 * Credentials: check, store, find and remove them.
 */

/**
 * Checks credentials with a registry. Nothing is stored.
 *
 * The registry is `serveraddress` of the credentials, or Docker Hub if that is absent. Its endpoints for pushing are
 * tried in order, never a mirror. Wrong credentials end the search. After any other failure the next endpoint is
 * tried; the error is the last failure, and its `attempts` has all of them. If the service option `v1` is true,
 * protocol v1 is tried last. A registry that does not ask for credentials accepts all of them.
 *
 * @param service     The service. Not NULL.
 * @param context     The deadline, cancellation and progress callback of this call. May be NULL.
 * @param auth_json   The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials for
 *                    Docker Hub are checked.
 * @param user_agent  The User-Agent header of these requests; "" sends none. If it is NULL, the service's is used.
 * @param json        Receives a JSON object: `Status` ("Login Succeeded") and `IdentityToken` (if it is not "", store
 *                    it instead of the password). It may contain a secret. Free it with ocireg_string_free(). Not
 *                    NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_UNAUTHORIZED: the user name or password is wrong.
 *         - OCIREG_POLICY: the registry names a token server that must not get these credentials; the error's hint
 *           names the option that allows it.
 *         - OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER: the service's credentials cannot be read.
 *
 * Safe to call from any thread. Blocks for a few requests. Since 0.1.
 */
int32_t ocireg_service_auth(const ocireg_service *service,
                            const ocireg_context *context,
                            const char *auth_json,
                            const char *user_agent,
                            char **json,
                            ocireg_error **error);

/**
 * Checks credentials with the registry, then stores them.
 *
 * They are stored in the credential helper that config.json configures for the registry (`credHelpers`, else
 * `credsStore`), or in config.json itself if there is none. config.json is in the directory that the option
 * `docker-config` names (else $DOCKER_CONFIG, else ~/.docker); if that option is "", nothing is stored. If a
 * configured helper is missing or fails, the login fails, and nothing is stored elsewhere; a missing helper is noticed
 * before anything is sent. config.json is replaced atomically, only its owner can read it, and its other keys stay
 * unchanged. A symbolic link is followed. Concurrent logins through this library wait for each other. Example:
 *
 * @code
 * char *auth = NULL, *result = NULL;
 * int32_t code = ocireg_auth_json("registry.example:5000", "alice", getenv("REGISTRY_PASSWORD"), &auth, &error);
 * if (code == OCIREG_OK) code = ocireg_service_login(service, context, auth, NULL, &result, &error);
 * ocireg_string_free(result);
 * ocireg_string_free(auth);
 * @endcode
 *
 * @param service     The service. Not NULL.
 * @param context     The deadline, cancellation and progress callback of this call. May be NULL.
 * @param auth_json   The credentials as an AuthConfig with `username` and `password` (or `auth`), or with
 *                    `identitytoken`; `serveraddress` is the registry, as for ocireg_service_auth(). Not NULL.
 * @param user_agent  The User-Agent header of these requests; "" sends none. If it is NULL, the service's is used.
 * @param json        Receives a JSON object: `Status` and `IdentityToken` as from ocireg_service_auth(), and `stored`
 *                    ("config.json", the name of the helper, or "none"). It may contain a secret. Free it with
 *                    ocireg_string_free(). Not NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code as from ocireg_service_auth(), and also:
 *         - OCIREG_CREDENTIALS: config.json cannot be read.
 *         - OCIREG_CREDENTIAL_HELPER: the credential helper is missing or failed.
 *         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: config.json cannot be written; it is unchanged.
 *
 * Safe to call from any thread. Blocks for a few requests, while a helper runs, and while the file is written.
 * Since 0.1.
 */
int32_t ocireg_service_login(const ocireg_service *service,
                             const ocireg_context *context,
                             const char *auth_json,
                             const char *user_agent,
                             char **json,
                             ocireg_error **error);

/**
 * Removes the stored credentials of a registry.
 *
 * They are removed from config.json and from the credential helper that it configures for the registry, under every
 * name that a login may have used. It is not an error if there are none. The registry is not contacted. A logout from
 * Docker Hub also removes the tokens that a browser login with `docker login` has stored.
 *
 * @param service  The service. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param host     The registry as host[:port] or URL; "docker.io" is Docker Hub. Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_CREDENTIALS: config.json cannot be read.
 *         - OCIREG_CREDENTIAL_HELPER: the credential helper failed.
 *         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: config.json cannot be written; it is unchanged.
 *
 * Safe to call from any thread. Blocks while a helper runs and while the file is written. Never uses the network.
 * Since 0.1.
 */
int32_t ocireg_service_logout(const ocireg_service *service,
                              const ocireg_context *context,
                              const char *host,
                              ocireg_error **error);

/**
 * Returns which credentials would be used for a registry and where they come from, without the secret.
 *
 * These sources are searched in order:
 * - the service option `credentials`
 * - $DOCKER_AUTH_CONFIG, which contains the text of a config.json
 * - config.json in the directory that the option `docker-config` names, else in $DOCKER_CONFIG, else in ~/.docker: its
 *   `credHelpers`, else its `credsStore`, then its `auths`
 * - the file $REGISTRY_AUTH_FILE, else containers/auth.json in $XDG_RUNTIME_DIR (/run/containers/UID/auth.json if that
 *   is not set), then in $XDG_CONFIG_HOME or ~/.config
 *
 * If none has credentials, requests are anonymous. Within a source the longest path wins: the repository, then the
 * paths that contain it, then the host. Credentials that are passed to a call come before all of these.
 *
 * If `docker-config` is "", none of these files and variables is read. If `environment` is false, only the file in
 * `docker-config` is read. The files are read as Docker reads them: keys are case-insensitive, null is an empty value,
 * the last of two equal keys wins, and an entry that cannot be used only affects its own registry.
 *
 * A credential helper is the program docker-credential-NAME in a directory of $PATH. It inherits the environment of
 * this process and must answer within `credential-helper-timeout-ms`. If `environment` is false no helper runs, and a
 * configured one is an error. If a helper has no credentials, the search continues; if it fails, this function fails,
 * and so does every call that logs in, pushes or deletes. Calls that only read continue without credentials and say so
 * in their `warnings` and in the log; if the registry then asks for credentials, they fail with the helper's error.
 * The same applies to a file that cannot be used, except $REGISTRY_AUTH_FILE: if that cannot be used, every call
 * fails.
 *
 * @param service  The service. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param host     The registry as host[:port], or a repository as host[:port]/path. Not NULL.
 * @param json     Receives a JSON object with the keys that apply: `username`, `source` ("credentials" for the option,
 *                 the path of a file, the variable, or the name of a helper), `kind` ("password", "identity_token",
 *                 "registry_token" or "anonymous"). Free it with ocireg_string_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_CREDENTIALS: a file cannot be read or used.
 *         - OCIREG_CREDENTIAL_HELPER: a credential helper failed.
 *
 * Safe to call from any thread. Blocks while files are read and while a helper runs. Never uses the network.
 * Since 0.1.
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
 * Opens a session for a repository or for a whole registry.
 *
 * The registry's endpoints are tried in order, mirrors first, and the session uses the first one that answers. Later
 * calls may switch to the next endpoint. Example:
 *
 * @code
 * ocireg_session *session = NULL;
 * char *tags = NULL;
 * int32_t code = ocireg_session_open(service, context, "registry.example/team/app", NULL, &session, &error);
 * if (code == OCIREG_OK) code = ocireg_session_list_tags(session, context, NULL, &tags, &error);
 * @endcode
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param reference     The reference, such as "alpine:3.20" or "registry.example/team/app@sha256:…". Not NULL, unless
 *                      the option `registry` is set.
 * @param options_json  A JSON object; may be NULL:
 *                      - `auth` (AuthConfig; default: the service's credentials; {} is anonymous)
 *                      - `actions` (default ["pull"]): what the session will do, such as ["pull", "push"] or
 *                        ["delete"]; mirrors are used only if it only pulls
 *                      - `registry`: the whole registry at this host[:port], instead of a reference
 *                      - `protocol` (default "v2"): "v1" opens a session with the v1 index at the reference's host,
 *                        which is found as by ocireg_endpoint_new_v1()
 * @param session       Receives the session. Free it with ocireg_session_free(). Not NULL.
 * @param error         Receives the error on failure; its `attempts` has the failure of each endpoint. Free it with
 *                      ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_REFERENCE: the reference is not valid.
 *         - OCIREG_CREDENTIALS, OCIREG_CREDENTIAL_HELPER: the service's credentials cannot be read, and the session is
 *           for more than pulling.
 *         - OCIREG_UNSUPPORTED: `protocol` is "v1", but the service option `v1` is false.
 *
 * Safe to call from any thread. Blocks while a credential helper runs, and for one request to each endpoint.
 * Since 0.1.
 */
int32_t ocireg_session_open(const ocireg_service *service,
                            const ocireg_context *context,
                            const char *reference,
                            const char *options_json,
                            ocireg_session **session,
                            ocireg_error **error);

/**
 * Creates a session for a whole registry at one endpoint.
 *
 * Protocol v2 sends nothing yet. With protocol v1, an endpoint that uses https and gets credentials is asked whether
 * it needs an index.
 *
 * @param endpoint   The endpoint. Not NULL.
 * @param context    The deadline, cancellation and progress callback of this call. May be NULL.
 * @param auth_json  The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials for
 *                   the host are used.
 * @param session    Receives the session. Free it with ocireg_session_free(). Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_CREDENTIALS if the file $REGISTRY_AUTH_FILE cannot be used. A
 *         credential helper that fails is reported by the first call that changes something or is refused.
 *
 * Safe to call from any thread. May block while a credential helper runs. Blocks for one request with protocol v1.
 * Since 0.1.
 */
int32_t ocireg_session_new(const ocireg_endpoint *endpoint,
                           const ocireg_context *context,
                           const char *auth_json,
                           ocireg_session **session,
                           ocireg_error **error);

/**
 * Creates a session for a repository at the same endpoints as another session.
 *
 * @param session     The session. Not NULL.
 * @param name        The repository's path in the registry, such as "library/alpine". Not NULL.
 * @param repository  Receives the session. Free it with ocireg_session_free(). Not NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the path is not valid.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_repository(const ocireg_session *session,
                                  const char *name,
                                  ocireg_session **repository,
                                  ocireg_error **error);

/**
 * Returns the id of a session: 64 random hexadecimal digits.
 *
 * @param session  The session. Not NULL.
 * @param text     Receives the id. Free it with ocireg_string_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_id(const ocireg_session *session, char **text, ocireg_error **error);

/**
 * Describes a session.
 *
 * @param session  The session. Not NULL.
 * @param json     Receives a JSON object: `protocol` ("v2" or "v1"), `endpoint` (the URL in use), `mirror` (whether
 *                 that is a mirror), and the keys that apply: `repository` (its path), `reference` (canonical),
 *                 `warnings` (a list of strings about what failed while the session was opened, such as a credential
 *                 helper). Free it with ocireg_string_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_session_info(const ocireg_session *session,
                            char **json,
                            ocireg_error **error);

/**
 * Requests `/v2/` or `/v1/_ping` from the endpoint, without credentials.
 *
 * @param session  The session. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param json     Receives the same JSON object as from ocireg_endpoint_ping(). Free it with ocireg_string_free(). Not
 *                 NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or an error code if the endpoint does not answer as a registry.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_ping(const ocireg_session *session,
                            const ocireg_context *context,
                            char **json,
                            ocireg_error **error);

/**
 * Frees a session.
 *
 * Calls that are running, and readers and writers of the session, are not affected.
 *
 * @param session  The session. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_session_free(ocireg_session *session);

/*
 * What a registry has: repositories, tags and referrers.
 */

/**
 * Lists the repositories of the registry.
 *
 * @param session       The session. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `n` (default: all pages): return one page of about this many repositories
 *                      - `last`: only return repositories after this one
 *                      - `next`: the `next` of the previous page
 * @param json          Receives a JSON object: `repositories`, `next` if there is another page, and `warnings`. Names
 *                      that are not valid are left out and mentioned there. Free it with ocireg_string_free(). Not
 *                      NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND, OCIREG_UNSUPPORTED: the registry does not list its repositories.
 *         - OCIREG_LIMIT: the list exceeds `limits` of the service.
 *
 * Safe to call from any thread. Blocks for one request for each page. Since 0.2.
 */
int32_t ocireg_session_catalog(const ocireg_session *session,
                               const ocireg_context *context,
                               const char *options_json,
                               char **json,
                               ocireg_error **error);

/**
 * Lists the tags of the repository.
 *
 * @param session       A session for a repository. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `n` (default: all pages): return one page of about this many tags
 *                      - `last`: only return tags after this one
 *                      - `next`: the `next` of the previous page
 * @param json          Receives a JSON object: `name`, `tags`, `next` if there is another page, and `warnings`. Tags
 *                      that are not valid are left out and mentioned there. Free it with ocireg_string_free(). Not
 *                      NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not exist.
 *         - OCIREG_LIMIT: the list exceeds `limits` of the service.
 *         - OCIREG_POLICY: the registry says that the next page is on another host.
 *
 * Safe to call from any thread. Blocks for one request for each page. Since 0.1.
 */
int32_t ocireg_session_list_tags(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *options_json,
                                 char **json,
                                 ocireg_error **error);

/**
 * Lists the manifests whose `subject` is a given manifest, such as its signatures.
 *
 * The referrers API is used, or the fallback tag if the registry does not have that API.
 *
 * @param session       A session for a repository. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest        The digest of the subject, which need not exist. Not NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `artifact_type`: only list manifests of this type
 *                      - `annotations`: an object of strings; only list manifests with all of these annotations
 * @param json          Receives an OCI index of the manifests, with `source` ("api" or "tag") and `warnings`. Free it
 *                      with ocireg_string_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_DIGEST: the digest is not valid.
 *         - OCIREG_INVALID_MANIFEST: the registry's list is not a valid index.
 *         - OCIREG_LIMIT: the list exceeds `limits` of the service.
 *         - OCIREG_POLICY: the registry says that the next page is on another host.
 *
 * Safe to call from any thread. Blocks for one request for each page, and one for the fallback tag. Since 0.2.
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
 * Gets a manifest or index and verifies its digest.
 *
 * A tag is resolved by the registry, so its digest is only as trustworthy as the registry. Manifests of Docker's
 * schema 1 are not supported.
 *
 * @param session          A session for a repository. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param tag_or_digest    The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
 *                         has none.
 * @param options_json     A JSON object; may be NULL:
 *                         - `platform`: "os[(version)]/arch[/variant]"; select the image for this platform from an
 *                           index
 *                         - `accept`: a list of media types; a manifest of a listed type is returned even if this
 *                           library does not know the type
 *                         - `max_size`: the largest size in bytes, if it is less than the service's limit
 * @param descriptor_json  Receives the OCI descriptor. Free it with ocireg_string_free(). May be NULL.
 * @param data             Receives the bytes of the manifest exactly as the registry sent them. Free them with
 *                         ocireg_bytes_free(). May be NULL.
 * @param size             Receives the number of bytes. May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have the manifest.
 *         - OCIREG_NO_PLATFORM: the index has no image for `platform`.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
 *         - OCIREG_INVALID_MANIFEST: it is not a valid manifest.
 *         - OCIREG_LIMIT: it is larger than `max_size` or the service's limit.
 *         - OCIREG_UNSUPPORTED: it has Docker's schema 1, or a type that is not known and not in `accept`.
 *
 * Safe to call from any thread. Blocks for one request; with `platform`, also for one for each nested index and two
 * for each entry that does not state its platform. Since 0.1.
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
 * Gets the descriptor of a manifest or index, without its content if the registry allows that.
 *
 * @param session          A session for a repository. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param tag_or_digest    The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
 *                         has none.
 * @param options_json     A JSON object with `accept`, a list of media types. May be NULL.
 * @param descriptor_json  Receives the OCI descriptor. Free it with ocireg_string_free(). Not NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or an error code such as OCIREG_NOT_FOUND if the repository does not have the manifest.
 *
 * Safe to call from any thread. Blocks for one or two requests. Since 0.1.
 */
int32_t ocireg_session_head_manifest(const ocireg_session *session,
                                     const ocireg_context *context,
                                     const char *tag_or_digest,
                                     const char *options_json,
                                     char **descriptor_json,
                                     ocireg_error **error);

/**
 * Stores a manifest or index in the repository.
 *
 * Everything that it lists must already be in the repository. If it has a `subject`, ocireg_session_referrers() finds
 * it afterwards: either the registry confirms that it recorded the referrer, or this function adds it to the fallback
 * tag. Entries that others add to that tag at the same time are kept if the registry supports conditional requests.
 * Manifests of Docker's schema 1 are not supported.
 *
 * @param session          A session for a repository, opened with the action "push" or created by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param tag_or_digest    The tag, or the digest that the bytes must have. If it is NULL, the manifest is stored under
 *                         its digest, without a tag.
 * @param media_type       The media type. It must equal the manifest's `mediaType`, which is used if this is NULL.
 * @param data             The bytes, which are stored exactly as they are. Not NULL unless size is 0.
 * @param size             The number of bytes.
 * @param options_json     A JSON object; may be NULL:
 *                         - `tags`: a list of more tags for the manifest
 *                         - `if_match`: the digest or ETag that the tag must have now
 * @param descriptor_json  Receives the OCI descriptor, with the keys that apply: `subject` (its digest, if the
 *                         registry recorded the referrer), `subject_tag` (the fallback tag, if it was used) and
 *                         `warnings`. Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_CONFLICT: the tag does not have the digest that `if_match` names.
 *         - OCIREG_DIGEST_MISMATCH: the bytes do not have the digest.
 *         - OCIREG_INVALID_MANIFEST: the bytes are not a valid manifest.
 *         - OCIREG_DENIED: the credentials do not allow a push.
 *         - OCIREG_REJECTED: the registry does not accept the manifest, for example because a blob is missing.
 *
 * Safe to call from any thread. Blocks for one request, one for each of `tags`, and a few for a subject. Since 0.2.
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
 * Deletes a tag, or a manifest with all its tags.
 *
 * If you pass a tag, only the tag is deleted and its manifest stays; the call fails if the registry cannot do that. If
 * you pass a digest, the manifest is deleted with all tags that refer to it. A manifest with a `subject` is also
 * removed from the fallback tag of that subject.
 *
 * @param session        A session for a repository, opened with the action "delete" or created by
 *                       ocireg_session_repository(). Not NULL.
 * @param context        The deadline, cancellation and progress callback of this call. May be NULL.
 * @param tag_or_digest  The tag or digest. If it is NULL, that of the session's reference is used, or "latest" if it
 *                       has none.
 * @param error          Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have it.
 *         - OCIREG_UNSUPPORTED: the registry cannot delete it, or its operator does not allow that.
 *         - OCIREG_DENIED: the credentials do not allow it.
 *
 * Safe to call from any thread. Blocks for one request for a tag, and a few for a digest. Since 0.2.
 */
int32_t ocireg_session_delete_manifest(const ocireg_session *session,
                                       const ocireg_context *context,
                                       const char *tag_or_digest,
                                       ocireg_error **error);

/*
 * Blobs: read, write, mount and delete them.
 */

/**
 * Gets the descriptor of a blob without its content.
 *
 * @param session          A session for a repository. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest           The blob's digest. Not NULL.
 * @param descriptor_json  Receives the OCI descriptor. Its `mediaType` is application/octet-stream, because only a
 *                         manifest states the type of a blob. Free it with ocireg_string_free(). Not NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have the blob.
 *         - OCIREG_PROTOCOL: the registry does not state its size.
 *
 * Safe to call from any thread. Blocks for one or two requests. Since 0.2.
 */
int32_t ocireg_session_head_blob(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *digest,
                                 char **descriptor_json,
                                 ocireg_error **error);

/**
 * Opens a blob for reading.
 *
 * The digest is checked at the end of the blob. Read to the end, or call ocireg_reader_verify(), before you trust the
 * data. Example:
 *
 * @code
 * ocireg_reader *reader = NULL;
 * size_t count = 0;
 * int32_t code = ocireg_session_open_blob(session, context, digest, 0, NULL, &reader, &error);
 * while (code == OCIREG_OK) {
 *     code = ocireg_reader_read(reader, context, buffer, sizeof buffer, &count, &error);
 *     if (code != OCIREG_OK || count == 0) break;
 *     hold_back(buffer, count);
 * }
 * if (code == OCIREG_OK) use_what_was_read();
 * ocireg_reader_free(reader);
 * @endcode
 *
 * @param session       A session for a repository. Not NULL.
 * @param context       The deadline and cancellation of this call; each read has its own context. May be NULL.
 * @param digest        The blob's digest. Not NULL.
 * @param offset        The byte to start at. The digest can be checked only if it is 0. Must be 0 with `decompress`.
 * @param options_json  A JSON object; may be NULL:
 *                      - `size`: the size of the whole blob in bytes, which is checked
 *                      - `media_type`: the blob's media type
 *                      - `urls`: a list of other addresses of a nondistributable layer; they are tried, without
 *                        credentials, if the registry does not have it and the service's option allow-foreign-urls
 *                        lists the host
 *                      - `decompress` (default false): return the content of a gzip or zstd blob; the first bytes
 *                        tell what it is, and any other blob is returned as it is. All members and frames are read,
 *                        and the digest of the blob is checked at the end as always
 *                      - `diff_id`: the digest that the decompressed content must have, which an image's
 *                        configuration lists; checked at the end
 *                      - `max_size` (default 64 GiB): the most bytes that may come out of a compressed blob; more
 *                        is OCIREG_LIMIT, as is a zstd window of more than 128 MiB
 * @param reader        Receives the reader. Free it with ocireg_reader_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have the blob.
 *         - OCIREG_SIZE_MISMATCH: the blob does not have the given size.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_open_blob(const ocireg_session *session,
                                 const ocireg_context *context,
                                 const char *digest,
                                 uint64_t offset,
                                 const char *options_json,
                                 ocireg_reader **reader,
                                 ocireg_error **error);

/**
 * Starts writing a blob to the repository.
 *
 * The bytes that you write are sent in chunks, or in one request at the end if they fit into one chunk. Nothing is
 * sent for a blob that `check_exists` finds or that is mounted. Example:
 *
 * @code
 * ocireg_writer *writer = NULL;
 * char *descriptor = NULL;
 * int32_t code = ocireg_session_put_blob(session, context, NULL, &writer, &error);
 * if (code == OCIREG_OK) code = ocireg_writer_write(writer, context, data, size, &error);
 * if (code == OCIREG_OK) code = ocireg_writer_commit(writer, context, NULL, &descriptor, &error);
 * ocireg_writer_free(writer);
 * @endcode
 *
 * @param session       A session for a repository, opened with the action "push" or created by
 *                      ocireg_session_repository(). Not NULL.
 * @param context       The deadline and cancellation of this call; each write has its own context. May be NULL.
 * @param options_json  A JSON object; may be NULL:
 *                      - `digest`, `size`: what the blob must have, which is checked at the end
 *                      - `media_type` (default application/octet-stream): the media type in the resulting descriptor
 *                      - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if `digest`
 *                        is absent
 *                      - `mount_from`: a list of repositories of the same registry that the blob may be mounted from;
 *                        requires `digest`
 *                      - `chunk_size` (default 4 MiB): the size of a chunk in bytes
 *                      - `check_exists` (default false): check first whether the repository has the blob; requires
 *                        `digest`
 * @param writer        Receives the writer. Free it with ocireg_writer_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_DENIED: the credentials do not allow a push.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *
 * Safe to call from any thread. Blocks for one request, and one for each of `mount_from` and for `check_exists`.
 * Since 0.1.
 */
int32_t ocireg_session_put_blob(const ocireg_session *session,
                                const ocireg_context *context,
                                const char *options_json,
                                ocireg_writer **writer,
                                ocireg_error **error);

/**
 * Mounts a blob from another repository of the same registry, without transferring its bytes.
 *
 * It is not an error if the registry does not mount the blob: it then starts an upload, which you can continue.
 *
 * @param session          A session for a repository, opened with the action "push" or created by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest           The blob's digest. Not NULL.
 * @param from_repository  The path of the repository that has the blob. Not NULL.
 * @param options_json     A JSON object; there are no options yet. May be NULL.
 * @param mounted          Receives 1 if the blob was mounted, else 0. May be NULL.
 * @param writer           Receives a writer that continues the upload if the blob was not mounted, else NULL. Free it
 *                         with ocireg_writer_free(). If this parameter is NULL, the upload is aborted.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_DENIED: the credentials do not allow a push.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *
 * Safe to call from any thread. Blocks for one or two requests. Since 0.1.
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
 * @param session  A session for a repository, opened with the action "delete" or created by
 *                 ocireg_session_repository(). Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest   The blob's digest. Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have the blob.
 *         - OCIREG_UNSUPPORTED: the registry does not delete blobs.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.2.
 */
int32_t ocireg_session_delete_blob(const ocireg_session *session,
                                   const ocireg_context *context,
                                   const char *digest,
                                   ocireg_error **error);

/**
 * Downloads a blob to a file.
 *
 * The file appears under its name only after its digest has been verified. If it already exists with the right content
 * it is left alone; other content is replaced.
 *
 * @param session          A session for a repository. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest           The blob's digest. Not NULL.
 * @param path             The file. Its directory must exist. Not NULL.
 * @param options_json     A JSON object; may be NULL:
 *                         - `size`: the size of the blob in bytes, which is checked
 *                         - `media_type` (default application/octet-stream): the media type in the resulting
 *                           descriptor
 *                         - `urls`: a list of other addresses of a nondistributable layer, as for
 *                           ocireg_session_open_blob()
 *                         - `resume` (default true): keep a partial file beside the file if the call fails, and
 *                           continue it in the next call
 * @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the file was there),
 *                         `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not have the blob.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
 *         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the file cannot be written.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the file is complete.
 * Since 0.2.
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
 * @param session          A session for a repository, opened with the action "push" or created by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param path             The file. Not NULL.
 * @param options_json     A JSON object; may be NULL:
 *                         - `digest`, `size`: what the file must have, which is checked
 *                         - `media_type` (default application/octet-stream): the media type in the resulting
 *                           descriptor
 *                         - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if
 *                           `digest` is absent
 *                         - `mount_from`: a list of repositories of the same registry that the blob may be mounted
 *                           from
 *                         - `chunk_size` (default 4 MiB): the size of a chunk in bytes
 *                         - `check_exists` (default false): check first whether the repository has the blob. For this
 *                           and for `mount_from`, a file without `digest` is hashed first
 * @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the repository had the blob or mounted
 *                         it), `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_DENIED: the credentials do not allow a push.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the file does not have the given digest or size.
 *         - OCIREG_SOURCE_CHANGED: the file changed while it was read.
 *         - OCIREG_IO, OCIREG_PERMISSION: the file cannot be read.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the blob.
 * Since 0.2.
 */
int32_t ocireg_session_put_blob_file(const ocireg_session *session,
                                     const ocireg_context *context,
                                     const char *path,
                                     const char *options_json,
                                     char **descriptor_json,
                                     ocireg_error **error);

/**
 * Downloads a blob to a file descriptor, such as a file that is open already, a pipe or a socket.
 *
 * Writing starts at the descriptor's position. The digest is checked when everything is written: what was written before
 * an error must not be used. The call closes nothing, sends no SIGPIPE, and can be cancelled while a pipe is full.
 *
 * @param session          A session for a repository. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param digest           The blob's digest. Not NULL.
 * @param fd               A descriptor that is open for writing. The call uses a duplicate, which shares its position.
 * @param options_json     A JSON object; may be NULL:
 *                         - `size`: the size of the blob in bytes, which is checked
 *                         - `media_type` (default application/octet-stream): the media type in the resulting
 *                           descriptor
 *                         - `urls`: a list of other addresses of a nondistributable layer, as for
 *                           ocireg_session_open_blob()
 * @param descriptor_json  Receives the OCI descriptor, with `existed` (always false), `bytes_transferred` and
 *                         `warnings`. Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_ARGUMENT: the descriptor is not open, not open for writing, or a directory.
 *         - OCIREG_NOT_FOUND: the repository does not have the blob.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the registry sent other content.
 *         - OCIREG_IO, OCIREG_NO_SPACE: the descriptor cannot be written to, or the other end of a pipe was closed.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the blob is written. Since
 * 0.2.
 */
int32_t ocireg_session_get_blob_fd(const ocireg_session *session,
                                   const ocireg_context *context,
                                   const char *digest,
                                   int32_t fd,
                                   const char *options_json,
                                   char **descriptor_json,
                                   ocireg_error **error);

/**
 * Uploads what a file descriptor holds as a blob, from its position to its end.
 *
 * A regular file is uploaded as ocireg_session_put_blob_file() does it. A pipe or socket is read once, until the other end
 * is closed, so an upload that the registry loses cannot be repeated. The call closes nothing, and can be cancelled while
 * it waits for the other end.
 *
 * @param session          A session for a repository, opened with the action "push" or created by
 *                         ocireg_session_repository(). Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param fd               A descriptor that is open for reading. The call uses a duplicate, which shares its position.
 * @param options_json     A JSON object; may be NULL:
 *                         - `digest`, `size`: what the content must have, which is checked
 *                         - `media_type` (default application/octet-stream): the media type in the resulting
 *                           descriptor
 *                         - `algorithm` (default "sha256", also "sha384" or "sha512"): the digest algorithm if
 *                           `digest` is absent
 *                         - `mount_from`: a list of repositories of the same registry that the blob may be mounted
 *                           from
 *                         - `chunk_size` (default 4 MiB): the size of a chunk in bytes
 *                         - `check_exists` (default false): check first whether the repository has the blob. This
 *                           and `mount_from` need `digest`, unless the descriptor is a regular file
 * @param descriptor_json  Receives the OCI descriptor, with `existed` (whether the repository had the blob or mounted
 *                         it), `bytes_transferred` and `warnings`. Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_ARGUMENT: the descriptor is not open, not open for reading, or a directory.
 *         - OCIREG_DENIED: the credentials do not allow a push.
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the content does not have the given digest or size.
 *         - OCIREG_SOURCE_CHANGED: the file changed while it was read.
 *         - OCIREG_IO: the descriptor cannot be read.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *
 * Safe to call from any thread; the progress callback runs on the same thread. Blocks until the registry has the blob.
 * Since 0.2.
 */
int32_t ocireg_session_put_blob_fd(const ocireg_session *session,
                                   const ocireg_context *context,
                                   int32_t fd,
                                   const char *options_json,
                                   char **descriptor_json,
                                   ocireg_error **error);

/*
 * Readers: a blob or layer, read as a stream.
 */

/**
 * Reads the next bytes of a blob or layer.
 *
 * If the connection breaks, reading resumes where it stopped (a layer of protocol v1 only if the server supports
 * ranges). Errors are sticky, except cancellation and deadline: call again with a new context to continue.
 *
 * @param reader    The reader. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param buffer    Receives the bytes. 256 KiB or more is fast. Not NULL.
 * @param capacity  The size of the buffer in bytes; not 0.
 * @param count     Receives the number of bytes that were read. 0 is the end of the blob, and means that size and
 *                  digest are right. (If reading started at an offset, or for a layer of protocol v1, only the size is
 *                  checked, if it is known.) With `decompress` it also means that the compressed data is whole and
 *                  that its content has the `diff_id`. Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the blob is not what was asked for; discard what you have
 *           read. `what` is "diff_id" if it is the decompressed content.
 *         - OCIREG_INVALID_MANIFEST, OCIREG_LIMIT, OCIREG_UNSUPPORTED: the blob is right, but cannot be decompressed.
 *         - OCIREG_BUSY: another thread is using the reader.
 *
 * Call it from one thread at a time. Blocks until there are bytes. Since 0.1.
 */
int32_t ocireg_reader_read(ocireg_reader *reader,
                           const ocireg_context *context,
                           uint8_t *buffer,
                           size_t capacity,
                           size_t *count,
                           ocireg_error **error);

/**
 * Reads the rest of a blob or layer and checks its size and digest.
 *
 * A tar reader stops at the end of the archive, which may be before the end of the blob, so the digest has not been
 * checked yet. Call this function when you are done, and trust what you have read only if it succeeds. If reading
 * started at an offset, only the size is checked; of a layer of protocol v1, only the size, if it is known. At the end
 * of the blob the function returns OCIREG_OK at once. Example:
 *
 * @code
 * while (next_tar_entry(reader)) unpack_into_temporary_directory();
 * if (ocireg_reader_verify(reader, context, &error) == OCIREG_OK) keep_the_directory();
 * @endcode
 *
 * @param reader   The reader. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK if the whole blob has been read and is right, else an error code as from ocireg_reader_read().
 *         After OCIREG_CANCELLED or OCIREG_DEADLINE, call it again with a new context to continue.
 *
 * Call it from one thread at a time. Blocks until the rest of the blob has been read. Since 0.2.
 */
int32_t ocireg_reader_verify(ocireg_reader *reader,
                             const ocireg_context *context,
                             ocireg_error **error);

/**
 * Returns the size of the whole blob or layer, whatever the offset: as it is stored, also with `decompress`.
 *
 * @param reader  The reader. May be NULL.
 * @return The size in bytes; -1 if it is not known, while another thread reads, and for NULL.
 *
 * Call it from one thread at a time. Never blocks. Since 0.1.
 */
int64_t ocireg_reader_size(const ocireg_reader *reader);

/**
 * Frees a reader, which need not be at its end.
 *
 * @param reader  The reader. NULL does nothing.
 *
 * Call it once, from any thread, and not while another thread reads. Never blocks. Since 0.1.
 */
void ocireg_reader_free(ocireg_reader *reader);

/*
 * Writers: a blob or layer, written as a stream.
 */

/**
 * Writes the next bytes of a blob or layer: all of them, or the call fails.
 *
 * Errors are sticky: after a failure, free the writer and start again. A blob is sent while you write it. A layer of
 * protocol v1 is written to a temporary file, which ocireg_writer_commit() sends.
 *
 * @param writer   The writer. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param data     The bytes. Not NULL unless size is 0.
 * @param size     The number of bytes.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_BUSY: another thread is using the writer.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *         - OCIREG_LIMIT: a layer of protocol v1 is larger than `spool` of the service option `limits`.
 *         - OCIREG_NO_SPACE, OCIREG_IO: the temporary file of a layer of protocol v1 cannot be written.
 *
 * Call it from one thread at a time. Blocks for one request whenever a chunk is full. Since 0.1.
 */
int32_t ocireg_writer_write(ocireg_writer *writer,
                            const ocireg_context *context,
                            const uint8_t *data,
                            size_t size,
                            ocireg_error **error);

/**
 * Completes a blob or layer. When it returns OCIREG_OK, the registry has the content.
 *
 * A layer of protocol v1 is compressed and sent now; content that is not a tar archive is not sent. You can commit a
 * layer again after a failure.
 *
 * @param writer        The writer. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object with `digest` and `size`, which the content must have, in addition to those that
 *                      were given when the writer was created. A layer of protocol v1 only has `size`. May be NULL.
 * @param json          Receives the OCI descriptor of a blob. For a layer of protocol v1 it is an object with
 *                      `checksum` (the tarsum) and `checksum_payload`, for
 *                      ocireg_session_push_image_checksum_registry(). Free it with ocireg_string_free(). May be NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_DIGEST_MISMATCH, OCIREG_SIZE_MISMATCH: the content does not have the given digest or size.
 *         - OCIREG_BUSY: another thread is using the writer.
 *         - OCIREG_POLICY: the registry sent the upload to another host; the option allow-upload-hosts allows it.
 *
 * Call it from one thread at a time. Blocks for one or two requests. Since 0.1.
 */
int32_t ocireg_writer_commit(ocireg_writer *writer,
                             const ocireg_context *context,
                             const char *options_json,
                             char **json,
                             ocireg_error **error);

/**
 * Cancels an upload: the registry discards what it has received, and a temporary file is deleted.
 *
 * @param writer   The writer. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, even if the registry refuses: it discards unfinished uploads after some time. OCIREG_BUSY if
 *         another thread is using the writer.
 *
 * Call it from one thread at a time. Blocks for one request. Since 0.1.
 */
int32_t ocireg_writer_abort(ocireg_writer *writer, const ocireg_context *context, ocireg_error **error);

/**
 * Frees a writer.
 *
 * Content that was not committed is lost; the registry discards it after some time.
 *
 * @param writer  The writer. NULL does nothing.
 *
 * Call it once, from any thread, and not while another thread writes. Never blocks. Since 0.1.
 */
void ocireg_writer_free(ocireg_writer *writer);

/*
 * OCI layouts as caches: list, remove, collect garbage, verify.
 */

/**
 * Lists the images in an OCI layout.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object; there are no options yet. May be NULL.
 * @param json          Receives a JSON object with `images`, a list of objects with `name` (absent if the image has
 *                      none) and `descriptor`, in the order of the layout's index. Free it with ocireg_string_free().
 *                      Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_MANIFEST: index.json is not valid.
 *         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read.
 *
 * Safe to call from any thread. Reads one file. Since 0.2.
 */
int32_t ocireg_layout_list(const char *location,
                           const ocireg_context *context,
                           const char *options_json,
                           char **json,
                           ocireg_error **error);

/**
 * Removes a name from an OCI layout.
 *
 * The blobs stay until ocireg_layout_collect() removes them. Other processes may use the layout at the same time.
 *
 * @param location      "oci:DIR:NAME". Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object; there are no options yet. May be NULL.
 * @param json          Receives a JSON object with `removed`, the descriptor of the image that had the name. Free it
 *                      with ocireg_string_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: no image has the name.
 *         - OCIREG_INVALID_MANIFEST: index.json is not valid.
 *         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the layout cannot be changed.
 *
 * Safe to call from any thread. May wait for other calls that change the layout's index. Since 0.2.
 */
int32_t ocireg_layout_remove(const char *location,
                             const ocireg_context *context,
                             const char *options_json,
                             char **json,
                             ocireg_error **error);

/**
 * Removes blobs that no image of an OCI layout needs, and partial downloads that are older than a week.
 *
 * Every image in the layout's index keeps its blobs, with or without a name. A referrer without a name, such as a
 * signature, is kept as long as its subject exists; after that it is removed from the index, too.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object with `dry_run` (default false): only report what would be removed. May be NULL.
 * @param json          Receives a JSON object: `removed`, a list of objects with `digest` and `size`, and `bytes`, the
 *                      sum of their sizes. Free it with ocireg_string_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_BUSY: a pull or copy is writing to the layout, in this or another process. With `dry_run`, too.
 *         - OCIREG_INVALID_MANIFEST, OCIREG_DIGEST_MISMATCH: a manifest is damaged; nothing was removed.
 *         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read or changed.
 *
 * Safe to call from any thread. Blocks while it reads and removes files; pulls that start meanwhile wait for it.
 * Since 0.2.
 */
int32_t ocireg_layout_collect(const char *location,
                              const ocireg_context *context,
                              const char *options_json,
                              char **json,
                              ocireg_error **error);

/**
 * Hashes all blobs of an OCI layout, and looks for blobs that are missing, and manifests that are not valid.
 *
 * A damaged or missing blob is not an error of the call; it is reported in `damaged`.
 *
 * @param location      "oci:DIR". Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param options_json  A JSON object; there are no options yet. May be NULL.
 * @param json          Receives a JSON object: `damaged`, a list of objects with `digest` and `why` (empty if the
 *                      layout is intact), `checked`, the number of blobs that were hashed, and `bytes`, the sum of
 *                      their sizes. Free it with ocireg_string_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_MANIFEST: index.json is not valid.
 *         - OCIREG_IO, OCIREG_PERMISSION: the layout cannot be read.
 *
 * Safe to call from any thread. Blocks while it reads every blob; the progress callback gets the bytes. Since 0.2.
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
 * Returns the endpoints that a host is pulled from, in the order in which they are tried.
 *
 * Mirrors of Docker Hub come first, then https, then http for insecure registries.
 *
 * @param service   The service. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param hostname  The registry as host[:port]. Not NULL.
 * @param json      Receives a JSON list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
 *                  `AllowNondistributableArtifacts`, `TLSConfig`. Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
 *         certificates cannot be used.
 *
 * Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
 */
int32_t ocireg_service_lookup_pull_endpoints(const ocireg_service *service,
                                             const ocireg_context *context,
                                             const char *hostname,
                                             char **json,
                                             ocireg_error **error);

/**
 * Returns the endpoints that a host is pushed to, in the order in which they are tried.
 *
 * They are the endpoints for pulling without the mirrors.
 *
 * @param service   The service. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param hostname  The registry as host[:port]. Not NULL.
 * @param json      Receives a JSON list of objects: `URL`, `Version`, `Mirror`, `Official`, `TrimHostname`,
 *                  `AllowNondistributableArtifacts`, `TLSConfig`. Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
 *         certificates cannot be used.
 *
 * Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
 */
int32_t ocireg_service_lookup_push_endpoints(const ocireg_service *service,
                                             const ocireg_context *context,
                                             const char *hostname,
                                             char **json,
                                             ocireg_error **error);

/**
 * Returns what the service's configuration says about the repository of a reference.
 *
 * @param service    The service. Not NULL.
 * @param context    The deadline, cancellation and progress callback of this call. May be NULL.
 * @param reference  The reference. Not NULL.
 * @param json       Receives a JSON object: `Name`, `Index` (`Name`, `Mirrors`, `Secure`, `Official`), `Official`,
 *                   `Class`. Free it with ocireg_string_free(). Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_INVALID_REFERENCE if the reference is not valid.
 *
 * Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
 */
int32_t ocireg_service_resolve_repository(const ocireg_service *service,
                                          const ocireg_context *context,
                                          const char *reference,
                                          char **json,
                                          ocireg_error **error);

/**
 * Returns the TLS settings for a host.
 *
 * Certificates are not verified for an insecure registry; otherwise the settings come from the host's directory in
 * `certs-dir`.
 *
 * @param service   The service. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param hostname  The registry as host[:port]. Not NULL.
 * @param json      Receives a JSON object: `InsecureSkipVerify`, `MinVersion`, `RootCAs` (paths), `Certificates`
 *                  (objects with `cert` and `key`). Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_INVALID_CONFIG, OCIREG_IO or OCIREG_PERMISSION if the host's
 *         certificates cannot be used.
 *
 * Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
 */
int32_t ocireg_service_tls_config(const ocireg_service *service,
                                  const ocireg_context *context,
                                  const char *hostname,
                                  char **json,
                                  ocireg_error **error);

/**
 * Returns whether a host is an insecure registry.
 *
 * Certificates of an insecure registry are not verified, and http is tried after https.
 *
 * @param service   The service. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param host      The registry as host[:port]. Not NULL.
 * @param insecure  Receives 1 or 0. Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. May wait for DNS if `insecure-registries` contains networks. Since 0.1.
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
 * Creates an endpoint without contacting it.
 *
 * @param service            The service. Not NULL.
 * @param api_endpoint_json  A JSON object as ocireg_service_lookup_pull_endpoints() returns it. Only `URL` is
 *                           required. Without `TLSConfig` the service's settings for the host apply.
 *                           `InsecureSkipVerify` turns off verification, but credentials are sent only if
 *                           `insecure-registries` lists the host, too. Other keys are ignored. Not NULL.
 * @param endpoint           Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
 * @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_ARGUMENT: the URL has user info, a query, a fragment, a scheme other than http and https,
 *           or a host that is not valid.
 *         - OCIREG_UNSUPPORTED: `MinVersion` is not 1.2, or `Version` is v1 and the service option `v1` is false.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_new(const ocireg_service *service,
                            const char *api_endpoint_json,
                            ocireg_endpoint **endpoint,
                            ocireg_error **error);

/**
 * Creates the endpoint of a v1 index or registry.
 *
 * It requests `_ping` by https, and then by http if the index is not secure. Docker Hub's index is not contacted.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param index_json    An IndexInfo: `Name` (host[:port]), `Secure`, `Official`. Not NULL.
 * @param user_agent    The User-Agent header of all requests. If it is NULL or "", the service's is used.
 * @param headers_json  More headers for all requests, such as {"X-Meta": ["value"]}. May be NULL.
 * @param endpoint      Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
 * @param error         Receives the error on failure; its `attempts` has the failures by https and by http. Free it
 *                      with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_ARGUMENT: the name is not valid or ends in v2.
 *         - OCIREG_INVALID_CONFIG: the certificates for the host cannot be used.
 *         - OCIREG_UNSUPPORTED: the service option `v1` is false.
 *
 * Safe to call from any thread. Blocks for one or two requests. Since 0.1.
 */
int32_t ocireg_endpoint_new_v1(const ocireg_service *service,
                               const ocireg_context *context,
                               const char *index_json,
                               const char *user_agent,
                               const char *headers_json,
                               ocireg_endpoint **endpoint,
                               ocireg_error **error);

/**
 * Creates an endpoint for protocol v1 from another endpoint, without contacting it.
 *
 * The new endpoint has the same address and TLS settings, but other headers.
 *
 * @param endpoint      The endpoint, for either protocol. Not NULL.
 * @param user_agent    The User-Agent header of all requests. If it is NULL or "", the service's is used.
 * @param headers_json  More headers for all requests, such as {"X-Meta": ["value"]}. May be NULL.
 * @param v1            Receives the endpoint. Free it with ocireg_endpoint_free(). Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_CONFIG: the certificates for the host cannot be used.
 *         - OCIREG_UNSUPPORTED: the service option `v1` is false.
 *
 * Safe to call from any thread. Never blocks, but may read files. Since 0.1.
 */
int32_t ocireg_endpoint_to_v1(const ocireg_endpoint *endpoint,
                              const char *user_agent,
                              const char *headers_json,
                              ocireg_endpoint **v1,
                              ocireg_error **error);

/**
 * Returns the URL of the endpoint's API, which ends in `/v2/` or `/v1/`.
 *
 * @param endpoint  The endpoint. Not NULL.
 * @param text      Receives the URL. Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_to_string(const ocireg_endpoint *endpoint, char **text, ocireg_error **error);

/**
 * Returns the URL of a path below the endpoint's API.
 *
 * @param endpoint  The endpoint. Not NULL.
 * @param path      The path, percent-encoded where necessary, without a leading /. Not NULL.
 * @param text      Receives the URL. Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_path(const ocireg_endpoint *endpoint, const char *path, char **text, ocireg_error **error);

/**
 * Returns whether the endpoint's certificate is verified: it uses https and is not an insecure registry.
 *
 * @param endpoint  The endpoint. Not NULL.
 * @param secure    Receives 1 or 0. Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_endpoint_is_secure(const ocireg_endpoint *endpoint, int32_t *secure, ocireg_error **error);

/**
 * Frees an endpoint.
 *
 * Calls that are running, and sessions that were created from the endpoint, are not affected.
 *
 * @param endpoint  The endpoint. NULL does nothing.
 *
 * Call it once, from any thread. Never blocks. Since 0.1.
 */
void ocireg_endpoint_free(ocireg_endpoint *endpoint);

/**
 * Requests `/v2/` or `/v1/_ping` from an endpoint, without credentials.
 *
 * @param endpoint  The endpoint. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param json      Receives a JSON object with `protocol`. For "v2" it also has `confirmed` (whether the version
 *                  header is registry/2.0) and `challenges` (a list of objects with `scheme` and `parameters`); for
 *                  "v1", `standalone` (whether the registry works without an index) and, if the registry states it,
 *                  `version`. Free it with ocireg_string_free(). Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or an error code if the endpoint does not answer as a registry.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_endpoint_ping(const ocireg_endpoint *endpoint,
                             const ocireg_context *context,
                             char **json,
                             ocireg_error **error);

/*
 * Search, by protocol v1.
 */

/**
 * Searches an index for repositories.
 *
 * The term names the index; without a host it is Docker Hub's, and a leading `library/` is dropped. Credentials with
 * `identitytoken` and `username` are sent to the index's token server, if it has one (scope registry:catalog:search);
 * other credentials are used as in a session of protocol v1.
 *
 * @param service       The service. Not NULL.
 * @param context       The deadline, cancellation and progress callback of this call. May be NULL.
 * @param term          The term, [HOST[:PORT]/]TERM. Not NULL.
 * @param limit         The maximum number of results, from 1 to 100. OCIREG_DEFAULT_SEARCH_LIMIT is the usual value.
 * @param auth_json     The credentials as an AuthConfig; "{}" is anonymous. If it is NULL, the service's credentials
 *                      for the index are used.
 * @param user_agent    The User-Agent header of these requests. If it is NULL or "", the service's is used.
 * @param headers_json  More headers for these requests, such as {"X-Meta": ["value"]}. May be NULL.
 * @param json          Receives a JSON object: `query`, `num_results` and `results`, a list of objects with `name`,
 *                      `description`, `star_count`, `is_official`, `is_automated`. Free it with ocireg_string_free().
 *                      Not NULL.
 * @param error         Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_ARGUMENT: the term has a scheme, or the limit is out of range.
 *         - OCIREG_UNSUPPORTED: the service option `v1` is false.
 *         - OCIREG_UNAUTHORIZED: the index requires other credentials.
 *
 * Safe to call from any thread. Blocks for a few requests. Since 0.1.
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
 * Searches the index of a session for repositories.
 *
 * @param session  A session of protocol v1. Not NULL.
 * @param context  The deadline, cancellation and progress callback of this call. May be NULL.
 * @param term     The term. Not NULL.
 * @param limit    The maximum number of results, from 1 to 100.
 * @param json     Receives a JSON object: `query`, `num_results` and `results`, a list of objects with `name`,
 *                 `description`, `star_count`, `is_official`, `is_automated`. Free it with ocireg_string_free(). Not
 *                 NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_UNSUPPORTED if the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
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
 * Gets the images of a repository, and the registries that have them, from the index.
 *
 * The session keeps the token that the index returns, and sends it to these registries. It replaces an earlier token,
 * so use one session for each repository that you work on at the same time.
 *
 * @param session    A session of protocol v1. Not NULL.
 * @param context    The deadline, cancellation and progress callback of this call. May be NULL.
 * @param reference  The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not NULL.
 * @param json       Receives a JSON object: `ImgList` (an object that maps ids to objects with `id`, `checksum`,
 *                   `Tag`) and `Endpoints` (a list of URLs for the other functions). Free it with
 *                   ocireg_string_free(). Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the index does not have the repository.
 *         - OCIREG_POLICY: the index names a registry on another host (the option allow-v1-endpoints allows it), or
 *           credentials would be sent over plain HTTP.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_get_repository_data(const ocireg_session *session,
                                           const ocireg_context *context,
                                           const char *reference,
                                           char **json,
                                           ocireg_error **error);

/**
 * Gets the tags of a repository from the first registry that answers.
 *
 * If a registry says that the repository does not exist, no other registry is asked.
 *
 * @param session          A session of protocol v1. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param registries_json  A JSON list of registry URLs that end in /v1/, which are tried in order. Not NULL.
 * @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
 *                         NULL.
 * @param json             Receives a JSON object that maps tags to image ids. Free it with ocireg_string_free(). Not
 *                         NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository does not exist.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request to each registry. Since 0.1.
 */
int32_t ocireg_session_get_remote_tags(const ocireg_session *session,
                                       const ocireg_context *context,
                                       const char *registries_json,
                                       const char *reference,
                                       char **json,
                                       ocireg_error **error);

/**
 * Gets the image id of a tag from the first registry that answers.
 *
 * @param session          A session of protocol v1. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param registries_json  A JSON list of registry URLs that end in /v1/, which are tried in order. Not NULL.
 * @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
 *                         NULL.
 * @param tag              The tag. Not NULL.
 * @param text             Receives the id. Free it with ocireg_string_free(). Not NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the repository or tag does not exist.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request to each registry. Since 0.1.
 */
int32_t ocireg_session_get_remote_tag(const ocireg_session *session,
                                      const ocireg_context *context,
                                      const char *registries_json,
                                      const char *reference,
                                      const char *tag,
                                      char **text,
                                      ocireg_error **error);

/**
 * Gets the ids of an image and of all its ancestors.
 *
 * @param session   A session of protocol v1. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_id  The id of the image: 64 lower-case hexadecimal digits. Not NULL.
 * @param registry  The URL of the registry, which ends in /v1/. Not NULL.
 * @param json      Receives a JSON list of ids: the image, its parent, and so on. Free it with ocireg_string_free().
 *                  Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the registry does not have the image.
 *         - OCIREG_PROTOCOL: the list does not begin with the image, or contains a cycle.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_get_remote_history(const ocireg_session *session,
                                          const ocireg_context *context,
                                          const char *image_id,
                                          const char *registry,
                                          char **json,
                                          ocireg_error **error);

/**
 * Checks that a registry has an image.
 *
 * @param session   A session of protocol v1. Not NULL.
 * @param context   The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_id  The id of the image: 64 lower-case hexadecimal digits. Not NULL.
 * @param registry  The URL of the registry, which ends in /v1/. Not NULL.
 * @param error     Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK if the registry has the image, or an error code, such as:
 *         - OCIREG_NOT_FOUND: the registry does not have it.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_lookup_remote_image(const ocireg_session *session,
                                           const ocireg_context *context,
                                           const char *image_id,
                                           const char *registry,
                                           ocireg_error **error);

/**
 * Gets the JSON of an image, byte for byte, and the size of its layer.
 *
 * @param session     A session of protocol v1. Not NULL.
 * @param context     The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
 * @param registry    The URL of the registry, which ends in /v1/. Not NULL.
 * @param data        Receives the JSON. Free it with ocireg_bytes_free(). May be NULL.
 * @param size        Receives the number of bytes. May be NULL.
 * @param image_size  Receives the size of the layer in bytes, or -1 if the registry does not state it. May be NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the registry does not have the image.
 *         - OCIREG_PROTOCOL: the JSON is that of another image.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
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
 * Opens the layer of an image for reading.
 *
 * If the connection breaks, reading resumes if the server supports ranges and the size is known.
 *
 * @param session     A session of protocol v1. Not NULL.
 * @param context     The deadline and cancellation of this call; each read has its own context. May be NULL.
 * @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
 * @param registry    The URL of the registry, which ends in /v1/. Not NULL.
 * @param image_size  The size that ocireg_session_get_remote_image_json() returned, or -1 or 0 if it is not known.
 * @param reader      Receives the reader. Free it with ocireg_reader_free(). Not NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: the registry does not have the layer.
 *         - OCIREG_SIZE_MISMATCH: the layer does not have the given size.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
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
 * Sends the JSON of an image to a registry.
 *
 * @param session          A session of protocol v1. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_data_json  The image as a JSON object: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
 * @param registry         The URL of the registry, which ends in /v1/. Not NULL.
 * @param data             The JSON of the image, which is sent byte for byte. Not NULL unless size is 0.
 * @param size             The number of bytes.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_ALREADY_EXISTS: the registry has the image.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_push_image_json_registry(const ocireg_session *session,
                                                const ocireg_context *context,
                                                const char *image_data_json,
                                                const char *registry,
                                                const uint8_t *data,
                                                size_t size,
                                                ocireg_error **error);

/**
 * Starts writing the layer of an image.
 *
 * Write an uncompressed tar archive. It is kept in a temporary file until ocireg_writer_commit() compresses and sends
 * it; the commit returns `checksum` and `checksum_payload`.
 *
 * @param session     A session of protocol v1. Not NULL.
 * @param context     The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_id    The id of the image: 64 lower-case hexadecimal digits. Not NULL.
 * @param registry    The URL of the registry, which ends in /v1/. Not NULL.
 * @param image_json  The JSON of the image. Not NULL unless size is 0.
 * @param size        The number of bytes.
 * @param writer      Receives the writer. Free it with ocireg_writer_free(). Not NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_IO, OCIREG_NO_SPACE, OCIREG_PERMISSION: the temporary file cannot be created.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Never blocks: nothing is sent before the commit. Since 0.1.
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
 * Sends the checksums of a layer to the registry that has received it.
 *
 * @param session          A session of protocol v1. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param image_data_json  The image as a JSON object: `id`, `checksum`, `checksum_payload`, `Tag`. Not NULL.
 * @param registry         The URL of the registry, which ends in /v1/. Not NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_ALREADY_EXISTS: the registry has the image.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_push_image_checksum_registry(const ocireg_session *session,
                                                    const ocireg_context *context,
                                                    const char *image_data_json,
                                                    const char *registry,
                                                    ocireg_error **error);

/**
 * Sets a tag of a repository.
 *
 * @param session    A session of protocol v1. Not NULL.
 * @param context    The deadline, cancellation and progress callback of this call. May be NULL.
 * @param reference  The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not NULL.
 * @param revision   The id of the image. Not NULL.
 * @param tag        The tag. Not NULL.
 * @param registry   The URL of the registry, which ends in /v1/. Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as OCIREG_UNSUPPORTED if the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
 */
int32_t ocireg_session_push_registry_tag(const ocireg_session *session,
                                         const ocireg_context *context,
                                         const char *reference,
                                         const char *revision,
                                         const char *tag,
                                         const char *registry,
                                         ocireg_error **error);

/**
 * Sends the list of a repository's images to the index.
 *
 * Call it twice: before the images are sent to the registries, and afterwards with `validate` and the checksums. The
 * list is sent again after a redirect.
 *
 * @param session          A session of protocol v1. Not NULL.
 * @param context          The deadline, cancellation and progress callback of this call. May be NULL.
 * @param reference        The repository, such as "busybox" or "registry.example/team/app". A tag is ignored. Not
 *                         NULL.
 * @param images_json      A JSON list of objects: `id`, `checksum`, `Tag`. With `validate`, images without a checksum
 *                         are left out. Not NULL.
 * @param validate         0 before the images are sent, 1 afterwards.
 * @param registries_json  A JSON list of the URLs of the registries that have the images; the index gets it with
 *                         `validate`. Not NULL.
 * @param json             Receives a JSON object: `ImgList` (empty) and `Endpoints` (the registries to send the images
 *                         to; empty with `validate`). Free it with ocireg_string_free(). May be NULL.
 * @param error            Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_POLICY: the index redirects to another host; the option allow-v1-endpoints allows it.
 *         - OCIREG_UNSUPPORTED: the session speaks protocol v2.
 *
 * Safe to call from any thread. Blocks for one request. Since 0.1.
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
 * Returns the host of a registry's URL: a leading http:// or https:// and everything after the first / are removed.
 *
 * @param url    The URL. Not NULL.
 * @param text   Receives the host. Free it with ocireg_string_free(). Not NULL.
 * @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_convert_to_hostname(const char *url, char **text, ocireg_error **error);

/**
 * Checks the name of an index and returns its normal form: index.docker.io becomes docker.io.
 *
 * @param name   The name. Not NULL.
 * @param text   Receives the name. Free it with ocireg_string_free(). Not NULL.
 * @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the name begins or ends with a hyphen.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_validate_index_name(const char *name, char **text, ocireg_error **error);

/**
 * Checks the URL of a mirror and returns it with one / at its end.
 *
 * @param url    The URL: http or https, without user info, query and fragment. It may have a path. Not NULL.
 * @param text   Receives the URL. Free it with ocireg_string_free(). Not NULL.
 * @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the URL is not valid; the message never contains a password.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_validate_mirror(const char *url, char **text, ocireg_error **error);

/**
 * Parses an image reference, [HOST[:PORT]/]PATH[:TAG][@DIGEST].
 *
 * Example:
 *
 * @code
 * char *json = NULL, *canonical = NULL;
 * int32_t code = ocireg_parse_reference("busybox", &json, &error);
 * if (code == OCIREG_OK) code = ocireg_json_get(json, "/with_default_tag", &canonical, &error);
 * // canonical is "docker.io/library/busybox:latest"
 * @endcode
 *
 * @param reference  The reference, such as busybox or registry.example/team/app:1.0. Not NULL.
 * @param json       Receives a JSON object: `domain`, `path`, `tag` and `digest` ("" if absent), `name`,
 *                   `familiar_name`, `familiar`, `canonical`, `with_default_tag`. Free it with ocireg_string_free().
 *                   Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the reference is not valid.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_reference(const char *reference,
                               char **json,
                               ocireg_error **error);

/**
 * Returns what is known about the repository of a reference without a configuration.
 *
 * No host name is resolved: only localhost, 127.0.0.0/8 and ::1 are insecure. ocireg_service_resolve_repository() also
 * uses the configuration of a service.
 *
 * @param reference  The reference. Not NULL.
 * @param json       Receives a JSON object: `Name`, `Index` (as from ocireg_parse_search_index_info()), `Official`,
 *                   `Class`. Free it with ocireg_string_free(). Not NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_REFERENCE if the reference is not valid.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_repository_info(const char *reference,
                                     char **json,
                                     ocireg_error **error);

/**
 * Returns the index that a search term names, without a configuration.
 *
 * @param term   The term, [HOST[:PORT]/]TERM. Not NULL.
 * @param json   Receives a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Free it with ocireg_string_free().
 *               Not NULL.
 * @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK, or OCIREG_INVALID_CONFIG if the name of the index is not valid.
 *
 * Safe to call from any thread. Never blocks: no host name is resolved. Since 0.1.
 */
int32_t ocireg_parse_search_index_info(const char *term, char **json, ocireg_error **error);

/**
 * Returns the key under which credentials for an index are stored.
 *
 * It is https://index.docker.io/v1/ for Docker Hub, else the name of the index.
 *
 * @param index_json  The index as a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
 * @param text        Receives the key. Free it with ocireg_string_free(). Not NULL.
 * @param error       Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_auth_config_key(const char *index_json, char **text, ocireg_error **error);

/**
 * Selects the credentials for an index.
 *
 * These are the credentials under the key of the index, else the first ones, in the order of the keys, whose host is
 * that key.
 *
 * @param auth_configs_json  A JSON object that maps registry addresses to AuthConfigs. Not NULL.
 * @param index_json         The index as a JSON object: `Name`, `Mirrors`, `Secure`, `Official`. Not NULL.
 * @param json               Receives an AuthConfig with the keys that are not empty: `username`, `password`, `auth`,
 *                           `serveraddress`, `identitytoken`, `registrytoken`; {} if there are no credentials. Free it
 *                           with ocireg_string_free(). Not NULL.
 * @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_resolve_auth_config(const char *auth_configs_json,
                                   const char *index_json,
                                   char **json,
                                   ocireg_error **error);

/**
 * Parses the challenges in WWW-Authenticate header lines.
 *
 * Each line has one challenge. If the end of a line is malformed, its parameters up to there are returned.
 *
 * @param header_lines_json  A JSON list of the header's values. Not NULL.
 * @param json               Receives a JSON list of objects: `scheme` (in lower case) and `parameters`. Free it with
 *                           ocireg_string_free(). Not NULL.
 * @param error              Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
int32_t ocireg_parse_challenges(const char *header_lines_json,
                                char **json,
                                ocireg_error **error);

/**
 * Reads the directory of certificates for one registry.
 *
 * Files that end in .crt are CA certificates; X.cert with X.key is a client certificate. A directory that does not
 * exist counts as empty.
 *
 * @param directory  The path of the directory. Not NULL.
 * @param json       Receives a JSON object: `InsecureSkipVerify` (false), `MinVersion`, `RootCAs` (paths, sorted by
 *                   name), `Certificates` (objects with `cert` and `key`). Free it with ocireg_string_free(). Not
 *                   NULL.
 * @param error      Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_INVALID_CONFIG: a .cert has no .key, or a .key no .cert.
 *         - OCIREG_PERMISSION, OCIREG_IO: the directory or a file cannot be read.
 *
 * Safe to call from any thread. Reads files. Since 0.1.
 */
int32_t ocireg_read_certs_directory(const char *directory, char **json, ocireg_error **error);

/**
 * Returns the default directory of certificates: /etc/docker/certs.d, or docker/certs.d in the user's configuration
 * directory under rootlesskit.
 *
 * @param text   Receives the path. Free it with ocireg_string_free(). Not NULL.
 * @param error  Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Uses the environment variables ROOTLESSKIT_STATE_DIR, XDG_CONFIG_HOME
 * and HOME, except in a set-user-ID or file-capability program. Since 0.1.
 */
int32_t ocireg_certs_dir(char **text, ocireg_error **error);

/*
 * Helpers for programs without a JSON parser.
 */

/**
 * Returns a value from JSON, such as the digest of the first layer of a manifest.
 *
 * A JSON Pointer (RFC 6901) names the value: a / before each key or index, and indices start at 0. In a key, write ~1
 * for / and ~0 for ~. "" is the whole JSON. Example:
 *
 * @code
 * char *digest = NULL;
 * if (ocireg_json_get(report, "/descriptor/digest", &digest, &error) == OCIREG_OK) puts(digest);
 * ocireg_string_free(digest);
 * @endcode
 *
 * @param json     The JSON: a result of this library, a manifest, or any other JSON with unique keys and at most 32
 *                 levels. Not NULL.
 * @param pointer  The JSON Pointer, such as /layers/0/digest. Not NULL.
 * @param text     Receives the value: a string without quotes and escapes, anything else (a number, true, false, null,
 *                 an object, a list) as it is in the JSON. Free it with ocireg_string_free(). Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: there is no such value.
 *         - OCIREG_INVALID_ARGUMENT: the pointer does not begin with /, or has a ~ without 0 or 1.
 *         - OCIREG_UNSUPPORTED: the value is a string that contains a NUL character.
 *
 * Safe to call from any thread. Never blocks. Each call parses the JSON again. Since 0.2.
 */
int32_t ocireg_json_get(const char *json,
                        const char *pointer,
                        char **text,
                        ocireg_error **error);

/**
 * Returns the number of elements of a list, or of keys of an object, in JSON.
 *
 * Example:
 *
 * @code
 * size_t layers = 0;
 * int32_t code = ocireg_json_length(manifest, "/layers", &layers, &error);
 * @endcode
 *
 * @param json     The JSON, as for ocireg_json_get(). Not NULL.
 * @param pointer  The JSON Pointer of the list or object; "" is the whole JSON. Not NULL.
 * @param length   Receives the number; 0 on failure. Not NULL.
 * @param error    Receives the error on failure. Free it with ocireg_error_free(). May be NULL.
 * @return OCIREG_OK or an error code, such as:
 *         - OCIREG_NOT_FOUND: there is no such value.
 *         - OCIREG_INVALID_ARGUMENT: the value is not a list or object, or the pointer is not valid.
 *
 * Safe to call from any thread. Never blocks. Since 0.2.
 */
int32_t ocireg_json_length(const char *json, const char *pointer, size_t *length, ocireg_error **error);

/**
 * Creates an AuthConfig from a user name and a password, with everything escaped correctly.
 *
 * The result is what `auth_json` parameters and the option `auth` take; ocireg_service_login() has an example.
 *
 * @param host      The registry as host[:port]; it becomes `serveraddress`, which login and auth use. "docker.io"
 *                  becomes https://index.docker.io/v1/. May be NULL or "".
 * @param username  The user name, without control characters and colons. NULL or "" is anonymous; there must be no
 *                  password then.
 * @param password  The password or access token. It may have several lines, as a JSON key file does. If there is a
 *                  user name it cannot be NULL, but "" is a valid password.
 * @param json      Receives the AuthConfig with the keys that are not empty: `username`, `password`, `serveraddress`.
 *                  It contains the password; ocireg_string_free() overwrites it. Not NULL.
 * @param error     Receives the error on failure, which never contains the password. Free it with ocireg_error_free().
 *                  May be NULL.
 * @return OCIREG_OK or an error code.
 *
 * Safe to call from any thread. Never blocks. Since 0.2.
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
 * Returns the version of the library, such as "0.1.0".
 *
 * @return A static string.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
const char *ocireg_version(void);

/**
 * Returns the version and the features of the library as a JSON object.
 *
 * Its keys are `version`, `features` (a list of names), `protocols`, `http` and `tls`.
 *
 * @return A static string.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
const char *ocireg_version_info(void);

/**
 * Returns the version of the library as a number: major << 16 | minor << 8 | patch.
 *
 * @return The number. OCIREG_VERSION_NUMBER is the version of the header.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
uint32_t ocireg_version_number(void);

/**
 * Returns the name of a code, such as "OCIREG_NOT_FOUND" for 80.
 *
 * @param code  The code that a function returned.
 * @return A static string; "OCIREG_UNKNOWN" for a number that this version does not know.
 *
 * Safe to call from any thread. Never blocks. Since 0.1.
 */
const char *ocireg_code_name(int32_t code);

/**
 * Returns a sentence about a code, such as "The requested object does not exist." for 80.
 *
 * Use it if you have a code without its error object; ocireg_error_message() says more. Example:
 *
 * @code
 * fprintf(stderr, "%s: %s\n", ocireg_code_name(code), ocireg_code_text(code));
 * @endcode
 *
 * @param code  The code that a function returned.
 * @return A static string; never NULL. For a number that this version does not know, the sentence says so.
 *
 * Safe to call from any thread. Never blocks. Since 0.2.
 */
const char *ocireg_code_text(int32_t code);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCIREG_H */
