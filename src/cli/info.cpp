#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "cli/build_info.h"
#include "cli/families.h"
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

bool is_writable(const Format& format) { return format.encode != nullptr && format.gguf_id != kNoGgufId; }

// Formats that differ in group size and type of scale only share a row: N stands for the one, T for the other.
std::string row_name(const Format& format) {
  if (const auto affine = affine_layout(format.type)) return fmt::format("affine{}_gN_T", affine->bits);
  if (q8_f32_dtype(format.block_values) == format.type) return "q8_0_gN_f32";
  return std::string(format.name);
}

struct FormatRow {
  std::string name, block, bits, cpu, make_model;
  std::vector<FileFamily> families;  // that can hold all formats of the row
};

template <typename Has>
std::vector<FileFamily> families_where(Has has) {
  std::vector<FileFamily> families;
  std::copy_if(kFileFamilies.begin(), kFileFamilies.end(), std::back_inserter(families), has);
  return families;
}

std::vector<FileFamily> families_that_hold(std::span<const Format* const> formats) {
  return families_where([&](FileFamily family) {
    return std::all_of(formats.begin(), formats.end(), [&](const Format* format) { return can_hold(family, *format); });
  });
}

std::vector<FileFamily> proven_families(const Architecture& architecture) {
  return families_where([&](FileFamily family) { return is_proven(architecture, family); });
}

std::vector<std::string_view> names_of(const std::vector<FileFamily>& families) {
  std::vector<std::string_view> names;
  for (const FileFamily family : families) names.push_back(file_family_name(family));
  return names;
}

// A cell of Markdown for each family.
std::string tick_cells(const std::vector<FileFamily>& families) {
  std::string cells;
  for (const FileFamily family : kFileFamilies)
    cells += std::find(families.begin(), families.end(), family) != families.end() ? " ✓ |" : " |";
  return cells;
}

std::string family_headings() {
  return fmt::format(" {} |", fmt::join(names_of({kFileFamilies.begin(), kFileFamilies.end()}), " | "));
}

std::string family_rulers() {
  std::string rulers;
  for (size_t i = 0; i < kFileFamilies.size(); ++i) rulers += ":-:|";
  return rulers;
}

// Values of a column in order, each once: "32, 64, 128".
std::string listed(const std::set<int>& values) { return fmt::format("{}", fmt::join(values, ", ")); }

FormatRow row_of(std::string name, std::span<const Format* const> formats) {
  std::set<int> blocks;
  std::set<double> bits;
  std::set<std::string_view> cpu;
  for (const Format* format : formats) {
    blocks.insert(format->block_values);
    bits.insert(bits_per_value(*format));
    cpu.insert(cpu_path(*format));
  }
  std::string range = fmt::format("{:g}", *bits.begin());
  if (bits.size() > 1) range += fmt::format(" to {:g}", *bits.rbegin());
  return {std::move(name),
          listed(blocks),
          std::move(range),
          std::string(cpu.size() > 1 ? "some fast" : *cpu.begin()),
          is_writable(*formats.front()) ? "yes" : "no",
          families_that_hold(formats)};
}

std::vector<FormatRow> format_rows() {
  const std::vector<const Format*> formats = weight_formats();
  std::vector<FormatRow> rows;
  for (size_t first = 0; first < formats.size();) {
    size_t end = first + 1;
    while (end < formats.size() && row_name(*formats[end]) == row_name(*formats[first])) ++end;
    rows.push_back(row_of(row_name(*formats[first]), std::span(formats).subspan(first, end - first)));
    first = end;
  }
  return rows;
}

void print_formats_markdown() {
  fmt::print("| format | values a block | bits a value |{} reference | cpu | make-model |\n", family_headings());
  fmt::print("|---|---:|---:|{}---|---|---|\n", family_rulers());
  for (const FormatRow& row : format_rows())
    fmt::print("| {} | {} | {} |{} yes | {} | {} |\n", row.name, row.block, row.bits, tick_cells(row.families), row.cpu,
               row.make_model);
}

void print_architectures_markdown() {
  fmt::print("| architecture | `general.architecture` | class in config.json |{}\n", family_headings());
  fmt::print("|---|---|---|{}\n", family_rulers());
  for (const Architecture& architecture : architectures())
    fmt::print("| {} | `{}` | `{}` |{}\n", architecture.description, architecture.gguf_name, architecture.hf_class,
               tick_cells(proven_families(architecture)));
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
                              {"files", names_of(families_that_hold(std::span(&format, 1)))},
                              {"reference", "yes"},
                              {"cpu", cpu_path(*format)},
                              {"writable", is_writable(*format)}});
  for (const Architecture& architecture : architectures())
    out["architectures"].push_back({{"gguf_name", architecture.gguf_name},
                                    {"hf_class", architecture.hf_class},
                                    {"description", architecture.description},
                                    {"proven_files", names_of(proven_families(architecture))}});
  return out;
}

std::string proven_text(const Architecture& architecture) {
  const std::vector<FileFamily> families = proven_families(architecture);
  if (families.empty()) return "no fixture proves it";
  return fmt::format("proven for {}", fmt::join(names_of(families), ", "));
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
  fmt::print("\n{}\n  {:13} {:>15} {:>12}  {:9} {:9} {:10} {}\n", bold(stdout, "formats and backends"), "format",
             "block", "bits", "reference", "cpu", "make-model", "files");
  for (const FormatRow& row : format_rows())
    fmt::print("  {:13} {:>15} {:>12}  {:9} {:9} {:10} {}\n", row.name, row.block, row.bits, "yes", row.cpu,
               row.make_model, fmt::join(names_of(row.families), ", "));
  fmt::print("  fast: kernels of its own; yes: the generic path, multi-threaded\n");
  fmt::print("  N: values a block (a group); T: the type of scales and biases, f16, bf16 or f32\n");
  fmt::print("\n{}\n", bold(stdout, "architectures"));
  for (const Architecture& architecture : architectures())
    fmt::print("  {:8} {}\n{:11}{}: {}\n", architecture.gguf_name, architecture.description, "", architecture.hf_class,
               proven_text(architecture));
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
