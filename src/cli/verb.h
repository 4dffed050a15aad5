// A verb of the program: its options in CLI11 and what it does. One file a verb; main.cpp lists them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;  // the headers of CLI11 are slow to compile: only verb.cpp and main.cpp include them
}

namespace quandex::cli {

struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> run;  // after parsing; returns the exit status
};

Verb add_run(CLI::App& program);
Verb add_start(CLI::App& program);
Verb add_generate(CLI::App& program);
Verb add_logits(CLI::App& program);
Verb add_inspect(CLI::App& program);
Verb add_plan(CLI::App& program);
Verb add_convert(CLI::App& program);
Verb add_info(CLI::App& program);
Verb add_tokenize(CLI::App& program);
Verb add_detokenize(CLI::App& program);
Verb add_template(CLI::App& program);
Verb add_make_model(CLI::App& program);
Verb add_bench(CLI::App& program);
Verb add_measure_roofs(CLI::App& program);  // hidden: the child process of bench and generate

// A verb of the program, with the end of its help: what else to know, and examples.
CLI::App& add_verb(CLI::App& program, const std::string& name, const std::string& description,
                   const std::string& footer);
void add_alias(CLI::App& app, const std::string& name);  // another name of the verb
void hide(CLI::App& app);                                // from the program's help and from suggestions

// Options. The bound variable holds the default, which the help text shows, and must live until the verb has run.
// Numbers and choices are checked here, so that a refusal (UsageError) names flag, value and range.
void add_integer(CLI::App& app, const std::string& flags, int64_t& value, int64_t least, int64_t most,
                 const std::string& help);
void add_integer(CLI::App& app, const std::string& flags, int& value, int least, int most, const std::string& help);
void add_integer(CLI::App& app, const std::string& flags, std::optional<int64_t>& value, int64_t least, int64_t most,
                 const std::string& help);
void add_real(CLI::App& app, const std::string& flags, float& value, double least, double most,
              const std::string& help);
// Bytes, as parse_size() reads them.
void add_size(CLI::App& app, const std::string& flags, std::optional<uint64_t>& value, uint64_t least, uint64_t most,
              const std::string& help);
void add_choice(CLI::App& app, const std::string& flags, std::string& value, std::vector<std::string> choices,
                const std::string& help);
void add_flag(CLI::App& app, const std::string& flags, bool& value, const std::string& help);
void add_text(CLI::App& app, const std::string& flags, std::optional<std::string>& value, const std::string& type,
              const std::string& help);
void add_text(CLI::App& app, const std::string& flags, std::string& value, const std::string& type,
              const std::string& help);
void add_texts(CLI::App& app, const std::string& flags, std::vector<std::string>& values, const std::string& type,
               const std::string& help);
void add_positional(CLI::App& app, const std::string& name, std::string& value, bool is_required,
                    const std::string& help);

// The same for one text: throws UsageError naming `flag`.
int64_t parse_integer(std::string_view flag, std::string_view text, int64_t least, int64_t most);
// "24GB" and "1.5TB" count in powers of 1000, "24GiB" in powers of 1024, "512B" in bytes; a fraction of a byte is
// dropped.
uint64_t parse_size(std::string_view flag, std::string_view text, uint64_t least, uint64_t most);
double parse_real(std::string_view flag, std::string_view text, double least, double most);

// All flags of a verb as the user may type them ("--temperature", "-n").
std::vector<std::string> flags_of(const CLI::App& app);
std::vector<std::string> given_flags(const CLI::App& app);  // the long names of those that the call has

}  // namespace quandex::cli
