#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "cli/model_shapes.h"
#include "cli/random_weights.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "format/gguf.h"

namespace quandex::cli {
namespace {

struct MakeModelOptions {
  std::string shape, format, path;
  int64_t seed = 1;
  std::optional<int64_t> n_layers;  // the shape's own where not given
  int n_threads = default_thread_count();
  bool list = false, force = false;
};

constexpr size_t kChunkBytes = size_t{4} << 20;  // encoded rows in memory at a time

// Encodes a tensor's rows on all threads, a chunk at a time, and writes each chunk. Memory: a chunk and a row a thread.
void write_random_tensor(GgufWriter& writer, const PlannedTensor& tensor, uint64_t seed, ThreadPool& pool,
                         const std::function<void(uint64_t)>& written) {
  const int64_t cols = tensor.shape.back();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) rows *= tensor.shape[i];
  const size_t bytes_per_row = row_bytes(tensor.type, cols);
  const int64_t chunk_rows = std::max<int64_t>(1, static_cast<int64_t>(kChunkBytes / bytes_per_row));
  std::vector<std::byte> chunk(static_cast<size_t>(std::min(chunk_rows, rows)) * bytes_per_row);
  std::vector<std::vector<float>> values(static_cast<size_t>(pool.n_threads()),
                                         std::vector<float>(static_cast<size_t>(cols)));
  const float deviation = static_cast<float>(1 / std::sqrt(static_cast<double>(cols)));
  for (int64_t first = 0; first < rows; first += chunk_rows) {
    throw_if_interrupted();
    const int64_t n = std::min(chunk_rows, rows - first);
    pool.run([&](int worker) {
      std::vector<float>& row = values[static_cast<size_t>(worker)];
      for (int64_t i = n * worker / pool.n_threads(); i < n * (worker + 1) / pool.n_threads(); ++i) {
        fill_random_row(row_key(seed, tensor.name, first + i), deviation, row);
        encode_row(tensor.type, row, std::span(chunk).subspan(static_cast<size_t>(i) * bytes_per_row, bytes_per_row));
      }
    });
    const std::span<const std::byte> bytes = std::span(chunk).first(static_cast<size_t>(n) * bytes_per_row);
    writer.write(bytes);
    written(bytes.size());
  }
}

void write_model(const ModelShape& shape, DType type, const MakeModelOptions& options) {
  const std::vector<PlannedTensor> tensors = plan_tensors(shape, type);
  Metadata metadata = make_metadata(shape, type);
  if (options.n_layers)
    metadata.set_string("general.name",
                        fmt::format("{}, {} layers", metadata.string("general.name"), *options.n_layers));
  GgufWriter writer(options.path, std::move(metadata));
  for (const PlannedTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  const uint64_t total_bytes = writer.total_bytes();
  ThreadPool pool(options.n_threads);
  ProgressBar progress("writing " + options.path);
  uint64_t done_bytes = 0;
  double n_parameters = 0;
  for (const PlannedTensor& tensor : tensors) {
    const auto written = [&](uint64_t bytes) { progress.update(done_bytes += bytes, total_bytes); };
    double n_values = 1;
    for (const int64_t extent : tensor.shape) n_values *= static_cast<double>(extent);
    n_parameters += n_values;
    if (tensor.fill == TensorFill::random) {
      write_random_tensor(writer, tensor, static_cast<uint64_t>(options.seed), pool, written);
      continue;
    }
    const std::vector<float> values = tensor.fill == TensorFill::rope_factors
                                          ? llama3_rope_factors(shape)
                                          : std::vector<float>(static_cast<size_t>(n_values), 1.0f);
    writer.write(std::as_bytes(std::span(values)));
    written(values.size() * sizeof(float));
  }
  writer.finish();
  fmt::print(stderr, "{}: {} parameters, {} {}, {}\n", options.path, format_count(n_parameters), tensors.size(),
             "tensors", format_bytes(static_cast<double>(total_bytes)));
}

// "14336", or "128 x 768, 8 used" of experts.
std::string feed_forward_text(const ModelShape& shape) {
  const ExpertShape& experts = shape.experts;
  if (experts.n_experts == 0) return std::to_string(shape.ffn_dim);
  return fmt::format("{} x {}, {} used", experts.n_experts, experts.ffn_dim, experts.n_active);
}

void list_shapes() {
  fmt::print("{:14} {:8} {:>6} {:>6} {:>6} {:>9} {:>19} {:>7} {:>5} {:>7}\n", "shape", "family", "layers", "dim",
             "heads", "head_dim", "ffn", "vocab", "head", "window");
  for (const ModelShape& s : model_shapes())
    fmt::print("{:14} {:8} {:6} {:6} {:>6} {:9} {:>19} {:7} {:>5} {:>7}\n", s.name, s.architecture, s.n_layers, s.dim,
               fmt::format("{}/{}", s.n_heads, s.n_kv_heads), s.head_dim, feed_forward_text(s), s.vocab,
               s.tied_head ? "tied" : "own", s.window > 0 ? std::to_string(s.window) : "none");
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const ModelShape& shape : model_shapes()) names.emplace_back(shape.name);
  return names;
}

std::vector<std::string> writable_formats() {
  std::vector<std::string> names;
  for (const Format& format : all_formats())
    if (format.encode && format.gguf_id != kNoGgufId) names.emplace_back(format.name);
  return names;
}

int run_make_model(const MakeModelOptions& options) {
  if (options.list) {
    list_shapes();
    return 0;
  }
  for (const auto& [flag, value] : {std::pair("--shape", &options.shape), std::pair("--format", &options.format),
                                    std::pair("the output file OUT.gguf", &options.path)})
    if (value->empty()) throw UsageError(fmt::format("{} is missing", flag));
  if (std::filesystem::exists(options.path) && !options.force)
    throw Error(ErrorCode::io, "{} exists already; give --force to replace it", options.path);
  ModelShape shape = *std::find_if(model_shapes().begin(), model_shapes().end(),
                                   [&](const ModelShape& s) { return s.name == options.shape; });
  if (options.n_layers) shape.n_layers = static_cast<int>(*options.n_layers);
  write_model(shape, *dtype_from_name(options.format), options);
  return 0;
}

// Names of the shapes, indented and wrapped.
std::string shapes_text() {
  constexpr size_t kColumns = 100;
  std::string text, line;
  for (const std::string& name : shape_names()) {
    if (line.size() + name.size() > kColumns) {
      text += line + "\n";
      line.clear();
    }
    line += "  " + name;
  }
  return text + line + "\n";
}

}  // namespace

