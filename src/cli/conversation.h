// What has been said, as messages in the form of OpenAI's API, and how much of it is sent to the model. A value:
// whoever wants to try something works on a copy.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/json.h"

namespace quandex::cli {

class Conversation {
 public:
  // A message of the user and what follows it up to the next one.
  using Turn = std::vector<Json>;

  Conversation() = default;
  // From saved messages. Throws Error{invalid_argument} for what are no messages, and for a system message that is not
  // the first.
  explicit Conversation(const Json& messages);

  Json messages() const;  // all, those no longer sent too; an answer that was stopped has "stopped": true
  Json sent() const;      // the system message and the turns that are sent, without our own mark

  const std::optional<Json>& system() const { return system_; }  // the message
  void set_system(std::string_view text);                        // "": none
  void clear();                                                  // the turns, not the system message

  void add_user(std::string_view text);
  void add_answer(Json message, bool is_stopped);
  void remove_answer();  // of the last turn

  int n_turns() const { return static_cast<int>(turns_.size()); }
  bool has_question() const;  // the last turn begins with a message of the user
  bool has_answer() const;    // and goes on

  // Turns before this one are kept but not sent; the last one always is.
  int first_sent() const { return first_sent_; }
  void set_first_sent(int turn) { first_sent_ = turn; }

 private:
  std::optional<Json> system_;
  std::vector<Turn> turns_;
  int first_sent_ = 0;
};

enum class OverflowPolicy : uint8_t { stop, drop_oldest };

struct ContextFit {
  int first_sent = 0;  // the turn to send from
  int n_tokens = 0;    // of the prompt then
  bool fits = false;   // with a token of the answer at least
};
// Which turns to send. stop: as now, or nothing. drop_oldest: where the prompt leaves less room for the answer than it
// may take, or than a quarter of the context, as many of the oldest turns are left out as give that room and another
// quarter. With less, every further turn would leave out one, and each time the whole prompt is computed again. The
// last turn stays. `count` gives the prompt's tokens from a turn on: fewer from a later one. It is called for the turn
// of the result last.
ContextFit fit_context(const Conversation& conversation, OverflowPolicy policy, int n_ctx, int max_tokens,
                       FunctionRef<int(int first_sent)> count);

}  // namespace quandex::cli
