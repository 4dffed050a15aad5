#include <gtest/gtest.h>

#include "text/jinja/render.h"

namespace quandex {
namespace {

using testing::error_of;
using testing::render;

TEST(JinjaScopeTest, what_a_loop_sets_is_gone_after_each_turn) {
  EXPECT_EQ(render("{% set y = 1 %}{% for i in [1, 2, 3] %}{% set y = y + i %}{{ y }};{% endfor %}{{ y }}"), "2;3;4;1");
  EXPECT_EQ(render("{% for i in [1, 2] %}{% if i == 2 %}{{ x }}{% endif %}{% set x = i %}{% endfor %}", R"({"x": 5})"),
            "5");
}

TEST(JinjaScopeTest, namespaces_outlive_loops) {
  EXPECT_EQ(render("{% set ns = namespace(a=0) %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}"),
            "3");
  EXPECT_EQ(error_of("{% set ns = {} %}{% set ns.a = 1 %}"),
            "t: line 1 column 25: found an assignment to an attribute of 'dict', expected a namespace");
}

TEST(JinjaScopeTest, conditions_have_no_scope_of_their_own) {
  EXPECT_EQ(render("{% if true %}{% set x = 1 %}{% endif %}{{ x }}"), "1");
  EXPECT_EQ(render("{% if false %}{% set x = 1 %}{% endif %}{{ x }}", R"({"x": 7})"), "7");
}

TEST(JinjaScopeTest, macros_see_variables_as_they_are_when_called) {
  EXPECT_EQ(render("{% macro m() %}{{ later }}{% endmacro %}{{ m() }}|{% set later = 5 %}{{ m() }}"), "|5");
  EXPECT_EQ(render("{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}"), "121");
  EXPECT_EQ(render("{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}"),
            "12False");
}

TEST(JinjaScopeTest, blocks_of_other_statements_are_scopes) {
  EXPECT_EQ(render("{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", R"({"a": 9})"), "199");
  EXPECT_EQ(render("{% filter upper %}{% set q = 'x' %}{{ q }}{% endfilter %}{{ q }}"), "X");
  EXPECT_EQ(render("{% set v %}{% set q = 'x' %}{{ q }}{% endset %}{{ v }}{{ q }}"), "x");
  EXPECT_EQ(render("{% generation %}{% set q = 'x' %}{{ q }}{% endgeneration %}{{ q }}"), "x");
}

TEST(JinjaScopeTest, macros_bind_arguments_by_position_name_and_default) {
  const std::string macro = "{% macro m(a, b=2) %}{{ a }},{{ b }},{{ varargs }},{{ kwargs }}{% endmacro %}";
  EXPECT_EQ(render(macro + "{{ m(1) }}|{{ m(b=3, a=4) }}|{{ m(1, 2, 3, z=5) }}|{{ m() }}"),
            "1,2,(),{}|4,3,(),{}|1,2,(3,),{'z': 5}|,2,(),{}");
  EXPECT_EQ(error_of("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}"),
            "t: line 1 column 41: found 2 arguments of the macro 'm', expected at most 1");
  EXPECT_EQ(error_of("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}"),
            "t: line 1 column 41: found the argument 'z' of the macro 'm', which has none");
}

TEST(JinjaScopeTest, call_blocks_are_the_caller_of_a_macro) {
  EXPECT_EQ(render("{% macro m() %}{% for i in [1, 2] %}<{{ caller(i) }}>{% endfor %}{% endmacro %}"
                   "{% call(x) m() %}{{ x }}{{ y }}{% endcall %}",
                   R"({"y": "!"})"),
            "<1!><2!>");
}

TEST(JinjaScopeTest, loop_variables_count_look_around_and_cycle) {
  EXPECT_EQ(render("{% for i in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}"
                   "{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}"
                   "{{ loop.cycle('x', 'y') }}{{ loop.changed(i == 'a') }};{% endfor %}"),
            "1032TrueFalse3bxTrue;2121FalseFalse3acyTrue;3210FalseTrue3bxFalse;");
}

TEST(JinjaScopeTest, a_condition_of_a_loop_filters_before_the_loop_counts) {
  EXPECT_EQ(render("{% for i in range(6) if i is odd %}{{ loop.index }}{{ i }}{{ loop.last }} {% endfor %}"),
            "11False 23False 35True ");
  EXPECT_EQ(render("{% for i in [1] if false %}x{% else %}none{% endfor %}"), "none");
}

TEST(JinjaScopeTest, the_else_of_a_loop_is_for_loops_without_a_whole_turn) {
  EXPECT_EQ(render("{% for i in [] %}x{% else %}E{% endfor %}"), "E");
  EXPECT_EQ(render("{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% else %}E{% endfor %}"), "1");
  EXPECT_EQ(render("{% for i in [1, 2] %}{% break %}{% else %}E{% endfor %}"), "E");
}

TEST(JinjaScopeTest, tuples_unpack_as_deep_as_their_targets) {
  EXPECT_EQ(render("{% for a, (b, c) in [(1, (2, 3)), [4, [5, 6]]] %}{{ a }}{{ b }}{{ c }} {% endfor %}"), "123 456 ");
  EXPECT_EQ(error_of("{% set a, b = [1] %}"), "t: line 1 column 8: found 1 values to unpack, expected 2");
  EXPECT_EQ(error_of("{% set a, b = [1, 2, 3] %}"),
            "t: line 1 column 8: found more than 2 values to unpack, expected 2");
}

}  // namespace
}  // namespace quandex
