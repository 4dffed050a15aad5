// A verb of the program: its options in CLI11 and what it does. One file a verb; main.cpp lists them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::cli {

struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> run;  // after parsing; returns the exit status
};

Verb add_generate(CLI::App& program);
Verb add_logits(CLI::App& program);
Verb add_inspect(CLI::App& program);
Verb add_info(CLI::App& program);
Verb add_tokenize(CLI::App& program);
Verb add_make_model(CLI::App& program);
Verb add_bench(CLI::App& program);
Verb add_measure_roofs(CLI::App& program);  // hidden: the child process of bench and generate

// Options whose values are checked here, so that a refusal names flag, value and range (UsageError). The bound variable
// holds the default, which the help text shows.
CLI::Option* add_integer(CLI::App& app, const std::string& flags, int64_t& value, int64_t least, int64_t most,
                         const std::string& help);
CLI::Option* add_integer(CLI::App& app, const std::string& flags, int& value, int least, int most,
                         const std::string& help);
CLI::Option* add_real(CLI::App& app, const std::string& flags, float& value, double least, double most,
                      const std::string& help);
CLI::Option* add_choice(CLI::App& app, const std::string& flags, std::string& value, std::vector<std::string> choices,
                        const std::string& help);

// The same for one text: throws UsageError naming `flag`.
int64_t parse_integer(std::string_view flag, std::string_view text, int64_t least, int64_t most);
double parse_real(std::string_view flag, std::string_view text, double least, double most);

// MODEL, a required positional path.
CLI::Option* add_model_path(CLI::App& app, std::string& path);

// All flags of a verb as the user may type them ("--temperature", "-n").
std::vector<std::string> flags_of(const CLI::App& app);

}  // namespace quandex::cli
