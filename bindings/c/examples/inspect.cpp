// Shows an image without pulling it: its digest, platform, command and layers: inspect REFERENCE

#include <iostream>
#include <ocireg.hpp>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " REFERENCE\n";
        return 2;
    }
    try {
        ocireg::Service service;
        const ocireg::Image image = service.image(argv[1]);
        std::cout << "digest: " << image.descriptor.digest << '\n';
        if (image.config) {
            std::cout << "platform: " << image.config->os << '/' << image.config->architecture << '\n';
            std::cout << "command:";
            for (const std::string &word : image.config->cmd) std::cout << ' ' << word;
            std::cout << '\n';
        }
        for (const ocireg::Descriptor &layer : image.layers) {
            std::cout << "layer: " << layer.digest << " (" << layer.size << " bytes)\n";
        }
    } catch (const ocireg::Error &error) {
        std::cerr << error.name() << ": " << error.what() << '\n';
        if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
        return 1;
    }
}
