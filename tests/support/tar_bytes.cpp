#include "tests/support/tar_bytes.h"

#include <cstdio>

#include "tests/support/safetensors_bytes.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

std::string octal(std::size_t value, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*zo", digits, value);
  return text;
}

std::string header(const TarFile& file) {
  std::string block(512, '\0');
  const auto put = [&block](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  put(0, file.name);
  put(100, "0000644");
  put(124, file.size.value_or(octal(file.content.size(), 11)));
  put(136, octal(0, 11));
  put(148, std::string(8, ' '));
  block[156] = file.type;
  put(257, std::string("ustar\0" "00", 8));
  std::size_t sum = file.wrong_checksum ? 1 : 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  return block;
}

}  // namespace

std::string tar(const std::vector<TarFile>& files) {
  std::string out;
  for (const TarFile& file : files) {
    out += header(file) + file.content;
    out.resize((out.size() + 511) / 512 * 512);
  }
  return out + std::string(1024, '\0');
}

TorchTar::TorchTar()
    : system(program("}")),
      storages(program(num(1)) + program("(" + num(100) + str("cpu") + global("torch", "FloatStorage") + "t") + little(4) +
               std::string(16, 'd') + program("]")),
      tensors(program(num(1)) + program("(" + num(200) + num(100) + global("torch", "FloatTensor") + "t") + little(2) + little(2) +
              little(2) + little(2) + little(1) + little(0)),
      pickle(program("}" + str("w") + str("200") + "Qs")) {}

std::vector<TarFile> TorchTar::files() const {
  return {{"sys_info", system}, {"pickle", pickle}, {"storages", storages}, {"tensors", tensors}};
}

}  // namespace tenon::test
