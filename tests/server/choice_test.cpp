#include "server/choice.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "text/chat/named_templates.h"
#include "text/test_vocabularies.h"

namespace quandex::server {
namespace {

using quandex::testing::Ids;

// Ids below 256 are bytes; then come "ab", "abc", and the markers of ChatML with reasoning.
constexpr int32_t kAb = 256, kAbc = 257, kEnd = 258, kThink = 259, kThinkEnd = 260;

ModelFacts tiny_facts(int n_vocab) {
  ModelFacts facts;
  facts.id = "tiny";
  facts.n_vocab = n_vocab;
  facts.n_ctx = 64;
  return facts;
}

class ChoiceTest : public ::testing::Test {
 protected:
  ChoiceTest()
      : tokenizer_(make_tokenizer(quandex::testing::bpe_metadata(
            "gpt-2", {"a|b", "ab|c"}, {{"<|im_end|>", 3}, {"<think>", 4}, {"</think>", 4}}))),
        model_(tiny_facts(tokenizer_->n_vocab()), {}, *tokenizer_,
               ChatTemplate::from_source("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                                         "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
                                         "{# <think> </think> #}",
                                         "test", Json::object())) {}

  static SampledToken token(int32_t id, std::optional<float> logprob = std::nullopt) { return {id, logprob, {}}; }
  static void push_text(Choice& choice, std::string_view text, std::optional<float> logprob = std::nullopt) {
    for (const char c : text) choice.push(token(static_cast<uint8_t>(c), logprob));
  }
  TextAnswerChoice text_choice(std::vector<std::string> stops = {}, std::string echo = "") const {
    return {model_, 0, std::move(stops), std::move(echo)};
  }
  ChatAnswerChoice chat_choice(std::vector<std::string> stops = {}, const ChatParserOptions& options = {}) const {
    return {model_, 0, std::move(stops), options};
  }

