// The matcher of our own against PCRE2, which defines what it has to find.
#include "text/split_program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/pre_tokenizer_rules.h"
#include "text/split_pattern.h"

namespace quandex {
namespace {

using Matches = std::vector<std::pair<size_t, size_t>>;

Matches matches_of(const SplitPattern& pattern, std::string_view text) {
  Matches matches;
  pattern.for_each(text, [&](SplitPattern::Match match) { matches.emplace_back(match.begin, match.end); });
  return matches;
}

// A pattern twice: by our matcher, and by PCRE2.
struct Pair {
  std::string text;
  SplitPattern ours, theirs;

  explicit Pair(std::string_view pattern)
      : text(pattern), ours(pattern, "test"), theirs(pattern, "test", SplitPattern::Matcher::pcre2) {
    EXPECT_FALSE(ours.uses_pcre2()) << pattern;
    EXPECT_TRUE(theirs.uses_pcre2()) << pattern;
  }

  // The number of matches.
  size_t expect_equal(std::string_view subject) const {
    const Matches got = matches_of(ours, subject), want = matches_of(theirs, subject);
    const auto [a, b] = std::ranges::mismatch(got, want);
    if (a == got.end() && b == want.end()) return got.size();
    const size_t at = std::min(a == got.end() ? subject.size() : a->first, b == want.end() ? subject.size() : b->first);
    ADD_FAILURE() << text << " differs from byte " << at << ", near '" << subject.substr(at, 40) << "'";
    return 0;
  }
};

// Patterns beside those of the rules: one of each construct that the parser takes.
constexpr std::string_view kMorePatterns[] = {
    R"(a|ab|b+)",
    R"((?:ab|a)(?:bc|c)?)",
    R"((?:a|b)*1|(?:ab)+c?)",
    R"([^\S\r\n]+|\S{2,3}|.)",
    R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))",
    R"(\d{2,}|\D{3})",
    R"([a-cx-z\u00e9\x41-\x{5a}]+|\P{L}\pN)",
    R"([[ab]1[c']]+)",
    R"((?i:'s|k[t'])|(?i:RE))",
    R"(\s*+[\r\n]|a++b|'?+s)",
    R"((?=a).?|(?!b)[a-z]|b)",
    R"(x*)",
    R"(\p{Lu}*\p{Ll}+|\p{M}|[^\p{Lu}\p{Ll}]{1,2})",
    R"([.\-\]\\^$|()]|[a\-c]|[-'])",
    R"((a|b|(c|1))(?:2|)s)",
    R"(|a)",
};

// Of the patterns of the rules, the one that looks for the end.
constexpr std::string_view kLeftToPcre2[] = {R"(\s+$)"};

std::vector<Pair> pairs_of_rules() {
  std::set<std::string_view> patterns;
  for (const PreTokenizerRule& rule : pre_tokenizer_rules())
    patterns.insert(rule.patterns.begin(), rule.patterns.end());
  for (const std::string_view pattern : kLeftToPcre2) patterns.erase(pattern);
  std::vector<Pair> pairs;
  for (const std::string_view pattern : patterns) pairs.emplace_back(pattern);
  return pairs;
}

std::vector<Pair> all_pairs() {
  std::vector<Pair> pairs = pairs_of_rules();
  for (const std::string_view pattern : kMorePatterns) pairs.emplace_back(pattern);
  return pairs;
}

// At least one character of every kind that a pattern tells apart.
constexpr std::u32string_view kKinds =
    U" \n\r\t'sStTrReEvVmMlLdDkKabcXz019.!/-$`^|<\"_\u00a0\u3000\u2028\u0085é\u01c5\u02b0海ж\u0301\u0903\u20dd"
    U"\u0663\u00bd\u2167\u203f\u00ab\u20ac\u017f\u212a\u200d\u00ad\ue000\U0001F600\U00010400\x01";

