#include "tools/sample/picture.h"

#include <png.h>

#include <string_view>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace tenon::sample {

at::Tensor grid(const at::Tensor& images, std::int64_t columns) {
  const auto bytes = ((images.clamp(-1, 1) + 1) * 127.5).round().to(at::kByte);
  const auto height = images.size(2);
  const auto width = images.size(3);
  return bytes.reshape({-1, columns, height, width}).permute({0, 2, 1, 3}).reshape({-1, columns * width}).contiguous();
}

at::Tensor enlarged(const at::Tensor& bytes, std::int64_t factor) {
  return bytes.repeat_interleave(factor, 0).repeat_interleave(factor, 1).contiguous();
}

Result<void> write_png(const std::string& path, const at::Tensor& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(bytes.size(1));
  image.height = static_cast<png_uint_32>(bytes.size(0));
  image.format = PNG_FORMAT_GRAY;
  if (png_image_write_to_file(&image, path.c_str(), 0, bytes.const_data_ptr<std::uint8_t>(), 0, nullptr) != 0) return {};
  return fail(ErrorKind::kIo, "TN-OUTPUT", path + ": " + image.message + " [TN-OUTPUT]");
}

std::string as_text(const at::Tensor& bytes) {
  constexpr std::string_view kShades = " .:-=+*%@";
  std::string text;
  for (std::int64_t y = 0; y < bytes.size(0); ++y) {
    for (std::int64_t x = 0; x < bytes.size(1); ++x) {
      const auto value = bytes.const_data_ptr<std::uint8_t>()[y * bytes.size(1) + x];
      text.append(2, kShades[value * kShades.size() / 256]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace tenon::sample
