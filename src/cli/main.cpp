// The program: one verb a file. Exit status: 0 done; 1 an error of file, model or machine; 2 a mistake in the call;
// 128 + n ended by signal n (Ctrl-C: 130). A reader that closes the pipe has had enough: status 0.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/build_info.h"
#include "cli/escape.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"

namespace quandex::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  quandex run model.gguf\n"
    "  quandex start --model model.gguf\n"
    "  quandex generate model.gguf -p \"Once upon a time\" -n 200\n"
    "  quandex inspect model.gguf\n"
    "  quandex make-model --shape llama-3.2-1b --format q4_0 1b.gguf && quandex bench 1b.gguf\n\n"
    "quandex VERB --help explains a verb. Exit status: 0 done, 1 an error, 2 a mistake in the call, 130 Ctrl-C.\n"
    "Environment: NO_COLOR turns colour off; QUANDEX_ISA=base|avx2|... holds the CPU kernels to a level.\n";

// What CLI11 found wrong, in this program's words. `app` is the verb, or the program where none was given.
std::string describe_mistake(const CLI::App& program, const CLI::App& app, const CLI::ParseError& error) {
  const bool is_verb = &app != &program;
  for (const std::string& extra : app.remaining()) {
    const std::string flag = extra.substr(0, extra.find('='));
    if (flag.size() > 1 && flag.front() == '-')
      return fmt::format("unknown option {}{}", flag, suggestion(flag, flags_of(app)));
  }
  if (!is_verb) {
    std::vector<std::string> verbs;
    for (const CLI::App* verb : program.get_subcommands([](const CLI::App*) { return true; }))
      if (!verb->get_group().empty()) verbs.push_back(verb->get_name());
    const std::vector<std::string> extras = program.remaining();
    if (!extras.empty()) return fmt::format("unknown verb {}{}", extras.front(), suggestion(extras.front(), verbs));
    return fmt::format("a verb is missing: {}", fmt::join(verbs, ", "));
  }
  if (!app.remaining().empty()) return fmt::format("unexpected argument {}", app.remaining().front());
  const std::string message = error.what();
  if (error.get_name() == "ArgumentMismatch")
    return fmt::format("{} needs a value", message.substr(0, message.find(':')));
  return message;
}

CLI::App* chosen_verb(CLI::App& program) {
  const std::vector<CLI::App*> parsed = program.get_subcommands();
  return parsed.empty() ? nullptr : parsed.front();
}

int complain(const CLI::App* verb, const std::string& message) {
  fmt::print(stderr, "quandex: {}\n", message);
  fmt::print(stderr, "quandex: see quandex {}{}--help\n", verb ? verb->get_name() : "", verb ? " " : "");
  return 2;
}

bool takes_value(const std::vector<Verb>& verbs, const std::string& flag) {
  return std::ranges::any_of(verbs, [&](const Verb& verb) {
    const CLI::Option* option = verb.app->get_option_no_throw(flag);
    return option && option->get_items_expected_min() > 0;
  });
}

// The last first, as CLI11 takes them. "--name=" becomes the option and an empty value: CLI11 would take the argument
// behind it for the value.
std::vector<std::string> reversed_arguments(std::span<char*> given, const std::vector<Verb>& verbs) {
  std::vector<std::string> arguments;
  bool may_be_option = true;
  for (const std::string argument : given) {
    may_be_option = may_be_option && argument != "--";
    const std::string flag = argument.substr(0, argument.size() - (argument.ends_with('=') ? 1 : 0));
    const bool has_empty_value =
        may_be_option && flag != argument && flag.starts_with("--") && takes_value(verbs, flag);
    arguments.push_back(has_empty_value ? flag : argument);
    if (has_empty_value) arguments.emplace_back();
  }
  std::ranges::reverse(arguments);
  return arguments;
}

// Called by this name the program is `quandex start`.
bool is_server_name(std::span<char* const> given) {
  return !given.empty() && std::filesystem::path(given.front()).filename() == "jan-server";
}

int run_program(int argc, char** argv) {
  CLI::App program("Quandex runs open language models on the machine in front of you.", "quandex");
  program.set_version_flag("--version", version_text(), "Show version, commit, compiler and kernel levels");
  program.set_help_flag("-h,--help", "Show this help");
  program.require_subcommand(1);
  program.footer(kFooter);
  program.get_formatter()->column_width(34);
  program.get_formatter()->label("REQUIRED", "(required)");
  program.get_formatter()->label("SUBCOMMAND", "VERB");
  const std::vector<Verb> verbs{add_run(program),        add_start(program),        add_generate(program),
                                add_logits(program),     add_inspect(program),      add_plan(program),
                                add_convert(program),    add_info(program),         add_tokenize(program),
                                add_detokenize(program), add_template(program),     add_make_model(program),
                                add_bench(program),      add_measure_roofs(program)};
  try {
    const std::span<char*> given(argv, static_cast<size_t>(argc));
    std::vector<std::string> arguments = reversed_arguments(given.subspan(given.empty() ? 0 : 1), verbs);
    if (is_server_name(given)) arguments.emplace_back("start");
    program.parse(std::move(arguments));
    for (const Verb& verb : verbs)
      if (verb.app->parsed()) return verb.run();
  } catch (const CLI::Success& request) {
    std::ostringstream text;
    const int status = program.exit(request, text, text);
    fmt::print("{}", text.str());
    return status;
  } catch (const CLI::ParseError& error) {
    CLI::App* verb = chosen_verb(program);
    return complain(verb, describe_mistake(program, verb ? *verb : program, error));
  } catch (const UsageError& error) {
    return complain(chosen_verb(program), error.what());
  }
  return 0;
}

// The program's last write: buffered output that meets a closed pipe is no error, a full disk is.
int flush_output(int status) {
  if (std::fflush(stdout) == 0 || errno == EPIPE) return status;
  fmt::print(stderr, "quandex: cannot write the output: {}\n", std::strerror(errno));
  return 1;
}

int guarded_main(int argc, char** argv) {
  try {
    return flush_output(run_program(argc, argv));
  } catch (const Interrupted&) {
    return 128 + interruption();
  } catch (const std::system_error& error) {
    if (error.code().value() == EPIPE) return 0;
    fmt::print(stderr, "quandex: {}\n", escaped(error.what()));
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "quandex: not enough memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "quandex: {}\n", escaped(error.what()));  // it may quote a file
  }
  return 1;
}

}  // namespace
}  // namespace quandex::cli

int main(int argc, char** argv) {
  quandex::log_to_stderr("quandex");
  quandex::cli::catch_interruption();
  return quandex::cli::guarded_main(argc, argv);
}
