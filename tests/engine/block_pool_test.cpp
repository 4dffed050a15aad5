#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <vector>

namespace quandex {
namespace {

constexpr int kBlockSize = 2;
using Tokens = std::vector<int32_t>;

// The same contract, written the slow and obvious way: contents are whole token prefixes, lists are std::list.
class NaivePool {
 public:
  explicit NaivePool(int n_blocks) : owners_(static_cast<size_t>(n_blocks)), prefix_(static_cast<size_t>(n_blocks)) {
    for (int i = 0; i < n_blocks; ++i) free_.push_back(i);
  }
  int take() {
    std::list<int>& list = free_.empty() ? cached_ : free_;
    if (list.empty()) return -1;
    const int id = list.front();
    list.pop_front();
    prefix_[size_t(id)].clear();
    owners_[size_t(id)] = 1;
    return id;
  }
  void acquire(int id) {
    if (owners_[size_t(id)]++ == 0) cached_.remove(id);
  }
  void take_tail(int id) {
    cached_.remove(id);
    prefix_[size_t(id)].clear();
    owners_[size_t(id)] = 1;
  }
  void release(int id) {
    if (--owners_[size_t(id)] > 0) return;
    if (prefix_[size_t(id)].empty()) {
      free_.push_front(id);
    } else {
      cached_.push_back(id);
    }
  }
  void index(int id, const Tokens& prefix) {
    if (find(prefix) < 0) prefix_[size_t(id)] = prefix;
  }
  int find(const Tokens& prefix) const {
    for (size_t i = 0; i < prefix_.size(); ++i) {
      if (prefix_[i] == prefix) return int(i);
    }
    return -1;
  }
  bool is_tail(int id) const { return prefix_[size_t(id)].size() % kBlockSize != 0; }
  bool can_acquire(int id) const { return !is_tail(id) && (owners_[size_t(id)] > 0 || !prefix_[size_t(id)].empty()); }
  bool can_take_tail(int id) const { return owners_[size_t(id)] == 0 && is_tail(id); }
  bool can_index(int id, const Tokens& prefix) const {
    const int most_owners = prefix.size() % kBlockSize == 0 ? 9999 : 1;
    return owners_[size_t(id)] > 0 && owners_[size_t(id)] <= most_owners && prefix_[size_t(id)].empty();
  }
  int owners(int id) const { return owners_[size_t(id)]; }
  int n_free() const { return int(free_.size()); }
  int n_cached() const { return int(cached_.size()); }
  int n_blocks() const { return int(owners_.size()); }

