// How a step's attention is cut into pieces of work. Chunks of cached positions lie at absolute positions and are
// folded in order whoever computes them, so the cut changes nothing in the result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/tensor.h"

namespace quandex::cpu {

// Query rows (token x head of one KV head) worked on together, so that a chunk's keys and values come from cache.
inline constexpr int kAttentionRows = 32;

// Positions in a chunk: whole blocks, at least 256.
inline int chunk_positions(int block_size) { return (256 + block_size - 1) / block_size * block_size; }

// Neighbouring tokens of one sequence. Chunks [first_chunk, end_chunk) are visible to at least one of them.
struct AttentionTile {
  int32_t sequence, first_token, n_tokens, first_chunk, end_chunk;
  int64_t first_partial;  // in units of one (chunk, token, head) result, where the plan is split
};

// One chunk of a tile; only where the plan is split.
struct AttentionPiece {
  int32_t tile, chunk;
};

struct AttentionPlan {
  // What the plan depends on.
  HeadShape heads;
  int window = 0, block_size = 0, n_tokens = 0, n_sequences = 0;
  int max_positions = 0;  // that a block table can hold: memory is reserved for it at once, not as contexts grow
  Tensor sequence_starts, positions;

  std::vector<AttentionTile> tiles;
  // Too few tiles to occupy all workers: the chunks of a tile are computed apart and folded afterwards.
  bool is_split = false;
  std::vector<AttentionPiece> pieces;
  int64_t reserved_partials = 0;  // results to make room for, at least as many as the pieces give

  int tile_tokens() const;
};

bool is_same_plan(const AttentionPlan& a, const AttentionPlan& b);

// Makes the tiles and pieces from the step's inputs. Allocates only while it grows.
void make_attention_plan(AttentionPlan& plan, int n_workers);

}  // namespace quandex::cpu
