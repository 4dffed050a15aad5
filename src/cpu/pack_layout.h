// The packed storage of quantized weights, shared by all ISA levels. Constants only: this header is read by translation
// units compiled for different targets.
//
// A group is 16 rows side by side: its blocks in order of columns, each the codes of all rows and then their parameters
// (scales and mins), padded to 64 bytes at the end: read in order, it is one stream. Wherever codes are stored, 4
// consecutive columns of row r are the bytes 4r .. 4r + 3 of a 64-byte vector, so that a lane of an integer dot product
// is an output row. Per 32 columns:
//   nibbles (256 bytes): byte i of row r in vector v has column 4v + i low and column 16 + 4v + i high;
//   pairs (128 bytes): byte i of row r in vector u has the two high bits of the columns 8u + i, 8u + 4 + i, 16 + 8u + i
//   and 20 + 8u + i, lowest first;
//   bytes (512 bytes): byte i of row r in vector q is column 4q + i.
// Parameters are planes of 16, one entry a row.
#pragma once

namespace quandex::cpu {

struct PackedLayout {
  int block_values;
  int code_bytes;   // of a block of all 16 rows
  int param_bytes;  // of a block of all 16 rows
};

inline constexpr int kGroupAlignment = 64;

// codes: nibbles. Parameters: d f16.
inline constexpr PackedLayout kPackedQ4_0{32, 256, 32};
// codes: bytes (signed). Parameters: d f16.
inline constexpr PackedLayout kPackedQ8_0{32, 512, 32};
// codes: 8 x nibbles. Parameters: d f16, dmin f16, then 8 planes of scales u8 and 8 of mins u8.
inline constexpr PackedLayout kPackedQ4_K{256, 8 * 256, 32 + 32 + 8 * 16 + 8 * 16};
inline constexpr int kQ4_K_Mins = 32, kQ4_K_SubScales = 64, kQ4_K_SubMins = 192;
// codes: 8 x (nibbles, pairs). Parameters: d f16, then 16 planes of scales i8, one for 16 columns.
inline constexpr PackedLayout kPackedQ6_K{256, 8 * 384, 32 + 16 * 16};
inline constexpr int kQ6_K_SubScales = 32;

}  // namespace quandex::cpu
