#include "format/llama2c.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie in the file");

constexpr float kRopeBase = 1e4f;
constexpr float kNormEps = 1e-5f;

// Limits far above any model and low enough that no size computed from them leaves 64 bits: a layer has at most
// 2^20 * (4 * 2^20 + 3 * 2^24) < 2^46 values, everything < 2^59, four bytes each.
struct Limit {
  std::string_view field;
  int Llama2cHeader::* value;
  int64_t high;
};
constexpr std::array<Limit, 7> kLimits = {{{"dim", &Llama2cHeader::dim, 1 << 20},
                                           {"hidden_dim", &Llama2cHeader::ffn_dim, 1 << 24},
                                           {"n_layers", &Llama2cHeader::n_layers, 4096},
                                           {"n_heads", &Llama2cHeader::n_heads, 65536},
                                           {"n_kv_heads", &Llama2cHeader::n_kv_heads, 65536},
                                           {"vocab_size", &Llama2cHeader::vocab, 1 << 24},
                                           {"seq_len", &Llama2cHeader::n_ctx_train, 1 << 30}}};

int64_t kv_cols(const Llama2cHeader& h) { return int64_t{h.n_kv_heads} * h.head_dim(); }

// Values of both tables that nothing reads.
uint64_t rotation_values(const Llama2cHeader& h) {
  return static_cast<uint64_t>(h.n_ctx_train) * static_cast<uint64_t>(h.head_dim());
}

// Throws where the header leaves the limits; the size of the file is not looked at.
Llama2cHeader read_header(std::span<const std::byte> file, std::string_view name) {
  if (file.size() < kLlama2cHeaderBytes) {
    throw Error(ErrorCode::invalid_file, "{}: the file has {} bytes, expected a llama2.c header of {}", name,
                file.size(), kLlama2cHeaderBytes);
  }
  std::array<int32_t, 7> fields;
  static_assert(sizeof(fields) == kLlama2cHeaderBytes);
  std::memcpy(fields.data(), file.data(), sizeof(fields));
  const bool tied_head = fields[5] > 0;
  const int vocab = tied_head || fields[5] == std::numeric_limits<int32_t>::min() ? fields[5] : -fields[5];
  const Llama2cHeader header{fields[0], fields[1], fields[2], fields[3], fields[4], vocab, fields[6], tied_head};
  for (const Limit& limit : kLimits) {
    const int value = header.*limit.value;
    if (value < 1 || value > limit.high)
      throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected 1 to {}", name, limit.field, value, limit.high);
  }
  if (header.dim % header.n_heads != 0 || header.head_dim() % 2 != 0) {
    throw Error(ErrorCode::invalid_file, "{}: dim is {}, expected an even number for each of {} heads", name,
                header.dim, header.n_heads);
  }
  if (header.n_heads % header.n_kv_heads != 0) {
    throw Error(ErrorCode::invalid_file, "{}: {} heads cannot share {} key/value heads", name, header.n_heads,
                header.n_kv_heads);
  }
  return header;
}

Metadata metadata_of(const Llama2cHeader& h, const std::string& source, std::string model_name) {
  Metadata metadata(source);
  const auto set_count = [&](const char* key, int value) {
    metadata.set_u32(std::string("llama.") + key, static_cast<uint32_t>(value));
  };
  metadata.set_string("general.architecture", "llama");
  metadata.set_string("general.type", "model");
  metadata.set_string("general.name", std::move(model_name));
  set_count("block_count", h.n_layers);
  set_count("context_length", h.n_ctx_train);
  set_count("embedding_length", h.dim);
  set_count("feed_forward_length", h.ffn_dim);
  set_count("attention.head_count", h.n_heads);
  set_count("attention.head_count_kv", h.n_kv_heads);
  set_count("attention.key_length", h.head_dim());
  set_count("attention.value_length", h.head_dim());
  metadata.set_f32("llama.attention.layer_norm_rms_epsilon", kNormEps);
  metadata.set_f32("llama.rope.freq_base", kRopeBase);
  set_count("rope.dimension_count", h.head_dim());
  set_count("vocab_size", h.vocab);
  return metadata;
}

}  // namespace

uint64_t llama2c_file_bytes(const Llama2cHeader& h) {
  const auto dim = static_cast<uint64_t>(h.dim), layers = static_cast<uint64_t>(h.n_layers);
  const uint64_t attention = dim * (2 * dim + 2 * static_cast<uint64_t>(kv_cols(h)));
  const uint64_t ffn = 3 * dim * static_cast<uint64_t>(h.ffn_dim);
  const uint64_t embedding = static_cast<uint64_t>(h.vocab) * dim;
  const uint64_t n_values =
      embedding * (h.tied_head ? 1 : 2) + layers * (2 * dim + attention + ffn) + dim + rotation_values(h);
  return kLlama2cHeaderBytes + sizeof(float) * n_values;
}

Llama2cHeader parse_llama2c_header(std::span<const std::byte> file, std::string_view name) {
  const Llama2cHeader header = read_header(file, name);
  if (const uint64_t expected = llama2c_file_bytes(header); file.size() != expected) {
    throw Error(ErrorCode::invalid_file, "{}: the file has {} bytes, its llama2.c header asks for {}: is it complete?",
                name, file.size(), expected);
  }
  return header;
}

bool looks_like_llama2c(std::span<const std::byte> file) {
  try {
    parse_llama2c_header(file, "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

Llama2cFile::Llama2cFile(const std::filesystem::path& path)
    : path_(path.string()),
      map_(path),
      header_(parse_llama2c_header(map_.bytes(), path_)),
      metadata_(metadata_of(header_, path_, path.stem().string())) {
  add_tensors();
}

void Llama2cFile::add_tensors() {
  const Llama2cHeader& h = header_;
  uint64_t offset = kLlama2cHeaderBytes;
  const auto add = [&](std::string tensor_name, const std::vector<int64_t>& shape) {
    HostTensor tensor;
    tensor.shape = shape;
    const uint64_t size_bytes = sizeof(float) * static_cast<uint64_t>(tensor.rows() * tensor.cols());
    tensor.planes[0] = map_.bytes().subspan(offset, size_bytes);
    offset += size_bytes;
    tensors_.add(std::move(tensor_name), std::move(tensor));
  };
  const auto add_layers = [&](std::string_view kind, const std::vector<int64_t>& shape) {
    for (int i = 0; i < h.n_layers; ++i) add(fmt::format("blk.{}.{}.weight", i, kind), shape);
  };
  add("token_embd.weight", {h.vocab, h.dim});
  add_layers("attn_norm", {h.dim});
  add_layers("attn_q", {h.dim, h.dim});
  add_layers("attn_k", {kv_cols(h), h.dim});
  add_layers("attn_v", {kv_cols(h), h.dim});
  add_layers("attn_output", {h.dim, h.dim});
  add_layers("ffn_norm", {h.dim});
  add_layers("ffn_gate", {h.ffn_dim, h.dim});
  add_layers("ffn_down", {h.dim, h.ffn_dim});
  add_layers("ffn_up", {h.ffn_dim, h.dim});
  add("output_norm.weight", {h.dim});
  offset += sizeof(float) * rotation_values(h);
  if (!h.tied_head) add("output.weight", {h.vocab, h.dim});
  CHECK(offset == map_.bytes().size());
}

void Llama2cFile::release(std::string_view name) const {
  if (const auto tensor = tensors_.find(name)) map_.release(tensor->planes[0]);
}

}  // namespace quandex
