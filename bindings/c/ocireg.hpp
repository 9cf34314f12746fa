// ocireg for C++17: handles that free themselves, errors as exceptions or as results. Header-only, over ocireg.h.
//
// bindings/gen makes the marked sections from src/ffi; the rest is written by hand.
//
// Every function of the library that can fail comes twice: `f` throws ocireg::Error, `try_f` returns ocireg::Result.
// Strings named `…json` are the JSON objects that ocireg.h describes. An exception thrown by a progress callback stops the call and
// comes out of the call, of `f` and `try_f` alike.
//
//     ocireg::Service service;
//     for (const std::string &tag : service.open("registry.example/app").tags()) std::cout << tag << '\n';
//
//     auto report = service.try_pull("registry.example/app:1", "oci:app");
//     if (!report && report.error().code() == ocireg::Code::not_found) return 1; // or *report, report->size(), …
//
// Documents that programs read most are types: Image, ImageConfig, Descriptor, tags as strings. json_get() reads the rest.

#ifndef OCIREG_HPP
#define OCIREG_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ocireg.h"

namespace ocireg {

/// The codes of errors. A code also compares with the constants OCIREG_… of ocireg.h.
enum class Code : int32_t {
    // Made by bindings/gen from src/ffi: codes
    ok = OCIREG_OK,
    invalid_argument = OCIREG_INVALID_ARGUMENT,
    invalid_utf8 = OCIREG_INVALID_UTF8,
    invalid_handle = OCIREG_INVALID_HANDLE,
    invalid_json = OCIREG_INVALID_JSON,
    invalid_reference = OCIREG_INVALID_REFERENCE,
    invalid_digest = OCIREG_INVALID_DIGEST,
    invalid_config = OCIREG_INVALID_CONFIG,
    unsupported = OCIREG_UNSUPPORTED,
    busy = OCIREG_BUSY,
    cancelled = OCIREG_CANCELLED,
    deadline = OCIREG_DEADLINE,
    name_not_resolved = OCIREG_NAME_NOT_RESOLVED,
    connect = OCIREG_CONNECT,
    tls = OCIREG_TLS,
    certificate = OCIREG_CERTIFICATE,
    timeout = OCIREG_TIMEOUT,
    disconnected = OCIREG_DISCONNECTED,
    proxy = OCIREG_PROXY,
    redirect = OCIREG_REDIRECT,
    protocol = OCIREG_PROTOCOL,
    policy = OCIREG_POLICY,
    unauthorized = OCIREG_UNAUTHORIZED,
    denied = OCIREG_DENIED,
    credentials = OCIREG_CREDENTIALS,
    credential_helper = OCIREG_CREDENTIAL_HELPER,
    not_found = OCIREG_NOT_FOUND,
    already_exists = OCIREG_ALREADY_EXISTS,
    rate_limited = OCIREG_RATE_LIMITED,
    server = OCIREG_SERVER,
    rejected = OCIREG_REJECTED,
    conflict = OCIREG_CONFLICT,
    digest_mismatch = OCIREG_DIGEST_MISMATCH,
    size_mismatch = OCIREG_SIZE_MISMATCH,
    invalid_manifest = OCIREG_INVALID_MANIFEST,
    limit = OCIREG_LIMIT,
    no_platform = OCIREG_NO_PLATFORM,
    io = OCIREG_IO,
    no_space = OCIREG_NO_SPACE,
    permission = OCIREG_PERMISSION,
    source_changed = OCIREG_SOURCE_CHANGED,
    internal = OCIREG_INTERNAL,
    panic = OCIREG_PANIC,
    // End of what is made.
};

constexpr bool operator==(Code code, int32_t number) noexcept { return static_cast<int32_t>(code) == number; }
constexpr bool operator==(int32_t number, Code code) noexcept { return static_cast<int32_t>(code) == number; }
constexpr bool operator!=(Code code, int32_t number) noexcept { return static_cast<int32_t>(code) != number; }
constexpr bool operator!=(int32_t number, Code code) noexcept { return static_cast<int32_t>(code) != number; }

/// Why a call failed; a copy of what the library said, so it may outlive everything.
class Error : public std::runtime_error {
public:
    /// Takes over an error of the C library.
    Error(int32_t code, ocireg_error *error)
        : std::runtime_error(error ? ocireg_error_message(error) : ocireg_code_name(code)),
          code_(code),
          http_status_(ocireg_error_http_status(error)),
          retry_after_ms_(ocireg_error_retry_after_ms(error)),
          retryable_(ocireg_error_retryable(error) != 0),
          texts_(std::make_shared<Texts>(Texts{ocireg_error_json(error), ocireg_error_hint(error)})) {
        ocireg_error_free(error);
    }

    /// What kind of failure it is, such as Code::not_found. A newer library may have codes that Code does not name.
    Code code() const noexcept { return static_cast<Code>(code_); }
    /// Such as "OCIREG_NOT_FOUND".
    const char *name() const noexcept { return ocireg_code_name(code_); }
    /// The HTTP status that caused the error; 0 if there was none.
    int32_t http_status() const noexcept { return http_status_; }
    /// How long the registry asked to wait; -1 if it did not say.
    int64_t retry_after_ms() const noexcept { return retry_after_ms_; }
    /// Whether the same call may succeed when it is made again.
    bool retryable() const noexcept { return retryable_; }
    /// Everything that is known, as the JSON object of ocireg_error_json().
    const std::string &json() const noexcept { return texts_->json; }
    /// What the user can do about it, in one line; "" if there is no hint. Show it after what().
    const std::string &hint() const noexcept { return texts_->hint; }

private:
    struct Texts {
        std::string json;
        std::string hint;
    };
    int32_t code_;
    int32_t http_status_;
    int64_t retry_after_ms_;
    bool retryable_;
    std::shared_ptr<const Texts> texts_; // Shared: copying an exception must not throw.
};

/// Explains a code in one sentence, such as "The requested object does not exist." for OCIREG_NOT_FOUND.
inline const char *code_text(int32_t code) noexcept { return ocireg_code_text(code); }
inline const char *code_text(Code code) noexcept { return ocireg_code_text(static_cast<int32_t>(code)); }

/// Thrown by Reader::close() if the reader was closed before the end of the blob, so that what was read is not
/// verified.
class NotVerified : public std::logic_error {
public:
    NotVerified()
        : std::logic_error("the blob was closed before its end was read: its content is not verified "
                           "(call verify() when you are done reading, and keep nothing if that fails)") {}
};

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : either_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const noexcept { return either_.index() == 0; }
    /// The value; throws the error if there is none.
    T &value() & { check(); return *std::get_if<0>(&either_); }
    const T &value() const & { check(); return *std::get_if<0>(&either_); }
    T value() && { check(); return std::move(*std::get_if<0>(&either_)); }
    /// The value, as value() returns it: without one, these throw the error as well.
    T &operator*() & { return value(); }
    const T &operator*() const & { return value(); }
    T operator*() && { return std::move(*this).value(); }
    T *operator->() { return &value(); }
    const T *operator->() const { return &value(); }
    /// The value, or another one if there is none.
    template <typename U>
    T value_or(U &&other) const & { return *this ? *std::get_if<0>(&either_) : static_cast<T>(std::forward<U>(other)); }
    template <typename U>
    T value_or(U &&other) && {
        return *this ? std::move(*std::get_if<0>(&either_)) : static_cast<T>(std::forward<U>(other));
    }
    /// The error; only if there is no value.
    const Error &error() const { return std::get<1>(either_); }

private:
    void check() const { if (const Error *error = std::get_if<1>(&either_)) throw *error; }
    std::variant<T, Error> either_;
};

/// The result of calls that only succeed or fail.
using Done = std::monostate;

/// A string for the library, borrowed for the call (a std::string_view is copied, because C needs a NUL at the end);
/// nullptr where ocireg.h allows NULL. A string with a NUL inside is refused with std::invalid_argument.
class Text {
public:
    Text(const char *text) noexcept : text_(text) {}
    Text(std::nullptr_t) noexcept : text_(nullptr) {}
    Text(const std::string &text) : text_(text.c_str()) { check(text); }
    Text(std::string_view text) : text_(nullptr), copy_(text) { check(text); }
    const char *get() const noexcept { return copy_ ? copy_->c_str() : text_; }

private:
    static void check(std::string_view text) {
        if (text.find('\0') != std::string_view::npos) throw std::invalid_argument("ocireg: a string contains a NUL character");
    }
    const char *text_;
    std::optional<std::string> copy_;
};