constexpr const char* kFooter =
    "The weights are random and the tokenizer round-trips every text: such a file is for measuring and testing, with\n"
    "this program or any other that reads GGUF. It is written as a stream, in a few MB of memory.\n\n"
    "Examples:\n"
    "  quandex make-model --list\n"
    "  quandex make-model --shape llama-3.2-1b --format q4_0 1b.gguf && quandex bench 1b.gguf\n"
    "  quandex make-model --shape qwen3-30b-a3b --layers 4 --format q4_0 moe.gguf\n"
    "  quandex make-model --shape tiny-qwen3 --format f32 --seed 7 tiny.gguf\n";

Verb add_make_model(CLI::App& program) {
  auto options = std::make_shared<MakeModelOptions>();
  CLI::App& app = add_verb(program, "make-model", "Write a model with random weights in a real model's shape",
                           "Shapes:\n" + shapes_text() + "\n" + kFooter);
  add_positional(app, "OUT", options->path, false, "The GGUF file to write");
  add_choice(app, "--shape", options->shape, shape_names(), "Which shape; --list shows them");
  add_choice(app, "--format", options->format, writable_formats(), "Format of the matrices (norms stay f32)");
  add_integer(app, "--layers", options->n_layers, 1, 4096, "As many layers instead of the shape's own");
  add_integer(app, "--seed", options->seed, 0, std::numeric_limits<int64_t>::max(),
              "Same seed, same file, whatever the thread count");
  add_integer(app, "-t,--threads", options->n_threads, 1, 1024, "Threads that encode");
  add_flag(app, "--force", options->force, "Replace an existing file");
  add_flag(app, "--list", options->list, "List the shapes and leave");
  return {&app, [options] { return run_make_model(*options); }};
}

}  // namespace quandex::cli
