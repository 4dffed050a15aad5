#include "server/http/http_answer.h"

#include <gtest/gtest.h>

#include "server/http/http_text.h"
#include "server/http/raw_client.h"

namespace quandex::server {
namespace {

constexpr std::chrono::system_clock::time_point kTime{std::chrono::seconds{784111777}};

TEST(HttpAnswer, WritesTheDateOfTheStandard) {
  EXPECT_EQ(http_date(kTime), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(std::chrono::system_clock::time_point{std::chrono::seconds{1709251199}}),
            "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST(HttpAnswer, WritesAHeadWithItsLength) {
  const Response response{404, {{"Content-Type", "text/plain"}}, "gone"};
  EXPECT_EQ(answer_head(response, {BodyEnd::length, false, true, "id"}, kTime),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\ncontent-length: 4\r\n"
            "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-request-id: id\r\nconnection: close\r\n\r\n");
}

TEST(HttpAnswer, TellsHttp10ThatTheConnectionIsKept) {
  EXPECT_NE(answer_head({}, {BodyEnd::length, true, false, "id"}, kTime).find("connection: keep-alive\r\n"),
            std::string::npos);
  EXPECT_EQ(answer_head({}, {BodyEnd::length, false, false, "id"}, kTime).find("connection"), std::string::npos);
}

TEST(HttpAnswer, GivesNoLengthWhereNoBodyMayBe) {
  for (const int status : {204, 304}) {
    EXPECT_FALSE(may_have_body(status));
    for (const BodyEnd end : {BodyEnd::length, BodyEnd::chunks}) {
      const std::string head = answer_head({status, {}, "x"}, {end, false, false, "id"}, kTime);
      EXPECT_EQ(head.find("content-length"), std::string::npos);
      EXPECT_EQ(head.find("transfer-encoding"), std::string::npos);
    }
  }
}

TEST(HttpAnswer, LetsNoHeaderBeginAnother) {
  const Response response{200,
                          {{"X-Evil", "a\r\nset-cookie: b\0\x7f"},
                           {"bad name", "x"},
                           {"a\r\nb", "x"},
                           {"", "x"},
                           {"Content-Length", "999"},
                           {"TRANSFER-ENCODING", "gzip"},
                           {"Date", "x"},
                           {"Connection", "upgrade"},
                           {"X-Request-Id", "other"}},
                          "ok"};
  std::string bytes = answer_head(response, {BodyEnd::length, false, false, "id"}, kTime) + "ok";
  const auto answer = take_answer(bytes, true);
  ASSERT_TRUE(answer);
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(answer->headers.size(), 4U);
  EXPECT_EQ(answer->header("x-evil"), "a  set-cookie: b");
  EXPECT_EQ(answer->header("content-length"), "2");
  EXPECT_EQ(answer->header("x-request-id"), "id");
}

TEST(HttpAnswer, FramesChunks) {
  std::string out;
  append_chunk("hello", out);
  append_chunk("", out);
  append_chunk(std::string(26, 'x'), out);
  EXPECT_EQ(out, "5\r\nhello\r\n1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(HttpAnswer, MakesIdsThatDiffer) {
  const std::string id = new_request_id();
  EXPECT_EQ(id.size(), 36U);
  EXPECT_TRUE(id.starts_with("req_"));
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef", 4), std::string::npos);
  EXPECT_NE(id, new_request_id());
}

TEST(HttpText, KnowsTheSmallWords) {
  EXPECT_TRUE(equal_ignoring_case("Keep-Alive", "keep-aLIVE"));
  EXPECT_FALSE(equal_ignoring_case("keep", "keep-alive"));
  EXPECT_TRUE(is_token("a!#$%&'*+-.^_`|~9Z"));
  for (const char* text : {"", "a b", "a:", "(", "\"", "a/b", "\x7f", "\xc3\xa9", "a\t"}) EXPECT_FALSE(is_token(text));
  EXPECT_FALSE(is_token(std::string_view("a\0", 2)));
  EXPECT_EQ(trimmed(" \ta b\t "), "a b");
  std::vector<std::string> elements;
  for_each_element(" a , ,b,", [&](std::string_view element) { elements.emplace_back(element); });
  EXPECT_EQ(elements, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace quandex::server
