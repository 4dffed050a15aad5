#include "server/engine_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "engine/tiny_engine.h"

namespace quandex::server {
namespace {

// Everything that came of one request, for the thread that waits for it.
class Collector final : public EventReceiver {
 public:
  void on_event(const Event& event) override {
    const std::lock_guard lock(mutex_);
    const bool is_end = std::holds_alternative<Finished>(event) || std::holds_alternative<Error>(event);
    n_ends_ += is_end ? 1 : 0;
    if (const auto* token = std::get_if<Token>(&event)) tokens_.push_back(token->id);
    if (const auto* finished = std::get_if<Finished>(&event)) finished_ = *finished;
    if (const auto* error = std::get_if<Error>(&event)) error_ = error->what();
    changed_.notify_all();
  }

  void wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return n_ends_ > 0; });
  }
  void wait_for_token() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return n_ends_ > 0 || !tokens_.empty(); });
  }
  std::vector<int32_t> tokens() const { return locked(tokens_); }
  std::optional<Finished> finished() const { return locked(finished_); }
  std::string error() const { return locked(error_); }
  int n_ends() const { return locked(n_ends_); }

 private:
  template <typename T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int32_t> tokens_;
  std::optional<Finished> finished_;
  std::string error_;
  int n_ends_ = 0;
};

// Holds the engine's thread in its first event until it is opened.
class Gate final : public EventReceiver {
 public:
  void on_event(const Event&) override {
    is_reached_ = true;
    is_reached_.notify_all();
    is_open_.wait(false);
  }
  void wait_until_reached() { is_reached_.wait(false); }
  void open() {
    is_open_ = true;
    is_open_.notify_all();
  }

 private:
  std::atomic<bool> is_reached_ = false, is_open_ = false;
};

// Passes everything on to another backend, and fails one step.
class FailingBackend final : public Backend {
 public:
  explicit FailingBackend(Backend& real) : real_(real) {}
  std::atomic<int> n_until_failure{-1};  // steps that succeed before the one that fails; negative: all do

  const DeviceInfo& info() const override { return real_.info(); }
  Tensor allocate(DType type, int rows, int cols) override { return real_.allocate(type, rows, cols); }
  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override {
    return real_.upload(name, type, rows);
  }
  size_t upload_bytes(DType type, std::span<const RowSegment> rows) const override {
    return real_.upload_bytes(type, rows);
  }
  std::span<std::byte> host_view(Tensor tensor) override { return real_.host_view(tensor); }
  bool aliases_host(Tensor tensor) const override { return real_.aliases_host(tensor); }
  CommandBatch& begin() override { return real_.begin(); }
  void wait(Ticket ticket) override {
    real_.wait(ticket);
    if (n_until_failure-- == 0) throw Error(ErrorCode::device, "the device is lost");
  }
  size_t allocated_bytes() const override { return real_.allocated_bytes(); }

 private:
  Backend& real_;
};

Request request_of(int length, int seed, int max_tokens) {
  Request request;
  request.prompt = tiny_prompt(length, seed);
  request.max_tokens = max_tokens;
  return request;
}

std::optional<std::vector<uint64_t>> submit_one(EngineThread& thread, Request request,
                                                std::shared_ptr<EventReceiver> receiver) {
  std::vector<EngineThread::Submission> submissions;
  submissions.push_back({std::move(request), std::move(receiver)});
  return thread.submit(std::move(submissions));
}

const EngineOptions kOptions{.n_ctx = 96, .max_sequences = 4, .token_budget = 16, .n_kv_blocks = 7};

TEST(EngineThread, GivesTheTokensThatTheEngineGives) {
  const TinyModel model("llama");
  TinyEngine alone(model, kOptions);
  TinyEngine served(model, kOptions);
  EngineThread thread(served.engine, {});
  std::vector<std::shared_ptr<Collector>> collectors;
  for (int i = 0; i < 6; ++i) {
    collectors.push_back(std::make_shared<Collector>());
    ASSERT_TRUE(submit_one(thread, request_of(5 + 9 * i, i, 12), collectors.back()));
  }
  for (int i = 0; i < 6; ++i) {
    collectors[static_cast<size_t>(i)]->wait_for_end();
    const Outcome expected = run_requests(alone.engine, {request_of(5 + 9 * i, i, 12)}).front();
    EXPECT_EQ(collectors[static_cast<size_t>(i)]->tokens(), expected.tokens);
    EXPECT_EQ(collectors[static_cast<size_t>(i)]->finished()->reason, expected.finished->reason);
  }
}

TEST(EngineThread, RefusesWhatCanNeverBeHonouredOnTheCallersThread) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  EngineThread thread(tiny.engine, {});
  EXPECT_THROW(submit_one(thread, request_of(97, 1, 4), std::make_shared<Collector>()), Error);
  EXPECT_THROW(submit_one(thread, request_of(4, 1, -1), std::make_shared<Collector>()), Error);
}

