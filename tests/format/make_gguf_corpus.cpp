// make_gguf_corpus FOLDER: the seed inputs of gguf_fuzzer, tiny files that between them use every part of the format.
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "format/sample_gguf.h"

namespace quandex {
namespace {

void write_tensors(const std::filesystem::path& path, Metadata metadata, const std::vector<SampleTensor>& tensors) {
  GgufWriter writer(path, std::move(metadata));
  for (const SampleTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (size_t i = 0; i < tensors.size(); ++i) writer.write(sample_bytes(tensors[i], static_cast<uint32_t>(i)));
  writer.finish();
}

Metadata with_alignment(uint32_t alignment) {
  Metadata metadata;
  metadata.set_u32("general.alignment", alignment);
  return metadata;
}

void write_corpus(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write_tensors(folder / "nothing.gguf", Metadata(), {});
  write_tensors(folder / "metadata.gguf", sample_metadata(8), {});
  write_sample(folder / "everything.gguf", 32);
  for (const Format& format : all_formats()) {
    if (format.gguf_id == kNoGgufId) continue;
    const std::string name(format.name);
    write_tensors(folder / (name + ".gguf"), with_alignment(8), {{name, format.type, {1, format.block_values}}});
  }
  const Metadata all = sample_metadata(16);
  for (const auto& [key, value] : all.entries()) {
    if (value.type != MetaType::array) continue;
    Metadata one;
    one.set(key, value);
    write_tensors(folder / (key + ".gguf"), std::move(one), {});
  }
  write_tensors(folder / "two_tensors.gguf", with_alignment(64),
                {{"a", DType::f32, {1, 1, 2, 3}}, {"b", DType::q8_0, {2, 32}}});
  for (const uint32_t count : {1u, 3u}) {
    Metadata part;
    part.set("split.no", {MetaType::u16, uint64_t{0}});
    part.set("split.count", {MetaType::u16, uint64_t{count}});
    part.set("split.tensors.count", {MetaType::i32, int64_t{1}});
    write_tensors(folder / fmt::format("part_of_{}.gguf", count), std::move(part), {{"a", DType::f32, {2}}});
  }
}

}  // namespace
}  // namespace quandex

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_gguf_corpus FOLDER\n");
    return 2;
  }
  try {
    quandex::write_corpus(argv[1]);
  } catch (const quandex::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
