// The scalar decode and encode of every format, for comparison with other programs.
//   transcode_blocks list                     a line a format: name, GGUF id, values a block, bytes of a block's planes
//   transcode_blocks decode FORMAT IN OUT     blocks one after another become float32 values
//   transcode_blocks encode FORMAT IN OUT     and the reverse
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "format/dtype.h"

namespace quandex {
namespace {

void list() {
  for (const Format& f : all_formats())
    std::printf("%s %d %d %d %d %d\n", std::string(f.name).c_str(), f.gguf_id, f.block_values, f.plane_bytes[0],
                f.plane_bytes[1], f.plane_bytes[2]);
}

bool transcode(bool is_decode, const Format& format, const char* in_path, const char* out_path) {
  std::ifstream file(in_path, std::ios::binary);
  const std::string in{std::istreambuf_iterator<char>(file), {}};
  const size_t values = static_cast<size_t>(format.block_values);
  const size_t in_bytes = is_decode ? format.block_bytes : values * sizeof(float);
  if (in.empty() || in.size() % in_bytes != 0) return false;
  const size_t n = in.size() / in_bytes;
  std::vector<float> reals(n * values);
  std::vector<std::byte> blocks(n * format.block_bytes);
  if (is_decode) {
    std::copy(in.begin(), in.end(), reinterpret_cast<char*>(blocks.data()));
    decode_row(format.type, blocks, reals);
  } else {
    if (!format.encode) return false;
    std::copy(in.begin(), in.end(), reinterpret_cast<char*>(reals.data()));
    encode_row(format.type, reals, blocks);
  }
  const auto bytes = is_decode ? std::as_bytes(std::span(reals)) : std::span<const std::byte>(blocks);
  std::ofstream out(out_path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return out.good();
}

}  // namespace
}  // namespace quandex

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "list" && argc == 2) {
    quandex::list();
    return 0;
  }
  const auto type = argc == 5 ? quandex::dtype_from_name(argv[2]) : std::nullopt;
  if ((verb != "decode" && verb != "encode") || !type) {
    std::fprintf(stderr, "usage: transcode_blocks list | (decode|encode) FORMAT IN OUT\n");
    return 2;
  }
  return quandex::transcode(verb == "decode", quandex::format_of(*type), argv[3], argv[4]) ? 0 : 1;
}
