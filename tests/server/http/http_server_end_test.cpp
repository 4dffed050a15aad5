// Draining and stopping the front, and exchanges that outlive it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "server/http/http_server_fixture.h"

namespace quandex::server {
namespace {

struct HttpServerEndTest : HttpServerTest {
  Shelf shelf;

  HttpServerEndTest() {
    handler.on_handle = [this](auto exchange) { shelf.put(std::move(exchange)); };
  }
  bool cannot_connect() {
    try {
      RawClient client(server->port());
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }
};

TEST_F(HttpServerEndTest, DrainsIdleConnectionsAndAnswersTheOthers) {
  RawClient idle = connect();
  RawClient waiting = connect();
  waiting.send(std::string(kGet) + "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  RawClient streaming = connect();
  streaming.send(kGet);
  ASSERT_TRUE(shelf.get(1));
  RawClient half_sent = connect();
  half_sent.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Le");
  for (int i = 0; i < 2; ++i) shelf.get(static_cast<size_t>(i))->begin_stream({});
  EXPECT_TRUE(waiting.receives("\r\n\r\n") && streaming.receives("\r\n\r\n"));
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 4; }));
  server->drain();
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(becomes_true([&] { return cannot_connect(); }));
  half_sent.send("ngth: 0\r\n\r\n");
  const auto refused = half_sent.answer();
  EXPECT_TRUE(!refused || refused->status == 503);  // nothing: none of it had arrived when the drain began
  EXPECT_EQ(half_sent.rest(), "");
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(shelf.get(i)->is_gone());
    shelf.get(i)->write("end");
    shelf.get(i)->end_stream();
  }
  EXPECT_EQ(streaming.answer()->body, "end");
  EXPECT_EQ(streaming.rest(), "");
  EXPECT_EQ(waiting.answer()->body, "end");
  EXPECT_EQ(waiting.answer()->status, 503);  // its head is taken up after the drain began
  for (RawClient* client : {&idle, &waiting, &streaming, &half_sent}) client->close();
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0; }));
}

TEST_F(HttpServerEndTest, TellsClientsThatADrainingConnectionCloses) {
  RawClient client = connect();
  client.send(kGet);
  ASSERT_TRUE(shelf.get());
  server->drain();
  shelf.get()->respond({200, {}, "last"});
  const auto answer = client.answer();
  EXPECT_EQ(answer->body, "last");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HttpServerEndTest, DrainsClientsThatNeverRead) {
  options.write_timeout_ms = 100;
  RawClient whole = connect();
  RawClient stream = connect();
  for (RawClient* client : {&whole, &stream}) {
    client->shrink_buffer();
    client->send(kGet);
  }
  ASSERT_TRUE(shelf.get(1));
  shelf.get(0)->respond({200, {}, std::string(32 << 20, 'x')});
  shelf.get(1)->begin_stream({200, {}, std::string(32 << 20, 'x')});
  server->drain();
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0; }));
  EXPECT_TRUE(shelf.get(1)->is_gone());
}

TEST_F(HttpServerEndTest, StopsWithClientsInAllStates) {
  std::vector<RawClient> clients;
  const std::string request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  for (size_t length = 0; length <= request.size(); length += 4) {
    clients.push_back(connect());
    clients.back().send(std::string_view(request).substr(0, length));
  }
  clients.push_back(connect());  // never reads
  clients.back().shrink_buffer();
  clients.back().send(kGet);
  const auto exchange = shelf.get();
  ASSERT_TRUE(exchange);
  exchange->respond({200, {}, std::string(32 << 20, 'x')});
  clients.push_back(connect());  // refused, and stays
  clients.back().send("bad\r\n");
  EXPECT_EQ(clients.back().answer()->status, 400);
  server->stop();
  EXPECT_EQ(server->counters().n_open, 0);
  EXPECT_EQ(server->counters().n_in_flight, 0);
  server->stop();
  server.reset();
}

TEST_F(HttpServerEndTest, LetsExchangesOutliveTheServer) {
  std::atomic<int> n_gone = 0;
  RawClient client = connect();
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  RawClient streaming = connect();
  streaming.send(kGet);
  auto exchange = shelf.get(0);
  auto stream = shelf.get(1);
  ASSERT_TRUE(exchange && stream);
  stream->begin_stream({});
  for (const auto& one : {exchange, stream}) one->on_gone([&] { ++n_gone; });
  server.reset();
  EXPECT_EQ(n_gone, 2);
  EXPECT_TRUE(exchange->is_gone());
  const auto post = exchange->head().method == "POST" ? exchange : stream;
  EXPECT_EQ(post->head().path, "/x");
  EXPECT_EQ(post->body(), "hello");
  post->release_body();
  EXPECT_EQ(post->body(), "");
  exchange->respond({});
  exchange->begin_stream({});
  stream->write("more");
  stream->end_stream();
  exchange->on_gone([&] { ++n_gone; });
  EXPECT_EQ(n_gone, 3);
  shelf.clear();
  exchange.reset();
  stream.reset();
  EXPECT_EQ(handler.all_finished().size(), 2U);
}

TEST_F(HttpServerEndTest, LetsACallbackOwnItsExchange) {
  RawClient client = connect();
  client.send(kGet);
  auto exchange = shelf.get();
  ASSERT_TRUE(exchange);
  shelf.clear();
  const std::weak_ptr<Exchange> watched = exchange;
  exchange->on_gone([exchange] {});
  exchange->respond({});
  exchange.reset();
  EXPECT_EQ(client.answer()->status, 200);
  EXPECT_TRUE(becomes_true([&] { return watched.expired(); }));
}

TEST_F(HttpServerEndTest, StopsWhileManyThreadsWrite) {
  constexpr size_t kClients = 8;
  std::vector<RawClient> clients;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    clients.back().send(kGet);
    auto exchange = shelf.get(i);
    ASSERT_TRUE(exchange);
    threads.emplace_back([exchange = std::move(exchange)] {
      exchange->begin_stream({});
      while (!exchange->is_gone()) {
        exchange->write("piece");
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      exchange->end_stream();
    });
  }
  for (RawClient& client : clients) EXPECT_TRUE(client.receives("piece"));
  shelf.clear();
  server->drain();
  server->stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(handler.all_finished().size(), kClients);
}

TEST_F(HttpServerEndTest, CanBeStoppedBeforeItStarts) {
  server.emplace(options, handler);
  EXPECT_GT(server->port(), 0);
  server->stop();
  server.emplace(options, handler);
  server->drain();
  server.reset();
}

}  // namespace
}  // namespace quandex::server
