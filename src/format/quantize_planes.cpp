#include "format/quantize_planes.h"

namespace quandex::quantize_detail {

// The end of the range that is further from 0 becomes a whole number of steps, so that 0 is a code (nearly) and that
// end is kept exactly; the scale's sign says which end it is.
AffineGroup affine_group(const float* x, int n, int top) {
  constexpr float kLeastScale = 1e-7f;
  const auto [low, high] = std::minmax_element(x, x + n);
  const bool is_low = std::fabs(*low) > std::fabs(*high);
  const float edge = is_low ? *low : *high;
  const float width = std::max((*high - *low) / static_cast<float>(top), kLeastScale);
  AffineGroup group{is_low ? width : -width, 0.0f};
  const float steps = std::nearbyintf(edge / group.scale);
  if (steps != 0.0f) group = {edge / steps, edge};
  return group;
}

void store(float value, BlockF16& scale) { scale.value = f16_from_f32(value); }
void store(float value, BlockBf16& scale) { scale.value = bf16_from_f32(value); }
void store(float value, BlockF32& scale) { scale.value = value; }

}  // namespace quandex::quantize_detail
