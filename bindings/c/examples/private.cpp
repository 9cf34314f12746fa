// Logs in and pulls a private image: private HOST USER REFERENCE oci:DIRECTORY, with the password in $PASSWORD. The login
// is stored where `docker login` stores it, so later pulls need none of this.

#include <cstdlib>
#include <iostream>
#include <ocireg.hpp>

int main(int argc, char **argv) {
    const char *password = std::getenv("PASSWORD");
    if (argc != 5 || !password) {
        std::cerr << "usage: PASSWORD=… " << argv[0] << " HOST[:PORT] USER REFERENCE oci:DIRECTORY[:NAME]\n";
        return 2;
    }
    try {
        ocireg::Service service;
        const std::string stored = service.login_password(argv[1], argv[2], password);
        std::cout << "logged in to " << argv[1] << "; stored in: " << stored << '\n';
        service.pull(argv[3], argv[4]);
        std::cout << "pulled " << argv[3] << '\n';
    } catch (const ocireg::Error &error) {
        std::cerr << error.name() << ": " << error.what() << '\n';
        if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
        return 1;
    }
}
