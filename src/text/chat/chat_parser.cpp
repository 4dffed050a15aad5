#include "text/chat/chat_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/chat/call_reader.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// splitmix64: distinct for distinct seeds and indices, and spread over the whole range.
uint64_t mixed(uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

std::string make_id(uint64_t seed, uint64_t index) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  uint64_t bits = mixed(mixed(seed) + index);
  std::string id(9, '0');
  for (char& c : id) {
    c = kDigits[bits % kDigits.size()];
    bits /= kDigits.size();
  }
  return id;
}

struct Marker {
  enum class Kind : uint8_t { reasoning, answer, answer_end, call };
  Kind kind;
  std::string text;
  CallForm form = CallForm::tagged_json;  // of a call
};

std::vector<Marker> call_markers(ToolSyntax syntax) {
  using enum Marker::Kind;
  switch (syntax) {
    case ToolSyntax::tagged_json:
      return {{call, std::string(kToolCallOpen), CallForm::tagged_json}};
    case ToolSyntax::llama3_json:
      return {{call, std::string(kPythonTag), CallForm::llama3_tagged}};
    case ToolSyntax::mistral_array:
    case ToolSyntax::mistral_named:
      return {{call, std::string(kMistralCalls), CallForm::mistral}};
    case ToolSyntax::none:
    case ToolSyntax::unsupported:
      return {};
  }
  return {};
}

// The longest marker that the text begins with. `may_grow`: with more text it could begin with a longer one.
const Marker* find_marker(const std::vector<Marker>& markers, std::string_view text, bool& may_grow) {
  const Marker* longest = nullptr;
  may_grow = false;
  for (const Marker& marker : markers) {
    if (text.starts_with(marker.text)) {
      if (longest == nullptr || marker.text.size() > longest->text.size()) longest = &marker;
    } else if (marker.text.starts_with(text)) {
      may_grow = true;
    }
  }
  return longest;
}

// Bytes at the end of the text that may be the beginning of the word.
size_t held_back(std::string_view text, std::string_view word) {
  size_t n = std::min(word.size() - 1, text.size());
  while (n > 0 && !text.ends_with(word.substr(0, n))) --n;
  return n;
}

}  // namespace

class ChatParser::State {
 public:
  State(const ChatFormat& format, const ChatParserOptions& options);
  ChatDelta push(std::string_view text, bool is_end);
  bool is_reasoning() const { return stage_ == Stage::reasoning_begin || stage_ == Stage::reasoning; }

 private:
  // opening: nothing but white space and finished blocks so far, so reasoning may begin; answer_begin: newlines behind
  // a tag; calls_end: behind a call.
  enum class Stage : uint8_t { opening, reasoning_begin, reasoning, answer_begin, content, call, calls_end };

  bool step(bool is_end);  // false: needs more text
  bool step_opening(bool is_end);
  bool step_reasoning_begin(bool is_end);
  bool step_reasoning(bool is_end);
  bool step_answer_begin(bool is_end);
  bool step_content(bool is_end);
  bool step_call(bool is_end);
  bool step_calls_end(bool is_end);
  void end_text();

  bool begin(Marker marker);  // by value: the markers change inside
  bool begin_call(CallForm form, size_t n_marker_bytes);
  void add(ChatPart::Kind kind, std::string_view text);
  void add_content(std::string_view text);
  void add_calls(std::vector<ReadCall> calls);
  void hold(size_t n_bytes) { held_ += take(n_bytes); }
  void flush(ChatPart::Kind kind) { add(kind, std::exchange(held_, {})); }

  std::string_view rest() const { return std::string_view(pending_).substr(at_); }
  std::string_view take(size_t n_bytes) {
    at_ += n_bytes;
    return std::string_view(pending_).substr(at_ - n_bytes, n_bytes);
  }

  std::optional<ReasoningTags> tags_;
  std::vector<Marker> opening_markers_, content_markers_;
  std::string marker_starts_;  // first bytes of content_markers_
  bool takes_bare_calls_ = false;
  bool is_tag_in_prompt_;  // and may be written once more
  uint64_t id_seed_, n_calls_ = 0;

  Stage stage_ = Stage::opening;
  std::string pending_;  // from at_ on: text that has not been looked at, or not enough of it
  size_t at_ = 0;
  std::string held_;  // what stands before pending_ and waits for what follows it: white space, a closing tag
  bool is_answer_closed_ = false;  // held_ has the closing tag
  std::optional<CallReader> reader_;
  ChatDelta delta_;
};

