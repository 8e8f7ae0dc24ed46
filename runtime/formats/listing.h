// What one file lists, whatever its container.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <tenon/checkpoint.h>

namespace tenon::formats {

/// `file` is 0 and storages count from 0 in every entry; the checkpoint renumbers both.
struct Listing {
  std::vector<TensorEntry> tensors;  // in file order
  std::vector<InertObject> objects;
  std::map<std::string, std::string> metadata;
  std::vector<ContainerNote> notes;
};

}  // namespace tenon::formats
