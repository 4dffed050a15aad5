#include "cli/server_banner.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>

#include "base/cpu_features.h"
#include "cli/build_info.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

std::string operating_system() {
  utsname system{};
  if (uname(&system) != 0) return "unknown";
  return fmt::format("{} {} ({})", system.sysname, system.release, system.machine);
}

}  // namespace

std::string server_url(const std::string& host, int port) {
  const bool is_any = host == "0.0.0.0" || host == "::";
  const std::string shown = is_any ? "127.0.0.1" : host;
  return fmt::format("http://{}:{}", shown.find(':') != std::string::npos ? "[" + shown + "]" : shown, port);
}

void print_server_banner(const server::ServedModel& model, const std::string& url, bool needs_key, double roof) {
  const server::ModelDescription& about = model.description();
  const CpuDescription cpu = describe_cpu();
  const MemoryDescription memory = describe_memory();
  const auto bytes = [](uint64_t n) { return format_bytes(static_cast<double>(n)); };
  fmt::print("=== System Diagnostics ===\n");
  fmt::print("  CPU             {} ({} cores; kernels: {})\n", cpu.model_name, cpu.n_physical, isa_levels_text());
  fmt::print("  Total memory    {}, {} free\n", bytes(memory.total_bytes), bytes(memory.available_bytes));
  fmt::print("  OS              {}\n", operating_system());
  if (roof > 0) fmt::print("  Memory reads    {}/s, measured\n", format_bytes(roof));
  fmt::print("\n=== Model ===\n");
  fmt::print("  {} (vocab={}, dim={}, seq_len={})\n", model.facts().id, model.facts().n_vocab, about.dim,
             model.facts().n_ctx);
  fmt::print("  {}, {}, {} layers, on {}: {}\n", about.architecture, about.format, about.n_layers, about.backend,
             about.device);
  fmt::print("  Memory          weights {}, K/V cache {} ({}), scratch {}\n", bytes(about.weight_bytes),
             bytes(about.kv_bytes), about.kv_type, bytes(about.scratch_bytes));
  fmt::print("  Requests        {} computed at once; K/V for {} tokens\n", about.max_sequences, about.n_kv_tokens);
  if (!model.facts().has_template) fmt::print("  Chat            none: the model has no chat template\n");
  fmt::print("\n=== Ready ===\n");
  fmt::print("  API             {}/v1{}\n", url, needs_key ? " (needs an API key)" : "");
  fmt::print("  Page            {}/\n  Health          {}/health\n  Metrics         {}/metrics\n", url, url, url);
  fmt::print("  API document    {}/openapi.json\n\nPress Ctrl+C to stop the server.\n", url);
  std::fflush(stdout);
}

}  // namespace quandex::cli
