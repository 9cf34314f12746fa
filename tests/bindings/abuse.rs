//! Writes a C program that misuses every function of the header, one parameter at a time.
//!
//! For each function: a call with good arguments works; each pointer as NULL, each text as no UTF-8, each handle as
//! something else gives the code and the argument's name that abi.md promises, and leaves no output behind. What may
//! be NULL is read from the header's documentation, so that is tested too.

use std::fmt::Write as _;

use crate::declarations::{Function, Parameter};

/// The program's text.
pub fn program(functions: &[Function]) -> String {
    let mut body = String::new();
    for function in functions {
        // An answer exists only within a callback: tests/suite/credential_callback.rs misuses it there.
        if function.name == "ocireg_answer_credentials" {
            continue;
        }
        if function.returns == "int32_t" && has_error(function) {
            calls(function, &mut body);
        } else {
            null_call(function, &mut body);
        }
    }
    format!("{HEAD}\nstatic void abuse(void) {{\n{body}}}\n{TAIL}")
}

fn has_error(function: &Function) -> bool {
    function.parameters.last().is_some_and(|p| p.kind == "ocireg_error**")
}

/// Whether the header allows NULL: it says so, and does not say "Not NULL".
fn nullable(function: &Function, parameter: &Parameter) -> bool {
    let doc = function.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = doc
        .split(&format!("@param {} ", parameter.name))
        .nth(1)
        .unwrap_or_else(|| panic!("{} does not document {}", function.name, parameter.name));
    let text = text.split(" @").next().unwrap_or(text);
    text.contains("NULL") && !text.contains("Not NULL") && !text.contains("not NULL")
}

fn is_output(parameter: &Parameter) -> bool {
    parameter.kind.ends_with("**")
        || matches!(parameter.kind.as_str(), "size_t*" | "int32_t*" | "int64_t*")
}

fn is_handle(parameter: &Parameter) -> bool {
    let kind = parameter.kind.trim_start_matches("const ");
    kind.starts_with("ocireg_") && kind.ends_with('*') && !kind.ends_with("**")
}

/// Whether a function is for sessions of protocol v1.
fn is_v1(function: &Function) -> bool {
    ["_remote_", "_repository_data", "_session_push_", "_search_repositories"]
        .iter()
        .any(|part| function.name.contains(part))
}

