#include "text/split_program.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/utf8.h"

namespace quandex {
namespace {

constexpr size_t kMaxEntries = 32;  // bits of a candidate's set
constexpr size_t kMaxFrames = size_t{1} << 24;
constexpr size_t kBeyondAscii = 128, kEndOfText = 129;

uint8_t byte_at(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

// Bytes of the character at `at` of valid UTF-8.
size_t length_at(std::string_view text, size_t at) {
  const uint8_t lead = byte_at(text, at);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

char32_t character_at(std::string_view text, size_t at) {
  const auto tail = [&](size_t i) { return byte_at(text, at + i) & char32_t{0x3F}; };
  const char32_t lead = byte_at(text, at);
  if (lead < 0x80) return lead;
  if (lead < 0xE0) return (lead & 0x1F) << 6 | tail(1);
  if (lead < 0xF0) return (lead & 0x0F) << 12 | tail(1) << 6 | tail(2);
  return (lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

constexpr size_t kTooFew = ~size_t{0};

// Where the character at `at` ends if the class has it; `at` where it has not, or the text ends.
size_t end_of_one(std::string_view text, const CharClass& set, size_t at) {
  if (at == text.size()) return at;
  const uint8_t byte = byte_at(text, at);
  if (byte < 0x80) return at + (set.contains_as_one_byte(byte) ? 1 : 0);
  return set.contains(character_at(text, at)) ? at + length_at(text, at) : at;
}

size_t end_of_all(std::string_view text, const CharClass& set, size_t at) {
  for (;;) {
    while (at < text.size() && set.contains_as_one_byte(byte_at(text, at))) ++at;
    if (at == text.size() || byte_at(text, at) < 0x80) return at;
    const size_t next = end_of_one(text, set, at);
    if (next == at) return at;
    at = next;
  }
}

// Where a run of `min` to `max` characters of the class ends; kTooFew where there is none.
size_t end_of_run(std::string_view text, const CharClass& set, uint32_t min, uint32_t max, size_t at) {
  if (max == SplitNode::kNoMax && min <= 1) {
    const size_t end = end_of_all(text, set, at);
    return end == at && min == 1 ? kTooFew : end;
  }
  for (uint32_t n = 0; n < max; ++n) {
    const size_t next = end_of_one(text, set, at);
    if (next == at) return n < min ? kTooFew : at;
    at = next;
  }
  return at;
}

}  // namespace

SplitProgram::SplitProgram(ParsedSplit pattern) : classes_(std::move(pattern.classes)) {
  std::vector<SplitNode>& alternatives = pattern.root.children;
  if (alternatives.size() > kMaxEntries) {
    entries_.push_back(0);
    emit_alternatives(alternatives);
    add({.op = Op::end});
  } else {
    for (const SplitNode& alternative : alternatives) {
      entries_.push_back(code_.size());
      emit(alternative);
      add({.op = Op::end});
    }
  }
  find_what_gives_back();
  dispatch(entries_);
}

size_t SplitProgram::add(Instruction instruction) {
  code_.push_back(instruction);
  return code_.size() - 1;
}

void SplitProgram::emit(const SplitNode& node) {
  switch (node.kind) {
    case SplitNode::Kind::run:
      add({.op = Op::run,
           .gives_back = !node.is_possessive && node.max > node.min,
           .char_class = node.char_class,
           .min = node.min,
           .max = node.max});
      return;
    case SplitNode::Kind::look_ahead: {
      const size_t look = add({.op = Op::look_ahead, .is_negative = node.is_negative});
      emit(node.children[0]);
      add({.op = Op::end});
      code_[look].target = code_.size();
      return;
    }
    default:
      emit_group(node);
  }
}

void SplitProgram::emit_group(const SplitNode& node) {
  const size_t begin = code_.size();
  const bool is_optional = node.min == 0;
  if (is_optional) add({.op = Op::split});
  if (node.kind == SplitNode::Kind::alternatives)
    emit_alternatives(node.children);
  else
    for (const SplitNode& child : node.children) emit(child);
  if (node.max == SplitNode::kNoMax && is_optional) add({.op = Op::jump, .target = begin});
  if (node.max == SplitNode::kNoMax && !is_optional) {  // again, or on
    const size_t split = add({.op = Op::split});
    add({.op = Op::jump, .target = begin});
    code_[split].target = code_.size();
  }
  if (is_optional) code_[begin].target = code_.size();
}

void SplitProgram::emit_alternatives(const std::vector<SplitNode>& alternatives) {
  std::vector<size_t> jumps;
  for (size_t i = 0; i + 1 < alternatives.size(); ++i) {
    const size_t split = add({.op = Op::split});
    emit(alternatives[i]);
    jumps.push_back(add({.op = Op::jump}));
    code_[split].target = code_.size();
  }
  emit(alternatives.back());
  for (const size_t jump : jumps) code_[jump].target = code_.size();
}

// A run keeps all it took where nothing that follows can fail, or could begin with what it would give back.
void SplitProgram::find_what_gives_back() {
  for (size_t pc = 0; pc < code_.size(); ++pc) {
    Instruction& run = code_[pc];
    if (run.op != Op::run || !run.gives_back) continue;
    size_t next = pc + 1;
    while (code_[next].op == Op::jump && code_[next].target > next) next = code_[next].target;
    const bool is_apart =
        code_[next].op == Op::run && code_[next].min > 0 && class_of(run).is_surely_apart_from(class_of(code_[next]));
    run.gives_back = !is_apart && may_fail(next);
  }
}

bool SplitProgram::may_fail(size_t pc) const {
  for (;; ++pc) {
    if (code_[pc].op == Op::end) return false;
    if (code_[pc].op != Op::run || code_[pc].min > 0) return true;
  }
}

// What the code can begin with, or more.
void SplitProgram::add_first(size_t pc, First& first) const {
  if (first.is_seen[pc]) return;
  first.is_seen[pc] = true;
  const Instruction& instruction = code_[pc];
  switch (instruction.op) {
    case Op::run: {
      if (instruction.max > 0) {
        const CharClass& set = class_of(instruction);
        for (size_t c = 0; c < first.ascii.size(); ++c)
          first.ascii[c] = first.ascii[c] || set.contains(static_cast<char32_t>(c));
        first.beyond_ascii = first.beyond_ascii || set.has_beyond_ascii();
      }
      if (instruction.min == 0) add_first(pc + 1, first);
      return;
    }
    case Op::split:
      add_first(pc + 1, first);
      add_first(instruction.target, first);
      return;
    case Op::jump:
    case Op::look_ahead:
      add_first(instruction.target, first);
      return;
    case Op::end:
      first.ascii.fill(true);
      first.beyond_ascii = true;
      first.at_end = true;
  }
}

void SplitProgram::dispatch(const std::vector<size_t>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    First first;
    first.is_seen.resize(code_.size());
    add_first(entries[i], first);
    const uint32_t bit = uint32_t{1} << i;
    for (size_t c = 0; c < first.ascii.size(); ++c)
      if (first.ascii[c]) candidates_[c] |= bit;
    if (first.beyond_ascii) candidates_[kBeyondAscii] |= bit;
    if (first.at_end) candidates_[kEndOfText] |= bit;
  }
}

SplitProgram::Outcome SplitProgram::find(std::string_view text, size_t from, Scratch& scratch, Match& match) const {
  for (size_t at = from;; at += length_at(text, at)) {
    const size_t first = at == text.size() ? kEndOfText : std::min<size_t>(byte_at(text, at), kBeyondAscii);
    for (uint32_t candidates = candidates_[first]; candidates != 0; candidates &= candidates - 1) {
      const auto entry = static_cast<size_t>(std::countr_zero(candidates));
      const bool is_match = match_at(text, entries_[entry], at, scratch, match.end);
      // A look-ahead that was given up reads as one that failed, so this comes first.
      if (scratch.n_steps > scratch.max_steps) return Outcome::too_many_steps;
      if (!is_match) continue;
      match.begin = at;
      return Outcome::found;
    }
    if (at == text.size()) return Outcome::not_found;
    ++scratch.n_steps;
  }
}

bool SplitProgram::match_at(std::string_view text, size_t pc, size_t at, Scratch& scratch, size_t& end) const {
  const size_t n_frames = scratch.frames.size();
  for (;;) {
    const Instruction& instruction = code_[pc];
    bool goes_on = true;
    switch (instruction.op) {
      case Op::run: {
        const size_t next = end_of_run(text, class_of(instruction), instruction.min, instruction.max, at);
        goes_on = next != kTooFew;
        if (!goes_on) break;
        scratch.n_steps += next - at + 1;
        ++pc;
        if (instruction.gives_back) may_give_back(text, instruction, pc, at, next, scratch);
        at = next;
        break;
      }
      case Op::split:
        if (scratch.frames.size() >= kMaxFrames) scratch.n_steps = scratch.max_steps;
        scratch.frames.push_back({instruction.target, at, Scratch::kNoRun});
        goes_on = ++scratch.n_steps <= scratch.max_steps;
        ++pc;
        break;
      case Op::jump:
        pc = instruction.target;
        break;
      case Op::look_ahead: {
        size_t ignored = 0;
        goes_on = match_at(text, pc + 1, at, scratch, ignored) != instruction.is_negative;
        pc = instruction.target;
        break;
      }
      case Op::end:
        if (scratch.frames.size() > n_frames) scratch.frames.resize(n_frames);
        end = at;
        return true;
    }
    if (!goes_on && !back_up(text, n_frames, pc, at, scratch)) return false;
  }
}

// Remembers a run from `begin` to `end`, if it is longer than it must be, and that the code goes on at `pc`.
void SplitProgram::may_give_back(std::string_view text, const Instruction& run, size_t pc, size_t begin, size_t end,
                                 Scratch& scratch) {
  for (uint32_t n = 0; n < run.min; ++n) begin += length_at(text, begin);
  if (begin < end) scratch.frames.push_back({pc, end, begin});
}

// Goes to the latest place where something else can be tried; false where there is none, or no step left.
bool SplitProgram::back_up(std::string_view text, size_t n_frames, size_t& pc, size_t& at, Scratch& scratch) {
  if (scratch.frames.size() == n_frames) return false;
  if (++scratch.n_steps > scratch.max_steps) {
    scratch.frames.resize(n_frames);
    return false;
  }
  Scratch::Frame& frame = scratch.frames.back();
  pc = frame.pc;
  at = frame.at;
  if (frame.low == Scratch::kNoRun) {
    scratch.frames.pop_back();
    return true;
  }
  do {
    --at;
  } while ((byte_at(text, at) & 0xC0) == 0x80);
  frame.at = at;
  if (at == frame.low) scratch.frames.pop_back();
  return true;
}

}  // namespace quandex
