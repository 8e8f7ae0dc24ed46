// What an identified part keeps for the stages behind: the form that reads its names, and the mapping it gave.
#pragma once

#include <memory>
#include <string>

#include <tenon/identify.h>

#include "runtime/mapping/form.h"

namespace tenon {

struct BoundLayout {
  std::shared_ptr<const Form> form;
  Mapped mapped;
};

}  // namespace tenon
