// Samples digits with a UNet that tenon loads: sample-digits UNET CLASSES NOISE PICTURE.png
#include <iostream>
#include <string>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <tenon/checkpoint.h>
#include <tenon/load.h>
#include <tenon/models/unet/unet.h>

#include "tools/sample/ddim.h"
#include "tools/sample/picture.h"

namespace tenon::sample {
namespace {

constexpr int kSteps = 25;
constexpr std::int64_t kClasses = 10;
constexpr std::int64_t kPixel = 8;  // of the picture, for one of an image

/// One fp32 tensor of a file.
Result<at::Tensor> read(const std::string& path, const std::string& name) {
  const auto checkpoint = open_checkpoint(path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto* const entry = (*checkpoint)->find(name);
  if (entry == nullptr || entry->dtype != DType::kF32) {
    return fail(ErrorKind::kUsage, "TN-INPUT-MISSING", path + ": no F32 tensor \"" + name + "\" [TN-INPUT-MISSING]");
  }
  const auto tensor = at::empty(entry->shape, at::kFloat);
  const std::span bytes(static_cast<std::byte*>(tensor.data_ptr()), entry->bytes);
  if (auto done = read_tensor(**checkpoint, *entry, bytes); !done) return tl::unexpected(done.error());
  return tensor;
}

/// Image i is of class i mod 10.
Result<at::Tensor> make_images(const std::string& unet_path, const std::string& classes_path, const std::string& noise_path) {
  const auto unet = load<models::Unet>(unet_path, {.dtype = DType::kF32});
  if (!unet) return tl::unexpected(unet.error());
  const auto classes = read(classes_path, "encoder_hidden_states");  // [10, 2, 16]
  if (!classes) return classes;
  const auto noise = read(noise_path, "sample");  // [20, 1, 8, 8]
  if (!noise) return noise;
  const c10::InferenceMode inference;
  const auto context = classes->index_select(0, at::arange(noise->size(0), at::kLong).remainder(kClasses));
  return ddim(*unet->model, *noise, context, kSteps);
}

int run(char** arguments) {
  const auto images = make_images(arguments[1], arguments[2], arguments[3]);
  if (!images) {
    std::cerr << images.error() << '\n';
    return 1;
  }
  const auto picture = grid(*images, kClasses);
  if (const auto written = write_png(arguments[4], enlarged(picture, kPixel)); !written) {
    std::cerr << written.error() << '\n';
    return 1;
  }
  std::cout << as_text(picture);
  return 0;
}

}  // namespace
}  // namespace tenon::sample

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "usage: sample-digits UNET CLASSES NOISE PICTURE.png\n";
    return 2;
  }
  return tenon::sample::run(arguments);
}
