#include "server/http/http_message.h"

#include <gtest/gtest.h>

namespace quandex::server {
namespace {

TEST(RequestHead, FindsTheFirstHeaderWhateverItsCase) {
  RequestHead head;
  head.headers = {{"Content-Type", "text/plain"}, {"X-Twice", "first"}, {"x-twice", "second"}};
  EXPECT_EQ(head.header("content-type"), "text/plain");
  EXPECT_EQ(head.header("X-TWICE"), "first");
  EXPECT_EQ(head.header("content"), std::nullopt);
}

}  // namespace
}  // namespace quandex::server
