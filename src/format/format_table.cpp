#include "format/dtype.h"

#include <array>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "format/quantize.h"
#include "format/quantize_planes.h"

namespace quandex {
namespace {

template <typename Block>
concept Encodable = requires(const float* in, Block& block) { encode(in, block); };

// Files align tensors, not blocks, and tests and tools may hold bytes anywhere: blocks are copied out, which compilers
// turn into plain loads.
template <typename Block>
void decode_blocks(const std::byte* bytes, size_t n_blocks, float* out) {
  for (size_t i = 0; i < n_blocks; ++i) {
    Block block;
    std::memcpy(&block, bytes + i * sizeof(Block), sizeof(Block));
    decode(block, out + i * Block::kValues);
  }
}

template <typename Block>
void encode_blocks(const float* in, size_t n_blocks, std::byte* bytes) {
  for (size_t i = 0; i < n_blocks; ++i) {
    Block block;
    encode(in + i * Block::kValues, block);
    std::memcpy(bytes + i * sizeof(Block), &block, sizeof(Block));
  }
}

template <typename Block>
void decode_block(const std::byte* bytes, float* out) {
  decode_blocks<Block>(bytes, 1, out);
}

template <typename Block>
void encode_block(const float* in, std::byte* bytes) {
  encode_blocks<Block>(in, 1, bytes);
}

// A format's rows go through these, not through a call a block.
struct RowFunctions {
  void (*decode)(const std::byte* bytes, size_t n_blocks, float* out);
  void (*encode)(const float* in, size_t n_blocks, std::byte* bytes);
};

struct Entry {
  Format format;
  RowFunctions rows;
};

template <typename Block>
constexpr Entry entry(DType type, std::string_view name, int gguf_id,
                      std::array<uint16_t, 3> plane_bytes = {sizeof(Block), 0, 0}) {
  static_assert(std::is_trivially_copyable_v<Block>);
  Entry made{{type, name, gguf_id, Block::kValues, sizeof(Block), plane_bytes, decode_block<Block>, nullptr},
             {decode_blocks<Block>, nullptr}};
  if constexpr (Encodable<Block>) {
    made.format.encode = encode_block<Block>;
    made.rows.encode = encode_blocks<Block>;
  }
  return made;
}

template <int group_size>
constexpr Entry q8_f32_entry(DType type, std::string_view name) {
  return entry<BlockQ8F32<group_size>>(type, name, kNoGgufId, {group_size, sizeof(float), 0});
}

constexpr std::array<int, 6> kAffineBits = {2, 3, 4, 5, 6, 8};
constexpr std::array<int, 3> kAffineGroups = {32, 64, 128};
constexpr std::array<DType, 3> kAffineScales = {DType::f16, DType::bf16, DType::f32};
constexpr std::array<std::string_view, 3> kAffineScaleNames = {"f16", "bf16", "f32"};
using AffineScaleBlocks = std::tuple<BlockF16, BlockBf16, BlockF32>;
static_assert(kAffineBits.size() * kAffineGroups.size() * kAffineScales.size() == kAffineCount);

constexpr int affine_bits(size_t i) { return kAffineBits[i / 9]; }
constexpr int affine_group(size_t i) { return kAffineGroups[i / 3 % 3]; }

// "affine4_g64_bf16", made while compiling.
struct AffineName {
  std::array<char, 20> text{};
  size_t size = 0;

