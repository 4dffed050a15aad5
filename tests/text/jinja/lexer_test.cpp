#include <gtest/gtest.h>

#include "text/jinja/lexer.h"
#include "text/jinja/render.h"

namespace quandex {
namespace {

using jinja::TokenType;
using testing::error_of;
using testing::render;

TEST(JinjaLexerTest, tokens_know_their_line_and_column_in_characters) {
  const auto tokens = jinja::tokenize("é{{ a\n  + 'b' }}", "t");
  ASSERT_EQ(tokens.size(), 7U);
  EXPECT_EQ(tokens[0].type, TokenType::data);
  EXPECT_EQ(tokens[1].type, TokenType::variable_begin);
  EXPECT_EQ(tokens[1].at.column, 2U);
  EXPECT_EQ(tokens[3].text, "+");
  EXPECT_EQ(tokens[3].at.line, 2U);
  EXPECT_EQ(tokens[3].at.column, 3U);
  EXPECT_EQ(tokens[4].text, "b");
  EXPECT_EQ(tokens[6].type, TokenType::end);
}

TEST(JinjaLexerTest, a_block_takes_its_newline_and_the_spaces_before_it) {
  EXPECT_EQ(render("  {% if true %}\n    a\n  {% endif %}\nb\n\n"), "    a\nb\n");
  EXPECT_EQ(render("x  {% if true %}y{% endif %}"), "x  y");
  EXPECT_EQ(render("  {{ 1 }}\n"), "  1");
}

TEST(JinjaLexerTest, signs_of_tags_cut_whitespace_or_keep_it) {
  EXPECT_EQ(render("a \n {%- if true -%} \n b \n {%- endif -%} \n c"), "abc");
  EXPECT_EQ(render("a \n {{- 1 -}} \n b"), "a1b");
  EXPECT_EQ(render("{%+ if true +%}\n  x{%+ endif %}"), "\n  x");
  EXPECT_EQ(render("a {#- c -#} b {# d #}\n e"), "ab  e");
}

TEST(JinjaLexerTest, raw_blocks_are_text) {
  EXPECT_EQ(render("{% raw %}{{ a }}{% if %}{# b #}{% endraw %}!"), "{{ a }}{% if %}{# b #}!");
  EXPECT_EQ(render("x {%- raw -%}  {{ a }}  {%- endraw -%}  y"), "x{{ a }}y");
}

TEST(JinjaLexerTest, newlines_of_every_kind_are_one) {
  EXPECT_EQ(render("a\r\nb\rc\n"), "a\nb\nc");
  EXPECT_EQ(render("{{ 'a\r\nb' }}"), "a\nb");
}

TEST(JinjaLexerTest, escapes_are_those_of_python) {
  EXPECT_EQ(render(R"({{ '\x41\u00e9\U0001F600\101\n\t\\\'\q' }})"), "Aé😀A\n\t\\'\\q");
  EXPECT_EQ(render("{{ 'a\\\nb' }}"), "ab");
  EXPECT_EQ(render("{{ '\\é' }}"), "\\xe9");
}

TEST(JinjaLexerTest, numbers_have_bases_and_underscores) {
  EXPECT_EQ(render("{{ 1_000 }} {{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 1_0.5e1 }} {{ 2e-3 }}"),
            "1000 31 3 15 105.0 0.002");
  EXPECT_EQ(render("{{ [[7, 8]].0.1 }}"), "8");
}

TEST(JinjaLexerTest, brackets_within_tags_do_not_end_them) {
  EXPECT_EQ(render("{{ {'a': {'b': 1}}}}"), "{'a': {'b': 1}}");
  EXPECT_EQ(render("{{ '}}' }}{{ \"%}\" }}"), "}}%}");
}

TEST(JinjaLexerTest, broken_tags_are_named_where_they_begin) {
  EXPECT_EQ(error_of("a\n {{ x"), "t: line 2 column 2: found no '}}' after this '{{', expected the end of the tag");
  EXPECT_EQ(error_of("{# x"), "t: line 1 column 1: found no '#}' after this '{#', expected the end of the comment");
  EXPECT_EQ(error_of("é{% raw %}x"),
            "t: line 1 column 2: found no {% endraw %} after this {% raw %}, expected the end of the block");
  EXPECT_EQ(error_of("{{ 'abc }}"), "t: line 1 column 4: found no ' that ends this string");
  EXPECT_EQ(error_of("{{ (1] }}"), "t: line 1 column 6: found ']', expected ')'");
  EXPECT_EQ(error_of("{{ 1) }}"), "t: line 1 column 5: found ')' without its opening bracket");
  EXPECT_EQ(error_of("{{ a ? b }}"), "t: line 1 column 6: found '?', expected a part of an expression");
}

TEST(JinjaLexerTest, what_cannot_be_a_character_or_a_number_is_refused) {
  EXPECT_EQ(error_of("{{ '\\ud800' }}"),
            "t: line 1 column 5: found the escape of U+D800, expected a character of Unicode");
  EXPECT_EQ(error_of("{{ '\\x4' }}"), "t: line 1 column 5: found an escape of 1 hexadecimal digits, expected 2");
  EXPECT_EQ(error_of("{{ 99999999999999999999 }}"),
            "t: line 1 column 4: found the integer 99999999999999999999, expected one of at most 64 bits");
  EXPECT_EQ(error_of("a\xFF"), "t: line 1 column 2: found byte 0xFF, expected valid UTF-8");
}

}  // namespace
}  // namespace quandex
