#include "runtime/diagnose/diagnose.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "runtime/diagnose/rule.h"
#include "runtime/diagnose/words.h"

namespace tenon {
namespace {

struct Answer {
  const CauseRule* rule;
  Cause cause;
};

std::vector<Answer> ask_all(const Case& subject) {
  std::vector<Answer> answers;
  for (const auto rules : {identity_rules(), size_rules(), tensor_rules(), request_rules()}) {
    for (const CauseRule& rule : rules) {
      if (auto cause = rule.ask(subject)) answers.push_back({&rule, std::move(*cause)});
    }
  }
  return answers;
}

/// The deeper cause first; of two as deep, the one that explains more.
void order(std::vector<Answer>& answers) {
  std::sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) {
    if (a.rule->depth != b.rule->depth) return a.rule->depth < b.rule->depth;
    if (a.cause.explains.size() != b.cause.explains.size())
      return a.cause.explains.size() > b.cause.explains.size();
    return std::tie(a.rule->id, a.cause.text) < std::tie(b.rule->id, b.cause.text);
  });
}

/// A deeper cause has named it already, so what would follow from it need not: another rule may know better.
bool is_told(const Cause& cause, const std::set<std::size_t>& explained) {
  const auto roots = cause.explains.begin() + static_cast<std::ptrdiff_t>(std::min(cause.roots, cause.explains.size()));
  return cause.roots != 0 && std::all_of(cause.explains.begin(), roots, [&](std::size_t index) { return explained.count(index) != 0; });
}

/// What no rule has words for speaks for itself: one entry for each id, in the order of the
/// findings.
void append_others(const Case& subject, const std::set<std::size_t>& explained,
                   std::vector<Diagnosis>& diagnoses) {
  std::map<std::string, std::size_t> entry_of;
  for (const std::size_t index : refusing(subject, [](const Finding&) { return true; })) {
    if (explained.count(index) != 0) continue;
    const Finding& finding = subject.findings[index];
    const auto [entry, is_new] = entry_of.try_emplace(finding.id, diagnoses.size());
    if (is_new) diagnoses.push_back({"TN-D-OTHER", finding.message, finding.remedy, {}});
    diagnoses[entry->second].explains.push_back(index);
  }
}

}  // namespace

std::vector<Diagnosis> diagnose(const Case& subject) {
  std::vector<Answer> answers = ask_all(subject);
  order(answers);
  std::set<std::size_t> explained;
  std::vector<Diagnosis> diagnoses;
  for (Answer& answer : answers) {
    std::vector<std::size_t> fresh;
    if (is_told(answer.cause, explained)) continue;
    for (const std::size_t index : answer.cause.explains) {
      if (explained.insert(index).second) fresh.push_back(index);
    }
    if (fresh.empty()) continue;  // a deeper cause says it all
    diagnoses.push_back({std::string(answer.rule->id), std::move(answer.cause.text),
                         std::move(answer.cause.remedy), std::move(fresh)});
  }
  append_others(subject, explained, diagnoses);
  return diagnoses;
}

}  // namespace tenon