/// The C expression of a good argument.
fn good(function: &Function, parameter: &Parameter) -> String {
    let text = match (function.name.as_str(), parameter.name.as_str()) {
        (_, "error") => return "&error".to_owned(),
        _ if is_output(parameter) => return format!("&{}", parameter.name),
        (_, "session") if is_v1(function) => "v1_session_handle",
        _ if is_handle(parameter) => {
            let kind = parameter.kind.trim_start_matches("const ");
            return kind.trim_start_matches("ocireg_").trim_end_matches('*').to_owned() + "_handle";
        }
        (_, "reference") if is_v1(function) => "v1_reference",
        ("ocireg_service_search", "term") => "v1_reference",
        (_, "limit") => "25",
        (_, "registry") => "v1_root",
        (_, "registries_json") => "v1_roots",
        (_, "tag") => "\"1\"",
        (_, "image_id" | "revision") if function.name.contains("_push_image_") => "NEW_IMAGE",
        (_, "image_id" | "revision") => "OLD_IMAGE",
        (_, "image_size") => "-1",
        (_, "image_data_json") => {
            "\"{\\\"id\\\":\\\"\" NEW_IMAGE \"\\\",\\\"checksum\\\":\\\"x\\\"}\""
        }
        (_, "images_json") => "\"[{\\\"id\\\":\\\"\" NEW_IMAGE \"\\\"}]\"",
        (_, "validate") => "0",
        (name, "data" | "image_json") if name.contains("_session_push_") => "new_image_json",
        (name, "size") if name.contains("_session_push_") => "sizeof new_image_json - 1",
        (_, "headers_json") => "\"{\\\"X-Abuse\\\":[\\\"1\\\"]}\"",
        ("ocireg_endpoint_new_v1", "index_json") => "v1_index",
        ("ocireg_json_get" | "ocireg_json_length" | "ocireg_json_strings", "json") => {
            "\"{\\\"a\\\":[1]}\""
        }
        (_, "pointer") => "\"/a\"",
        (_, "member") => "\"\"",
        (_, "username") => "\"alice\"",
        (_, "password") => "\"p\"",
        ("ocireg_reader_read" | "ocireg_blob_read_at", "buffer") => "some_buffer",
        ("ocireg_reader_read" | "ocireg_blob_read_at", "capacity") => "sizeof some_buffer",
        ("ocireg_session_authorize", "method") => "\"GET\"",
        ("ocireg_session_authorize", "path") => "\"tags/list\"",
        ("ocireg_writer_write", "data") => "some_buffer",
        ("ocireg_writer_write", "size") => "sizeof some_buffer",
        ("ocireg_session_open_blob" | "ocireg_blob_read_at", "offset") => "0",
        (_, "from_repository") => "\"big\"",
        ("ocireg_session_repository", "name") => "\"big\"",
        (_, "name") => "\"docker.io\"",
        (_, "url") => "\"https://mirror.example/\"",
        ("ocireg_push", "source") => "destination",
        ("ocireg_push", "destination") => "image_reference",
        ("ocireg_copy", "source") => "image_location",
        ("ocireg_unpack", "directory") => "new_directory()",
        ("ocireg_unpack" | "ocireg_export", "source") => "tree_reference",
        (_, "fd") => "null_descriptor()",
        ("ocireg_layout_remove", "location") => "named_layout",
        (_, "location") => "destination",
        ("ocireg_session_put_manifest", "media_type") => "INDEX_TYPE",
        ("ocireg_session_put_manifest", "data") => "empty_index",
        ("ocireg_session_put_manifest", "size") => "sizeof empty_index - 1",
        // What was put a moment ago.
        ("ocireg_session_put_manifest" | "ocireg_session_delete_manifest", "tag_or_digest") => {
            "\"spare\""
        }
        ("ocireg_session_delete_blob", "digest") => "SPARE_BLOB",
        ("ocireg_session_get_blob_file", "path") => "new_file",
        ("ocireg_session_put_blob_file", "path") => "spare_file",
        (_, "reference" | "source") => "image_reference",
        (_, "hostname" | "host") => "registry",
        (_, "destination") => "destination",
        (_, "digest") => "blob_digest",
        (_, "tag_or_digest") => "\"latest\"",
        (_, "term") => "\"busybox\"",
        (_, "directory") => "directory",
        (_, "path") => "\"v2/\"",
        ("ocireg_service_auth" | "ocireg_service_login", "auth_json") => "auth_json",
        (_, "user_agent") => "\"abuse/1\"",
        ("ocireg_service_set_log", "max_level") => "5",
        ("ocireg_service_set_log", "log" | "user_data" | "drop") => "NULL",
        ("ocireg_service_set_credentials", "credentials" | "user_data" | "drop") => "NULL",
        (_, "index_json") => "index_json",
        (_, "auth_configs_json" | "auth_json" | "options_json") => "\"{}\"",
        (_, "header_lines_json" | "list_json") => "\"[]\"",
        (_, "api_endpoint_json") => "endpoint_json",
        (name, parameter) => panic!("{name}: the test has no good value for {parameter}"),
    };
    text.to_owned()
}

fn call(function: &Function, changed: Option<(&str, &str)>) -> String {
    let arguments: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| match changed {
            Some((name, value)) if name == parameter.name => value.to_owned(),
            _ => good(function, parameter),
        })
        .collect();
    format!("{}({})", function.name, arguments.join(", "))
}

