// Templates, calls and values that nest deeply or hold each other, and long templates: a text or an error, soon.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "text/jinja/hostile.h"

namespace quandex::jinja {
namespace {

// Openings and closings of everything that nests, for the parser and for the evaluator.
struct Nest {
  const char* open;
  const char* inside;
  const char* close;
  const char* before = "{{ ";
  const char* after = " }}";
};
constexpr Nest kNests[] = {
    {"(", "1", ")"},
    {"[", "1", "]"},
    {"{'a': ", "1", "}"},
    {"(", "", ""},
    {"[", "", ""},
    {"{", "", ""},
    {"-", "1", ""},
    {"not ", "1", ""},
    {"1 + (", "1", ")"},
    {"1 + ", "1", ""},
    {"1 ~ ", "1", ""},
    {"2 ** ", "1", ""},
    {"1 if 1 else ", "1", ""},
    {"1 if (", "1", ") else 2"},
    {"1 and ", "1", ""},
    {"0 or ", "1", ""},
    {"1 < ", "1", ""},
    {"l[", "0", "]"},
    {"d.get(", "'a'", ")"},
    {"range(", "1", ")"},
    {"dict(a=", "1", ")"},
    {"", "s", ".a"},
    {"", "s", "[0]"},
    {"", "s", "()"},
    {"", "s", "|upper"},
    {"", "s", "|default(1)"},
    {"", "s", " is defined"},
    {"", "s", ".upper()"},
    {"s|default(", "1", ")"},
    {"1 is eq(", "1", ")"},
    {"1 is eq ", "1", ""},
    {"'a' ", "'b'", ""},
    {"1, ", "2", ""},
    {"{% if 1 %}", "x", "{% endif %}", "", ""},
    {"{% if 1 %}", "x", "", "", ""},
    {"{% for x in l %}", "x", "{% endfor %}", "", ""},
    {"{% for x in [1] %}", "x", "{% endfor %}", "", ""},
    {"{% macro m() %}", "x", "{% endmacro %}", "", ""},
    {"{% macro m(a=", "1", ") %}{% endmacro %}", "", ""},
    {"{% set x %}", "x", "{% endset %}", "", ""},
    {"{% filter upper %}", "x", "{% endfilter %}", "", ""},
    {"{% call m() %}", "x", "{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}", ""},
    {"{% with %}", "x", "{% endwith %}", "", ""},
    {"{% generation %}", "x", "{% endgeneration %}", "", ""},
    {"{% if 0 %}{% elif 1 %}", "x", "{% endif %}", "", ""},
    {"{% elif 0 %}", "", "", "{% if 0 %}", "{% endif %}"},
    {"{% for a in l %}{% else %}", "x", "{% endfor %}", "", ""},
    {"(", "a", ",)", "{% set ", " = 1 %}"},
    {"(", "a", ",)", "{% for ", " in l %}{% endfor %}"},
    {"a, ", "a", "", "{% set ", " = l %}"},
    {"{{ 1 }}", "", "", "", ""},
    {"{% set x = 1 %}", "", "", "", ""},
    {"{# c #}", "", "", "", ""},
    {"{#", "", "", "", ""},
    {"{% raw %}", "", "", "", ""},
    {"{% raw %}{% endraw %}", "", "", "", ""},
    {"{{", "", "", "", ""},
    {"{%", "", "", "", ""},
    {"{", "", "", "", ""},
    {" ", "", "", "{% set x = 1 %}", "{% set x = 1 %}"},
    {" \n", "", "", "a", "{%- set x = 1 -%} "},
    {"'", "", ""},
    {"\\", "", "", "{{ '", "' }}"},
    {"9", "", ""},
    {"1_", "1", ""},
    {"1.", "1", ""},
    {".", "1", ""},
    {"a", "", ""},
    {"\xC3\xA9", "", ""},
    {"\xFF", "", ""},
    {"\xE2\x82", "", "", "", ""},
};

TEST(JinjaHostile, nesting_of_100_kilobytes_is_a_text_or_an_error_that_says_where) {
  constexpr size_t kBytes = 100'000;
  for (const Nest& nest : kNests) {
    SCOPED_TRACE(std::string(nest.before) + nest.open + nest.inside + nest.close + nest.after);
    const std::string_view open = nest.open, close = nest.close;
    const size_t n = kBytes / (open.size() + close.size());
    const std::string source = nest.before + repeat(open, n) + nest.inside + repeat(close, n) + nest.after;
    render_soon(source, {});
    render_soon(source, small_budgets());
  }
}

TEST(JinjaHostile, moderate_nesting_is_rendered) {
  EXPECT_EQ(render("{{ " + repeat("(", 60) + "1" + repeat(")", 60) + " }}").text, "1");
  EXPECT_EQ(render(repeat("{% if 1 %}", 60) + "x" + repeat("{% endif %}", 60)).text, "x");
  EXPECT_EQ(render("{{ 1" + repeat(" + 1", 150) + " }}").text, "151");
  EXPECT_EQ(render("{{ 'x'" + repeat(" ~ 'x'", 150) + " }}").text, repeat("x", 151));
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", 200) + "{% else %}x{% endif %}").text, "x");
  EXPECT_EQ(render("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% else %}end{% endif %}{% endmacro %}{{ m(40) }}").text,
            "end");
}

TEST(JinjaHostile, recursion_without_end_is_stopped_by_the_budget_of_depth) {
  for (const char* const source : {
           "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
           "{% macro m() %}{{ n() }}{% endmacro %}{% macro n() %}{{ m() }}{% endmacro %}{{ m() }}",
           "{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}",
           "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{% call m() %}{% endcall %}",
           "{% macro m(a=1) %}{% set x %}{{ m(a=m()) }}{% endset %}{% endmacro %}{{ m() }}",
           "{% macro m() %}{% for x in [1] %}{% filter upper %}{{ m() }}{% endfilter %}{% endfor %}{% endmacro %}{{ "
           "m() }}",
           "{% set ns = namespace() %}{% macro m() %}{{ ns.m() }}{% endmacro %}{% set ns.m = m %}{{ m() }}",
       }) {
    expect_stopped_by("nests more than", source, {});
  }
}

// Values that hold each other, or themselves.
TEST(JinjaHostile, values_nested_without_end_harm_nothing) {
  const std::string nest =
      "{% set ns = namespace(x=[]) %}{% for i in range(3000) %}{% set ns.x = [ns.x] %}{% endfor %}";
  const std::string nest_dict =
      "{% set ns = namespace(x={}) %}{% for i in range(3000) %}{% set ns.x = {'k': ns.x} %}{% endfor %}";
  const std::string nest_iterator =
      "{% set ns = namespace(x=[1]) %}{% for i in range(3000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}";
  const std::string nest_namespace =
      "{% set ns = namespace(x=1) %}{% for i in range(3000) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}";
  const std::string nest_method =
      "{% set ns = namespace(x='a') %}{% for i in range(3000) %}{% set ns.x = [ns.x].index %}{% endfor %}";
  const std::string itself = "{% set ns = namespace() %}{% set ns.x = ns %}";
  const std::string itself_listed = "{% set ns = namespace() %}{% set ns.x = [{'k': (ns,)}] %}";
  const std::string itself_macro = "{% set ns = namespace() %}{% macro m() %}{{ ns }}{% endmacro %}{% set ns.x = m %}";
  const std::string itself_loop = "{% set ns = namespace() %}{% for i in [1] %}{% set ns.x = loop %}{% endfor %}";
  const std::string itself_iterator =
      "{% set ns = namespace(x=[1]) %}{% set ns.x = ns.x | map(attribute='a') %}{% set ns.y = [ns] | "
      "map(attribute='y') %}";
  for (const auto& start : {nest, nest_dict, nest_iterator, nest_namespace, nest_method, itself, itself_listed,
                            itself_macro, itself_loop, itself_iterator}) {
    for (const char* const use :
         {"", "{{ ns }}", "{{ ns.x }}", "{{ ns.x == ns.x }}", "{{ [ns.x] == [ns.x] }}", "{{ ns.x | tojson }}",
          "{{ ns.x | list }}", "{{ ns.x | string | length }}", "{{ {ns.x: 1} }}", "{{ ns.x | pprint }}",
          "{{ ns.x in [ns.x] }}", "{{ [ns.x, ns.x] | sort }}", "{{ [ns.x] | unique | list }}", "{{ ns.x() }}",
          "{{ '%s' % ns.x }}", "{{ '{}'.format(ns.x) }}", "{{ ns.y | list }}"}) {
      render_soon(start + use, {});
    }
  }
}

TEST(JinjaHostile, long_templates_take_time_in_proportion) {
  const auto seconds = [](const std::string& source) {
    const double start = cpu_seconds();
    render(source);
    return cpu_seconds() - start;
  };
  for (const char* const piece :
       {"{{ s }}\n", "{% set x = 1 %}\n", "{# c #}  \n", "{%- if 1 -%} a {%- endif -%}  ", "{% raw %} {{ {% endraw %}",
        "  \n", "{ % } ", "{% set x %}a{% endset %}", "{% macro m() %}a{% endmacro %}", "{{ 'a' 'b' ~ 1 }}",
        "  {% if 0 %}\n  {% endif %}\n"}) {
    SCOPED_TRACE(piece);
    const size_t n = 100'000 / std::string_view(piece).size();
    const double once = seconds(repeat(piece, n)), eight_times = seconds(repeat(piece, 8 * n));
    EXPECT_LT(eight_times, 24 * once + 0.5)
        << "8 times the template took " << eight_times << " s, once " << once << " s";
  }
}

}  // namespace
}  // namespace quandex::jinja