namespace detail {

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T *handle) const noexcept { Free(handle); }
};

template <typename T, auto Free>
using Handle = std::unique_ptr<T, Freer<Free>>;

using Owned = Handle<char, ocireg_string_free>;

/// What a callback threw on this thread: callbacks run on the thread that is inside the call.
inline std::exception_ptr &thrown() {
    thread_local std::exception_ptr exception;
    return exception;
}

/// Makes a call and turns its code into a result; `take` makes the value.
template <typename Call, typename Take>
auto result(Call &&call, Take &&take) -> Result<decltype(take())> {
    ocireg_error *error = nullptr;
    const int32_t code = call(&error);
    if (std::exception_ptr exception = std::exchange(thrown(), nullptr)) {
        ocireg_error_free(error);
        if (code == OCIREG_OK) (void)take(); // Owned now, and ended here.
        std::rethrow_exception(exception);
    }
    if (code != OCIREG_OK) return Error(code, error);
    return take();
}

/// A call whose single result is text.
template <typename Call>
Result<std::string> text(Call &&call) {
    char *text = nullptr;
    return result([&](ocireg_error **error) { return call(&text, error); },
                  [&] { Owned owned(text); return std::string(text); });
}

/// A call whose single result is a handle.
template <typename T, auto Free, typename Call>
Result<Handle<T, Free>> handle(Call &&call) {
    T *made = nullptr;
    return result([&](ocireg_error **error) { return call(&made, error); },
                  [&] { return Handle<T, Free>(made); });
}

/// A call whose single result is 0 or 1.
template <typename Call>
Result<bool> truth(Call &&call) {
    int32_t value = 0;
    return result([&](ocireg_error **error) { return call(&value, error); }, [&] { return value != 0; });
}

/// A call without result.
template <typename Call>
Result<Done> done(Call &&call) {
    return result(std::forward<Call>(call), [] { return Done(); });
}

/// Wraps a handle's result in its class.
template <typename Class, typename Handle>
Result<Class> wrap(Result<Handle> &&handle) {
    if (!handle) return handle.error();
    return Class(std::move(handle).value());
}

/// The strings of a list in JSON; `ocireg_json_strings`.
inline Result<std::vector<std::string>> strings(const char *json, const char *pointer, const char *member) {
    char **found = nullptr;
    size_t count = 0;
    return result(
        [&](ocireg_error **error) { return ocireg_json_strings(json, pointer, member, &found, &count, error); },
        [&] {
            Handle<char *, ocireg_strings_free> owned(found);
            return std::vector<std::string>(found, found + count);
        });
}

/// A part of a document that may be absent.
template <typename T>
std::optional<T> present(Result<T> &&part) {
    if (part) return std::move(part).value();
    if (part.error().code() == Code::not_found) return std::nullopt;
    throw part.error();
}

/// A document of the library, and the members that it may have.
class Document {
public:
    explicit Document(const std::string &json) : json_(json) {}

    std::optional<std::string> get(const std::string &pointer) const {
        return present(text([&](char **out, ocireg_error **error) {
            return ocireg_json_get(json_.c_str(), pointer.c_str(), out, error);
        }));
    }
    std::string string(const std::string &pointer) const { return get(pointer).value_or(std::string()); }
    /// JSON itself, where null is as good as absent.
    std::optional<std::string> object(const std::string &pointer) const {
        auto found = get(pointer);
        return found && *found != "null" ? found : std::nullopt;
    }
    std::vector<std::string> list(const char *pointer) const {
        if (object(pointer)) return strings(json_.c_str(), pointer, nullptr).value();
        return {};
    }
    /// The value of a key that may hold any character.
    std::optional<std::string> entry(const char *pointer, std::string_view key) const {
        std::string path = std::string(pointer) + '/';
        for (const char c : key) {
            if (c == '~') path += "~0";
            else if (c == '/') path += "~1";
            else path += c;
        }
        return get(path);
    }

private:
    const std::string &json_;
};

} // namespace detail

/// What a manifest, a layer or another blob is: an OCI descriptor.
struct Descriptor {
    std::string media_type;
    std::string digest;
    uint64_t size = 0;
    /// os/architecture[/variant]; "" if the descriptor does not have a platform.
    std::string platform;
    /// "" if there is none.
    std::string artifact_type;
    /// The whole descriptor.
    std::string json;

    /// Reads a descriptor, such as a result of Session::head_manifest().
    static Descriptor parse(std::string_view json) {
        Descriptor made;
        made.json = json;
        const detail::Document document(made.json);
        made.media_type = document.string("/mediaType");
        made.digest = document.string("/digest");
        made.size = std::stoull(document.get("/size").value_or("0"));
        made.artifact_type = document.string("/artifactType");
        if (document.object("/platform")) {
            made.platform = document.string("/platform/os") + '/' + document.string("/platform/architecture");
            const std::string variant = document.string("/platform/variant");
            if (!variant.empty()) made.platform += '/' + variant;
        }
        return made;
    }
    /// Reads a list of descriptors, such as `layers` of a manifest.
    static std::vector<Descriptor> parse_list(const std::string &json, const char *pointer) {
        std::vector<Descriptor> made;
        for (const std::string &one : detail::Document(json).list(pointer)) made.push_back(parse(one));
        return made;
    }
    /// The value of an annotation, if there is one.
    std::optional<std::string> annotation(std::string_view key) const {
        return detail::Document(json).entry("/annotations", key);
    }
};

/// What an image says about itself: its platform, and how a container of it is run.
struct ImageConfig {
    std::string os, architecture, variant;
    /// RFC 3339; "" if it is not known.
    std::string created;
    std::string user, working_dir, stop_signal;
    std::vector<std::string> env, entrypoint, cmd;
    /// The digests of the uncompressed layers, from the lowest up.
    std::vector<std::string> diff_ids;
    /// The whole configuration.
    std::string json;

    /// Reads the configuration of an image: the blob that `config` of its manifest names.
    static ImageConfig parse(std::string_view json) {
        ImageConfig made;
        made.json = json;
        const detail::Document document(made.json);
        made.os = document.string("/os");
        made.architecture = document.string("/architecture");
        made.variant = document.string("/variant");
        made.created = document.string("/created");
        made.user = document.string("/config/User");
        made.working_dir = document.string("/config/WorkingDir");
        made.stop_signal = document.string("/config/StopSignal");
        made.env = document.list("/config/Env");
        made.entrypoint = document.list("/config/Entrypoint");
        made.cmd = document.list("/config/Cmd");
        made.diff_ids = document.list("/rootfs/diff_ids");
        return made;
    }
    /// The value of a label, if there is one.
    std::optional<std::string> label(std::string_view key) const {
        return detail::Document(json).entry("/config/Labels", key);
    }
};

/// What Service::image() finds behind a reference or location.
struct Image {
    /// "image", "index" or "artifact".
    std::string kind;
    /// The reference or location with the digest.
    std::string reference;
    /// Of the manifest or index that the reference names.
    Descriptor descriptor;
    /// Of the platform that was asked for; absent for an artifact.
    std::optional<ImageConfig> config;
    std::vector<Descriptor> layers;
    /// The whole result of Service::inspect().
    std::string json;

    /// Reads a result of Service::inspect().
    static Image parse(std::string_view json) {
        Image made;
        made.json = json;
        const detail::Document document(made.json);
        made.kind = document.string("/kind");
        made.reference = document.string("/reference");
        made.descriptor = Descriptor::parse(document.string("/descriptor"));
        if (const auto config = document.object("/config")) made.config = ImageConfig::parse(*config);
        made.layers = Descriptor::parse_list(made.json, "/layers");
        return made;
    }
};

/// A deadline, cancellation and a progress callback for calls. It must outlive the calls made under it.
class Context {
public:
    /// Gets the bytes transferred so far, the bytes to transfer and an event (JSON); returns whether to continue.
    using Progress = std::function<bool(uint64_t done, uint64_t total, std::string_view event_json)>;

    Context() : handle_(detail::handle<ocireg_context, ocireg_context_free>(ocireg_context_new).value()) {}

    /// Sets one deadline for all calls, counted from now; 0 removes it.
    void set_timeout(uint64_t milliseconds) { ocireg_context_set_timeout(handle_.get(), milliseconds); }

