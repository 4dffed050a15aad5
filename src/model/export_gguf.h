// Any checkpoint as one GGUF file that other programs read too: standard names, rows of Q and K in GGUF's order, norms
// as 1 + w, experts stacked.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/load.h"

namespace quandex {

struct ExportOptions {
  // Type of matrices that are unquantized, or quantized as GGUF cannot: f32, f16 or bf16. Nothing: as they are, which
  // fails for the latter unless a GGUF type has exactly their values.
  std::optional<DType> type;
};

struct ExportReport {
  uint64_t size_bytes = 0;
  int n_tensors = 0;
  std::vector<std::string> left_out;   // tensors that the architecture has no use for
  std::vector<std::string> own_keys;   // quandex.* keys, which other programs ignore: they would compute something else
  std::vector<std::string> converted;  // "q4_1 for affine4_g64_f16" and the like, each once
};

// The metadata, its tokenizer's keys included, is the checkpoint's. Bounded memory; `output` appears when it is whole.
// Throws Error{unsupported} naming the tensor that has no equal GGUF type, and what the loader would throw.
ExportReport export_gguf(const Checkpoint& checkpoint, const std::filesystem::path& output,
                         const ExportOptions& options, const LoadProgress& progress);

}  // namespace quandex
