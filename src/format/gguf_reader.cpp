#include "format/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <unordered_set>

#include "base/byte_reader.h"
#include "base/error.h"
#include "base/shown.h"
#include "base/utf8.h"
#include "format/gguf_types.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read in place");

constexpr size_t kMaxNameBytes = 65535;  // of keys and tensor names, as the specification limits keys
// The fewest bytes that an entry can take; a count above the bytes left over these is refused before it is believed.
constexpr uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;             // length, one character, type, u8
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // length, one character, n_dims, one dim, type, offset

class Parser {
 public:
  Parser(std::span<const std::byte> file, std::string name)
      : file_(file), name_(std::move(name)), reader_(file, name_) {
    header_.metadata = Metadata(name_);
  }

  GgufHeader parse() {
    read_magic();
    const auto n_tensors = read_count("tensor count", kMinTensorBytes);
    const auto n_keys = read_count("key count", kMinKeyBytes);
    for (uint64_t i = 0; i < n_keys; ++i) read_key();
    read_alignment();
    header_.tensors.reserve(static_cast<size_t>(std::min(n_tensors, reader_.left() / kMinTensorBytes)));
    for (uint64_t i = 0; i < n_tensors; ++i) read_tensor();
    header_.data_offset = (reader_.position() + header_.alignment - 1) / header_.alignment * header_.alignment;
    check_layout();
    return std::move(header_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorCode::invalid_file, "{}: {}", name_, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void refuse_unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorCode::unsupported, "{}: {}", name_, fmt::format(format, std::forward<Args>(args)...));
  }

  // A string: its length, then its bytes.
  std::string_view text(std::string_view what) { return reader_.text(reader_.number<uint64_t>(what), what); }

  void read_magic();
  uint64_t read_count(std::string_view what, uint64_t min_entry_bytes);
  std::string read_name(std::string_view what);
  void read_key();
  MetaType read_type(std::string_view key);
  MetaValue read_value(MetaType type, std::string_view key);
  bool read_boolean(std::string_view key);
  MetaArray read_array(std::string_view key);
  void read_alignment();
  void read_tensor();
  void read_shape(GgufTensor& tensor);
  void check_layout() const;

  std::span<const std::byte> file_;
  std::string name_;
  ByteReader reader_;
  GgufHeader header_;
  std::unordered_set<std::string> tensor_names_;
};

void Parser::read_magic() {
  const auto magic = reader_.take(4, "magic");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    refuse("not a GGUF file: it starts with bytes {:02x} {:02x} {:02x} {:02x}, expected \"GGUF\"",
           static_cast<unsigned>(magic[0]), static_cast<unsigned>(magic[1]), static_cast<unsigned>(magic[2]),
           static_cast<unsigned>(magic[3]));
  }
  header_.version = reader_.number<uint32_t>("version");
  // A small version in the other byte order has its low half empty.
  if (header_.version != 0 && (header_.version & 0xFFFFu) == 0) {
    refuse_unsupported("big-endian GGUF files are not supported, expected little-endian");
  }
  if (header_.version != 2 && header_.version != 3) {
    refuse_unsupported("GGUF version {} is not supported, expected 2 or 3", header_.version);
  }
}

uint64_t Parser::read_count(std::string_view what, uint64_t min_entry_bytes) {
  const auto count = reader_.number<uint64_t>(what);
  if (count > reader_.left() / min_entry_bytes) {
    refuse("{} is {}, more than the {} bytes left can hold", what, count, reader_.left());
  }
  return count;
}

std::string Parser::read_name(std::string_view what) {
  const std::string_view name = text(what);
  if (name.empty()) refuse("{} at byte {} is empty", what, reader_.position());
  if (name.size() > kMaxNameBytes) {
    refuse("{} at byte {} is {} bytes long, expected at most {}", what, reader_.position() - name.size(), name.size(),
           kMaxNameBytes);
  }
  if (!is_valid_utf8(name)) refuse("{} '{}' is not valid UTF-8", what, shown(name));
  return std::string(name);
}

void Parser::read_key() {
  std::string key = read_name("key");
  if (header_.metadata.has(key)) refuse("key {} appears twice", shown(key));
  const MetaType type = read_type(key);
  MetaValue value = read_value(type, key);
  header_.metadata.set(std::move(key), std::move(value));
}

MetaType Parser::read_type(std::string_view key) {
  const auto id = reader_.number<uint32_t>("metadata type");
  if (id > static_cast<uint32_t>(MetaType::f64)) refuse("key {} has the unknown type id {}", shown(key), id);
  return static_cast<MetaType>(id);
}

bool Parser::read_boolean(std::string_view key) {
  const auto value = reader_.number<uint8_t>(key);
  if (value > 1) refuse("key {} is a bool of value {}, expected 0 or 1", shown(key), value);
  return value == 1;
}

MetaValue Parser::read_value(MetaType type, std::string_view key) {
  const auto as_unsigned = [](auto value) { return static_cast<uint64_t>(value); };
  const auto as_signed = [](auto value) { return static_cast<int64_t>(value); };
  switch (type) {
    case MetaType::u8:
      return {type, as_unsigned(reader_.number<uint8_t>(key))};
    case MetaType::u16:
      return {type, as_unsigned(reader_.number<uint16_t>(key))};
    case MetaType::u32:
      return {type, as_unsigned(reader_.number<uint32_t>(key))};
    case MetaType::u64:
      return {type, reader_.number<uint64_t>(key)};
    case MetaType::i8:
      return {type, as_signed(reader_.number<int8_t>(key))};
    case MetaType::i16:
      return {type, as_signed(reader_.number<int16_t>(key))};
    case MetaType::i32:
      return {type, as_signed(reader_.number<int32_t>(key))};
    case MetaType::i64:
      return {type, reader_.number<int64_t>(key)};
    case MetaType::f32:
      return {type, static_cast<double>(reader_.number<float>(key))};
    case MetaType::f64:
      return {type, reader_.number<double>(key)};
    case MetaType::boolean:
      return {type, read_boolean(key)};
    case MetaType::string:
      return {type, std::string(text(key))};
    case MetaType::array:
      break;
  }
  return {type, read_array(key)};
}

