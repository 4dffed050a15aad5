// Regular expressions of the kind that split text for tokenizers, compiled for a matcher of our own: classes of
// characters and their repetition, groups, alternatives and look-ahead. It takes a third of the time of a general
// matcher, its steps are counted, and the categories of characters are those that normalization knows. It says what
// PCRE2 says, or it does not take the pattern.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/char_class.h"

namespace quandex {

// Parts of a pattern, as parsed.
struct SplitNode {
  enum class Kind : uint8_t { sequence, alternatives, run, look_ahead };
  Kind kind = Kind::sequence;
  std::vector<SplitNode> children;  // of all but `run`; of a look-ahead its one content
  int char_class = -1;              // of `run`
  uint32_t min = 1, max = 1;        // times; of a sequence or alternatives 0 or 1 to 1 or kNoMax
  bool is_possessive = false;       // of `run`
  bool is_negative = false;         // of `look_ahead`

  static constexpr uint32_t kNoMax = ~uint32_t{0};
};
struct ParsedSplit {
  SplitNode root;  // alternatives
  std::vector<CharClass> classes;
};
// Nothing where the pattern is not one of ours.
std::optional<ParsedSplit> parse_split_pattern(std::string_view pattern);

class SplitProgram {
 public:
  explicit SplitProgram(ParsedSplit pattern);

  struct Match {
    size_t begin, end;
  };
  // What matching needs, reused from match to match.
  struct Scratch {
    struct Frame {
      size_t pc, at;
      size_t low;  // of a run that may give back down to here; kNoRun: where an alternative begins
    };
    static constexpr size_t kNoRun = ~size_t{0};
    std::vector<Frame> frames;
    uint64_t n_steps = 0;    // bytes looked at, so far
    uint64_t max_steps = 0;  // at more, matching stops
  };
  enum class Outcome : uint8_t { found, not_found, too_many_steps };
  // The leftmost match at `from` or later. `text` is valid UTF-8.
  Outcome find(std::string_view text, size_t from, Scratch& scratch, Match& match) const;

 private:
  enum class Op : uint8_t { run, split, jump, look_ahead, end };
  struct Instruction {
    Op op = Op::end;
    bool gives_back = false;   // run: what follows may want fewer
    bool is_negative = false;  // look-ahead
    int char_class = -1;
    uint32_t min = 0, max = 0;
    size_t target = 0;  // split: tried second; jump; look-ahead: what follows its content
  };
  struct First {
    std::array<bool, 128> ascii{};
    bool beyond_ascii = false, at_end = false;
    std::vector<bool> is_seen;  // [instruction]
  };

  void emit(const SplitNode& node);
  void emit_group(const SplitNode& node);
  void emit_alternatives(const std::vector<SplitNode>& alternatives);
  size_t add(Instruction instruction);
  void find_what_gives_back();
  bool may_fail(size_t pc) const;
  void add_first(size_t pc, First& first) const;
  void dispatch(const std::vector<size_t>& entries);
  const CharClass& class_of(const Instruction& run) const { return classes_[static_cast<size_t>(run.char_class)]; }

  bool match_at(std::string_view text, size_t pc, size_t at, Scratch& scratch, size_t& end) const;
  static void may_give_back(std::string_view text, const Instruction& run, size_t pc, size_t begin, size_t end,
                            Scratch& scratch);
  static bool back_up(std::string_view text, size_t n_frames, size_t& pc, size_t& at, Scratch& scratch);

  std::vector<CharClass> classes_;
  std::vector<Instruction> code_;
  std::vector<size_t> entries_;  // of the alternatives, at most kMaxEntries
  // Alternatives that can begin with an ASCII character, with another one, at the end of the text.
  std::array<uint32_t, 130> candidates_{};
};

}  // namespace quandex