  std::unique_ptr<Tokenizer> tokenizer_;
  ServedModel model_;
  const AnswerHead head_{"cmpl-1", 1, "tiny", "test"};
};

std::string text_of(const std::optional<Json>& chunk) {
  return chunk ? (*chunk)["choices"][0]["text"] : Json("(none)");
}

std::vector<int> offsets(const CompletionChoice& choice) {
  std::vector<int> found;
  for (const TokenChoice& token : choice.logprobs->tokens) found.push_back(token.offset);
  return found;
}

TEST_F(ChoiceTest, ChunksTogetherAreTheWholeText) {
  TextAnswerChoice chunked = text_choice({}, "echo "), whole = text_choice({}, "echo ");
  std::string text;
  for (const int32_t id : Ids{'a', kAb, kAbc, 0xC3, 0xA4, 0xE2, 0x82, 0xAC, '.', 0xC3}) {
    chunked.push(token(id));
    whole.push(token(id));
    if (const auto chunk = chunked.take_chunk(head_, false)) text += text_of(chunk);
  }
  chunked.end(EndReason::length);
  whole.end(EndReason::length);
  const auto last = chunked.take_chunk(head_, false);
  text += text_of(last);
  EXPECT_EQ((*last)["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(text, "echo aababcä€.\uFFFD");
  EXPECT_EQ(std::move(whole).whole().text, text);
  EXPECT_EQ(chunked.take_chunk(head_, false), std::nullopt);  // nothing more, ever
  EXPECT_EQ(chunked.n_tokens(), 10);
}

TEST_F(ChoiceTest, NothingIsShownInsideOfACharacterOrAPossibleStopString) {
  TextAnswerChoice choice = text_choice({"abX"});
  choice.push(token(0xC3));
  EXPECT_EQ(choice.take_chunk(head_, false), std::nullopt);
  choice.push(token(0xA4));
  EXPECT_EQ(text_of(choice.take_chunk(head_, false)), "ä");
  choice.push(token(kAb));
  EXPECT_EQ(choice.take_chunk(head_, false), std::nullopt);
  choice.push(token('Y'));
  EXPECT_EQ(text_of(choice.take_chunk(head_, false)), "abY");
}

TEST_F(ChoiceTest, AStopStringEndsTheChoiceAndIsNotShown) {
  TextAnswerChoice choice = text_choice({"bcb"});
  for (const int32_t id : Ids{'x', kAb}) choice.push(token(id, -1.0f));
  choice.push(token('c', -2.0f));
  EXPECT_FALSE(choice.is_ended());
  choice.push(token('b', -3.0f));
  EXPECT_TRUE(choice.is_ended());
  choice.push(token('z', -4.0f));  // comes too late
  EXPECT_EQ(choice.n_tokens(), 4);
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, "xa");
  EXPECT_EQ(whole.end, EndReason::stop);
  ASSERT_EQ(whole.logprobs->tokens.size(), 2u);  // "ab" is shown in part, "c" and "b" are not
  EXPECT_EQ(whole.logprobs->tokens[1].chosen.bytes, "ab");
}

TEST_F(ChoiceTest, LogProbabilitiesComeWithTheTextOfTheirTokens) {
  TextAnswerChoice choice = text_choice({"stop"});
  push_text(choice, "ab", -0.5f);
  auto chunk = choice.take_chunk(head_, false);
  EXPECT_EQ((*chunk)["choices"][0]["logprobs"]["tokens"], Json({"a", "b"}));
  EXPECT_EQ((*chunk)["choices"][0]["logprobs"]["text_offset"], Json({0, 1}));
  push_text(choice, "cst", -0.5f);
  chunk = choice.take_chunk(head_, false);
  EXPECT_EQ(text_of(chunk), "c");
  EXPECT_EQ((*chunk)["choices"][0]["logprobs"]["tokens"], Json({"c"}));
  EXPECT_EQ((*chunk)["choices"][0]["logprobs"]["text_offset"], Json({2}));
  push_text(choice, "op", -0.5f);
  chunk = choice.take_chunk(head_, false);
  EXPECT_EQ(text_of(chunk), "");
  EXPECT_EQ((*chunk)["choices"][0]["logprobs"]["tokens"], Json::array());
}

TEST_F(ChoiceTest, PromptTokensStandFirstAndTheVeryFirstIsUnknown) {
  TextAnswerChoice choice = text_choice({}, "ab");
  choice.push_prompt(token('a'));
  choice.push_prompt(token('b', -0.25f));
  choice.push(token('c', -0.5f));
  choice.end(EndReason::length);
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, "abc");
  EXPECT_EQ(whole.logprobs->is_known, (std::vector<bool>{false, true, true}));
  EXPECT_EQ(whole.logprobs->tokens.size(), 3u);
}

TEST_F(ChoiceTest, LogProbabilitiesOfAPromptThatNobodyAskedForAreNotTold) {
  TextAnswerChoice choice(model_, 0, {}, "ab", false);
  choice.push_prompt(token('a'));
  choice.push_prompt(token('b', -0.25f));
  choice.end(EndReason::length);
  EXPECT_FALSE(std::move(choice).whole().logprobs.has_value());
}

TEST_F(ChoiceTest, BytesThatAreNoTextDoNotMoveTheTokensBehindThem) {
  TextAnswerChoice choice = text_choice({"b"});
  for (const int32_t id : Ids{0xFF, 0xFF, 'a', 'b'}) choice.push(token(id, -1.0f));
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, "\uFFFD\uFFFDa");
  EXPECT_EQ(whole.logprobs->tokens.size(), 3u);
}

TEST_F(ChoiceTest, ControlTokensHaveNoPlaceInTheText) {
  TextAnswerChoice choice = text_choice();
  for (const int32_t id : Ids{'a', kEnd, 'b'}) choice.push(token(id, -1.0f));
  choice.end(EndReason::length);
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, "ab");
  EXPECT_EQ(offsets(whole), (std::vector<int>{0, 1, 1}));
}

// Of SentencePiece: a space before each word, which the start of a text does not show.
class PieceChoiceTest : public ::testing::Test {
 protected:
  static constexpr int32_t kBos = 1, kOne = 259, kTwo = 260;

