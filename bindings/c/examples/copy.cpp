// Copies an image and shows how far it is: copy docker://REFERENCE docker://REFERENCE, or oci:DIRECTORY in place of either.

#include <cstdio>
#include <ocireg.hpp>

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s SOURCE DESTINATION (docker://REFERENCE or oci:DIRECTORY[:NAME])\n", argv[0]);
        return 2;
    }
    try {
        ocireg::Context context;
        context.set_progress([](uint64_t done, uint64_t total, std::string_view) {
            std::fprintf(stderr, "\r%llu of %llu bytes", static_cast<unsigned long long>(done),
                         static_cast<unsigned long long>(total));
            return true;
        });
        ocireg::Service service(R"({"environment": true})");
        const std::string report = service.copy(argv[1], argv[2], nullptr, &context);
        std::fprintf(stderr, "\n");
        std::printf("%s\n", report.c_str());
    } catch (const ocireg::Error &error) {
        std::fprintf(stderr, "\n%s: %s\n", error.name(), error.what());
        if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
        return 1;
    }
}
