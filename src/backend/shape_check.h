// A backend that runs nothing: it checks that every operation's shapes and types agree, and learns how wide each
// scratch tensor must be. Weights need no bytes, so a model is checked before any of its data is touched.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"

namespace quandex {

class ShapeCheck final : public Backend, private CommandBatch {
 public:
  // A tensor whose width is learnt from the operations that write it: pass it with cols == 0.
  Tensor scratch(std::string_view name, DType type, int rows);
  // The most values (rows times columns) that any operation wrote to this scratch tensor; 0: never used.
  int64_t most_values(Tensor scratch) const;

  const DeviceInfo& info() const override { return info_; }
  Tensor allocate(DType type, int rows, int cols) override;
  Tensor upload(std::string_view name, DType type, std::span<const RowSegment> rows) override;
  size_t upload_bytes(DType, std::span<const RowSegment>) const override { return 0; }
  std::span<std::byte> host_view(Tensor) override { return {}; }
  bool aliases_host(Tensor) const override { return false; }
  CommandBatch& begin() override { return *this; }
  void wait(Ticket) override {}
  size_t allocated_bytes() const override { return 0; }

 private:
  struct Entry {
    std::string name;
    bool is_scratch = false;
    int cols = 0;  // of the last write; 0: not yet written
    int64_t most_values = 0;
  };

  void embed(Tensor out, Tensor table, Tensor tokens, float scale) override;
  void rms_norm(Tensor out, Tensor x, Tensor weight, float eps, Into into) override;
  void linear(Tensor out, Tensor x, const Linear& w, Into into) override;
  void qk_norm_rope_store(Tensor q, KvLayer kv, Tensor qkv, Tensor q_norm, Tensor k_norm, const RopeConfig& rope,
                          HeadShape heads, float eps, int kv_group, const StepInputs& in) override;
  void attention(Tensor out, Tensor q, KvLayer kv, const AttentionConfig& config, int kv_group,
                 const StepInputs& in) override;
  void glu(Tensor out, Tensor gate_up, Activation activation) override;
  void route(Tensor weights, Tensor experts, Tensor logits, const RouteConfig& config) override;
  void expert_linear(Tensor out, Tensor x, const ExpertLinear& w, Tensor experts) override;
  void expert_sum(Tensor out, Tensor branches, Tensor weights, Into into) override;
  void gather_rows(Tensor out, Tensor x, Tensor rows) override;
  void softcap(Tensor x, float cap) override;
  void sample(Tensor ids, Tensor logits, Tensor parameters) override;
  Ticket submit() override { return {}; }

  Entry* find(Tensor t);
  const Entry* find(Tensor t) const;
  std::string name_of(Tensor t) const;
  int read(std::string_view op, Tensor t);  // its columns; Error if never written
  void write(std::string_view op, Tensor out, int rows, int cols, Into into = Into::set);
  void expect(std::string_view op, std::string_view what, Tensor t, int64_t found, int64_t expected) const;
  void check_kv(std::string_view op, KvLayer kv, HeadShape heads) const;

  DeviceInfo info_{"shape check", 0, true};
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::unordered_map<const Buffer*, Entry> entries_;
};

}  // namespace quandex
