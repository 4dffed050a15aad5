// Token ids as text, tokens that are used again, and text made safe for a terminal.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/answer_view.h"
#include "cli/model_file.h"
#include "cli/token_ids.h"
#include "cli/token_reuse.h"
#include "text/tokenizer.h"

namespace quandex::cli {
namespace {

using Ids = std::vector<int32_t>;

std::string refusal_of(std::string_view text) {
  try {
    parse_token_ids(text, 100);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TokenIds, are_read_however_they_are_separated) {
  for (const char* text :
       {"1 2 99", "1,2,99", " 1 ,\n2\t,99\r\n", "[1, 2, 99]", "[1 2 99]\n", " [ 1,2,99 ] ", "1, 2, 99,"})
    EXPECT_EQ(parse_token_ids(text, 100), (Ids{1, 2, 99})) << text;
  for (const char* text : {"", " \n", "[]", "[ ]"}) EXPECT_EQ(parse_token_ids(text, 100), Ids{}) << text;
}

TEST(TokenIds, are_refused_with_their_place) {
  EXPECT_EQ(refusal_of("1 100"), "id 2: found 100, expected 0 to 99");
  EXPECT_EQ(refusal_of("-1"), "id 1: found -1, expected 0 to 99");
  EXPECT_EQ(refusal_of("1 2 99999999999999999999"), "id 3: found 99999999999999999999, expected 0 to 99");
  EXPECT_EQ(refusal_of("1 x"), "id 2: found 'x', expected an integer from 0 to 99");
  EXPECT_EQ(refusal_of("1.5"), "id 1: found '1.5', expected an integer from 0 to 99");
  EXPECT_EQ(refusal_of("1,,2"), "id 2: found '', expected an integer from 0 to 99");
  EXPECT_EQ(refusal_of(",1"), "id 1: found '', expected an integer from 0 to 99");
  EXPECT_EQ(refusal_of("[1, 2"), "after id 2: found the end, expected ']'");
  EXPECT_EQ(refusal_of("[1,]"), "after id 1: found ',]', expected an id");
  EXPECT_EQ(refusal_of("[1] 2"), "behind ']': found '2', expected the end");
  EXPECT_EQ(refusal_of("1]"), "id 1: found '1]', expected an integer from 0 to 99");
  EXPECT_EQ(refusal_of("\033"), "id 1: found '\\x1b', expected an integer from 0 to 99");
}

class TokenReuse : public testing::Test {
 protected:
  Ids encode(std::string_view text) const { return tokenizer_->encode(text, true); }
  // The text in single bytes, as a model might write it.
  Ids in_bytes(std::string_view text) const {
    Ids ids;
    for (const char byte : text) {
      const Ids one = tokenizer_->encode(std::string(1, byte), false);
      ids.insert(ids.end(), one.begin(), one.end());
    }
    return ids;
  }
  Ids joined(std::vector<Ids> parts) const {
    Ids all;
    for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }
  Ids with_computed(const Ids& prompt, const Ids& computed) const {
    return with_computed_tokens(*tokenizer_, prompt, computed);
  }

  const std::unique_ptr<Tokenizer> tokenizer_ =
      make_tokenizer(open_model(QUANDEX_BUNDLED_MODEL, NeedsTokenizer::yes).metadata());
  const Ids question_ = encode("<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n");
};

TEST_F(TokenReuse, an_answer_keeps_the_tokens_that_the_model_chose) {
  const Ids prompt = encode(
      "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nGood "
      "morning<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  const Ids computed = joined({question_, in_bytes("Good morning")});
  ASSERT_NE(encode("Good morning").size(), in_bytes("Good morning").size());
  const Ids expected = joined({computed, encode("<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n")});
  EXPECT_EQ(with_computed(prompt, computed), expected);
  EXPECT_EQ(tokenizer_->decode(expected, true), tokenizer_->decode(prompt, true));
}

TEST_F(TokenReuse, another_text_is_in_its_own_tokens_from_where_it_differs) {
  const Ids prompt = encode("<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nGood evening<|im_end|>\n");
  EXPECT_EQ(with_computed(prompt, joined({question_, in_bytes("Good morning")})), prompt);
  // A part of an answer is no part of a token: "Good" may be the beginning of "Goodbye".
  const Ids goodbye = encode("<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nGoodbye<|im_end|>\n");
  EXPECT_EQ(with_computed(goodbye, joined({question_, in_bytes("Good")})), goodbye);
}

TEST_F(TokenReuse, control_tokens_must_be_the_same) {
  const Ids prompt = encode("<|im_start|>user\nHello!<|im_end|>\n");
  const Ids spelled = joined({encode("<|im_start|>"), in_bytes("user\nHello!<|im_end|>\n")});
  EXPECT_EQ(with_computed(prompt, spelled), prompt);
  EXPECT_EQ(with_computed(spelled, prompt), spelled);
}

TEST_F(TokenReuse, nothing_computed_changes_nothing) {
  EXPECT_EQ(with_computed(question_, {}), question_);
  EXPECT_EQ(with_computed({}, question_), Ids{});
  EXPECT_EQ(with_computed(question_, question_), question_);
  // Text at the end of a prompt may go on: it stays in its own tokens.
  const Ids open = encode("<|im_start|>Hello");
  EXPECT_EQ(with_computed(open, joined({encode("<|im_start|>"), in_bytes("Hello")})), open);
}

TEST(TerminalSafe, control_characters_are_shown_and_do_nothing) {
  EXPECT_EQ(terminal_safe("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(terminal_safe("\033[2J\r\a"), "\\x1b[2J\\x0d\\x07");
  EXPECT_EQ(terminal_safe("\u009b1m \u00fc \U0001f642"), "\\x9b1m \u00fc \U0001f642");
}

}  // namespace
}  // namespace quandex::cli
