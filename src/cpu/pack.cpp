#include "cpu/pack.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace quandex::cpu {
namespace {

// Where one row of one block lies inside a packed group.
struct BlockPlace {
  uint8_t* codes;   // of the block, all rows
  uint8_t* params;  // of the block, all rows
  size_t lane;
};

// 4 bytes of this lane in 64-byte vector `vector` of `codes`.
uint8_t* quad(uint8_t* codes, size_t vector, size_t lane) { return codes + vector * 64 + lane * 4; }

void put_quads(const uint8_t* bytes, size_t n_vectors, uint8_t* codes, size_t lane) {
  for (size_t v = 0; v < n_vectors; ++v) std::memcpy(quad(codes, v, lane), bytes + 4 * v, 4);
}
void get_quads(uint8_t* codes, size_t lane, size_t n_vectors, uint8_t* bytes) {
  for (size_t v = 0; v < n_vectors; ++v) std::memcpy(bytes + 4 * v, quad(codes, v, lane), 4);
}
// A plane of f16 in the parameters.
uint8_t* half_at(uint8_t* plane, size_t lane) { return plane + 2 * lane; }

// Every format has a pair of functions: the bytes of a block to its place and back.

void put_q4_0(const uint8_t* block, const BlockPlace& place) {  // block: f16 d, qs[16]
  std::memcpy(half_at(place.params, place.lane), block, 2);
  put_quads(block + 2, 4, place.codes, place.lane);
}
void get_q4_0(const BlockPlace& place, uint8_t* block) {
  std::memcpy(block, half_at(place.params, place.lane), 2);
  get_quads(place.codes, place.lane, 4, block + 2);
}

void put_q8_0(const uint8_t* block, const BlockPlace& place) {  // block: f16 d, qs[32]
  std::memcpy(half_at(place.params, place.lane), block, 2);
  put_quads(block + 2, 8, place.codes, place.lane);
}
void get_q8_0(const BlockPlace& place, uint8_t* block) {
  std::memcpy(block, half_at(place.params, place.lane), 2);
  get_quads(place.codes, place.lane, 8, block + 2);
}

// Nibbles of two 32-value sub-blocks (low: first, high: second), to and from the packed order (low: columns 0-15 of a
// sub-block, high: columns 16-31). Exchanging the second row of a 2 x 2 grid with the first is its own inverse.
void exchange_nibbles(const uint8_t* in, uint8_t* out) {
  for (size_t i = 0; i < 16; ++i) {
    const unsigned a = in[i], b = in[16 + i];
    out[i] = static_cast<uint8_t>((a & 15u) | (b & 15u) << 4);
    out[16 + i] = static_cast<uint8_t>(a >> 4 | (b & 0xF0u));
  }
}

// block: f16 d, f16 dmin, 12 bytes of 6-bit scales and mins, qs[128].
void put_q4_k(const uint8_t* block, const BlockPlace& place) {
  std::memcpy(half_at(place.params, place.lane), block, 2);
  std::memcpy(half_at(place.params + kQ4_K_Mins, place.lane), block + 2, 2);
  const uint8_t* packed = block + 4;
  uint8_t* scales = place.params + kQ4_K_SubScales + place.lane;
  uint8_t* mins = place.params + kQ4_K_SubMins + place.lane;
  for (size_t j = 0; j < 4; ++j) {
    scales[16 * j] = packed[j] & 63;
    mins[16 * j] = packed[j + 4] & 63;
    scales[16 * (j + 4)] = static_cast<uint8_t>((packed[j + 8] & 15) | (packed[j] >> 6) << 4);
    mins[16 * (j + 4)] = static_cast<uint8_t>(packed[j + 8] >> 4 | (packed[j + 4] >> 6) << 4);
  }
  for (size_t pair = 0; pair < 4; ++pair) {
    uint8_t nibbles[32];
    exchange_nibbles(block + 16 + 32 * pair, nibbles);
    put_quads(nibbles, 4, place.codes + 512 * pair, place.lane);
    put_quads(nibbles + 16, 4, place.codes + 512 * pair + 256, place.lane);
  }
}
void get_q4_k(const BlockPlace& place, uint8_t* block) {
  std::memcpy(block, half_at(place.params, place.lane), 2);
  std::memcpy(block + 2, half_at(place.params + kQ4_K_Mins, place.lane), 2);
  uint8_t* packed = block + 4;
  const uint8_t* scales = place.params + kQ4_K_SubScales + place.lane;
  const uint8_t* mins = place.params + kQ4_K_SubMins + place.lane;
  for (size_t j = 0; j < 4; ++j) {
    const unsigned high_scale = scales[16 * (j + 4)], high_min = mins[16 * (j + 4)];
    packed[j] = static_cast<uint8_t>(scales[16 * j] | high_scale >> 4 << 6);
    packed[j + 4] = static_cast<uint8_t>(mins[16 * j] | high_min >> 4 << 6);
    packed[j + 8] = static_cast<uint8_t>((high_scale & 15u) | (high_min & 15u) << 4);
  }
  for (size_t pair = 0; pair < 4; ++pair) {
    uint8_t nibbles[32];
    get_quads(place.codes + 512 * pair, place.lane, 4, nibbles);
    get_quads(place.codes + 512 * pair + 256, place.lane, 4, nibbles + 16);
    exchange_nibbles(nibbles, block + 16 + 32 * pair);
  }
}

// block: ql[128], qh[64], i8 scales[16], f16 d. Its 6-bit codes in order of columns.
void codes_of_q6_k(const uint8_t* block, uint8_t* codes) {
  for (size_t half = 0; half < 2; ++half)
    for (size_t quarter = 0; quarter < 4; ++quarter)
      for (size_t l = 0; l < 32; ++l) {
        const unsigned low = block[64 * half + 32 * (quarter & 1) + l] >> (quarter >= 2 ? 4 : 0) & 15u;
        const unsigned high = block[128 + 32 * half + l] >> (2 * quarter) & 3u;
        codes[128 * half + 32 * quarter + l] = static_cast<uint8_t>(low | high << 4);
      }
}
void codes_to_q6_k(const uint8_t* codes, uint8_t* block) {
  for (size_t half = 0; half < 2; ++half)
    for (size_t l = 0; l < 32; ++l) {
      const uint8_t* column = codes + 128 * half + l;
      const unsigned a = column[0], b = column[32], c = column[64], d = column[96];
      block[64 * half + l] = static_cast<uint8_t>((a & 15u) | (c & 15u) << 4);
      block[64 * half + 32 + l] = static_cast<uint8_t>((b & 15u) | (d & 15u) << 4);
      block[128 + 32 * half + l] = static_cast<uint8_t>(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | d >> 4 << 6);
    }
}

void put_q6_k(const uint8_t* block, const BlockPlace& place) {
  std::memcpy(half_at(place.params, place.lane), block + 208, 2);
  for (size_t j = 0; j < 16; ++j) place.params[kQ6_K_SubScales + 16 * j + place.lane] = block[192 + j];
  uint8_t codes[256];
  codes_of_q6_k(block, codes);
  for (size_t s = 0; s < 8; ++s) {
    const uint8_t* code = codes + 32 * s;
    uint8_t nibbles[16], pairs[8];
    for (size_t i = 0; i < 16; ++i) nibbles[i] = static_cast<uint8_t>((code[i] & 15u) | (code[16 + i] & 15u) << 4);
    for (size_t i = 0; i < 8; ++i) {
      const uint8_t* column = code + 8 * (i / 4) + i % 4;
      pairs[i] =
          static_cast<uint8_t>(column[0] >> 4 | column[4] >> 4 << 2 | column[16] >> 4 << 4 | column[20] >> 4 << 6);
    }
    put_quads(nibbles, 4, place.codes + 384 * s, place.lane);
    put_quads(pairs, 2, place.codes + 384 * s + 256, place.lane);
  }
}
void get_q6_k(const BlockPlace& place, uint8_t* block) {
  uint8_t codes[256];
  for (size_t s = 0; s < 8; ++s) {
    uint8_t nibbles[16], pairs[8];
    get_quads(place.codes + 384 * s, place.lane, 4, nibbles);
    get_quads(place.codes + 384 * s + 256, place.lane, 2, pairs);
    for (size_t k = 0; k < 32; ++k) {
      const unsigned low = nibbles[k % 16] >> (k / 16 * 4) & 15u;
      const unsigned high = pairs[k / 8 % 2 * 4 + k % 4] >> (k / 16 * 4 + k / 4 % 2 * 2) & 3u;
      codes[32 * s + k] = static_cast<uint8_t>(low | high << 4);
    }
  }
  codes_to_q6_k(codes, block);
  for (size_t j = 0; j < 16; ++j) block[192 + j] = place.params[kQ6_K_SubScales + 16 * j + place.lane];
  std::memcpy(block + 208, half_at(place.params, place.lane), 2);
}

struct PackedFormat {
  DType type;
  PackedLayout layout;
  void (*put)(const uint8_t* block, const BlockPlace& place);
  void (*get)(const BlockPlace& place, uint8_t* block);
};
constexpr std::array<PackedFormat, 4> kPackedFormats{{
    {DType::q4_0, kPackedQ4_0, put_q4_0, get_q4_0},
    {DType::q8_0, kPackedQ8_0, put_q8_0, get_q8_0},
    {DType::q4_k, kPackedQ4_K, put_q4_k, get_q4_k},
    {DType::q6_k, kPackedQ6_K, put_q6_k, get_q6_k},
}};

const PackedFormat* find_packed(DType type) {
  for (const PackedFormat& format : kPackedFormats)
    if (format.type == type) return &format;
  return nullptr;
}

BlockPlace place_of(const PackedLayout& layout, uint8_t* group, size_t lane, size_t block) {
  uint8_t* codes = group + block * static_cast<size_t>(layout.code_bytes + layout.param_bytes);
  return {codes, codes + layout.code_bytes, lane};
}

}  // namespace

