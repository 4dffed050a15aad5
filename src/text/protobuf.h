// Reads the wire format of protocol buffers: a message is fields of a number and a value, each told by its wire type.
// https://protobuf.dev/programming-guides/encoding
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quandex {

class ProtobufReader {
 public:
  struct Field {
    uint32_t number = 0;
    uint32_t wire_type = 0;            // 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
    uint64_t scalar = 0;               // of all wire types but 2
    std::span<const std::byte> bytes;  // of wire type 2
    size_t offset = 0;                 // in the file
  };

  // `offset`: of the message in its file, for messages of errors. `source` must outlive the reader.
  ProtobufReader(std::span<const std::byte> message, std::string_view source, size_t offset = 0)
      : message_(message), source_(source), base_(offset) {}

  // The next field, nothing at the end. Throws Error{invalid_file} where the bytes are no field.
  std::optional<Field> next();

  // A field's value as a type; throws where it is of another.
  std::string_view text(const Field& field) const;
  ProtobufReader message(const Field& field) const;
  float real(const Field& field) const;
  bool boolean(const Field& field) const { return integer(field) != 0; }
  int32_t integer(const Field& field) const;

  [[noreturn]] void refuse(size_t offset, std::string_view found, std::string_view expected) const;

 private:
  uint64_t varint();
  uint64_t fixed(size_t n_bytes);
  void expect(const Field& field, uint32_t wire_type) const;

  std::span<const std::byte> message_;
  std::string_view source_;
  size_t base_ = 0;
  size_t position_ = 0;
};

}  // namespace quandex
