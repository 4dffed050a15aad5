#include "cpu/attention_plan.h"

#include <algorithm>

#include "cpu/cpu_buffer.h"

namespace quandex::cpu {
namespace {

constexpr int kPiecesPerWorker = 4;                      // enough for an even load
constexpr int64_t kMaxPartialBytes = int64_t{64} << 20;  // beyond it the tiles are left whole

bool is_same_memory(Tensor a, Tensor b) { return a.buffer == b.buffer && a.offset == b.offset; }

void make_tiles(AttentionPlan& plan) {
  const int32_t* starts = read_integers(plan.sequence_starts);
  const int32_t* positions = read_integers(plan.positions);
  const int chunk = chunk_positions(plan.block_size);
  const int tile_tokens = plan.tile_tokens();
  plan.tiles.clear();
  plan.tiles.reserve(static_cast<size_t>(plan.n_tokens));
  for (int32_t sequence = 0; sequence < plan.n_sequences; ++sequence)
    for (int32_t first = starts[sequence]; first < starts[sequence + 1]; first += tile_tokens) {
      const int32_t n = std::min(tile_tokens, starts[sequence + 1] - first);
      const auto [lowest, highest] = std::minmax_element(positions + first, positions + first + n);
      const int32_t low = plan.window > 0 ? std::max(0, *lowest - plan.window + 1) : 0;
      plan.tiles.push_back({sequence, first, n, low / chunk, *highest / chunk + 1, 0});
    }
}

}  // namespace

int AttentionPlan::tile_tokens() const {
  return std::max(1, kAttentionRows / std::max(1, heads.n_heads / heads.n_kv_heads));
}

bool is_same_plan(const AttentionPlan& a, const AttentionPlan& b) {
  return a.heads == b.heads && a.window == b.window && a.block_size == b.block_size && a.n_tokens == b.n_tokens &&
         a.n_sequences == b.n_sequences && is_same_memory(a.sequence_starts, b.sequence_starts) &&
         is_same_memory(a.positions, b.positions);
}

void make_attention_plan(AttentionPlan& plan, int n_workers) {
  make_tiles(plan);
  plan.pieces.clear();
  plan.reserved_partials = 0;
  const auto n_whole = static_cast<int64_t>(plan.tiles.size()) * plan.heads.n_kv_heads;
  plan.is_split = n_workers > 1 && n_whole < int64_t{kPiecesPerWorker} * n_workers;
  if (!plan.is_split) return;

  const int chunk = chunk_positions(plan.block_size);
  const int64_t max_chunks = plan.max_positions / chunk + 1;
  const int64_t limit = kMaxPartialBytes / ((plan.heads.head_dim + 2) * static_cast<int64_t>(sizeof(float)));
  int64_t n_partials = 0;
  for (AttentionTile& tile : plan.tiles) {
    tile.first_partial = n_partials;
    n_partials += int64_t{tile.end_chunk - tile.first_chunk} * tile.n_tokens * plan.heads.n_heads;
    plan.reserved_partials += max_chunks * tile.n_tokens * plan.heads.n_heads;
  }
  plan.reserved_partials = std::max(n_partials, std::min(plan.reserved_partials, limit));
  plan.is_split = n_partials <= limit;
  if (!plan.is_split) return;
  plan.pieces.reserve(static_cast<size_t>(std::min(max_chunks, limit)) * plan.tiles.size());
  for (size_t i = 0; i < plan.tiles.size(); ++i)
    for (int32_t c = plan.tiles[i].first_chunk; c < plan.tiles[i].end_chunk; ++c)
      plan.pieces.push_back({static_cast<int32_t>(i), c});
}

}  // namespace quandex::cpu
