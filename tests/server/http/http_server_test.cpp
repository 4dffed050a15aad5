#include "server/http/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "server/http/http_server_fixture.h"

namespace quandex::server {
namespace {

TEST_F(HttpServerTest, AnswersRequestsOfOneConnection) {
  RawClient client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send("POST /a%20b?x=1 HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /a b?x=1\nhello");
    EXPECT_EQ(answer->header("content-type"), "text/plain");
    EXPECT_EQ(answer->header("connection"), "");
    EXPECT_EQ(answer->header("date").size(), 29U);
    EXPECT_TRUE(answer->header("x-request-id").starts_with("req_"));
  }
  EXPECT_EQ(server->counters().n_accepted, 1U);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  Shelf shelf;
  handler.on_handle = [&](auto exchange) { shelf.put(std::move(exchange)); };
  RawClient client = connect();
  std::string bytes;
  constexpr size_t kRequests = 20;
  for (size_t i = 0; i < kRequests; ++i) {
    bytes +=
        "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n";
  }
  client.send(bytes);
  for (size_t i = 0; i < kRequests; ++i) {
    const auto exchange = shelf.get(i);
    ASSERT_TRUE(exchange);
    EXPECT_EQ(shelf.size(), i + 1);  // one after the other
    std::thread([&] { exchange->respond(TestHandler::echo(*exchange)); }).join();
    EXPECT_EQ(client.answer()->body, "POST /" + std::to_string(i) + "?\nb");
  }
}

TEST_F(HttpServerTest, KeepsConnectionsAsTheVersionsHaveIt) {
  RawClient client = connect();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.answer()->header("connection"), "keep-alive");
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.answer()->header("connection"), "close");
  EXPECT_EQ(client.rest(), "");

  RawClient other = connect();
  other.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + std::string(kGet));
  EXPECT_EQ(other.answer()->header("connection"), "close");
  EXPECT_EQ(other.rest(), "");
}

TEST_F(HttpServerTest, LeavesOutTheBodyForHeadAndWhereNoneMayBe) {
  RawClient client = connect();
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kGet));
  const auto head = client.answer(true);
  EXPECT_EQ(head->header("content-length"), "9");
  EXPECT_EQ(client.answer()->body, "GET /?\n");
  handler.on_handle = [](auto exchange) { exchange->respond({204, {}, "not sent"}); };
  client.send(kGet);
  client.send(kGet);
  EXPECT_EQ(client.answer()->status, 204);
  EXPECT_EQ(client.answer()->status, 204);
  EXPECT_TRUE(client.is_silent(20));
}

TEST_F(HttpServerTest, TakesAnyTargetForm) {
  RawClient client = connect();
  client.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.answer()->body, "OPTIONS *?\n");
  client.send("GET http://elsewhere/a?b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.answer()->body, "GET /a?b\n");
}

TEST_F(HttpServerTest, RefusesWhatIsNoRequestAndCloses) {
  options.most_header_bytes = 1000;
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n", 417},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /" + std::string(1000, 'a'), 414},
      {"GET / HTTP/1.1\r\nX: " + std::string(1000, 'a'), 431},
      {"GET / HTTP/3.0\r\n", 505},
      {"CONNECT x:1 HTTP/1.1\r\n", 501},
      {"\x16\x03\x01\x02", 400},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient client = connect();
    client.send(bytes);
    const auto answer = client.answer();
    ASSERT_TRUE(answer) << bytes;
    EXPECT_EQ(answer->status, status) << bytes;
    EXPECT_EQ(answer->header("connection"), "close");
    EXPECT_NE(answer->header("x-request-id"), "");
    EXPECT_NE(answer->body, "");
    EXPECT_EQ(client.rest(), "") << bytes;
  }
  EXPECT_EQ(handler.all_refusals().size(), cases.size());
  EXPECT_TRUE(becomes_true([&] { return handler.all_finished().size() == cases.size(); }));
}

TEST_F(HttpServerTest, AsksForABodyOnlyWhenTheHeadIsLetThrough) {
  handler.on_check = [](const RequestHead& head) {
    return head.path == "/no" ? std::optional(Response{401, {}, "no"}) : std::nullopt;
  };
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.answer()->status, 100);
  client.send("hi");
  EXPECT_EQ(client.answer()->body, "POST /?\nhi");
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nho");  // does not wait
  EXPECT_EQ(client.answer()->body, "POST /?\nho");
  client.send("POST /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const auto answer = client.answer();
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HttpServerTest, KeepsTheConnectionBehindACheckWithoutABody) {
  handler.on_check = [](const RequestHead&) { return Response{404, {}, "none"}; };
  RawClient client = connect();
  for (size_t i = 1; i <= 3; ++i) {
    client.send(kGet);
    const auto answer = client.answer();
    EXPECT_EQ(answer->status, 404);
    EXPECT_EQ(answer->header("connection"), "");
    EXPECT_EQ(status_finished(i), 404);
  }
}

TEST_F(HttpServerTest, RefusesTooLongBodies) {
  options.most_body_bytes = 10;
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"), 200);
}

