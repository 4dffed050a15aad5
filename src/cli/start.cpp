// The server: a model behind the OpenAI API.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_features.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/build_info.h"
#include "cli/bundled_model.h"
#include "cli/roofs.h"
#include "cli/server_banner.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "engine/memory_plan.h"
#include "engine/sampling_defaults.h"
#include "server/api_server.h"
#include "server/http/http_server.h"
#include "text/chat/chat_template.h"

namespace quandex::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace server;

struct StartOptions {
  ModelOptions model;
  std::optional<std::string> model_path, positional_path, api_key_file, chat_template;
  std::vector<std::string> api_keys, aliases, cors_origins;
  std::string host = "127.0.0.1";
  int port = 8080, parallel = 8, queue = 256, max_step_ms = 250, drain_seconds = 30;
  std::optional<uint64_t> memory_bytes;  // else what is free
  bool is_deterministic = false, is_lenient = false, explains_cache = false, logs_prompts = false;
};

// From the flags, the file and the environment, together.
ApiKeys api_keys(const StartOptions& options) {
  std::vector<std::string> keys = options.api_keys;
  for (const std::string& key : keys) ApiKeys::check(key, "--api-key");
  if (options.api_key_file)
    for (std::string& key : ApiKeys::read_file(*options.api_key_file)) keys.push_back(std::move(key));
  if (const char* key = std::getenv("QUANDEX_API_KEY"); key && *key) {
    ApiKeys::check(key, "QUANDEX_API_KEY");
    keys.emplace_back(key);
  }
  return ApiKeys(std::move(keys));
}

std::string model_path(const StartOptions& options) {
  if (options.model_path && options.positional_path)
    throw UsageError(
        fmt::format("two models are named, {} and {}: one is served", *options.positional_path, *options.model_path));
  if (options.model_path) return *options.model_path;
  if (options.positional_path) return *options.positional_path;
  if (const auto bundled = find_bundled_model()) return bundled->string();
  throw UsageError("--model FILE|DIR is missing, and the bundled model was not found beside this program");
}

