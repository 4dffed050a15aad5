// The ticks of the tables that `info` prints, against the golden cases.
#include "cli/families.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/golden_cases.h"

namespace quandex::cli {
namespace {

FileFamily family_of(const std::string& golden_name) {
  if (golden_name == "hf") return FileFamily::safetensors;
  if (golden_name == "gguf") return FileFamily::gguf;
  if (golden_name == "mlx") return FileFamily::mlx;
  if (golden_name == "qwen3c") return FileFamily::qwen3c;
  if (golden_name == "llama2c") return FileFamily::llama2c;
  throw std::runtime_error("golden cases have a family that is not known: " + golden_name);
}

using Pairs = std::set<std::pair<std::string, std::string>>;

TEST(Families, an_architecture_has_a_tick_exactly_where_a_golden_case_proves_it) {
  Pairs golden, ticked;
  for (const GoldenFile& file : golden_files())
    golden.emplace(file.architecture, file_family_name(family_of(file.family)));
  for (const Architecture& architecture : architectures())
    for (const FileFamily family : kFileFamilies)
      if (is_proven(architecture, family)) ticked.emplace(architecture.hf_model_type, file_family_name(family));
  EXPECT_EQ(ticked, golden);
}

// Formats that differ in group size or type of scale only count as one.
std::string kind_of(const Format& format) {
  if (const auto affine = affine_layout(format.type)) return "affine" + std::to_string(affine->bits);
  if (q8_f32_dtype(format.block_values) == format.type) return "q8_0_gN_f32";
  return std::string(format.name);
}

// GGUF's formats are those with a number in its registry, each with tests of its own.
TEST(Families, a_format_has_a_tick_exactly_where_a_golden_file_holds_it) {
  Pairs golden, ticked;
  for (const GoldenFile& file : golden_files()) {
    const FileFamily family = family_of(file.family);
    const Checkpoint checkpoint(file.path);
    ASSERT_EQ(checkpoint.family(), family) << file.name;
    for (const std::string& name : checkpoint.weights().names()) {
      const Format& format = format_of(checkpoint.weights().find(name).value().type);
      EXPECT_TRUE(can_hold(family, format)) << file.name << ": " << name << " is " << format.name;
      if (family != FileFamily::gguf) golden.emplace(kind_of(format), file_family_name(family));
    }
  }
  for (const Format& format : all_formats())
    for (const FileFamily family : kFileFamilies)
      if (family != FileFamily::gguf && can_hold(family, format))
        ticked.emplace(kind_of(format), file_family_name(family));
  EXPECT_EQ(ticked, golden);
}

}  // namespace
}  // namespace quandex::cli
