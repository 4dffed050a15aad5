// Who holds which block of the KV cache: ids and reference counts only, no device memory, no clock. A block is
//   used    one or more sequences hold it;
//   cached  nobody holds it, but its contents are still indexed and may be acquired again;
//   free    neither.
// free + used + cached = total, every operation is O(1), and nothing allocates after construction.
//
// The prefix index finds blocks by contents. A block's hash covers all tokens from the start of its sequence (each hash
// is chained on its parent's, the first one on a salt), so equal hashes mean equal K/V; the block's own tokens and its
// parent's hash are compared on every hit. Full blocks may be shared. A block that is not full, the tail of a sequence
// that has ended, goes to one sequence, which writes on behind it: a chat's next turn recomputes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quandex {

// The hash of a block with these tokens after a prefix with hash `parent` (the salt for a first block).
uint64_t chain_hash(uint64_t parent, std::span<const int32_t> tokens);

class BlockPool {
 public:
  BlockPool(int n_blocks, int block_size);

  // A block with one owner and no indexed contents: a free one, else the least recently used cached one.
  std::optional<int32_t> take();

  void acquire(int32_t block);    // one more owner of a used or cached full block
  void take_tail(int32_t block);  // a cached tail: one owner again, no longer indexed
  void release(int32_t block);    // one owner fewer; the last one leaves it cached where indexed, else free

  // Indexes a used block by its first tokens, which must be final: block_size of them, or fewer for a tail, whose one
  // owner is about to release it. Where another block with the same contents is indexed already nothing happens: the
  // first one stays the one that is found.
  void index(int32_t block, uint64_t parent, std::span<const int32_t> tokens);

  // The indexed block with exactly these contents after the prefix with hash `parent`. It is not acquired.
  std::optional<int32_t> find(uint64_t parent, std::span<const int32_t> tokens) const;

  // The longest run of indexed blocks that holds whole blocks of `tokens` from their start. None is acquired.
  std::vector<int32_t> match(uint64_t salt, std::span<const int32_t> tokens) const;

  // Of the indexed blocks behind the prefix with hash `parent`, the one that begins most like `tokens`: how many tokens
  // they have in common, and the block's next one where it has one. O(total), to explain what was not found.
  struct Likest {
    int n_common = 0;
    std::optional<int32_t> next;
  };
  Likest find_likest(uint64_t parent, std::span<const int32_t> tokens) const;

  // Forgets the contents of all blocks; cached ones become free.
  void clear_index();

  int n_blocks() const { return static_cast<int>(blocks_.size()); }
  int block_size() const { return block_size_; }
  int n_free() const { return free_.size; }
  int n_cached() const { return cached_.size; }
  int n_used() const { return n_blocks() - n_free() - n_cached(); }
  int n_available() const { return n_free() + n_cached(); }  // how often take() would succeed
  int n_owners(int32_t block) const;
  bool is_full(int32_t block) const;  // of an indexed block
  bool is_indexed(int32_t block) const;

  // The first broken invariant in words, or nothing. O(total); for tests and idle moments.
  std::optional<std::string> check_integrity() const;

 private:
  static constexpr int32_t kNone = -1;
  struct Block {
    int32_t n_owners = 0;
    bool is_indexed = false;
    int32_t n_tokens = 0;                    // where indexed
    int32_t previous = kNone, next = kNone;  // in the free or cached list
    int32_t next_in_bucket = kNone;          // in the index
    uint64_t hash = 0, parent = 0;           // where indexed
  };
  struct List {
    int32_t front = kNone, back = kNone;
    int size = 0;
  };

  void push_front(List& list, int32_t id);
  void push_back(List& list, int32_t id);
  void unlink(List& list, int32_t id);
  void unindex(int32_t id);
  Block& at(int32_t id);
  const Block& at(int32_t id) const;
  int32_t& bucket(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  const int32_t& bucket(uint64_t hash) const { return buckets_[hash & (buckets_.size() - 1)]; }
  std::span<const int32_t> tokens_of(int32_t id) const;
  std::optional<std::string> check_list(const List& list, const char* name, bool is_cached) const;
  std::optional<std::string> check_index() const;

  int block_size_;
  std::vector<Block> blocks_;
  std::vector<int32_t> tokens_;   // [n_blocks, block_size], of indexed blocks
  std::vector<int32_t> buckets_;  // heads of the index's chains; a power of two
  List free_, cached_;            // cached_: least recently used first
};

}  // namespace quandex