    /// Sets the progress callback; an empty function removes it. Not from inside a callback.
    void set_progress(Progress progress) {
        if (!progress) {
            ocireg_context_set_progress(handle_.get(), nullptr, nullptr, nullptr);
            return;
        }
        ocireg_context_set_progress(handle_.get(), &call, new Progress(std::move(progress)), &drop);
    }

    /// Ends the calls under this context, now and later; from any thread.
    void cancel() const noexcept { ocireg_context_cancel(handle_.get()); }

    /// The C handle, which still belongs to this object.
    ocireg_context *get() const noexcept { return handle_.get(); }

private:
    static int32_t call(void *user_data, uint64_t done, uint64_t total, const char *event_json) noexcept {
        try {
            return (*static_cast<Progress *>(user_data))(done, total, event_json) ? 0 : 1;
        } catch (...) {
            detail::thrown() = std::current_exception();
            return 1;
        }
    }
    static void drop(void *user_data) noexcept { delete static_cast<Progress *>(user_data); }

    detail::Handle<ocireg_context, ocireg_context_free> handle_;
};

namespace detail {
inline const ocireg_context *raw(const Context *context) noexcept { return context ? context->get() : nullptr; }
} // namespace detail

/// A manifest: the descriptor of exactly these bytes.
struct Manifest {
    std::string descriptor_json;
    std::vector<uint8_t> data;

    /// The descriptor as a type.
    Descriptor descriptor() const { return Descriptor::parse(descriptor_json); }
    /// The content as a string, for json_get().
    std::string json() const { return std::string(data.begin(), data.end()); }
    /// The layers of an image; none if this is an index.
    std::vector<Descriptor> layers() const { return Descriptor::parse_list(json(), "/layers"); }
    /// The manifests of an index; none if this is an image.
    std::vector<Descriptor> manifests() const { return Descriptor::parse_list(json(), "/manifests"); }
};

/// A v1 image: its JSON, and the size of its layer, -1 if the registry does not state it.
struct V1Image {
    std::vector<uint8_t> json;
    int64_t layer_size;
};

/// Reads a blob or a v1 layer. Size and digest of a blob, or the size of a layer if it is known, are checked at the end:
/// read until read() returns 0, or call verify(), before you trust the data.
///
///     ocireg::Reader blob = session.open_blob(digest);
///     unpack_tar([&](uint8_t *buffer, size_t size) { return blob.read(buffer, size); }); // may stop before the end
///     blob.verify(); // throws if the blob is not what was asked for: then remove what was unpacked
class Reader {
public:
    using Handle = detail::Handle<ocireg_reader, ocireg_reader_free>;
    explicit Reader(Handle handle) noexcept : handle_(std::move(handle)) {}

    Result<size_t> try_read(uint8_t *buffer, size_t capacity, const Context *context = nullptr) {
        size_t count = 0;
        return detail::result(
            [&](ocireg_error **error) {
                const int32_t code =
                    ocireg_reader_read(handle_.get(), detail::raw(context), buffer, capacity, &count, error);
                if (code == OCIREG_OK && capacity > 0) state_ = count > 0 ? State::reading : State::ended;
                note(code);
                return code;
            },
            [&] { return count; });
    }
    /// Reads the next bytes; 0 is the end, which comes only after the checks.
    size_t read(uint8_t *buffer, size_t capacity, const Context *context = nullptr) {
        return try_read(buffer, capacity, context).value();
    }

    Result<Done> try_verify(const Context *context = nullptr) {
        return detail::done([&](ocireg_error **error) {
            const int32_t code = ocireg_reader_verify(handle_.get(), detail::raw(context), error);
            if (code == OCIREG_OK) state_ = State::ended;
            note(code);
            return code;
        });
    }
    /// Reads the rest, which a tar reader leaves, and checks size and digest. Call it when you are done reading.
    void verify(const Context *context = nullptr) { try_verify(context).value(); }

    /// Closes the reader; false if it was read from, and the last read neither reached the end nor failed.
    [[nodiscard]] bool try_close() noexcept {
        const bool unverified = handle_ && state_ == State::reading;
        handle_.reset();
        return !unverified;
    }
    /// Closes the reader, and throws NotVerified if try_close() would return false. The destructor also closes the reader,
    /// but cannot report this.
    void close() {
        if (!try_close()) throw NotVerified();
    }

    /// The size of the whole blob or layer; -1 if it is not known.
    int64_t size() const noexcept { return ocireg_reader_size(handle_.get()); }
    ocireg_reader *get() const noexcept { return handle_.get(); }

private:
    enum class State { fresh, reading, ended, failed };

    /// The caller already knows about a failure; after a deadline or a cancellation, the next successful read counts.
    void note(int32_t code) noexcept {
        if (code != OCIREG_OK && code != OCIREG_BUSY) state_ = State::failed;
    }

    Handle handle_;
    State state_ = State::fresh;
};

/// A blob as a std::istream. Its end comes only after size and digest were checked; an error of the library is thrown
/// by whatever reads from the stream. Call verify() after a reader that may stop before the end.
///
///     ocireg::BlobStream blob(session.open_blob(digest));
///     std::ofstream("layer.tar.gz") << blob.rdbuf();
///     blob.verify();
class BlobStream : public std::istream {
public:
    /// The context, if there is one, must outlive the stream.
    explicit BlobStream(Reader reader, const Context *context = nullptr)
        : std::istream(nullptr), buffer_(std::move(reader), context) {
        rdbuf(&buffer_);
        exceptions(std::ios::badbit); // Else an error would look like the end.
    }

    /// Reads the rest and checks size and digest.
    void verify() { buffer_.reader.verify(buffer_.context); }
    /// The size of the whole blob; -1 if it is not known.
    int64_t size() const noexcept { return buffer_.reader.size(); }

private:
    struct Buffer : std::streambuf {
        Buffer(Reader reader, const Context *context) : reader(std::move(reader)), context(context), bytes(64 << 10) {}
        int_type underflow() override {
            const size_t count = reader.read(reinterpret_cast<uint8_t *>(bytes.data()), bytes.size(), context);
            setg(bytes.data(), bytes.data(), bytes.data() + count);
            return count == 0 ? traits_type::eof() : traits_type::to_int_type(bytes[0]);
        }
        Reader reader;
        const Context *context;
        std::vector<char> bytes;
    };
    Buffer buffer_;
};

/// A blob that stays at the registry and is read in parts, like a file. Any number of threads may use it at once.
///
/// A part cannot be verified without the option `chunks` of Session::blob().
class Blob {
public:
    using Handle = detail::Handle<ocireg_blob, ocireg_blob_free>;
    explicit Blob(Handle handle) noexcept : handle_(std::move(handle)) {}

    /// The size in bytes; -1 before the first read, unless the option `size` gave it.
    int64_t size() const noexcept { return ocireg_blob_size(handle_.get()); }
    ocireg_blob *get() const noexcept { return handle_.get(); }

    // Made by bindings/gen from src/ffi: ocireg_blob
    /// Reads a part of a blob. Fewer bytes than `capacity` are read only at the end of the blob, and none at or after
    /// it.
    Result<size_t> try_read_at(uint64_t offset, uint8_t *buffer, size_t capacity,
                               const Context *context = nullptr) const {
        size_t out = 0;
        return detail::result(
            [&](ocireg_error **error) {
                return ocireg_blob_read_at(handle_.get(), detail::raw(context), offset, buffer, capacity, &out, error);
            },
            [&] { return out; });
    }
    size_t read_at(uint64_t offset, uint8_t *buffer, size_t capacity, const Context *context = nullptr) const {
        return try_read_at(offset, buffer, capacity, context).value();
    }
    // End of what is made.

private:
    Handle handle_;
};

/// Writes a blob or a v1 layer. The registry has it once commit() has returned; without a commit it is discarded.
class Writer {
public:
    using Handle = detail::Handle<ocireg_writer, ocireg_writer_free>;
    explicit Writer(Handle handle) noexcept : handle_(std::move(handle)) {}

    Result<Done> try_write(const uint8_t *data, size_t size, const Context *context = nullptr) {
        return detail::done([&](ocireg_error **error) {
            return ocireg_writer_write(handle_.get(), detail::raw(context), data, size, error);
        });
    }
    void write(const uint8_t *data, size_t size, const Context *context = nullptr) {
        try_write(data, size, context).value();
    }

