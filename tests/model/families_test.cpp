// The same weights in different kinds of files are the same model: where the values that files hold are equal, so are
// the reference backend's logits, bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/export_gguf.h"
#include "support/golden_logits.h"
#include "support/temporary_folder.h"

namespace quandex {
namespace {

using Values = std::map<std::string, std::vector<float>>;

// Every tensor in GGUF's names, order of rows and convention of norms, as float32: what the exporter makes of any file.
Values canonical_values(const GoldenFile& file, const std::filesystem::path& scratch) {
  ExportOptions options;
  options.type = DType::f32;
  export_gguf(Checkpoint(file.path), scratch, options, {});
  const GgufFile exported(scratch);
  Values values;
  for (const std::string& name : exported.names()) {
    const HostTensor tensor = *exported.find(name);
    std::vector<float>& all = values[name];
    std::vector<float> row(static_cast<size_t>(tensor.cols()));
    for (int64_t r = 0; r < tensor.rows(); ++r) {
      decode_row(tensor, r, row);
      all.insert(all.end(), row.begin(), row.end());
    }
  }
  return values;
}

// Names of tensors that two files hold differently.
std::vector<std::string> differences(const Values& a, const Values& b) {
  std::vector<std::string> names;
  for (const auto& [name, values] : a)
    if (const auto other = b.find(name); other == b.end() || other->second != values) names.push_back(name);
  for (const auto& [name, values] : b)
    if (!a.contains(name)) names.push_back(name);
  return names;
}

TEST(Families, equal_values_give_equal_logits_bit_for_bit) {
  const TemporaryFolder folder("families");
  std::map<std::string, std::vector<GoldenFile>> cases;
  for (GoldenFile& file : golden_files())
    cases[file.name.substr(0, file.name.size() - file.family.size())].push_back(std::move(file));
  int n_pairs = 0;
  for (const auto& [name, files] : cases) {
    for (size_t i = 1; i < files.size(); ++i, ++n_pairs) {
      SCOPED_TRACE(files[0].name + " and " + files[i].name);
      const Values a = canonical_values(files[0], folder.path() / "a.gguf");
      const Values b = canonical_values(files[i], folder.path() / "b.gguf");
      EXPECT_EQ(differences(a, b), std::vector<std::string>{});
      EXPECT_EQ(reference_logits(files[0]), reference_logits(files[i]));
    }
  }
  EXPECT_GE(n_pairs, 28);  // 24 with GGUF, 2 with MLX, 1 with qwen3.c, 2 with llama2.c
}

}  // namespace
}  // namespace quandex
