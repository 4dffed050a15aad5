// make_safetensors_corpus FOLDER: the seed inputs of safetensors_fuzzer, tiny files that between them use every part of
// the format.
#include <cstdio>
#include <exception>

#include "format/safetensors_image.h"

namespace quandex {
namespace {

void write_corpus(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const auto write = [&](std::string_view name, const std::string& bytes) {
    std::ofstream(folder / fmt::format("{}.safetensors", name), std::ios::binary) << bytes;
  };
  write("nothing", safetensors_image("{}"));
  write("metadata", SafetensorsImage().metadata("format", "pt").metadata("é", "\\n").bytes());
  for (const char* const dtype : {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "I64", "I32", "I16",
                                  "I8", "U64", "U32", "U16", "U8", "BOOL", "C64"}) {
    write(dtype, SafetensorsImage().tensor("a", dtype, {2}).bytes());
  }
  for (const char* const dtype : {"F4", "F6_E2M3", "F6_E3M2"}) {
    write(dtype,
          safetensors_image(fmt::format(R"({{"a":{{"dtype":"{}","shape":[4],"data_offsets":[0,2]}}}})", dtype), "xy"));
  }
  write("shapes", SafetensorsImage()
                      .metadata("format", "mlx")
                      .tensor("scalar", "F32", {})
                      .tensor("none", "F32", {3, 0})
                      .tensor("four", "U8", {1, 2, 1, 3})
                      .bytes());
  write("overlap", safetensors_image(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                                     "xyz"));
  write("gap", safetensors_image(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xyz"));
}

}  // namespace
}  // namespace quandex

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_safetensors_corpus FOLDER\n");
    return 2;
  }
  try {
    quandex::write_corpus(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
