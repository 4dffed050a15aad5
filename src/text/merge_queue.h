// The candidates of merging, best first: by order, then from left to right. Those of one order lie side by side as they
// come, mostly sorted already; in one heap, each of ten million would cost a cache miss a level. What is taken out
// until nothing is left leaves memory that the next use needs again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace quandex {

class MergeQueue {
 public:
  struct Candidate {
    int32_t left;   // index of the left symbol
    uint32_t end;   // of the right symbol, in bytes
    int32_t token;  // the result
  };

  void push(uint32_t order, Candidate candidate) {
    Bucket& bucket = bucket_of(order);
    if (bucket.is_empty()) {
      bucket.sorted.clear();
      bucket.next = 0;
      bucket.is_open = false;
      bucket.is_sorted = true;
      if (!bucket.is_waiting) {
        waiting_.push_back({order, latest_});
        std::ranges::push_heap(waiting_, comes_later);
        bucket.is_waiting = true;
      }
    }
    if (bucket.is_open) {
      bucket.late.push_back(candidate);
      std::ranges::push_heap(bucket.late, is_right_of);
    } else {
      bucket.is_sorted = bucket.is_sorted && (bucket.sorted.empty() || bucket.sorted.back().left <= candidate.left);
      bucket.sorted.push_back(candidate);
    }
  }

  // The best candidate, taken out; nothing when there is none.
  std::optional<Candidate> pop() {
    while (!waiting_.empty()) {
      Bucket& bucket = buckets_[waiting_.front().bucket];
      if (!bucket.is_empty()) return bucket.pop();
      bucket.is_waiting = false;
      std::ranges::pop_heap(waiting_, comes_later);
      waiting_.pop_back();
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kNone = ~size_t{0};

  static bool is_right_of(const Candidate& a, const Candidate& b) { return a.left > b.left; }

  // The candidates of one order. Once the first is taken, others come to the heap `late`.
  struct Bucket {
    std::vector<Candidate> sorted, late;
    size_t next = 0;  // in `sorted`
    bool is_open = false, is_sorted = true, is_waiting = false;

    bool is_empty() const { return next == sorted.size() && late.empty(); }

    Candidate pop() {
      if (!is_open && !is_sorted) std::ranges::sort(sorted, is_right_of_reversed);
      is_open = true;
      const bool is_late = !late.empty() && (next == sorted.size() || late.front().left < sorted[next].left);
      if (!is_late) return sorted[next++];
      std::ranges::pop_heap(late, is_right_of);
      const Candidate candidate = late.back();
      late.pop_back();
      return candidate;
    }
  };
  static bool is_right_of_reversed(const Candidate& a, const Candidate& b) { return is_right_of(b, a); }

  struct Waiting {
    uint32_t order;
    size_t bucket;
  };
  static bool comes_later(const Waiting& a, const Waiting& b) { return a.order > b.order; }

  // Leaves its index in latest_: the next candidate is often of the same order.
  Bucket& bucket_of(uint32_t order) {
    if (latest_ == kNone || order != latest_order_) {
      latest_ = by_order_.try_emplace(order, buckets_.size()).first->second;
      latest_order_ = order;
      if (latest_ == buckets_.size()) buckets_.emplace_back();
    }
    return buckets_[latest_];
  }

  std::vector<Bucket> buckets_;
  std::unordered_map<uint32_t, size_t> by_order_;  // indices of buckets_
  std::vector<Waiting> waiting_;                   // a heap of the orders that may have candidates
  size_t latest_ = kNone;                          // index of the bucket asked for last
  uint32_t latest_order_ = 0;
};

}  // namespace quandex
