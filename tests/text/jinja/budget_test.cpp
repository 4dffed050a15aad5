#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "text/jinja/render.h"

namespace quandex {
namespace {

using testing::error_of;
using testing::render;

// The template ends in an error that says `expected`.
void expect_stopped(const std::string& source, const std::string& expected, const jinja::RenderOptions& options = {}) {
  ErrorCode code = ErrorCode::io;
  const std::string message = error_of(source, "{}", &code, options);
  EXPECT_NE(message.find(expected), std::string::npos) << source << ": " << message.substr(0, 300);
  EXPECT_EQ(code, ErrorCode::invalid_file) << source;
}

constexpr const char* kMemory = "bytes of values, the most that are allowed";
constexpr const char* kSteps = "steps, the most that are allowed";
constexpr const char* kDepth = "statements, expressions and calls, the most that are allowed";

jinja::RenderOptions small() {
  jinja::RenderOptions options;
  options.max_steps = 1'000'000;
  options.max_memory_bytes = size_t{16} << 20;
  options.max_output_bytes = size_t{1} << 20;
  return options;
}

TEST(JinjaBudgetTest, large_values_are_refused_before_they_are_made) {
  expect_stopped("{{ 'a' * 10**9 }}", kMemory);
  expect_stopped("{{ [1] * 10**12 }}", kMemory);
  expect_stopped("{{ 'x'.ljust(10**10) }}", kMemory);
  expect_stopped("{{ 'x'.zfill(10**10) }}", kMemory);
  expect_stopped("{{ '%999999999d' % 1 }}", kMemory);
  expect_stopped("{{ '{:999999999}'.format(1) }}", kMemory);
  expect_stopped("{{ ('a' * 10**6).replace('a', 'b' * 10**6) }}", kMemory);
  expect_stopped("{{ ('a' * 10**6).replace('', 'b' * 10**6) }}", kMemory);
  expect_stopped("{{ ('a' * 10**6)|indent(10**10) }}", kMemory);
  expect_stopped("{{ [1]|tojson(indent=10**12) }}", kMemory);
  expect_stopped("{{ [1]|batch(10**12, 'x')|list }}", kMemory);
}

TEST(JinjaBudgetTest, values_that_double_are_stopped) {
  expect_stopped("{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                 kMemory, small());
  expect_stopped("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
                 kMemory, small());
  expect_stopped(
      "{% set ns = namespace(x='') %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "the most that are allowed", small());
  expect_stopped(
      "{% set ns = namespace(x='') %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == "
      "[ns.x[0], ns.x[1]] }}",
      kSteps, small());
  expect_stopped(
      "{% set ns = namespace(x=()) %}{% for i in range(99) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
      kSteps, small());
}

TEST(JinjaBudgetTest, values_nest_to_a_limit) {
  expect_stopped("{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}",
                 "found values nested more than 200 deep");
  expect_stopped(
      "{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = ns.x|map('string') %}{% endfor %}",
      "found values nested more than 200 deep");
}

TEST(JinjaBudgetTest, rings_of_namespaces_end) {
  EXPECT_EQ(render("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{{ a.b.a == a }}"), "True");
  expect_stopped("{% set a = namespace() %}{% set a.a = a %}{{ a }}", kDepth);
  EXPECT_EQ(
      render("{% set ns = namespace(x=1) %}{% for i in range(50000) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}"
             "{% for i in [1] %}{{ loop.changed(loop) }}{% endfor %}"),
      "True");
}

TEST(JinjaBudgetTest, endless_work_is_stopped) {
  const std::string loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
  const auto begin = std::chrono::steady_clock::now();
  expect_stopped(loops, kSteps);
  EXPECT_LT(std::chrono::steady_clock::now() - begin,
            std::chrono::seconds(60));  // some under a second, if not sanitized
  expect_stopped("{% set x = 'a' * 10**6 %}{% for a in range(99999) %}{% set y = x.upper() %}{% endfor %}", kSteps,
                 small());
  expect_stopped(
      "{% set x = ('a' * 50000) ~ 'b' %}{% for i in range(99999) %}{% set y = (x ~ x).find(x ~ 'c') %}{% endfor %}",
      kSteps, small());
  expect_stopped("{% set x = 'a' * 10**6 %}{% for i in range(99999) %}{% set y = x == x %}{% endfor %}", kSteps,
                 small());
}

TEST(JinjaBudgetTest, recursion_is_stopped) {
  expect_stopped("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", kDepth);
  expect_stopped("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}", kDepth);
  EXPECT_EQ(render("{% macro m(n) %}{% if n %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(9) }}"), "987654321");
}

TEST(JinjaBudgetTest, output_is_stopped) {
  expect_stopped("{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
                 "the template writes more than 1048576 bytes", small());
  expect_stopped("{% set x %}{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}{% endset %}",
                 "the template writes more than 1048576 bytes", small());
}

TEST(JinjaBudgetTest, integers_do_not_wrap) {
  for (const std::string source : {"9223372036854775807 + 1", "-9223372036854775807 - 2", "2**63", "2**62 * 2",
                                   "10**19", "-(-9223372036854775807 - 1)", "(-9223372036854775807 - 1) // -1",
                                   "(-9223372036854775807 - 1)|abs", "1e30|int", "'9223372036854775808'|int"}) {
    expect_stopped("{{ " + source + " }}", "beyond 64 bits");
  }
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}{{ 2**62 + (2**62 - 1) }}"), "09223372036854775807");
}

TEST(JinjaBudgetTest, a_context_may_be_too_large_or_no_object) {
  jinja::RenderOptions options;
  options.max_memory_bytes = 1000;
  EXPECT_NE(error_of("", "{\"a\": \"" + std::string(2000, 'x') + "\"}", nullptr, options).find(kMemory),
            std::string::npos);
  ErrorCode code = ErrorCode::io;
  EXPECT_EQ(error_of("", "[]", &code), "the context of a template is array, expected an object");
  EXPECT_EQ(code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace quandex
