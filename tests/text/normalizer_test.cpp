#include "text/normalizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/regex_syntax.h"
#include "text/unicode.h"

namespace quandex {
namespace {

StagedText run(std::string_view json, std::string_view text) {
  const Json value = parse_json(json, "test");
  StagedText staged{std::string(text), text.empty() ? 0 : static_cast<size_t>(decode_utf8(text).n_bytes)};
  Normalizer(JsonField(value, "test")).apply(staged);
  return staged;
}

std::string normal(std::string_view json, std::string_view text) { return run(json, text).text; }

TEST(Normalizer, each_form_of_unicode_is_its_own) {
  EXPECT_EQ(normal(R"({"type": "NFC"})", "e\u0301ﬁ"), "éﬁ");
  EXPECT_EQ(normal(R"({"type": "NFD"})", "éﬁ"), "e\u0301ﬁ");
  EXPECT_EQ(normal(R"({"type": "NFKC"})", "e\u0301ﬁ"), "éfi");
  EXPECT_EQ(normal(R"({"type": "NFKD"})", "éﬁ"), "e\u0301fi");
}

TEST(Normalizer, marks_are_ordered_by_class_in_time_linear_in_their_number) {
  constexpr int kPairs = 300'000;  // minutes, were the time quadratic
  std::string mixed = "a", above, below;
  for (int i = 0; i < kPairs; ++i) {
    mixed += "\u0301\u0323";
    above += "\u0301";
    below += "\u0323";
  }
  EXPECT_TRUE(normal(R"({"type": "NFD"})", mixed) == "a" + below + above);
  EXPECT_TRUE(normal(R"({"type": "NFC"})", mixed) == "\u1EA1" + below.substr(2) + above);
}

TEST(Normalizer, bert_cleans_spaces_ideographs_strips_and_lowers) {
  constexpr std::string_view kBert = R"({"type": "BertNormalizer"})";
  EXPECT_EQ(normal(kBert, "Á\u200d\tB\x01海\uFFFDx"), "a b 海 x");
  EXPECT_EQ(normal(R"({"type": "BertNormalizer", "lowercase": false})", "Á海"), "Á 海 ");
  EXPECT_EQ(normal(R"({"type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": false})", "\tÉ海"),
            "\te海");
}

TEST(Normalizer, white_space_is_stripped_where_asked) {
  EXPECT_EQ(normal(R"({"type": "Strip"})", "\u3000 a b\n"), "a b");
  EXPECT_EQ(normal(R"({"type": "Strip", "strip_left": false, "strip_right": true})", " a "), " a");
  EXPECT_EQ(normal(R"({"type": "Strip", "strip_left": true, "strip_right": false})", "  "), "");
}

TEST(Normalizer, nothing_goes_in_front_of_nothing) {
  EXPECT_EQ(normal(R"({"type": "Prepend", "prepend": "▁"})", ""), "");
  EXPECT_EQ(normal(R"({"type": "Prepend", "prepend": "▁"})", "a"), "▁a");
}

TEST(Normalizer, the_start_of_the_input_is_followed_through_stages) {
  EXPECT_EQ(run(R"({"type": "Prepend", "prepend": "▁"})", "ab").n_at_start, 4u);
  EXPECT_EQ(run(R"({"type": "Strip"})", " ab").n_at_start, 0u);
  EXPECT_EQ(run(R"({"type": "Replace", "pattern": {"String": "a"}, "content": "xy"})", "ab").n_at_start, 2u);
  EXPECT_EQ(run(R"({"type": "NFC"})", "e\u0301x").n_at_start, 2u);  // never inside a character
}

TEST(Normalizer, stages_that_multiply_a_text_end_in_an_error) {
  Json stages = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  const Json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  for (int i = 0; i < 60; ++i) stages["normalizers"].push_back(twice);
  EXPECT_THROW(normal(stages.dump(), "a"), Error);
}

TEST(Normalizer, a_text_that_outgrows_its_limit_is_not_written_on) {
  const Json stage = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1 << 20, 'b')}};
  EXPECT_THROW(normal(stage.dump(), std::string(1'000'000, 'a')), Error);  // a terabyte, were it copied
}

TEST(Unicode, lower_case_is_that_of_each_character) {
  std::string out;
  for (const char32_t c : U"AÉ\u0130Σ\u1E9Eж") append_lower_case(c, out);
  EXPECT_EQ(std::string_view(out).substr(0, out.size() - 1), "aéi\u0307σßж");  // but for the literal's zero
}

TEST(RegexSyntax, what_oniguruma_and_pcre2_read_alike_is_let_through) {
  for (const std::string_view pattern :
       {R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}]+[\r\n]*|\s+(?!\S)|\s+)",
        R"([!-/:-~]\x41\x{1F600})", R"(^a$|\bb\B)", R"((?<=a)b(?>c+)d++)", R"((?i)ab|c)", R"([\]\[\-^])"})
    EXPECT_EQ(find_syntax_difference(pattern), std::nullopt) << pattern;
}

TEST(RegexSyntax, what_they_read_otherwise_is_named) {
  for (const std::string_view pattern :
       {R"(\h)",           R"(\R)",          R"(\X)",     R"(\K)",     R"(a{1,3}+)", R"(a{,3})",
        R"([a&&b])",       R"([[:alpha:]])", R"([a[b]])", R"(a(?i)b)", R"((?m:.))",  R"((?x)a b)",
        R"((?<n>a)\k<n>)", R"((?i:ss))",     R"((?i:é))", R"(\x80)",   R"(\pL)",     R"(a\)",
        R"([a)",           R"([]a])",        R"({)",      R"([\W])",   R"((a)\1)"})
    EXPECT_NE(find_syntax_difference(pattern), std::nullopt) << pattern;
}

}  // namespace
}  // namespace quandex