    Result<std::string> try_commit(Text options_json = nullptr, const Context *context = nullptr) {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_writer_commit(handle_.get(), detail::raw(context), options_json.get(), out, error);
        });
    }
    std::string commit(Text options_json = nullptr, const Context *context = nullptr) {
        return try_commit(options_json, context).value();
    }

    Result<Done> try_abort(const Context *context = nullptr) {
        return detail::done([&](ocireg_error **error) {
            return ocireg_writer_abort(handle_.get(), detail::raw(context), error);
        });
    }
    void abort(const Context *context = nullptr) { try_abort(context).value(); }
    ocireg_writer *get() const noexcept { return handle_.get(); }

private:
    Handle handle_;
};

/// A registry or one of its repositories. Any number of threads may use it at once.
class Session {
public:
    using Handle = detail::Handle<ocireg_session, ocireg_session_free>;
    explicit Session(Handle handle) noexcept : handle_(std::move(handle)) {}

    Result<Manifest> try_get_manifest(Text tag_or_digest = nullptr, Text options_json = nullptr,
                                      const Context *context = nullptr) const {
        char *descriptor = nullptr;
        uint8_t *data = nullptr;
        size_t size = 0;
        return detail::result(
            [&](ocireg_error **error) {
                return ocireg_session_get_manifest(handle_.get(), detail::raw(context), tag_or_digest.get(),
                                                   options_json.get(), &descriptor, &data, &size, error);
            },
            [&] {
                detail::Owned text(descriptor);
                detail::Handle<uint8_t, ocireg_bytes_free> bytes(data);
                return Manifest{descriptor, std::vector<uint8_t>(data, data + size)};
            });
    }
    Manifest get_manifest(Text tag_or_digest = nullptr, Text options_json = nullptr,
                          const Context *context = nullptr) const {
        return try_get_manifest(tag_or_digest, options_json, context).value();
    }

    /// Lists the tags of the repository.
    Result<std::vector<std::string>> try_tags(const Context *context = nullptr) const {
        const auto list = try_list_tags(nullptr, context);
        if (!list) return list.error();
        return detail::strings(list->c_str(), "/tags", nullptr);
    }
    std::vector<std::string> tags(const Context *context = nullptr) const { return try_tags(context).value(); }

    /// Returns nothing if the blob was mounted, else a writer that continues the upload that the registry started instead.
    Result<std::optional<Writer>> try_mount_blob(Text digest, Text from_repository, Text options_json = nullptr,
                                                 const Context *context = nullptr) const {
        ocireg_writer *writer = nullptr;
        return detail::result(
            [&](ocireg_error **error) {
                return ocireg_session_mount_blob(handle_.get(), detail::raw(context), digest.get(),
                                                 from_repository.get(), options_json.get(), nullptr, &writer, error);
            },
            [&] { return writer ? std::make_optional(Writer(Writer::Handle(writer))) : std::nullopt; });
    }
    std::optional<Writer> mount_blob(Text digest, Text from_repository, Text options_json = nullptr,
                                     const Context *context = nullptr) const {
        return try_mount_blob(digest, from_repository, options_json, context).value();
    }

    // Protocol v1: registries are roots that end in /v1/, lists and images are JSON, ids are 64 lower-case hex digits.

    Result<V1Image> try_get_remote_image_json(Text image_id, Text registry, const Context *context = nullptr) const {
        uint8_t *data = nullptr;
        size_t size = 0;
        int64_t image_size = -1;
        return detail::result(
            [&](ocireg_error **error) {
                return ocireg_session_get_remote_image_json(handle_.get(), detail::raw(context), image_id.get(),
                                                            registry.get(), &data, &size, &image_size, error);
            },
            [&] {
                detail::Handle<uint8_t, ocireg_bytes_free> bytes(data);
                return V1Image{std::vector<uint8_t>(data, data + size), image_size};
            });
    }
    V1Image get_remote_image_json(Text image_id, Text registry, const Context *context = nullptr) const {
        return try_get_remote_image_json(image_id, registry, context).value();
    }

    // Made by bindings/gen from src/ffi: ocireg_session
    /// Creates a session for a repository at the same endpoints as another session.
    Result<Session> try_repository(Text name) const {
        return detail::wrap<Session>(detail::handle<ocireg_session, ocireg_session_free>(
            [&](ocireg_session **out, ocireg_error **error) {
                return ocireg_session_repository(handle_.get(), name.get(), out, error);
            }));
    }
    Session repository(Text name) const { return try_repository(name).value(); }

