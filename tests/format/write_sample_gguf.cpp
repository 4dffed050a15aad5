// write_sample_gguf OUT.gguf OUT.f32: the sample file and, tensor after tensor, the floats that we decode it to.
#include <cstdio>
#include <fstream>

#include "base/error.h"
#include "format/sample_gguf.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: write_sample_gguf OUT.gguf OUT.f32\n");
    return 2;
  }
  try {
    quandex::write_sample(argv[1], 64);
    const quandex::GgufFile file(argv[1]);
    std::ofstream values(argv[2], std::ios::binary);
    for (const std::string& name : file.names()) {
      const auto tensor = file.find(name);
      std::vector<float> row(static_cast<size_t>(tensor->rows() * tensor->cols()));
      quandex::decode_row(tensor->type, tensor->planes[0], row);
      values.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size() * sizeof(float)));
    }
    return values.good() ? 0 : 1;
  } catch (const quandex::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