fn calls(function: &Function, body: &mut String) {
    let outputs: Vec<&Parameter> =
        function.parameters.iter().filter(|p| is_output(p) && p.name != "error").collect();
    let name = &function.name;
    writeln!(body, "    {{ /* {name} */").expect("text");
    for output in &outputs {
        let kind = output.kind.trim_end_matches('*').to_owned()
            + &"*".repeat(output.kind.matches('*').count() - 1);
        writeln!(body, "        {kind} {} = 0;", output.name).expect("text");
    }
    let mut emit = |what: &str, call: String, code: &str, argument: &str| {
        for output in outputs.iter().filter(|o| o.kind.ends_with("**")) {
            writeln!(body, "        {} = POISON;", output.name).expect("text");
        }
        writeln!(body, "        judge({what:?}, {call}, {code}, {argument});").expect("text");
        for output in outputs.iter().filter(|o| o.kind.ends_with("**")) {
            let out = &output.name;
            // An output that was itself given as NULL was never written.
            if what.ends_with(&format!(" {out} NULL")) {
                continue;
            }
            let free = match output.kind.as_str() {
                "char**" => "ocireg_string_free".to_owned(),
                "char***" => "ocireg_strings_free".to_owned(),
                "uint8_t**" => "ocireg_bytes_free".to_owned(),
                handle => handle.trim_end_matches('*').to_owned() + "_free",
            };
            writeln!(body, "        check_output({what:?}, {out:?}, {out}); {free}({out});")
                .expect("text");
        }
    };
    // Whether anything may be deleted is for the registry to say.
    let usual = if name.contains("_delete_") { "ANY" } else { "OCIREG_OK" };
    emit(&format!("{name} good"), call(function, None), usual, "NULL");
    for parameter in function.parameters.iter().filter(|p| p.kind.ends_with('*')) {
        let with = |value: &str| call(function, Some((&parameter.name, value)));
        let what = format!("{name} {}", parameter.name);
        let quoted = format!("{:?}", parameter.name);
        if parameter.name == "error" {
            // The good call before has used up the writer.
            let code = match name.as_str() {
                "ocireg_writer_commit" => "OCIREG_INVALID_ARGUMENT",
                // And the name.
                "ocireg_layout_remove" => "OCIREG_NOT_FOUND",
                _ => usual,
            };
            emit(&format!("{what} NULL"), with("NULL"), code, "NULL");
        } else if nullable(function, parameter) {
            emit(&format!("{what} NULL"), with("NULL"), "ANY", &quoted);
        } else {
            emit(&format!("{what} NULL"), with("NULL"), "OCIREG_INVALID_ARGUMENT", &quoted);
        }
        if parameter.kind == "const char*" {
            emit(&format!("{what} not UTF-8"), with("\"a\\xff\""), "OCIREG_INVALID_UTF8", &quoted);
        }
        if is_handle(parameter) {
            let other =
                if parameter.kind.contains("ocireg_context") { "service" } else { "context" };
            let other = format!("(void *){other}_handle");
            emit(&format!("{what} wrong"), with(&other), "OCIREG_INVALID_HANDLE", "NULL");
            emit(&format!("{what} crooked"), with("(void *)3"), "OCIREG_INVALID_HANDLE", "NULL");
        }
    }
    // Everything wrong at once, and nowhere to put the error.
    let nothing = function.parameters.iter().map(zero).collect::<Vec<_>>().join(", ");
    writeln!(body, "        judge(\"{name} nothing\", {name}({nothing}), SILENT_FAILURE, NULL);")
        .expect("text");
    body.push_str("    }\n");
}

fn zero(parameter: &Parameter) -> String {
    if parameter.kind.ends_with('*') || parameter.kind.ends_with("_fn") { "NULL" } else { "0" }
        .to_owned()
}

/// Functions without a code do nothing with NULL, and nothing with something else.
fn null_call(function: &Function, body: &mut String) {
    let name = &function.name;
    let zeros: Vec<String> = function.parameters.iter().map(zero).collect();
    let call = format!("{name}({})", zeros.join(", "));
    match function.returns.as_str() {
        "void" => writeln!(body, "    {call};"),
        "const char*" => writeln!(body, "    CHECK({call} != NULL);"),
        _ if matches!(
            name.as_str(),
            "ocireg_reader_size" | "ocireg_blob_size" | "ocireg_error_retry_after_ms"
        ) =>
        {
            writeln!(body, "    CHECK({call} == -1);")
        }
        _ if function.parameters.is_empty() => writeln!(body, "    CHECK({call} != 0);"),
        _ => writeln!(body, "    CHECK({call} == 0);"),
    }
    .expect("text");
    if let [parameter] = function.parameters.as_slice()
        && is_handle(parameter)
    {
        let other = if name.contains("_context_") { "service" } else { "context" };
        writeln!(body, "    (void){name}((void *){other}_handle);").expect("text");
        writeln!(body, "    (void){name}((void *)3);").expect("text");
    }
}

