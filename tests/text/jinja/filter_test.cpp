// Expected texts are those of Python's jinja2 3.1.6 in the environment of transformers.
#include <gtest/gtest.h>

#include "text/jinja/render.h"

namespace quandex {
namespace {

using testing::error_of;
using testing::render;

constexpr const char* kMessages = R"({"m": [{"role": "user", "text": "b"}, {"role": "bot", "text": "A", "n": 1},
                                           {"role": "user", "text": "c"}]})";

TEST(JinjaFilterTest, tojson_writes_as_json_dumps_does) {
  EXPECT_EQ(render("{{ x|tojson }}", R"({"x": {"a": [1, 2.0, null, true], "é": "<&'\"\n\u2028"}})"),
            "{\"a\": [1, 2.0, null, true], \"é\": \"<&'\\\"\\n\u2028\"}");
  EXPECT_EQ(render("{{ 'é😀'|tojson(ensure_ascii=true) }}"), R"("\u00e9\ud83d\ude00")");
  EXPECT_EQ(render("{{ {'b': [], 'a': [1, {}]}|tojson(indent=2, sort_keys=true) }}"),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
  EXPECT_EQ(render("{{ [1, {'a': 2}]|tojson(separators=(',', ':')) }}"), "[1,{\"a\":2}]");
  EXPECT_EQ(render("{{ {1: 2, none: 3, true: 4}|tojson }}"), R"({"1": 4, "null": 3})");
  EXPECT_EQ(error_of("{{ x|tojson }}"), "t: line 1 column 6: found 'Undefined', expected a value that JSON has");
}

TEST(JinjaFilterTest, generators_are_true_and_walked_once) {
  EXPECT_EQ(render("{% if []|select %}T{% endif %}{% if [1]|select('gt', 5) %}T{% endif %}"), "TT");
  EXPECT_EQ(render("{% set g = [1, 2]|map('string') %}{{ g|list }}{{ g|list }}"), "['1', '2'][]");
  EXPECT_EQ(error_of("{{ [1]|select|length }}"),
            "t: line 1 column 15: found 'generator', expected a value that has a length");
  EXPECT_EQ(render("{{ [1, 2]|map('nope')|first if false else 'unused' }}{% set g = [1]|map('nope') %}"), "unused");
}

TEST(JinjaFilterTest, items_are_selected_mapped_grouped_and_sorted) {
  EXPECT_EQ(render("{{ m|selectattr('role', 'equalto', 'user')|map(attribute='text')|join(',') }}", kMessages), "b,c");
  EXPECT_EQ(render("{{ m|rejectattr('n', 'defined')|list|length }}", kMessages), "2");
  EXPECT_EQ(render("{{ m|map(attribute='n', default=0)|list }}", kMessages), "[0, 1, 0]");
  EXPECT_EQ(render("{% for r, g in m|groupby('role') %}{{ r }}{{ g|length }}{% endfor %}", kMessages), "bot1user2");
  EXPECT_EQ(render("{{ m|sort(attribute='text')|map(attribute='text')|join }}", kMessages), "Abc");
  EXPECT_EQ(render("{{ ['b', 'A', 'c']|sort(case_sensitive=true, reverse=true) }}"), "['c', 'b', 'A']");
  EXPECT_EQ(render("{{ {'b': 1, 'A': 2}|dictsort }}"), "[('A', 2), ('b', 1)]");
  EXPECT_EQ(render("{{ [1, 2, 1, 'a', 'A']|unique|list }}{{ ['b', 'A']|min }}{{ []|max }}"), "[1, 2, 'a']A");
  EXPECT_EQ(error_of("{{ [1, 'a']|sort }}"),
            "t: line 1 column 13: found 'str' < 'int', expected values that have an order");
}

TEST(JinjaFilterTest, sequences_are_cut_and_joined) {
  EXPECT_EQ(render("{{ range(5)|batch(2, 'x')|list }}{{ range(5)|slice(2)|list }}"),
            "[[0, 1], [2, 3], [4, 'x']][[0, 1, 2], [3, 4]]");
  EXPECT_EQ(render("{{ [1, 2, 3]|first }}{{ [1, 2, 3]|last }}{{ [1, 2]|reverse|list }}{{ 'ab'|reverse }}"),
            "13[2, 1]ba");
  EXPECT_EQ(render("{{ [1, 2.5]|sum }}{{ ['a', 1, none]|join('-') }}{{ {'a': 1}|items|list }}"),
            "3.5a-1-None[('a', 1)]");
}

TEST(JinjaFilterTest, default_replaces_what_is_undefined_or_false) {
  EXPECT_EQ(render("{{ x|default('d') }}{{ ''|default('d') }}{{ ''|default('d', true) }}{{ none|d('n') }}"), "ddNone");
}

TEST(JinjaFilterTest, texts_are_changed) {
  EXPECT_EQ(render("{{ 'foo-bar it\\'s'|title }} {{ 'aB'|capitalize }} {{ ' x '|trim }} {{ 'xax'|trim('x') }}"),
            "Foo-Bar It's Ab x a");
  EXPECT_EQ(render("{{ 'hello world again'|truncate(9) }}|{{ 'hello world again'|truncate(9, true, '.', 0) }}"),
            "hello...|hello wo.");
  EXPECT_EQ(render("{{ 'a\nb\n\nc'|indent(2) }}|{{ 'a\n\nb'|indent('>', true, true) }}"), "a\n  b\n\n  c|>a\n>\n>b");
  EXPECT_EQ(render("{{ '%s=%d'|format('a', 3) }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 'a b_c'|wordcount }}"),
            "a=3 bba 2");
}

TEST(JinjaFilterTest, numbers_are_read_and_rounded) {
  EXPECT_EQ(render("{{ '42.9'|int }} {{ 'x'|int(7) }} {{ '0x1f'|int(base=16) }} {{ '1e3'|float }} {{ -3|abs }}"),
            "42 7 31 1000.0 3");
  EXPECT_EQ(render("{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 42|round }} {{ 2.1|round(0, 'ceil') }}"),
            "2.0 4.0 2.67 42 3.0");
  EXPECT_EQ(render("{{ 1500000|filesizeformat }} {{ 2048|filesizeformat(true) }} {{ 1|filesizeformat }}"),
            "1.5 MB 2.0 KiB 1 Byte");
}

TEST(JinjaFilterTest, markup_escapes_what_is_added_to_it) {
  EXPECT_EQ(render("{{ '<b>'|e }} {{ '<b>'|safe + '<i>' }} {{ '<i>' + '<b>'|safe }} {{ '<b>'|safe ~ '<i>' }}"),
            "&lt;b&gt; <b>&lt;i&gt; &lt;i&gt;<b> <b><i>");
  EXPECT_EQ(render("{{ ('%s'|safe) % '<' }} {{ ('-'|safe).join(['<', '>'|safe]) }} {{ '<'|safe is escaped }}"),
            "&lt; &lt;-> True");
  EXPECT_EQ(render("{{ '<a>x</a>  &amp; y'|striptags }} {{ {'a': '<', 'b': none}|xmlattr }} {{ 'a b/c?'|urlencode }}"),
            "x & y  a=\"&lt;\" a%20b/c%3F");
}

TEST(JinjaFilterTest, markup_is_walked_as_plain_characters) {
  EXPECT_EQ(render("{{ ('<a'|safe)|list }} {{ ('<a'|safe)[0] is escaped }}"), "['<', 'a'] True");
}

TEST(JinjaFilterTest, prettily_printed_values_break_lines_at_80_characters) {
  EXPECT_EQ(render("{{ {'b': 1, 'a': [2]}|pprint }}"), "{'a': [2], 'b': 1}");
  EXPECT_EQ(render("{{ ['x' * 40, 'y' * 40]|pprint }}"),
            "['" + std::string(40, 'x') + "',\n '" + std::string(40, 'y') + "']");
  EXPECT_EQ(render("{{ 'the quick-brown fox'|wordwrap(8) }}"), "the\nquick-\nbrown\nfox");
}

TEST(JinjaFilterTest, filters_that_give_random_or_unused_results_are_refused_by_name) {
  for (const std::string name : {"random", "urlize"}) {
    ErrorCode code = ErrorCode::io;
    EXPECT_EQ(error_of("{{ 'a'|" + name + " }}", "{}", &code),
              "t: line 1 column 8: the filter '" + name + "' is not supported");
    EXPECT_EQ(code, ErrorCode::unsupported);
  }
}

TEST(JinjaTestTest, tests_tell_types_apart) {
  EXPECT_EQ(
      render("{{ 1 is integer }}{{ true is integer }}{{ true is number }}{{ 1.0 is float }}{{ 'a' is string }}"
             "{{ {} is mapping }}{{ [] is sequence }}{{ 'a' is iterable }}{{ none is none }}{{ x is undefined }}"),
      "TrueFalseTrueTrueTrueTrueTrueTrueTrueTrue");
  EXPECT_EQ(render("{{ 3 is odd }}{{ 4 is divisibleby 3 }}{{ 1 is in [1] }}{{ 2 is gt 1 }}{{ 'upper' is filter }}"
                   "{{ 'AB' is upper }}{{ x is callable }}{{ range is callable }}{{ 1 is not none }}"),
            "TrueFalseTrueTrueTrueTrueTrueTrueTrue");
}

}  // namespace
}  // namespace quandex
