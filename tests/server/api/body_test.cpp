// Bodies as JSON, and arbitrary changes to them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <utility>

#include "engine/sampler.h"
#include "server/api/api_error.h"
#include "server/api/json_text.h"
#include "server/api/request_cases.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

using testing::body_cases;
using testing::BodyCase;
using testing::capable_model;
using testing::refusal_of;

std::string message_of(const std::string& body) {
  const auto refusal = refusal_of([&] { parse_body(body); });
  if (!refusal) return "taken";
  EXPECT_EQ(refusal->status, 400);
  EXPECT_EQ(refusal->code, "invalid_json");
  EXPECT_EQ(refusal->param, "");
  EXPECT_LT(refusal->message.size(), 400u);
  return refusal->message;
}

TEST(ParseBody, what_is_no_json_object_is_refused_with_its_place) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "line 1 column 1: found the end of the text, expected a value"},
      {"{", "line 1 column 2: found the end of the text"},
      {"{\"a\": 1,}", "line 1 column 9: found '}', expected a key in quotes"},
      {"{\"a\": 1} {}", "line 1 column 10: found '{', expected the end of the text"},
      {"{\"a\": 1, \"a\": 2}", "found the key \"a\" twice"},
      {"{\"a\": 1, \"\\u0061\": 2}", "found the key \"a\" twice"},
      {"{\n \"a\": NaN}", "line 2 column 7: found 'NaN', expected a finite number"},
      {"{\"a\": Infinity}", "expected a finite number"},
      {"{\"a\": -Infinity}", "expected a finite number"},
      {"{\"a\": 1e999}", "expected a number that double precision can hold"},
      {"{\"a\": 01}", "line 1 column 8"},
      {"{\"a\": +1}", "found '+1'"},
      {"{\"a\": 1.}", "line 1 column 7: found '1.'"},
      {"{\"a\": 0x10}", "line 1 column 8"},
      {"{'a': 1}", "found ''', expected a key in quotes"},
      {"{\"a\": \"\xC0\xAF\"}", "line 1 column 8: found byte 0xC0 in a string, expected valid UTF-8"},
      {"{\"a\": \"\xED\xA0\x80\"}", "found byte 0xED in a string, expected valid UTF-8"},
      {"{\"a\": \"\xF4\x90\x80\x80\"}", "found byte 0xF4 in a string"},
      {"{\"a\": \"\xE2\x82\"}", "found byte 0xE2 in a string"},
      {"{\"\xFF\": 1}", "found byte 0xFF in a string"},
      {"{\"a\": \"\\uD800\"}", "the lone surrogate \\uD800"},
      {"{\"a\": \"\\uD800\\u0041\"}", "the lone surrogate \\uD800"},
      {"{\"a\": \"\\uDC00\"}", "the lone surrogate \\uDC00"},
      {"{\"a\": \"\\u12G4\"}", "\\u without four hexadecimal digits"},
      {"{\"a\": \"\\x41\"}", "column 8"},
      {"{\"a\": \"\n\"}", "found byte 0x0A in a string"},
      {std::string("{\"a\": \"\0\"}", 10), "found byte 0x00"},
      {"{\"a\": /* b */ 1}", "line 1 column 7"},
      {"[1]", "found an array, expected a JSON object"},
      {"null", "found null, expected a JSON object"},
      {"\"a\"", "found the string \"a\", expected a JSON object"},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_NE(message_of(body).find(expected), std::string::npos) << body << "\n  " << message_of(body);
}

