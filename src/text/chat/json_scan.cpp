#include "text/chat/json_scan.h"

namespace quandex {
namespace {

constexpr size_t kMaxDepth = 64;  // as parse_json() allows
constexpr std::string_view kSpace = " \t\r\n";

bool may_stand_outside_strings(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("+-.,: \t\r\n").find(c) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

JsonScan::Result JsonScan::push(char c) {
  if (is_in_string_) return push_in_string(c);
  if (c == '{' || c == '[') {
    if (open_.size() >= kMaxDepth) return Result::invalid;
    open_ += c == '{' ? '}' : ']';
    return Result::more;
  }
  if (open_.empty()) return Result::invalid;
  if (c == '}' || c == ']') {
    if (c != open_.back()) return Result::invalid;
    open_.pop_back();
    return open_.empty() ? Result::complete : Result::more;
  }
  is_in_string_ = c == '"';
  return is_in_string_ || may_stand_outside_strings(c) ? Result::more : Result::invalid;
}

JsonScan::Result JsonScan::push_in_string(char c) {
  if (static_cast<unsigned char>(c) < 0x20) return Result::invalid;
  if (is_escaped_)
    is_escaped_ = false;
  else if (c == '\\')
    is_escaped_ = true;
  else if (c == '"')
    is_in_string_ = false;
  return Result::more;
}

std::vector<std::string_view> json_values(std::string_view container) {
  std::vector<std::string_view> values;
  const bool is_object = container.front() == '{';
  size_t depth = 0, begin = 0;
  bool is_in_string = false;
  const auto end_value = [&](size_t end) {
    const std::string_view value = trimmed(container.substr(begin, end - begin));
    if (!value.empty()) values.push_back(value);
    begin = end + 1;
  };
  for (size_t i = 0; i < container.size(); ++i) {
    const char c = container[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      is_in_string = c != '"';
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth == 1) begin = i + 1;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) end_value(i);
    } else if (depth == 1 && c == ',') {
      end_value(i);
    } else if (depth == 1 && c == ':' && is_object) {
      begin = i + 1;
    }
  }
  return values;
}

}  // namespace quandex