  constexpr explicit AffineName(size_t i) {
    append("affine");
    append_number(affine_bits(i));
    append("_g");
    append_number(affine_group(i));
    append("_");
    append(kAffineScaleNames[i % 3]);
  }
  constexpr void append(std::string_view part) {
    for (const char c : part) text[size++] = c;
  }
  constexpr void append_number(int n) {
    if (n >= 10) append_number(n / 10);
    text[size++] = static_cast<char>('0' + n % 10);
  }
};
template <size_t i>
constexpr AffineName kAffineName{i};

template <size_t i>
constexpr Entry affine_entry() {
  using Scale = std::tuple_element_t<i % 3, AffineScaleBlocks>;
  using Block = BlockAffine<affine_bits(i), affine_group(i), Scale>;
  return entry<Block>(static_cast<DType>(static_cast<size_t>(DType::affine_first) + i),
                      {kAffineName<i>.text.data(), kAffineName<i>.size}, kNoGgufId,
                      {sizeof(Block::codes), sizeof(Scale), sizeof(Scale)});
}

constexpr auto kAffineEntries = []<size_t... i>(std::index_sequence<i...>) {
  return std::array<Entry, kAffineCount>{affine_entry<i>()...};
}(std::make_index_sequence<kAffineCount>());

constexpr std::array kNamedEntries = {
    entry<BlockF32>(DType::f32, "f32", 0),
    entry<BlockF16>(DType::f16, "f16", 1),
    entry<BlockBf16>(DType::bf16, "bf16", 30),
    entry<BlockI32>(DType::i32, "i32", 26),
    entry<BlockQ4_0>(DType::q4_0, "q4_0", 2),
    entry<BlockQ4_1>(DType::q4_1, "q4_1", 3),
    entry<BlockQ5_0>(DType::q5_0, "q5_0", 6),
    entry<BlockQ5_1>(DType::q5_1, "q5_1", 7),
    entry<BlockQ8_0>(DType::q8_0, "q8_0", 8),
    entry<BlockQ8_1>(DType::q8_1, "q8_1", 9),
    entry<BlockQ2K>(DType::q2_k, "q2_k", 10),
    entry<BlockQ3K>(DType::q3_k, "q3_k", 11),
    entry<BlockQ4K>(DType::q4_k, "q4_k", 12),
    entry<BlockQ5K>(DType::q5_k, "q5_k", 13),
    entry<BlockQ6K>(DType::q6_k, "q6_k", 14),
    entry<BlockQ8K>(DType::q8_k, "q8_k", 15),
    entry<BlockIQ4NL>(DType::iq4_nl, "iq4_nl", 20),
    entry<BlockIQ4XS>(DType::iq4_xs, "iq4_xs", 23),
    entry<BlockTQ1_0>(DType::tq1_0, "tq1_0", 34),
    entry<BlockTQ2_0>(DType::tq2_0, "tq2_0", 35),
    entry<BlockMXFP4>(DType::mxfp4, "mxfp4", 39),
    q8_f32_entry<16>(DType::q8_0_g16_f32, "q8_0_g16_f32"),
    q8_f32_entry<32>(DType::q8_0_g32_f32, "q8_0_g32_f32"),
    q8_f32_entry<64>(DType::q8_0_g64_f32, "q8_0_g64_f32"),
    q8_f32_entry<128>(DType::q8_0_g128_f32, "q8_0_g128_f32"),
};

// In the order of DType.
constexpr auto kEntries = [] {
  static_assert(kNamedEntries.size() + kAffineEntries.size() == kDTypeCount);
  std::array<Entry, kDTypeCount> entries{};
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = i < kNamedEntries.size() ? kNamedEntries[i] : kAffineEntries[i - kNamedEntries.size()];
  return entries;
}();

constexpr auto kFormats = [] {
  std::array<Format, kDTypeCount> formats{};
  for (size_t i = 0; i < kEntries.size(); ++i) formats[i] = kEntries[i].format;
  return formats;
}();

constexpr bool is_in_order() {
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<size_t>(kEntries[i].format.type) != i) return false;
  }
  return true;
}
static_assert(is_in_order());

constexpr bool planes_make_blocks() {
  for (const Format& format : kFormats) {
    const auto& planes = format.plane_bytes;
    if (size_t{planes[0]} + planes[1] + planes[2] != format.block_bytes) return false;
  }
  return true;
}
static_assert(planes_make_blocks());

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

size_t block_count(const Format& format, size_t n_values) {
  const auto block_values = static_cast<size_t>(format.block_values);
  CHECK(n_values % block_values == 0);
  return n_values / block_values;
}

}  // namespace

const Format& format_of(DType type) {
  CHECK(static_cast<size_t>(type) < kFormats.size());
  return kFormats[static_cast<size_t>(type)];
}

std::span<const Format> all_formats() { return kFormats; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const Format& format : kFormats) {
    if (equals_ignoring_case(format.name, name)) return format.type;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_gguf(int gguf_id) {
  if (gguf_id == kNoGgufId) return std::nullopt;
  for (const Format& format : kFormats) {
    if (format.gguf_id == gguf_id) return format.type;
  }
  return std::nullopt;
}

std::optional<DType> affine_dtype(int bits, int group_size, DType scale_type) {
  for (size_t i = 0; i < size_t{kAffineCount}; ++i) {
    if (affine_bits(i) == bits && affine_group(i) == group_size && kAffineScales[i % 3] == scale_type)
      return kAffineEntries[i].format.type;
  }
  return std::nullopt;
}

std::optional<AffineLayout> affine_layout(DType type) {
  if (type < DType::affine_first || type > DType::affine_last) return std::nullopt;
  const size_t i = static_cast<size_t>(type) - static_cast<size_t>(DType::affine_first);
  return AffineLayout{affine_bits(i), affine_group(i), kAffineScales[i % 3]};
}

std::optional<DType> q8_f32_dtype(int group_size) {
  for (const DType type : {DType::q8_0_g16_f32, DType::q8_0_g32_f32, DType::q8_0_g64_f32, DType::q8_0_g128_f32})
    if (format_of(type).block_values == group_size) return type;
  return std::nullopt;
}

size_t row_bytes(DType type, int64_t n_values) {
  CHECK(n_values >= 0);
  const Format& format = format_of(type);
  return block_count(format, static_cast<size_t>(n_values)) * format.block_bytes;
}

void decode_row(DType type, std::span<const std::byte> row, std::span<float> out) {
  const Format& format = format_of(type);
  const size_t n_blocks = block_count(format, out.size());
  CHECK(row.size() == n_blocks * format.block_bytes);
  kEntries[static_cast<size_t>(type)].rows.decode(row.data(), n_blocks, out.data());
}

void encode_row(DType type, std::span<const float> row, std::span<std::byte> out) {
  const Format& format = format_of(type);
  const size_t n_blocks = block_count(format, row.size());
  CHECK(format.encode != nullptr);
  CHECK(out.size() == n_blocks * format.block_bytes);
  kEntries[static_cast<size_t>(type)].rows.encode(row.data(), n_blocks, out.data());
}

}  // namespace quandex
