#include "format/shard_name.h"

#include <fmt/format.h>

namespace quandex {
namespace {

constexpr size_t kDigits = 5;
constexpr std::string_view kBetween = "-of-";

std::optional<int> digits_at(std::string_view text, size_t at) {
  int value = 0;
  for (const char c : text.substr(at, kDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string ShardName::text() const { return fmt::format("{}-{:05}-of-{:05}{}", stem, number, count, extension); }

ShardName ShardName::with_number(int other_number) const {
  ShardName other = *this;
  other.number = other_number;
  return other;
}

std::optional<ShardName> parse_shard_name(std::string_view file_name) {
  constexpr size_t kNumbers = 1 + kDigits + kBetween.size() + kDigits;
  const size_t dot = file_name.find_last_of('.');
  if (dot == std::string_view::npos || dot <= kNumbers) return std::nullopt;
  const size_t dash = dot - kNumbers;
  if (file_name[dash] != '-' || file_name.substr(dash + 1 + kDigits, kBetween.size()) != kBetween) return std::nullopt;
  const auto number = digits_at(file_name, dash + 1);
  const auto count = digits_at(file_name, dot - kDigits);
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return ShardName{std::string(file_name.substr(0, dash)), *number, *count, std::string(file_name.substr(dot))};
}

}  // namespace quandex
