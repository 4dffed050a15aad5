#include "cli/conversation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace quandex::cli {
namespace {

Conversation with_turns(int n_turns, bool has_system) {
  Conversation conversation;
  if (has_system) conversation.set_system("be kind");
  for (int i = 0; i < n_turns; ++i) {
    conversation.add_user("question " + std::to_string(i));
    if (i + 1 < n_turns) conversation.add_answer(Json{{"role", "assistant"}, {"content", "answer"}}, false);
  }
  return conversation;
}

std::vector<std::string> roles(const Json& messages) {
  std::vector<std::string> all;
  for (const Json& message : messages) all.push_back(message["role"]);
  return all;
}

using Roles = std::vector<std::string>;

TEST(Conversation, turns_begin_with_messages_of_the_user) {
  Conversation conversation = with_turns(2, true);
  EXPECT_EQ(conversation.n_turns(), 2);
  EXPECT_TRUE(conversation.has_question());
  EXPECT_FALSE(conversation.has_answer());
  EXPECT_EQ(roles(conversation.messages()), (Roles{"system", "user", "assistant", "user"}));
  conversation.clear();
  EXPECT_EQ(roles(conversation.messages()), (Roles{"system"}));
  EXPECT_FALSE(conversation.has_question());
}

TEST(Conversation, a_stopped_answer_is_marked_but_not_for_the_model) {
  Conversation conversation = with_turns(1, false);
  conversation.add_answer(Json{{"role", "assistant"}, {"content", "half"}}, true);
  EXPECT_EQ(conversation.messages()[1], (Json{{"role", "assistant"}, {"content", "half"}, {"stopped", true}}));
  EXPECT_EQ(conversation.sent()[1], (Json{{"role", "assistant"}, {"content", "half"}}));
  conversation.remove_answer();
  EXPECT_EQ(roles(conversation.messages()), (Roles{"user"}));
}

TEST(Conversation, saved_messages_come_back_as_they_were) {
  const Json messages = Json::parse(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "content": "1"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}])");
  const Conversation conversation(messages);
  EXPECT_EQ(conversation.messages(), messages);
  EXPECT_EQ(conversation.n_turns(), 2);
}

TEST(Conversation, a_system_message_in_the_middle_is_refused) {
  const Json messages = Json::parse(R"([{"role": "user", "content": "a"}, {"role": "system", "content": "s"}])");
  try {
    const Conversation conversation(messages);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "messages[1]: found role system, which only the first message may have");
  }
}

// Each message sent costs ten tokens, the system message too.
ContextFit fit(Conversation conversation, OverflowPolicy policy, int n_ctx, int max_tokens) {
  return fit_context(conversation, policy, n_ctx, max_tokens, [&](int first_sent) {
    conversation.set_first_sent(first_sent);
    return 10 * static_cast<int>(conversation.sent().size());
  });
}

TEST(FitContext, stop_sends_all_or_nothing) {
  const Conversation conversation = with_turns(3, true);  // 6 messages
  for (const auto& [n_ctx, fits] : std::vector<std::pair<int, bool>>{{61, true}, {60, false}, {30, false}}) {
    const ContextFit found = fit(conversation, OverflowPolicy::stop, n_ctx, 0);
    EXPECT_EQ(found.fits, fits) << n_ctx;
    EXPECT_EQ(found.first_sent, 0);
    EXPECT_EQ(found.n_tokens, 60);
  }
}

TEST(FitContext, nothing_is_dropped_while_an_answer_has_room) {
  const Conversation conversation = with_turns(3, true);
  EXPECT_EQ(fit(conversation, OverflowPolicy::drop_oldest, 80, 0).first_sent, 0);  // a quarter is left
  EXPECT_EQ(fit(conversation, OverflowPolicy::drop_oldest, 65, 5).first_sent, 0);  // all that it may take
  EXPECT_EQ(fit(conversation, OverflowPolicy::drop_oldest, 78, 0).first_sent, 1);
  EXPECT_EQ(fit(conversation, OverflowPolicy::drop_oldest, 64, 5).first_sent, 1);
}

TEST(FitContext, the_oldest_turns_go_until_there_is_room_for_more_than_one_answer) {
  const Conversation conversation = with_turns(20, true);  // 1 + 39 messages
  const ContextFit found = fit(conversation, OverflowPolicy::drop_oldest, 200, 0);
  EXPECT_TRUE(found.fits);
  EXPECT_LE(found.n_tokens, 100);
  EXPECT_GT(found.n_tokens, 100 - 20);  // not one turn more than needed
  EXPECT_EQ(found.n_tokens, 400 - 20 * found.first_sent);
}

TEST(FitContext, the_last_turn_is_never_dropped) {
  const Conversation conversation = with_turns(3, true);
  const ContextFit small = fit(conversation, OverflowPolicy::drop_oldest, 21, 0);
  EXPECT_TRUE(small.fits);
  EXPECT_EQ(small.first_sent, 2);
  const ContextFit too_small = fit(conversation, OverflowPolicy::drop_oldest, 20, 0);
  EXPECT_FALSE(too_small.fits);
  EXPECT_EQ(too_small.n_tokens, 20);
}

// To count is to render and tokenize all of it: turn by turn, a long conversation would take minutes.
TEST(FitContext, a_long_conversation_is_counted_a_few_times) {
  constexpr int kTurns = 5000;
  for (const int n_ctx : {100, 200, 1000, 30'000, 90'000}) {
    int n_counts = 0, last = -1;
    const ContextFit found =
        fit_context(with_turns(kTurns, false), OverflowPolicy::drop_oldest, n_ctx, 0, [&](int first_sent) {
          ++n_counts;
          last = first_sent;
          return 20 * (kTurns - first_sent) - 10;
        });
    EXPECT_EQ(last, found.first_sent);  // so that the caller has the prompt of it
    EXPECT_EQ(found.n_tokens, 20 * (kTurns - found.first_sent) - 10);
    EXPECT_LE(found.n_tokens, n_ctx / 2);
    EXPECT_GT(found.n_tokens + 20, n_ctx / 2) << "one turn more than needed is dropped";
    EXPECT_LE(n_counts, 16);
  }
}

TEST(FitContext, what_was_dropped_stays_dropped) {
  Conversation conversation = with_turns(5, false);
  conversation.set_first_sent(3);
  EXPECT_EQ(roles(conversation.sent()), (Roles{"user", "assistant", "user"}));
  EXPECT_EQ(conversation.messages().size(), 9u);
  EXPECT_EQ(fit(conversation, OverflowPolicy::drop_oldest, 1000, 0).first_sent, 3);
}

}  // namespace
}  // namespace quandex::cli