 private:
  std::vector<int> owners_;
  std::vector<Tokens> prefix_;  // of indexed blocks: all tokens from the start of the sequence
  std::list<int> free_, cached_;
};

constexpr uint64_t kSalt = 7;

uint64_t parent_hash(const Tokens& prefix) {
  uint64_t hash = kSalt;
  for (size_t i = 0; i + kBlockSize < prefix.size(); i += kBlockSize) {
    hash = chain_hash(hash, std::span(prefix).subspan(i, kBlockSize));
  }
  return hash;
}

std::span<const int32_t> last_block(const Tokens& prefix) {
  return std::span(prefix).subspan((prefix.size() - 1) / kBlockSize * kBlockSize);
}

struct Pair {
  BlockPool pool;
  NaivePool naive;
  explicit Pair(int n_blocks) : pool(n_blocks, kBlockSize), naive(n_blocks) {}
};

// Prefixes of one, two and three blocks over the tokens 0 and 1, few enough to collide often; the last block may be a
// tail of one token.
Tokens prefix_number(unsigned n) {
  Tokens prefix;
  for (unsigned i = 0; i <= n % 3; ++i) {
    prefix.push_back(int32_t((n >> (2 + i)) & 1));
    prefix.push_back(1);
  }
  if ((n & 32) != 0) prefix.pop_back();
  return prefix;
}

// One operation out of all that are allowed now; false where `choice` names none.
bool apply(Pair& p, unsigned kind, unsigned choice) {
  const int id = int(choice % unsigned(p.naive.n_blocks()));
  switch (kind) {
    case 0:
      EXPECT_EQ(p.pool.take().value_or(-1), p.naive.take());
      return true;
    case 1:
      if (!p.naive.can_acquire(id)) return false;
      p.pool.acquire(id);
      p.naive.acquire(id);
      return true;
    case 2:
      if (p.naive.owners(id) == 0) return false;
      p.pool.release(id);
      p.naive.release(id);
      return true;
    case 3:
      if (!p.naive.can_take_tail(id)) return false;
      p.pool.take_tail(id);
      p.naive.take_tail(id);
      return true;
    default:
      const Tokens prefix = prefix_number(choice / unsigned(p.naive.n_blocks()));
      if (!p.naive.can_index(id, prefix)) return false;
      p.pool.index(id, parent_hash(prefix), last_block(prefix));
      p.naive.index(id, prefix);
      return true;
  }
}

void expect_same(const Pair& p) {
  ASSERT_EQ(p.pool.check_integrity(), std::nullopt);
  ASSERT_EQ(p.pool.n_free(), p.naive.n_free());
  ASSERT_EQ(p.pool.n_cached(), p.naive.n_cached());
  ASSERT_EQ(p.pool.n_used() + p.pool.n_free() + p.pool.n_cached(), p.pool.n_blocks());
  for (int id = 0; id < p.pool.n_blocks(); ++id) ASSERT_EQ(p.pool.n_owners(id), p.naive.owners(id));
  for (unsigned n = 0; n < 64; ++n) {
    const Tokens prefix = prefix_number(n);
    ASSERT_EQ(p.pool.find(parent_hash(prefix), last_block(prefix)).value_or(-1), p.naive.find(prefix));
  }
}

TEST(BlockPool, random_traces_equal_the_naive_model) {
  std::mt19937 random(1);
  for (int trace = 0; trace < 60; ++trace) {
    Pair p(1 + int(random() % 9));
    for (int i = 0; i < 200; ++i) {
      apply(p, unsigned(random() % 5), random() % 4096);
      expect_same(p);
      if (HasFatalFailure()) return;
    }
  }
}

// Every sequence of six operations on two blocks with two contents and a tail.
TEST(BlockPool, all_short_traces_equal_the_naive_model) {
  constexpr int kLength = 6;
  const std::vector<std::pair<unsigned, unsigned>> moves = {{0, 0}, {1, 0}, {1, 1}, {2, 0}, {2, 1},  {3, 0}, {3, 1},
                                                            {4, 0}, {4, 1}, {4, 8}, {4, 9}, {4, 64}, {4, 65}};
  int n_traces = 0;
  std::vector<size_t> trace;
  const auto extend = [&](const auto& self) -> void {
    Pair p(2);
    for (const size_t m : trace) {
      if (!apply(p, moves[m].first, moves[m].second)) return;  // also prunes everything that starts so
    }
    ++n_traces;
    expect_same(p);
    if (HasFatalFailure() || trace.size() == kLength) return;
    for (size_t m = 0; m < moves.size(); ++m) {
      trace.push_back(m);
      self(self);
      trace.pop_back();
    }
  };
  extend(extend);
  EXPECT_GT(n_traces, 1000);
}

TEST(BlockPool, takes_free_blocks_before_cached_and_the_oldest_cached_first) {
  BlockPool pool(3, kBlockSize);
  const int32_t a = *pool.take(), b = *pool.take(), c = *pool.take();
  pool.index(a, kSalt, Tokens{1, 2});
  pool.index(b, kSalt, Tokens{3, 4});
  pool.release(b);
  pool.release(a);
  pool.release(c);
  EXPECT_EQ(pool.take(), c);
  EXPECT_EQ(pool.take(), b);
  EXPECT_FALSE(pool.find(kSalt, Tokens{3, 4}));
  EXPECT_EQ(pool.find(kSalt, Tokens{1, 2}), a);
  EXPECT_EQ(pool.take(), a);
  EXPECT_EQ(pool.take(), std::nullopt);
}

TEST(BlockPool, match_finds_the_longest_run_of_whole_blocks_under_the_same_salt) {
  BlockPool pool(4, kBlockSize);
  const Tokens tokens = {1, 2, 3, 4, 5, 6, 7};
  Tokens ids;
  uint64_t parent = kSalt;
  for (size_t i = 0; i < 3; ++i) {
    ids.push_back(*pool.take());
    pool.index(ids.back(), parent, std::span(tokens).subspan(2 * i, 2));
    parent = chain_hash(parent, std::span(tokens).subspan(2 * i, 2));
  }
  EXPECT_EQ(pool.match(kSalt, tokens), ids);
  EXPECT_EQ(pool.match(kSalt, Tokens{1, 2, 3, 4, 5}), Tokens({ids[0], ids[1]}));
  EXPECT_EQ(pool.match(kSalt, Tokens{1, 2, 9, 4, 5, 6}), Tokens({ids[0]}));
  EXPECT_TRUE(pool.match(kSalt, Tokens{3, 4}).empty());
  EXPECT_TRUE(pool.match(kSalt + 1, tokens).empty());
  EXPECT_TRUE(pool.match(kSalt, Tokens{1}).empty());
}

TEST(BlockPool, a_tail_goes_to_one_owner_and_is_found_no_longer) {
  BlockPool pool(2, kBlockSize);
  const int32_t a = *pool.take();
  pool.index(a, kSalt, Tokens{1});
  pool.release(a);
  EXPECT_EQ(pool.n_cached(), 1);
  EXPECT_EQ(pool.find(kSalt, Tokens{1}), a);
  EXPECT_FALSE(pool.find(kSalt, Tokens{1, 2}));  // found by exactly its tokens
  pool.take_tail(a);
  EXPECT_EQ(pool.n_owners(a), 1);
  EXPECT_FALSE(pool.find(kSalt, Tokens{1}));
  pool.index(a, kSalt, Tokens{1, 2});  // written on and full now
  EXPECT_EQ(pool.find(kSalt, Tokens{1, 2}), a);
  EXPECT_EQ(pool.check_integrity(), std::nullopt);
}

TEST(BlockPool, clear_index_frees_what_nobody_holds) {
  BlockPool pool(2, kBlockSize);
  const int32_t a = *pool.take(), b = *pool.take();
  pool.index(a, kSalt, Tokens{1, 2});
  pool.index(b, kSalt, Tokens{3, 4});
  pool.release(b);
  pool.clear_index();
  EXPECT_EQ(pool.check_integrity(), std::nullopt);
  EXPECT_EQ(pool.n_free(), 1);
  EXPECT_EQ(pool.n_owners(a), 1);
  EXPECT_TRUE(pool.match(kSalt, Tokens{1, 2}).empty());
}

TEST(BlockPool, chain_hash_depends_on_parent_order_and_length) {
  EXPECT_NE(chain_hash(1, Tokens{1, 2}), chain_hash(2, Tokens{1, 2}));
  EXPECT_NE(chain_hash(1, Tokens{1, 2}), chain_hash(1, Tokens{2, 1}));
  EXPECT_NE(chain_hash(1, Tokens{0}), chain_hash(1, Tokens{0, 0}));
}

}  // namespace
}  // namespace quandex
