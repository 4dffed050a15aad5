// The golden checkpoints of tests/fixtures/golden: every file of every case, with its runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace quandex {

struct GoldenRun {
  std::vector<int32_t> ids;
  std::vector<float> logits;  // [n_tokens, vocab]
};

struct GoldenFile {
  std::string name;    // CASE-FAMILY
  std::string family;  // hf, gguf, mlx, qwen3c, llama2c
  std::string architecture;
  std::filesystem::path path;
  std::vector<GoldenRun> runs;
};

inline GoldenRun read_golden_run(const nlohmann::json& run, const std::filesystem::path& folder) {
  GoldenRun golden;
  golden.ids = run.at("ids").get<std::vector<int32_t>>();
  golden.logits.resize(run.at("shape")[0].get<size_t>() * run.at("shape")[1].get<size_t>());
  std::ifstream file(folder / run.at("logits").get<std::string>(), std::ios::binary);
  file.read(reinterpret_cast<char*>(golden.logits.data()),
            static_cast<std::streamsize>(golden.logits.size() * sizeof(float)));
  if (!file) throw std::runtime_error("golden logits are cut short: " + folder.string());
  return golden;
}

// In order of case and family.
inline std::vector<GoldenFile> golden_files() {
  const std::filesystem::path root = std::filesystem::path(QUANDEX_TEST_FIXTURES) / "golden";
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(root))
    if (std::filesystem::exists(entry.path() / "case.json")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::vector<GoldenFile> files;
  for (const std::filesystem::path& folder : folders) {
    const auto facts = nlohmann::json::parse(std::ifstream(folder / "case.json"));
    for (const auto& [family, path] : facts.at("families").items()) {
      const std::string own_runs = family + "_runs";  // of files with rounded weights
      GoldenFile file{folder.filename().string() + "-" + family,
                      family,
                      facts.at("architecture"),
                      folder / path.get<std::string>(),
                      {}};
      for (const auto& run : facts.at(facts.contains(own_runs) ? own_runs : "runs"))
        file.runs.push_back(read_golden_run(run, folder));
      files.push_back(std::move(file));
    }
  }
  return files;
}

}  // namespace quandex