// "models/qwen3-0.6b-q4_k.gguf" is qwen3-0.6b-q4_k; a folder is its name.
std::string model_id(const std::string& path) {
  std::filesystem::path name = std::filesystem::absolute(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  const std::string file = name.filename().string();
  const std::filesystem::path extension = name.extension();
  return extension == ".gguf" || extension == ".bin" ? name.stem().string() : file;
}

std::optional<ChatTemplate> chat_template_of(const StartOptions& options, const Checkpoint& checkpoint,
                                             const Tokenizer& tokenizer) {
  const Metadata& metadata = checkpoint.metadata();
  if (options.chat_template) return ChatTemplate::named(*options.chat_template, metadata, tokenizer);
  std::optional<ChatTemplate> found = ChatTemplate::find(metadata, tokenizer);
  if (!found)
    LOG(warn, "load", "{} has no chat template: /v1/chat/completions refuses until --chat-template names one",
        metadata.source());
  return found;
}

// OpenAI's defaults where the model's makers recommend nothing.
constexpr SamplingParams kApiSampling{.temperature = 1, .top_p = 1};

// As large as asked for where that fits into the memory there is. Fewer K/V blocks than --parallel contexts will do,
// for few requests fill theirs; a context that was not asked for becomes shorter. Throws Error{out_of_memory} with the
// figures for what cannot fit.
EngineOptions engine_options(StartOptions& options, const Checkpoint& checkpoint, const Tokenizer& tokenizer) {
  const ModelConfig config = checkpoint.read_config();
  EngineOptions wanted = engine_options_of(options.model, options.parallel);
  wanted.max_step_ms = options.max_step_ms;
  wanted.explain_cache = options.explains_cache;
  wanted.n_sampled_ids = std::min(tokenizer.n_vocab(), config.vocab);
  wanted = resolve_options(wanted, config);
  constexpr double kShare = 0.9;  // of what is free now: others need some, too
  const uint64_t free_bytes = describe_memory().available_bytes;
  const uint64_t available =
      options.memory_bytes.value_or(static_cast<uint64_t>(kShare * static_cast<double>(free_bytes)));
  if (available == 0) return wanted;  // the system does not say
  ThreadPool pool(1);
  const std::unique_ptr<Backend> backend = make_backend(options.model, pool);
  const MemoryPlanner planner(config, checkpoint.weights(), *backend);
  wanted.n_kv_blocks = 0;
  if (options.model.n_ctx == 0) {
    const int most = planner.largest_single_context(wanted, available).value_or(wanted.n_ctx);
    if (most < wanted.n_ctx) LOG(warn, "load", "a context of {} does not fit the memory, {} do", wanted.n_ctx, most);
    options.model.n_ctx = wanted.n_ctx = std::min(wanted.n_ctx, most);
  }
  wanted.n_kv_blocks = planner.most_kv_blocks(wanted, available);
  return wanted;
}

ModelFacts facts_of(const StartOptions& options, const Session& session) {
  return {.id = model_id(options.model.path),
          .aliases = options.aliases,
          .n_vocab = session.config().vocab,
          .n_ctx = session.n_ctx(),
          .sampling = recommended_sampling(session.checkpoint().metadata(), kApiSampling),
          .has_template = false,  // ServedModel knows
          .abilities = {}};
}

ModelDescription describe(const StartOptions& options, Session& session) {
  const MemoryPlan plan =
      plan_memory(session.config(), session.checkpoint().weights(), session.engine().options(), session.backend());
  const CpuDescription cpu = describe_cpu();
  return {.architecture = session.config().architecture,
          .format = std::string(format_of(main_type(session.checkpoint().weights())).name),
          .backend = options.model.backend,
          .device = fmt::format("{}, {} threads", cpu.model_name, session.n_threads()),
          .kv_type = options.model.kv_type,
          .weight_bytes = plan.weight_bytes,
          .kv_bytes = plan.kv_bytes,
          .scratch_bytes = plan.scratch_bytes + plan.step_bytes,
          .n_layers = static_cast<int>(session.config().layers.size()),
          .dim = session.config().dim,
          .max_sequences = session.engine().options().max_sequences,
          .n_kv_tokens = session.engine().options().n_kv_blocks * kBlockSize,
          .program = fmt::format("quandex {} ({})", build_version(), build_commit())};
}

BandwidthFacts bandwidth_facts(const Session& session, double roof) {
  const StepCost cost = session.cost_of_step(1, 1);
  const double blocks = session.n_kv_blocks();
  return {cost.weight_bytes, blocks > 0 ? static_cast<double>(session.kv_bytes()) / blocks : 0, roof};
}

// Bytes a second, or 0 where there is no telling, as in a container with little memory: that keeps nobody from serving.
double memory_bandwidth(int n_threads) {
  try {
    return measure_roofs_in_child(n_threads, RoofEffort::quick).bandwidth();
  } catch (const Error& error) {
    LOG(warn, "server", "the memory's bandwidth is unknown: {}", error.what());
    return 0;
  }
}

bool is_local(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

void wait_for_signal() {
  while (interruption() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

// Live answers end by themselves or, at the deadline, with an error.
void drain(ApiServer& api, HttpServer& http, EngineThread& engine, int seconds) {
  LOG(info, "server", "shutting down: {} requests are under way, {} s for them", http.counters().n_in_flight, seconds);
  api.drain();
  http.drain();
  const auto wait_until = [&](Clock::time_point deadline) {
    while (http.counters().n_in_flight > 0 && Clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  wait_until(Clock::now() + std::chrono::seconds(seconds));
  engine.stop(Error(ErrorCode::unavailable, "the server is shutting down"));
  wait_until(Clock::now() + std::chrono::seconds(1));  // the last bytes on their way
}

int run_start(StartOptions& options) {
  options.model.path = model_path(options);
  log_with_time();
  ApiOptions api_options{.keys = api_keys(options),
                         .cors_origins = options.cors_origins,
                         .is_lenient = options.is_lenient,
                         .logs_prompts = options.logs_prompts,
                         .version = std::string(build_version())};
  const bool needs_key = !api_options.keys.is_open();
  if (!needs_key && !is_local(options.host))
    LOG(warn, "server", "everybody who can reach {} may use the model: no API key is set", options.host);
  Checkpoint checkpoint = open_model(options.model.path, NeedsTokenizer::yes);
  std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(checkpoint.metadata());
  std::optional<ChatTemplate> chat_template = chat_template_of(options, checkpoint, *tokenizer);
  const EngineOptions wanted = engine_options(options, checkpoint, *tokenizer);
  const double roof = memory_bandwidth(options.model.n_threads);

  Metrics metrics;
  ApiServer api(std::move(api_options), metrics);
  HttpServer http({.host = options.host, .port = options.port}, api);
  api.set_http(&http);
  http.start();
  Session session(options.model, wanted, std::move(checkpoint), std::move(tokenizer));
  metrics.set_bandwidth(bandwidth_facts(session, roof));
  const ServedModel model(facts_of(options, session), describe(options, session), session.tokenizer(),
                          std::move(chat_template));
  EngineThread engine(session.engine(), {.most_waiting = options.queue},
                      [&](const EngineStatus& status, double seconds) { metrics.note_step(status, seconds); });
  struct Stop {  // however this function ends: handlers use the model and the engine
    HttpServer& http;
    ApiServer& api;
    ~Stop() {
      http.stop();
      api.stop();
    }
  } const stop{http, api};
  api.serve({&model, &engine});
  print_server_banner(model, server_url(options.host, http.port()), needs_key, roof);
  wait_for_signal();
  drain(api, http, engine, options.drain_seconds);
  return 0;
}

constexpr const char* kFooter =
    "The API is OpenAI's: point any client at http://HOST:PORT/v1. Without --model the bundled model is served.\n"
    "Keys come from --api-key, --api-key-file and QUANDEX_API_KEY together; with none of them everybody may call.\n"
    "Ctrl-C or SIGTERM lets answers under way finish (--drain-seconds); a second one ends the program at once.\n\n"
    "Examples:\n"
    "  quandex start\n"
    "  quandex start --model model.gguf --port 8000 --ctx 8192 --parallel 16\n"
    "  quandex start --model model.gguf --host 0.0.0.0 --api-key-file keys.txt\n";

void add_server_options(CLI::App& app, StartOptions& options) {
  add_text(app, "--host", options.host, "HOST", "Address to listen on; 0.0.0.0: every one of this machine");
  add_integer(app, "--port", options.port, 0, 65535, "Port to listen on; 0: one that is free");
  add_texts(app, "--api-key", options.api_keys, "KEY", "A key that clients must send; may be repeated");
  add_text(app, "--api-key-file", options.api_key_file, "FILE", "Keys, one a line");
  add_texts(app, "--cors", options.cors_origins, "ORIGIN",
            "Pages of this origin may call (*: of any); may be repeated");
  add_flag(app, "--lenient", options.is_lenient, "Warn of unknown fields in a header instead of refusing the request");
  add_integer(app, "--queue", options.queue, 0, 100000, "Requests that may wait; more get 503");
  add_integer(app, "--drain-seconds", options.drain_seconds, 0, 86400, "For answers under way when the server stops");
  add_flag(app, "--log-prompts", options.logs_prompts, "Log the text of prompts (private)");
}

}  // namespace

Verb add_start(CLI::App& program) {
  auto options = std::make_shared<StartOptions>();
  CLI::App& app = add_verb(program, "start", "Serve a model over the OpenAI API", kFooter);
  add_alias(app, "serve");
  add_text(app, "MODEL", options->positional_path, "", kModelHelp);
  add_text(app, "--model", options->model_path, "FILE|DIR", "The model to serve; else the bundled one");
  add_texts(app, "--alias", options->aliases, "NAME", "Another name for the model; may be repeated");
  add_text(app, "--chat-template", options->chat_template, "NAME|FILE",
           "In the place of the model's own chat template");
  add_server_options(app, *options);
  add_memory_options(app, options->model, true);
  add_integer(app, "-t,--threads", options->model.n_threads, 1, 1024, "Threads that compute");
  add_size(app, "--memory", options->memory_bytes, 1, uint64_t{1} << 50,
           "For weights, K/V cache and scratch together; else most of what is free");
  add_integer(app, "--parallel", options->parallel, 1, 4096, "Requests computed at once; others wait");
  add_integer(app, "--max-step-ms", options->max_step_ms, 1, 60000,
              "Longest pause that long prompts of others may put between two tokens");
  add_flag(app, "--deterministic", options->is_deterministic,
           "Same tokens in any company; so it always is on the backends there are");
  add_flag(app, "--explain-cache", options->explains_cache, "Tell in answers where the reuse of K/V broke");
  return {&app, [options] { return run_start(*options); }};
}

}  // namespace quandex::cli
