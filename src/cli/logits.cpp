#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/escape.h"
#include "cli/npy.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"

namespace quandex::cli {
namespace {

struct LogitsOptions {
  ModelOptions model;
  std::optional<std::string> ids, prompt, output;
  bool all = false, special = false;
};

std::vector<int32_t> parse_ids(std::string_view text) {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(", "), text.size());
    if (end > 0) ids.push_back(static_cast<int32_t>(parse_integer("--ids", text.substr(0, end), 0, INT32_MAX)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (ids.empty()) throw UsageError("--ids is empty; expected token ids such as 1,5,9");
  return ids;
}

void print_top_tokens(const Tokenizer* tokenizer, int32_t input, int position, std::span<const float> row) {
  constexpr size_t kShown = 10;
  std::vector<int32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  const auto best = order.begin() + static_cast<ptrdiff_t>(std::min(kShown, order.size()));
  const auto logit = [&](int32_t id) { return row[static_cast<size_t>(id)]; };
  std::partial_sort(order.begin(), best, order.end(),
                    [&](int32_t a, int32_t b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
  const auto text_of = [&](int32_t id) {
    std::string bytes;
    if (tokenizer) tokenizer->append(id, bytes, true);
    return escaped(bytes);
  };
  fmt::print("{}\n", bold(stdout, fmt::format("after position {}: {} \"{}\"", position, input, text_of(input))));
  for (auto id = order.begin(); id != best; ++id)
    fmt::print("  {:>7}  {:>12.6f}  \"{}\"\n", *id, logit(*id), text_of(*id));
}

int run_logits(LogitsOptions& options) {
  if (options.ids.has_value() == options.prompt.has_value())
    throw UsageError(options.ids ? "--ids and --prompt exclude each other" : "tokens are missing: --ids or --prompt");
  std::vector<int32_t> ids;
  if (options.ids) ids = parse_ids(*options.ids);
  Session session(options.model, {}, options.ids ? NeedsTokenizer::no : NeedsTokenizer::yes);
  if (options.prompt) ids = session.tokenizer().encode_prompt(*options.prompt, options.special);
  std::optional<NpyWriter> writer;
  const int64_t n_rows = options.all ? static_cast<int64_t>(ids.size()) : 1;
  if (options.output && !ids.empty()) writer.emplace(*options.output, n_rows, session.config().vocab);
  session.engine().logits(ids, options.all, [&](int position, std::span<const float> row) {
    throw_if_interrupted();
    if (writer)
      writer->write(row);
    else
      print_top_tokens(session.has_tokenizer() ? &session.tokenizer() : nullptr, ids[static_cast<size_t>(position)],
                       position, row);
  });
  if (!writer) return 0;
  writer->finish();
  fmt::print(stderr, "{}: float32 [{}, {}]\n", *options.output, n_rows, session.config().vocab);
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "Prints the ten likeliest tokens with id, logit and text. For comparisons between engines use --kv-type f32 and\n"
    "--exact, or --backend reference.\n\n"
    "Examples:\n"
    "  quandex logits model.gguf -p \"The capital of France is\"\n"
    "  quandex logits model.gguf --ids 1,5,9 --all -o logits.npy\n"
    "  quandex logits model.gguf --ids 1,5,9 --backend reference --kv-type f32\n";

Verb add_logits(CLI::App& program) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App& app = add_verb(program, "logits", "Show what a model expects next, for comparing engines", kFooter);
  add_model_options(app, options->model, true);
  add_text(app, "--ids", options->ids, "LIST", "Token ids, separated by commas");
  add_text(app, "-p,--prompt", options->prompt, "TEXT", "A text, tokenized as generate does");
  add_flag(app, "--special", options->special, "Special tokens in the text count as such");
  add_flag(app, "--all", options->all, "After every position, not only the last");
  add_text(app, "-o,--output", options->output, "FILE", "Write the whole rows as NumPy's .npy: float32 [n, vocab]");
  return {&app, [options] { return run_logits(*options); }};
}

}  // namespace quandex::cli
