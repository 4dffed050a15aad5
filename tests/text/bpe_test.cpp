#include "text/bpe.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_map.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

using testing::bpe_metadata;
using testing::Ids;

TEST(ByteMap, every_byte_has_its_own_printable_character) {
  std::set<char32_t> seen;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t character = kByteCharacters[byte];
    EXPECT_TRUE(seen.insert(character).second);
    EXPECT_FALSE(character <= 0x20 || (character >= 0x7F && character <= 0xA0) || character == 0xAD);
    const std::string bytes(1, static_cast<char>(static_cast<uint8_t>(byte)));
    EXPECT_EQ(from_byte_characters(to_byte_characters(bytes)), bytes);
  }
  EXPECT_EQ(to_byte_characters(" \n!\xA0\xAD"), "ĠĊ!łŃ");  // as vocabularies in the wild have them
  EXPECT_EQ(from_byte_characters("海a"), "海a");
}

TEST(Bpe, merges_apply_by_rank_not_by_position) {
  // "b c" outranks "a b", so "abc" is a + bc although "ab" comes first in the text.
  const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", {"b|c", "a|b"}));
  EXPECT_EQ(tokenizer->encode("abc", false), (Ids{'a', 256}));
  EXPECT_EQ(tokenizer->encode("abd", false), (Ids{257, 'd'}));
}

TEST(Bpe, equal_ranks_merge_from_the_left) {
  const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", {"a|a", "aa|aa"}));
  EXPECT_EQ(tokenizer->encode("aaa", false), (Ids{256, 'a'}));
  EXPECT_EQ(tokenizer->encode("aaaaaaa", false), (Ids{257, 256, 'a'}));
}

TEST(Bpe, pieces_are_never_merged_across) {
  const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", {"a| ", "a|1"}));
  EXPECT_EQ(tokenizer->encode("a b a1", false), (Ids{'a', ' ', 'b', ' ', 'a', '1'}));
}

TEST(Bpe, a_token_that_merges_do_not_reach_is_taken_whole_only_when_merges_are_ignored) {
  const std::vector<testing::TestToken> more = {{"cat"}};
  EXPECT_EQ(make_tokenizer(bpe_metadata("qwen2", {"c|a"}, more))->encode("cat", false), (Ids{256, 't'}));
  EXPECT_EQ(make_tokenizer(bpe_metadata("llama-bpe", {"c|a"}, more))->encode("cat", false), (Ids{257}));
  // Inside a longer piece merges decide as ever.
  EXPECT_EQ(make_tokenizer(bpe_metadata("llama-bpe", {"c|a"}, more))->encode("cats", false), (Ids{256, 't', 's'}));
}

TEST(Bpe, a_token_that_other_merges_overtake_is_not_taken_whole) {
  // "abc" exists by (ab, c), but "bc" merges first, so the piece "abc" never becomes it.
  const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", {"b|c", "a|b", "ab|c"}));
  EXPECT_EQ(tokenizer->encode("abc", false), (Ids{'a', 256}));
}

// Merging done the plain way: the best pair of the whole piece is looked for again after each merge.
Ids merge_plainly(std::string_view piece, const std::vector<std::string>& merges) {
  std::vector<std::pair<std::string, int32_t>> parts;
  for (const char c : piece) parts.emplace_back(std::string(1, c), static_cast<uint8_t>(c));
  for (bool is_done = false; !is_done;) {
    is_done = true;
    for (size_t rank = 0; rank < merges.size() && is_done; ++rank)
      for (size_t i = 0; i + 1 < parts.size() && is_done; ++i)
        if (parts[i].first + "|" + parts[i + 1].first == merges[rank]) {
          parts[i] = {parts[i].first + parts[i + 1].first, static_cast<int32_t>(256 + rank)};
          parts.erase(parts.begin() + static_cast<ptrdiff_t>(i) + 1);
          is_done = false;
        }
  }
  Ids ids;
  for (const auto& part : parts) ids.push_back(part.second);
  return ids;
}

TEST(Bpe, random_merges_give_what_plain_merging_gives) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    // Random merges over three letters, each from texts that exist already, every result new.
    std::vector<std::string> texts = {"a", "b", "c"}, merges;
    for (int i = 0; i < 12; ++i) {
      const std::string& left = texts[random() % texts.size()];
      const std::string& right = texts[random() % texts.size()];
      if (std::find(texts.begin(), texts.end(), left + right) != texts.end()) continue;
      merges.push_back(left + "|" + right);
      texts.push_back(left + right);
    }
    const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", merges));
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (size_t n = 1 + random() % 30; n > 0; --n) text += static_cast<char>('a' + random() % 3);
      ASSERT_EQ(tokenizer->encode(text, false), merge_plainly(text, merges)) << text;
    }
  }
}

TEST(Bpe, a_megabyte_of_one_letter_is_merged_in_linear_time) {  // quadratic work would meet the time limit of ctest
  std::vector<std::string> merges;
  for (std::string text = "a"; text.size() < 128; text += text) merges.push_back(text + "|" + text);
  const auto tokenizer = make_tokenizer(bpe_metadata("qwen2", merges));
  const Ids ids = tokenizer->encode(std::string(1 << 20, 'a'), false);
  EXPECT_EQ(ids, Ids((1 << 20) / 128, 256 + 6));
}

