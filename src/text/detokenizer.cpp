#include "text/detokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace quandex {
namespace {

// Of the stop strings that the text holds, the one completed first (of those the longest) begins here. Bytes that come
// later cannot change that, so the answer does not depend on how the text is cut into tokens.
std::optional<size_t> find_stop(std::string_view text, const std::vector<std::string>& stops) {
  size_t first_end = std::string_view::npos;
  std::optional<size_t> begin;
  for (const std::string& stop : stops) {
    const size_t at = text.find(stop);
    if (at == std::string_view::npos || at + stop.size() > first_end) continue;
    begin = at + stop.size() < first_end ? at : std::min(*begin, at);
    first_end = at + stop.size();
  }
  return begin;
}

// Bytes at the end of the text that may be the beginning of a stop string.
size_t held_back(std::string_view text, const std::vector<std::string>& stops) {
  size_t held = 0;
  for (const std::string& stop : stops) {
    size_t n = std::min(stop.size() - 1, text.size());
    while (n > held && !text.ends_with(std::string_view(stop).substr(0, n))) --n;
    held = std::max(held, n);
  }
  return held;
}

}  // namespace

Detokenizer::Detokenizer(const Tokenizer& tokenizer, std::vector<std::string> stop_strings, bool special,
                         bool at_start_of_text)
    : stream_(tokenizer.stream(at_start_of_text)), stop_strings_(std::move(stop_strings)), special_(special) {
  std::erase(stop_strings_, std::string());
  for (std::string& stop : stop_strings_) stop = to_valid_utf8(stop);
}

std::string Detokenizer::push(int32_t token) {
  if (is_stopped_) return {};
  const size_t begin = pending_.size();
  stream_->push(token, special_ || shown_.contains(token), pending_);
  return pending_.size() == begin ? std::string() : take_ready(false);
}

std::string Detokenizer::finish() {
  if (is_stopped_) return {};
  stream_->finish(pending_);
  return take_ready(true);
}

std::string Detokenizer::take_ready(bool all) {
  // Whole characters in front, then the bytes of one that is not complete yet.
  size_t n_whole = pending_.size() - (all ? 0 : incomplete_utf8_suffix(pending_));
  if (!is_valid_utf8(std::string_view(pending_).substr(0, n_whole))) {
    std::string repaired = to_valid_utf8(std::string_view(pending_).substr(0, n_whole));
    const size_t n_repaired = repaired.size();
    pending_ = repaired.append(pending_, n_whole);
    n_whole = n_repaired;
  }
  const std::string_view whole = std::string_view(pending_).substr(0, n_whole);
  if (const auto stop = find_stop(whole, stop_strings_)) {
    is_stopped_ = true;
    std::string ready(whole.substr(0, *stop));
    pending_.clear();
    return ready;
  }
  const size_t n_ready = all ? n_whole : n_whole - held_back(whole, stop_strings_);
  std::string ready(whole.substr(0, n_ready));
  pending_.erase(0, n_ready);
  return ready;
}

}  // namespace quandex
