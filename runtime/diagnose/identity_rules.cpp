// The file is another thing than was asked for, or nothing that tenon can build.
#include <algorithm>
#include <fmt/format.h>

#include "runtime/diagnose/words.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

/// Everything that follows from having the wrong thing: all that is said about tensors, config and
/// coverage.
std::vector<std::size_t> with_consequences(const Case& subject, std::vector<std::size_t> root) {
  const auto follow = refusing(subject, [](const Finding& finding) {
    return is_about_a_tensor(finding) || finding.kind == FindingKind::kConfig ||
           has_id(finding, "TN-COVERAGE") || has_id(finding, "TN-NOT-BUILT");
  });
  for (const std::size_t index : follow) {
    if (std::find(root.begin(), root.end(), index) == root.end()) root.push_back(index);
  }
  return root;
}

std::vector<std::size_t> with_id(const Case& subject, std::string_view id) {
  return refusing(subject, [&](const Finding& finding) { return has_id(finding, id); });
}

/// What follows from having asked for another thing. Where most of the model was found all the same, and no value of a config carried the
/// question into it, the tensors were held against what the file is: whatever is wrong with them has a cause of its own.
std::vector<std::size_t> with_what_was_asked(const Case& subject, std::vector<std::size_t> root) {
  const auto carried = refusing(subject, [](const Finding& finding) {
    return finding.kind == FindingKind::kConfig || has_id(finding, "TN-COVERAGE");
  });
  if (!carried.empty()) return with_consequences(subject, std::move(root));
  const auto unbuilt = with_id(subject, "TN-NOT-BUILT");
  root.insert(root.end(), unbuilt.begin(), unbuilt.end());
  return root;
}

/// What else a file of several parts holds; "" for one part.
std::string beside(const Case& subject) {
  std::string others;
  for (const Part& part : subject.identity.parts) {
    if (&part == subject.part || part.family.empty()) continue;
    others += fmt::format("{}{} ({})", others.empty() ? "" : ", ", io::escape(part.part),
                          family_and_variant(part.family, part.variant));
  }
  return others.empty() ? others : fmt::format("; beside it are {} and nothing else", cut(others, 160));
}

/// What the file is, and the first thing that says so.
std::string file_is(const Case& subject) {
  if (subject.part == nullptr) return what_it_is(subject.identity);
  std::string text = what_it_is(*subject.part);
  if (!subject.part->evidence.empty()) text += ": " + cut(subject.part->evidence[0].text, 160);
  return text;
}

/// A command that takes the part as what it is; where tenon cannot build it, what to do instead.
std::string take_it_as_it_is(const Case& subject) {
  if (subject.part == nullptr) return command(subject, "inspect");
  if (subject.part->buildable)
    return command(subject, "check", "--as " + shell_quoted(subject.part->family));
  return subject.part->declined.empty() ? command(subject, "inspect")
                                        : cut(subject.part->declined, 300);
}

std::optional<Cause> another_family(const Case& subject) {
  auto root = with_id(subject, "TN-FAMILY");
  if (root.empty()) return std::nullopt;
  const std::string asked = family_and_variant(subject.request.family, subject.request.variant);
  return Cause{fmt::format("this is {}{}; --as asks for {}", file_is(subject), beside(subject), asked),
               take_it_as_it_is(subject), with_what_was_asked(subject, std::move(root))};
}

const Evidence* evidence_for(const std::vector<Evidence>& list, const std::string& candidate) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Evidence& entry) {
    return entry.candidate == candidate;
  });
  return found == list.end() ? nullptr : &*found;
}

/// Why the file is the variant that it is, and how it differs from the one that was asked for.
std::string what_differs(const Part& part, const std::string& asked) {
  std::string text;
  if (const Evidence* against = evidence_for(part.refused, asked))
    text += fmt::format(", which {}", cut(against->text, 330));
  if (const Evidence* decided = evidence_for(part.evidence, family_and_variant(part.family, part.variant)))
    text += fmt::format(" (the file: {})", cut(decided->text.substr(0, decided->text.find(';')), 160));  // values follow
  return text;
}

/// That nobody may have chosen what was asked for.
std::string by_default(const Case& subject) {
  const auto& findings = subject.findings;
  const auto note = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) { return has_id(finding, "TN-VARIANT-DEFAULT"); });
  return note == findings.end() ? std::string() : "; " + cut(note->message, 200);
}

