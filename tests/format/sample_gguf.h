// A small file that uses everything the format has: each metadata type alone and in an array, each tensor type, one to
// four dimensions. Shared by the tests, the peer test and the maker of the fuzz corpus.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "format/gguf.h"

namespace quandex {

template <typename T>
MetaValue sample_array(MetaType element, const std::vector<T>& values) {
  MetaArray array;
  array.element = element;
  array.count = values.size();
  const auto bytes = std::as_bytes(std::span(values));
  array.scalars.assign(bytes.begin(), bytes.end());
  return {MetaType::array, std::move(array)};
}

inline Metadata sample_metadata(uint32_t alignment) {
  Metadata metadata("sample");
  metadata.set_string("general.architecture", "llama");
  metadata.set_u32("general.alignment", alignment);
  metadata.set("sample.u8", {MetaType::u8, uint64_t{200}});
  metadata.set("sample.i8", {MetaType::i8, int64_t{-100}});
  metadata.set("sample.u16", {MetaType::u16, uint64_t{60000}});
  metadata.set("sample.i16", {MetaType::i16, int64_t{-30000}});
  metadata.set_u32("sample.u32", 4294967295u);
  metadata.set("sample.i32", {MetaType::i32, int64_t{-2000000000}});
  metadata.set_f32("sample.f32", 0.15625f);
  metadata.set_bool("sample.yes", true);
  metadata.set_bool("sample.no", false);
  metadata.set_string("sample.string", "na\xC3\xAFve \xE2\x9C\x93");
  metadata.set_string("sample.empty", "");
  metadata.set("sample.u64", {MetaType::u64, std::numeric_limits<uint64_t>::max() - 4});
  metadata.set("sample.i64", {MetaType::i64, std::numeric_limits<int64_t>::min() + 5});
  metadata.set("sample.f64", {MetaType::f64, 1.0 / 3.0});
  metadata.set("sample.array.u8", sample_array<uint8_t>(MetaType::u8, {1, 255}));
  metadata.set("sample.array.i8", sample_array<int8_t>(MetaType::i8, {-1, 127}));
  metadata.set("sample.array.u16", sample_array<uint16_t>(MetaType::u16, {65535}));
  metadata.set("sample.array.i16", sample_array<int16_t>(MetaType::i16, {-32768, 5}));
  metadata.set("sample.array.u32", sample_array<uint32_t>(MetaType::u32, {7, 4294967295u}));
  metadata.set_i32s("sample.array.i32", std::vector<int32_t>{3, -4, 5});
  metadata.set_f32s("sample.array.f32", std::vector<float>{-0.5f, 1e30f});
  metadata.set("sample.array.bool", sample_array<uint8_t>(MetaType::boolean, {1, 0, 1}));
  metadata.set_strings("sample.array.string", {"a", "", "a string that is longer than fifteen bytes"});
  metadata.set("sample.array.u64", sample_array<uint64_t>(MetaType::u64, {1ull << 40}));
  metadata.set("sample.array.i64", sample_array<int64_t>(MetaType::i64, {-(1ll << 40), 2}));
  metadata.set("sample.array.f64", sample_array<double>(MetaType::f64, {0.1, -2.0}));
  return metadata;
}

struct SampleTensor {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
};

inline std::vector<SampleTensor> sample_tensors() {
  std::vector<SampleTensor> tensors;
  for (const Format& format : all_formats()) {
    if (format.gguf_id == kNoGgufId) continue;
    tensors.push_back({"blk.0." + std::string(format.name) + ".weight", format.type, {2, format.block_values * 3}});
  }
  tensors.push_back({"norm.weight", DType::f32, {5}});
  tensors.push_back({"three", DType::f16, {2, 3, 7}});
  tensors.push_back({"four", DType::bf16, {2, 1, 3, 2}});
  return tensors;
}

inline std::vector<float> sample_values(const SampleTensor& tensor, uint32_t seed) {
  size_t n = 1;
  for (const int64_t dim : tensor.shape) n *= static_cast<size_t>(dim);
  std::vector<float> values(n);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = (static_cast<float>(seed >> 8) - 8388608.0f) / 4194304.0f;  // -2 to 2
  }
  return values;
}

inline std::vector<std::byte> sample_bytes(const SampleTensor& tensor, uint32_t seed) {
  const auto values = sample_values(tensor, seed);
  std::vector<std::byte> bytes(row_bytes(tensor.type, static_cast<int64_t>(values.size())));
  if (tensor.type == DType::i32) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37);
  } else {
    encode_row(tensor.type, values, bytes);
  }
  return bytes;
}

inline void write_sample(const std::filesystem::path& path, uint32_t alignment) {
  GgufWriter writer(path, sample_metadata(alignment));
  const auto tensors = sample_tensors();
  for (const SampleTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (size_t i = 0; i < tensors.size(); ++i) writer.write(sample_bytes(tensors[i], static_cast<uint32_t>(i)));
  writer.finish();
}

}  // namespace quandex
