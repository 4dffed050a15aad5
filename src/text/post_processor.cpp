#include "text/post_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/shown.h"

namespace quandex {
namespace {

constexpr size_t kMaxItems = 4096;  // templates in templates multiply

void check_size(const JsonField& field, size_t n_items) {
  if (n_items > kMaxItems) field.refuse_unsupported(fmt::format("at most {} tokens", kMaxItems));
}

int32_t parse_id(const JsonField& field, int n_vocab) {
  const int64_t id = field.integer();
  if (id < 0 || id >= n_vocab) field.refuse(fmt::format("an id below {}", n_vocab));
  return static_cast<int32_t>(id);
}

// ["[SEP]", 102]
int32_t parse_pair(const JsonField& field, int n_vocab) {
  if (field.size() != 2) field.refuse("a token and its id");
  return parse_id(field[1], n_vocab);
}

}  // namespace

PostProcessor::PostProcessor(const JsonField& field, int n_vocab) : items_{kText} { add(field, n_vocab); }

void PostProcessor::wrap_in(const std::vector<int32_t>& items) {
  std::vector<int32_t> wrapped;
  for (const int32_t item : items) {
    if (item == kText)
      wrapped.insert(wrapped.end(), items_.begin(), items_.end());
    else
      wrapped.push_back(item);
  }
  items_ = std::move(wrapped);
}

void PostProcessor::add(const JsonField& field, int n_vocab) {
  if (field.is_absent()) return;
  const std::string& type = field["type"].string();
  if (type == "Sequence") {
    for (size_t i = 0; i < field["processors"].size(); ++i) add(field["processors"][i], n_vocab);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    wrap_in({parse_pair(field["cls"], n_vocab), kText, parse_pair(field["sep"], n_vocab)});
  } else if (type == "TemplateProcessing") {
    std::vector<int32_t> items;
    const JsonField single = field["single"];
    check_size(single, single.size());
    for (size_t i = 0; i < single.size(); ++i) {
      if (!single[i]["Sequence"].is_absent()) {
        if (single[i]["Sequence"]["id"].string() != "A") single[i].refuse_unsupported("the sequence A");
        items.push_back(kText);
        continue;
      }
      const std::string& name = single[i]["SpecialToken"]["id"].string();
      const JsonField ids = field["special_tokens"][name]["ids"];
      check_size(ids, items.size() + ids.array().size());
      for (size_t k = 0; k < ids.size(); ++k) items.push_back(parse_id(ids[k], n_vocab));
    }
    wrap_in(items);
  } else if (type != "ByteLevel") {  // that one is of offsets only
    field["type"].refuse_unsupported(
        "Sequence or one of: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel");
  }
  check_size(field, items_.size());
}

std::vector<int32_t> PostProcessor::apply(const std::vector<int32_t>& text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() + items_.size());
  for (const int32_t item : items_) {
    if (item == kText)
      ids.insert(ids.end(), text.begin(), text.end());
    else
      ids.push_back(item);
  }
  return ids;
}

bool PostProcessor::holds_text_once() const { return std::ranges::count(items_, kText) == 1; }

PostProcessor::Around PostProcessor::around() const {
  const auto text = std::ranges::find(items_, kText);
  if (text == items_.end()) return {items_, {}};
  return {{items_.begin(), text}, {text + 1, items_.end()}};
}

}  // namespace quandex
