#include "server/http_server.h"

#include <gtest/gtest.h>

#include "server/raw_client.h"
#include "server/test_handler.h"

namespace quandex::server {
namespace {

HttpOptions any_port() {
  HttpOptions options;
  options.port = 0;
  return options;
}

struct HttpServerTest : testing::Test {
  TestHandler handler;
  HttpOptions options = any_port();
  std::optional<HttpServer> server;

  RawClient connect() {
    if (!server) {
      server.emplace(options, handler);
      server->start();
    }
    return RawClient(server->port());
  }
  // The status of the answer to these bytes, sent on a connection of their own; 0: none comes.
  int status_of(std::string_view bytes) {
    RawClient client = connect();
    client.send(bytes);
    const auto answer = client.answer();
    return answer ? answer->status : 0;
  }
};

TEST_F(HttpServerTest, AnswersARequestAndKeepsTheConnection) {
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

}  // namespace
}  // namespace quandex::server