TEST(ParseBody, depth_is_bounded) {
  const auto nested = [](size_t depth) {
    return "{\"a\": " + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(message_of(nested(64)), "taken");
  EXPECT_NE(message_of(nested(65)).find("65 levels deep"), std::string::npos);
  EXPECT_NE(message_of(std::string(1 << 20, '[')).find("levels deep"), std::string::npos);
  EXPECT_NE(message_of("{\"a\": " + std::string(1 << 20, '{')).find("found"), std::string::npos);
}

TEST(ParseBody, text_of_any_script_and_pairs_of_surrogates_are_taken) {
  const Json body = parse_body("{\"a\": \"\\uD83D\\uDE00 \xF0\x9F\x98\x80 \xC3\xA9 \\u0000\"}");
  EXPECT_EQ(body["a"], std::string("\xF0\x9F\x98\x80 \xF0\x9F\x98\x80 \xC3\xA9 \0", 14));
}

TEST(ParseBody, a_byte_order_mark_is_ignored) { EXPECT_EQ(parse_body("\xEF\xBB\xBF{}"), Json::object()); }

TEST(ParseBody, a_body_that_is_no_object_is_refused_by_every_endpoint) {
  for (const BodyCase& item : body_cases())
    for (const Json& body : {Json(), Json(1), Json::array(), Json("a")})
      EXPECT_EQ(refusal_of([&] { item.parse(body, capable_model(), {}); })->status, 400);
}

// --- random changes

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  void mutate(Json& value) {
    if (value.is_structured() && !value.empty() && pick(4) != 0) {
      auto chosen = std::next(value.begin(), static_cast<std::ptrdiff_t>(pick(value.size())));
      if (pick(8) == 0)
        value.erase(chosen);
      else
        mutate(*chosen);
      return;
    }
    if (value.is_object() && pick(2) == 0)
      value[names_[pick(names_.size())]] = any_value();
    else
      value = any_value();
  }

 private:
  size_t pick(size_t n) { return random_() % n; }
  Json any_value() { return values_[pick(values_.size())]; }

  std::mt19937 random_;
  std::vector<std::string> names_ = {"role", "content", "type", "n", "stop", "", "tools", "temperature", "\n\"\\", "x"};
  std::vector<Json> values_ = {nullptr,
                               true,
                               false,
                               0,
                               1,
                               -1,
                               1.5,
                               1e308,
                               -1e-308,
                               INT64_MAX,
                               INT64_MIN,
                               UINT64_MAX,
                               "",
                               "user",
                               "assistant",
                               "text",
                               "none",
                               "auto",
                               "\xF0\x9F\x98\x80",
                               Json::array(),
                               Json::object(),
                               Json::array({1, "a", nullptr}),
                               {{"type", "text"}},
                               {{"role", "user"}, {"content", "a"}},
                               std::string(2000, 'x')};
};

TEST(ParseBody, whatever_is_changed_in_a_body_it_is_taken_or_refused_in_openais_shape) {
  const std::vector<BodyCase> cases = body_cases();
  Mutator mutator(7);
  int n_taken = 0, n_refused = 0;
  for (int round = 0; round < 6000; ++round) {
    const BodyCase& item = cases[static_cast<size_t>(round) % cases.size()];
    Json body = item.full;
    for (int i = 0; i <= round % 3; ++i) mutator.mutate(body);
    const RequestOptions options{.is_lenient = round % 2 == 0};
    try {
      item.parse(body, capable_model(), options);
      ++n_taken;
    } catch (const ApiError& error) {
      ++n_refused;
      EXPECT_TRUE(error.status == 400 || error.status == 404);
      EXPECT_TRUE(error.code) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 2000u);
      EXPECT_NO_THROW(parse_json(json_text(error_body(error)), "error"));
    }
  }
  EXPECT_GT(n_taken, 200);
  EXPECT_GT(n_refused, 2000);
}

TEST(ParseBody, sampling_that_is_taken_is_sampling_that_the_engine_takes) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> wide(-3, 3);
  int n_taken = 0;
  for (int round = 0; round < 3000; ++round) {
    Json body = testing::chat_body();
    for (const char* name : {"temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty"})
      if (random() % 3 == 0) body[name] = random() % 4 == 0 ? wide(random) : std::abs(wide(random)) / 3;
    if (random() % 3 == 0) body["repetition_penalty"] = std::pow(10.0, wide(random) * 20);
    if (random() % 3 == 0) body["top_k"] = static_cast<int64_t>(random()) - 5;
    const auto refusal = refusal_of([&] {
      check_sampling_params(parse_chat_request(body, capable_model(), {}).sampling);
      ++n_taken;
    });
    EXPECT_EQ(refusal ? refusal->status : 400, 400);
  }
  EXPECT_GT(n_taken, 500);
}

}  // namespace
}  // namespace quandex::server
