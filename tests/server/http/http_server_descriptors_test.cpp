// Apart, because UBSan needs descriptors of its own when it meets a class for the first time.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/http/http_server_fixture.h"

namespace quandex::server {
namespace {

TEST_F(HttpServerTest, GoesOnWhenTheSystemHasNoDescriptorsLeft) {
  EXPECT_EQ(status_of(kGet), 200);
  EXPECT_TRUE(becomes_true([&] { return server->counters().n_open == 0; }));
  const int free = ::dup(STDIN_FILENO);
  ::close(free);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit one_more{static_cast<rlim_t>(free) + 1, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  RawClient client = connect();  // has the last one
  client.send(kGet);
  EXPECT_TRUE(client.is_silent(50));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(client.answer()->status, 200);
}

}  // namespace
}  // namespace quandex::server
