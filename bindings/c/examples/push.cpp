// Pushes an image from an OCI layout, under one tag or several: push oci:DIRECTORY[:NAME] REFERENCE [TAG...]

#include <cstdio>
#include <ocireg.hpp>
#include <string>

int main(int argc, char **argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s oci:DIRECTORY[:NAME] REFERENCE [TAG...]\n", argv[0]);
        return 2;
    }
    // A tag has no character that JSON would want escaped; what is no tag, the library refuses.
    std::string tags;
    for (int i = 3; i < argc; i++) tags += (tags.empty() ? "\"" : ", \"") + std::string(argv[i]) + "\"";
    try {
        ocireg::Service service(R"({"environment": true})");
        const std::string report = service.push(argv[1], argv[2], "{\"tags\": [" + tags + "]}");
        std::printf("pushed %s\n", ocireg::json_get(report, "/reference").c_str());
    } catch (const ocireg::Error &error) {
        std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
        if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
        return 1;
    }
}
