// Clients that are slow, silent, gone or too many.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "server/http/http_server_fixture.h"

namespace quandex::server {
namespace {

using Clock = std::chrono::steady_clock;

struct HttpServerLimitsTest : HttpServerTest {
  Shelf shelf;

  void keep_exchanges() {
    handler.on_handle = [this](auto exchange) { shelf.put(std::move(exchange)); };
  }
  // Whether the exchange's client is known to have gone, by the callback and by asking.
  static bool becomes_gone(Exchange& exchange) {
    const auto told = std::make_shared<std::promise<void>>();
    exchange.on_gone([told] { told->set_value(); });  // a second call would throw
    return told->get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready && exchange.is_gone();
  }
};

TEST_F(HttpServerLimitsTest, EndsHeadsThatTakeTooLong) {
  options.header_timeout_ms = 100;
  RawClient silent = connect();
  silent.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(silent.answer()->status, 408);
  EXPECT_EQ(silent.rest(), "");

  RawClient dripping = connect();
  const auto begin = Clock::now();
  bool is_ended = false;
  dripping.send("GET / HTTP/1.1\r\nX: ");
  while (!is_ended && Clock::now() < begin + std::chrono::seconds(10)) {
    dripping.send("x");
    is_ended = !dripping.is_silent(5);
  }
  EXPECT_TRUE(is_ended);
  EXPECT_EQ(handler.all_refusals(), (std::vector<int>{408, 408}));
}

TEST_F(HttpServerLimitsTest, EndsBodiesThatStop) {
  options.body_timeout_ms = 100;
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"), 408);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"), 408);
}

TEST_F(HttpServerLimitsTest, ClosesIdleConnectionsWithoutAWord) {
  options.idle_timeout_ms = 100;
  RawClient client = connect();
  client.send(kGet);
  EXPECT_EQ(client.answer()->status, 200);
  client.send("\r\n");  // what some clients send behind a body
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(handler.all_refusals().size(), 0U);
}

TEST_F(HttpServerLimitsTest, DoesNotTimeOutWhileTheHandlerThinks) {
  options.idle_timeout_ms = options.header_timeout_ms = options.body_timeout_ms = options.write_timeout_ms = 50;
  keep_exchanges();
  RawClient client = connect();
  client.send(kGet);
  const auto exchange = shelf.get();
  EXPECT_TRUE(client.is_silent(200));
  exchange->begin_stream({});
  EXPECT_TRUE(client.receives("\r\n\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(exchange->is_gone());
  exchange->end_stream();
  EXPECT_EQ(client.answer()->status, 200);
}

TEST_F(HttpServerLimitsTest, NoticesClientsThatLeaveWhileTheyWait) {
  keep_exchanges();
  const std::vector<void (*)(RawClient&)> ways = {[](RawClient& client) { client.close(); },
                                                  [](RawClient& client) { client.reset(); },
                                                  [](RawClient& client) { client.half_close(); }};
  size_t n = 0;
  for (const auto leave : ways) {
    for (const bool is_pipelining : {false, true}) {
      RawClient client = connect();
      client.send(kGet);
      if (is_pipelining) client.send(kGet);
      const auto exchange = shelf.get(n);
      ASSERT_TRUE(exchange);
      EXPECT_FALSE(exchange->is_gone());
      leave(client);
      EXPECT_TRUE(becomes_gone(*exchange));
      EXPECT_TRUE(becomes_gone(*exchange));  // at once, as it has already
      exchange->respond({});                 // nobody reads it
      EXPECT_EQ(status_finished(++n), 499);
    }
  }
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0 && server->counters().n_in_flight == 0; }));
}

TEST_F(HttpServerLimitsTest, NoticesClientsThatLeaveInAStream) {
  keep_exchanges();
  for (size_t n = 1; n <= 2; ++n) {
    RawClient client = connect();
    client.send(kGet);
    const auto exchange = shelf.get(n - 1);
    exchange->begin_stream({});
    exchange->write("first");
    EXPECT_TRUE(client.receives("first"));
    n == 1 ? client.close() : client.reset();
    EXPECT_TRUE(becomes_gone(*exchange));
    exchange->write("second");
    exchange->end_stream();
    EXPECT_EQ(status_finished(n), 200);  // it had begun
  }
}

TEST_F(HttpServerLimitsTest, StillSendsAQuickAnswerToAClientThatHasClosedItsHalf) {
  RawClient client = connect();
  client.send(std::string(kGet) + std::string(kGet));
  client.half_close();
  EXPECT_EQ(client.answer()->status, 200);
  EXPECT_EQ(client.answer()->status, 200);
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HttpServerLimitsTest, SaysNothingOfClientsThatLeaveInAHead) {
  for (const char* bytes : {"", "\r\n", "G", "GET / HTTP/1.1\r\nHost: x\r\n"}) {
    RawClient client = connect();
    client.send(bytes);
    client.half_close();
    EXPECT_EQ(client.rest(), "");
  }
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  client.half_close();
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(status_finished(), 499);  // of the last, whose head had been let through
}

