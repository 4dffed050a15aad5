#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "text/jinja/render.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::render;

TEST(JinjaParserTest, errors_say_what_where_found_and_expected) {
  EXPECT_EQ(error_of("{% if x %}a"),
            "t: line 1 column 12: found the end of the template, expected {% elif %}, {% else %} or {% endif %} for "
            "the {% if %} of line 1 column 4");
  EXPECT_EQ(error_of("{{ 1 + }}"), "t: line 1 column 8: found '}}', expected an expression");
  EXPECT_EQ(error_of("{{ }}"), "t: line 1 column 4: found '}}', expected an expression");
  EXPECT_EQ(error_of("\n{% for x of y %}{% endfor %}"), "t: line 2 column 10: found the name 'of', expected 'in'");
  EXPECT_EQ(error_of("{% endif %}"),
            "t: line 1 column 4: found the tag 'endif', expected a statement that is known and may stand here");
  EXPECT_EQ(error_of("{% set 1 = 2 %}"), "t: line 1 column 8: found an expression as a target, expected a name");
  EXPECT_EQ(error_of("{{ a b }}"), "t: line 1 column 6: found the name 'b', expected '}}'");
  EXPECT_EQ(error_of("{{ f(a=1, 2) }}"),
            "t: line 1 column 5: found arguments in a wrong order, expected f(value, name=value, *list, **dict)");
  EXPECT_EQ(error_of("{% macro m(a=1, b) %}{% endmacro %}"),
            "t: line 1 column 17: found the parameter 'b' without a default after one with a default");
  EXPECT_EQ(error_of("{% macro m(a, a) %}{% endmacro %}"), "t: line 1 column 15: found the parameter 'a' twice");
}

TEST(JinjaParserTest, lines_are_right_after_tags_of_several_lines) {
  EXPECT_EQ(error_of("{#\n\n#}\n{{ {\n 'a': 1,\n 'b' 2\n} }}"), "t: line 6 column 6: found a number, expected ':'");
}

TEST(JinjaParserTest, statements_of_several_templates_are_refused_by_name) {
  for (const std::string name : {"include", "import", "from", "extends", "block", "autoescape"}) {
    ErrorCode code = ErrorCode::io;
    EXPECT_EQ(error_of("{% " + name + " 'x' %}", "{}", &code),
              "t: line 1 column 4: the statement {% " + name + " %} is not supported");
    EXPECT_EQ(code, ErrorCode::unsupported);
  }
  ErrorCode code = ErrorCode::io;
  EXPECT_EQ(error_of("{% for x in y recursive %}{% endfor %}", "{}", &code),
            "t: line 1 column 15: a recursive loop is not supported");
  EXPECT_EQ(code, ErrorCode::unsupported);
}

TEST(JinjaParserTest, break_and_continue_belong_to_loops) {
  EXPECT_EQ(error_of("{% break %}"), "t: line 1 column 4: found {% break %} outside of a loop");
  EXPECT_EQ(error_of("{% for x in y %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}"),
            "t: line 1 column 35: found {% continue %} outside of a loop");
}

TEST(JinjaParserTest, unknown_filters_and_tests_are_errors_unless_a_condition_guards_them) {
  EXPECT_EQ(error_of("{{ 1|nope }}"), "t: line 1 column 6: found the filter 'nope', expected one that jinja2 has");
  EXPECT_EQ(error_of("{{ 1 is nope }}"), "t: line 1 column 9: found the test 'nope', expected one that jinja2 has");
  EXPECT_EQ(render("{% if false %}{{ 1|nope }}{% endif %}{{ 'a' if true else 1|nope }}"), "a");
  EXPECT_EQ(error_of("{% if true %}{{ 1|nope }}{% endif %}"),
            "t: line 1 column 19: found the filter 'nope', expected one that jinja2 has");
}

TEST(JinjaParserTest, long_runs_of_brackets_and_operators_are_errors) {
  const auto run = [](const std::string& what, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += what;
    return text;
  };
  for (const std::string opening : {"(", "[", "{1:", "not ", "-", "a.b(", "a[", "x if y else ", "1 if "}) {
    const std::string message = error_of("{{ " + run(opening, 30000));
    EXPECT_NE(message.find("t: line 1 column "), std::string::npos) << opening;
  }
  for (const std::string chain : {"+1", " and a", " or a", "**1", "|list", ".a", "[0]", "()", "*1"}) {
    EXPECT_NE(error_of("{{ a" + run(chain, 30000) + " }}").find("levels"), std::string::npos) << chain;
  }
  EXPECT_NE(error_of(run("{% if a %}", 10000)).find("nested more than"), std::string::npos);
  EXPECT_EQ(render("{{ 'a'" + run(" ~ 'a'", 3000) + " }}").size(), 3001U);
  EXPECT_EQ(render("{{ " + run("(", 90) + "1" + run(")", 90) + " }}"), "1");
}

TEST(JinjaParserTest, templates_of_the_wild_parse) {
  const fs::path folder = QUANDEX_SHARED_DATA "/chat_templates";
  if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
  int n_parsed = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NO_THROW(jinja::Template(source, entry.path().filename())) << entry.path();
    ++n_parsed;
  }
  EXPECT_GT(n_parsed, 50);
}

}  // namespace
}  // namespace quandex
