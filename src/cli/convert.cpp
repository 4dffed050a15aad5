#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "cli/escape.h"
#include "cli/model_file.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "format/qwen3c.h"
#include "model/export_gguf.h"
#include "text/qwen3c_vocabulary.h"

namespace quandex::cli {
namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string input, output, type = "keep";
  bool force = false;
};

void warn_of_tensors_left_out(const ExportReport& report) {
  if (report.left_out.empty()) return;
  LOG(warn, "convert", "{} tensors are left out, which the architecture has no use for: {}{}", report.left_out.size(),
      escaped(report.left_out.front()), report.left_out.size() > 1 ? ", ..." : "");
}

void convert_to_gguf(const ConvertOptions& options) {
  const Checkpoint checkpoint = open_model(options.input, NeedsTokenizer::no);
  ExportOptions how;
  if (options.type != "keep") how.type = dtype_from_name(options.type);
  ExportReport report;
  {
    ProgressBar progress("writing " + options.output);
    report = export_gguf(checkpoint, options.output, how, [&](uint64_t done_bytes, uint64_t total_bytes) {
      throw_if_interrupted();
      progress.update(done_bytes, total_bytes);
    });
  }
  warn_of_tensors_left_out(report);
  if (!report.own_keys.empty())
    LOG(warn, "convert", "GGUF has no standard key for {}: other programs ignore it and may compute something else",
        escaped(fmt::format("{}", fmt::join(report.own_keys, ", "))));
  const Checkpoint written(options.output);  // what was written can be read
  unused_tensors(written.read_config(), written.weights());
  fmt::print("{}: {} to GGUF, {} tensors, {}\n", options.output, file_family_name(checkpoint.family()),
             report.n_tensors, format_bytes(static_cast<double>(report.size_bytes)));
  for (const std::string& note : report.converted) fmt::print("  {}: the same values\n", note);
}

// A .tokenizer file has no place for them.
void warn_of_tokenizer_keys(const Metadata& metadata) {
  std::string keys;
  for (const auto& [key, value] : metadata.entries())
    if (key.starts_with("quandex.tokenizer.") || key == "quandex.eos_token_ids")
      keys += (keys.empty() ? "" : ", ") + key;
  if (!keys.empty())
    LOG(warn, "convert", "qwen3.c has no field for {}: a generation ends at the first EOS alone, text stays as it is",
        escaped(keys));
}

void convert_to_qwen3c(const ConvertOptions& options) {
  if (options.type != "keep") throw UsageError("--type is for GGUF; a qwen3.c file always has 8-bit weights");
  const Checkpoint checkpoint = open_model(options.input, NeedsTokenizer::yes);
  {
    ProgressBar progress("writing " + options.output);
    write_qwen3c(options.output, checkpoint.metadata(), checkpoint.weights(), [&](const Qwen3cStep& step) {
      throw_if_interrupted();
      progress.update(step.done_bytes, step.total_bytes);
    });
  }
  float most = 0;
  std::string where;
  for (const Qwen3cComparison& tensor : verify_qwen3c(options.output, checkpoint.weights()))
    if (tensor.max_error >= most) {
      most = tensor.max_error;
      where = tensor.name;
    }
  fmt::print("{}: {} to qwen3.c, {}; largest difference of a weight {:.3g} ({})\n", options.output,
             file_family_name(checkpoint.family()), format_bytes(static_cast<double>(fs::file_size(options.output))),
             most, where);
  for (const fs::path& path : write_qwen3c_companions(options.output, checkpoint.metadata()))
    fmt::print("{}: {}\n", path.string(), format_bytes(static_cast<double>(fs::file_size(path))));
  warn_of_tokenizer_keys(checkpoint.metadata());
}

int run_convert(const ConvertOptions& options) {
  std::error_code ignored;
  const bool is_gguf = options.output.ends_with(".gguf");
  if (!is_gguf && !options.output.ends_with(".bin"))
    throw UsageError(fmt::format("{}: the output's name says its kind; expected NAME.gguf, or NAME.bin for qwen3.c",
                                 options.output));
  if (fs::exists(options.output, ignored)) {
    if (fs::equivalent(options.input, options.output, ignored))
      throw UsageError(fmt::format("{} is the input; choose another name for the output", options.output));
    if (!options.force) throw Error(ErrorCode::invalid_argument, "{} exists; --force replaces it", options.output);
  }
  if (is_gguf)
    convert_to_gguf(options);
  else
    convert_to_qwen3c(options);
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "IN is anything that runs here. To NAME.gguf, unquantized weights and formats that GGUF has stay as they are, bit "
    "for\n"
    "bit; other formats become the GGUF type that has exactly their values, where there is one. To NAME.bin "
    "(qwen3.c),\n"
    "weights are rounded to 8 bits, and tokenizer and templates are written beside it. The output appears when it is\n"
    "whole.\n\n"
    "Examples:\n"
    "  quandex convert Qwen3-0.6B/ qwen3-0.6b.gguf\n"
    "  quandex convert Llama-3.2-1B-Instruct-4bit/ llama.gguf --type f16\n"
    "  quandex convert Qwen3-4B/ qwen3-4b.bin\n";

Verb add_convert(CLI::App& program) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App& app = add_verb(program, "convert", "Write a model as one GGUF or qwen3.c file", kFooter);
  add_positional(app, "IN", options->input, true, kModelHelp);
  add_positional(app, "OUT", options->output, true, "NAME.gguf or NAME.bin");
  add_choice(app, "--type", options->type, {"keep", "f32", "f16", "bf16"},
             "Type of weights that are unquantized, or quantized as GGUF cannot (f16 and bf16 round)");
  add_flag(app, "--force", options->force, "Replace OUT where it exists");
  return {&app, [options] { return run_convert(*options); }};
}

}  // namespace quandex::cli