    /// Returns the id of a session: 64 random hexadecimal digits.
    Result<std::string> try_id() const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_id(handle_.get(), out, error);
        });
    }
    std::string id() const { return try_id().value(); }

    /// Describes a session.
    Result<std::string> try_info() const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_info(handle_.get(), out, error);
        });
    }
    std::string info() const { return try_info().value(); }

    /// Requests `/v2/` or `/v1/_ping` from the endpoint, without credentials.
    Result<std::string> try_ping(const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_ping(handle_.get(), detail::raw(context), out, error);
        });
    }
    std::string ping(const Context *context = nullptr) const { return try_ping(context).value(); }

    /// Lists the repositories of the registry.
    Result<std::string> try_catalog(Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_catalog(handle_.get(), detail::raw(context), options_json.get(), out, error);
        });
    }
    std::string catalog(Text options_json = nullptr, const Context *context = nullptr) const {
        return try_catalog(options_json, context).value();
    }

    /// Lists the tags of the repository.
    Result<std::string> try_list_tags(Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_list_tags(handle_.get(), detail::raw(context), options_json.get(), out, error);
        });
    }
    std::string list_tags(Text options_json = nullptr, const Context *context = nullptr) const {
        return try_list_tags(options_json, context).value();
    }

    /// Lists the manifests whose `subject` is a given manifest, such as its signatures.
    Result<std::string> try_referrers(Text digest, Text options_json = nullptr,
                                      const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_referrers(handle_.get(), detail::raw(context), digest.get(), options_json.get(), out,
                                            error);
        });
    }
    std::string referrers(Text digest, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_referrers(digest, options_json, context).value();
    }

    /// Gets the descriptor of a manifest or index, without its content if the registry allows that.
    Result<std::string> try_head_manifest(Text tag_or_digest = nullptr, Text options_json = nullptr,
                                          const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_head_manifest(handle_.get(), detail::raw(context), tag_or_digest.get(),
                                                options_json.get(), out, error);
        });
    }
    std::string head_manifest(Text tag_or_digest = nullptr, Text options_json = nullptr,
                              const Context *context = nullptr) const {
        return try_head_manifest(tag_or_digest, options_json, context).value();
    }

    /// Stores a manifest or index in the repository.
    Result<std::string> try_put_manifest(Text tag_or_digest, Text media_type, const uint8_t *data, size_t size,
                                         Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_put_manifest(handle_.get(), detail::raw(context), tag_or_digest.get(),
                                               media_type.get(), data, size, options_json.get(), out, error);
        });
    }
    std::string put_manifest(Text tag_or_digest, Text media_type, const uint8_t *data, size_t size,
                             Text options_json = nullptr, const Context *context = nullptr) const {
        return try_put_manifest(tag_or_digest, media_type, data, size, options_json, context).value();
    }

    /// Deletes a tag, or a manifest with all its tags.
    Result<Done> try_delete_manifest(Text tag_or_digest = nullptr, const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_delete_manifest(handle_.get(), detail::raw(context), tag_or_digest.get(), error);
        });
    }
    void delete_manifest(Text tag_or_digest = nullptr, const Context *context = nullptr) const {
        try_delete_manifest(tag_or_digest, context).value();
    }

    /// Gets the descriptor of a blob without its content.
    Result<std::string> try_head_blob(Text digest, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_head_blob(handle_.get(), detail::raw(context), digest.get(), out, error);
        });
    }
    std::string head_blob(Text digest, const Context *context = nullptr) const {
        return try_head_blob(digest, context).value();
    }

    /// Opens a blob for reading.
    Result<Reader> try_open_blob(Text digest, uint64_t offset = 0, Text options_json = nullptr,
                                 const Context *context = nullptr) const {
        return detail::wrap<Reader>(detail::handle<ocireg_reader, ocireg_reader_free>(
            [&](ocireg_reader **out, ocireg_error **error) {
                return ocireg_session_open_blob(handle_.get(), detail::raw(context), digest.get(), offset,
                                                options_json.get(), out, error);
            }));
    }
    Reader open_blob(Text digest, uint64_t offset = 0, Text options_json = nullptr,
                     const Context *context = nullptr) const {
        return try_open_blob(digest, offset, options_json, context).value();
    }

    /// Starts writing a blob to the repository.
    Result<Writer> try_put_blob(Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::wrap<Writer>(detail::handle<ocireg_writer, ocireg_writer_free>(
            [&](ocireg_writer **out, ocireg_error **error) {
                return ocireg_session_put_blob(handle_.get(), detail::raw(context), options_json.get(), out, error);
            }));
    }
    Writer put_blob(Text options_json = nullptr, const Context *context = nullptr) const {
        return try_put_blob(options_json, context).value();
    }

    /// Deletes a blob from the repository.
    Result<Done> try_delete_blob(Text digest, const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_delete_blob(handle_.get(), detail::raw(context), digest.get(), error);
        });
    }
    void delete_blob(Text digest, const Context *context = nullptr) const { try_delete_blob(digest, context).value(); }

    /// Downloads a blob to a file.
    Result<std::string> try_get_blob_file(Text digest, Text path, Text options_json = nullptr,
                                          const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_blob_file(handle_.get(), detail::raw(context), digest.get(), path.get(),
                                                options_json.get(), out, error);
        });
    }
    std::string get_blob_file(Text digest, Text path, Text options_json = nullptr,
                              const Context *context = nullptr) const {
        return try_get_blob_file(digest, path, options_json, context).value();
    }

    /// Uploads a file as a blob.
    Result<std::string> try_put_blob_file(Text path, Text options_json = nullptr,
                                          const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_put_blob_file(handle_.get(), detail::raw(context), path.get(), options_json.get(),
                                                out, error);
        });
    }
    std::string put_blob_file(Text path, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_put_blob_file(path, options_json, context).value();
    }

    /// Downloads a blob to a file descriptor, such as a file that is open already, a pipe or a socket.
    Result<std::string> try_get_blob_fd(Text digest, int32_t fd, Text options_json = nullptr,
                                        const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_blob_fd(handle_.get(), detail::raw(context), digest.get(), fd, options_json.get(),
                                              out, error);
        });
    }
    std::string get_blob_fd(Text digest, int32_t fd, Text options_json = nullptr,
                            const Context *context = nullptr) const {
        return try_get_blob_fd(digest, fd, options_json, context).value();
    }

    /// Uploads what a file descriptor holds as a blob, from its position to its end.
    Result<std::string> try_put_blob_fd(int32_t fd, Text options_json = nullptr,
                                        const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_put_blob_fd(handle_.get(), detail::raw(context), fd, options_json.get(), out, error);
        });
    }
    std::string put_blob_fd(int32_t fd, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_put_blob_fd(fd, options_json, context).value();
    }

    /// Opens a blob of a repository as a file, without a request.
    Result<Blob> try_blob(Text digest, Text options_json = nullptr) const {
        return detail::wrap<Blob>(detail::handle<ocireg_blob, ocireg_blob_free>(
            [&](ocireg_blob **out, ocireg_error **error) {
                return ocireg_session_blob(handle_.get(), digest.get(), options_json.get(), out, error);
            }));
    }
    Blob blob(Text digest, Text options_json = nullptr) const { return try_blob(digest, options_json).value(); }

    /// Gives what your own HTTP client needs for a request to the repository: the URL and the Authorization header.
    Result<std::string> try_authorize(Text method, Text path, Text options_json = nullptr,
                                      const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_authorize(handle_.get(), detail::raw(context), method.get(), path.get(),
                                            options_json.get(), out, error);
        });
    }
    std::string authorize(Text method, Text path, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_authorize(method, path, options_json, context).value();
    }

    /// Searches the index of a session for repositories.
    Result<std::string> try_search_repositories(Text term, int32_t limit, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_search_repositories(handle_.get(), detail::raw(context), term.get(), limit, out,
                                                      error);
        });
    }
    std::string search_repositories(Text term, int32_t limit, const Context *context = nullptr) const {
        return try_search_repositories(term, limit, context).value();
    }

    /// Gets the images of a repository, and the registries that have them, from the index.
    Result<std::string> try_get_repository_data(Text reference, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_repository_data(handle_.get(), detail::raw(context), reference.get(), out, error);
        });
    }
    std::string get_repository_data(Text reference, const Context *context = nullptr) const {
        return try_get_repository_data(reference, context).value();
    }

    /// Gets the tags of a repository from the first registry that answers.
    Result<std::string> try_get_remote_tags(Text registries_json, Text reference,
                                            const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_remote_tags(handle_.get(), detail::raw(context), registries_json.get(),
                                                  reference.get(), out, error);
        });
    }
    std::string get_remote_tags(Text registries_json, Text reference, const Context *context = nullptr) const {
        return try_get_remote_tags(registries_json, reference, context).value();
    }

    /// Gets the image id of a tag from the first registry that answers.
    Result<std::string> try_get_remote_tag(Text registries_json, Text reference, Text tag,
                                           const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_remote_tag(handle_.get(), detail::raw(context), registries_json.get(),
                                                 reference.get(), tag.get(), out, error);
        });
    }
    std::string get_remote_tag(Text registries_json, Text reference, Text tag, const Context *context = nullptr) const {
        return try_get_remote_tag(registries_json, reference, tag, context).value();
    }

    /// Gets the ids of an image and of all its ancestors.
    Result<std::string> try_get_remote_history(Text image_id, Text registry, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_get_remote_history(handle_.get(), detail::raw(context), image_id.get(),
                                                     registry.get(), out, error);
        });
    }
    std::string get_remote_history(Text image_id, Text registry, const Context *context = nullptr) const {
        return try_get_remote_history(image_id, registry, context).value();
    }

    /// Checks that a registry has an image.
    Result<Done> try_lookup_remote_image(Text image_id, Text registry, const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_lookup_remote_image(handle_.get(), detail::raw(context), image_id.get(),
                                                      registry.get(), error);
        });
    }
    void lookup_remote_image(Text image_id, Text registry, const Context *context = nullptr) const {
        try_lookup_remote_image(image_id, registry, context).value();
    }

    /// Opens the layer of an image for reading.
    Result<Reader> try_get_remote_image_layer(Text image_id, Text registry, int64_t image_size = -1,
                                              const Context *context = nullptr) const {
        return detail::wrap<Reader>(detail::handle<ocireg_reader, ocireg_reader_free>(
            [&](ocireg_reader **out, ocireg_error **error) {
                return ocireg_session_get_remote_image_layer(handle_.get(), detail::raw(context), image_id.get(),
                                                             registry.get(), image_size, out, error);
            }));
    }
    Reader get_remote_image_layer(Text image_id, Text registry, int64_t image_size = -1,
                                  const Context *context = nullptr) const {
        return try_get_remote_image_layer(image_id, registry, image_size, context).value();
    }

    /// Sends the JSON of an image to a registry.
    Result<Done> try_push_image_json_registry(Text image_data_json, Text registry, const uint8_t *data, size_t size,
                                              const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_push_image_json_registry(handle_.get(), detail::raw(context), image_data_json.get(),
                                                           registry.get(), data, size, error);
        });
    }
    void push_image_json_registry(Text image_data_json, Text registry, const uint8_t *data, size_t size,
                                  const Context *context = nullptr) const {
        try_push_image_json_registry(image_data_json, registry, data, size, context).value();
    }

    /// Starts writing the layer of an image.
    Result<Writer> try_push_image_layer_registry(Text image_id, Text registry, const uint8_t *image_json, size_t size,
                                                 const Context *context = nullptr) const {
        return detail::wrap<Writer>(detail::handle<ocireg_writer, ocireg_writer_free>(
            [&](ocireg_writer **out, ocireg_error **error) {
                return ocireg_session_push_image_layer_registry(handle_.get(), detail::raw(context), image_id.get(),
                                                                registry.get(), image_json, size, out, error);
            }));
    }
    Writer push_image_layer_registry(Text image_id, Text registry, const uint8_t *image_json, size_t size,
                                     const Context *context = nullptr) const {
        return try_push_image_layer_registry(image_id, registry, image_json, size, context).value();
    }

    /// Sends the checksums of a layer to the registry that has received it.
    Result<Done> try_push_image_checksum_registry(Text image_data_json, Text registry,
                                                  const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_push_image_checksum_registry(handle_.get(), detail::raw(context),
                                                               image_data_json.get(), registry.get(), error);
        });
    }
    void push_image_checksum_registry(Text image_data_json, Text registry, const Context *context = nullptr) const {
        try_push_image_checksum_registry(image_data_json, registry, context).value();
    }

    /// Sets a tag of a repository.
    Result<Done> try_push_registry_tag(Text reference, Text revision, Text tag, Text registry,
                                       const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_session_push_registry_tag(handle_.get(), detail::raw(context), reference.get(),
                                                    revision.get(), tag.get(), registry.get(), error);
        });
    }
    void push_registry_tag(Text reference, Text revision, Text tag, Text registry,
                           const Context *context = nullptr) const {
        try_push_registry_tag(reference, revision, tag, registry, context).value();
    }

    /// Sends the list of a repository's images to the index.
    Result<std::string> try_push_image_json_index(Text reference, Text images_json, int32_t validate,
                                                  Text registries_json, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_session_push_image_json_index(handle_.get(), detail::raw(context), reference.get(),
                                                        images_json.get(), validate, registries_json.get(), out, error);
        });
    }
    std::string push_image_json_index(Text reference, Text images_json, int32_t validate, Text registries_json,
                                      const Context *context = nullptr) const {
        return try_push_image_json_index(reference, images_json, validate, registries_json, context).value();
    }
    // End of what is made.

    ocireg_session *get() const noexcept { return handle_.get(); }

