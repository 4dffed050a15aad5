// What goes around the ids of a prompt: the stages "post_processor" of tokenizer.json, as one template.
#pragma once

#include <cstdint>
#include <vector>

#include "text/json_field.h"

namespace quandex {

class PostProcessor {
 public:
  PostProcessor() : items_{kText} {}
  // An absent field: nothing goes around a text. Ids must be below `n_vocab`. Throws Error{unsupported} or
  // Error{invalid_file} naming the field.
  PostProcessor(const JsonField& field, int n_vocab);

  std::vector<int32_t> apply(const std::vector<int32_t>& text) const;

  // The ids in front of the text, and behind it; nothing where the text is not there once.
  struct Around {
    std::vector<int32_t> before, after;
  };
  bool holds_text_once() const;
  Around around() const;

 private:
  static constexpr int32_t kText = -1;
  void wrap_in(const std::vector<int32_t>& items);
  void add(const JsonField& field, int n_vocab);

  std::vector<int32_t> items_;  // ids, and where the text goes
};

}  // namespace quandex
