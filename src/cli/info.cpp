#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "cli/build_info.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "format/dtype.h"
#include "model/architectures.h"

namespace quandex::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::string markdown;
  bool json = false;
};

// A number that fits no weight (i32) is no row of the table.
std::vector<const Format*> weight_formats() {
  std::vector<const Format*> formats;
  for (const Format& format : all_formats())
    if (format.type != DType::i32) formats.push_back(&format);
  return formats;
}

double bits_per_value(const Format& format) {
  return static_cast<double>(format.block_bytes) * 8 / format.block_values;
}

// Every backend runs every format; the CPU has its own kernels for some and a generic path for the others.
std::string_view cpu_path(const Format& format) { return has_cpu_kernels(format.type) ? "fast" : "yes"; }

void print_formats_markdown() {
  fmt::print(
      "| format | values a block | bits a value | reference | cpu | make-model |\n|---|---:|---:|---|---|---|\n");
  for (const Format* format : weight_formats())
    fmt::print("| {} | {} | {:g} | yes | {} | {} |\n", format->name, format->block_values, bits_per_value(*format),
               cpu_path(*format), format->encode ? "yes" : "no");
}

void print_architectures_markdown() {
  fmt::print("| architecture | in GGUF | in Hugging Face's config.json |\n|---|---|---|\n");
  for (const Architecture& architecture : architectures())
    fmt::print("| {} | `{}` | `{}` |\n", architecture.description, architecture.gguf_name, architecture.hf_name);
}

Json info_json() {
  const CpuDescription cpu = describe_cpu();
  const MemoryDescription memory = describe_memory();
  Json out{{"version", build_version()}, {"commit", build_commit()}, {"compiler", build_compiler()}};
  out["cpu"] = {{"model", cpu.model_name},
                {"logical_processors", cpu.n_logical},
                {"physical_cores", cpu.n_physical},
                {"default_threads", default_thread_count()}};
  for (const IsaLevel level : supported_isa_levels()) out["cpu"]["isa_levels"].push_back(isa_name(level));
  out["memory"] = {{"total_bytes", memory.total_bytes}, {"available_bytes", memory.available_bytes}};
  for (const Format* format : weight_formats())
    out["formats"].push_back({{"name", format->name},
                              {"block_values", format->block_values},
                              {"bits_per_value", bits_per_value(*format)},
                              {"reference", "yes"},
                              {"cpu", cpu_path(*format)},
                              {"writable", format->encode != nullptr}});
  for (const Architecture& architecture : architectures())
    out["architectures"].push_back({{"gguf_name", architecture.gguf_name},
                                    {"hf_name", architecture.hf_name},
                                    {"description", architecture.description}});
  return out;
}

void print_info() {
  const CpuDescription cpu = describe_cpu();
  const MemoryDescription memory = describe_memory();
  fmt::print("{}\n\n{}\n", version_text(), bold(stdout, "machine"));
  fmt::print("  processor   {}\n", cpu.model_name);
  fmt::print("  cores       {} ({} hardware threads); {} threads by default\n", cpu.n_physical, cpu.n_logical,
             default_thread_count());
  fmt::print("  kernels     {}\n", isa_levels_text());
  fmt::print("  memory      {} of {} free\n", format_bytes(static_cast<double>(memory.available_bytes)),
             format_bytes(static_cast<double>(memory.total_bytes)));
  fmt::print("\n{}\n  {:8} {:>6} {:>6}  {:9} {:5} {}\n", bold(stdout, "formats and backends"), "format", "block",
             "bits", "reference", "cpu", "make-model");
  for (const Format* format : weight_formats())
    fmt::print("  {:8} {:6} {:6g}  {:9} {:5} {}\n", format->name, format->block_values, bits_per_value(*format), "yes",
               cpu_path(*format), format->encode ? "yes" : "no");
  fmt::print("  fast: kernels of its own; yes: the generic path, multi-threaded\n");
  fmt::print("\n{}\n", bold(stdout, "architectures"));
  for (const Architecture& architecture : architectures())
    fmt::print("  {:8} {}\n", architecture.gguf_name, architecture.description);
}

int run_info(const InfoOptions& options) {
  if (options.markdown == "formats")
    print_formats_markdown();
  else if (options.markdown == "architectures")
    print_architectures_markdown();
  else if (options.json)
    fmt::print("{}\n", info_json().dump(2));
  else
    print_info();
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "Examples:\n"
    "  quandex info\n"
    "  quandex info --json | jq .cpu\n"
    "  quandex info --markdown formats\n";

Verb add_info(CLI::App& program) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App& app =
      add_verb(program, "info", "Show this machine, and the formats and architectures that run on it", kFooter);
  add_flag(app, "--json", options->json, "Write JSON");
  add_choice(app, "--markdown", options->markdown, {"formats", "architectures"},
             "Write one table as Markdown (the README's)");
  return {&app, [options] { return run_info(*options); }};
}

}  // namespace quandex::cli
