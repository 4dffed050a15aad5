#include "text/protobuf.h"

#include <bit>

#include "base/error.h"

namespace quandex {

void ProtobufReader::refuse(size_t offset, std::string_view found, std::string_view expected) const {
  throw Error(ErrorCode::invalid_file, "{}: byte {}: found {}, expected {}", source_, offset, found, expected);
}

uint64_t ProtobufReader::varint() {
  constexpr int kMaxBytes = 10;  // of 64 bits, seven a byte
  const size_t begin = position_;
  uint64_t value = 0;
  for (int i = 0; i < kMaxBytes; ++i) {
    if (position_ == message_.size()) refuse(base_ + begin, "a number that the end cuts off", "all its bytes");
    const auto byte = std::to_integer<uint64_t>(message_[position_++]);
    value |= (byte & 0x7F) << (7 * i);
    if (byte < 0x80) return value;
  }
  refuse(base_ + begin, "a number of more than ten bytes", "one of 64 bits");
}

uint64_t ProtobufReader::fixed(size_t n_bytes) {
  if (message_.size() - position_ < n_bytes)
    refuse(base_ + position_, fmt::format("{} bytes to the end", message_.size() - position_),
           fmt::format("a value of {}", n_bytes));
  uint64_t value = 0;
  for (size_t i = 0; i < n_bytes; ++i) value |= std::to_integer<uint64_t>(message_[position_++]) << (8 * i);
  return value;
}

std::optional<ProtobufReader::Field> ProtobufReader::next() {
  if (position_ == message_.size()) return std::nullopt;
  Field field;
  field.offset = base_ + position_;
  const uint64_t tag = varint();
  if (tag >> 3 == 0 || tag >> 32 != 0) refuse(field.offset, fmt::format("the tag {}", tag), "the number of a field");
  field.number = static_cast<uint32_t>(tag >> 3);
  field.wire_type = static_cast<uint32_t>(tag & 7);
  switch (field.wire_type) {
    case 0:
      field.scalar = varint();
      break;
    case 1:
      field.scalar = fixed(8);
      break;
    case 5:
      field.scalar = fixed(4);
      break;
    case 2: {
      const uint64_t size = varint();
      if (size > message_.size() - position_)
        refuse(field.offset, fmt::format("a field of {} bytes", size),
               fmt::format("at most the {} that are there", message_.size() - position_));
      field.bytes = message_.subspan(position_, static_cast<size_t>(size));
      position_ += static_cast<size_t>(size);
      break;
    }
    default:
      refuse(field.offset, fmt::format("the wire type {}", field.wire_type), "0, 1, 2 or 5");
  }
  return field;
}

void ProtobufReader::expect(const Field& field, uint32_t wire_type) const {
  if (field.wire_type != wire_type)
    refuse(field.offset, fmt::format("field {} with the wire type {}", field.number, field.wire_type),
           fmt::format("the wire type {}", wire_type));
}

std::string_view ProtobufReader::text(const Field& field) const {
  expect(field, 2);
  return {reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size()};
}

ProtobufReader ProtobufReader::message(const Field& field) const {
  expect(field, 2);
  return {field.bytes, source_, base_ + static_cast<size_t>(field.bytes.data() - message_.data())};
}

float ProtobufReader::real(const Field& field) const {
  expect(field, 5);
  return std::bit_cast<float>(static_cast<uint32_t>(field.scalar));
}

int32_t ProtobufReader::integer(const Field& field) const {
  expect(field, 0);
  return static_cast<int32_t>(static_cast<uint32_t>(field.scalar));  // negative ones are written in 64 bits
}

}  // namespace quandex
