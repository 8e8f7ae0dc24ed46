// Which devices there are.
#pragma once

#include <c10/core/Device.h>

#include <tenon/error.h>

namespace tenon::loading {

/// The device with its index, once it is known to answer; kDevice (TN-DEVICE) says what is there instead.
[[nodiscard]] Result<c10::Device> usable_device(c10::Device device);

}  // namespace tenon::loading
