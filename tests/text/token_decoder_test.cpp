#include "text/token_decoder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace quandex {
namespace {

using Tokens = std::vector<std::string>;

TokenDecoder make(std::string_view json) {
  const Json value = parse_json(json, "test");
  return TokenDecoder(JsonField(value, "test"));
}

// The parts that come out of each push, and of the end.
Tokens parts(std::string_view json, const Tokens& tokens, bool at_start = true) {
  const TokenDecoder decoder = make(json);
  TokenDecoder::Stream stream(decoder, at_start);
  Tokens out;
  for (const std::string& token : tokens) stream.push(token, out.emplace_back());
  stream.finish(out.emplace_back());
  return out;
}

std::string text(std::string_view json, const Tokens& tokens, bool at_start = true) {
  std::string all;
  for (const std::string& part : parts(json, tokens, at_start)) all += part;
  return all;
}

constexpr std::string_view kLlama = R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";

TEST(TokenDecoder, one_space_is_dropped_at_the_start_of_a_text_only) {
  EXPECT_EQ(text(kLlama, {"▁▁a", "▁b"}), " a b");
  EXPECT_EQ(text(kLlama, {"", "▁", "▁a"}), " a");
  EXPECT_EQ(text(kLlama, {"▁a", "▁b"}, false), " a b");
}

TEST(TokenDecoder, bytes_wait_until_it_is_known_whether_their_run_is_text) {
  EXPECT_EQ(parts(kLlama, {"x", "<0xE6>", "<0xB5>", "<0xB7>", "y"}), (Tokens{"x", "", "", "", "海y", ""}));
  EXPECT_EQ(parts(kLlama, {"<0xE6>", "<0xB5>"}), (Tokens{"", "", "\uFFFD\uFFFD"}));
  // One bad byte spoils its run.
  EXPECT_EQ(text(kLlama, {"<0x41>", "<0xFF>", "a", "<0x41>"}), "\uFFFD\uFFFDaA");
}

TEST(TokenDecoder, words_of_wordpiece_have_spaces_between_and_none_before_punctuation) {
  constexpr std::string_view kClean = R"({"type": "WordPiece", "prefix": "##", "cleanup": true})";
  const Tokens tokens = {"light", "##house", "do", "not", ",", "##s", "'", "."};
  EXPECT_EQ(text(kClean, tokens), "lighthouse do not,s '.");
  EXPECT_EQ(text(R"({"type": "WordPiece", "prefix": "##", "cleanup": false})", tokens), "lighthouse do not ,s ' .");
  EXPECT_EQ(text(kClean, {"##s", "a"}), "##s a");
  EXPECT_EQ(text(kClean, {"##s", "a"}, false), "s a");
}

TEST(TokenDecoder, metaspace_drops_all_spaces_of_the_first_token) {
  constexpr std::string_view kMetaspace = R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})";
  EXPECT_EQ(text(kMetaspace, {"▁▁a▁", "▁b"}), "a b");
  EXPECT_EQ(text(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})", {"▁a", "▁b"}), " a b");
}

TEST(TokenDecoder, the_last_word_has_no_space_behind_it) {
  constexpr std::string_view kBpe = R"({"type": "BPEDecoder", "suffix": "</w>"})";
  EXPECT_EQ(parts(kBpe, {"a", "b</w>", "c</w>"}), (Tokens{"", "a", "b ", "c"}));
  EXPECT_EQ(text(kBpe, {}), "");
}

TEST(TokenDecoder, what_is_stripped_off_the_end_waits_for_it) {
  constexpr std::string_view kBothEnds = R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
      {"type": "Strip", "content": "é", "start": 2, "stop": 2}]})";
  EXPECT_EQ(text(kBothEnds, {"é", "éé", "xé", "y", "éé", "é"}), "éxéyé");
  EXPECT_EQ(text(kBothEnds, {"é", "é", "é", "é"}), "");
  EXPECT_EQ(parts(kBothEnds, {"x", "é", "y"}), (Tokens{"x", "", "éy", ""}));
}

TEST(TokenDecoder, byte_level_tokens_are_bytes_unless_they_hold_other_letters) {
  constexpr std::string_view kByteLevel = R"({"type": "ByteLevel"})";
  EXPECT_EQ(text(kByteLevel, {"Ġa", "æµ", "·"}), " a海");
  EXPECT_EQ(text(kByteLevel, {"Ġ海"}), "Ġ海");
}

TEST(TokenDecoder, without_a_decoder_spaces_lie_between_tokens) { EXPECT_EQ(text("null", {"a", "b", "c"}), "a b c"); }

TEST(TokenDecoder, too_many_stages_are_refused) {
  Json stages = {{"type", "Sequence"}, {"decoders", Json::array()}};
  for (int i = 0; i < 65; ++i) stages["decoders"].push_back({{"type", "Fuse"}});
  EXPECT_THROW(TokenDecoder(JsonField(stages, "test")), Error);
}

}  // namespace
}  // namespace quandex
