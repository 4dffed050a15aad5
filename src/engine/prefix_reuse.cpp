// The part of the scheduler that finds and offers K/V of equal prefixes.
#include <algorithm>

#include "base/check.h"
#include "engine/scheduler.h"

namespace quandex {

std::span<const int32_t> Scheduler::block_tokens(const Sequence& s, int block) const {
  const auto size = static_cast<size_t>(config_.block_size);
  return std::span(s.tokens).subspan(static_cast<size_t>(block) * size, size);
}

uint64_t Scheduler::parent_hash(const Sequence& s, int block) const {
  return block == 0 ? s.salt : s.hashes[static_cast<size_t>(block) - 1];
}

// Only as far as somebody asks: a prompt of which nothing is known costs no more than its first block until it runs.
void Scheduler::extend_hashes(Sequence& s, int n_blocks) const {
  for (int i = static_cast<int>(s.hashes.size()); i < n_blocks; ++i) {
    s.hashes.push_back(chain_hash(parent_hash(s, i), block_tokens(s, i)));
  }
}

// Lists each group's indexed blocks in s.blocks (kNoBlock where there is none) and returns how many blocks from the
// start may be taken as computed: all that the position behind them can see is there, in every group.
int Scheduler::longest_prefix(Sequence& s) {
  const int n_max = (static_cast<int>(s.tokens.size()) - 1) / config_.block_size;  // one token is left to compute
  std::array<int, kMaxKvGroups> n_in_a_row{};                                      // indexed blocks just before i + 1
  int best = 0;
  for (int i = 0; i < n_max; ++i) {
    extend_hashes(s, i);
    bool is_enough = true, can_continue = true;
    for (size_t g = 0; g < pools_.size(); ++g) {
      const std::optional<int32_t> block = pools_[g].find(parent_hash(s, i), block_tokens(s, i));
      s.blocks[g].push_back(block.value_or(kNoBlock));
      n_in_a_row[g] = block ? n_in_a_row[g] + 1 : 0;
      if (i + 1 - n_in_a_row[g] > first_visible_block(g, (i + 1) * config_.block_size)) is_enough = false;
      if (!block && config_.groups[g].window == 0) can_continue = false;
    }
    if (is_enough) best = i + 1;
    if (!can_continue) break;
  }
  return best;
}

// How many tokens behind the first n_blocks blocks stand in a cached tail, in every group.
int Scheduler::longest_tail(const Sequence& s, int n_blocks) const {
  const int first = n_blocks * config_.block_size;
  int n = std::min(config_.block_size, static_cast<int>(s.tokens.size()) - first) - 1;  // one token is left to compute
  const auto is_tail_of = [&](const BlockPool& pool) {
    const auto tokens = std::span(s.tokens).subspan(static_cast<size_t>(first), static_cast<size_t>(n));
    const std::optional<int32_t> block = pool.find(parent_hash(s, n_blocks), tokens);
    return block && pool.n_owners(*block) == 0;
  };
  while (n > 0 && !std::ranges::all_of(pools_, is_tail_of)) --n;
  return n;
}

// Keeps n_known_blocks of a waiting sequence at the full blocks of its prefix that are indexed; of groups with windows
// others may be missing, so it is an estimate. A plan looks once, and mostly at two blocks.
void Scheduler::find_known_blocks(Sequence& s) {
  if (!s.reuse_prefix || !config_.reuse_prefixes || s.seen_in_plan == n_plans_) return;
  s.seen_in_plan = n_plans_;
  const int n_max = (static_cast<int>(s.tokens.size()) - 1) / config_.block_size;
  const auto is_indexed = [&](int i) {
    extend_hashes(s, i);
    return pools_[0].find(parent_hash(s, i), block_tokens(s, i)).has_value();
  };
  int& n = s.n_known_blocks;
  if (n > 0 && !is_indexed(n - 1)) n = 0;  // others took the memory
  while (n < n_max && is_indexed(n)) ++n;
}

// Whether the first block that a waiting sequence would have to compute is just being computed by a running one of its
// priority or more. It waits for it no more often than its own prompt could take, whatever befalls the others.
bool Scheduler::is_under_way(Sequence& s) {
  const int block = s.n_known_blocks, first = block * config_.block_size, end = first + config_.block_size;
  if (!s.reuse_prefix || !config_.reuse_prefixes || s.n_deferred >= s.n_prompt) return false;
  if (end >= static_cast<int>(s.tokens.size())) return false;  // one token is left to compute
  extend_hashes(s, block);
  for (Sequence* r : running_) {
    if (r->priority < s.priority || r->salt != s.salt || r->n_computed >= end) continue;
    const bool is_computed_now = r->n_scheduled >= end;
    const bool is_advancing = r->is_assigned || r->n_granted > 0;
    if (!is_computed_now && !(is_advancing && r->n_scheduled + r->n_granted > first)) continue;
    if (static_cast<int>(r->tokens.size()) < end) continue;
    extend_hashes(*r, block);
    const bool is_same_prefix = parent_hash(*r, block) == parent_hash(s, block);
    if (is_same_prefix && std::ranges::equal(block_tokens(*r, block), block_tokens(s, block))) return true;
  }
  return false;
}

void Scheduler::acquire_prefix(Sequence& s) {
  if (!s.reuse_prefix || !config_.reuse_prefixes) return;
  const int n_blocks = longest_prefix(s);
  extend_hashes(s, n_blocks);
  const int n_tail = longest_tail(s, n_blocks);
  const int n_positions = n_blocks * config_.block_size + n_tail;
  const auto tail = std::span(s.tokens).first(static_cast<size_t>(n_positions)).last(static_cast<size_t>(n_tail));
  for (size_t g = 0; g < pools_.size(); ++g) {
    s.blocks[g].resize(static_cast<size_t>(n_blocks));
    const auto first = static_cast<size_t>(first_visible_block(g, n_positions));
    for (size_t i = 0; i < s.blocks[g].size(); ++i) {
      if (i < first) {
        s.blocks[g][i] = kNoBlock;
      } else {
        pools_[g].acquire(s.blocks[g][i]);
      }
    }
    if (tail.empty()) continue;
    s.blocks[g].push_back(*pools_[g].find(parent_hash(s, n_blocks), tail));
    pools_[g].take_tail(s.blocks[g].back());
  }
  s.n_computed = s.n_scheduled = n_positions;
  s.n_indexed = n_blocks;
}

// Of a sequence that has just taken what could be reused. Nothing where its prompt ends before the cache differs.
std::optional<CacheBreak> Scheduler::find_cache_break(Sequence& s) const {
  const auto prompt = std::span(s.tokens).first(static_cast<size_t>(s.n_prompt) - 1);  // the last is always computed
  const auto size = static_cast<size_t>(config_.block_size);
  size_t block = static_cast<size_t>(s.n_scheduled) / size;
  BlockPool::Likest likest;
  for (; block * size < prompt.size(); ++block) {  // where a group with a window lacks blocks it goes on
    extend_hashes(s, static_cast<int>(block));
    const auto rest = prompt.subspan(block * size);
    likest = pools_[0].find_likest(parent_hash(s, static_cast<int>(block)), rest.first(std::min(size, rest.size())));
    if (likest.n_common < config_.block_size) break;
  }
  const auto reused = static_cast<size_t>(s.n_scheduled);
  size_t position = block * size + static_cast<size_t>(likest.n_common);
  if (position < reused) {
    position = reused;
    likest.next.reset();
  }
  if (position >= prompt.size()) return std::nullopt;
  return CacheBreak{static_cast<int>(position), prompt[position], likest.next};
}

// Before the blocks are given up: offers the one that is not full as far as it is computed. Steps run in order, so one
// that still writes behind it does so before whoever takes it.
void Scheduler::offer_tail(const Sequence& s) {
  const int n_full = s.n_computed / config_.block_size, n_tail = s.n_computed % config_.block_size;
  if (!config_.reuse_prefixes || n_tail == 0) return;
  const auto first = static_cast<size_t>(n_full) * static_cast<size_t>(config_.block_size);
  const auto tokens = std::span(s.tokens).subspan(first, static_cast<size_t>(n_tail));
  for (size_t g = 0; g < pools_.size(); ++g) {
    const int32_t block = s.blocks[g][static_cast<size_t>(n_full)];
    if (block != kNoBlock) pools_[g].index(block, parent_hash(s, n_full), tokens);
  }
}

// Offers the blocks that have become full. Contents that are indexed already stay with the block that has them.
void Scheduler::index_blocks(Sequence& s) {
  if (!config_.reuse_prefixes) return;
  const int n_full = s.n_computed / config_.block_size;
  extend_hashes(s, n_full);
  for (int i = s.n_indexed; i < n_full; ++i) {
    for (size_t g = 0; g < pools_.size(); ++g) {
      const int32_t block = s.blocks[g][static_cast<size_t>(i)];
      if (block != kNoBlock) pools_[g].index(block, parent_hash(s, i), block_tokens(s, i));
    }
  }
  s.n_indexed = n_full;
}

}  // namespace quandex