TEST_F(HttpServerTest, LetsTheClientReadTheRefusalOfABodyItIsSending) {
  options.most_body_bytes = 10;
  RawClient client = connect();
  const std::string body(8 << 20, 'x');
  ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"));
  ASSERT_TRUE(client.send(body));  // all of it, before it reads
  EXPECT_EQ(client.answer()->status, 413);
  EXPECT_EQ(client.rest(), "");  // ended, not reset
}

TEST_F(HttpServerTest, GivesTheSameAnswersHoweverTheBytesCome) {
  const std::string bytes =
      "\r\nPOST /1?q HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nX-Request-Id: a\r\n\r\nhello\r\nyou!"
      "GET /2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: b\r\n\r\n"
      "PUT /3 HTTP/1.1\r\nHost: x\r\nX-Request-Id: c\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;x=y\r\nab\r\n\r\nc\r\nhello world!\r\n0\r\nTrailer: z\r\n\r\n"
      "DELETE /4 HTTP/1.0\r\nConnection: keep-alive\r\nX-Request-Id: d\r\n\r\n"
      "GET /5 HTTP/1.1\r\nHost : x\r\nX-Request-Id: e\r\n\r\n";
  std::vector<std::string> bodies;
  std::mt19937 random(7);
  for (size_t cut = 0; cut < bytes.size(); cut += 3) {
    RawClient client = connect();
    for (size_t begin = 0, end = cut; begin < bytes.size(); begin = end, end += random() % 100 + 1) {
      client.send(std::string_view(bytes).substr(begin, end - begin));
      std::this_thread::yield();
    }
    std::vector<std::string> got;
    while (const auto answer = client.answer()) {
      got.push_back(std::to_string(answer->status) + answer->header("x-request-id").substr(0, 3) + answer->body);
    }
    if (cut == 0) bodies = got;
    EXPECT_EQ(got, bodies) << "cut at " << cut;
  }
  ASSERT_EQ(bodies.size(), 5U);
  EXPECT_EQ(bodies[0], "200aPOST /1?q\nhello\r\nyou!");
  EXPECT_EQ(bodies[2], "200cPUT /3?\nab\r\nhello world!");
  EXPECT_TRUE(bodies[4].starts_with("400req"));
}

TEST_F(HttpServerTest, FlushesEachPieceOfAStream) {
  Shelf shelf;
  handler.on_handle = [&](auto exchange) { shelf.put(std::move(exchange)); };
  RawClient client = connect();
  client.send(kGet);
  const auto exchange = shelf.get();
  exchange->begin_stream({200, {{"Content-Type", "text/event-stream"}}, ""});
  EXPECT_TRUE(client.receives("\r\n\r\n"));
  for (int i = 0; i < 20; ++i) {
    const std::string piece = "data: " + std::to_string(i) + "\n\n";
    exchange->write(piece);
    EXPECT_TRUE(client.receives(piece));
  }
  exchange->write("");
  exchange->end_stream();
  const auto answer = client.answer();
  EXPECT_EQ(answer->header("transfer-encoding"), "chunked");
  EXPECT_EQ(answer->chunks.size(), 20U);
  EXPECT_EQ(answer->chunks[3], "data: 3\n\n");
  EXPECT_EQ(status_finished(), 200);
  client.send(kGet);
  shelf.get(1)->respond({});
  EXPECT_EQ(client.answer()->status, 200);
}

TEST_F(HttpServerTest, EndsAStreamOfHttp10WithTheConnection) {
  handler.on_handle = [](auto exchange) {
    exchange->begin_stream({200, {}, "first "});
    exchange->write("second");
    exchange->end_stream();
  };
  RawClient client = connect();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto answer = client.answer();
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(answer->header("transfer-encoding"), "");
  EXPECT_EQ(answer->body, "first second");
}

TEST_F(HttpServerTest, StreamsNothingToHead) {
  handler.on_handle = [](auto exchange) {
    exchange->begin_stream({200, {}, "first"});
    exchange->write("second");
    exchange->end_stream();
  };
  RawClient client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.answer(true)->status, 200);
  EXPECT_TRUE(client.is_silent(20));
  client.send(kGet);
  EXPECT_EQ(client.answer()->body, "firstsecond");
}

TEST_F(HttpServerTest, TakesTheFirstAnswerOfSeveral) {
  handler.on_handle = [](auto exchange) {
    exchange->write("before");
    exchange->end_stream();
    exchange->respond({200, {}, "first"});
    exchange->respond({500, {}, "second"});
    exchange->begin_stream({500, {}, "third"});
    exchange->write("fourth");
    exchange->end_stream();
    exchange->on_gone([] { ADD_FAILURE() << "gone, but answered"; });
  };
  RawClient client = connect();
  for (size_t i = 1; i <= 2; ++i) {
    client.send(kGet);
    const auto answer = client.answer();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "first");
    EXPECT_EQ(status_finished(i), 200);
  }
}

