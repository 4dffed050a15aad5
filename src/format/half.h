// The two 16-bit floats and their conversions, in integer arithmetic so that every compiler and device gives the same
// bits. To 16 bits rounds to nearest, ties to even; NaN stays NaN. Kept plain so that device code can share it.
#pragma once

#include <bit>
#include <cstdint>

namespace quandex {

inline constexpr uint16_t kF16Infinity = 0x7C00;
inline constexpr uint16_t kF16Largest = 0x7BFF;  // 65504

constexpr float f32_from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }
constexpr uint32_t bits_from_f32(float value) { return std::bit_cast<uint32_t>(value); }

constexpr float f32_from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu;
  const uint32_t mantissa = half & 0x3FFu;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24 is exact in a float
    const float magnitude = static_cast<float>(mantissa) * (1.0f / 16777216.0f);
    return f32_from_bits(sign | bits_from_f32(magnitude));
  }
  if (exponent == 31) return f32_from_bits(sign | 0x7F800000u | (mantissa << 13));
  return f32_from_bits(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

// Values that round above 65504 become infinite, as IEEE 754 has it.
constexpr uint16_t f16_from_f32(float value) {
  const uint32_t bits = bits_from_f32(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  uint32_t half = 0;
  if (magnitude > 0x7F800000u) {
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);  // quiet, the payload's upper bits kept
  } else if (magnitude >= 0x477FF000u) {            // 65520, the tie between 65504 and 2^16
    half = kF16Infinity;
  } else if (magnitude >= 0x38800000u) {  // 2^-14 and up: normal
    half = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  } else if (magnitude > 0x33000000u) {  // above 2^-25: subnormal, in units of 2^-24
    const uint32_t shift = 126u - (magnitude >> 23);
    const uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
    const uint32_t remainder = mantissa & ((1u << shift) - 1u);
    const uint32_t tie = 1u << (shift - 1u);
    half = mantissa >> shift;
    if (remainder > tie || (remainder == tie && (half & 1u))) ++half;
  }
  return static_cast<uint16_t>(sign | half);
}

constexpr float f32_from_bf16(uint16_t half) { return f32_from_bits(static_cast<uint32_t>(half) << 16); }

constexpr uint16_t bf16_from_f32(float value) {
  const uint32_t bits = bits_from_f32(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace quandex
