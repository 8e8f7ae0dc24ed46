// The partners of `--with ROLE=CKPT[::part]`: opened and identified, so that their shapes can be compared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tenon/identify.h>
#include <tenon/load.h>
#include <tenon/policy.h>

namespace tenon::loading {

class Partners {
 public:
  /// As decide() takes them; valid while this object lives.
  [[nodiscard]] std::vector<CheckRequest::Partner> list() const;
  /// The keys of `set` that a partner's family has and `family` has not: they are the partner's.
  [[nodiscard]] std::vector<std::string> keys_of_theirs(const Config& set, const std::string& family, const Tables& tables) const;
  /// Fills in the partners, what is needed to say which would fit, and which modules one side changes in the other.
  void name_modules(const Tables& tables, const Checkpoint& checkpoint, const Part& part, CheckRequest& request);

 private:
  friend Result<Partners> open_partners(const LoadOptions& options, const Tables& tables);
  struct Item {
    std::string role;
    std::string path;
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<Identity> identity;
    std::size_t part = 0;
    std::vector<std::pair<std::string, TensorType>> names;
  };
  std::vector<Item> items_;
};

/// The tensors of a part that is built, under the names of every layout of its family.
[[nodiscard]] std::vector<std::pair<std::string, TensorType>> all_names(const Tables& tables, const Checkpoint& checkpoint, const Part& part);

[[nodiscard]] Result<Partners> open_partners(const LoadOptions& options, const Tables& tables);

}  // namespace tenon::loading
