#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/model_file.h"
#include "cli/terminal.h"
#include "cli/token_ids.h"
#include "cli/verb.h"
#include "text/tokenizer.h"

namespace quandex::cli {
namespace {

struct DetokenizeOptions {
  std::string path;
  bool special = false;
};

int run_detokenize(const DetokenizeOptions& options) {
  const Metadata metadata = open_tokenizer(options.path);
  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(metadata);
  const std::vector<int32_t> ids = parse_token_ids(read_standard_input(), tokenizer->n_vocab());
  write_text(stdout, tokenizer->decode(ids, options.special));
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "Reads ids from standard input, separated by white space or commas, in [brackets] or not, and writes the bytes of\n"
    "their text and nothing else. Control tokens have none unless asked for.\n\n"
    "Examples:\n"
    "  echo 12 345 67 | quandex detokenize model.gguf\n"
    "  echo '[12, 345, 67]' | quandex detokenize model.gguf --special\n"
    "  quandex tokenize model.gguf --ids --no-special < story.txt | quandex detokenize model.gguf | cmp - story.txt\n";

Verb add_detokenize(CLI::App& program) {
  auto options = std::make_shared<DetokenizeOptions>();
  CLI::App& app = add_verb(program, "detokenize", "Show the text of tokens", kFooter);
  add_positional(app, "MODEL", options->path, true, kTokenizerHelp);
  add_flag(app, "--special", options->special, "Show control tokens as their text");
  return {&app, [options] { return run_detokenize(*options); }};
}

}  // namespace quandex::cli
