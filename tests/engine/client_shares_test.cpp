#include "engine/client_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace quandex {
namespace {

TEST(ClientShares, the_one_with_the_least_service_is_served_alike_whatever_the_size_of_requests) {
  ClientShares shares;
  const std::array<double, 3> cost = {10, 100, 35};  // of each client's requests, which never end
  std::array<int, 3> slots{};
  std::array<double, 3> served{};
  for (size_t i = 0; i < 3; ++i) slots[i] = shares.join(i);
  for (int n = 0; n < 1000; ++n) {
    size_t least = 0;
    for (size_t i = 1; i < 3; ++i)
      if (shares.service(slots[i]) < shares.service(slots[least])) least = i;
    shares.admit(slots[least]);
    shares.charge(slots[least], cost[least]);
    served[least] += cost[least];
  }
  EXPECT_LE(std::ranges::max(served) - std::ranges::min(served), 100);
}

TEST(ClientShares, being_idle_saves_up_nothing_and_pays_nothing_off) {
  ClientShares shares;
  const int busy = shares.join(1), other = shares.join(2);
  for (int i = 0; i < 50; ++i) {
    shares.admit(busy);
    shares.charge(busy, 10);
  }
  const int late = shares.join(3);
  EXPECT_GE(shares.service(late), 490 / 2.0);
  EXPECT_LE(shares.service(late), shares.service(busy));
  shares.leave(busy);  // with more than its share
  EXPECT_GT(shares.service(shares.join(1)), shares.service(late));
  EXPECT_EQ(shares.service(other), 0);  // waited all the time: it comes first
}

TEST(ClientShares, one_that_works_alone_owes_nobody_anything) {
  ClientShares shares;
  const int alone = shares.join(1);
  shares.admit(alone);
  shares.charge(alone, 100000);
  const int late = shares.join(2);
  EXPECT_EQ(shares.service(late), shares.service(alone));
  shares.leave(late);
  shares.leave(alone);
  EXPECT_EQ(shares.n_known(), 0);
  EXPECT_EQ(shares.service(shares.join(1)), 0);
}

TEST(ClientShares, clients_that_are_always_new_cannot_overtake_one_for_ever) {
  ClientShares shares;
  const int heavy = shares.join(0);
  shares.charge(heavy, 1);
  std::vector<int> others;
  uint64_t client = 1;
  for (; client <= 20; ++client) others.push_back(shares.join(client));
  shares.charge(heavy, 500);
  int n_before = 0;
  while (shares.service(others.front()) < shares.service(heavy)) {
    ASSERT_LT(++n_before, 5000);
    shares.admit(others.front());
    shares.charge(others.front(), 10);
    shares.leave(others.front());
    others.erase(others.begin());
    others.push_back(shares.join(client++));
  }
  EXPECT_GT(n_before, 100);
}

TEST(ClientShares, memory_is_that_of_the_active_ones_however_many_have_come) {
  ClientShares shares;
  std::mt19937 random(5);
  std::vector<int> active;
  int most = 0;
  for (uint64_t client = 0; client < 20000; ++client) {
    active.push_back(shares.join(client));
    shares.admit(active.back());
    shares.charge(active.back(), 1 + double(random() % 50));
    if (active.size() > 30) {
      const size_t i = random() % active.size();
      shares.leave(active[i]);
      active.erase(active.begin() + ptrdiff_t(i));
    }
    most = std::max(most, shares.n_known());
  }
  EXPECT_EQ(shares.n_active(), int(active.size()));
  EXPECT_LT(most, 200);
}

}  // namespace
}  // namespace quandex
