// Partners that join the model they are named beside: an adapter its UNet.
#pragma once

#include <tenon/load.h>

namespace tenon::loading {

/// Loads those of `options.with` whose family joins others, strictly, on the model's device and in its dtype, and joins them.
/// Values of `options.set` for which the model's family has no key are theirs. Each is a note (TN-ATTACHED) in the report.
[[nodiscard]] Result<void> attach_partners(Loaded<torch::nn::Module>& model, const LoadOptions& options);

}  // namespace tenon::loading
