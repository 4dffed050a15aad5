// What each file family brings: the columns of the tables that `info` prints and the README shows.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "format/dtype.h"
#include "model/architectures.h"
#include "model/checkpoint.h"

namespace quandex::cli {

inline constexpr std::array kFileFamilies{FileFamily::gguf, FileFamily::safetensors, FileFamily::mlx,
                                          FileFamily::qwen3c, FileFamily::llama2c};

// True where a checkpoint of that architecture in that family of files is held against golden logits. A test compares
// this with the golden cases.
bool is_proven(const Architecture& architecture, FileFamily family);

// True where files of that family may hold weights of that format.
bool can_hold(FileFamily family, const Format& format);

}  // namespace quandex::cli
