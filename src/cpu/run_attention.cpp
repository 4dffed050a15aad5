// Storing K and V, and attention over them. The cache of a layer lies as ops_kernels.h says: within a block each KV
// head has its own stretch, keys transposed, so that scores of neighbouring positions come from neighbouring memory.
#include <algorithm>
#include <cstring>

#include "cpu/cpu_buffer.h"
#include "cpu/operations.h"

namespace quandex::cpu {
namespace {

struct CacheLayout {
  int64_t block_stride, head_stride;  // bytes
  int head_dim, block_size;

  CacheLayout(const KvLayer& kv, HeadShape heads)
      : block_stride(kv.block_size * static_cast<int64_t>(row_bytes(kv.keys.type, heads.kv_cols()))),
        head_stride(kv.block_size * static_cast<int64_t>(row_bytes(kv.keys.type, heads.head_dim))),
        head_dim(heads.head_dim),
        block_size(kv.block_size) {}

  int64_t stretch(int slot, int kv_head) const { return slot / block_size * block_stride + kv_head * head_stride; }
};

struct StoreScratch {
  float* head;         // [head_dim]
  uint16_t* halves;    // [head_dim]
  signed char* codes;  // [head_dim]
  size_t used;
};

// Puts n elements at every `step`-th place.
template <typename Element>
void scatter(const Element* from, int n, Element* to, int step) {
  for (int i = 0; i < n; ++i) to[ptrdiff_t{i} * step] = from[i];
}

// Quantizes a head into codes, and puts the scales where the stretch has them for position `offset`.
void quantize_head(const OpsKernels& ops, const CacheLayout& layout, const float* head, signed char* codes,
                   std::byte* stretch, int offset) {
  auto* scales = reinterpret_cast<uint16_t*>(stretch + ptrdiff_t{layout.head_dim} * layout.block_size) + offset;
  for (int d = 0; d < layout.head_dim; d += kQ8Values)
    scales[ptrdiff_t{d} / kQ8Values * layout.block_size] = ops.to_q8(codes + d, head + d);
}

void store_key(const OpsKernels& ops, const CacheLayout& layout, DType type, std::byte* stretch, int offset,
               const float* key, const StoreScratch& s) {
  const int n = layout.head_dim, step = layout.block_size;
  if (type == DType::f32) {
    scatter(key, n, reinterpret_cast<float*>(stretch) + offset, step);
  } else if (type == DType::f16) {
    ops.to_half(s.halves, key, n);
    scatter(s.halves, n, reinterpret_cast<uint16_t*>(stretch) + offset, step);
  } else {
    quantize_head(ops, layout, key, s.codes, stretch, offset);
    scatter(s.codes, n, reinterpret_cast<signed char*>(stretch) + offset, step);
  }
}

void store_value(const OpsKernels& ops, const CacheLayout& layout, DType type, std::byte* stretch, int offset,
                 const float* value) {
  const int n = layout.head_dim;
  const ptrdiff_t at = ptrdiff_t{offset} * n;
  if (type == DType::f32) {
    std::copy_n(value, n, reinterpret_cast<float*>(stretch) + at);
  } else if (type == DType::f16) {
    ops.to_half(reinterpret_cast<uint16_t*>(stretch) + at, value, n);
  } else {
    quantize_head(ops, layout, value, reinterpret_cast<signed char*>(stretch) + at, stretch, offset);
  }
}

StoreScratch lay_out(const StoreOp& op, std::byte* memory) {
  Arena arena(memory);
  StoreScratch s{};
  s.head = arena.take<float>(static_cast<size_t>(op.heads.head_dim));
  s.halves = arena.take<uint16_t>(static_cast<size_t>(op.heads.head_dim));
  s.codes = arena.take<signed char>(static_cast<size_t>(op.heads.head_dim));
  s.used = arena.used();
  return s;
}

void norm_and_rotate(const StoreOp& op, const Worker& worker, Tensor norm, int token, const float* head, float* out) {
  const int n = op.heads.head_dim;
  if (norm) {
    worker.ops.rms_norm(out, head, read_floats(norm), n, op.eps, false);
  } else {
    std::copy_n(head, n, out);
  }
  if (op.rope_dims == 0) return;
  const RopeTable& table = worker.rope_tables[static_cast<size_t>(op.rope_table)];
  worker.ops.rotate(out, table.cosines(token), table.sines(token), op.rope_dims);
}

}  // namespace

void run(const StoreOp& op, const Worker& worker) {
  const StoreScratch s = lay_out(op, worker.local);
  const CacheLayout layout(op.kv, op.heads);
  const int32_t* slots = read_integers(op.slots);
  const int n_heads = op.heads.n_heads, n_kv = op.heads.n_kv_heads, head_dim = op.heads.head_dim;
  const int units = n_heads + 2 * n_kv;  // heads of q, k and v of one token
  const Share share = share_of(worker, int64_t{op.qkv.rows} * units);
  for (int64_t unit = share.begin; unit < share.end; ++unit) {
    const auto token = static_cast<int>(unit / units), head = static_cast<int>(unit % units);
    const float* from = read_row(op.qkv, token) + ptrdiff_t{head} * head_dim;
    if (head < n_heads) {
      norm_and_rotate(op, worker, op.q_norm, token, from, write_row(op.q, token) + ptrdiff_t{head} * head_dim);
      continue;
    }
    const int kv_head = (head - n_heads) % n_kv, offset = slots[token] % layout.block_size;
    const int64_t stretch = layout.stretch(slots[token], kv_head);
    CHECK(slots[token] >= 0 && slots[token] < op.kv.keys.rows);
    if (head < n_heads + n_kv) {
      norm_and_rotate(op, worker, op.k_norm, token, from, s.head);
      store_key(worker.ops, layout, op.kv.keys.type, write_bytes(op.kv.keys) + stretch, offset, s.head, s);
    } else {
      store_value(worker.ops, layout, op.kv.values.type, write_bytes(op.kv.values) + stretch, offset, from);
    }
  }
}

ScratchSize scratch_size(const StoreOp& op) { return {0, lay_out(op, nullptr).used}; }

namespace {

// Working memory of one worker for one tile and KV head; a row is (token, head of the group), token-major.
struct TileScratch {
  const float** queries;
  int32_t *begin, *end;
  float *max, *sum, *accumulated;                    // running
  float *chunk_max, *chunk_sum, *chunk_accumulated;  // of the chunk at hand
  float *scores, *scaled;
  size_t used;
};

TileScratch lay_out(const AttentionPlan& plan, std::byte* memory) {
  const auto group = static_cast<size_t>(plan.heads.n_heads / plan.heads.n_kv_heads);
  const size_t rows = static_cast<size_t>(plan.tile_tokens()) * group,
               head_dim = static_cast<size_t>(plan.heads.head_dim);
  Arena arena(memory);
  TileScratch s{};
  s.queries = arena.take<const float*>(rows);
  s.begin = arena.take<int32_t>(rows);
  s.end = arena.take<int32_t>(rows);
  s.max = arena.take<float>(rows);
  s.sum = arena.take<float>(rows);
  s.accumulated = arena.take<float>(rows * head_dim);
  s.chunk_max = arena.take<float>(rows);
  s.chunk_sum = arena.take<float>(rows);
  s.chunk_accumulated = arena.take<float>(rows * head_dim);
  s.scores = arena.take<float>(rows * static_cast<size_t>(chunk_positions(plan.block_size)));
  s.scaled = arena.take<float>(static_cast<size_t>(kScaledRows * plan.block_size));
  s.used = arena.used();
  return s;
}

// Results of all pieces: index as AttentionTile::first_partial says.
struct Partials {
  float *max, *sum, *accumulated;
  size_t used;
};

Partials lay_out_partials(const AttentionPlan& plan, std::byte* memory) {
  const auto n = static_cast<size_t>(plan.reserved_partials);
  Arena arena(memory);
  Partials p{};
  p.max = arena.take<float>(n);
  p.sum = arena.take<float>(n);
  p.accumulated = arena.take<float>(n * static_cast<size_t>(plan.heads.head_dim));
  p.used = arena.used();
  return p;
}

// Everything about one attention operation that its tiles share.
struct AttentionRun {
  const AttentionOp& op;
  const AttentionPlan& plan;
  const Worker& worker;
  const TileScratch scratch;
  const Partials partials;
  const int32_t* positions;
  const int32_t* block_tables;
  const int group, chunk;

