#include "tests/support/fuzz_checks.h"

#include <cstdio>
#include <cstdlib>

namespace tenon::test {

__extension__ using Wide = unsigned __int128;

void require(bool held, const char* promise) {
  if (held) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void check_error(const Error& error) {
  require(error.message.size() <= 512, "a message has at most 512 bytes");
  require(error.message.find(" [" + error.code + "]") != std::string::npos, "a message ends with its code");
  for (const char c : error.message) require(c >= 0x20 && c < 0x7f, "a message is one line of ASCII");
}

void check_tensor(const TensorEntry& entry, std::uint64_t file_bytes) {
  require(Wide{entry.storage_offset} + entry.storage_bytes <= file_bytes, "a storage lies inside the file");
  if (!entry.foreign_type.empty()) return;
  Wide count = 1;
  Wide last = 0;
  for (std::size_t d = 0; d < entry.shape.size(); ++d) {
    require(entry.shape[d] >= 0, "sizes are not negative");
    count *= static_cast<Wide>(entry.shape[d]);
    if (!entry.strides.empty() && entry.shape[d] > 0) {
      last += static_cast<Wide>(entry.shape[d] - 1) * static_cast<Wide>(entry.strides[d]);
    }
  }
  if (count == 0) return;
  if (entry.strides.empty()) last = count - 1;
  const Wide bits = static_cast<unsigned>(dtype_bits(entry.dtype));
  require((count * bits + 7) / 8 == entry.bytes, "a tensor's bytes follow from its shape");
  require(entry.offset >= entry.storage_offset, "a view begins inside its storage");
  require(Wide{entry.offset} * 8 + (last + 1) * bits <= (Wide{entry.storage_offset} + entry.storage_bytes) * 8,
          "a view ends inside its storage");
}

}  // namespace tenon::test
