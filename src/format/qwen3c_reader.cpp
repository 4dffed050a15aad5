#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "format/qwen3c.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie in the file");

constexpr size_t kFieldBytes = 48;  // of the header; zeros follow

template <typename T>
T number_at(std::span<const std::byte> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

// Limits far above any model and low enough that no size computed from them leaves 64 bits: a layer has at most
// 2^20 * (4 * 2^20 + 3 * 2^24) < 2^46 values, all layers and the embedding < 2^59, five bytes each < 2^62.
struct Limit {
  std::string_view field;
  int Qwen3cHeader::* value;
  int64_t high;
};
constexpr std::array<Limit, 9> kLimits = {{{"dim", &Qwen3cHeader::dim, 1 << 20},
                                           {"hidden_dim", &Qwen3cHeader::ffn_dim, 1 << 24},
                                           {"n_layers", &Qwen3cHeader::n_layers, 4096},
                                           {"n_heads", &Qwen3cHeader::n_heads, 65536},
                                           {"n_kv_heads", &Qwen3cHeader::n_kv_heads, 65536},
                                           {"vocab_size", &Qwen3cHeader::vocab, 1 << 24},
                                           {"max_seq_len", &Qwen3cHeader::n_ctx_train, 1 << 30},
                                           {"head_dim", &Qwen3cHeader::head_dim, 65536},
                                           {"group_size", &Qwen3cHeader::group_size, 1 << 20}}};
constexpr int64_t kMaxHeadColumns = 1 << 20;  // n_heads * head_dim

uint64_t vector_values(const Qwen3cHeader& h) {
  const auto layers = static_cast<uint64_t>(h.n_layers), dim = static_cast<uint64_t>(h.dim);
  return 2 * layers * dim + dim + 2 * layers * static_cast<uint64_t>(h.head_dim);
}

uint64_t matrix_values(const Qwen3cHeader& h) {
  const auto dim = static_cast<uint64_t>(h.dim), head_dim = static_cast<uint64_t>(h.head_dim);
  const uint64_t q = static_cast<uint64_t>(h.n_heads) * head_dim, kv = static_cast<uint64_t>(h.n_kv_heads) * head_dim;
  const uint64_t layer = dim * (2 * q + 2 * kv + 3 * static_cast<uint64_t>(h.ffn_dim));
  return static_cast<uint64_t>(h.vocab) * dim * (h.tied_head ? 1 : 2) + static_cast<uint64_t>(h.n_layers) * layer;
}

Metadata metadata_of(const Qwen3cHeader& h, const std::string& source, std::string model_name) {
  Metadata metadata(source);
  const auto set_count = [&](const char* key, int value) {
    metadata.set_u32(std::string("qwen3.") + key, static_cast<uint32_t>(value));
  };
  metadata.set_string("general.architecture", "qwen3");
  metadata.set_string("general.type", "model");
  metadata.set_string("general.name", std::move(model_name));
  set_count("block_count", h.n_layers);
  set_count("context_length", h.n_ctx_train);
  set_count("embedding_length", h.dim);
  set_count("feed_forward_length", h.ffn_dim);
  set_count("attention.head_count", h.n_heads);
  set_count("attention.head_count_kv", h.n_kv_heads);
  set_count("attention.key_length", h.head_dim);
  set_count("attention.value_length", h.head_dim);
  metadata.set_f32("qwen3.attention.layer_norm_rms_epsilon", kQwen3cNormEps);
  metadata.set_f32("qwen3.rope.freq_base", kQwen3cRopeBase);
  set_count("rope.dimension_count", h.head_dim);
  set_count("vocab_size", h.vocab);
  return metadata;
}

DType matrix_type(const Qwen3cHeader& header, std::string_view name) {
  const auto type = q8_f32_dtype(header.group_size);
  if (!type) {
    throw Error(ErrorCode::unsupported, "{}: group_size {} is not supported, expected 16, 32, 64 or 128", name,
                header.group_size);
  }
  return *type;
}

HostTensor view_of(const Qwen3cTensor& tensor, std::span<const std::byte> file, DType type, uint64_t group_size) {
  HostTensor view;
  view.shape = tensor.shape;
  if (!tensor.is_quantized()) {
    view.planes[0] = file.subspan(tensor.offset, tensor.n_values * sizeof(float));
    return view;
  }
  view.type = type;
  view.planes[0] = file.subspan(tensor.offset, tensor.n_values);
  view.planes[1] = file.subspan(tensor.offset + tensor.n_values, tensor.n_values / group_size * sizeof(float));
  return view;
}

}  // namespace

bool looks_like_qwen3c(std::span<const std::byte> file) {
  return file.size() >= sizeof(kQwen3cMagic) && number_at<uint32_t>(file, 0) == kQwen3cMagic;
}

void check_qwen3c_header(const Qwen3cHeader& header, std::string_view name, ErrorCode code) {
  for (const Limit& limit : kLimits) {
    const int value = header.*limit.value;
    if (value < 1 || value > limit.high)
      throw Error(code, "{}: {} is {}, expected 1 to {}", name, limit.field, value, limit.high);
  }
  if (header.n_heads % header.n_kv_heads != 0)
    throw Error(code, "{}: {} heads cannot share {} key/value heads", name, header.n_heads, header.n_kv_heads);
  if (header.head_dim % 2 != 0) throw Error(code, "{}: head_dim is {}, expected an even number", name, header.head_dim);
  const int64_t q_cols = int64_t{header.n_heads} * header.head_dim;
  if (q_cols > kMaxHeadColumns) {
    throw Error(code, "{}: {} heads of {} are {} columns, expected at most {}", name, header.n_heads, header.head_dim,
                q_cols, kMaxHeadColumns);
  }
  for (const auto& [field, cols] : {std::pair<std::string_view, int64_t>{"dim", header.dim},
                                    {"hidden_dim", header.ffn_dim},
                                    {"n_heads * head_dim", q_cols}}) {
    if (cols % header.group_size != 0)
      throw Error(code, "{}: {} is {}, expected a multiple of group_size {}", name, field, cols, header.group_size);
  }
}

