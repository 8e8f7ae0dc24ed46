// Which container a file is, from its bytes and never from its name.
#pragma once

#include <tenon/byte_source.h>

namespace tenon::formats {

enum class Kind {
  kSafetensors,
  kZip,     // torch.save, TorchScript, or another kind of archive
  kPickle,  // a legacy torch.save stream, or a pickle of something else
  kTar,
  kGguf,
  kJson,  // perhaps a sharded index
};

/// Reads a few hundred bytes. What tenon does not read is an error that says what it is and what to do: ST-LFS, ST-HTML,
/// TS-GZIP, TS-HDF5, TS-NUMPY, TS-ONNX, TS-ARCHIVE, TS-TFLITE, TS-EXECUTORCH, TS-TEXT, TS-UNKNOWN.
[[nodiscard]] Result<Kind> recognise(const ByteSource& source);

}  // namespace tenon::formats
