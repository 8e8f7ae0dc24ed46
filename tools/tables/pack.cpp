// tenon_pack IN.yaml OUT: parses a table once, at build time. The build fails where the YAML is no YAML.
#include <fstream>
#include <iostream>
#include <sstream>

#include "runtime/mapping/packed_yaml.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tenon_pack IN.yaml OUT\n";
    return 4;
  }
  std::ifstream in(argv[1], std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const auto root = tenon::parse_yaml(text.str());
  if (!in || !root) {
    std::cerr << argv[1] << ':' << (root ? 0 : root.error().mark.line) << ':' << (root ? 0 : root.error().mark.column) << ": "
              << (root ? "cannot be read" : root.error().message) << '\n';
    return 2;
  }
  std::ofstream out(argv[2], std::ios::binary);
  out << tenon::pack_yaml(*root);
  return out.flush() ? 0 : 2;
}
