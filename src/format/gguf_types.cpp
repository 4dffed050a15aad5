#include "format/gguf_types.h"

#include <array>
#include <limits>

namespace quandex {
namespace {

// Ids and sizes as the ggml project defines them.
// clang-format off: one line a type
constexpr std::array kTypes = {
    GgufType{0, "f32", 1, 4, 0},
    GgufType{1, "f16", 1, 2, 1},
    GgufType{2, "q4_0", 32, 18, 2},
    GgufType{3, "q4_1", 32, 20, 3},
    GgufType{4, "q4_2", 0, 0, -1, "q4_0"},
    GgufType{5, "q4_3", 0, 0, -1, "q4_1"},
    GgufType{6, "q5_0", 32, 22, 8},
    GgufType{7, "q5_1", 32, 24, 9},
    GgufType{8, "q8_0", 32, 34, 7},
    GgufType{9, "q8_1", 32, 36},
    GgufType{10, "q2_k", 256, 84, 10},
    GgufType{11, "q3_k", 256, 110, 11},
    GgufType{12, "q4_k", 256, 144, 14},
    GgufType{13, "q5_k", 256, 176, 16},
    GgufType{14, "q6_k", 256, 210, 18},
    GgufType{15, "q8_k", 256, 292},
    GgufType{16, "iq2_xxs", 256, 66, -1, "q2_k"},
    GgufType{17, "iq2_xs", 256, 74, -1, "q2_k"},
    GgufType{18, "iq3_xxs", 256, 98, -1, "q3_k"},
    GgufType{19, "iq1_s", 256, 50, -1, "q2_k"},
    GgufType{20, "iq4_nl", 32, 18, 25},
    GgufType{21, "iq3_s", 256, 110, -1, "q3_k"},
    GgufType{22, "iq2_s", 256, 82, -1, "q2_k"},
    GgufType{23, "iq4_xs", 256, 136, 30},
    GgufType{24, "i8", 1, 1, -1, "q8_0"},
    GgufType{25, "i16", 1, 2, -1, "f32"},
    GgufType{26, "i32", 1, 4},
    GgufType{27, "i64", 1, 8, -1, "i32"},
    GgufType{28, "f64", 1, 8, -1, "f32"},
    GgufType{29, "iq1_m", 256, 56, -1, "q2_k"},
    GgufType{30, "bf16", 1, 2, 32},
    GgufType{31, "q4_0_4_4", 0, 0, -1, "q4_0"},
    GgufType{32, "q4_0_4_8", 0, 0, -1, "q4_0"},
    GgufType{33, "q4_0_8_8", 0, 0, -1, "q4_0"},
    GgufType{34, "tq1_0", 256, 54, 36},
    GgufType{35, "tq2_0", 256, 66, 37},
    GgufType{36, "iq4_nl_4_4", 0, 0, -1, "iq4_nl"},
    GgufType{37, "iq4_nl_4_8", 0, 0, -1, "iq4_nl"},
    GgufType{38, "iq4_nl_8_8", 0, 0, -1, "iq4_nl"},
    GgufType{39, "mxfp4", 32, 17, 38},
    GgufType{40, "nvfp4", 64, 36, -1, "mxfp4"},
    GgufType{41, "q1_0", 128, 18, -1, "tq1_0"},
    GgufType{42, "q2_0", 64, 18, -1, "q2_k"},
};
// clang-format on

constexpr bool ids_are_indices() {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].id != static_cast<int>(i)) return false;
  }
  return true;
}
static_assert(ids_are_indices());

}  // namespace

const GgufType* find_gguf_type(uint32_t id) { return id < kTypes.size() ? &kTypes[id] : nullptr; }

std::optional<std::string_view> gguf_type_name(int gguf_id) {
  if (gguf_id < 0) return std::nullopt;
  const GgufType* const type = find_gguf_type(static_cast<uint32_t>(gguf_id));
  if (!type) return std::nullopt;
  return type->name;
}

std::optional<uint32_t> gguf_file_type(DType type) {
  const int id = format_of(type).gguf_id;
  if (id == kNoGgufId) return std::nullopt;
  const int file_type = kTypes[static_cast<size_t>(id)].file_type;
  return file_type < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(file_type));
}

std::optional<int64_t> value_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t dim : shape) {
    if (dim <= 0 || count > std::numeric_limits<int64_t>::max() / dim) return std::nullopt;
    count *= dim;
  }
  return count;
}

std::optional<uint64_t> tensor_bytes(int64_t n_values, int block_values, size_t block_bytes) {
  const auto n_blocks = static_cast<uint64_t>(n_values / block_values);
  if (n_blocks > std::numeric_limits<uint64_t>::max() / block_bytes) return std::nullopt;
  return n_blocks * block_bytes;
}

}  // namespace quandex
