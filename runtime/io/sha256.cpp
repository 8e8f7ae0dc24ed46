#include "runtime/io/sha256.h"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include <openssl/evp.h>

namespace tenon::io {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;

EVP_MD_CTX* as_context(void* pointer) { return static_cast<EVP_MD_CTX*>(pointer); }

void require(bool done) {
  if (!done) throw std::bad_alloc();  // SHA-256 itself cannot fail; OpenSSL reports only allocation here
}

}  // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(as_context(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr);
  require(EVP_DigestInit_ex(as_context(context_.get()), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(as_context(context_.get()), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  require(EVP_DigestFinal_ex(as_context(context_.get()), digest.data(), nullptr) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<std::string> sha256_of(const ByteSource& source, const std::function<Result<void>(std::uint64_t)>& step) {
  Sha256 hash;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, source.size())));
  for (std::uint64_t at = 0; at < source.size();) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), source.size() - at));
    const std::span<std::byte> chunk(buffer.data(), length);
    if (const auto read = source.read(at, chunk); !read) return Failure(read.error());
    hash.update(chunk);
    at += length;
    if (!step) continue;
    if (const auto next = step(at); !next) return Failure(next.error());
  }
  if (const auto same = source.unchanged(); !same) return Failure(same.error());
  return hash.hex();
}

}  // namespace tenon::io
