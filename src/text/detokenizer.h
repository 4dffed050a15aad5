// Token ids to text as they come: emits only whole UTF-8 characters, and holds back what may yet become a stop string.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "text/tokenizer.h"

namespace quandex {

class Detokenizer {
 public:
  // The tokenizer must outlive it. `special`: control tokens are shown as their text.
  Detokenizer(const Tokenizer& tokenizer, std::vector<std::string> stop_strings, bool special,
              bool at_start_of_text = false);

  // Shows these control tokens from now on where `special` is false: markers that a parser of the text looks for.
  void show(std::span<const int32_t> tokens) { shown_.insert(tokens.begin(), tokens.end()); }

  // Text that is now safe to show; it never ends inside a character nor overlaps a stop string. Bytes that cannot
  // become valid UTF-8 come out as U+FFFD.
  std::string push(int32_t token);

  // A stop string has been completed: nothing more will be emitted, and the text up to it has been.
  bool is_stopped() const { return is_stopped_; }

  // The rest: held-back text, an unfinished character as U+FFFD. Empty after a stop.
  std::string finish();

 private:
  std::string take_ready(bool all);

  std::unique_ptr<TokenStream> stream_;
  std::vector<std::string> stop_strings_;
  std::unordered_set<int32_t> shown_;  // control tokens to show all the same
  bool special_;
  bool is_stopped_ = false;
  std::string pending_;  // bytes not yet emitted
};

}  // namespace quandex
