// A copy of a golden Hugging Face folder that a test may make bad: its config.json and its one safetensors file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace quandex {

struct EditableTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

class HfFixture {
 public:
  // `family`: the folder's name in the case, hf or mlx.
  explicit HfFixture(const std::string& golden_case, const std::string& family = "hf") : folder_("hf_fixture") {
    const auto source = std::filesystem::path(QUANDEX_TEST_FIXTURES) / "golden" / golden_case / family;
    config = nlohmann::ordered_json::parse(std::ifstream(source / "config.json"));
    std::ifstream file(source / "model.safetensors", std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(file), {}};
    uint64_t length = 0;
    std::memcpy(&length, image.data(), sizeof(length));
    const std::string data = image.substr(sizeof(length) + length);
    const auto header = nlohmann::json::parse(image.substr(sizeof(length), length));
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") continue;
      const size_t begin = value["data_offsets"][0], end = value["data_offsets"][1];
      tensors.push_back({name, value["dtype"], value["shape"], data.substr(begin, end - begin)});
    }
  }

  EditableTensor& tensor(const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const EditableTensor& t) { return t.name == name; });
  }
  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const EditableTensor& t) { return t.name == name; });
  }

  // Writes what the members say now; returns the folder.
  const std::filesystem::path& write() const {
    folder_.add("config.json", config_text.empty() ? config.dump(1) : config_text);
    nlohmann::ordered_json header;
    std::string data;
    for (const EditableTensor& t : tensors) {
      header[t.name] = {
          {"dtype", t.dtype}, {"shape", t.shape}, {"data_offsets", {data.size(), data.size() + t.bytes.size()}}};
      data += t.bytes;
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    std::string image(sizeof(length), '\0');
    std::memcpy(image.data(), &length, sizeof(length));
    folder_.add("model.safetensors", image + text + data);
    return folder_.path();
  }
  // Another file beside them.
  void add(const std::string& name, const std::string& bytes) const { folder_.add(name, bytes); }
  const std::filesystem::path& path() const { return folder_.path(); }

  nlohmann::ordered_json config;
  std::string config_text;  // instead of `config` where not empty: for what is no JSON
  std::vector<EditableTensor> tensors;

 private:
  TemporaryFolder folder_;
};

}  // namespace quandex
