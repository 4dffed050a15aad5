#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace quandex {
namespace {

// The message that parsing ends in, or "" when it does not.
std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, "config.json", limits);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
}

TEST(Json, every_kind_of_value_is_read) {
  const Json json =
      parse_json(R"( {"b": [1, -2, 0.5, 1e3, true, false, null], "a": {"": "\u00e9\ud83d\ude00é\n"}} )", "x");
  EXPECT_EQ(json.dump(), "{\"b\":[1,-2,0.5,1000.0,true,false,null],\"a\":{\"\":\"é😀é\\n\"}}");
  EXPECT_TRUE(json["b"][0].is_number_unsigned());
  EXPECT_TRUE(json["b"][1].is_number_integer());
  EXPECT_TRUE(json["b"][3].is_number_float());
}

TEST(Json, any_value_can_stand_alone) {
  for (const char* const text : {"0", "-1.5e-3", "\"\"", "null", "true", "[]", "{}", "\xEF\xBB\xBF[]"}) {
    EXPECT_EQ(refusal(text), "") << text;
  }
}

TEST(Json, integers_keep_64_bits_and_longer_ones_become_real) {
  EXPECT_EQ(parse_json("18446744073709551615", "x").get<uint64_t>(), ~uint64_t{0});
  EXPECT_EQ(parse_json("-9223372036854775808", "x").get<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(parse_json("18446744073709551616", "x").is_number_float());
}

struct BadText {
  std::string_view text;
  const char* message;  // after "config.json: "
};

constexpr BadText kBadTexts[] = {
    {"", "line 1 column 1: found the end of the text, expected a value"},
    {" \n ", "line 2 column 2: found the end of the text, expected a value"},
    {"\xEF\xBB\xBF", "line 1 column 2: found the end of the text, expected a value"},
    {"\xEF\xBB", "line 1 column 1: found byte 0xEF, expected a value"},
    {"x", "line 1 column 1: found 'x', expected a value"},
    {"tru", "line 1 column 1: found 'tru', expected a value"},
    {"truer", "line 1 column 5: found 'r', expected the end of the text"},
    {"]", "line 1 column 1: found ']', expected a value"},
    {"{} x", "line 1 column 4: found 'x', expected the end of the text"},
    {"1 2", "line 1 column 3: found '2', expected the end of the text"},
    {"[1 2]", "line 1 column 4: found '2', expected ',' or ']'"},
    {"[01]", "line 1 column 3: found '1', expected ',' or ']'"},
    {"[-01]", "line 1 column 4: found '1', expected ',' or ']'"},
    {"[1x]", "line 1 column 3: found 'x', expected ',' or ']'"},
    {"[1, 22", "line 1 column 7: found the end of the text, expected ',' or ']'"},
    {"[1., 2]", "line 1 column 2: found '1.', expected a value or ']'"},
    {"[-]", "line 1 column 2: found '-', expected a value or ']'"},
    {"[+1]", "line 1 column 2: found '+1', expected a value or ']'"},
    {"[.5]", "line 1 column 2: found '.5', expected a value or ']'"},
    {"[1e]", "line 1 column 2: found '1e', expected a value or ']'"},
    {"[1e999]", "line 1 column 2: found '1e999', expected a number that double precision can hold"},
    {"[1,]", "line 1 column 4: found ']', expected a value"},
    {"[1,,2]", "line 1 column 4: found ',', expected a value"},
    {"[1}", "line 1 column 3: found '}', expected ',' or ']'"},
    {"[", "line 1 column 2: found the end of the text, expected a value or ']'"},
    {"{", "line 1 column 2: found the end of the text, expected a key in quotes or '}'"},
    {"{a: 1}", "line 1 column 2: found 'a', expected a key in quotes or '}'"},
    {"{\"a\" 1}", "line 1 column 6: found '1', expected ':'"},
    {"{\"a\" \"b\"}", "line 1 column 6: found a string, expected ':'"},
    {"{\"a\":}", "line 1 column 6: found '}', expected a value"},
    {"{\"a\":1,}", "line 1 column 8: found '}', expected a key in quotes"},
    {"{\"a\":1 \"b\":2}", "line 1 column 8: found a string, expected ',' or '}'"},
    {"{\"a\":[1]]", "line 1 column 9: found ']', expected ',' or '}'"},
    {"{\"rope_theta\": NaN}", "line 1 column 16: found 'NaN', expected a finite number, as JSON has no other"},
    {"{\"a\": Infinity}", "line 1 column 7: found 'Infinity', expected a finite number, as JSON has no other"},
    {"{\"a\": -Infinity}", "line 1 column 7: found '-Infinity', expected a finite number, as JSON has no other"},
    {"[1] // note", "line 1 column 5: found '/', expected the end of the text"},
    {"\"ab", "line 1 column 4: found the end of the text in a string, expected a quote"},
    {"[\"a\\", "line 1 column 5: found the end of the text in a string, expected a quote"},
    {"\"a\nb\"", "line 1 column 3: found byte 0x0A in a string, expected control characters written as escapes"},
    {"[\"\\x\"]",
     "line 1 column 3: found the escape '\\x', expected one that JSON has (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)"},
    {"\"\\u12g4\"", "line 1 column 2: found \\u without four hexadecimal digits, expected \\uXXXX"},
    {"\"\\ud83d\"", "line 1 column 2: found the lone surrogate \\uD83D, expected a pair of surrogates"},
    {"\"\\ud83d\\u0041\"", "line 1 column 2: found the lone surrogate \\uD83D, expected a pair of surrogates"},
    {"\"\\uDE00\"", "line 1 column 2: found the lone surrogate \\uDE00, expected a pair of surrogates"},
    {"\"a\xFF\"", "line 1 column 3: found byte 0xFF in a string, expected valid UTF-8"},
    {"\"\xED\xA0\x80\"", "line 1 column 2: found byte 0xED in a string, expected valid UTF-8"},
    {"{\"\xC3\": 1}", "line 1 column 3: found byte 0xC3 in a string, expected valid UTF-8"},
    {"[\xFF]", "line 1 column 2: found byte 0xFF, expected a value or ']'"},
    {"[\xC3\xA9\xC3\xA9, 1]", "line 1 column 2: found 'é', expected a value or ']'"},
    {"{\n  \"é\": 1,\n  \"é\": 2\n}",
     "line 4 column 1: found the key \"é\" twice in the object that ends here, expected it once"},
    {"{\"é\": x", "line 1 column 7: found 'x', expected a value"},
};

TEST(Json, what_is_wrong_is_said_in_plain_words_with_its_place) {
  for (const BadText& bad : kBadTexts) {
    EXPECT_EQ(refusal(bad.text), std::string("config.json: ") + bad.message) << bad.text;
  }
}

TEST(Json, a_nul_byte_does_not_end_the_text) {
  EXPECT_EQ(refusal(std::string_view("{}\0{", 4)), "config.json: line 1 column 3: found byte 0x00, expected text");
}

TEST(Json, duplicate_keys_are_found_in_large_objects_and_equal_keys_in_different_ones_are_not_duplicates) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += fmt::format("\"k{}\":{{\"same\":0}},", i);
  EXPECT_EQ(refusal(text + "\"same\":0}"), "");
  EXPECT_NE(refusal(text + "\"k500\":0}").find("the key \"k500\" twice"), std::string::npos);
}

