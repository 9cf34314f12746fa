// The C++ binding: raii REGISTRY DIRECTORY, of a registry that has big:latest.

#include <ocireg.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
            std::exit(1);                                                                 \
        }                                                                                 \
    } while (0)

template <typename T>
constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                            !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(moves_only<ocireg::Service> && moves_only<ocireg::Endpoint> && moves_only<ocireg::Session>);
static_assert(moves_only<ocireg::Reader> && moves_only<ocireg::Context>);
static_assert(std::is_nothrow_copy_constructible_v<ocireg::Error>);

namespace {

std::string registry, directory, v1;

bool has(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

void names() {
    CHECK(ocireg::convert_to_hostname("https://registry.example/v1/") == "registry.example");
    CHECK(ocireg::validate_index_name("index.docker.io") == "docker.io");
    CHECK(ocireg::validate_mirror("https://mirror.example") == "https://mirror.example/");
    CHECK(has(ocireg::parse_reference("busybox"), "docker.io/library/busybox"));
    CHECK(has(ocireg::parse_repository_info("busybox"), "\"Official\":true"));
    CHECK(has(ocireg::parse_search_index_info("busybox"), "docker.io"));
    const std::string index = R"({"Name":"docker.io","Mirrors":[],"Secure":true,"Official":true})";
    CHECK(ocireg::auth_config_key(index) == OCIREG_INDEX_SERVER);
    CHECK(has(ocireg::resolve_auth_config(R"({"https://index.docker.io/v1/":{"username":"u","password":"p"}})", index),
              "\"u\""));
    CHECK(has(ocireg::parse_challenges(R"(["Basic realm=\"here\""])"), "here"));
    CHECK(has(ocireg::read_certs_directory(directory), "MinVersion"));
    CHECK(!ocireg::certs_dir().empty());
}

void json() {
    const std::string manifest = R"({"layers": [{"digest": "sha256:1", "size": 7}], "a/b": "\u00e9\n"})";
    CHECK(ocireg::json_get(manifest, "/layers/0/digest") == "sha256:1" && ocireg::json_get(manifest, "/a~1b") == "é\n");
    CHECK(ocireg::json_get(manifest, "/layers/0/size") == "7" && ocireg::json_length(manifest, "/layers") == 1);
    CHECK(ocireg::try_json_get(manifest, "/layers/1").error().code() == OCIREG_NOT_FOUND);
    CHECK(ocireg::try_json_length(manifest, "layers").error().code() == OCIREG_INVALID_ARGUMENT);
    CHECK((ocireg::json_strings(manifest, "/layers", "/digest") == std::vector<std::string>{"sha256:1"}));
    CHECK(ocireg::try_json_strings(manifest, "/none").error().code() == ocireg::Code::not_found);
    const std::string auth = ocireg::auth_json("r.example", "_json_key", "{\n\"a\": 1\n}");
    CHECK(ocireg::json_get(auth, "/password") == "{\n\"a\": 1\n}" && ocireg::json_get(auth, "/username") == "_json_key");
    CHECK(ocireg::auth_json(nullptr, nullptr, nullptr) == "{}");
    CHECK(!ocireg::try_auth_json(nullptr, "al\nice", "p") && !ocireg::try_auth_json(nullptr, nullptr, "p"));
    // A view need not end with a NUL.
    const std::string_view part = std::string_view("/layers/0/digest and more").substr(0, 7);
    CHECK(ocireg::json_length(std::string_view(manifest), part) == 1);
}

/* Results as values, codes as an enumeration. */
void results() {
    auto good = ocireg::try_validate_mirror("https://mirror.example");
    CHECK(good && *good == "https://mirror.example/" && good->back() == '/' && good.value_or("none") == *good);
    const auto bad = ocireg::try_validate_mirror("no url");
    CHECK(!bad && bad.value_or("none") == "none" && ocireg::try_certs_dir().value_or("") == ocireg::certs_dir());
    try {
        (void)*bad;
        CHECK(!"reached");
    } catch (const ocireg::Error &error) {
        CHECK(error.code() == bad.error().code() && error.code() != ocireg::Code::ok);
    }
    switch (ocireg::try_parse_reference("UPPER").error().code()) {
    case ocireg::Code::invalid_reference: break;
    default: CHECK(!"another code");
    }
    CHECK(ocireg::Code::not_found == OCIREG_NOT_FOUND && OCIREG_IO != ocireg::Code::panic);
    CHECK(std::string(ocireg::code_text(ocireg::Code::io)) == ocireg::code_text(OCIREG_IO));
}

/* Documents as types: what is absent or null is empty, and keys may hold any character. */
void documents() {
    const auto descriptor = ocireg::Descriptor::parse(
        R"({"mediaType": "a/b", "digest": "sha256:1", "size": 12345678901, "artifactType": "c/d",
            "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}, "annotations": {"a/b~c": "x"}})");
    CHECK(descriptor.media_type == "a/b" && descriptor.digest == "sha256:1" && descriptor.size == 12345678901);
    CHECK(descriptor.platform == "linux/arm/v7" && descriptor.artifact_type == "c/d");
    CHECK(descriptor.annotation("a/b~c") == "x" && !descriptor.annotation("none"));
    const auto bare = ocireg::Descriptor::parse("{}");
    CHECK(bare.digest.empty() && bare.size == 0 && bare.platform.empty() && !bare.annotation("a"));
    const auto config = ocireg::ImageConfig::parse(
        R"({"os": "linux", "architecture": "amd64", "config": {"Env": ["A=ä", "B="], "Cmd": null, "User": "1:2",
            "Entrypoint": ["/bin/sh", "-c"], "Labels": {"x.y/z": "l"}}, "rootfs": {"diff_ids": ["sha256:2"]}})");
    CHECK((config.env == std::vector<std::string>{"A=ä", "B="}) && config.cmd.empty() && config.user == "1:2");
    CHECK(config.entrypoint.size() == 2 && config.label("x.y/z") == "l" && !config.label("x"));
    CHECK(config.diff_ids.at(0) == "sha256:2" && config.working_dir.empty());
    try {
        ocireg::Descriptor::parse("{");
        CHECK(!"reached");
    } catch (const ocireg::Error &error) {
        CHECK(error.code() == ocireg::Code::invalid_json);
    }
}

void errors() {
    try {
        ocireg::parse_reference("UPPER");
        CHECK(!"reached");
    } catch (const ocireg::Error &error) {
        CHECK(error.code() == OCIREG_INVALID_REFERENCE);
        CHECK(std::string(error.name()) == "OCIREG_INVALID_REFERENCE");
        CHECK(std::string(error.what()).size() > 0 && has(error.json(), "INVALID_REFERENCE"));
        CHECK(!error.hint().empty() && error.hint() == ocireg::json_get(error.json(), "/hint"));
        CHECK(error.http_status() == 0 && error.retry_after_ms() == -1 && !error.retryable());
    }
    auto result = ocireg::try_parse_reference("UPPER");
    CHECK(!result && result.error().code() == OCIREG_INVALID_REFERENCE);
    try {
        (void)result.value();
        CHECK(!"reached");
    } catch (const std::runtime_error &) {
    }
    for (const std::string_view nul : {std::string_view("a\0b", 3), std::string_view("\0", 1)}) {
        try {
            (void)ocireg::try_parse_reference(nul);
            CHECK(!"reached");
        } catch (const std::invalid_argument &) {
        }
        try {
            (void)ocireg::try_parse_reference(std::string(nul));
            CHECK(!"reached");
        } catch (const std::invalid_argument &) {
        }
    }
    CHECK(std::string(ocireg::code_text(OCIREG_NOT_FOUND)).back() == '.');
    CHECK(!ocireg::Service::try_new(R"({"no-such-option": 1})"));
}

bool close_throws(ocireg::Reader &reader) {
    try {
        reader.close();
        return false;
    } catch (const ocireg::NotVerified &error) {
        return has(error.what(), "not verified");
    }
}

/* What was read counts only once the end was reached; closing before that says so. */
void verified(const ocireg::Session &session, const std::string &digest) {
    std::vector<uint8_t> buffer(1000);
    auto unread = session.open_blob(digest);
    CHECK(!close_throws(unread));
    auto begun = session.open_blob(digest);
    CHECK(begun.read(buffer.data(), buffer.size()) > 0);
    auto moved = std::move(begun);
    CHECK(!close_throws(begun) && close_throws(moved) && !close_throws(moved));
    CHECK(begun.try_verify().error().code() == OCIREG_INVALID_ARGUMENT);
    auto whole = session.open_blob(digest);
    CHECK(whole.read(buffer.data(), buffer.size()) > 0);
    whole.verify();
    CHECK(whole.read(buffer.data(), buffer.size()) == 0 && !close_throws(whole));
    // Who got an error knows; but after a deadline reading can go on, and then the end counts again.
    ocireg::Context late;
    late.set_timeout(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    auto stopped = session.open_blob(digest);
    CHECK(stopped.read(buffer.data(), buffer.size()) > 0);
    CHECK(stopped.try_verify(&late).error().code() == OCIREG_DEADLINE);
    CHECK(stopped.read(buffer.data(), buffer.size()) > 0 && close_throws(stopped));
    auto failed = session.open_blob(digest);
    CHECK(failed.read(buffer.data(), buffer.size()) > 0);
    CHECK(failed.try_verify(&late).error().code() == OCIREG_DEADLINE && !close_throws(failed));
}

// Files become an artifact in the registry, and files again.
void artifact(const ocireg::Service &service) {
    const std::string from = directory + "/files";
    std::filesystem::create_directories(from + "/below");
    std::ofstream(from + "/one") << "first";
    std::ofstream(from + "/below/two") << "second";
    const std::string sent = service.push("files:" + from, registry + "/artifact:1",
                                          R"({"artifact_type": "application/vnd.example.tool",
                                              "files": [{"path": "one"}, {"path": "below/two", "title": "two"}]})");
    CHECK(ocireg::json_get(sent, "/bytes_total") != "0");
    CHECK(has(service.inspect(registry + "/artifact:1"), R"("artifact_type":"application/vnd.example.tool")"));
    service.pull(registry + "/artifact:1", "files:" + directory + "/got");
    std::stringstream got;
    got << std::ifstream(directory + "/got/one").rdbuf() << std::ifstream(directory + "/got/two").rdbuf();
    CHECK(got.str() == "firstsecond");
    std::ofstream(directory + "/got/one") << "other";
    CHECK(service.try_pull(registry + "/artifact:1", "files:" + directory + "/got").error().code() ==
          OCIREG_ALREADY_EXISTS);
    CHECK(service.try_push("files:" + from, registry + "/artifact:2", R"({"files": [{"path": "one", "title": "../x"}]})")
              .error()
              .code() == OCIREG_INVALID_ARGUMENT);
}

/* A blob as an istream: the whole of it, and an error that does not look like the end. */
void streams(const ocireg::Session &session, const std::string &digest) {
    ocireg::BlobStream blob(session.open_blob(digest));
    const std::string content((std::istreambuf_iterator<char>(blob)), std::istreambuf_iterator<char>());
    CHECK(static_cast<int64_t>(content.size()) == blob.size());
    blob.verify();
    ocireg::Context late;
    late.set_timeout(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ocireg::BlobStream stopped(session.open_blob(digest), &late);
    try {
        std::string line;
        while (std::getline(stopped, line)) {}
        CHECK(!"reached");
    } catch (const ocireg::Error &error) {
        CHECK(error.code() == ocireg::Code::deadline);
    }
}

void images() {
    ocireg::Service service;
    const std::string image = registry + "/big:latest";
    CHECK(has(service.config(), "127.0.0.0/8"));
    CHECK(has(service.lookup_pull_endpoints(registry), "http://"));
    CHECK(has(service.lookup_push_endpoints(registry), "http://"));
    CHECK(has(service.resolve_repository(image), "big"));
    CHECK(has(service.tls_config(registry), "\"InsecureSkipVerify\":true"));
    CHECK(service.is_insecure_registry(registry) && !service.is_insecure_registry("192.0.2.1"));
    CHECK(has(service.credentials("192.0.2.1"), "kind"));
    const std::string alice =
        "{\"serveraddress\": \"" + registry + "\", \"username\": \"alice\", \"password\": \"p\"}";
    CHECK(has(service.auth(alice, "raii/1"), "Login Succeeded"));
    ocireg::Service forgetful(R"({"docker-config": ""})");
    CHECK(has(forgetful.login(alice), "\"stored\":\"none\""));
    CHECK(forgetful.login_password(registry, "alice", "p") == "none");
    CHECK(forgetful.try_login_password(registry, "", "p").error().code() == ocireg::Code::invalid_argument);
    forgetful.logout(registry);
    CHECK(!forgetful.try_logout("a b") && !forgetful.try_login("{}"));
    service.load_mirrors(R"(["https://mirror.example"])");
    service.load_insecure_registries(R"(["10.0.0.0/8"])");
    service.load_allow_nondistributable_artifacts(R"(["10.0.0.0/8"])");
    CHECK(has(service.config(), "mirror.example") && service.is_insecure_registry("10.1.1.1"));
    service.replace_config("{}");
    CHECK(!has(service.config(), "mirror.example"));

    auto endpoint = service.endpoint("{\"URL\": \"http://" + registry + "\", \"Version\": \"v2\"}");
    CHECK(has(endpoint.to_string(), registry.c_str()) && has(endpoint.path("v2/"), "v2/") && !endpoint.is_secure());
    CHECK(has(endpoint.ping(), "\"v2\""));
    auto session = endpoint.session().repository("big");
    CHECK(has(session.ping(), "\"v2\"") && has(session.list_tags(), "latest") && !session.id().empty());

    auto opened = service.open(image);
    CHECK(has(opened.info(), "big") && has(opened.head_manifest(), "sha256:"));
    const auto manifest = opened.get_manifest();
    CHECK(has(manifest.descriptor_json, "sha256:") && !manifest.data.empty());
    const std::string text(manifest.data.begin(), manifest.data.end());
    const auto digest = text.substr(text.find("sha256:", text.find("\"layers\"")), 71);
    auto reader = opened.open_blob(digest);
    std::vector<uint8_t> buffer(256 << 10);
    int64_t total = 0;
    while (const size_t count = reader.read(buffer.data(), buffer.size())) total += static_cast<int64_t>(count);
    CHECK(total == reader.size());
    reader.close();
    verified(opened, digest);
    streams(opened, digest);
    const auto tags = opened.tags(); // Other tests may add some of their own.
    CHECK(std::find(tags.begin(), tags.end(), "latest") != tags.end());
    CHECK(manifest.layers().at(0).digest == digest && manifest.manifests().empty());
    CHECK(manifest.descriptor().digest == ocireg::Descriptor::parse(opened.head_manifest()).digest);
    const auto found = service.image(image);
    CHECK(found.kind == "image" && found.layers.at(0).digest == digest && found.config && found.config->os == "linux");
    CHECK(found.descriptor.digest == manifest.descriptor().digest && !found.config->diff_ids.empty());
    CHECK(!service.try_image(registry + "/no/such"));

    CHECK(has(service.inspect(image), "\"kind\":\"image\""));
    CHECK(has(service.pull(image, "oci:" + directory + "/plain"), "bytes_total"));
    const std::string pushed = service.push("oci:" + directory + "/plain", registry + "/pushed:1", R"({"tags": ["2"]})");
    CHECK(has(pushed, R"("tags":["1","2"])"));
    const std::string copied = service.copy("docker://" + registry + "/pushed:2", "docker://" + registry + "/copied:1");
    CHECK(has(copied, R"("bytes_transferred":0)") && has(copied, "destination_endpoint"));
    artifact(service);
    CHECK(service.try_push("oci:" + directory + "/plain", "docker://" + registry + "/Pushed").error().code() ==
          OCIREG_INVALID_REFERENCE);
    CHECK(service.try_copy(image, "oci:" + directory + "/plain").error().code() == OCIREG_INVALID_ARGUMENT);
    const std::string layer = ocireg::json_get(service.inspect(registry + "/copied:1"), "/layers/0/digest");
    CHECK(ocireg::json_get(service.open(registry + "/copied").head_blob(layer), "/digest") == layer);
    const auto missing = service.try_pull(registry + "/no/such:1", "oci:" + directory + "/none");
    CHECK(!missing && missing.error().code() == OCIREG_NOT_FOUND && missing.error().http_status() == 404);
}

/* The registry takes every checksum, so that nothing that is pushed there ever is complete. */
void protocol_v1() {
    ocireg::Service service("{\"docker-config\": \"\"}");
    const std::string index = "{\"Name\": \"" + v1 + "\", \"Mirrors\": [], \"Secure\": false, \"Official\": false}";
    const std::string reference = v1 + "/demo/app", root = "http://" + v1 + "/v1/", roots = "[\"" + root + "\"]";
    const std::string old(64, '5'), fresh(64, '8'), missing(64, '7'), fresh_data = "{\"id\": \"" + fresh + "\", \"checksum\": \"x\"}";
    const auto *json = reinterpret_cast<const uint8_t *>(fresh_data.data());

    auto endpoint = service.endpoint_v1(index, "me/1", "{\"X-Meta\": [\"1\"]}");
    CHECK(endpoint.to_string() == root && has(endpoint.ping(), "\"standalone\":true"));
    auto session = endpoint.session("{}");
    CHECK(has(session.get_repository_data(reference), root.c_str()));
    CHECK(has(session.get_remote_tags(roots, reference), old.c_str()));
    CHECK(session.get_remote_tag(roots, reference, "1") == old);
    CHECK(has(session.get_remote_history(old, root), old.c_str()));
    session.lookup_remote_image(old, root);
    CHECK(session.try_lookup_remote_image(missing, root).error().code() == OCIREG_NOT_FOUND);
    const auto image = session.get_remote_image_json(old, root);
    CHECK(has(std::string(image.json.begin(), image.json.end()), old.c_str()) && image.layer_size > 0);
    auto reader = session.get_remote_image_layer(old, root, image.layer_size);
    std::vector<uint8_t> buffer(4096);
    int64_t total = 0;
    while (const size_t count = reader.read(buffer.data(), buffer.size())) total += static_cast<int64_t>(count);
    CHECK(total == image.layer_size && total == reader.size());

    CHECK(has(session.push_image_json_index(reference, "[" + fresh_data + "]", false, "[]"), root.c_str()));
    session.push_image_json_registry(fresh_data, root, json, fresh_data.size());
    auto writer = session.push_image_layer_registry(fresh, root, json, fresh_data.size());
    const std::vector<uint8_t> nothing(1024);
    writer.write(nothing.data(), nothing.size());
    CHECK(has(writer.commit(), "tarsum+sha256:"));
    session.push_image_checksum_registry(fresh_data, root);
    session.push_registry_tag(reference, old, "2", root);
    CHECK(session.get_remote_tag(roots, reference, "2") == old);
    CHECK(!session.try_push_image_json_index(reference, "[" + fresh_data + "]", true, roots));

    CHECK(has(session.search_repositories("demo", 25), "\"query\":\"demo\""));
    CHECK(has(service.search(v1 + "/demo", 7, "{}", "me/1", "{\"X-Meta\": [\"1\"]}"), "\"query\":\"demo\""));
    CHECK(service.try_search("demo", 0).error().code() == OCIREG_INVALID_ARGUMENT);

    auto other = service.endpoint("{\"URL\": \"http://" + v1 + "\"}").to_v1("me/2");
    CHECK(other.to_string() == root && has(other.session("{}").info(), "\"v1\""));
    CHECK(has(service.pull(reference + ":1", "oci:" + directory + "/v1",
                           "{\"protocol\": \"v1\", \"platform\": \"linux/amd64\"}"), root.c_str()));
}

struct Odd {};

void callbacks() {
    ocireg::Service service;
    const std::string image = registry + "/big:latest";
    auto alive = std::make_shared<int>(0);
    {
        ocireg::Context context;
        context.set_progress([alive](uint64_t, uint64_t, std::string_view event) {
            CHECK(has(std::string(event), "\"kind\":"));
            ++*alive;
            return true;
        });
        service.pull(image, "oci:" + directory + "/told", nullptr, &context);
        CHECK(*alive > 0 && alive.use_count() == 2);

        context.set_progress([](uint64_t, uint64_t, std::string_view) { return false; });
        CHECK(alive.use_count() == 1);
        CHECK(service.try_pull(image, "oci:" + directory + "/stopped", nullptr, &context).error().code() ==
              OCIREG_CANCELLED);

        // What a callback throws comes out of the call, whichever form; and only once.
        context.set_progress([](uint64_t, uint64_t, std::string_view) -> bool { throw Odd(); });
        for (int i = 0; i < 2; i++) {
            try {
                (void)service.try_pull(image, "oci:" + directory + "/thrown", nullptr, &context);
                CHECK(!"reached");
            } catch (const Odd &) {
            }
        }
        context.set_progress(nullptr);
        service.pull(image, "oci:" + directory + "/after", nullptr, &context);

        context.set_progress([alive](uint64_t, uint64_t, std::string_view) { return true; });
        CHECK(alive.use_count() == 2);
    }
    CHECK(alive.use_count() == 1);
}

void logs() {
    auto alive = std::make_shared<int>(0);
    {
        ocireg::Service service;
        service.set_log(4, [alive](int32_t level, std::string_view record) {
            CHECK(level >= 1 && level <= 4 && has(std::string(record), "\"target\":"));
            ++*alive;
        });
        service.inspect(registry + "/big");
        const int told = *alive;
        CHECK(told > 0 && alive.use_count() == 2);
        service.set_log(4, nullptr);
        service.inspect(registry + "/big");
        CHECK(*alive == told && alive.use_count() == 1);
        CHECK(service.try_set_log(6, [alive](int32_t, std::string_view) {}).error().code() == OCIREG_INVALID_ARGUMENT);
        CHECK(alive.use_count() == 1);

        // What it throws comes out of the call that logged.
        service.set_log(5, [alive](int32_t, std::string_view) { throw Odd(); });
        try {
            (void)service.try_inspect(registry + "/big");
            CHECK(!"reached");
        } catch (const Odd &) {
        }
        CHECK(alive.use_count() == 2);
    }
    CHECK(alive.use_count() == 1);
}

void ends() {
    ocireg::Service service;
    ocireg::Context context;
    context.set_timeout(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(service.try_inspect(registry + "/big", nullptr, &context).error().code() == OCIREG_DEADLINE);
    context.set_timeout(0);
    std::thread([&context] { context.cancel(); }).join();
    CHECK(service.try_inspect(registry + "/big", nullptr, &context).error().code() == OCIREG_CANCELLED);
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 4);
    registry = argv[1];
    directory = argv[2];
    v1 = argv[3];
    names();
    json();
    results();
    documents();
    errors();
    images();
    protocol_v1();
    callbacks();
    logs();
    ends();
}
