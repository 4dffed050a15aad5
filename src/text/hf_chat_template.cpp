// Chat templates of a Hugging Face folder as GGUF names them.
#include <algorithm>
#include <map>

#include "base/file_map.h"
#include "base/utf8.h"
#include "text/hf_vocabulary_parts.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

using Templates = std::map<std::string, std::string>;  // by name; "default" is the one without a name

std::string read_text(const fs::path& path) {
  const MappedFile file(path);
  std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (!is_valid_utf8(text))
    throw Error(ErrorCode::invalid_file, "{}: found bytes that are no UTF-8, expected a chat template", path.string());
  return text;
}

// A template, or a list of {name, template}.
Templates read_field(const JsonField& field) {
  Templates templates;
  if (field.is_absent()) return templates;
  if (field.is_string()) {
    templates["default"] = field.string();
    return templates;
  }
  if (field.is_object()) {  // of chat_template.json: {name: template}
    for (const auto& [name, text] : field.object()) templates[name] = field[name].string();
    return templates;
  }
  for (size_t i = 0; i < field.size(); ++i) {
    const std::string& name = field[i]["name"].string();
    if (!templates.emplace(name, field[i]["template"].string()).second) field[i]["name"].refuse("each name once");
  }
  return templates;
}

Templates read_files(const fs::path& folder) {
  Templates templates;
  if (fs::is_regular_file(folder / "chat_template.jinja"))
    templates["default"] = read_text(folder / "chat_template.jinja");
  if (!fs::is_directory(folder / "additional_chat_templates")) return templates;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "additional_chat_templates"))
    if (entry.path().extension() == ".jinja" && entry.is_regular_file())
      templates[entry.path().stem().string()] = read_text(entry.path());
  return templates;
}

// Keys hold letters, digits and underscores.
std::string key_name(std::string name) {
  const auto is_kept = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  std::ranges::replace_if(name, [&](char c) { return !is_kept(c); }, '_');
  return name;
}

}  // namespace

void add_chat_templates(const fs::path& folder, const JsonField& tokenizer_config, Metadata& metadata) {
  Templates templates = read_files(folder);
  if (templates.empty() && fs::is_regular_file(folder / "chat_template.json")) {
    const std::string source = (folder / "chat_template.json").string();
    const Json json = read_json_file(source);
    templates = read_field(JsonField(json, source)["chat_template"]);
  }
  if (templates.empty()) templates = read_field(tokenizer_config["chat_template"]);
  std::vector<std::string> names;
  for (auto& [name, text] : templates) {
    if (name == "default") {
      metadata.set_string("tokenizer.chat_template", std::move(text));
      continue;
    }
    names.push_back(key_name(name));
    metadata.set_string("tokenizer.chat_template." + names.back(), std::move(text));
  }
  if (!names.empty()) metadata.set_strings("tokenizer.chat_templates", std::move(names));
}

}  // namespace quandex
