// The hidden verb that bench and generate run as a child process, and the code that runs it.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "cli/program_path.h"
#include "cli/roofs.h"
#include "cli/terminal.h"
#include "cli/verb.h"

extern char** environ;

namespace quandex::cli {
namespace {

struct MeasureOptions {
  int n_threads = 1;
  bool quick = false;
};

// Everything that the child wrote on its standard output, and its exit status.
struct ChildResult {
  std::string output;
  int status = -1;
};

ChildResult run_child(const std::array<std::string, 5>& arguments) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw Error(ErrorCode::device, "cannot make a pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::array<char*, 6> argv{};
  size_t n = 0;
  for (const std::string& argument : arguments)
    if (!argument.empty()) argv[n++] = const_cast<char*>(argument.c_str());
  pid_t child = 0;
  const int failure = posix_spawn(&child, arguments[0].c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  ChildResult result;
  std::array<char, 4096> piece;
  while (failure == 0) {
    const ssize_t got = read(ends[0], piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    result.output.append(piece.data(), static_cast<size_t>(got));
  }
  close(ends[0]);
  if (failure != 0) throw Error(ErrorCode::device, "cannot start {}: {}", arguments[0], std::strerror(failure));
  while (waitpid(child, &result.status, 0) < 0 && errno == EINTR) {
  }
  return result;
}

}  // namespace

Roofs measure_roofs_in_child(int n_threads, RoofEffort effort) {
  const ChildResult result = run_child({program_path().string(), "measure-roofs", "--threads",
                                        std::to_string(n_threads), effort == RoofEffort::quick ? "--quick" : ""});
  throw_if_interrupted();
  if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != 0)
    throw Error(ErrorCode::device, "the process that measures the roofs failed (status {})", result.status);
  return roofs_from_json(nlohmann::ordered_json::parse(result.output));
}

Verb add_measure_roofs(CLI::App& program) {
  auto options = std::make_shared<MeasureOptions>();
  CLI::App& app = add_verb(program, "measure-roofs", "Measure this machine's roofs and write them as JSON", "");
  hide(app);
  add_integer(app, "--threads", options->n_threads, 1, 1024, "Threads");
  add_flag(app, "--quick", options->quick, "Bandwidth alone");
  return {&app, [options] {
            std::signal(SIGINT, SIG_DFL);  // the parent tells the user
            const Roofs roofs =
                measure_roofs(options->n_threads, options->quick ? RoofEffort::quick : RoofEffort::full);
            fmt::print("{}\n", roofs_to_json(roofs).dump());
            return 0;
          }};
}

}  // namespace quandex::cli
