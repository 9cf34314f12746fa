// Lists the tags of a repository, one a line: tags REPOSITORY

#include <iostream>
#include <ocireg.hpp>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " REPOSITORY\n";
        return 2;
    }
    try {
        ocireg::Service service;
        for (const std::string &tag : service.open(argv[1]).tags()) std::cout << tag << '\n';
    } catch (const ocireg::Error &error) {
        std::cerr << error.name() << ": " << error.what() << '\n';
        if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
        return 1;
    }
}