private:
    Handle handle_;
};

/// An address at which a registry may be reached. Any number of threads may use it at once.
class Endpoint {
public:
    using Handle = detail::Handle<ocireg_endpoint, ocireg_endpoint_free>;
    explicit Endpoint(Handle handle) noexcept : handle_(std::move(handle)) {}

    // Made by bindings/gen from src/ffi: ocireg_endpoint
    /// Creates a session for a whole registry at one endpoint.
    Result<Session> try_session(Text auth_json = nullptr, const Context *context = nullptr) const {
        return detail::wrap<Session>(detail::handle<ocireg_session, ocireg_session_free>(
            [&](ocireg_session **out, ocireg_error **error) {
                return ocireg_session_new(handle_.get(), detail::raw(context), auth_json.get(), out, error);
            }));
    }
    Session session(Text auth_json = nullptr, const Context *context = nullptr) const {
        return try_session(auth_json, context).value();
    }

    /// Creates an endpoint for protocol v1 from another endpoint, without contacting it.
    Result<Endpoint> try_to_v1(Text user_agent = nullptr, Text headers_json = nullptr) const {
        return detail::wrap<Endpoint>(detail::handle<ocireg_endpoint, ocireg_endpoint_free>(
            [&](ocireg_endpoint **out, ocireg_error **error) {
                return ocireg_endpoint_to_v1(handle_.get(), user_agent.get(), headers_json.get(), out, error);
            }));
    }
    Endpoint to_v1(Text user_agent = nullptr, Text headers_json = nullptr) const {
        return try_to_v1(user_agent, headers_json).value();
    }

    /// Returns the URL of the endpoint's API, which ends in `/v2/` or `/v1/`.
    Result<std::string> try_to_string() const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_endpoint_to_string(handle_.get(), out, error);
        });
    }
    std::string to_string() const { return try_to_string().value(); }

    /// Returns the URL of a path below the endpoint's API.
    Result<std::string> try_path(Text path) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_endpoint_path(handle_.get(), path.get(), out, error);
        });
    }
    std::string path(Text path) const { return try_path(path).value(); }

    /// Returns whether the endpoint's certificate is verified: it uses https and is not an insecure registry.
    Result<bool> try_is_secure() const {
        return detail::truth([&](int32_t *out, ocireg_error **error) {
            return ocireg_endpoint_is_secure(handle_.get(), out, error);
        });
    }
    bool is_secure() const { return try_is_secure().value(); }

    /// Requests `/v2/` or `/v1/_ping` from an endpoint, without credentials.
    Result<std::string> try_ping(const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_endpoint_ping(handle_.get(), detail::raw(context), out, error);
        });
    }
    std::string ping(const Context *context = nullptr) const { return try_ping(context).value(); }
    // End of what is made.

    ocireg_endpoint *get() const noexcept { return handle_.get(); }

private:
    Handle handle_;
};

/// The configuration that all calls start from. Any number of threads may use it at once.
class Service {
public:
    using Handle = detail::Handle<ocireg_service, ocireg_service_free>;
    explicit Service(Handle handle) noexcept : handle_(std::move(handle)) {}
    explicit Service(Text options_json = nullptr) : Service(try_new(options_json).value()) {}

    static Result<Service> try_new(Text options_json = nullptr) {
        return detail::wrap<Service>(detail::handle<ocireg_service, ocireg_service_free>(
            [&](ocireg_service **out, ocireg_error **error) {
                return ocireg_service_new(options_json.get(), out, error);
            }));
    }

    /// Gets the level of a record, from 1 (error) to 5 (trace), and its JSON, on the thread that is inside the call.
    /// Calls that the callback makes are not logged.
    using Log = std::function<void(int32_t level, std::string_view record_json)>;

    /// Sets the log callback, which gets records up to this level; an empty function removes it. Do not call this from a
    /// callback. An exception in the callback is thrown by the call that logs, when that has ended.
    Result<Done> try_set_log(int32_t max_level, Log log) const {
        return detail::done([&](ocireg_error **error) {
            if (!log) return ocireg_service_set_log(handle_.get(), max_level, nullptr, nullptr, nullptr, error);
            return ocireg_service_set_log(handle_.get(), max_level, &call, new Log(std::move(log)), &drop, error);
        });
    }
    void set_log(int32_t max_level, Log log) const { try_set_log(max_level, std::move(log)).value(); }

    /// Receives what credentials are for (JSON: `host`, `repository`, `actions`, `reason`), on the thread that is inside
    /// the call; answers with an AuthConfig, or with nothing, and then the next source is asked.
    using Credentials = std::function<std::optional<std::string>(std::string_view request_json)>;

    /// Sets the program's own source of credentials; an empty function removes it. Not from inside a callback. If it
    /// throws, the call that asks ends, and the exception comes out of that call.
    Result<Done> try_set_credentials(Credentials credentials) const {
        return detail::done([&](ocireg_error **error) {
            if (!credentials) return ocireg_service_set_credentials(handle_.get(), nullptr, nullptr, nullptr, error);
            return ocireg_service_set_credentials(handle_.get(), &ask, new Credentials(std::move(credentials)),
                                                  &forget, error);
        });
    }
    void set_credentials(Credentials credentials) const { try_set_credentials(std::move(credentials)).value(); }

    /// Finds out what is behind a reference or location: inspect() as a type. The options are those of inspect().
    Result<Image> try_image(Text source, Text options_json = nullptr, const Context *context = nullptr) const {
        const auto found = try_inspect(source, options_json, context);
        if (!found) return found.error();
        return Image::parse(*found);
    }
    Image image(Text source, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_image(source, options_json, context).value();
    }

