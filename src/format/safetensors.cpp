#include "format/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/shown.h"

namespace quandex {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read in place");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own reader
constexpr std::string_view kMetadataKey = "__metadata__";

struct Type {
  std::string_view name;
  int bytes;  // 0 for those that pack several values into a byte
};
constexpr std::array kTypes = {
    Type{"F64", 8},     Type{"F32", 4},     Type{"F16", 2}, Type{"BF16", 2},    Type{"F8_E4M3", 1},
    Type{"F8_E5M2", 1}, Type{"F8_E8M0", 1}, Type{"I64", 8}, Type{"I32", 4},     Type{"I16", 2},
    Type{"I8", 1},      Type{"U64", 8},     Type{"U32", 4}, Type{"U16", 2},     Type{"U8", 1},
    Type{"BOOL", 1},    Type{"C64", 8},     Type{"F4", 0},  Type{"F6_E2M3", 0}, Type{"F6_E3M2", 0},
};

const Type* find_type(std::string_view name) {
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& other) { return other.name == name; });
  return type == kTypes.end() ? nullptr : &*type;
}

class HeaderParser {
 public:
  HeaderParser(std::span<const std::byte> file, std::string_view name) : file_(file), name_(name) {}

  SafetensorsHeader parse() {
    const std::string_view text = header_text();
    // Three levels are all that the format has.
    const Json json = parse_json(text, fmt::format("{}: header", name_), {.max_depth = 3});
    if (!json.is_object()) refuse("the header is {}, expected an object", json.type_name());
    for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
      if (key == kMetadataKey) {
        read_metadata(value);
      } else {
        read_tensor(key, value);
      }
    }
    check_layout();
    return std::move(header_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorCode::invalid_file, "{}: {}", name_, fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view header_text();
  void refuse_other_kinds() const;
  void read_metadata(const Json& value);
  void read_tensor(const std::string& name, const Json& value);
  std::vector<int64_t> read_shape(std::string_view tensor, const Json& value) const;
  std::pair<uint64_t, uint64_t> read_offsets(std::string_view tensor, const Json& value) const;
  uint64_t size_bytes(const SafetensorsTensor& tensor) const;
  void check_layout() const;

  std::span<const std::byte> file_;
  std::string_view name_;
  SafetensorsHeader header_;
};

// Files that are taken for this format by mistake; their first bytes make impossible lengths.
void HeaderParser::refuse_other_kinds() const {
  const std::string_view text(reinterpret_cast<const char*>(file_.data()), file_.size());
  if (text.starts_with("version https://git-lfs")) {
    refuse("is a pointer of Git LFS, expected the file it stands for (fetch it with `git lfs pull`)");
  }
  if (text.starts_with("GGUF")) refuse("is a GGUF file, expected safetensors");
  // Archives are zip files; before them came bare pickles of protocol 2 and up.
  if (text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02")) {
    throw Error(ErrorCode::unsupported, "{}: is a pickle of PyTorch, which is not read: {}", name_, kPickleHint);
  }
}

std::string_view HeaderParser::header_text() {
  if (file_.size() < kLengthBytes) refuse("has {} bytes, expected a header length of {}", file_.size(), kLengthBytes);
  uint64_t length = 0;
  std::memcpy(&length, file_.data(), sizeof(length));
  if (length > kMaxHeaderBytes) refuse_other_kinds();
  if (length > kMaxHeaderBytes) refuse("the header takes {} bytes, expected at most {}", length, kMaxHeaderBytes);
  if (length > file_.size() - kLengthBytes) {
    refuse("the header takes {} bytes, the file has {} left: is it complete?", length, file_.size() - kLengthBytes);
  }
  header_.data_offset = kLengthBytes + length;
  const std::string_view text(reinterpret_cast<const char*>(file_.data()) + kLengthBytes, static_cast<size_t>(length));
  if (!text.starts_with('{')) refuse("the header does not start with '{{': this is not a safetensors file");
  return text;
}

void HeaderParser::read_metadata(const Json& value) {
  if (!value.is_object()) refuse("{} is {}, expected an object", kMetadataKey, value.type_name());
  for (const auto& [key, entry] : value.get_ref<const Json::object_t&>()) {
    if (!entry.is_string()) refuse("{} of {} is {}, expected a string", shown(key), kMetadataKey, entry.type_name());
    header_.metadata.emplace_back(key, entry.get_ref<const std::string&>());
  }
}

void HeaderParser::read_tensor(const std::string& name, const Json& value) {
  if (name.empty()) refuse("a tensor has an empty name");
  if (!value.is_object()) refuse("tensor {} is {}, expected an object", shown(name), value.type_name());
  const Json *dtype = nullptr, *shape = nullptr, *offsets = nullptr;
  for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
    if (key == "dtype") dtype = &member;
    if (key == "shape") shape = &member;
    if (key == "data_offsets") offsets = &member;
  }
  if (!dtype || !dtype->is_string()) refuse("tensor {} has no dtype, expected a string", shown(name));
  if (!shape || !shape->is_array()) refuse("tensor {} has no shape, expected an array", shown(name));
  if (!offsets || !offsets->is_array()) refuse("tensor {} has no data_offsets, expected an array", shown(name));
  SafetensorsTensor tensor;
  tensor.name = name;
  tensor.dtype = dtype->get_ref<const std::string&>();
  tensor.shape = read_shape(name, *shape);
  const auto [begin, end] = read_offsets(name, *offsets);
  const uint64_t size = size_bytes(tensor);
  if (end - begin != size) {
    refuse("tensor {} takes {} bytes, expected {} for {} of shape [{}]", shown(name), end - begin, size, tensor.dtype,
           fmt::join(tensor.shape, ", "));
  }
  tensor.offset = header_.data_offset + begin;
  tensor.bytes = file_.subspan(static_cast<size_t>(tensor.offset), static_cast<size_t>(size));
  header_.tensors.push_back(std::move(tensor));
}

