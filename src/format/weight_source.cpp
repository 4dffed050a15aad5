#include "format/weight_source.h"

#include <cstring>

#include "base/check.h"

namespace quandex {
namespace {

// Bytes of a row in one plane.
size_t plane_row_bytes(const Format& format, size_t plane, int64_t cols) {
  return static_cast<size_t>(cols / format.block_values) * format.plane_bytes[plane];
}

}  // namespace

bool holds_rows(const HostTensor& tensor, int64_t n_rows) {
  const Format& format = format_of(tensor.type);
  for (size_t p = 0; p < tensor.planes.size(); ++p) {
    const size_t bytes = plane_row_bytes(format, p, tensor.cols());
    if (bytes > 0 && tensor.planes[p].size() / bytes < static_cast<size_t>(n_rows)) return false;
  }
  return true;
}

void copy_row(const HostTensor& tensor, int64_t row, std::span<std::byte> blocks) {
  const Format& format = format_of(tensor.type);
  CHECK(blocks.size() == row_bytes(tensor.type, tensor.cols()));
  size_t before = 0;  // bytes of a block that earlier planes fill
  for (size_t p = 0; p < static_cast<size_t>(format.n_planes()); ++p) {
    const size_t bytes = plane_row_bytes(format, p, tensor.cols()), chunk = format.plane_bytes[p];
    const auto source = tensor.planes[p].subspan(static_cast<size_t>(row) * bytes, bytes);
    if (format.n_planes() == 1) return void(std::memcpy(blocks.data(), source.data(), bytes));
    std::byte* to = blocks.data() + before;
    for (size_t at = 0; at < bytes; at += chunk, to += format.block_bytes) std::memcpy(to, &source[at], chunk);
    before += chunk;
  }
}

void append_to_planes(DType type, std::span<const std::byte> blocks, std::array<std::vector<std::byte>, 3>& planes) {
  const Format& format = format_of(type);
  CHECK(blocks.size() % format.block_bytes == 0);
  for (; !blocks.empty(); blocks = blocks.subspan(format.block_bytes)) {
    std::span<const std::byte> rest = blocks;
    for (size_t p = 0; p < planes.size(); ++p) {
      const auto chunk = rest.first(format.plane_bytes[p]);
      planes[p].insert(planes[p].end(), chunk.begin(), chunk.end());
      rest = rest.subspan(chunk.size());
    }
  }
}

void decode_row(const HostTensor& tensor, int64_t row, std::span<float> out) {
  CHECK(static_cast<int64_t>(out.size()) == tensor.cols());
  const size_t bytes = row_bytes(tensor.type, tensor.cols());
  if (format_of(tensor.type).n_planes() == 1)
    return decode_row(tensor.type, tensor.planes[0].subspan(static_cast<size_t>(row) * bytes, bytes), out);
  std::vector<std::byte> blocks(bytes);
  copy_row(tensor, row, blocks);
  decode_row(tensor.type, blocks, out);
}

}  // namespace quandex
