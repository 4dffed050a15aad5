#include "text/text_pattern.h"

#include "text/regex_syntax.h"

namespace quandex {

TextPattern::TextPattern(const JsonField& field) {
  field.object();
  if (const JsonField text = field["String"]; !text.is_absent()) {
    text_ = text.string();
    if (text_.empty()) text.refuse_unsupported("a text that is not empty");
    return;
  }
  const JsonField regex = field["Regex"];
  if (const auto difference = find_syntax_difference(regex.string()))
    regex.refuse_unsupported("a regular expression without " + *difference);
  regex_.emplace(regex.string(), regex.source());
}

void TextPattern::for_each(std::string_view text, FunctionRef<void(SplitPattern::Match)> visit) const {
  if (regex_) {
    regex_->for_each(text, visit);
    return;
  }
  size_t done = 0;
  for (size_t at; (at = text.find(text_, done)) != std::string_view::npos; done = at + text_.size())
    visit({at, at + text_.size()});
}

}  // namespace quandex