  AttentionRun(const AttentionOp& o, const Worker& w)
      : op(o),
        plan(w.attention_plans[static_cast<size_t>(o.plan)]),
        worker(w),
        scratch(lay_out(plan, w.local)),
        partials(lay_out_partials(plan, w.shared)),
        positions(read_integers(o.positions)),
        block_tables(read_integers(o.block_tables)),
        group(o.config.heads.n_heads / o.config.heads.n_kv_heads),
        chunk(chunk_positions(o.kv.block_size)) {}

  int first_visible(int token) const {
    return op.config.window > 0 ? std::max(0, positions[token] - op.config.window + 1) : 0;
  }
  // The chunks that token sees: what lies outside is never folded in, whatever its tile computes.
  int first_chunk(int token) const { return first_visible(token) / chunk; }
  int end_chunk(int token) const { return positions[token] / chunk + 1; }

  size_t partial_index(const AttentionTile& tile, int c, int token, int head) const {
    const int64_t row = int64_t{c - tile.first_chunk} * tile.n_tokens + (token - tile.first_token);
    return static_cast<size_t>(tile.first_partial + row * op.config.heads.n_heads + head);
  }
};

void point_at_queries(const AttentionRun& run, const AttentionTile& tile, int kv_head) {
  const int head_dim = run.op.config.heads.head_dim;
  for (int t = 0; t < tile.n_tokens; ++t)
    for (int g = 0; g < run.group; ++g)
      run.scratch.queries[t * run.group + g] =
          read_row(run.op.q, tile.first_token + t) + ptrdiff_t{kv_head * run.group + g} * head_dim;
}

auto attention_kernel(const OpsKernels& ops, DType kv_type) {
  if (kv_type == DType::f32) return ops.attention_chunk_f32;
  return kv_type == DType::f16 ? ops.attention_chunk_f16 : ops.attention_chunk_q8;
}

// One chunk into scratch.chunk_*; queries are in place.
void attend_chunk(const AttentionRun& run, const AttentionTile& tile, int kv_head, int c) {
  const TileScratch& s = run.scratch;
  const int start = c * run.chunk;
  for (int t = 0; t < tile.n_tokens; ++t) {
    const int token = tile.first_token + t;
    int32_t begin = std::clamp(run.first_visible(token) - start, 0, run.chunk);
    int32_t end = std::clamp(run.positions[token] + 1 - start, 0, run.chunk);
    if (begin >= end) begin = end = 0;
    std::fill_n(s.begin + t * run.group, run.group, begin);
    std::fill_n(s.end + t * run.group, run.group, end);
  }
  const KvLayer& kv = run.op.kv;
  const CacheLayout layout(kv, run.op.config.heads);
  const ptrdiff_t head_bytes = kv_head * layout.head_stride;
  const int32_t* table = run.block_tables + ptrdiff_t{tile.sequence} * run.op.block_tables.cols;
  const AttentionChunk chunk{.queries = s.queries,
                             .n_rows = tile.n_tokens * run.group,
                             .head_dim = layout.head_dim,
                             .block_size = layout.block_size,
                             .keys = read_bytes(kv.keys) + head_bytes,
                             .values = read_bytes(kv.values) + head_bytes,
                             .blocks = table + start / layout.block_size,
                             .block_stride = layout.block_stride,
                             .begin = s.begin,
                             .end = s.end,
                             .scale = run.op.config.scale,
                             .softcap = run.op.config.softcap,
                             .score_stride = run.chunk,
                             .scores = s.scores,
                             .scaled = s.scaled,
                             .accumulated = s.chunk_accumulated,
                             .max = s.chunk_max,
                             .sum = s.chunk_sum};
  attention_kernel(run.worker.ops, kv.keys.type)(chunk);
}

// Folds one row's result of a chunk into its running one.
void fold_row(const AttentionRun& run, int row, bool is_first, float max, float sum, const float* accumulated) {
  const TileScratch& s = run.scratch;
  const int head_dim = run.op.config.heads.head_dim;
  float* running = s.accumulated + ptrdiff_t{row} * head_dim;
  if (is_first) {
    s.max[row] = max;
    s.sum[row] = sum;
    std::copy_n(accumulated, head_dim, running);
  } else {
    run.worker.ops.attention_merge(running, s.max + row, s.sum + row, accumulated, max, sum, head_dim);
  }
}

void write_tile(const AttentionRun& run, const AttentionTile& tile, int kv_head) {
  const int head_dim = run.op.config.heads.head_dim;
  for (int row = 0; row < tile.n_tokens * run.group; ++row) {
    float* out = write_row(run.op.out, tile.first_token + row / run.group) +
                 ptrdiff_t{kv_head * run.group + row % run.group} * head_dim;
    const float* sums = run.scratch.accumulated + ptrdiff_t{row} * head_dim;
    for (int d = 0; d < head_dim; ++d) out[d] = sums[d] / run.scratch.sum[row];
  }
}

void attend_whole_tile(const AttentionRun& run, const AttentionTile& tile, int kv_head) {
  const TileScratch& s = run.scratch;
  point_at_queries(run, tile, kv_head);
  for (int c = tile.first_chunk; c < tile.end_chunk; ++c) {
    attend_chunk(run, tile, kv_head, c);
    for (int row = 0; row < tile.n_tokens * run.group; ++row) {
      const int token = tile.first_token + row / run.group;
      if (c < run.first_chunk(token) || c >= run.end_chunk(token)) continue;
      fold_row(run, row, c == run.first_chunk(token), s.chunk_max[row], s.chunk_sum[row],
               s.chunk_accumulated + ptrdiff_t{row} * run.op.config.heads.head_dim);
    }
  }
  write_tile(run, tile, kv_head);
}

void attend_piece(const AttentionRun& run, const AttentionPiece& piece, int kv_head) {
  const AttentionTile& tile = run.plan.tiles[static_cast<size_t>(piece.tile)];
  const TileScratch& s = run.scratch;
  const auto head_dim = static_cast<size_t>(run.op.config.heads.head_dim);
  point_at_queries(run, tile, kv_head);
  attend_chunk(run, tile, kv_head, piece.chunk);
  for (int row = 0; row < tile.n_tokens * run.group; ++row) {
    const int token = tile.first_token + row / run.group;
    if (piece.chunk < run.first_chunk(token) || piece.chunk >= run.end_chunk(token)) continue;
    const size_t to = run.partial_index(tile, piece.chunk, token, kv_head * run.group + row % run.group);
    run.partials.max[to] = s.chunk_max[row];
    run.partials.sum[to] = s.chunk_sum[row];
    std::copy_n(s.chunk_accumulated + static_cast<size_t>(row) * head_dim, head_dim,
                run.partials.accumulated + to * head_dim);
  }
}

void fold_pieces(const AttentionRun& run, const AttentionTile& tile, int kv_head) {
  const auto head_dim = static_cast<size_t>(run.op.config.heads.head_dim);
  for (int row = 0; row < tile.n_tokens * run.group; ++row) {
    const int token = tile.first_token + row / run.group, head = kv_head * run.group + row % run.group;
    for (int c = run.first_chunk(token); c < run.end_chunk(token); ++c) {
      const size_t from = run.partial_index(tile, c, token, head);
      fold_row(run, row, c == run.first_chunk(token), run.partials.max[from], run.partials.sum[from],
               run.partials.accumulated + from * head_dim);
    }
  }
  write_tile(run, tile, kv_head);
}

// Hands the n units out as workers come, the last first: in a prefill those have the most positions to look at.
template <typename Body>
void for_each_unit(std::atomic<int>& counter, int64_t n, Body body) {
  for (int64_t unit = counter.fetch_add(1, std::memory_order_relaxed); unit < n;
       unit = counter.fetch_add(1, std::memory_order_relaxed))
    body(n - 1 - unit);
}

}  // namespace

void run(const AttentionOp& op, const Worker& worker) {
  const AttentionRun run(op, worker);
  const int n_kv = op.config.heads.n_kv_heads;
  const auto n_tiles = static_cast<int64_t>(run.plan.tiles.size());
  const auto tile_of = [&](int64_t unit) -> const AttentionTile& {
    return run.plan.tiles[static_cast<size_t>(unit / n_kv)];
  };
  if (!run.plan.is_split) {
    for_each_unit(worker.counters[0], n_tiles * n_kv,
                  [&](int64_t unit) { attend_whole_tile(run, tile_of(unit), static_cast<int>(unit % n_kv)); });
    return;
  }
  const auto n_pieces = static_cast<int64_t>(run.plan.pieces.size());
  for_each_unit(worker.counters[0], n_pieces * n_kv, [&](int64_t unit) {
    attend_piece(run, run.plan.pieces[static_cast<size_t>(unit / n_kv)], static_cast<int>(unit % n_kv));
  });
  worker.pool.barrier();
  for_each_unit(worker.counters[1], n_tiles * n_kv,
                [&](int64_t unit) { fold_pieces(run, tile_of(unit), static_cast<int>(unit % n_kv)); });
}

ScratchSize scratch_size(const AttentionOp&, const AttentionPlan& plan) {
  return {lay_out_partials(plan, nullptr).used, lay_out(plan, nullptr).used};
}

}  // namespace quandex::cpu
