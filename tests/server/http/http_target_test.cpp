#include "server/http/http_target.h"

#include <gtest/gtest.h>

namespace quandex::server {
namespace {

HttpTarget target_of(std::string_view text, std::string_view method = "GET") {
  HttpTarget target;
  const auto fault = read_target(method, text, target);
  EXPECT_FALSE(fault) << text << ": " << fault->reason;
  return target;
}

int status_of(std::string_view text, std::string_view method = "GET") {
  HttpTarget target;
  const auto fault = read_target(method, text, target);
  return fault ? fault->status : 200;
}

TEST(HttpTarget, DecodesThePathAndLeavesTheQuery) {
  const HttpTarget target = target_of("/v1/models/a%2Fb%20%C3%a9?x=%20&y=?z");
  EXPECT_EQ(target.path, "/v1/models/a/b \u00e9");
  EXPECT_EQ(target.query, "x=%20&y=?z");
  EXPECT_EQ(target.authority, std::nullopt);
  EXPECT_EQ(target_of("/?").query, "");
  EXPECT_EQ(target_of("//x/../y/.").path, "//x/../y/.");
}

TEST(HttpTarget, TakesTheAbsoluteForm) {
  const HttpTarget target = target_of("HTTP://localhost:8080/v1/models?x");
  EXPECT_EQ(target.path, "/v1/models");
  EXPECT_EQ(target.query, "x");
  EXPECT_EQ(target.authority, "localhost:8080");
  EXPECT_EQ(target_of("http://[::1]").path, "/");
  EXPECT_EQ(target_of("https://host?q").path, "/");
  EXPECT_EQ(target_of("https://host?q").query, "q");
  EXPECT_EQ(status_of("http://"), 400);
  EXPECT_EQ(status_of("http:///path"), 400);
  EXPECT_EQ(status_of("http://user@host/path"), 400);
  EXPECT_EQ(status_of("ftp://host/path"), 400);
}

TEST(HttpTarget, TakesAStarForOptionsOnly) {
  EXPECT_EQ(target_of("*", "OPTIONS").path, "*");
  EXPECT_EQ(status_of("*"), 400);
  EXPECT_EQ(status_of("**", "OPTIONS"), 400);
}

TEST(HttpTarget, RefusesBadEscapesAndCharacters) {
  for (const char* text : {"/%", "/%4", "/%zz", "/%4g", "/a%", "/%00", "/%0a", "/%1F", "/%7f", "/%ff", "/%C3",
                           "/%ED%A0%80", "/a b", "/#x", "/\xc3\xa9", "", "x", "host:443"}) {
    EXPECT_EQ(status_of(text), 400) << text;
  }
}

TEST(HttpTarget, KnowsWhatAHostIs) {
  for (const char* text :
       {"", "localhost", "localhost:8080", "127.0.0.1:80", "[::1]", "[::1]:8080", "a-b.example.", "a_b", "x:", "%41"}) {
    EXPECT_TRUE(is_host_value(text)) << text;
  }
  for (const char* text : {"a b", "a/b", "user@host", "host:port", "::1", "[::1", "[]", "[::1]x", "[::g]", "a,b",
                           "a\"b", "a:1:2", "h\xc3\xa9"}) {
    EXPECT_FALSE(is_host_value(text)) << text;
  }
}

}  // namespace
}  // namespace quandex::server
