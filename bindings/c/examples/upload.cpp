// Uploads a file as a blob, and prints its descriptor: upload REPOSITORY FILE. "-" is the standard input, whose size and
// digest nobody knows before its end.

#include <iostream>
#include <ocireg.hpp>
#include <vector>

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: " << argv[0] << " REPOSITORY FILE\n";
        return 2;
    }
    const std::string_view file = argv[2];
    try {
        ocireg::Service service;
        const ocireg::Session session = service.open(argv[1], R"({"actions": ["pull", "push"]})");
        if (file != "-") {
            std::cout << session.put_blob_file(file) << '\n';
            return 0;
        }
        ocireg::Writer writer = session.put_blob();
        std::vector<char> buffer(256 << 10);
        while (std::cin.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), std::cin.gcount() > 0) {
            writer.write(reinterpret_cast<const uint8_t *>(buffer.data()), static_cast<size_t>(std::cin.gcount()));
        }
        std::cout << writer.commit() << '\n'; // Only now the registry has the blob.
    } catch (const ocireg::Error &error) {
        std::cerr << error.name() << ": " << error.what() << '\n';
        if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
        return 1;
    }
}
