// A grid of small grey images, as a PNG file and as text.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>

namespace tenon::sample {

/// images [N, 1, h, w] in [-1, 1] -> bytes [rows * h, columns * w], N = rows * columns, the first row of images on top.
[[nodiscard]] at::Tensor grid(const at::Tensor& images, std::int64_t columns);

/// Every pixel as a square of factor by factor.
[[nodiscard]] at::Tensor enlarged(const at::Tensor& bytes, std::int64_t factor);

/// Writes bytes [h, w] as an 8-bit grey PNG. kIo when the file cannot be written.
[[nodiscard]] Result<void> write_png(const std::string& path, const at::Tensor& bytes);

/// Bytes [h, w] as h lines of 2 w characters, from blank for 0 to dense for 255.
[[nodiscard]] std::string as_text(const at::Tensor& bytes);

}  // namespace tenon::sample
