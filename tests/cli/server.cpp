// tenon, started once: LibTorch takes 0.25 s to start, and the tests of the command line start it a thousand times. Here each command
// runs in a process that is forked after that; the rest is what bin/tenon and tenon-torch do. tests/cli/_server.py talks to it.
//
// A command is one packet on standard input, a socket: the working folder and the arguments, each followed by a zero byte, with two
// descriptors for its standard streams. The answer is the exit code, or minus the signal, as an int.
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tools/common/preflight.h"
#include "tools/torch/program.h"

namespace {

using tenon::tools::Answer;
using tenon::tools::Options;

struct Command {
  std::string folder;
  std::vector<std::string> arguments;
  std::array<int, 2> streams{-1, -1};  // standard output and standard error
};

[[noreturn]] void give_up(const char* reason) {
  std::perror(reason);
  std::exit(EXIT_FAILURE);
}

// Ends the program when the other side is gone.
Command receive() {
  static std::array<char, 1 << 16> text;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(Command::streams))> control{};
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(STDIN_FILENO, &message, 0);
  if (size < 0) give_up("recvmsg");
  if (size == 0) std::exit(EXIT_SUCCESS);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) give_up("a command cut short");

  Command command;
  std::memcpy(command.streams.data(), CMSG_DATA(header), sizeof(command.streams));
  const char* const end = text.data() + size;
  command.folder = text.data();
  for (const char* word = text.data() + command.folder.size() + 1; word < end; word += std::strlen(word) + 1) {
    command.arguments.emplace_back(word);
  }
  return command;
}

// As bin/tenon; a verb that it answers itself is left to it.
Answer perform(const Options& options, char** argv) {
  if (!needs_libtorch(options)) {
    execv(argv[0], argv);
    give_up(argv[0]);
  }
  if (auto ok = tenon::tools::preflight(options); !ok) return tenon::tools::failure(options, ok.error());
  return tenon::tools::perform_verb(options);
}

[[noreturn]] void run(const Command& command, char* program) {
  if (chdir(command.folder.c_str()) != 0) give_up(command.folder.c_str());
  close(STDIN_FILENO);
  if (dup2(command.streams[0], STDOUT_FILENO) < 0 || dup2(command.streams[1], STDERR_FILENO) < 0) give_up("dup2");
  std::vector<std::string> words = command.arguments;
  std::vector<char*> argv{program};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int code = tenon::tools::run_program(static_cast<int>(argv.size()) - 1, argv.data(),
                                             [&](const Options& options) { return perform(options, argv.data()); });
  tenon::tools::leave(code);
}

int finish(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) give_up("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

// The argument is the path of bin/tenon.
int main(int argc, char** argv) {
  if (argc != 2) return EXIT_FAILURE;
  for (;;) {
    const Command command = receive();
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) run(command, argv[1]);
    for (const int stream : command.streams) close(stream);
    const int code = finish(child);
    if (write(STDIN_FILENO, &code, sizeof code) != sizeof code) give_up("write");
  }
}
