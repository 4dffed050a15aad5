#include "base/utf8.h"

#include <gtest/gtest.h>

namespace quandex {
namespace {

TEST(Utf8, every_scalar_value_round_trips) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, text);
    const DecodedCodepoint decoded = decode_utf8(text);
    ASSERT_TRUE(decoded.is_valid) << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(decoded.value, c);
    ASSERT_EQ(static_cast<size_t>(decoded.n_bytes), text.size());
  }
}

TEST(Utf8, overlong_surrogate_and_too_large_are_invalid) {
  for (const std::string_view text : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xFF"})
    EXPECT_FALSE(is_valid_utf8(text));
}

TEST(Utf8, invalid_sequences_are_replaced_by_maximal_subparts) {
  // The example of the Unicode standard, section 3.9.
  EXPECT_EQ(to_valid_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                          "b\x80"
                          "c\x80\xBF"
                          "d"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
            "b\xEF\xBF\xBD"
            "c\xEF\xBF\xBD\xEF\xBF\xBD"
            "d");
}

TEST(Utf8, incomplete_suffix_is_what_more_bytes_could_complete) {
  EXPECT_EQ(incomplete_utf8_suffix("abc"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xC3"), 1u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xE2\x82"), 2u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xF0\x9F\x98"), 3u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xF0\x9F\x98\x80"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\x80"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("\xE0\x80"), 0u);  // overlong: nothing can complete it
  EXPECT_EQ(incomplete_utf8_suffix(""), 0u);
}

}  // namespace
}  // namespace quandex