ChatParser::State::State(const ChatFormat& format, const ChatParserOptions& options)
    : tags_(format.reasoning),
      is_tag_in_prompt_(options.prompt_end == PromptEnd::in_reasoning),
      id_seed_(options.id_seed) {
  if (options.has_tools) content_markers_ = call_markers(format.tools);
  takes_bare_calls_ = options.has_tools && format.tools == ToolSyntax::llama3_json;
  opening_markers_ = content_markers_;
  if (tags_) {
    CHECK(!tags_->close.empty());
    if (!tags_->open.empty()) opening_markers_.push_back({Marker::Kind::reasoning, tags_->open});
    for (const std::string& open : tags_->answer_opens)
      if (!open.empty()) opening_markers_.push_back({Marker::Kind::answer, open});
    if (!tags_->answer_close.empty()) content_markers_.push_back({Marker::Kind::answer_end, tags_->answer_close});
    if (options.prompt_end == PromptEnd::in_reasoning) stage_ = Stage::reasoning_begin;
    if (options.prompt_end == PromptEnd::past_reasoning) stage_ = Stage::answer_begin;
  }
  for (const Marker& marker : content_markers_) marker_starts_ += marker.text.front();
}

ChatDelta ChatParser::State::push(std::string_view text, bool is_end) {
  pending_ += text;
  while (step(is_end)) {
  }
  if (is_end) end_text();
  pending_.erase(0, at_);
  at_ = 0;
  return std::exchange(delta_, {});
}

bool ChatParser::State::step(bool is_end) {
  switch (stage_) {
    case Stage::opening:
      return step_opening(is_end);
    case Stage::reasoning_begin:
      return step_reasoning_begin(is_end);
    case Stage::reasoning:
      return step_reasoning(is_end);
    case Stage::answer_begin:
      return step_answer_begin(is_end);
    case Stage::content:
      return step_content(is_end);
    case Stage::call:
      return step_call(is_end);
    case Stage::calls_end:
      return step_calls_end(is_end);
  }
  return false;
}

bool ChatParser::State::step_opening(bool is_end) {
  hold(std::min(rest().find_first_not_of(kSpace), rest().size()));
  if (rest().empty()) return false;
  bool may_grow = false;
  const Marker* marker = find_marker(opening_markers_, rest(), may_grow);
  if (may_grow && !is_end) return false;
  if (marker != nullptr) return begin(*marker);
  if (takes_bare_calls_ && rest().front() == '{') return begin_call(CallForm::llama3_bare, 0);
  stage_ = Stage::content;
  return true;
}

bool ChatParser::State::begin(Marker marker) {
  if (marker.kind == Marker::Kind::call) return begin_call(marker.form, marker.text.size());
  hold(marker.text.size());
  if (marker.kind == Marker::Kind::answer_end) {
    is_answer_closed_ = true;
    return true;
  }
  flush(ChatPart::Kind::markup);
  is_tag_in_prompt_ = false;
  stage_ = Stage::reasoning_begin;
  if (marker.kind == Marker::Kind::answer) {  // nothing but the answer comes behind this mark
    stage_ = Stage::answer_begin;
    std::erase_if(opening_markers_, [](const Marker& other) { return other.kind == Marker::Kind::reasoning; });
  }
  return true;
}

bool ChatParser::State::step_reasoning_begin(bool is_end) {
  hold(std::min(rest().find_first_not_of('\n'), rest().size()));
  const std::string& open = tags_->open;
  if (is_tag_in_prompt_ && !open.empty() && !is_end && rest().size() < open.size() && open.starts_with(rest()))
    return false;
  if (rest().empty()) return false;
  if (is_tag_in_prompt_ && !open.empty() && rest().starts_with(open)) {
    hold(open.size());
    is_tag_in_prompt_ = false;
    return true;
  }
  flush(ChatPart::Kind::markup);
  stage_ = Stage::reasoning;
  return true;
}

bool ChatParser::State::step_reasoning(bool is_end) {
  const size_t close = rest().find(tags_->close);
  const bool is_closed = close != std::string_view::npos;
  const size_t n_ready = is_closed ? close : rest().size() - (is_end ? 0 : held_back(rest(), tags_->close));
  const std::string_view text = take(n_ready);
  const size_t n_shown = text.find_last_not_of('\n') + 1;  // npos + 1 is 0
  if (n_shown > 0) {
    flush(ChatPart::Kind::reasoning);
    add(ChatPart::Kind::reasoning, text.substr(0, n_shown));
  }
  held_ += text.substr(n_shown);
  if (!is_closed) return false;
  hold(tags_->close.size());
  flush(ChatPart::Kind::markup);
  stage_ = Stage::answer_begin;
  return true;
}