std::optional<Cause> another_variant(const Case& subject) {
  auto root = with_id(subject, "TN-VARIANT");
  if (root.empty() || subject.part == nullptr) return std::nullopt;
  const Part& part = *subject.part;
  const std::string asked = family_and_variant(subject.request.family, subject.request.variant);
  const std::string is = family_and_variant(part.family, part.variant);
  return Cause{fmt::format("this is {}; --as asks for {}{}{}", what_it_is(part), asked, what_differs(part, asked), by_default(subject)),
               part.variant.empty() || part.variant == "custom" ? command(subject, "check", "--as " + shell_quoted(part.family))
                                                                : command(subject, "check", "--as " + shell_quoted(is)),
               with_what_was_asked(subject, std::move(root))};
}

/// Some tensors of a model, too few for a config: what they are of is said all the same.
std::optional<Cause> piece_of_a_model(const Case& subject) {
  auto root = with_id(subject, "TN-PIECE");
  if (root.empty() || subject.part == nullptr) return std::nullopt;
  const Part& part = *subject.part;
  std::string known;
  for (const Config::Item& item : part.config.items())
    known += fmt::format("{}{} {}", known.empty() ? "; " : ", ", io::escape(item.key), to_string(item.value));
  return Cause{fmt::format("the file holds {} of {} and not a whole model{}", tensors(part.tensors.size()), what_it_is(part), cut(known, 200)),
               command(subject, "ls"), std::move(root)};
}

/// What is there does not add up to a model: a number that a module is made with is on no tensor.
std::optional<Cause> no_config(const Case& subject) {
  auto root = with_id(subject, "TN-CONFIG-IMPOSSIBLE");
  if (root.empty() || subject.part == nullptr) return std::nullopt;
  return Cause{fmt::format("the {} of {} do not make up a whole model: {}", tensors(subject.part->tensors.size()),
                           what_it_is(*subject.part), cut(subject.findings[root[0]].message, 200)),
               command(subject, "ls"), with_consequences(subject, std::move(root))};
}

std::optional<Cause> not_what_the_policy_expects(const Case& subject) {
  auto root = with_id(subject, "TN-EXPECT");
  if (root.empty()) return std::nullopt;
  return Cause{fmt::format("this is {}, and not what the policy expects", file_is(subject)),
               command(subject, "inspect"), with_what_was_asked(subject, std::move(root))};
}

std::optional<Cause> recognised_but_not_built(const Case& subject) {
  auto root = with_id(subject, "TN-NOT-BUILT");
  if (root.empty()) return std::nullopt;
  return Cause{
      fmt::format("this is {}{}; tenon recognises it but has no model for it", file_is(subject),
                  beside(subject)),
      take_it_as_it_is(subject), std::move(root)};
}

/// A file whose names say nothing may still say what it is by its container.
std::string contents(const Checkpoint& checkpoint) {
  const bool foreign = checkpoint.container != Container::kSafetensors;
  return fmt::format("{} of this {}", tensors(checkpoint.tensors.size()),
                     foreign ? fmt::format("{} file", container_name(checkpoint.container)) : std::string("file"));
}

/// A pickle of a whole Python object and of no tensor beside it: the first one; null where there are tensors.
const InertObject* only_object(const Checkpoint& checkpoint) {
  if (!checkpoint.tensors.empty()) return nullptr;
  const auto is_object = [](const InertObject& object) { return object.kind.starts_with("global "); };
  const auto found = std::find_if(checkpoint.objects.begin(), checkpoint.objects.end(), is_object);
  return found == checkpoint.objects.end() ? nullptr : &*found;
}

std::optional<Cause> nothing_known(const Case& subject) {
  auto root = with_id(subject, "TN-IDENTITY-UNKNOWN");
  if (root.empty()) return std::nullopt;
  if (const InertObject* object = only_object(subject.checkpoint)) {
    return Cause{fmt::format("this {} file holds a whole Python object ({}{}{}) and no tensors by name", container_name(subject.checkpoint.container),
                             io::escape(object->kind.substr(std::string_view("global ").size()), 120), object->path.empty() ? "" : " under ",
                             object->path.empty() ? "" : io::quoted(object->path, 80)),
                 "Where its code is installed, load it there and save the object's state_dict() alone.", std::move(root)};
  }
  std::string nearest;
  for (const Part& part : subject.identity.parts) {
    if (!part.nearest.empty())
      nearest = "; the nearest known list is " + io::escape(part.nearest, 200);
  }
  std::string asked;
  if (!subject.request.family.empty())
    asked = "; --as asks for " + family_and_variant(subject.request.family, subject.request.variant);
  const std::string_view nothing = subject.checkpoint.tensors.empty() ? "there is nothing to load: " : "";
  return Cause{fmt::format("{}0 of the {} belong to a layout that tenon knows{}{}", nothing,
                           contents(subject.checkpoint), nearest, asked),
               command(subject, "ls"), std::move(root)};
}