TEST_F(HttpServerLimitsTest, BoundsWhatWaitsForASlowReader) {
  options.most_queued_bytes = 100'000;
  keep_exchanges();
  RawClient client = connect();
  client.send(kGet);
  const auto exchange = shelf.get();
  exchange->begin_stream({});
  EXPECT_TRUE(client.receives("\r\n\r\n"));
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!exchange->is_gone() && Clock::now() < deadline) exchange->write(std::string(10'000, 'x'));
  EXPECT_TRUE(becomes_gone(*exchange));
  exchange->write("more");
  EXPECT_EQ(status_finished(), 200);
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0; }));
}

TEST_F(HttpServerLimitsTest, LeavesAClientThatTakesNothing) {
  options.write_timeout_ms = 100;
  handler.on_handle = [](auto exchange) { exchange->respond({200, {}, std::string(32 << 20, 'x')}); };
  RawClient client = connect();
  client.shrink_buffer();
  client.send(kGet);
  EXPECT_EQ(status_finished(), 200);
  EXPECT_LT(handler.all_finished()[0].sent_bytes, 32U << 20);
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0; }));
}

TEST_F(HttpServerLimitsTest, SendsALargeAnswerToASlowReaderInFull) {
  options.most_queued_bytes = 1000;  // bounds streams, not what is made already
  handler.on_handle = [](auto exchange) { exchange->respond({200, {}, std::string(8 << 20, 'x')}); };
  RawClient client = connect();
  client.shrink_buffer();
  client.send(kGet);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(client.answer()->body.size(), 8U << 20);
}

TEST_F(HttpServerLimitsTest, AnswersPromptlyAmongHundredsOfHalfSentRequests) {
  keep_exchanges();
  std::vector<RawClient> crowd;
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(connect());
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegin";
    crowd.back().send(std::string_view(head).substr(0, static_cast<size_t>(i) % (head.size() + 1)));
  }
  handler.on_handle = nullptr;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(kGet), 200);
  EXPECT_GE(server->counters().n_open, 300);
  EXPECT_EQ(shelf.size(), 0U);
}

TEST_F(HttpServerLimitsTest, LetsFurtherConnectionsWait) {
  options.most_connections = 2;
  keep_exchanges();
  RawClient first = connect();
  RawClient second = connect();
  first.send(kGet);
  second.send(kGet);
  ASSERT_TRUE(shelf.get(1));
  RawClient third = connect();
  third.send(kGet);
  EXPECT_TRUE(third.is_silent(50));
  EXPECT_EQ(server->counters().n_open, 2);
  first.close();
  ASSERT_TRUE(shelf.get(2));
  shelf.get(2)->respond({});
  EXPECT_EQ(third.answer()->status, 200);
}

TEST_F(HttpServerLimitsTest, ClosesTheLongestIdleConnectionForANewOne) {
  options.most_connections = 2;
  RawClient first = connect();
  first.send(kGet);
  EXPECT_EQ(first.answer()->status, 200);
  RawClient second = connect();
  second.send("GET /half");  // not idle
  RawClient third = connect();
  third.send(kGet);
  EXPECT_EQ(third.answer()->status, 200);
  EXPECT_EQ(first.rest(), "");
  second.send(" HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(second.answer()->status, 200);
}

TEST_F(HttpServerLimitsTest, SurvivesResetsInAllStates) {
  options.header_timeout_ms = 1000;
  std::mt19937 random(3);
  std::atomic<uint64_t> n_gone = 0;
  std::vector<std::thread> threads;
  std::mutex mutex;  // of the threads
  handler.on_handle = [&](std::shared_ptr<Exchange> exchange) {
    exchange->on_gone([&] { ++n_gone; });
    const std::lock_guard lock(mutex);
    threads.emplace_back([exchange = std::move(exchange)] {
      exchange->begin_stream({});
      for (int i = 0; i < 50; ++i) exchange->write(std::string(1000, 'x'));
      exchange->end_stream();
    });
  };
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + std::string(kGet);
  for (size_t length = 0; length <= bytes.size(); ++length) {
    RawClient client = connect();
    client.send(std::string_view(bytes).substr(0, length));
    if (random() % 2 == 0) client.receives("x", static_cast<int>(random() % 3));
    random() % 2 == 0 ? client.reset() : client.close();
  }
  EXPECT_EQ(status_of("bad\r\n"), 400);  // it still serves
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0 && server->counters().n_in_flight == 0; }));
  server.reset();  // so that no thread begins any more
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace quandex::server