TEST(SplitProgram, it_takes_the_patterns_of_all_rules_but_one) {
  for (const PreTokenizerRule& rule : pre_tokenizer_rules())
    for (const std::string_view pattern : rule.patterns)
      EXPECT_EQ(SplitPattern(pattern, "test").uses_pcre2(), std::ranges::count(kLeftToPcre2, pattern) > 0)
          << rule.name << ": " << pattern;
}

TEST(SplitProgram, it_leaves_to_pcre2_what_it_does_not_know) {
  for (const std::string_view pattern :
       {R"(\w+)", R"(a*?)", R"((?<=a)b)", R"((?>a+)b)", R"((a)\1)", R"(\p{Han}+)", R"(\bx)", R"(^a)", R"((?:a?)*)",
        R"((?:ab){2})", R"(a{2}+)", R"((?i:é))", R"((?i:[a-z]))", R"((?i:\p{Lu}))", R"((?:a+)?+)"}) {
    const SplitPattern pattern_of_pcre2(pattern, "test");
    EXPECT_TRUE(pattern_of_pcre2.uses_pcre2()) << pattern;
  }
  for (const std::string_view pattern :
       {"",       "(",    ")",   "[",    "[]",  "a)",    "(?:a", "\\", "[\\", "[a-", "a{2",
        "a{3,2}", "\\p{", "\\p", "\\x{", "\\x", "\\u12", "(?",   "*",  "a**", "[a",  "[b-a]"})
    EXPECT_EQ(parse_split_pattern(pattern).has_value(), pattern.empty()) << pattern;
}

TEST(SplitProgram, it_finds_what_pcre2_finds_after_every_three_kinds_of_characters) {
  std::mt19937 random(11);
  std::vector<std::u32string> triples;
  for (const char32_t a : kKinds)
    for (const char32_t b : kKinds)
      for (const char32_t c : kKinds) triples.push_back({a, b, c});
  const std::vector<Pair> pairs = all_pairs();
  std::ranges::shuffle(triples, random);
  std::string text;
  for (const std::u32string& triple : triples)
    for (const char32_t c : triple) append_utf8(c, text);
  size_t n_matches = 0;
  for (const Pair& pair : pairs) n_matches += pair.expect_equal(text);
  EXPECT_GT(n_matches, 3'000'000u);
}

TEST(SplitProgram, it_finds_what_pcre2_finds_in_short_texts_of_few_kinds) {
  std::mt19937 random(12);
  for (const Pair& pair : all_pairs()) {
    for (int i = 0; i < 2000; ++i) {
      // Few kinds to a text, so that runs and their ends come about.
      std::u32string kinds;
      for (int n = 0; n < 4; ++n) kinds.push_back(kKinds[random() % kKinds.size()]);
      std::string text;
      for (size_t n = random() % 16; n > 0; --n) append_utf8(kinds[random() % kinds.size()], text);
      pair.expect_equal(text);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(SplitProgram, categories_are_those_of_pcre2_but_for_characters_that_one_of_the_two_does_not_know) {
  std::string all;
  std::vector<std::pair<size_t, char32_t>> places;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    places.emplace_back(all.size(), c);
    append_utf8(c, all);
  }
  const auto bytes_in = [&](const SplitPattern& pattern) {
    std::vector<bool> is_in(all.size());
    pattern.for_each(all, [&](SplitPattern::Match match) {
      std::fill(is_in.begin() + static_cast<ptrdiff_t>(match.begin), is_in.begin() + static_cast<ptrdiff_t>(match.end),
                true);
    });
    return is_in;
  };
  const Pair unassigned(R"(\p{Cn}+)");
  const std::vector<bool> we_lack = bytes_in(unassigned.ours), they_lack = bytes_in(unassigned.theirs);
  for (const char* const name : {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
                                 "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co"}) {
    const Pair pair(fmt::format(R"(\p{{{}}}+)", name));
    const std::vector<bool> ours = bytes_in(pair.ours), theirs = bytes_in(pair.theirs);
    size_t n_different = 0;
    for (const auto& [at, c] : places)
      if (ours[at] != theirs[at] && !we_lack[at] && !they_lack[at]) ++n_different;
    // Unicode has moved single characters from one category to another between versions.
    EXPECT_LE(n_different, 2u) << name;
  }
}

TEST(SplitProgram, every_character_between_others_is_split_as_by_pcre2) {
  const SplitPattern ours_lack(R"(\p{Cn})", "test"), theirs_lack(R"(\p{Cn})", "test", SplitPattern::Matcher::pcre2);
  std::string text;
  for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3100 ? 1 : 13) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string character;
    append_utf8(c, character);
    if (ours_lack.find(character, 0) || theirs_lack.find(character, 0)) continue;
    text += "a" + character + character + " " + character + "1\n" + character;
  }
  size_t n_matches = 0;
  for (const Pair& pair : all_pairs()) n_matches += pair.expect_equal(text);
  EXPECT_GT(n_matches, 1'000'000u);
}

