#include "runtime/identify/notes.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

constexpr std::string_view kGlobal = "global ";  // how an inert object of a Python class is listed

Finding note(std::string_view id, FindingKind kind, std::string message, std::string remedy = {}) {
  return general_finding(id, kind, Severity::kNote, std::move(message), std::move(remedy));
}

bool is_torch(Container container) {
  return container == Container::kTorchZip || container == Container::kTorchLegacy || container == Container::kTorchScript ||
         container == Container::kTorchTar;
}

/// What an ending promises, by the field's habits.
struct Ending {
  std::string_view text;
  std::string_view promises;
  bool (*keeps)(Container container);
};
constexpr std::array<Ending, 5> kEndings = {{
    {".safetensors", "safetensors", [](Container c) { return c == Container::kSafetensors; }},
    {".gguf", "GGUF", [](Container c) { return c == Container::kGguf; }},
    {".ckpt", "a torch.save file", is_torch},
    {".pth", "a torch.save file", is_torch},
    {".pt", "a torch.save file", is_torch},
}};

void note_ending(const CheckpointFile& file, std::vector<Finding>& notes) {
  const auto ending = std::find_if(kEndings.begin(), kEndings.end(), [&](const Ending& e) { return file.path.ends_with(e.text); });
  if (ending == kEndings.end() || ending->keeps(file.container)) return;
  notes.push_back(note("TN-ENDING", FindingKind::kContainer,
                       fmt::format("{} is {} inside, and its name says {}; it is read as what it is", io::escape(file.path, 160),
                                   container_name(file.container), ending->promises),
                       "Rename the file: other programs go by the name."));
}

void note_container(const CheckpointFile& file, std::vector<Finding>& notes) {
  if (file.container != Container::kTorchLegacy) return;
  notes.push_back(note("TN-LEGACY", FindingKind::kContainer,
                       fmt::format("{} is a legacy torch.save stream (a pickle, before torch 1.6) and no zip archive; it is read as that", io::escape(file.path, 160)),
                       "Save it again with a current torch, or as safetensors, for programs that read archives only."));
}

/// Python classes by name; the tensors beside them are read, the classes are not even imported.
void note_objects(const Checkpoint& checkpoint, std::vector<Finding>& notes) {
  std::map<std::string, std::string> classes;  // class -> first place
  for (const InertObject& object : checkpoint.objects) {
    if (object.kind.starts_with(kGlobal)) classes.try_emplace(object.kind.substr(kGlobal.size()), object.path);
  }
  for (const auto& [name, path] : classes) {
    notes.push_back(note("TN-OBJECT", FindingKind::kContainer,
                         fmt::format("the pickle holds an object of the Python class {} under {}; it is left alone, the tensors beside it are read",
                                     io::escape(name, 120), io::quoted(path, 100)),
                         "Save the tensors alone, as safetensors, for programs that refuse such pickles."));
    if (notes.size() > 8) break;  // a training state may hold hundreds of them
  }
}

bool starts_training_state(const Checkpoint& checkpoint, const Wrappers& wrappers) {
  return std::any_of(checkpoint.objects.begin(), checkpoint.objects.end(), [&](const InertObject& object) {
    return wrappers.is_training(std::string_view(object.path).substr(0, object.path.find('.')));
  });
}

}  // namespace

std::vector<Finding> checkpoint_notes(const Checkpoint& checkpoint) {
  std::vector<Finding> notes;
  for (const CheckpointFile& file : checkpoint.files) note_container(file, notes);
  note_objects(checkpoint, notes);
  return notes;
}

std::vector<Finding> ending_notes(const Checkpoint& checkpoint) {
  std::vector<Finding> notes;
  for (const CheckpointFile& file : checkpoint.files) note_ending(file, notes);
  return notes;
}

std::vector<Finding> part_notes(const Checkpoint& checkpoint, const Identity& identity, const Part& part, const Wrappers& wrappers) {
  std::vector<Finding> notes;
  const auto stripped = wrappers.stripped(part.family, part.prefix);
  if (!stripped.empty()) {
    notes.push_back(note("TN-PREFIX", FindingKind::kIdentity,
                         fmt::format("{} of this part carry {}: it was stripped from the names and no tensor is left out for it",
                                     part.tensors.size() == 1 ? "the 1 name" : fmt::format("the {} names", part.tensors.size()), stripped)));
  }
  const auto is_ema = [](const Part& other) { return other.part == "ema"; };
  if (is_ema(part)) return notes;
  const bool averaged = std::any_of(identity.parts.begin(), identity.parts.end(), is_ema);
  if (averaged) {
    notes.push_back(note("TN-EMA", FindingKind::kIdentity, "the file also holds averaged (EMA) weights; the plain ones are meant unless ::ema is named"));
  } else if (starts_training_state(checkpoint, wrappers)) {
    notes.push_back(note("TN-EMA", FindingKind::kIdentity,
                         fmt::format("a training checkpoint without averaged (EMA) weights: the plain ones under {} are read; published results often come from the average",
                                     part.prefix.empty() ? std::string("no name") : io::quoted(part.prefix, 100))));
  }
  return notes;
}

}  // namespace tenon