std::vector<std::string> sorted_once(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

/// What identification could not choose between, as labels such as "vit (timm)".
std::vector<std::string> contestants(const Identity& identity) {
  std::vector<std::string> labels;
  for (const Part& part : identity.parts) {
    if (!part.family.empty()) labels.push_back(part.family);
    for (const Evidence& entry : part.evidence) labels.push_back(entry.candidate);
  }
  return sorted_once(std::move(labels));
}

std::vector<std::string> families_of(std::vector<std::string> labels) {
  for (std::string& label : labels) label.resize(std::min(label.size(), label.find_first_of(" /")));
  return sorted_once(std::move(labels));
}

std::optional<Cause> several_candidates(const Case& subject) {
  auto root = with_id(subject, "TN-IDENTITY-AMBIGUOUS");
  if (root.empty()) return std::nullopt;
  const auto labels = contestants(subject.identity);
  std::string listed;
  for (const std::string& label : labels) listed += (listed.empty() ? "" : ", ") + io::escape(label);
  // Two layouts of one family are not told apart by naming the family.
  const auto families = families_of(labels);
  return Cause{fmt::format("the names fit more than one model: {}", listed),
               families.size() < 2 ? command(subject, "inspect")
                                   : command(subject, "check", "--as " + shell_quoted(families.front())),
               std::move(root)};
}

/// A finding whose own words are the cause; what else is wrong with tensors follows from it.
std::optional<Cause> as_found(const Case& subject, std::string_view id) {
  auto root = with_id(subject, id);
  if (root.empty()) return std::nullopt;
  const Finding& finding = subject.findings[root.front()];
  return Cause{cut(finding.message, 400), finding.remedy, with_consequences(subject, std::move(root))};
}

/// Numbers that name other places than they should: what differs in shape follows from it, and most of it differs in nothing
/// that could be seen.
std::optional<Cause> in_another_order(const Case& subject) { return as_found(subject, "TN-ORDER"); }

/// Sizes were read off weights whose axes stand in another order.
std::optional<Cause> in_foreign_axes(const Case& subject) { return as_found(subject, "TN-AXES"); }

std::optional<Cause> wrong_partner(const Case& subject) {
  auto root = with_id(subject, "TN-PAIR");
  const auto modules = with_id(subject, "TN-PAIR-MODULES");
  root.insert(root.end(), modules.begin(), modules.end());
  if (root.empty()) return std::nullopt;
  std::string text;
  std::string remedy;
  for (const std::size_t index : root) {
    text += (text.empty() ? "" : "; ") + cut(subject.findings[index].message, 300);
    remedy += (remedy.empty() ? "" : "; ") + cut(subject.findings[index].remedy, 200);
  }
  return Cause{std::move(text), std::move(remedy), std::move(root)};
}

constexpr CauseRule kIdentityRules[] = {
    {"TN-D-FAMILY", Depth::kIdentity, another_family},
    {"TN-D-UNKNOWN", Depth::kIdentity, nothing_known},
    {"TN-D-AMBIGUOUS", Depth::kIdentity, several_candidates},
    {"TN-D-EXPECT", Depth::kIdentity, not_what_the_policy_expects},
    {"TN-D-NOT-BUILT", Depth::kUnbuilt, recognised_but_not_built},
    {"TN-D-VARIANT", Depth::kVariant, another_variant},
    {"TN-D-PIECE", Depth::kTensors, piece_of_a_model},
    {"TN-D-INCOMPLETE", Depth::kTensors, no_config},
    {"TN-D-AXES", Depth::kEncoding, in_foreign_axes},
    {"TN-D-ORDER", Depth::kVariant, in_another_order},
    {"TN-D-PAIR", Depth::kPartner, wrong_partner},
};

}  // namespace

std::span<const CauseRule> identity_rules() { return kIdentityRules; }

}  // namespace tenon
