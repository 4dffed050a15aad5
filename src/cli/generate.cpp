#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/roofs.h"
#include "cli/sampling_options.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/timeline.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "model/load.h"
#include "text/detokenizer.h"

namespace quandex::cli {
namespace {

struct GenerateOptions {
  ModelOptions model;
  std::optional<std::string> prompt, prompt_file;
  int n_tokens = 256;
  SamplingParams sampling = kDefaultSampling;
  std::optional<int64_t> seed;
  std::vector<std::string> stop;
  bool special = false, quiet = false;
};

std::string read_prompt(const GenerateOptions& options) {
  if (options.prompt.has_value() == options.prompt_file.has_value())
    throw UsageError(options.prompt ? "--prompt and --file exclude each other"
                                    : "a prompt is missing: --prompt or --file");
  if (options.prompt) return *options.prompt;
  const std::string& path = *options.prompt_file;
  if (path == "-") return read_standard_input();
  if (std::filesystem::is_directory(path))
    throw Error(ErrorCode::io, "{}: is a directory, expected the prompt file", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, "{}: cannot read the prompt file", path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs the request, writing text as it becomes safe to show. Ends early on a closed pipe, a stop string or Ctrl-C.
Timeline stream_text(Session& session, Request request, const GenerateOptions& options) {
  Detokenizer detokenizer(session.tokenizer(), options.stop, options.special);
  Timeline timeline;
  timeline.n_prompt = static_cast<int>(request.prompt.size());
  Engine& engine = session.engine();
  std::optional<Error> failure;
  bool reader_left = false;
  const auto show = [&](const std::string& text) {
    if (!reader_left && !text.empty()) reader_left = !write_text(stdout, text);
  };
  const uint64_t id = engine.submit(std::move(request));
  const auto on_event = [&](uint64_t, const Event& event) {
    if (const auto* error = std::get_if<Error>(&event)) failure = *error;
    const auto* token = std::get_if<Token>(&event);
    if (!token) return true;
    timeline.note_token();
    show(detokenizer.push(token->id));
    return !reader_left && !detokenizer.is_stopped() && interruption() == 0;
  };
  while (engine.step(on_event))
    if (interruption() != 0) engine.cancel(id);
  show(detokenizer.finish());
  if (failure) throw *failure;
  return timeline;
}

std::string rate(int n_tokens, double seconds) {
  return seconds > 0 ? fmt::format(", {:.1f} tok/s", n_tokens / seconds) : std::string();
}

// The share of the memory's bandwidth that decoding used, measured after the run and away from its memory.
std::string bandwidth_text(const Session& session, const Timeline& timeline) {
  const int n_decoded = timeline.n_generated - 1;
  if (n_decoded < 1 || timeline.decode_seconds() <= 0 || interruption() != 0) return {};
  const StepCost cost = session.cost_of_step(1, timeline.n_prompt + timeline.n_generated / 2);
  const double speed = (cost.weight_bytes + cost.kv_bytes) * n_decoded / timeline.decode_seconds();
  std::string text = fmt::format("; {:.3g} GB/s", speed / 1e9);
  try {
    const double roof = measure_roofs_in_child(session.n_threads(), RoofEffort::quick).bandwidth();
    text += fmt::format(", {:.0f} % of this machine's {:.1f}", 100 * speed / roof, roof / 1e9);
  } catch (const Error&) {  // a machine that cannot be measured takes nothing from a text that is complete
  } catch (const Interrupted&) {
  }
  return text;
}

void print_figures(const Session& session, const Timeline& timeline, uint64_t seed) {
  if (is_terminal(stdout)) fmt::print(stderr, "\n");
  const std::string line =
      fmt::format("prompt {} tokens{}; generated {} tokens{}{}; seed {}", timeline.n_prompt,
                  rate(timeline.n_prompt, timeline.prefill_seconds()), timeline.n_generated,
                  rate(timeline.n_generated - 1, timeline.decode_seconds()), bandwidth_text(session, timeline), seed);
  fmt::print(stderr, "{}\n", dim(stderr, line));
}

int run_generate(const CLI::App& app, GenerateOptions& options) {
  for (const std::string& stop : options.stop)
    if (stop.empty()) throw UsageError("--stop is empty; expected a text to end before");
  const std::string prompt = read_prompt(options);
  options.sampling.seed = options.seed ? static_cast<uint64_t>(*options.seed) : random_seed();
  Session session(options.model);
  options.sampling = with_recommended(options.sampling, session.checkpoint().metadata(), named_settings(app));
  Request request;
  request.prompt = session.tokenizer().encode_prompt(prompt, options.special);
  request.sampling = options.sampling;
  request.max_tokens = options.n_tokens;
  request.stop_ids = session.tokenizer().special().stop_ids;
  const Timeline timeline = stream_text(session, std::move(request), options);
  if (!options.quiet) print_figures(session, timeline, options.sampling.seed);
  return interruption() != 0 ? 128 + interruption() : 0;
}

}  // namespace

constexpr const char* kFooter =
    "Only the continuation goes to standard output, as it comes; figures go to standard error. Ctrl-C ends the text\n"
    "cleanly (status 130), and so does a reader that closes the pipe (status 0).\n\n"
    "Examples:\n"
    "  quandex generate model.gguf -p \"Once upon a time\"\n"
    "  quandex generate model.gguf -f story.txt -n 500 --temperature 0 > more.txt\n"
    "  quandex generate model.gguf --special -p $'<|im_start|>user\\nHello!<|im_end|>\\n<|im_start|>assistant\\n'\n"
    "  quandex generate model.gguf -p \"1, 2, 3,\" --stop 10 --seed 7 -q\n";

Verb add_generate(CLI::App& program) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App& app = add_verb(program, "generate", "Continue a text", std::string(kSamplingHelp) + kFooter);
  add_model_options(app, options->model, true);
  add_text(app, "-p,--prompt", options->prompt, "TEXT", "The text to continue");
  add_text(app, "-f,--file", options->prompt_file, "FILE", "The same from a file; - is standard input");
  add_integer(app, "-n,--tokens", options->n_tokens, 1, 1 << 24, "Tokens to generate at most");
  add_sampling_options(app, options->sampling);
  add_integer(app, "--seed", options->seed, 0, std::numeric_limits<int64_t>::max(),
              "Same seed and options, same text; default: a random one, shown at the end");
  add_texts(app, "--stop", options->stop, "TEXT", "End before this text; may be given several times");
  add_flag(app, "--special", options->special,
           "Special tokens in the prompt count as such, and are shown in the output");
  add_flag(app, "-q,--quiet", options->quiet, "No figures at the end");
  return {&app, [options, &app] { return run_generate(app, *options); }};
}

}  // namespace quandex::cli