TEST(EngineThread, TakesAllOfACallOrNothing) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  EngineThread thread(tiny.engine, {.most_waiting = 1});
  const auto gate = std::make_shared<Gate>();
  submit_one(thread, request_of(4, 1, 2), gate);
  gate->wait_until_reached();
  std::vector<EngineThread::Submission> five, four;
  const auto nothing = std::make_shared<Collector>();
  for (int i = 0; i < 5; ++i) five.push_back({request_of(4, i, 2), nothing});
  EXPECT_EQ(thread.submit(std::move(five)), std::nullopt);
  std::vector<std::shared_ptr<Collector>> collectors;
  for (int i = 0; i < 4; ++i) {
    collectors.push_back(std::make_shared<Collector>());
    four.push_back({request_of(4, i, 2), collectors.back()});
  }
  EXPECT_EQ(thread.submit(std::move(four)).value().size(), 4u);
  gate->open();
  for (const auto& each : collectors) each->wait_for_end();
  EXPECT_EQ(nothing->n_ends(), 0);
  const int wait = thread.retry_after_seconds();
  EXPECT_GE(wait, 1);
  EXPECT_LE(wait, 60);
}

TEST(EngineThread, CountsARequestFromItsFirstStepOn) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  EngineThread thread(tiny.engine, {});
  const auto gate = std::make_shared<Gate>();
  submit_one(thread, request_of(4, 1, 2), gate);
  gate->wait_until_reached();
  const EngineThreadStatus status = thread.status();
  EXPECT_EQ(status.engine.n_running + status.engine.n_waiting + status.n_unread, 1);
  gate->open();
}

TEST(EngineThread, CancelEndsARequestAndItsPlaceIsFreeAgain) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  EngineThread thread(tiny.engine, {});
  const auto collector = std::make_shared<Collector>();
  const auto tickets = submit_one(thread, request_of(4, 1, 90), collector);
  collector->wait_for_token();
  thread.cancel(tickets->front());
  collector->wait_for_end();
  thread.cancel(tickets->front());  // ended already
  thread.cancel(12345);             // never was
  const auto next = std::make_shared<Collector>();
  submit_one(thread, request_of(4, 1, 2), next);
  next->wait_for_end();
  EXPECT_EQ(next->finished()->reason, FinishReason::length);
}

TEST(EngineThread, StoppingEndsEveryRequestWithTheReason) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  EngineThread thread(tiny.engine, {});
  std::vector<std::shared_ptr<Collector>> collectors;
  for (int i = 0; i < 12; ++i) {
    collectors.push_back(std::make_shared<Collector>());
    submit_one(thread, request_of(30, i, 60), collectors.back());
  }
  thread.stop(Error(ErrorCode::device, "enough"));
  for (const auto& collector : collectors) {
    EXPECT_EQ(collector->n_ends(), 1);
    EXPECT_TRUE(collector->error() == "enough" || collector->finished());
  }
  EXPECT_THROW(submit_one(thread, request_of(4, 1, 1), std::make_shared<Collector>()), Error);
}

TEST(EngineThread, AFailingDeviceEndsTheRequestsOfThatMomentAndNoOthers) {
  const TinyModel model("llama");
  TinyBackend real;
  FailingBackend backend(*real);
  Engine engine(model.load(backend), backend, kOptions);
  {
    EngineThread thread(engine, {});
    backend.n_until_failure = 20;
    std::vector<std::shared_ptr<Collector>> unlucky;
    for (int i = 0; i < 3; ++i) {
      unlucky.push_back(std::make_shared<Collector>());
      submit_one(thread, request_of(4, i, 60), unlucky.back());
    }
    unlucky.front()->wait_for_end();
    EXPECT_EQ(unlucky.front()->error(), "the device is lost");
    for (const auto& each : unlucky) each->wait_for_end();
    const auto second = std::make_shared<Collector>();
    submit_one(thread, request_of(4, 1, 3), second);
    second->wait_for_end();
    EXPECT_EQ(second->tokens().size(), 3u);
  }
  EXPECT_EQ(engine.status().n_used_blocks, 0);
  EXPECT_EQ(engine.scheduler().check_integrity(), std::nullopt);
}

// Several threads submit and cancel at random: each request ends exactly once, and no block stays behind.
TEST(EngineThread, LosesNothingWhenManyThreadsSubmitAndCancel) {
  const TinyModel model("llama");
  TinyEngine tiny(model, kOptions);
  {
    EngineThread thread(tiny.engine, {.most_waiting = 8});
    const auto client = [&](int number) {
      std::mt19937 random(static_cast<unsigned>(number));
      for (int i = 0; i < 25; ++i) {
        const auto collector = std::make_shared<Collector>();
        const auto tickets = submit_one(
            thread, request_of(1 + static_cast<int>(random() % 40), number, 1 + static_cast<int>(random() % 12)),
            collector);
        if (!tickets) continue;
        if (random() % 3 == 0) thread.cancel(tickets->front());
        if (random() % 3 == 0) {
          collector->wait_for_token();
          thread.cancel(tickets->front());
        }
        collector->wait_for_end();
        EXPECT_EQ(collector->n_ends(), 1);
        EXPECT_EQ(collector->error(), "");
      }
    };
    std::vector<std::thread> clients;
    for (int i = 0; i < 6; ++i) clients.emplace_back(client, i);
    for (std::thread& each : clients) each.join();
  }
  const EngineStatus status = tiny.engine.status();
  EXPECT_EQ(status.n_used_blocks, 0);
  EXPECT_EQ(status.n_free_blocks + status.n_cached_blocks, status.n_kv_blocks);
  EXPECT_EQ(tiny.engine.scheduler().check_integrity(), std::nullopt);
}

}  // namespace
}  // namespace quandex::server
