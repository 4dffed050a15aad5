// Expected texts are those of Python's jinja2 3.1.6 in the environment of transformers.
#include <gtest/gtest.h>

#include "text/jinja/render.h"

namespace quandex {
namespace {

using testing::error_of;
using testing::render;

TEST(JinjaMethodTest, strings_are_split_and_joined) {
  EXPECT_EQ(
      render(
          "{{ ' 1  2 3 '.split() }}{{ ' 1 2 3 '.split(none, 1) }}{{ 'a,,b'.split(',') }}{{ 'a,b,c'.split(',', 1) }}"),
      "['1', '2', '3']['1', '2 3 ']['a', '', 'b']['a', 'b,c']");
  EXPECT_EQ(render("{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a-b-c'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}"),
            "['a,b', 'c']('a', '-', 'b-c')('a-b', '-', 'c')");
  EXPECT_EQ(render("{{ 'a\nb\r\nc\u2028d'.splitlines() }}{{ 'a\nb'.splitlines(true) }}{{ '-'.join(['a', 'b']) }}"),
            "['a', 'b', 'c', 'd']['a\\n', 'b']a-b");
}

TEST(JinjaMethodTest, positions_count_characters) {
  EXPECT_EQ(render("{{ 'é😀ab😀'.find('😀') }}{{ 'é😀ab😀'.rfind('😀') }}{{ 'aé'.index('é') }}{{ 'a'.find('b') }}"),
            "141-1");
  EXPECT_EQ(render("{{ 'abcabc'.find('c', 3) }}{{ 'aXa'.count('a') }}{{ 'éa'.startswith('a', 1) }}{{ "
                   "'ab'.endswith(('x', 'b')) }}"),
            "52TrueTrue");
  EXPECT_EQ(error_of("{{ 'abc'.index('z') }}"), "t: line 1 column 9: found no 'z' in the string");
}

TEST(JinjaMethodTest, strings_are_stripped_padded_and_replaced) {
  EXPECT_EQ(render("[{{ ' \u00a0x\n'.strip() }}][{{ 'xyax'.lstrip('yx') }}][{{ 'a..'.rstrip('.') }}]"), "[x][ax][a]");
  EXPECT_EQ(render("{{ '-5'.zfill(4) }}|{{ 'x'.center(4) }}|{{ 'x'.ljust(3, '.') }}|{{ 'x'.rjust(3) }}"),
            "-005| x  |x..|  x");
  EXPECT_EQ(render("{{ 'aaa'.replace('a', 'b', 2) }}{{ 'ab'.replace('', '-') }}{{ 'x.txt'.removesuffix('.txt') }}"),
            "bba-a-b-x");
}

TEST(JinjaMethodTest, case_changes_follow_unicode) {
  EXPECT_EQ(render("{{ 'straße ŉ'.upper() }} {{ 'ΑΣ ΑΣΑ İ'.lower() }} {{ 'ǆ x'.title() }} {{ 'ÉA'.capitalize() }}"),
            "STRASSE ʼN ας ασα i̇ ǅ X Éa");
  EXPECT_EQ(render("{{ 'Aß'.swapcase() }} {{ 'Straße'.casefold() }}"), "aSS strasse");
}

TEST(JinjaMethodTest, claims_about_strings_are_those_of_python) {
  EXPECT_EQ(render("{{ 'a1'.isalnum() }}{{ '½'.isnumeric() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ ''.isalpha() }}"
                   "{{ 'ª'.islower() }}{{ 'Ab C'.istitle() }}{{ '\u2003'.isspace() }}"),
            "TrueTrueTrueFalseFalseTrueTrueTrue");
}

TEST(JinjaMethodTest, percent_formats_as_in_python) {
  EXPECT_EQ(render("{{ '%s|%5s|%-5s|%05d|%x|%#o|%.2f|%e|%g|%r|%c|%%|%+d' % ('a', 'b', 'c', 42, 255, 8, 1.005, "
                   "12345.678, 1e-5, 'q', 65, 3) }}"),
            "a|    b|c    |00042|ff|0o10|1.00|1.234568e+04|1e-05|'q'|A|%|+3");
  EXPECT_EQ(render("{{ '%(a)s-%(b)d' % {'a': 1, 'b': 2.9} }}{{ '%s' % [1] }}{{ '%*d' % (4, 2) }}"), "1-2[1]   2");
  EXPECT_EQ(error_of("{{ '%s' % (1, 2) }}"),
            "t: line 1 column 9: found more arguments than directives in a format string");
  EXPECT_EQ(error_of("{{ '%d' % 'a' }}"), "t: line 1 column 9: found 'str' for %d, expected a number");
}

TEST(JinjaMethodTest, format_fills_fields) {
  EXPECT_EQ(render("{{ '{} {x} {{}}'.format(1, x=2) }}|{{ '{1}{0}'.format('a', 'b') }}|{{ '{0[k]} "
                   "{0[l][1]}'.format({'k': 1, 'l': [2, 3]}) }}"),
            "1 2 {}|ba|1 3");
  EXPECT_EQ(render("{{ '{:>4}|{:<4}|{:^4}|{:*^5}|{:05d}|{:,}|{:.2f}|{:#x}|{:%}|{!r:>5}'.format('a', 'b', 'c', 'd', 42, "
                   "1234567, 3.14159, 255, 0.5, 'q') }}"),
            "   a|b   | c  |**d**|00042|1,234,567|3.14|0xff|50.000000%|  'q'");
  EXPECT_EQ(render("{{ '{:.3}|{:.3}|{:g}|{:e}|{:+}|{:010,}|{:{}}'.format(3.14159, 1234.5, 0.00001234, 12345.678, 5, "
                   "1234, 'a', 3) }}"),
            "3.14|1.23e+03|1.234e-05|1.234568e+04|+5|00,001,234|a  ");
}

TEST(JinjaMethodTest, the_alternate_form_keeps_the_point) {
  EXPECT_EQ(render("{{ '{:#.1}|{:#.3}|{:#}'.format(4.6e21, 1.0, 1e300) }}"), "5.e+21|1.00|1.e+300");
}

TEST(JinjaMethodTest, dicts_and_lists_are_read) {
  EXPECT_EQ(render("{{ d.items() }}{{ d.keys()|list }}{{ d.values()|list }}{{ d.get('z') }}{{ d.get('z', 3) }}",
                   R"({"d": {"a": 1}})"),
            "dict_items([('a', 1)])['a'][1]None3");
  EXPECT_EQ(render("{{ [1, 2, 1].count(1) }}{{ [1, 2].index(2) }}{{ (1, 1).count(1) }}"), "212");
}

TEST(JinjaMethodTest, what_changes_a_value_is_forbidden) {
  for (const std::string call : {"[].append(1)", "[].pop()", "{}.update({})", "{}.pop('a')", "[].sort()"}) {
    EXPECT_NE(error_of("{{ " + call + " }}").find("is unsafe"), std::string::npos) << call;
  }
  EXPECT_EQ(render("{{ [].append }}{{ [].append is defined }}"), "False");
}

TEST(JinjaMethodTest, nothing_beyond_data_is_reached) {
  EXPECT_EQ(render("{{ ''.__class__ }}{{ [].__class__ is defined }}{{ range.__globals__ }}"), "False");
  EXPECT_NE(error_of("{{ ''.__class__.__mro__ }}").find("is unsafe"), std::string::npos);
  EXPECT_NE(error_of("{{ '{0.__class__.__mro__}'.format(1) }}").find("is unsafe"), std::string::npos);
}

TEST(JinjaGlobalTest, functions_of_jinja_are_there) {
  EXPECT_EQ(render("{{ range(3) }}{{ range(5, 0, -2)|list }}{{ dict(a=1) }}{{ namespace(a=2).a }}"),
            "range(0, 3)[5, 3, 1]{'a': 1}2");
  EXPECT_EQ(render("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}"), "abab");
  EXPECT_EQ(render("{% set j = joiner('; ') %}{{ j() }}a{{ j() }}b"), "a; b");
  EXPECT_EQ(error_of("{{ range(100001) }}"),
            "t: line 1 column 4: found a range of 100001 numbers, expected at most 100000");
  EXPECT_EQ(error_of("{{ lipsum() }}"), "t: line 1 column 4: lipsum(), whose text is random, is not supported");
}

TEST(JinjaGlobalTest, wrong_arguments_are_named) {
  EXPECT_EQ(error_of("{{ range('a') }}"),
            "t: line 1 column 4: found 'str' as the argument 'start' of range, expected an integer");
  EXPECT_EQ(error_of("{{ joiner(a=1) }}"), "t: line 1 column 4: found the argument 'a' of joiner, which has none");
}

TEST(JinjaGlobalTest, raise_exception_is_an_invalid_argument) {
  ErrorCode code = ErrorCode::io;
  EXPECT_EQ(error_of("a\n{{ raise_exception('no ' ~ x) }}", R"({"x": "way"})", &code), "t: line 2 column 4: no way");
  EXPECT_EQ(code, ErrorCode::invalid_argument);
}

TEST(JinjaGlobalTest, strftime_now_shows_the_time_of_the_options) {
  jinja::RenderOptions options;
  options.now = std::chrono::system_clock::from_time_t(1'700'000'000);
  const std::string year = render("{{ strftime_now('%Y') }}", "{}", options);
  EXPECT_EQ(year, "2023");
  EXPECT_EQ(render("{{ strftime_now('') }}|{{ strftime_now('%%') }}", "{}", options), "|%");
}

TEST(JinjaUndefinedTest, undefined_prints_nothing_and_fails_when_used) {
  EXPECT_EQ(render("[{{ x }}{{ x ~ 'a' }}{% for i in x %}i{% endfor %}{{ x|length }}{{ not x }}{{ [x] }}{{ d.y }}]",
                   R"({"d": {}})"),
            "[a0True[Undefined]]");
  EXPECT_EQ(error_of("{{ x.y }}"), "t: line 1 column 5: 'x' is undefined");
  EXPECT_EQ(error_of("{{ d.y.z }}", R"({"d": {}})"), "t: line 1 column 7: 'dict object' has no attribute 'y'");
  EXPECT_EQ(error_of("{{ x + 1 }}"), "t: line 1 column 6: 'x' is undefined");
  EXPECT_EQ(error_of("{{ x() }}"), "t: line 1 column 4: 'x' is undefined");
}

}  // namespace
}  // namespace quandex
