#include "server/http/http_exchange.h"

#include <exception>
#include <utility>

#include "base/log.h"
#include "server/http/http_answer.h"

namespace quandex::server {
namespace {

void call(const std::function<void()>& callback) {
  try {
    callback();
  } catch (const std::exception& error) {
    LOG(error, "http", "a callback for a client that has gone failed: {}", error.what());
  }
}

// A handler's mistake is the server's.
int valid_status(int status) { return status >= 200 && status <= 599 ? status : 500; }

class QueuedExchange final : public Exchange {
 public:
  explicit QueuedExchange(std::shared_ptr<AnswerQueue> queue) : queue_(std::move(queue)) {}
  ~QueuedExchange() override { queue_->abandon(); }
  QueuedExchange(const QueuedExchange&) = delete;
  QueuedExchange& operator=(const QueuedExchange&) = delete;

  const RequestHead& head() const override { return queue_->head(); }
  const std::string& body() const override { return queue_->body(); }
  void release_body() override { queue_->release_body(); }
  void respond(Response response) override { queue_->respond(std::move(response)); }
  void begin_stream(Response head) override { queue_->begin_stream(std::move(head)); }
  void write(std::string piece) override { queue_->write(piece); }
  void end_stream() override { queue_->end_stream(); }
  bool is_gone() const override { return queue_->is_gone(); }
  void on_gone(std::function<void()> callback) override { queue_->on_gone(std::move(callback)); }

 private:
  std::shared_ptr<AnswerQueue> queue_;  // its connection's too
};

}  // namespace

AnswerQueue::AnswerQueue(RequestHead head, std::string body, const Options& options, std::function<void()> wake)
    : head_(std::move(head)), body_(std::move(body)), options_(options), wake_(std::move(wake)) {}

AnswerQueue::Taken AnswerQueue::take(uint64_t n_unsent_bytes) {
  const std::lock_guard lock(mutex_);
  is_woken_ = false;
  Taken taken;
  taken.head = std::exchange(answer_, std::nullopt);
  taken.is_stream = is_stream_;
  taken.bytes = std::exchange(pending_, {});
  taken.is_complete = is_complete_;
  taken.is_abandoned = is_abandoned_ && !is_complete_;
  taken.is_overrun = is_overrun_;
  n_unsent_bytes_ = n_unsent_bytes + taken.bytes.size();
  return taken;
}

void AnswerQueue::end(bool is_gone) {
  // Destroyed without the lock: they may own the exchange.
  std::vector<std::function<void()>> callbacks;
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    if (is_ended_) return;
    is_ended_ = true;
    is_gone_ = is_gone;
    is_gone = is_gone && !is_complete_;
    callbacks.swap(gone_callbacks_);
    wake.swap(wake_);
    pending_ = {};
  }
  if (!is_gone) return;
  for (const auto& callback : callbacks) call(callback);
}

void AnswerQueue::respond(Response response) {
  const std::lock_guard lock(mutex_);
  if (has_answer_ || is_ended_) return;
  response.status = valid_status(response.status);
  answer_ = std::move(response);
  has_answer_ = is_complete_ = true;
  wake();
}

void AnswerQueue::begin_stream(Response head) {
  const std::lock_guard lock(mutex_);
  if (has_answer_ || is_ended_) return;
  head.status = valid_status(head.status);
  drops_pieces_ = head_.method == "HEAD" || !may_have_body(head.status);
  append(std::exchange(head.body, {}));
  answer_ = std::move(head);
  has_answer_ = is_stream_ = true;
  wake();
}

void AnswerQueue::write(std::string_view piece) {
  const std::lock_guard lock(mutex_);
  if (!is_stream_ || is_complete_ || is_ended_ || is_overrun_ || drops_pieces_ || piece.empty()) return;
  const uint64_t n_waiting = n_unsent_bytes_ + pending_.size();
  if (n_waiting > 0 && n_waiting + piece.size() > options_.most_queued_bytes) {
    is_overrun_ = true;
    pending_ = {};
  } else {
    append(piece);
  }
  wake();
}

void AnswerQueue::end_stream() {
  const std::lock_guard lock(mutex_);
  if (!is_stream_ || is_complete_ || is_ended_ || is_overrun_) return;
  if (options_.is_chunked && !drops_pieces_) pending_ += kLastChunk;
  is_complete_ = true;
  wake();
}

bool AnswerQueue::is_gone() const {
  const std::lock_guard lock(mutex_);
  return is_gone_ || is_overrun_;
}

void AnswerQueue::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (is_complete_) return;
    if (!is_gone_) {
      if (!is_ended_) gone_callbacks_.push_back(std::move(callback));
      return;
    }
  }
  call(callback);
}

void AnswerQueue::abandon() {
  const std::lock_guard lock(mutex_);
  is_abandoned_ = true;
  if (!is_complete_ && !is_ended_) wake();
}

void AnswerQueue::wake() {
  if (std::exchange(is_woken_, true) || !wake_) return;
  wake_();
}

void AnswerQueue::append(std::string_view piece) {
  if (drops_pieces_) return;
  if (options_.is_chunked) {
    append_chunk(piece, pending_);
  } else {
    pending_ += piece;
  }
}

std::shared_ptr<Exchange> make_exchange(std::shared_ptr<AnswerQueue> queue) {
  return std::make_shared<QueuedExchange>(std::move(queue));
}

}  // namespace quandex::server