std::vector<int64_t> HeaderParser::read_shape(std::string_view tensor, const Json& value) const {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  std::vector<int64_t> shape;
  shape.reserve(value.size());
  for (const Json& dim : value) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > kMax) {
      refuse("tensor {} has a dimension of {}, expected 0 to 2^63 - 1", shown(tensor), shown(dim.dump()));
    }
    shape.push_back(dim.get<int64_t>());
  }
  return shape;
}

std::pair<uint64_t, uint64_t> HeaderParser::read_offsets(std::string_view tensor, const Json& value) const {
  if (value.size() != 2 || !value[0].is_number_unsigned() || !value[1].is_number_unsigned()) {
    refuse("tensor {} has data_offsets {}, expected two numbers of bytes", shown(tensor), shown(value.dump()));
  }
  const auto begin = value[0].get<uint64_t>(), end = value[1].get<uint64_t>();
  const uint64_t data_bytes = file_.size() - header_.data_offset;
  if (begin > end) refuse("tensor {} begins at byte {} and ends at {}", shown(tensor), begin, end);
  if (end > data_bytes) {
    refuse("tensor {} ends at byte {} of the data, the file has {}: is it complete?", shown(tensor), end, data_bytes);
  }
  return {begin, end};
}

uint64_t HeaderParser::size_bytes(const SafetensorsTensor& tensor) const {
  const Type* const type = find_type(tensor.dtype);
  if (!type) refuse("tensor {} has the unknown dtype '{}'", shown(tensor.name), shown(tensor.dtype));
  if (type->bytes == 0) {
    throw Error(ErrorCode::unsupported, "{}: tensor {} has dtype {}, which is not supported", name_, shown(tensor.name),
                type->name);
  }
  auto size = static_cast<uint64_t>(type->bytes);
  for (const int64_t dim : tensor.shape) {
    if (dim != 0 && size > std::numeric_limits<uint64_t>::max() / static_cast<uint64_t>(dim)) {
      refuse("tensor {} of shape [{}] has more than 2^64 - 1 bytes", shown(tensor.name), fmt::join(tensor.shape, ", "));
    }
    size *= static_cast<uint64_t>(dim);
  }
  return size;
}

// Each tensor begins where the one before it ends, and the last ends with the file.
void HeaderParser::check_layout() const {
  std::vector<const SafetensorsTensor*> order;
  order.reserve(header_.tensors.size());
  for (const SafetensorsTensor& tensor : header_.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const SafetensorsTensor* a, const SafetensorsTensor* b) {
    return std::pair(a->offset, a->bytes.size()) < std::pair(b->offset, b->bytes.size());
  });
  uint64_t end = header_.data_offset;
  std::string_view before = "the header";
  for (const SafetensorsTensor* const tensor : order) {
    if (tensor->offset < end) refuse("tensors {} and {} overlap", shown(before), shown(tensor->name));
    if (tensor->offset > end) {
      refuse("{} bytes between {} and {} belong to no tensor", tensor->offset - end, shown(before),
             shown(tensor->name));
    }
    end += tensor->bytes.size();
    before = tensor->name;
  }
  if (end != file_.size()) refuse("{} bytes after {} belong to no tensor", file_.size() - end, shown(before));
}

}  // namespace

std::optional<int> safetensors_type_bytes(std::string_view dtype) {
  const Type* const type = find_type(dtype);
  if (!type || type->bytes == 0) return std::nullopt;
  return type->bytes;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, std::string_view name) {
  return HeaderParser(file, name).parse();
}

}  // namespace quandex
