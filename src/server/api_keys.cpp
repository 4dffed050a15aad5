#include "server/api_keys.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace quandex::server {
namespace {

constexpr std::string_view kScheme = "bearer ";

// The scheme's name has no case (RFC 9110, 11.1); one or more spaces follow it.
std::string_view bearer_token(std::string_view authorization) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (authorization.size() < kScheme.size() ||
      !std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, lower))
    return {};
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', kScheme.size()), authorization.size()));
  return authorization.substr(0, authorization.find_last_not_of(' ') + 1);
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  volatile unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference = difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other));
  }
  return difference == 0;
}

std::optional<size_t> ApiKeys::find(std::optional<std::string_view> authorization) const {
  const std::string_view given = bearer_token(authorization.value_or(std::string_view()));
  std::optional<size_t> found;
  for (size_t i = 0; i < keys_.size(); ++i)  // all of them, always
    if (equal_in_constant_time(given, keys_[i])) found = i;
  return found;
}

void ApiKeys::check(std::string_view key, std::string_view source) {
  if (key.empty()) throw Error(ErrorCode::invalid_argument, "{}: the API key is empty", source);
  const auto is_visible = [](char c) { return c > ' ' && c < 127; };
  if (!std::ranges::all_of(key, is_visible))
    throw Error(ErrorCode::invalid_argument,
                "{}: the API key has a character that no header can carry; expected visible ASCII without spaces",
                source);
}

std::vector<std::string> ApiKeys::read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::not_found, "{}: the file of API keys cannot be read", path);
  std::vector<std::string> keys;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    check(line, fmt::format("{} line {}", path, number));
    keys.push_back(line);
  }
  if (keys.empty()) throw Error(ErrorCode::invalid_file, "{}: found no API key, expected one a line", path);
  return keys;
}

}  // namespace quandex::server
