#include "runtime/identify/choose_part.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "runtime/io/text.h"

namespace tenon {
namespace {

using Indices = std::vector<std::size_t>;

Indices where(const Identity& identity, const Indices& among, const std::function<bool(const Part&)>& holds) {
  Indices found;
  std::copy_if(among.begin(), among.end(), std::back_inserter(found), [&](auto i) { return holds(identity.parts[i]); });
  return found;
}

/// All parts, what a reader most likely means first: models, their averages, other things that are known, leftovers of training.
Indices by_use(const Identity& identity) {
  const auto use = [&](std::size_t i) {
    const Part& part = identity.parts[i];
    if (part.buildable) return part.part == "ema" ? 1 : 0;
    return part.family.empty() || part.part == "optimizer" || part.part == "ema" ? 3 : 2;
  };
  Indices order(identity.parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return use(a) < use(b); });
  return order;
}

std::string list(const Identity& identity, const Indices& parts) {
  std::string text;
  for (const auto i : parts) {
    const auto& part = identity.parts[i];
    if (text.size() > 250) return text + ", ...";
    text += (text.empty() ? "" : ", ") + io::escape(part.part);
    if (!part.family.empty()) text += " (" + part.family + ")";
  }
  return text;
}

Failure usage(const std::string& path, const std::string& found, const std::string& required, const std::string& example) {
  return io::refuse(ErrorKind::kUsage,
                    "TN-PART",
                    {.file = path},
                    found,
                    required,
                    example.empty() ? std::string() : "name one: " + path + "::" + example);
}

}  // namespace

Result<std::size_t> choose_part(const Identity& identity,
                                const std::string& wanted,
                                const std::string& family,
                                const std::string& path) {
  Indices all = by_use(identity);
  if (all.empty()) return usage(path, "it holds no part", "a model has at least one tensor", {});

  if (!wanted.empty()) {
    const auto named = where(identity, all, [&](const Part& part) { return part.part == wanted; });
    if (named.size() == 1) return named.front();
    if (named.empty()) {
      return usage(path, "no part " + io::quoted(wanted), "it holds " + list(identity, all), identity.parts[all.front()].part);
    }
    return usage(path, "several parts " + io::quoted(wanted), "one of them must be meant", {});
  }

  auto candidates = where(identity, all, [](const Part& part) { return part.buildable; });
  if (!family.empty()) {
    const auto asked = where(identity, candidates, [&](const Part& part) { return part.family == family; });
    if (!asked.empty()) candidates = asked;
  }
  const auto plain = where(identity, candidates, [](const Part& part) { return part.part != "ema"; });
  if (!plain.empty()) candidates = plain;
  if (candidates.size() == 1) return candidates.front();
  if (candidates.size() > 1) {
    return usage(path,
                 "several parts that can be loaded: " + list(identity, candidates),
                 "one of them must be meant",
                 identity.parts[candidates.front()].part);
  }
  // Nothing here can be built: the largest part says why, of the family that was asked for where there is one.
  const auto asked = where(identity, all, [&](const Part& part) { return part.family == family; });
  if (!asked.empty()) all = asked;
  return *std::max_element(all.begin(), all.end(), [&](auto a, auto b) {
    return identity.parts[a].tensors.size() < identity.parts[b].tensors.size();
  });
}

}  // namespace tenon
