#include "runtime/build/device.h"

#include <string>
#include <typeinfo>

#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include <tenon/load.h>

#include "runtime/build/guard.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr const char* kLibrary = "libtorch_cuda.so";

Failure no_device(const std::string& found, std::string remedy) {
  return fail(ErrorKind::kDevice, "TN-DEVICE", found + " [TN-DEVICE]", std::move(remedy));
}

/// LibTorch's own folder: the CUDA half lies beside the half that this program is linked to.
std::string beside_libtorch() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::CUDAHooksRegistry), &info) == 0 || !info.dli_fname) return kLibrary;
  const std::string path = info.dli_fname;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? kLibrary : path.substr(0, slash + 1) + kLibrary;
}

/// LibTorch keeps the first hooks that anything asks for; without CUDA those are stubs, for good.
bool stubs_are_cached() { return typeid(at::detail::getCUDAHooks()) == typeid(at::CUDAHooksInterface); }

}  // namespace

Result<void> enable_cuda() {
  return loading::guarded("enabling CUDA", []() -> Result<void> {
    if (!at::CUDAHooksRegistry()->Has("CUDAHooks")) {
      const auto path = beside_libtorch();
      if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) && !dlopen(kLibrary, RTLD_NOW | RTLD_GLOBAL)) {
        const char* const why = dlerror();
        return no_device("device cuda: " + io::escape(why ? why : "libtorch_cuda.so cannot be opened", 300),
                         "tools/install-cuda adds the libraries that LibTorch needs for CUDA");
      }
    }
    if (stubs_are_cached()) {
      return no_device("CUDA: this program asked LibTorch for a CUDA device before tenon::enable_cuda(), so LibTorch keeps "
                       "saying that there is none",
                       "call tenon::enable_cuda() first thing in the program");
    }
    return {};
  });
}

namespace loading {

Result<c10::Device> usable_device(c10::Device device) {
  if (device.is_cpu()) return c10::Device(c10::kCPU);
  if (!device.is_cuda()) {
    return no_device("no device of type " + device.str() + "; tenon loads onto cpu and cuda", "use --device cpu");
  }
  if (auto enabled = enable_cuda(); !enabled) return tl::unexpected(enabled.error());
  return guarded("asking for CUDA devices", [&]() -> Result<c10::Device> {
    const auto count = at::detail::getCUDAHooks().getNumGPUs();
    const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
    if (count == 0) return no_device("no CUDA device answers on this machine", "use --device cpu");
    if (index >= count) {
      return no_device("no device cuda:" + std::to_string(index) + ": this machine has " + std::to_string(count),
                       "use --device cuda:0");
    }
    return c10::Device(c10::kCUDA, index);
  });
}

}  // namespace loading
}  // namespace tenon