const HEAD: &str = r##"
/* Made by tests/bindings/abuse.rs. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define POISON ((void *)0x5a5a5a58)
#define ANY (-1)
#define SILENT_FAILURE (-2)

static const char *registry, *directory, *blob_digest;
/* A file with the word "spare", which is a blob of the repository, and a file that a blob is written to. */
static char spare_file[512], new_file[512];

/* What is read from it is nothing, and what is written to it goes nowhere. */
static int null_descriptor(void)
{
    static int fd;
    if (fd == 0) {
        int made = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (!__sync_bool_compare_and_swap(&fd, 0, made)) close(made);
    }
    return fd;
}

/* A path that nothing has yet. */
static const char *new_directory(void)
{
    static int number;
    static __thread char path[512];
    snprintf(path, sizeof path, "%s/root-%d", directory, __sync_fetch_and_add(&number, 1));
    return path;
}
#define SPARE_BLOB "sha256:cf2d9706736982fb261656d2e712344c3c38bd94b34a444ea4f3ce97591cd48f"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
static const uint8_t empty_index[] = "{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\",\"manifests\":[]}";
static char image_location[300], named_layout[800];
static char image_reference[256], tree_reference[256], destination[512], endpoint_json[256], auth_json[256];
/* Of a registry of protocol v1 that has one image, and to which another one is pushed again and again. */
static char v1_reference[256], v1_root[256], v1_roots[264], v1_index[256];
#define SIXTEEN(x) x x x x x x x x x x x x x x x x
#define OLD_IMAGE SIXTEEN("5555")
#define NEW_IMAGE SIXTEEN("6666")
static const uint8_t new_image_json[] = "{\"id\":\"" NEW_IMAGE "\"}";
/* Nobody's login file is read or written, and nobody outside is asked. */
static const char *options_json = "{\"docker-config\": \"\", \"resolve\": {\"*\": []}, \"retry\": {\"max-attempts\": 1}}";
static const char *index_json = "{\"Name\": \"docker.io\", \"Mirrors\": [], \"Secure\": true, \"Official\": true}";
static uint8_t some_buffer[65536];
static ocireg_service *service_handle;
static ocireg_endpoint *endpoint_handle;
static ocireg_session *session_handle, *v1_session_handle;
static ocireg_reader *reader_handle;
static ocireg_blob *blob_handle;
static ocireg_writer *writer_handle;
static ocireg_context *context_handle;
static ocireg_error *error;

static int32_t last_code;

static void judge(const char *what, int32_t code, int32_t expected, const char *argument) {
    const char *json = ocireg_error_json(error);
    char quoted[64] = "";
    int fair;
    if (argument != NULL) snprintf(quoted, sizeof quoted, "\"argument\":\"%s\"", argument);
    if (expected == SILENT_FAILURE) {
        fair = code != OCIREG_PANIC && code != OCIREG_INTERNAL && error == NULL;
    } else if (expected == ANY) {
        /* Other arguments may have to be there instead; but this one may be NULL. */
        fair = code != OCIREG_PANIC && code != OCIREG_INTERNAL && strstr(json, " is NULL") == NULL;
    } else {
        fair = code == expected && strstr(json, quoted) != NULL;
    }
    if (expected != SILENT_FAILURE && error != NULL) fair = fair && ocireg_error_code(error) == code;
    if (!fair) {
        fprintf(stderr, "%s: %s: %s\n", what, ocireg_code_name(code), json);
        exit(1);
    }
    ocireg_error_free(error);
    error = NULL;
    last_code = code;
}

