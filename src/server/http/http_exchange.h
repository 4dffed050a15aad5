// Where a handler's answer waits for its connection, and what handlers see of it. No sockets here: the connection takes
// what has come and is woken when there is more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/http/http_message.h"

namespace quandex::server {

// Shared by a connection and the Exchange of its handler, whichever lives longer. Any thread may call any function,
// except that the connection's calls come from its own strand.
class AnswerQueue {
 public:
  struct Options {
    uint64_t most_queued_bytes = 0;
    bool is_chunked = false;  // pieces of streams are framed as chunks
  };

  // `wake` is called under the lock, by any thread, when something new waits, and not again before the next take();
  // never after the end. It must not call back.
  AnswerQueue(RequestHead head, std::string body, const Options& options, std::function<void()> wake);

  const RequestHead& head() const { return head_; }

  // Of the connection.
  struct Taken {
    std::optional<Response> head;  // the whole answer, or the head of a stream
    bool is_stream = false;
    std::string bytes;          // of the stream, framed
    bool is_complete = false;   // nothing comes after this
    bool is_abandoned = false;  // the handler let go of the exchange before the answer was complete
    bool is_overrun = false;    // more waits than may
  };
  Taken take(uint64_t n_unsent_bytes);  // taken before and not sent yet
  void end(bool is_gone);               // the connection is done with it; calls what waits for is_gone

  // Of the handler, as Exchange has them.
  const std::string& body() const { return body_; }
  void release_body() { std::string().swap(body_); }
  void respond(Response response);
  void begin_stream(Response head);
  void write(std::string_view piece);
  void end_stream();
  bool is_gone() const;
  void on_gone(std::function<void()> callback);
  void abandon();

 private:
  void wake();  // under the lock
  void append(std::string_view piece);

  const RequestHead head_;
  std::string body_;  // the handler's
  const Options options_;

  mutable std::mutex mutex_;  // guards what follows
  std::function<void()> wake_;
  std::vector<std::function<void()>> gone_callbacks_;
  std::optional<Response> answer_;
  std::string pending_;
  uint64_t n_unsent_bytes_ = 0;
  bool has_answer_ = false, is_stream_ = false, drops_pieces_ = false, is_complete_ = false, is_abandoned_ = false;
  bool is_overrun_ = false, is_ended_ = false, is_gone_ = false, is_woken_ = false;
};

// What the handler gets. The destructor abandons.
std::shared_ptr<Exchange> make_exchange(std::shared_ptr<AnswerQueue> queue);

}  // namespace quandex::server