// What of a run of each kind is merged, is; quadratic work would meet the time limit of ctest here too.
TEST(Bpe, long_runs_are_encoded_to_their_end_by_every_rule) {
  const auto tokens_of = [](std::string_view unit) {
    std::vector<std::string> merges;
    std::string text(unit.substr(0, 1));
    if (unit.size() > 1) merges.push_back(text + "|" + std::string(unit.substr(1)));
    for (text = unit; text.size() < 8; text += text) merges.push_back(text + "|" + text);
    return merges;
  };
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) {
    for (const std::string_view unit : {"a", "A", " ", "\n", "\r\n", "\t", "1", "=", "'", "\u00e9"}) {
      const auto tokenizer = make_tokenizer(bpe_metadata(rule.name, tokens_of(unit)));
      std::string text;
      while (text.size() < 30'000) text += unit;
      const Ids ids = tokenizer->encode(text, false);
      EXPECT_EQ(tokenizer->decode(ids, false), text) << rule.name << " " << unit;
      // Digits are pieces of one to three, DeepSeek's first models take each line end alone, and a run that nothing
      // limits is eights.
      const bool takes_lines_alone = rule.name == "deepseek-llm" || rule.name == "deepseek-coder";
      if (unit == "1" || (takes_lines_alone && unit.ends_with('\n')))
        EXPECT_GE(ids.size(), text.size() / 8) << rule.name;
      else
        EXPECT_LE(ids.size(), text.size() / 8 + 10) << rule.name << " " << unit;
    }
  }
}

// Pieces come again in other company, in longer and shorter ones, as one token and as several.
TEST(Bpe, a_text_is_encoded_as_its_pieces_are_alone) {
  const std::vector<std::string> merges = {" |a", "a|b", " a|b", "ab|ab", " |c", "c|c", " c|c"};
  const auto tokenizer = make_tokenizer(bpe_metadata("gpt-2", merges));
  std::mt19937 random(13);
  std::vector<std::string> words;
  for (int i = 0; i < 300; ++i) {
    std::string word = " ";
    for (size_t n = 1 + random() % 20; n > 0; --n) word += static_cast<char>('a' + random() % 3);
    words.push_back(word);
  }
  std::string text;
  Ids want;
  for (int i = 0; i < 5000; ++i) {
    const std::string& word = words[random() % (1 + random() % words.size())];
    text += word;
    for (const int32_t id : tokenizer->encode(word, false)) want.push_back(id);
  }
  EXPECT_EQ(tokenizer->encode(text, false), want);
}

std::string random_text(std::mt19937& random, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) {
    constexpr char32_t kLimits[] = {0x80, 0x800, 0x10000, 0x110000};
    auto c = static_cast<char32_t>(random() % kLimits[random() % 4]);
    if (c >= 0xD800 && c < 0xE000) c = U'\n';
    append_utf8(c, text);
  }
  return text;
}

TEST(Bpe, decoding_gives_the_encoded_text_back) {
  std::mt19937 random(11);
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "qwen35", "smollm", "falcon", "default"}) {
    const auto tokenizer = make_tokenizer(bpe_metadata(pre, {" |t", "t|h", "\xE2|\x82", "1|2", " | "}));
    for (int i = 0; i < 100; ++i) {
      const std::string text = random_text(random, random() % 60);
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(text, i % 2 == 0), false), text) << pre;
    }
  }
}

TEST(Bpe, invalid_utf8_becomes_replacement_characters) {
  const auto tokenizer = make_tokenizer(bpe_metadata("qwen2", {}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFF\xE2\x82z", false), false), "a\uFFFD\uFFFDz");
}

TEST(Bpe, lacking_bytes_become_the_unknown_token) {
  Metadata metadata = bpe_metadata("gpt-2", {});
  testing::set_tokens(metadata, {{"a"}, {"b"}, {"<unk>", 2}}, false);
  EXPECT_EQ(make_tokenizer(metadata)->encode("axb", false), (Ids{0, 1}));
  metadata.set_u32("tokenizer.ggml.unknown_token_id", 2);
  EXPECT_EQ(make_tokenizer(metadata)->encode("axb", false), (Ids{0, 2, 1}));
}

std::string load_error(const Metadata& metadata) {
  try {
    make_tokenizer(metadata);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    return error.what();
  }
  return "no error";
}

TEST(Bpe, a_bad_merge_is_refused_with_its_text_and_rank) {
  Metadata metadata = bpe_metadata("gpt-2", {"a|b"});
  metadata.set_strings("tokenizer.ggml.merges", {"a b", "a bx"});
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.merges[1] is 'a bx', but 'bx' is not in the vocabulary");
  metadata.set_strings("tokenizer.ggml.merges", {"a c"});
  EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.merges[0] is 'a c', but 'ac' is not in the vocabulary");
  for (const char* merge : {"ab", "a ", "", " "}) {
    metadata.set_strings("tokenizer.ggml.merges", {merge});
    EXPECT_EQ(load_error(metadata), "test.gguf: tokenizer.ggml.merges[0] is '" + std::string(merge) +
                                        "', expected two tokens with a space between");
  }
}

TEST(Bpe, a_byte_whose_token_is_special_is_still_text) {
  Metadata metadata = bpe_metadata("qwen2", {});
  std::vector<int32_t> types(256, 1);
  types['.'] = 3;
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  EXPECT_EQ(make_tokenizer(metadata)->encode("a.b", false), (Ids{'a', '.', 'b'}));
}

}  // namespace
}  // namespace quandex
