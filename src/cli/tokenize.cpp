#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/model_file.h"
#include "cli/terminal.h"
#include "cli/token_view.h"
#include "cli/verb.h"
#include "text/tokenizer.h"

namespace quandex::cli {
namespace {

struct TokenizeOptions {
  std::string path;
  bool ids = false, no_special = false;
};

int run_tokenize(const TokenizeOptions& options) {
  const Metadata metadata = open_tokenizer(options.path);
  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(metadata);
  const std::string text = read_standard_input();
  const std::vector<int32_t> ids =
      options.no_special ? tokenizer->encode(text, false) : tokenizer->encode_prompt(text, true);
  if (options.ids) {
    fmt::print("{}\n", fmt::join(ids, " "));
    return 0;
  }
  print_token_lines(stdout, *tokenizer, ids);
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "Reads the text from standard input and prints a line for each token: its id and its text.\n\n"
    "Examples:\n"
    "  printf 'Once upon a time' | quandex tokenize model.gguf\n"
    "  quandex tokenize model.gguf --ids --no-special < story.txt\n"
    "  quandex logits model.gguf --ids \"$(printf 'Hello' | quandex tokenize model.gguf --ids | tr ' ' ,)\"\n";

Verb add_tokenize(CLI::App& program) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& app = add_verb(program, "tokenize", "Show the tokens of a text", kFooter);
  add_positional(app, "MODEL", options->path, true, kTokenizerHelp);
  add_flag(app, "--ids", options->ids, "Only the ids, separated by spaces");
  add_flag(app, "--no-special", options->no_special,
           "The text alone: special tokens in it are plain text, and no BOS or EOS is added");
  return {&app, [options] { return run_tokenize(*options); }};
}

}  // namespace quandex::cli
