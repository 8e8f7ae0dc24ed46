// Ctrl-C: a thread waits for the signal, so that every stage ends within a moment and nothing half-written stays.
#pragma once

#include <string>

namespace tenon::tools::interrupt {

/// Holds SIGINT and SIGTERM back until watch() asks for them, here or in the program that execv starts.
/// Call it before any thread is started.
void hold();
/// Starts the thread that waits for them. On a signal the program has `grace_ms` to end by itself, and as long as a
/// Section lasts; then the thread writes `last_words` to standard output and leaves with exit code 7.
void watch(std::string last_words, int grace_ms);
/// A signal has come: end soon.
[[nodiscard]] bool requested();
/// While one lives a signal only sets requested(): the scope of a temporary file, whose writer asks often.
class Section {
 public:
  Section();
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
};
/// The answer is being written: from here on a signal ends the program at once, without last words.
void answering();

}  // namespace tenon::tools::interrupt
