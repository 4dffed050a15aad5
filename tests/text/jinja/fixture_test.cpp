// Templates of our own writing beside the renderings of Python's jinja2 (tools/make_jinja_fixtures.py): every construct
// in small templates, and chat templates in the styles of the families over many conversations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja/template.h"

namespace quandex::jinja {
namespace {

constexpr const char* kName = "fixture";

Json read_fixture(std::string_view name) {
  return read_json_file(std::filesystem::path(QUANDEX_TEST_FIXTURES) / "jinja" / name);
}

struct Outcome {
  std::string text;                // of the rendering, or the message
  std::optional<ErrorCode> error;  // why there is no rendering
};

Outcome render(const std::string& source, const Json& context, std::chrono::seconds now) {
  RenderOptions options;
  options.now = std::chrono::system_clock::time_point{now};
  try {
    return {Template(source, kName).render(context, options), std::nullopt};
  } catch (const Error& error) {
    return {error.what(), error.code()};
  }
}

// strftime_now tells local time; the fixtures were made in this zone.
void use_utc() {
  setenv("TZ", "UTC", 1);
  tzset();
}

// Whether the error is the one that Python ended in: the message where the template itself raised it, the line where it
// is the only one that can be named.
void expect_error(const Outcome& got, const Json& expected) {
  if (!got.error) {
    ADD_FAILURE() << "rendered \"" << got.text << "\", expected an error";
    return;
  }
  const bool is_raised = expected.contains("raised");
  const bool is_refused = !is_raised && *got.error == ErrorCode::unsupported;
  EXPECT_TRUE(is_refused || *got.error == (is_raised ? ErrorCode::invalid_argument : ErrorCode::invalid_file))
      << got.text;
  const std::string start =
      fmt::format("{}: line {}", kName, expected.contains("line") ? expected["line"].dump() + " " : "");
  EXPECT_TRUE(got.text.starts_with(start)) << got.text << "\nexpected " << start;
  if (is_raised) {
    EXPECT_TRUE(got.text.ends_with(": " + expected["raised"].get<std::string>())) << got.text;
  }
}

void expect_as_in_python(const Json& expected, const std::string& source, const Json& context,
                         std::chrono::seconds now) {
  const Outcome got = render(source, context, now);
  if (expected.contains("error")) {
    expect_error(got, expected["error"]);
  } else {
    EXPECT_FALSE(got.error) << got.text;
    EXPECT_EQ(got.text, expected["text"].get_ref<const std::string&>());
  }
}

std::chrono::seconds clock_of(const Json& fixture) {
  return std::chrono::seconds(fixture.at("source").at("now").get<int64_t>());
}

void check_cases(std::string_view file, size_t at_least) {
  use_utc();
  const Json fixture = read_fixture(file);
  ASSERT_GE(fixture.at("cases").size(), at_least);
  for (const Json& one : fixture["cases"]) {
    SCOPED_TRACE(fmt::format("{}: {}\n{}", file, one["name"].get<std::string>(), one["template"].get<std::string>()));
    const Json& context = one.contains("context") ? one["context"] : fixture["context"];
    expect_as_in_python(one, one["template"].get<std::string>(), context, clock_of(fixture));
  }
}

TEST(JinjaFixture, statements_render_as_in_python) { check_cases("statements.json", 120); }
TEST(JinjaFixture, expressions_render_as_in_python) { check_cases("expressions.json", 55); }
TEST(JinjaFixture, filters_and_tests_render_as_in_python) { check_cases("filters.json", 65); }
TEST(JinjaFixture, methods_render_as_in_python) { check_cases("methods.json", 20); }
TEST(JinjaFixture, white_space_is_kept_and_stripped_as_in_python) { check_cases("whitespace.json", 75); }
TEST(JinjaFixture, what_fails_in_python_fails_with_its_line) { check_cases("errors.json", 190); }

TEST(JinjaFixture, chat_templates_render_conversations_as_in_python) {
  use_utc();
  const Json fixture = read_fixture("chat.json");
  ASSERT_GE(fixture.at("renderings").size(), 500u);
  for (const Json& one : fixture["renderings"]) {
    const auto name = one["template"].get<std::string>(), messages = one["messages"].get<std::string>(),
               setting = one["setting"].get<std::string>();
    SCOPED_TRACE(fmt::format("{} with {} {} prompt={}", name, messages, setting, one["prompt"].dump()));
    Json context = fixture["base"];
    context.update(fixture["settings"].at(setting));
    context["messages"] = fixture["messages"].at(messages);
    context["add_generation_prompt"] = one["prompt"];
    expect_as_in_python(one, fixture["templates"].at(name).get<std::string>(), context, clock_of(fixture));
  }
}

}  // namespace
}  // namespace quandex::jinja
