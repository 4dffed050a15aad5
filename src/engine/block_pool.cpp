#include "engine/block_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace quandex {
namespace {

// A bijection of 64 bits in which every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

}  // namespace

uint64_t chain_hash(uint64_t parent, std::span<const int32_t> tokens) {
  uint64_t hash = mix(parent + 0x9e3779b97f4a7c15u);
  for (const int32_t token : tokens) hash = mix(hash + static_cast<uint32_t>(token) + 1);
  return hash;
}

BlockPool::BlockPool(int n_blocks, int block_size) : block_size_(block_size) {
  CHECK(n_blocks > 0 && block_size > 0);
  const auto count = static_cast<size_t>(n_blocks);
  blocks_.resize(count);
  tokens_.resize(count * static_cast<size_t>(block_size));
  buckets_.assign(std::bit_ceil(count * 2), kNone);
  for (int32_t id = 0; id < n_blocks; ++id) push_back(free_, id);
}

BlockPool::Block& BlockPool::at(int32_t id) {
  CHECK(id >= 0 && id < n_blocks());
  return blocks_[static_cast<size_t>(id)];
}

const BlockPool::Block& BlockPool::at(int32_t id) const {
  CHECK(id >= 0 && id < n_blocks());
  return blocks_[static_cast<size_t>(id)];
}

int BlockPool::n_owners(int32_t block) const { return at(block).n_owners; }

bool BlockPool::is_indexed(int32_t block) const { return at(block).is_indexed; }

bool BlockPool::is_full(int32_t block) const { return at(block).n_tokens == block_size_; }

std::span<const int32_t> BlockPool::tokens_of(int32_t id) const {
  const auto first = static_cast<size_t>(id) * static_cast<size_t>(block_size_);
  return std::span(tokens_).subspan(first, static_cast<size_t>(at(id).n_tokens));
}

std::optional<int32_t> BlockPool::take() {
  List& list = free_.size > 0 ? free_ : cached_;
  if (list.size == 0) return std::nullopt;
  const int32_t id = list.front;
  unlink(list, id);
  if (at(id).is_indexed) unindex(id);
  at(id).n_owners = 1;
  return id;
}

void BlockPool::acquire(int32_t block) {
  Block& b = at(block);
  CHECK(b.n_owners > 0 || b.is_indexed);
  CHECK(!b.is_indexed || is_full(block));
  if (b.n_owners == 0) unlink(cached_, block);
  ++b.n_owners;
}

void BlockPool::take_tail(int32_t block) {
  CHECK(at(block).n_owners == 0 && at(block).is_indexed && !is_full(block));
  unlink(cached_, block);
  unindex(block);
  at(block).n_owners = 1;
}

void BlockPool::release(int32_t block) {
  Block& b = at(block);
  CHECK(b.n_owners > 0);
  if (--b.n_owners > 0) return;
  if (b.is_indexed) {
    push_back(cached_, block);
  } else {
    push_front(free_, block);
  }
}

void BlockPool::index(int32_t block, uint64_t parent, std::span<const int32_t> tokens) {
  Block& b = at(block);
  CHECK(b.n_owners > 0 && !b.is_indexed);
  const auto n_tokens = static_cast<int>(tokens.size());
  CHECK(n_tokens == block_size_ || (n_tokens > 0 && n_tokens < block_size_ && b.n_owners == 1));
  if (find(parent, tokens)) return;
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + static_cast<ptrdiff_t>(block) * block_size_);
  b.is_indexed = true;
  b.n_tokens = n_tokens;
  b.parent = parent;
  b.hash = chain_hash(parent, tokens);
  b.next_in_bucket = bucket(b.hash);
  bucket(b.hash) = block;
}

void BlockPool::unindex(int32_t id) {
  Block& b = at(id);
  int32_t* link = &bucket(b.hash);
  while (*link != id) link = &at(*link).next_in_bucket;
  *link = b.next_in_bucket;
  b.next_in_bucket = kNone;
  b.is_indexed = false;
}

std::optional<int32_t> BlockPool::find(uint64_t parent, std::span<const int32_t> tokens) const {
  const uint64_t hash = chain_hash(parent, tokens);
  for (int32_t id = bucket(hash); id != kNone; id = at(id).next_in_bucket) {
    const Block& b = at(id);
    if (b.hash == hash && b.parent == parent && std::ranges::equal(tokens_of(id), tokens)) return id;
  }
  return std::nullopt;
}

std::vector<int32_t> BlockPool::match(uint64_t salt, std::span<const int32_t> tokens) const {
  std::vector<int32_t> found;
  const auto size = static_cast<size_t>(block_size_);
  for (uint64_t parent = salt; tokens.size() >= size; tokens = tokens.subspan(size)) {
    const std::optional<int32_t> id = find(parent, tokens.first(size));
    if (!id) break;
    found.push_back(*id);
    parent = at(*id).hash;
  }
  return found;
}

