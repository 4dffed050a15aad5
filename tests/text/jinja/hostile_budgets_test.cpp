// Templates that ask for endless work, text or memory: each is stopped by its budget, before anything large is made.
#include <gtest/gtest.h>

#include <string>

#include "support/allocation_count.h"
#include "text/jinja/hostile.h"

namespace quandex::jinja {
namespace {

constexpr const char* kEndless[] = {
    "{% set r = range(99999) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% continue %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{{ range(99999) | sum if a < 0 else range(99999) | max }}{% endfor %}",
    "{% for a in range(99999) %}{% if 'x' in range(99999) %}{% endif %}{% endfor %}",
    "{% for a in range(99999) %}{% set x = range(99999) | select('none') | list %}{% endfor %}",
    "{% set r = range(99999) %}{% for a in r %}{% set x = r | map('string') | reject('eq', 'x') | sort %}{% endfor %}",
    "{% macro m(n) %}{% for i in range(n) %}{{ m(n - 1) }}{% endfor %}{% endmacro %}{{ m(12) }}",
    "{% set ns = namespace(x='') %}{% for a in range(99999) %}{% set ns.x = ns.x ~ 'a' %}{{ ns.x ~ ns.x }}{% endfor %}",
    "{% set x = 'é' * 99999 %}{% for i in range(99999) %}{% set y = x[i] %}{% set z = x[-1] %}{% endfor %}",
    "{% set x = 'a' * 99999 %}{% for i in range(99999) %}{% set y = x.find('b') + x.count('ab') %}{% endfor %}",
    "{% set x = ('a' * 50000) ~ 'b' %}{% for i in range(99999) %}{% set y = (x ~ x).find(x ~ 'c') %}{% endfor %}",
    "{% set x = range(9999) | list %}{% for i in range(99999) %}{{ x == x[:] }}{% set z = x + x %}{% endfor %}",
    "{% set x = range(9999) | list %}{% for i in range(99999) %}{% set y = x | string %}{% endfor %}",
    "{% set x = range(9999) | list %}{% for i in range(99999) %}{% set y = x | tojson %}{% endfor %}",
};

TEST(JinjaHostile, work_without_end_is_stopped_by_the_budget_of_steps) {
  RenderOptions options = small_budgets();
  options.max_memory_bytes = 256 << 20;
  options.max_output_bytes = 256 << 20;
  for (const char* const source : kEndless) expect_stopped_by("steps", source, options);
}

TEST(JinjaHostile, the_budgets_that_callers_get_by_default_end_a_rendering_within_seconds) {
  expect_stopped_by("steps", kEndless[0], {});
}

TEST(JinjaHostile, a_text_without_end_is_stopped_by_the_budget_of_output) {
  RenderOptions options = small_budgets();
  options.max_steps = 100'000'000;
  options.max_memory_bytes = 256 << 20;
  for (const char* const source : {
           "{% for i in range(99999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}",
           "{% set x = 'x' * 99999 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
           "{% set x %}{% for i in range(99999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}{% endset %}",
           "{% filter upper %}{% for i in range(99999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfilter %}",
           "{% macro m() %}{% for i in range(99999) %}xxxxxxxxxxxx{% endfor %}{% endmacro %}{% set x = m() %}",
           "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ 'x' * 999999 }}{{ 'x' * 999999 }}{% endcall %}",
       }) {
    expect_stopped_by("writes more than", source, options);
  }
}

// What grows step by step, each step small.
constexpr const char* kGrowing[] = {
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('', ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x.join(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='\"') %}{% for i in range(99) %}{% set ns.x = ns.x | tojson | tojson %}{% endfor %}",
    "{% set ns = namespace(x='<') %}{% for i in range(99) %}{% set ns.x = ns.x | forceescape ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x | urlencode ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x={}) %}{% for i in range(99999) %}{% set ns.x = dict(ns.x, **{i ~ '': i}) %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = ns.x + ['some text' ~ i] %}{% endfor %}",
};

TEST(JinjaHostile, values_that_grow_are_stopped_by_a_budget) {
  for (const char* const source : kGrowing) {
    SCOPED_TRACE(source);
    const Outcome outcome = render_soon(source, small_budgets());
    EXPECT_EQ(outcome.error, ErrorCode::invalid_file) << outcome.text.substr(0, 200);
  }
}

// What would take gigabytes at one blow. Expressions; `big` is a thousand million.
constexpr const char* kBlows[] = {
    "'x' * big",
    "'é' * big",
    "big * 'x'",
    "[1] * big",
    "(1, 2) * big",
    "'ab' * 9223372036854775807",
    "[none] * 9223372036854775807",
    "'x'.center(big)",
    "'x'.ljust(big)",
    "'x'.rjust(big, '*')",
    "'x'.zfill(big)",
    "'\t'.expandtabs(big)",
    "'x' | center(big)",
    "'a\nb' | indent(big)",
    "'a\nb' | indent('x' * 2000000)",
    "[[1]] | tojson(indent=big)",
    "[1] | tojson(indent='x' * 3000000)",
    "'%1000000000d' % 1",
    "'%-1000000000s' % 'x'",
    "'%.1000000000f' % 1.5",
    "'%*d' % (big, 1)",
    "'%.*f' % (big, 1.5)",
    "'{:>1000000000}'.format(1)",
    "'{:.1000000000f}'.format(1.5)",
    "'{:{w}}'.format('x', w=big)",
    "'{:01000000000d}'.format(1)",
    "'%99999999999999999999d' % 1",
    "'{:99999999999999999999}'.format(1)",
    "'%.99999999999999999999f' % 1.5",
    "range(big) | list",
    "range(big) | string",
    "range(-9223372036854775807, 9223372036854775807) | list",
    "[1] | batch(big, 'x') | list",
    "[1] | slice(big) | list",
    "('a' * 100000) | replace('a', 'b' * 100000)",
    "('a' * 100000).replace('', 'b' * 100000)",
    "('b' * 100000).join('a' * 100000)",
    "('a' * 100000) | list | join('b' * 100000)",
    "('a' * 100000) | wordwrap(1, true, 'b' * 100000)",
    "1.5 | round(big)",
    "5 | round(-big)",
    "2 ** big",
    "10 ** 400",
    "-(2 ** 63)",
    "9223372036854775807 * 9223372036854775807",
    "2 ** -big",
    "0 ** -1",
    "9223372036854775807 + 1",
    "-9223372036854775807 - 2",
    "(-9223372036854775807 - 1) // -1",
    "(-9223372036854775807 - 1) % -1",
    "-(-9223372036854775807 - 1)",
    "(-9223372036854775807 - 1) | abs",
    "1e308 * 10 | int",
    "(1e308 * 10) | int",
    "(1e308 * 10 - 1e308 * 10) | int",
    "(1e308 * 10) | round",
    "1e300 | int",
    "'9' * 400 | int",
    "('9' * 400) | int",
    "('1' ~ '0' * 400) | float",
    "1e19 | int",
    "-1e19 | int",
    "1e308 | filesizeformat",
    "'x'[::9223372036854775807]",
    "'x'[::-9223372036854775807]",
    "l[9223372036854775807:]",
    "l[-9223372036854775807:]",
    "l[9223372036854775807]",
    "range(0, 9223372036854775807, 9223372036854775806) | list",
    "range(9223372036854775807) | length",
    "range(big)[::-1] | list",
    "'x'.split('x', -9223372036854775807)",
    "'x'.replace('x', 'y', 9223372036854775807)",
    "'x'.find('x', -9223372036854775807, 9223372036854775807)",
    "s | truncate(-9223372036854775807)",
    "s | truncate(9223372036854775807)",
    "s | wordwrap(0)",
    "s | wordwrap(-5)",
    "s | center(-big)",
    "l | batch(0) | list",
    "l | batch(-1) | list",
    "l | slice(-1) | list",
    "l | sum(start='x')",
    "'\\U0010FFFF' * 300000 | length",
    "strftime_now('%c' * 500000)",
    "strftime_now('%1000000000Y')",
    "strftime_now('%')",
    "strftime_now('%E')",
    "strftime_now('a\\0b%Y')",
    "cycler(*range(99999)).next()",
    "dict(**dict(range(99999) | map('string') | batch(2) | list))",
    "'x' | attr('x' * 3000000)",
    "d['x' * 3000000]",
    "[l] * 100000 | tojson",
    "([l] * 100000) | string | length",
    "raise_exception('x' * 3000000)",
    "(range(99999) | list | string) * 99",
};

TEST(JinjaHostile, nothing_large_is_made_before_the_budget_is_asked) {
  constexpr size_t kAtMost = size_t{96} << 20;  // in all, freed or not: many times the budget, far less than the blows
  for (const char* const expression : kBlows) {
    SCOPED_TRACE(expression);
    const size_t before = test::allocated_bytes();
    const Outcome outcome = render_soon("{{ (" + std::string(expression) + ") | string | length }}", small_budgets());
    if (test::counts_allocations()) {
      EXPECT_LT(test::allocated_bytes() - before, kAtMost) << outcome.text.substr(0, 200);
    }
    EXPECT_LT(outcome.text.size(), 4u << 20);
  }
}

}  // namespace
}  // namespace quandex::jinja
