// A conversation and its settings as a JSON file.
#pragma once

#include <filesystem>
#include <string>

#include "cli/chat_settings.h"
#include "cli/conversation.h"

namespace quandex::cli {

// Written whole or not at all. Throws Error{io}.
void save_chat(const std::filesystem::path& path, const std::string& model, const Conversation& conversation,
               const ChatSettings& settings);

struct SavedChat {
  Conversation conversation;
  Json settings = Json::object();  // as read_settings() takes it without an Error
};
// Read strictly: {"messages": [...]} with "settings" and "model" where they are wanted, nothing else. Throws Error that
// names file, place, what was found and what was expected.
SavedChat load_chat(const std::filesystem::path& path);

// As people type it: "~/" is their own folder.
std::filesystem::path typed_path(const std::string& typed);

}  // namespace quandex::cli