    // Made by bindings/gen from src/ffi: ocireg_service
    /// Returns the current registry configuration.
    Result<std::string> try_config() const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_config(handle_.get(), out, error);
        });
    }
    std::string config() const { return try_config().value(); }

    /// Replaces the whole registry configuration atomically.
    Result<Done> try_replace_config(Text options_json) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_service_replace_config(handle_.get(), options_json.get(), error);
        });
    }
    void replace_config(Text options_json) const { try_replace_config(options_json).value(); }

    /// Replaces the mirrors of Docker Hub.
    Result<Done> try_load_mirrors(Text list_json) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_service_load_mirrors(handle_.get(), list_json.get(), error);
        });
    }
    void load_mirrors(Text list_json) const { try_load_mirrors(list_json).value(); }

    /// Replaces the list of insecure registries, whose certificates are not verified and which may be used over plain
    /// HTTP.
    Result<Done> try_load_insecure_registries(Text list_json) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_service_load_insecure_registries(handle_.get(), list_json.get(), error);
        });
    }
    void load_insecure_registries(Text list_json) const { try_load_insecure_registries(list_json).value(); }

    /// Replaces the list of registries that nondistributable layers may be pushed to.
    Result<Done> try_load_allow_nondistributable_artifacts(Text list_json) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_service_load_allow_nondistributable_artifacts(handle_.get(), list_json.get(), error);
        });
    }
    void load_allow_nondistributable_artifacts(Text list_json) const {
        try_load_allow_nondistributable_artifacts(list_json).value();
    }

    /// Pulls an image from a registry into an OCI layout, or the files of an artifact into a directory.
    Result<std::string> try_pull(Text source, Text destination, Text options_json = nullptr,
                                 const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_pull(handle_.get(), detail::raw(context), source.get(), destination.get(), options_json.get(),
                               out, error);
        });
    }
    std::string pull(Text source, Text destination, Text options_json = nullptr,
                     const Context *context = nullptr) const {
        return try_pull(source, destination, options_json, context).value();
    }

    /// Pushes an image from this machine to a registry, by default for all its platforms.
    Result<std::string> try_push(Text source, Text destination, Text options_json = nullptr,
                                 const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_push(handle_.get(), detail::raw(context), source.get(), destination.get(), options_json.get(),
                               out, error);
        });
    }
    std::string push(Text source, Text destination, Text options_json = nullptr,
                     const Context *context = nullptr) const {
        return try_push(source, destination, options_json, context).value();
    }

    /// Copies an image from any source to any destination.
    Result<std::string> try_copy(Text source, Text destination, Text options_json = nullptr,
                                 const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_copy(handle_.get(), detail::raw(context), source.get(), destination.get(), options_json.get(),
                               out, error);
        });
    }
    std::string copy(Text source, Text destination, Text options_json = nullptr,
                     const Context *context = nullptr) const {
        return try_copy(source, destination, options_json, context).value();
    }

    /// Unpacks an image to a directory, as the root file system of a container.
    Result<std::string> try_unpack(Text source, Text directory, Text options_json = nullptr,
                                   const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_unpack(handle_.get(), detail::raw(context), source.get(), directory.get(), options_json.get(),
                                 out, error);
        });
    }
    std::string unpack(Text source, Text directory, Text options_json = nullptr,
                       const Context *context = nullptr) const {
        return try_unpack(source, directory, options_json, context).value();
    }

    /// Writes the root file system of an image to a file descriptor, as one tar archive.
    Result<std::string> try_export_image(Text source, int32_t fd, Text options_json = nullptr,
                                         const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_export(handle_.get(), detail::raw(context), source.get(), fd, options_json.get(), out, error);
        });
    }
    std::string export_image(Text source, int32_t fd, Text options_json = nullptr,
                             const Context *context = nullptr) const {
        return try_export_image(source, fd, options_json, context).value();
    }

    /// Describes an image without downloading its layers.
    Result<std::string> try_inspect(Text source, Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_inspect(handle_.get(), detail::raw(context), source.get(), options_json.get(), out, error);
        });
    }
    std::string inspect(Text source, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_inspect(source, options_json, context).value();
    }

    /// Checks credentials with a registry. Nothing is stored.
    Result<std::string> try_auth(Text auth_json = nullptr, Text user_agent = nullptr,
                                 const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_auth(handle_.get(), detail::raw(context), auth_json.get(), user_agent.get(), out,
                                       error);
        });
    }
    std::string auth(Text auth_json = nullptr, Text user_agent = nullptr, const Context *context = nullptr) const {
        return try_auth(auth_json, user_agent, context).value();
    }

    /// Checks credentials with the registry, then stores them.
    Result<std::string> try_login(Text auth_json, Text user_agent = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_login(handle_.get(), detail::raw(context), auth_json.get(), user_agent.get(), out,
                                        error);
        });
    }
    std::string login(Text auth_json, Text user_agent = nullptr, const Context *context = nullptr) const {
        return try_login(auth_json, user_agent, context).value();
    }

    /// Checks a user name and a password with a registry, then stores them.
    Result<std::string> try_login_password(Text host, Text username, Text password,
                                           const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_login_password(handle_.get(), detail::raw(context), host.get(), username.get(),
                                                 password.get(), out, error);
        });
    }
    std::string login_password(Text host, Text username, Text password, const Context *context = nullptr) const {
        return try_login_password(host, username, password, context).value();
    }

    /// Removes the stored credentials of a registry.
    Result<Done> try_logout(Text host, const Context *context = nullptr) const {
        return detail::done([&](ocireg_error **error) {
            return ocireg_service_logout(handle_.get(), detail::raw(context), host.get(), error);
        });
    }
    void logout(Text host, const Context *context = nullptr) const { try_logout(host, context).value(); }

    /// Returns which credentials would be used for a registry and where they come from, without the secret.
    Result<std::string> try_credentials(Text host, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_credentials(handle_.get(), detail::raw(context), host.get(), out, error);
        });
    }
    std::string credentials(Text host, const Context *context = nullptr) const {
        return try_credentials(host, context).value();
    }

    /// Opens a session for a repository or for a whole registry.
    Result<Session> try_open(Text reference, Text options_json = nullptr, const Context *context = nullptr) const {
        return detail::wrap<Session>(detail::handle<ocireg_session, ocireg_session_free>(
            [&](ocireg_session **out, ocireg_error **error) {
                return ocireg_session_open(handle_.get(), detail::raw(context), reference.get(), options_json.get(),
                                           out, error);
            }));
    }
    Session open(Text reference, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_open(reference, options_json, context).value();
    }

    /// Returns the endpoints that a host is pulled from, in the order in which they are tried.
    Result<std::string> try_lookup_pull_endpoints(Text hostname, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_lookup_pull_endpoints(handle_.get(), detail::raw(context), hostname.get(), out,
                                                        error);
        });
    }
    std::string lookup_pull_endpoints(Text hostname, const Context *context = nullptr) const {
        return try_lookup_pull_endpoints(hostname, context).value();
    }

    /// Returns the endpoints that a host is pushed to, in the order in which they are tried.
    Result<std::string> try_lookup_push_endpoints(Text hostname, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_lookup_push_endpoints(handle_.get(), detail::raw(context), hostname.get(), out,
                                                        error);
        });
    }
    std::string lookup_push_endpoints(Text hostname, const Context *context = nullptr) const {
        return try_lookup_push_endpoints(hostname, context).value();
    }

    /// Returns the endpoints that a session for a reference would use, in the order in which they are tried.
    Result<std::string> try_resolve_endpoints(Text reference, Text options_json = nullptr,
                                              const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_resolve_endpoints(handle_.get(), detail::raw(context), reference.get(),
                                                    options_json.get(), out, error);
        });
    }
    std::string resolve_endpoints(Text reference, Text options_json = nullptr, const Context *context = nullptr) const {
        return try_resolve_endpoints(reference, options_json, context).value();
    }

    /// Returns what the service's configuration says about the repository of a reference.
    Result<std::string> try_resolve_repository(Text reference, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_resolve_repository(handle_.get(), detail::raw(context), reference.get(), out, error);
        });
    }
    std::string resolve_repository(Text reference, const Context *context = nullptr) const {
        return try_resolve_repository(reference, context).value();
    }

    /// Returns the TLS settings for a host.
    Result<std::string> try_tls_config(Text hostname, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_tls_config(handle_.get(), detail::raw(context), hostname.get(), out, error);
        });
    }
    std::string tls_config(Text hostname, const Context *context = nullptr) const {
        return try_tls_config(hostname, context).value();
    }

    /// Returns whether a host is an insecure registry.
    Result<bool> try_is_insecure_registry(Text host, const Context *context = nullptr) const {
        return detail::truth([&](int32_t *out, ocireg_error **error) {
            return ocireg_service_is_insecure_registry(handle_.get(), detail::raw(context), host.get(), out, error);
        });
    }
    bool is_insecure_registry(Text host, const Context *context = nullptr) const {
        return try_is_insecure_registry(host, context).value();
    }

    /// Creates an endpoint without contacting it.
    Result<Endpoint> try_endpoint(Text api_endpoint_json) const {
        return detail::wrap<Endpoint>(detail::handle<ocireg_endpoint, ocireg_endpoint_free>(
            [&](ocireg_endpoint **out, ocireg_error **error) {
                return ocireg_endpoint_new(handle_.get(), api_endpoint_json.get(), out, error);
            }));
    }
    Endpoint endpoint(Text api_endpoint_json) const { return try_endpoint(api_endpoint_json).value(); }

    /// Creates the endpoint of a v1 index or registry.
    Result<Endpoint> try_endpoint_v1(Text index_json, Text user_agent = nullptr, Text headers_json = nullptr,
                                     const Context *context = nullptr) const {
        return detail::wrap<Endpoint>(detail::handle<ocireg_endpoint, ocireg_endpoint_free>(
            [&](ocireg_endpoint **out, ocireg_error **error) {
                return ocireg_endpoint_new_v1(handle_.get(), detail::raw(context), index_json.get(), user_agent.get(),
                                              headers_json.get(), out, error);
            }));
    }
    Endpoint endpoint_v1(Text index_json, Text user_agent = nullptr, Text headers_json = nullptr,
                         const Context *context = nullptr) const {
        return try_endpoint_v1(index_json, user_agent, headers_json, context).value();
    }

    /// Searches an index for repositories.
    Result<std::string> try_search(Text term, int32_t limit, Text auth_json = nullptr, Text user_agent = nullptr,
                                   Text headers_json = nullptr, const Context *context = nullptr) const {
        return detail::text([&](char **out, ocireg_error **error) {
            return ocireg_service_search(handle_.get(), detail::raw(context), term.get(), limit, auth_json.get(),
                                         user_agent.get(), headers_json.get(), out, error);
        });
    }
    std::string search(Text term, int32_t limit, Text auth_json = nullptr, Text user_agent = nullptr,
                       Text headers_json = nullptr, const Context *context = nullptr) const {
        return try_search(term, limit, auth_json, user_agent, headers_json, context).value();
    }
    // End of what is made.

    ocireg_service *get() const noexcept { return handle_.get(); }