TEST(Json, depth_is_limited_where_it_is_exceeded) {
  const auto nested = [](int depth) { return std::string(static_cast<size_t>(depth), '['); };
  EXPECT_EQ(refusal(nested(64) + std::string(64, ']')), "");
  EXPECT_EQ(refusal(nested(1000000)),
            "config.json: line 1 column 65: found a value 65 levels deep, expected at most 64");
  EXPECT_EQ(refusal("{\"a\":[{}]}", {.max_depth = 2}),
            "config.json: line 1 column 7: found a value 3 levels deep, expected at most 2");
  EXPECT_EQ(refusal("[[],[],{\"a\":[]}]", {.max_depth = 3}), "");
}

TEST(Json, size_is_limited_before_anything_is_read) {
  EXPECT_EQ(refusal("[1,2]", {.max_bytes = 5}), "");
  EXPECT_EQ(refusal("[1,2 ]", {.max_bytes = 5}), "config.json: found 6 bytes of JSON, expected at most 5");
}

TEST(Json, every_beginning_of_a_document_is_refused_at_its_end_or_in_its_last_token) {
  const std::string text = R"({"a": [1.5, {"b": null}, "\u00e9"], "c": true})";
  for (size_t n = 0; n < text.size(); ++n) {
    const std::string message = refusal(text.substr(0, n));
    EXPECT_NE(message.find(": found "), std::string::npos) << n;
    EXPECT_NE(message.find(", expected "), std::string::npos) << n;
  }
}

TEST(Json, a_large_object_is_read_in_linear_time) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += fmt::format("\"token {}\":{},", i, i);
  text.back() = '}';
  const Json json = parse_json(text, "x");  // quadratic, this would be 20 billion comparisons
  EXPECT_EQ(json.size(), 200000u);
  EXPECT_EQ(json.back(), 199999);
}

TEST(Json, files_are_read_and_missing_ones_named) {
  try {
    read_json_file("no_such_folder/config.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_NE(std::string_view(error.what()).find("no_such_folder/config.json"), std::string_view::npos);
  }
  EXPECT_TRUE(read_json_file(QUANDEX_TEST_FIXTURES "/tokenizer_qwen2.json").is_structured());
}

}  // namespace
}  // namespace quandex
