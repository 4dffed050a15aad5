// dump_gguf IN.gguf OUT.f32: prints each key and tensor name, one a line, and writes the floats that the tensors decode
// to, one tensor after the other.
#include <cstdio>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "format/dtype.h"
#include "format/gguf.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: dump_gguf IN.gguf OUT.f32\n");
    return 2;
  }
  try {
    const quandex::GgufFile file(argv[1]);
    for (const auto& [key, value] : file.metadata().entries()) std::printf("key %s\n", key.c_str());
    std::ofstream values(argv[2], std::ios::binary);
    for (const std::string& name : file.names()) {
      const auto tensor = file.find(name);
      std::vector<float> row(static_cast<size_t>(tensor->rows() * tensor->cols()));
      quandex::decode_row(tensor->type, tensor->planes[0], row);
      values.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size() * sizeof(float)));
      std::printf("tensor %s\n", name.c_str());
    }
    return values.good() ? 0 : 1;
  } catch (const quandex::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