// Bytes of an array element; strings take at least their length.
uint64_t min_element_bytes(MetaType type) {
  switch (type) {
    case MetaType::u8:
    case MetaType::i8:
    case MetaType::boolean:
      return 1;
    case MetaType::u16:
    case MetaType::i16:
      return 2;
    case MetaType::u32:
    case MetaType::i32:
    case MetaType::f32:
      return 4;
    default:
      return 8;
  }
}

MetaArray Parser::read_array(std::string_view key) {
  MetaArray array;
  array.element = read_type(key);
  if (array.element == MetaType::array) refuse_unsupported("key {} is an array of arrays", shown(key));
  array.count = reader_.number<uint64_t>(key);
  const uint64_t element_bytes = min_element_bytes(array.element);
  if (array.count > reader_.left() / element_bytes) {
    refuse("key {} is an array of {} {} elements, more than the {} bytes left can hold", shown(key), array.count,
           meta_type_name(array.element), reader_.left());
  }
  if (array.element == MetaType::string) {
    array.strings.reserve(static_cast<size_t>(array.count));
    for (uint64_t i = 0; i < array.count; ++i) array.strings.emplace_back(text(key));
    return array;
  }
  const auto bytes = reader_.take(array.count * element_bytes, key);
  if (array.element == MetaType::boolean &&
      std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; })) {
    refuse("key {} holds a bool that is neither 0 nor 1", shown(key));
  }
  array.scalars.assign(bytes.begin(), bytes.end());
  return array;
}

void Parser::read_alignment() {
  const int64_t alignment = header_.metadata.integer("general.alignment", 32);
  // The specification asks for multiples of 8; the upper limit keeps sums of offsets far from overflow.
  if (alignment < 8 || alignment > (int64_t{1} << 32) || !std::has_single_bit(static_cast<uint64_t>(alignment))) {
    refuse("key general.alignment is {}, expected a power of two from 8 to 2^32", alignment);
  }
  header_.alignment = static_cast<uint64_t>(alignment);
}

void Parser::read_shape(GgufTensor& tensor) {
  const auto n_dims = reader_.number<uint32_t>("number of dimensions");
  if (n_dims < 1 || n_dims > 4) refuse("tensor {} has {} dimensions, expected 1 to 4", shown(tensor.name), n_dims);
  tensor.shape.resize(n_dims);
  for (uint32_t i = 0; i < n_dims; ++i) {  // the file has the fastest dimension first
    const auto dim = reader_.number<uint64_t>("dimension");
    if (dim == 0 || dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      refuse("tensor {} has a dimension of {}, expected 1 to 2^63 - 1", shown(tensor.name), dim);
    }
    tensor.shape[n_dims - 1 - i] = static_cast<int64_t>(dim);
  }
}

void Parser::read_tensor() {
  GgufTensor tensor;
  tensor.name = read_name("tensor name");
  if (!tensor_names_.insert(tensor.name).second) refuse("tensor {} appears twice", shown(tensor.name));
  read_shape(tensor);
  const auto type_id = reader_.number<uint32_t>("tensor type");
  tensor.offset = reader_.number<uint64_t>("tensor offset");
  const GgufType* const type = find_gguf_type(type_id);
  if (!type) refuse_unsupported("tensor {} has the unknown type id {}", shown(tensor.name), type_id);
  tensor.gguf_type = type->id;
  const auto n_values = value_count(tensor.shape);
  if (!n_values) refuse("tensor {} has more than 2^63 - 1 values", shown(tensor.name));
  if (tensor.offset % header_.alignment != 0) {
    refuse("tensor {} has offset {}, expected a multiple of {}", shown(tensor.name), tensor.offset, header_.alignment);
  }
  if (type->block_values > 0) {
    if (tensor.shape.back() % type->block_values != 0) {
      refuse("tensor {} has rows of {} values, expected a multiple of {} for {}", shown(tensor.name),
             tensor.shape.back(), type->block_values, type->name);
    }
    const auto size_bytes = tensor_bytes(*n_values, type->block_values, type->block_bytes);
    if (!size_bytes) refuse("tensor {} has more than 2^64 - 1 bytes", shown(tensor.name));
    tensor.size_bytes = *size_bytes;
  }
  header_.tensors.push_back(std::move(tensor));
}

void Parser::check_layout() const {
  const uint64_t data_bytes = header_.data_offset < file_.size() ? file_.size() - header_.data_offset : 0;
  const auto& tensors = header_.tensors;
  for (const GgufTensor& tensor : tensors) {
    if (tensor.offset > data_bytes || tensor.size_bytes > data_bytes - tensor.offset) {
      refuse("tensor {} takes {} bytes at offset {}, the file has {} bytes of tensor data: is it complete?",
             shown(tensor.name), tensor.size_bytes, tensor.offset, data_bytes);
    }
  }
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&tensors](size_t a, size_t b) {
    return std::pair(tensors[a].offset, tensors[a].size_bytes) < std::pair(tensors[b].offset, tensors[b].size_bytes);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor& before = tensors[order[i - 1]];
    const GgufTensor& after = tensors[order[i]];
    if (before.offset + before.size_bytes > after.offset) {
      refuse("tensors {} and {} overlap", shown(before.name), shown(after.name));
    }
  }
}

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> file, std::string name) {
  return Parser(file, std::move(name)).parse();
}

}  // namespace quandex