const PackedLayout* packed_layout(DType type) {
  const PackedFormat* format = find_packed(type);
  return format ? &format->layout : nullptr;
}

size_t packed_group_bytes(const PackedLayout& layout, int cols) {
  const size_t n_blocks = static_cast<size_t>(cols / layout.block_values);
  const size_t bytes = n_blocks * static_cast<size_t>(layout.code_bytes + layout.param_bytes);
  return (bytes + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
}

void pack_group(DType type, const std::array<const std::byte*, kRowGroup>& rows, int cols, std::byte* group) {
  const PackedFormat* format = find_packed(type);
  CHECK(format != nullptr && cols % format->layout.block_values == 0);
  const size_t block_bytes = format_of(type).block_bytes;
  const size_t n_blocks = static_cast<size_t>(cols / format->layout.block_values);
  std::memset(group, 0, packed_group_bytes(format->layout, cols));
  for (size_t block = 0; block < n_blocks; ++block)
    for (size_t lane = 0; lane < kRowGroup; ++lane)
      if (rows[lane])
        format->put(reinterpret_cast<const uint8_t*>(rows[lane]) + block * block_bytes,
                    place_of(format->layout, reinterpret_cast<uint8_t*>(group), lane, block));
}

void unpack_block(DType type, const std::byte* group, int lane, int block, std::byte* out) {
  const PackedFormat* format = find_packed(type);
  CHECK(format != nullptr);
  // `get` only reads; the place is shared with `put`.
  auto* bytes = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(group));
  format->get(place_of(format->layout, bytes, static_cast<size_t>(lane), static_cast<size_t>(block)),
              reinterpret_cast<uint8_t*>(out));
}

}  // namespace quandex::cpu