  PieceChoiceTest()
      : tokenizer_(make_tokenizer(quandex::testing::spm_metadata({{"▁one", 1, -1}, {"▁two", 1, -2}}))),
        model_(tiny_facts(tokenizer_->n_vocab()), {}, *tokenizer_, std::nullopt) {}

  std::unique_ptr<Tokenizer> tokenizer_;
  ServedModel model_;
};

TEST_F(PieceChoiceTest, ATokenThatLiesInAStopStringAloneHasNoLogProbability) {
  TextAnswerChoice choice(model_, 0, {" two"}, "");
  for (const int32_t id : {kOne, kTwo}) choice.push({id, -1.0f, {}});
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, " one");
  EXPECT_EQ(whole.logprobs->tokens.size(), 1u);
}

TEST_F(PieceChoiceTest, WhatTheTokenizerPutsBeforeAPromptHasNoPlaceInTheEcho) {
  TextAnswerChoice choice(model_, 0, {}, "one two");
  for (const int32_t id : {kBos, kOne, kTwo}) choice.push_prompt({id, -1.0f, {}});
  choice.push({kOne, -1.0f, {}});
  choice.end(EndReason::length);
  const CompletionChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.text, "one two one");
  EXPECT_EQ(offsets(whole), (std::vector<int>{0, 0, 3, 7}));
}

TEST_F(PieceChoiceTest, AnEchoedControlTokenHasItsPlace) {
  TextAnswerChoice choice(model_, 0, {}, "<s> one");  // of token ids
  for (const int32_t id : {kBos, kOne}) choice.push_prompt({id, -1.0f, {}});
  choice.end(EndReason::length);
  EXPECT_EQ(offsets(std::move(choice).whole()), (std::vector<int>{0, 3}));
}

TEST_F(ChoiceTest, ReasoningIsApartAndItsTokensAreCounted) {
  ChatAnswerChoice choice = chat_choice();
  choice.push(token(kThink));
  push_text(choice, "hm");
  choice.push(token(kThinkEnd));
  push_text(choice, "yes");
  choice.end(EndReason::stop);
  EXPECT_EQ(choice.n_reasoning(), 3);  // the opening tag and two
  const ChatChoice whole = std::move(choice).whole();
  EXPECT_EQ(whole.result.reasoning, "hm");
  EXPECT_EQ(whole.result.content, "yes");
}

TEST_F(ChoiceTest, ChatChunksCarryTheRoleOnceAndTheReasonLast) {
  ChatAnswerChoice choice = chat_choice();
  std::string content;
  std::vector<Json> chunks;
  for (const char c : std::string_view("Hi!")) {
    choice.push(token(c));
    if (const auto chunk = choice.take_chunk(head_, true)) chunks.push_back(*chunk);
  }
  choice.end(EndReason::stop);
  chunks.push_back(*choice.take_chunk(head_, true));
  for (size_t i = 0; i < chunks.size(); ++i) {
    const Json& delta = chunks[i]["choices"][0]["delta"];
    EXPECT_EQ(delta.contains("role"), i == 0);
    EXPECT_EQ(chunks[i]["choices"][0]["finish_reason"].is_null(), i + 1 < chunks.size());
    EXPECT_TRUE(chunks[i]["usage"].is_null());
    if (delta.contains("content")) content += delta["content"].get<std::string>();
  }
  EXPECT_EQ(content, "Hi!");
}

TEST_F(ChoiceTest, AnEmptyAnswerIsOneChunkWithItsEnd) {
  ChatAnswerChoice choice = chat_choice();
  choice.end(EndReason::stop);
  const auto chunk = choice.take_chunk(head_, false);
  ASSERT_TRUE(chunk);
  EXPECT_EQ((*chunk)["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(choice.take_chunk(head_, false), std::nullopt);
}

TEST_F(ChoiceTest, ControlTokensAreNotShown) {
  TextAnswerChoice choice = text_choice();
  push_text(choice, "a");
  choice.push(token(kEnd));
  push_text(choice, "b");
  choice.end(EndReason::stop);
  EXPECT_EQ(std::move(choice).whole().text, "ab");
}

}  // namespace
}  // namespace quandex::server
