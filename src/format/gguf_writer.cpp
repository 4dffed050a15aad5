#include "format/gguf.h"

#include <bit>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/atomic_file.h"
#include "base/check.h"
#include "base/error.h"
#include "base/utf8.h"
#include "format/gguf_types.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

class ByteSink {
 public:
  template <typename T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void raw(std::span<const std::byte> bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void text(std::string_view text) {
    number(static_cast<uint64_t>(text.size()));
    bytes_.append(text);
  }
  void magic(std::string_view magic) { bytes_.append(magic); }
  void pad(uint64_t alignment) { bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0'); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void put_array(ByteSink& sink, const MetaArray& array) {
  sink.number(static_cast<uint32_t>(array.element));
  sink.number(array.count);
  if (array.element == MetaType::string) {
    CHECK(array.strings.size() == array.count);
    for (const std::string& text : array.strings) sink.text(text);
  } else {
    CHECK(array.element != MetaType::array);
    sink.raw(array.scalars);
  }
}

void put_value(ByteSink& sink, const MetaValue& value) {
  const auto put_unsigned = [&]<typename T>(T) { sink.number(static_cast<T>(std::get<uint64_t>(value.value))); };
  const auto put_signed = [&]<typename T>(T) { sink.number(static_cast<T>(std::get<int64_t>(value.value))); };
  switch (value.type) {
    case MetaType::u8:
      return put_unsigned(uint8_t{});
    case MetaType::u16:
      return put_unsigned(uint16_t{});
    case MetaType::u32:
      return put_unsigned(uint32_t{});
    case MetaType::u64:
      return put_unsigned(uint64_t{});
    case MetaType::i8:
      return put_signed(int8_t{});
    case MetaType::i16:
      return put_signed(int16_t{});
    case MetaType::i32:
      return put_signed(int32_t{});
    case MetaType::i64:
      return put_signed(int64_t{});
    case MetaType::f32:
      return sink.number(static_cast<float>(std::get<double>(value.value)));
    case MetaType::f64:
      return sink.number(std::get<double>(value.value));
    case MetaType::boolean:
      return sink.number(static_cast<uint8_t>(std::get<bool>(value.value)));
    case MetaType::string:
      return sink.text(std::get<std::string>(value.value));
    case MetaType::array:
      return put_array(sink, std::get<MetaArray>(value.value));
  }
}

uint64_t align_up(uint64_t offset, uint64_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

uint64_t read_alignment(const Metadata& metadata, const std::filesystem::path& path) {
  const int64_t alignment = metadata.integer("general.alignment", 32);
  if (alignment < 8 || alignment > (int64_t{1} << 20) || !std::has_single_bit(static_cast<uint64_t>(alignment))) {
    throw Error(ErrorCode::invalid_argument, "{}: general.alignment is {}, expected a power of two from 8 to 2^20",
                path.string(), alignment);
  }
  return static_cast<uint64_t>(alignment);
}

}  // namespace

struct GgufWriter::State {
  State(std::filesystem::path path, Metadata all_metadata)
      : metadata(std::move(all_metadata)), alignment(read_alignment(metadata, path)), file(std::move(path)) {}

  Metadata metadata;
  uint64_t alignment;
  AtomicFile file;
  std::vector<GgufTensor> tensors;
  std::unordered_set<std::string> names;
  uint64_t data_bytes = 0;  // of all declared tensors, each padded to the alignment
  bool has_header = false;
  size_t current = 0;          // tensor being written
  uint64_t current_bytes = 0;  // written of it

  std::string header_bytes() const {
    ByteSink sink;
    sink.magic("GGUF");
    sink.number(uint32_t{3});
    sink.number(static_cast<uint64_t>(tensors.size()));
    sink.number(static_cast<uint64_t>(metadata.entries().size()));
    for (const auto& [key, value] : metadata.entries()) {
      sink.text(key);
      sink.number(static_cast<uint32_t>(value.type));
      put_value(sink, value);
    }
    for (const GgufTensor& tensor : tensors) {
      sink.text(tensor.name);
      sink.number(static_cast<uint32_t>(tensor.shape.size()));
      for (size_t i = tensor.shape.size(); i-- > 0;) sink.number(static_cast<uint64_t>(tensor.shape[i]));
      sink.number(static_cast<uint32_t>(tensor.gguf_type));
      sink.number(tensor.offset);
    }
    sink.pad(alignment);
    return sink.take();
  }

  void ensure_header() {
    if (has_header) return;
    const std::string header = header_bytes();
    file.write(header);
    has_header = true;
  }

  void finish_tensor() {
    file.write(std::vector<std::byte>(align_up(current_bytes, alignment) - current_bytes));
    ++current;
    current_bytes = 0;
  }
};

GgufWriter::GgufWriter(std::filesystem::path path, Metadata metadata)
    : state_(std::make_unique<State>(std::move(path), std::move(metadata))) {}

GgufWriter::~GgufWriter() = default;

void GgufWriter::declare(std::string name, DType type, std::vector<int64_t> shape) {
  State& state = *state_;
  CHECK(!state.has_header);
  const Format& format = format_of(type);
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorCode::invalid_argument, "{}: tensor {} of type {} and shape [{}]: {}", state.file.path().string(),
                name, format.name, fmt::join(shape, ", "), why);
  };
  if (format.gguf_id == kNoGgufId) refuse("GGUF has no such type");
  if (name.empty() || !is_valid_utf8(name)) refuse("the name is empty or not UTF-8");
  if (shape.empty() || shape.size() > 4) refuse("expected 1 to 4 dimensions");
  const auto n_values = value_count(shape);
  if (!n_values) refuse("expected positive dimensions with a product below 2^63");
  if (shape.back() % format.block_values != 0) refuse("rows must be whole blocks");
  const auto size_bytes = tensor_bytes(*n_values, format.block_values, format.block_bytes);
  if (!size_bytes || *size_bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) - state.data_bytes) {
    refuse("the file would be larger than 2^63 - 1 bytes");
  }
  if (!state.names.insert(name).second) refuse("declared twice");
  GgufTensor tensor;
  tensor.name = std::move(name);
  tensor.gguf_type = format.gguf_id;
  tensor.shape = std::move(shape);
  tensor.offset = state.data_bytes;
  tensor.size_bytes = *size_bytes;
  state.data_bytes = align_up(state.data_bytes + *size_bytes, state.alignment);
  state.tensors.push_back(std::move(tensor));
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  State& state = *state_;
  CHECK(state.file.is_open());
  if (bytes.empty()) return;
  if (state.current == state.tensors.size()) {
    throw Error(ErrorCode::invalid_argument, "{}: {} bytes after the last declared tensor", state.file.path().string(),
                bytes.size());
  }
  const GgufTensor& tensor = state.tensors[state.current];
  if (bytes.size() > tensor.size_bytes - state.current_bytes) {
    throw Error(ErrorCode::invalid_argument, "{}: tensor {} given {} bytes, expected {}", state.file.path().string(),
                tensor.name, state.current_bytes + bytes.size(), tensor.size_bytes);
  }
  state.ensure_header();
  state.file.write(bytes);
  state.current_bytes += bytes.size();
  if (state.current_bytes == tensor.size_bytes) state.finish_tensor();
}

void GgufWriter::finish() {
  State& state = *state_;
  CHECK(state.file.is_open());
  if (state.current != state.tensors.size()) {
    const GgufTensor& tensor = state.tensors[state.current];
    throw Error(ErrorCode::invalid_argument, "{}: tensor {} has {} bytes, expected {}", state.file.path().string(),
                tensor.name, state.current_bytes, tensor.size_bytes);
  }
  state.ensure_header();
  state.file.finish();
}

uint64_t GgufWriter::total_bytes() const { return state_->header_bytes().size() + state_->data_bytes; }

}  // namespace quandex
