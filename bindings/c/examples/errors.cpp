// Pulls an image, and does something about three errors: errors REFERENCE oci:DIRECTORY
//
//   - There is no such image: say so. The exit status is 3.
//   - The registry wants credentials, or better ones: ask the user to log in. The exit status is 4.
//   - Something that may pass, such as a busy server: try again, after as long as the server asks for.

#include <algorithm>
#include <chrono>
#include <iostream>
#include <ocireg.hpp>
#include <thread>

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: " << argv[0] << " REFERENCE oci:DIRECTORY[:NAME]\n";
        return 2;
    }
    try {
        // The library tries again by itself; here it is told not to, because this program does.
        ocireg::Service service(R"({"retry": {"max-attempts": 1}})");
        for (int attempt = 1;; attempt++) {
            const auto pulled = service.try_pull(argv[1], argv[2]);
            if (pulled) break;
            if (!pulled.error().retryable() || attempt == 3) throw pulled.error();
            std::cerr << "attempt " << attempt << " failed (" << pulled.error().name() << "), trying again\n";
            const int64_t wait = pulled.error().retry_after_ms(); // -1: the server does not say
            std::this_thread::sleep_for(std::chrono::milliseconds(wait < 0 ? 100 : std::min<int64_t>(wait, 5000)));
        }
        std::cout << "pulled " << argv[1] << '\n';
    } catch (const ocireg::Error &error) {
        switch (error.code()) {
        case ocireg::Code::not_found:
            std::cerr << "there is no image " << argv[1] << '\n';
            return 3;
        case ocireg::Code::unauthorized:
        case ocireg::Code::denied:
            std::cerr << "you may not pull " << argv[1] << ": log in first\n";
            return 4;
        default: // what() is for people, json() for programs.
            std::cerr << error.name() << ": " << error.what() << '\n';
            if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
            return 1;
        }
    }
}