BlockPool::Likest BlockPool::find_likest(uint64_t parent, std::span<const int32_t> tokens) const {
  Likest likest;
  for (int32_t id = 0; id < n_blocks(); ++id) {
    if (!at(id).is_indexed || at(id).parent != parent) continue;
    const std::span<const int32_t> held = tokens_of(id);
    const auto first_apart = std::ranges::mismatch(held, tokens).in1;
    const auto n_common = static_cast<int>(first_apart - held.begin());
    if (n_common < likest.n_common || (n_common == likest.n_common && likest.next)) continue;
    likest.n_common = n_common;
    likest.next.reset();
    if (first_apart != held.end()) likest.next = *first_apart;
  }
  return likest;
}

void BlockPool::clear_index() {
  for (int32_t id = 0; id < n_blocks(); ++id) {
    if (!at(id).is_indexed) continue;
    unindex(id);
    if (at(id).n_owners > 0) continue;
    unlink(cached_, id);
    push_front(free_, id);
  }
}

void BlockPool::push_front(List& list, int32_t id) {
  Block& b = at(id);
  b.previous = kNone;
  b.next = list.front;
  if (list.front != kNone) at(list.front).previous = id;
  list.front = id;
  if (list.back == kNone) list.back = id;
  ++list.size;
}

void BlockPool::push_back(List& list, int32_t id) {
  Block& b = at(id);
  b.next = kNone;
  b.previous = list.back;
  if (list.back != kNone) at(list.back).next = id;
  list.back = id;
  if (list.front == kNone) list.front = id;
  ++list.size;
}

void BlockPool::unlink(List& list, int32_t id) {
  Block& b = at(id);
  (b.previous == kNone ? list.front : at(b.previous).next) = b.next;
  (b.next == kNone ? list.back : at(b.next).previous) = b.previous;
  b.previous = b.next = kNone;
  --list.size;
}

std::optional<std::string> BlockPool::check_list(const List& list, const char* name, bool is_cached) const {
  int32_t previous = kNone;
  int count = 0;
  for (int32_t id = list.front; id != kNone; id = at(id).next) {
    if (++count > n_blocks()) return fmt::format("{} list has a cycle", name);
    const Block& b = at(id);
    if (b.previous != previous) return fmt::format("{} list: block {} has a wrong back link", name, id);
    if (b.n_owners != 0) return fmt::format("{} list: block {} has {} owners", name, id, b.n_owners);
    if (b.is_indexed != is_cached) return fmt::format("{} list: block {} is in the wrong list", name, id);
    previous = id;
  }
  if (list.back != previous) return fmt::format("{} list ends at {}, not at {}", name, previous, list.back);
  if (list.size != count) return fmt::format("{} list has {} blocks, counted as {}", name, count, list.size);
  return std::nullopt;
}

std::optional<std::string> BlockPool::check_index() const {
  int n_in_chains = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    for (int32_t id = buckets_[i]; id != kNone; id = at(id).next_in_bucket) {
      if (++n_in_chains > n_blocks()) return "the index has a cycle";
      const Block& b = at(id);
      if (!b.is_indexed) return fmt::format("the index holds block {}, which is not indexed", id);
      if ((b.hash & (buckets_.size() - 1)) != i) return fmt::format("block {} is in the wrong bucket", id);
      if (b.hash != chain_hash(b.parent, tokens_of(id))) return fmt::format("block {} has a wrong hash", id);
      if (find(b.parent, tokens_of(id)) != id) return fmt::format("block {} is indexed twice", id);
    }
  }
  const auto n_indexed = std::ranges::count_if(blocks_, &Block::is_indexed);
  if (n_indexed != n_in_chains) return fmt::format("{} blocks are indexed, {} are found", n_indexed, n_in_chains);
  return std::nullopt;
}

std::optional<std::string> BlockPool::check_integrity() const {
  if (auto broken = check_list(free_, "free", false)) return broken;
  if (auto broken = check_list(cached_, "cached", true)) return broken;
  const auto n_owned = std::ranges::count_if(blocks_, [](const Block& b) { return b.n_owners > 0; });
  if (n_owned != n_used()) {
    return fmt::format("{} used + {} free + {} cached are not {} blocks", n_owned, n_free(), n_cached(), n_blocks());
  }
  if (std::ranges::any_of(blocks_, [](const Block& b) { return b.n_owners < 0; })) return "a block has negative owners";
  return check_index();
}

}  // namespace quandex
