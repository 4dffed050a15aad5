// The formats that tests of products go through.
#pragma once

#include <vector>

#include "format/dtype.h"

namespace quandex {

// Every format of real numbers, except that of the affine ones, which are one template, six stand for all: each width,
// and between them each group size and type of scale.
inline std::vector<Format> representative_formats() {
  std::vector<Format> formats;
  for (const Format& format : all_formats())
    if (format.encode && !affine_layout(format.type)) formats.push_back(format);
  for (const auto& [bits, group, scale] :
       {AffineLayout{2, 32, DType::f16}, AffineLayout{3, 64, DType::bf16}, AffineLayout{4, 64, DType::f16},
        AffineLayout{5, 128, DType::f32}, AffineLayout{6, 128, DType::bf16}, AffineLayout{8, 32, DType::f32}})
    formats.push_back(format_of(*affine_dtype(bits, group, scale)));
  return formats;
}

}  // namespace quandex