bool ChatParser::State::step_answer_begin(bool /*is_end*/) {
  add(ChatPart::Kind::markup, take(std::min(rest().find_first_not_of('\n'), rest().size())));
  if (rest().empty()) return false;
  stage_ = Stage::opening;
  return true;
}

bool ChatParser::State::step_content(bool is_end) {
  for (size_t at = 0;;) {
    at = std::min(rest().find_first_of(marker_starts_, at), rest().size());
    if (at == rest().size()) {
      add_content(take(at));
      return false;
    }
    bool may_grow = false;
    const Marker* marker = find_marker(content_markers_, rest().substr(at), may_grow);
    if (marker != nullptr || (may_grow && !is_end)) {
      add_content(take(at));
      return marker != nullptr && begin(*marker);
    }
    ++at;
  }
}

bool ChatParser::State::begin_call(CallForm form, size_t n_marker_bytes) {
  reader_.emplace(form, take(n_marker_bytes));
  stage_ = Stage::call;
  return true;
}

bool ChatParser::State::step_call(bool is_end) {
  size_t n_taken = 0;
  const CallReader::Outcome outcome = reader_->read(rest(), is_end, n_taken);
  take(n_taken);
  if (outcome == CallReader::Outcome::more) return false;
  if (outcome == CallReader::Outcome::calls) {
    flush(ChatPart::Kind::markup);
    is_answer_closed_ = false;
    add_calls(reader_->take_calls());
    stage_ = Stage::calls_end;
  } else {
    stage_ = Stage::content;
    add_content(reader_->text());
  }
  reader_.reset();
  return true;
}

bool ChatParser::State::step_calls_end(bool is_end) {
  hold(std::min(rest().find_first_not_of(kSpace), rest().size()));
  if (rest().empty()) return false;
  bool may_grow = false;
  const Marker* marker = find_marker(content_markers_, rest(), may_grow);
  if (marker == nullptr && may_grow && !is_end) return false;
  if (marker != nullptr) return begin(*marker);
  stage_ = Stage::content;
  return true;
}

// What is held at the end: white space behind calls and tags is markup, any other belongs to the text before it.
void ChatParser::State::end_text() {
  using enum ChatPart::Kind;
  const bool is_markup = stage_ == Stage::calls_end || stage_ == Stage::reasoning_begin || is_answer_closed_;
  flush(is_markup ? markup : stage_ == Stage::reasoning ? reasoning : content);
}

void ChatParser::State::add(ChatPart::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (kind == ChatPart::Kind::reasoning) delta_.reasoning += text;
  if (kind == ChatPart::Kind::content) delta_.content += text;
  if (delta_.parts.empty() || delta_.parts.back().kind != kind)
    delta_.parts.push_back({kind, std::string(text)});
  else
    delta_.parts.back().text += text;
}

// White space at the end waits, since before a call it is markup.
void ChatParser::State::add_content(std::string_view text) {
  const size_t n_shown = content_markers_.empty() ? text.size() : text.find_last_not_of(kSpace) + 1;
  if (n_shown > 0) {
    flush(ChatPart::Kind::content);
    is_answer_closed_ = false;
    add(ChatPart::Kind::content, text.substr(0, n_shown));
  }
  held_ += text.substr(n_shown);
}

void ChatParser::State::add_calls(std::vector<ReadCall> calls) {
  for (ReadCall& read : calls) {
    if (read.call.id.empty()) read.call.id = make_id(id_seed_, n_calls_);
    ++n_calls_;
    delta_.tool_calls.push_back(std::move(read.call));
    delta_.parts.push_back({ChatPart::Kind::tool_call, std::move(read.text)});
  }
}

ChatParser::ChatParser(const ChatFormat& format, const ChatParserOptions& options)
    : state_(std::make_unique<State>(format, options)) {}
ChatParser::ChatParser(ChatParser&&) noexcept = default;
ChatParser& ChatParser::operator=(ChatParser&&) noexcept = default;
ChatParser::~ChatParser() = default;

ChatDelta ChatParser::push(std::string_view text) { return state_->push(text, false); }
ChatDelta ChatParser::finish() { return state_->push({}, true); }
bool ChatParser::is_reasoning() const { return state_->is_reasoning(); }

ChatResult parse_chat(const ChatFormat& format, const ChatParserOptions& options, std::string_view text) {
  ChatParser parser(format, options);
  ChatResult result;
  result.add(parser.push(text));
  result.add(parser.finish());
  return result;
}

}  // namespace quandex