/* NULL after a failure, something after success. */
static void check_output(const char *what, const char *name, const void *output) {
    if (output == POISON || (last_code != OCIREG_OK && output != NULL)) {
        fprintf(stderr, "%s: %s is %p after %s\n", what, name, output, ocireg_code_name(last_code));
        exit(1);
    }
}
"##;

const TAIL: &str = r##"
static void *run(void *unused) {
    abuse();
    return unused;
}

/* abuse REGISTRY DIRECTORY DIGEST V1: of a registry that has big:latest, an empty directory, a blob of big, and a
 * registry of protocol v1 that has demo/app:1. */
int main(int argc, char **argv) {
    ocireg_endpoint *v1_endpoint;
    CHECK(argc == 5);
    registry = argv[1];
    directory = argv[2];
    blob_digest = argv[3];
    snprintf(image_reference, sizeof image_reference, "%s/big:latest", registry);
    snprintf(tree_reference, sizeof tree_reference, "%s/tree:latest", registry);
    snprintf(destination, sizeof destination, "oci:%s/layout", directory);
    snprintf(image_location, sizeof image_location, "docker://%s", image_reference);
    snprintf(named_layout, sizeof named_layout, "%s:%s", destination, image_reference);
    snprintf(new_file, sizeof new_file, "%s/blob", directory);
    snprintf(spare_file, sizeof spare_file, "%s/spare", directory);
    FILE *spare = fopen(spare_file, "w");
    CHECK(spare != NULL && fputs("spare", spare) >= 0 && fclose(spare) == 0);
    snprintf(endpoint_json, sizeof endpoint_json, "{\"URL\": \"http://%s\", \"Version\": \"v2\"}", registry);
    snprintf(auth_json, sizeof auth_json,
             "{\"serveraddress\": \"%s\", \"username\": \"alice\", \"password\": \"p\"}", registry);
    snprintf(v1_reference, sizeof v1_reference, "%s/demo/app", argv[4]);
    snprintf(v1_root, sizeof v1_root, "http://%s/v1/", argv[4]);
    snprintf(v1_roots, sizeof v1_roots, "[\"%s\"]", v1_root);
    snprintf(v1_index, sizeof v1_index, "{\"Name\": \"%s\", \"Mirrors\": [], \"Secure\": false, \"Official\": false}",
             argv[4]);
    OK(ocireg_service_new(options_json, &service_handle, &error));
    OK(ocireg_endpoint_new(service_handle, endpoint_json, &endpoint_handle, &error));
    OK(ocireg_session_open(service_handle, NULL, image_reference, "{\"actions\": [\"pull\", \"push\", \"delete\"]}", &session_handle, &error));
    OK(ocireg_session_put_blob_file(session_handle, NULL, spare_file, NULL, NULL, &error));
    OK(ocireg_session_open_blob(session_handle, NULL, blob_digest, 0, NULL, &reader_handle, &error));
    OK(ocireg_session_blob(session_handle, blob_digest, NULL, &blob_handle, &error));
    OK(ocireg_session_put_blob(session_handle, NULL, NULL, &writer_handle, &error));
    OK(ocireg_endpoint_new_v1(service_handle, NULL, v1_index, NULL, NULL, &v1_endpoint, &error));
    OK(ocireg_session_new(v1_endpoint, NULL, "{}", &v1_session_handle, &error));
    ocireg_endpoint_free(v1_endpoint);
    OK(ocireg_context_new(&context_handle, &error));
    /* A host may call from a thread with as little stack as this. */
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    CHECK(pthread_create(&thread, &attributes, run, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_attr_destroy(&attributes);
    ocireg_context_free(context_handle);
    ocireg_reader_free(reader_handle);
    ocireg_blob_free(blob_handle);
    ocireg_writer_free(writer_handle);
    ocireg_session_free(session_handle);
    ocireg_session_free(v1_session_handle);
    ocireg_endpoint_free(endpoint_handle);
    ocireg_service_free(service_handle);
    return 0;
}
"##;