uint64_t qwen3c_file_bytes(const Qwen3cHeader& header) {
  const uint64_t n = matrix_values(header);
  return kQwen3cHeaderBytes + sizeof(float) * vector_values(header) + n +
         n / static_cast<uint64_t>(header.group_size) * sizeof(float);
}

Qwen3cHeader parse_qwen3c_header(std::span<const std::byte> file, std::string_view name) {
  if (file.size() < kQwen3cHeaderBytes) {
    throw Error(ErrorCode::invalid_file, "{}: the file has {} bytes, expected a qwen3.c header of {}", name,
                file.size(), kQwen3cHeaderBytes);
  }
  if (!looks_like_qwen3c(file)) {
    throw Error(ErrorCode::invalid_file, "{}: not a qwen3.c file: the magic is 0x{:08X}, expected 0x{:08X}", name,
                number_at<uint32_t>(file, 0), kQwen3cMagic);
  }
  std::array<int32_t, 11> fields{};  // version, then what the header comment lists
  static_assert(sizeof(uint32_t) + sizeof(fields) == kFieldBytes);
  std::memcpy(fields.data(), file.data() + sizeof(uint32_t), sizeof(fields));
  if (fields[0] != kQwen3cVersion) {
    throw Error(ErrorCode::unsupported, "{}: qwen3.c version {} is not supported, expected {}", name, fields[0],
                kQwen3cVersion);
  }
  if (fields[9] != 0 && fields[9] != 1)
    throw Error(ErrorCode::invalid_file, "{}: shared_classifier is {}, expected 0 or 1", name, fields[9]);
  const Qwen3cHeader header{fields[1], fields[2], fields[3], fields[4],      fields[5],
                            fields[6], fields[7], fields[8], fields[9] == 1, fields[10]};
  check_qwen3c_header(header, name, ErrorCode::invalid_file);
  if (const uint64_t expected = qwen3c_file_bytes(header); file.size() != expected) {
    throw Error(ErrorCode::invalid_file, "{}: the file has {} bytes, its header asks for {}: is it complete?", name,
                file.size(), expected);
  }
  return header;
}

std::vector<Qwen3cTensor> qwen3c_tensors(const Qwen3cHeader& h) {
  std::vector<Qwen3cTensor> tensors;
  uint64_t offset = kQwen3cHeaderBytes;
  const auto add = [&](std::string tensor_name, std::vector<int64_t> shape) {
    Qwen3cTensor tensor{std::move(tensor_name), std::move(shape), offset, 1};
    for (const int64_t n : tensor.shape) tensor.n_values *= static_cast<uint64_t>(n);
    const uint64_t n_scales = tensor.n_values / static_cast<uint64_t>(h.group_size);
    offset += tensor.is_quantized() ? tensor.n_values + n_scales * sizeof(float) : tensor.n_values * sizeof(float);
    tensors.push_back(std::move(tensor));
  };
  const auto add_layers = [&](std::string_view kind, const std::vector<int64_t>& shape) {
    for (int i = 0; i < h.n_layers; ++i) add(fmt::format("blk.{}.{}.weight", i, kind), shape);
  };
  const int64_t dim = h.dim, ffn = h.ffn_dim;
  const int64_t q_cols = int64_t{h.n_heads} * h.head_dim, kv_cols = int64_t{h.n_kv_heads} * h.head_dim;
  add_layers("attn_norm", {dim});
  add_layers("ffn_norm", {dim});
  add("output_norm.weight", {dim});
  add_layers("attn_q_norm", {h.head_dim});
  add_layers("attn_k_norm", {h.head_dim});
  add("token_embd.weight", {h.vocab, dim});
  add_layers("attn_q", {q_cols, dim});
  add_layers("attn_k", {kv_cols, dim});
  add_layers("attn_v", {kv_cols, dim});
  add_layers("attn_output", {dim, q_cols});
  add_layers("ffn_gate", {ffn, dim});
  add_layers("ffn_down", {dim, ffn});
  add_layers("ffn_up", {ffn, dim});
  if (!h.tied_head) add("output.weight", {h.vocab, dim});
  CHECK(offset == qwen3c_file_bytes(h));
  return tensors;
}

Qwen3cFile::Qwen3cFile(const std::filesystem::path& path)
    : path_(path.string()),
      map_(path),
      header_(parse_qwen3c_header(map_.bytes(), path_)),
      metadata_(metadata_of(header_, path_, path.stem().string())) {
  const DType type = matrix_type(header_, path_);
  for (Qwen3cTensor& tensor : qwen3c_tensors(header_)) {
    HostTensor view = view_of(tensor, map_.bytes(), type, static_cast<uint64_t>(header_.group_size));
    tensors_.add(std::move(tensor.name), std::move(view));
  }
}

void Qwen3cFile::release(std::string_view name) const {
  const auto tensor = tensors_.find(name);
  if (!tensor) return;
  for (const auto plane : tensor->planes) {
    if (!plane.empty()) map_.release(plane);
  }
}

}  // namespace quandex
