// Binding: everything is checked for all tensors first, then the module takes them in a loop that cannot fail, and gives
// them back if what follows fails.
#pragma once

#include <unordered_set>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/StorageImpl.h>

#include <tenon/error.h>
#include <tenon/policy.h>
#include <tenon/report.h>

#include "runtime/build/module_index.h"

namespace tenon::loading {

/// What was bound, known by storage: neither values nor strides can tell a bound tensor from a placeholder. What was there
/// before comes back when the record goes away without keep().
class BindRecord {
 public:
  struct Pair {
    at::Tensor target;
    at::Tensor value;
  };

  BindRecord() = default;
  BindRecord(BindRecord&&) = default;
  BindRecord& operator=(BindRecord&&) = delete;
  ~BindRecord() { give(replaced_); }

  void add(const at::Tensor& tensor) { storages_.insert(tensor.storage().unsafeGetStorageImpl()); }
  [[nodiscard]] bool holds(const at::Tensor& tensor) const {
    return storages_.count(tensor.storage().unsafeGetStorageImpl()) > 0;
  }
  /// Gives every target its value, which must fit.
  void commit(const std::vector<Pair>& pairs);
  void keep() { replaced_.clear(); }

 private:
  static void give(const std::vector<Pair>& pairs) noexcept;

  std::unordered_set<const c10::StorageImpl*> storages_;
  std::vector<Pair> replaced_;
};

/// Gives the module its tensors. `tensors[i]` belongs to `plan.steps[i]`; an undefined one leaves the present value.
/// Any failure (TN-BIND: a name, kind, shape, device or gradient that does not fit, a tensor that nothing supplies) leaves
/// the module as it was, bit for bit.
[[nodiscard]] Result<BindRecord> bind_tensors(const ModuleIndex& module,
                                      const LoadPlan& plan,
                                      const std::vector<at::Tensor>& tensors,
                                      c10::Device device);

/// What is not a number, what is zero, and what nothing bound.
[[nodiscard]] Audit audit(const ModuleIndex& module, const BindRecord& record, std::vector<Finding>& findings);

}  // namespace tenon::loading