// The steps to find all matches; nothing where they are more than allowed.
std::optional<uint64_t> count_steps(const SplitProgram& program, std::string_view text, uint64_t max_steps) {
  SplitProgram::Scratch scratch;
  scratch.max_steps = max_steps;
  SplitProgram::Match match{};
  for (size_t at = 0; at < text.size();) {
    const auto outcome = program.find(text, at, scratch, match);
    if (outcome == SplitProgram::Outcome::too_many_steps) return std::nullopt;
    if (outcome == SplitProgram::Outcome::not_found) break;
    at = match.end;  // the patterns of rules match nothing that is empty
  }
  return scratch.n_steps;
}

TEST(SplitProgram, long_runs_take_steps_in_proportion_to_their_length) {
  for (const Pair& pair : pairs_of_rules()) {
    const SplitProgram program(*parse_split_pattern(pair.text));
    for (const std::string_view unit : {"a", "A", " ", "\n", "\r\n", "1", "=", "'", "\t", "海", "\u0301", "\u3000"}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      for (const std::string_view after : {"", "x", "\n"})
        EXPECT_TRUE(count_steps(program, text + std::string(after), 8 * text.size()))
            << pair.text << " on '" << unit << "' and then '" << after << "'";
    }
  }
}

TEST(SplitProgram, too_many_steps_are_an_error_for_both_matchers_and_never_no_match) {
  const std::string text(60, 'a');
  for (const std::string_view pattern :
       {R"((?:a|aa)+b)", R"((?:a|a|aa)+[bc])", R"((?!(?:a|aa)+[bc])a)", R"(b|(?=(?:a|aa)+[bc])a)"}) {
    for (const auto matcher : {SplitPattern::Matcher::fastest, SplitPattern::Matcher::pcre2}) {
      // PCRE2 knows at once that without a b there is no match.
      if (matcher == SplitPattern::Matcher::pcre2 && pattern.ends_with("+b")) continue;
      try {
        const auto found = SplitPattern(pattern, "test", matcher).find(text, 0);
        ADD_FAILURE() << pattern << (found ? " has a match" : " has none");
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(std::string_view(error.what()).find("failed at byte 0 of 60"), std::string_view::npos)
            << error.what();
      }
    }
  }
}

TEST(SplitProgram, quadratic_patterns_end_in_an_error_for_both_matchers) {
  const std::string text(300'000, '1');
  for (const auto matcher : {SplitPattern::Matcher::fastest, SplitPattern::Matcher::pcre2}) {
    const SplitPattern pattern(R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))", "test", matcher);
    size_t n_matches = 0;
    EXPECT_THROW(pattern.for_each(text, [&](SplitPattern::Match) { ++n_matches; }), Error);
    EXPECT_LT(n_matches, text.size() / 3);
  }
}

TEST(SplitProgram, compiling_takes_no_time_that_grows_with_the_paths_through_a_pattern) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "(?:a?|b?)";
  EXPECT_EQ(matches_of(SplitPattern(pattern, "test"), "abab"), (Matches{{0, 1}, {2, 3}, {4, 4}}));
  EXPECT_FALSE(parse_split_pattern(std::string(100'000, '(')));
  EXPECT_FALSE(parse_split_pattern("[" + std::string(100'000, '[')));
}

}  // namespace
}  // namespace quandex
