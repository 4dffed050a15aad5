// Any checkpoint exported to GGUF and read again is the same model: the same configuration and, on the reference
// backend, the same logits bit for bit.
#include "model/export_gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/golden_logits.h"
#include "support/temporary_folder.h"

namespace quandex {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_same_layers(const ModelConfig& a, const ModelConfig& b) {
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (size_t i = 0; i < a.layers.size(); ++i) {
    const LayerConfig &x = a.layers[i], &y = b.layers[i];
    EXPECT_EQ(x.attention.heads, y.attention.heads);
    EXPECT_EQ(x.attention.scale, y.attention.scale) << "layer " << i;
    EXPECT_EQ(x.attention.softcap, y.attention.softcap) << "layer " << i;
    EXPECT_EQ(x.attention.window, y.attention.window) << "layer " << i;
    EXPECT_EQ(x.routing, y.routing) << "layer " << i;
    EXPECT_EQ(x.rope, y.rope) << "layer " << i;
    EXPECT_EQ(x.kv_group, y.kv_group) << "layer " << i;
  }
}

// All but StorageConvention, which is what an export changes.
void expect_same_config(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.dim, b.dim);
  EXPECT_EQ(a.vocab, b.vocab);
  EXPECT_EQ(a.n_ctx_train, b.n_ctx_train);
  EXPECT_EQ(a.norm_eps, b.norm_eps);
  EXPECT_EQ(a.embed_scale, b.embed_scale);
  EXPECT_EQ(a.logit_softcap, b.logit_softcap);
  EXPECT_EQ(a.activation, b.activation);
  EXPECT_EQ(a.ffn_dim, b.ffn_dim);
  EXPECT_EQ(a.expert_ffn_dim, b.expert_ffn_dim);
  EXPECT_EQ(a.tied_head, b.tied_head);
  EXPECT_EQ(a.has_qk_norm, b.has_qk_norm);
  EXPECT_EQ(a.has_qkv_bias, b.has_qkv_bias);
  EXPECT_EQ(a.has_post_norms, b.has_post_norms);
  EXPECT_EQ(a.ropes, b.ropes);
  EXPECT_EQ(a.kv_group_windows, b.kv_group_windows);
  EXPECT_EQ(a.rope_variant_lengths, b.rope_variant_lengths);
  expect_same_layers(a, b);
}

// Golden checkpoints that say something GGUF has no key for; all others need none of ours.
const std::map<std::string, std::vector<std::string>>& own_keys() {
  static const std::vector<std::string> windows{"quandex.attention.windows"};
  static const std::map<std::string, std::vector<std::string>> keys{
      {"llama-dynamic-hf",
       {"quandex.rope.scaling.factor", "quandex.rope.scaling.original_context_length", "quandex.rope.scaling.type"}},
      {"llama-yarn-mscale-hf", {"quandex.rope.scaling.truncate"}},
      {"qwen2-window-hf", windows},
      {"qwen2-layer-types-hf", windows},
      {"qwen3moe-sparse-hf", {"quandex.dense_layers"}},
      {"smollm3-mlx-6bit-mlx", {"quandex.rope.layers"}},
      {"smollm3-list-hf", {"quandex.rope.layers"}},
      {"gemma3-hf", windows},
      {"gemma3-rope-parameters-hf", windows},
      {"gemma3-mlx-5bit-mlx", windows},
  };
  return keys;
}

// Where an export that keeps everything as it is may be refused: formats that GGUF does not have, of more than 5 bits
// or with scales that need not be float16 numbers.
bool may_have_no_equal(const Checkpoint& checkpoint) {
  const std::span<const std::string> names = checkpoint.weights().names();
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const DType type = checkpoint.weights().find(name)->type;
    const auto affine = affine_layout(type);
    return affine ? affine->bits > 5 || affine->scale_type != DType::f16 : format_of(type).n_planes() > 1;
  });
}

class Export : public testing::TestWithParam<GoldenFile> {
 protected:
  Export() : folder_("export"), source_(GetParam().path) {}

  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  const TemporaryFolder folder_;
  const Checkpoint source_;
};

TEST_P(Export, keeps_configuration_and_logits_bit_for_bit) {
  ExportOptions options;
  ExportReport report;
  try {
    report = export_gguf(source_, file("out.gguf"), options, {});
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(may_have_no_equal(source_)) << message;
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(message.find(": tensor "), message.npos) << message;
    EXPECT_NE(message.find(".weight is "), message.npos) << message;
    EXPECT_NE(message.find("choose --type f32 (exact)"), message.npos) << message;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "the refused export left a file";
    options.type = DType::f32;
    report = export_gguf(source_, file("out.gguf"), options, {});
  }
  const Checkpoint out(file("out.gguf"));
  expect_same_config(source_.read_config(), out.read_config());
  EXPECT_EQ(out.read_config().storage.norm_offset, 0);
  EXPECT_EQ(unused_tensors(out.read_config(), out.weights()).unexplained, std::vector<std::string>{});
  for (const ConfigKey& key : out.config_keys()) EXPECT_NE(key.use, KeyUse::unknown) << key.name;
  EXPECT_EQ(logits_of_runs(out, GetParam()), reference_logits(GetParam()));

  std::vector<std::string> keys = report.own_keys;
  std::sort(keys.begin(), keys.end());
  const auto expected = own_keys().find(GetParam().name);
  EXPECT_EQ(keys, expected == own_keys().end() ? std::vector<std::string>{} : expected->second);

  export_gguf(out, file("again.gguf"), {}, {});
  EXPECT_TRUE(bytes_of(file("again.gguf")) == bytes_of(file("out.gguf"))) << "the export of the export differs";
  EXPECT_EQ(report.size_bytes, std::filesystem::file_size(file("out.gguf")));
}

INSTANTIATE_TEST_SUITE_P(Files, Export, testing::ValuesIn(golden_files()),
                         [](const auto& info) { return test_name(info.param); });

}  // namespace
}  // namespace quandex
