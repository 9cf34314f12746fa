// Pulls an image into an OCI layout, shows how far it is, stops at Ctrl-C, and gives up after ten minutes:
// pull REFERENCE oci:DIRECTORY

#include <csignal>
#include <cstdio>
#include <ocireg.hpp>

static const ocireg::Context *running;

static void on_interrupt(int) {
    running->cancel(); // allowed in a signal handler
}

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s REFERENCE oci:DIRECTORY[:NAME]\n", argv[0]);
        return 2;
    }
    try {
        ocireg::Context context;
        running = &context;
        std::signal(SIGINT, on_interrupt);
        context.set_timeout(10 * 60 * 1000);
        context.set_progress([](uint64_t done, uint64_t total, std::string_view) {
            std::fprintf(stderr, "\r%llu of %llu bytes", static_cast<unsigned long long>(done),
                         static_cast<unsigned long long>(total));
            return true;
        });
        ocireg::Service service(R"({"environment": true})");
        const auto report = service.try_pull(argv[1], argv[2], nullptr, &context);
        std::signal(SIGINT, SIG_DFL); // before the context goes
        std::fprintf(stderr, "\n");
        std::printf("%s\n", report->c_str());
    } catch (const ocireg::Error &error) {
        std::fprintf(stderr, "\n%s: %s\n", error.name(), error.what());
        if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
        return 1;
    }
}
