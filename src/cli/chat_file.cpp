#include "cli/chat_file.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/shown.h"
#include "cli/usage.h"

namespace quandex::cli {

void save_chat(const std::filesystem::path& path, const std::string& model, const Conversation& conversation,
               const ChatSettings& settings) {
  const Json json{{"model", model}, {"settings", settings_to_json(settings)}, {"messages", conversation.messages()}};
  AtomicFile file(path);
  file.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  file.finish();
}

SavedChat load_chat(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  if (!json.is_object())
    throw Error(ErrorCode::invalid_file, "{}: found {}, expected an object with \"messages\"", path.string(),
                json.type_name());
  SavedChat saved;
  ChatSettings checked;
  const std::vector<std::string> names{"model", "settings", "messages"};
  for (const auto& [name, value] : json.items())
    if (std::ranges::find(names, name) == names.end())
      throw Error(ErrorCode::invalid_file, "{}: unknown name {}{}", path.string(), shown(name),
                  suggestion(name, names));
  if (!json.contains("messages")) throw Error(ErrorCode::invalid_file, "{}: \"messages\" is missing", path.string());
  try {
    saved.conversation = Conversation(json["messages"]);
    if (json.contains("settings")) saved.settings = json["settings"];
    read_settings(saved.settings, checked);
  } catch (const Error& error) {
    throw Error(ErrorCode::invalid_file, "{}: {}", path.string(), error.what());
  }
  return saved;
}

std::filesystem::path typed_path(const std::string& typed) {
  const char* home = std::getenv("HOME");
  return typed.starts_with("~/") && home ? std::filesystem::path(home) / typed.substr(2) : std::filesystem::path(typed);
}

}  // namespace quandex::cli
