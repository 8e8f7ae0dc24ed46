// SHA-256 of what was read, by OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <tenon/byte_source.h>

namespace tenon::io {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits. Call once.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// Of the whole source, in bounded memory; kChanged when it changed meanwhile. `step` hears how many bytes are done after
/// each chunk, and its failure ends it.
[[nodiscard]] Result<std::string> sha256_of(const ByteSource& source,
                                            const std::function<Result<void>(std::uint64_t)>& step = {});

}  // namespace tenon::io
