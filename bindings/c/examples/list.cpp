// Streams an image's first layer through tar(1), which lists its files or unpacks them, and says whether the layer was
// right: list REFERENCE [DIRECTORY]

#include <csignal>
#include <cstdio>
#include <memory>
#include <ocireg.hpp>
#include <unistd.h>
#include <vector>

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        std::fprintf(stderr, "usage: %s REFERENCE [DIRECTORY]\n", argv[0]);
        return 2;
    }
    if (argc == 3 && chdir(argv[2]) != 0) return std::perror(argv[2]), 1;
    std::signal(SIGPIPE, SIG_IGN); // tar may end before we have written everything
    try {
        ocireg::Service service(R"({"environment": true})");
        const std::string digest = ocireg::json_get(service.inspect(argv[1]), "/manifest/layers/0/digest");
        ocireg::Reader blob = service.open(argv[1]).open_blob(digest);
        {
            const auto close = [](std::FILE *tar) { pclose(tar); };
            std::unique_ptr<std::FILE, decltype(close)> tar(popen(argc == 3 ? "tar --extract --gzip" : "tar --list --gzip", "w"), close);
            if (!tar) return std::perror("tar"), 1;
            std::vector<uint8_t> buffer(256 << 10);
            while (const size_t count = blob.read(buffer.data(), buffer.size())) {
                if (std::fwrite(buffer.data(), 1, count, tar.get()) < count) break;
            }
        }
        // A reader of archives stops at the end of the archive, which may come before the end of the blob. What it gave
        // out counts only if the whole blob is right.
        blob.verify();
        std::printf("verified: %s\n", digest.c_str());
    } catch (const ocireg::Error &error) {
        std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
        if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
        return 1;
    }
}