TEST_F(HttpServerTest, AnswersForAHandlerThatLetsGo) {
  handler.on_handle = [](auto) {};
  EXPECT_EQ(status_of(kGet), 500);
  EXPECT_EQ(status_finished(1), 500);
  Shelf shelf;
  handler.on_handle = [&](auto exchange) { shelf.put(std::move(exchange)); };
  RawClient client = connect();
  client.send(kGet);
  ASSERT_TRUE(shelf.get());
  shelf.clear();
  EXPECT_EQ(client.answer()->status, 500);
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(status_finished(2), 500);
}

TEST_F(HttpServerTest, CutsAStreamThatItsHandlerLetsGo) {
  handler.on_handle = [](auto exchange) {
    exchange->begin_stream({});
    exchange->write("half");
  };
  RawClient client = connect();
  client.send(kGet);
  EXPECT_EQ(client.answer(), std::nullopt);  // no last chunk
  EXPECT_EQ(handler.all_finished().size(), 1U);
}

TEST_F(HttpServerTest, SurvivesAHandlerThatThrows) {
  const auto fail = [] { throw std::runtime_error("a fault of the handler"); };
  handler.on_handle = [&](const auto&) { fail(); };
  EXPECT_EQ(status_of(kGet), 500);
  Shelf shelf;
  handler.on_handle = [&](auto exchange) {
    shelf.put(exchange);
    fail();
  };
  EXPECT_EQ(status_of(kGet), 500);
  handler.on_check = [&](const RequestHead&) -> std::optional<Response> {
    fail();
    return std::nullopt;
  };
  EXPECT_EQ(status_of(kGet), 500);
  handler.on_refusal = fail;
  EXPECT_EQ(status_of("bad\r\n"), 400);
  handler.on_check = nullptr;
  handler.on_handle = [](auto exchange) { exchange->respond({99, {}, "no status"}); };
  EXPECT_EQ(status_of(kGet), 500);
  handler.on_handle = nullptr;
  EXPECT_EQ(status_of(kGet), 200);
}

TEST_F(HttpServerTest, TellsTheHandlerOfEachRequestOnce) {
  RawClient client = connect();
  client.send("GET /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n");
  const auto answer = client.answer();
  EXPECT_EQ(answer->header("x-request-id"), "mine");
  EXPECT_EQ(status_finished(1), 200);
  const Finished finished = handler.all_finished()[0];
  EXPECT_EQ(finished.id, "mine");
  EXPECT_EQ(finished.path, "/a");
  EXPECT_GT(finished.sent_bytes, answer->body.size() + 50);
  client.send("GET /b HTTP/1.1\r\nHost: x\r\nX-Request-Id: not mine\r\n\r\n");
  EXPECT_TRUE(client.answer()->header("x-request-id").starts_with("req_"));
  client.close();
  server.reset();
  EXPECT_EQ(handler.all_finished().size(), 2U);
  EXPECT_EQ(handler.all_refusals().size(), 0U);
}

TEST_F(HttpServerTest, TellsTheAddressOfTheClient) {
  handler.on_handle = [](auto exchange) { exchange->respond({200, {}, exchange->head().address}); };
  RawClient client = connect();
  client.send(kGet);
  EXPECT_EQ(client.answer()->body, "127.0.0.1");
}

TEST_F(HttpServerTest, ListensOnNamesAndOnIpv6) {
  options.host = "localhost";
  EXPECT_EQ(status_of(kGet), 200);
  for (const char* host : {"::1", "[::1]", "::"}) {
    options.host = host;
    std::optional<HttpServer> other;
    try {
      other.emplace(options, handler);
    } catch (const Error& error) {
      GTEST_SKIP() << "no IPv6 here: " << error.what();
    }
    other->start();
    RawClient client(other->port(), "::1");
    client.send(kGet);
    EXPECT_EQ(client.answer()->status, 200) << host;
  }
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  connect();
  HttpOptions taken = options;
  taken.port = server->port();
  const auto message_of = [&](const HttpOptions& wanted) {
    try {
      HttpServer other(wanted, handler);
      return std::string("it can");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      return std::string(error.what());
    }
  };
  const std::string message = message_of(taken);
  EXPECT_NE(message.find("127.0.0.1"), std::string::npos) << message;
  EXPECT_NE(message.find(std::to_string(taken.port)), std::string::npos) << message;
  EXPECT_NE(message.find("choose another port"), std::string::npos) << message;
  taken.host = "203.0.113.7";
  EXPECT_NE(message_of(taken).find("an address that this machine has"), std::string::npos);
  taken.host = "no such host";
  EXPECT_NE(message_of(taken).find("no such host"), std::string::npos);
  taken = options;
  taken.n_threads = 0;
  EXPECT_THROW(HttpServer(taken, handler), Error);
}

TEST_F(HttpServerTest, ServesASocketThatCameAnotherWay) {
  connect();
  std::array<int, 2> sockets{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  server->adopt(sockets[0]);
  RawClient client = RawClient::of_socket(sockets[1]);
  client.send(kGet);
  EXPECT_EQ(client.answer()->status, 200);
  EXPECT_THROW(server->adopt(-1), Error);
}

}  // namespace
}  // namespace quandex::server