private:
    static void call(void *user_data, int32_t level, const char *record_json) noexcept {
        try {
            (*static_cast<Log *>(user_data))(level, record_json);
        } catch (...) {
            detail::thrown() = std::current_exception();
        }
    }
    static void drop(void *user_data) noexcept { delete static_cast<Log *>(user_data); }

    static int32_t ask(void *user_data, const char *request_json, ocireg_answer *answer) noexcept {
        try {
            std::optional<std::string> auth = (*static_cast<Credentials *>(user_data))(request_json);
            if (auth) detail::done([&](ocireg_error **error) {
                return ocireg_answer_credentials(answer, auth->c_str(), error);
            }).value();
            return 0;
        } catch (...) {
            detail::thrown() = std::current_exception();
            return 1;
        }
    }
    static void forget(void *user_data) noexcept { delete static_cast<Credentials *>(user_data); }

    Handle handle_;
};

/// Returns the strings of a list in JSON, such as tags, or one string of each of its elements, such as the digests of
/// layers (`member` is then "/digest").
inline Result<std::vector<std::string>> try_json_strings(Text json, Text pointer, Text member = nullptr) {
    return detail::strings(json.get(), pointer.get(), member.get());
}
inline std::vector<std::string> json_strings(Text json, Text pointer, Text member = nullptr) {
    return try_json_strings(json, pointer, member).value();
}

// Made by bindings/gen from src/ffi: functions
/// Lists the images in an OCI layout.
inline Result<std::string> try_layout_list(Text location, Text options_json = nullptr,
                                           const Context *context = nullptr) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_layout_list(location.get(), detail::raw(context), options_json.get(), out, error);
    });
}
inline std::string layout_list(Text location, Text options_json = nullptr, const Context *context = nullptr) {
    return try_layout_list(location, options_json, context).value();
}

/// Removes a name from an OCI layout.
inline Result<std::string> try_layout_remove(Text location, Text options_json = nullptr,
                                             const Context *context = nullptr) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_layout_remove(location.get(), detail::raw(context), options_json.get(), out, error);
    });
}
inline std::string layout_remove(Text location, Text options_json = nullptr, const Context *context = nullptr) {
    return try_layout_remove(location, options_json, context).value();
}

/// Removes blobs that no image of an OCI layout needs, and partial downloads that are older than a week.
inline Result<std::string> try_layout_collect(Text location, Text options_json = nullptr,
                                              const Context *context = nullptr) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_layout_collect(location.get(), detail::raw(context), options_json.get(), out, error);
    });
}
inline std::string layout_collect(Text location, Text options_json = nullptr, const Context *context = nullptr) {
    return try_layout_collect(location, options_json, context).value();
}

/// Hashes all blobs of an OCI layout, and looks for blobs that are missing, and manifests that are not valid.
inline Result<std::string> try_layout_verify(Text location, Text options_json = nullptr,
                                             const Context *context = nullptr) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_layout_verify(location.get(), detail::raw(context), options_json.get(), out, error);
    });
}
inline std::string layout_verify(Text location, Text options_json = nullptr, const Context *context = nullptr) {
    return try_layout_verify(location, options_json, context).value();
}

/// Returns the host of a registry's URL: a leading http:// or https:// and everything after the first / are removed.
inline Result<std::string> try_convert_to_hostname(Text url) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_convert_to_hostname(url.get(), out, error);
    });
}
inline std::string convert_to_hostname(Text url) { return try_convert_to_hostname(url).value(); }

/// Checks the name of an index and returns its normal form: index.docker.io becomes docker.io.
inline Result<std::string> try_validate_index_name(Text name) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_validate_index_name(name.get(), out, error);
    });
}
inline std::string validate_index_name(Text name) { return try_validate_index_name(name).value(); }

/// Checks the URL of a mirror and returns it with one / at its end.
inline Result<std::string> try_validate_mirror(Text url) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_validate_mirror(url.get(), out, error);
    });
}
inline std::string validate_mirror(Text url) { return try_validate_mirror(url).value(); }

/// Parses an image reference, [HOST[:PORT]/]PATH[:TAG][@DIGEST].
inline Result<std::string> try_parse_reference(Text reference) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_parse_reference(reference.get(), out, error);
    });
}
inline std::string parse_reference(Text reference) { return try_parse_reference(reference).value(); }

/// Returns what is known about the repository of a reference without a configuration.
inline Result<std::string> try_parse_repository_info(Text reference) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_parse_repository_info(reference.get(), out, error);
    });
}
inline std::string parse_repository_info(Text reference) { return try_parse_repository_info(reference).value(); }

/// Returns the index that a search term names, without a configuration.
inline Result<std::string> try_parse_search_index_info(Text term) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_parse_search_index_info(term.get(), out, error);
    });
}
inline std::string parse_search_index_info(Text term) { return try_parse_search_index_info(term).value(); }

/// Returns the key under which credentials for an index are stored.
inline Result<std::string> try_auth_config_key(Text index_json) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_auth_config_key(index_json.get(), out, error);
    });
}
inline std::string auth_config_key(Text index_json) { return try_auth_config_key(index_json).value(); }

/// Selects the credentials for an index.
inline Result<std::string> try_resolve_auth_config(Text auth_configs_json, Text index_json) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_resolve_auth_config(auth_configs_json.get(), index_json.get(), out, error);
    });
}
inline std::string resolve_auth_config(Text auth_configs_json, Text index_json) {
    return try_resolve_auth_config(auth_configs_json, index_json).value();
}

/// Parses the challenges in WWW-Authenticate header lines.
inline Result<std::string> try_parse_challenges(Text header_lines_json) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_parse_challenges(header_lines_json.get(), out, error);
    });
}
inline std::string parse_challenges(Text header_lines_json) { return try_parse_challenges(header_lines_json).value(); }

/// Reads the directory of certificates for one registry.
inline Result<std::string> try_read_certs_directory(Text directory) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_read_certs_directory(directory.get(), out, error);
    });
}
inline std::string read_certs_directory(Text directory) { return try_read_certs_directory(directory).value(); }

/// Returns the default directory of certificates: /etc/docker/certs.d, or docker/certs.d in the user's configuration
/// directory under rootlesskit.
inline Result<std::string> try_certs_dir() {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_certs_dir(out, error);
    });
}
inline std::string certs_dir() { return try_certs_dir().value(); }

/// Returns a value from JSON, such as the digest of the first layer of a manifest.
inline Result<std::string> try_json_get(Text json, Text pointer) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_json_get(json.get(), pointer.get(), out, error);
    });
}
inline std::string json_get(Text json, Text pointer) { return try_json_get(json, pointer).value(); }

/// Returns the number of elements of a list, or of keys of an object, in JSON.
inline Result<size_t> try_json_length(Text json, Text pointer) {
    size_t out = 0;
    return detail::result(
        [&](ocireg_error **error) {
            return ocireg_json_length(json.get(), pointer.get(), &out, error);
        },
        [&] { return out; });
}
inline size_t json_length(Text json, Text pointer) { return try_json_length(json, pointer).value(); }

/// Creates an AuthConfig from a user name and a password, with everything escaped correctly.
inline Result<std::string> try_auth_json(Text host = nullptr, Text username = nullptr, Text password = nullptr) {
    return detail::text([&](char **out, ocireg_error **error) {
        return ocireg_auth_json(host.get(), username.get(), password.get(), out, error);
    });
}
inline std::string auth_json(Text host = nullptr, Text username = nullptr, Text password = nullptr) {
    return try_auth_json(host, username, password).value();
}
// End of what is made.

} // namespace ocireg

#endif
