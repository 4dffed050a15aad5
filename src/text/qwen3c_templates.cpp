#include <array>
#include <optional>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_map.h"
#include "base/utf8.h"
#include "text/qwen3c_vocabulary.h"

namespace quandex {
namespace {

constexpr std::string_view kFamilyKey = "quandex.template.family";
constexpr std::string_view kFamily = "qwen3";
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;

constexpr std::string_view kUser = "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n";
constexpr std::string_view kUserWithoutThinking =
    "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
constexpr std::string_view kSystem =
    "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n";
constexpr std::string_view kSystemWithoutThinking =
    "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
static_assert(kUserWithoutThinking.size() == 71 && kUser.size() == 52);
static_assert(kSystemWithoutThinking.size() == 103 && kSystem.size() == 84);

constexpr std::array<Qwen3cTemplate, 4> kTemplates = {
    {{".template", "quandex.template.plain", kUserWithoutThinking},
     {".template.with-thinking", "quandex.template.thinking", kUser},
     {".template.with-system", "quandex.template.system", kSystemWithoutThinking},
     {".template.with-system-and-thinking", "quandex.template.system_and_thinking", kSystem}}};

std::filesystem::path path_of(const std::filesystem::path& model, std::string_view suffix) {
  return model.string() + std::string(suffix);
}

std::string read_template(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxTemplateBytes) {
    throw Error(ErrorCode::invalid_file, "{}: a prompt template of {} bytes, expected at most {}", path.string(),
                bytes.size(), kMaxTemplateBytes);
  }
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!is_valid_utf8(text)) throw Error(ErrorCode::invalid_file, "{}: is not valid UTF-8", path.string());
  return text;
}

// A chat template that knows thinking and the turns of ChatML renders as the four texts say.
bool is_of_qwen3_family(const Metadata& metadata) {
  if (metadata.string(kFamilyKey, "") == kFamily) return true;
  const std::string chat = metadata.string("tokenizer.chat_template", "");
  for (const std::string_view mark : {"<|im_start|>", "<|im_end|>", "<think>", "enable_thinking"})
    if (chat.find(mark) == std::string::npos) return false;
  return true;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.finish();
}

}  // namespace

std::span<const Qwen3cTemplate, 4> qwen3c_templates() { return kTemplates; }

void read_qwen3c_templates(const std::filesystem::path& model, Metadata& metadata) {
  bool has_any = false, are_of_qwen3 = true;
  for (const Qwen3cTemplate& entry : kTemplates) {
    const std::filesystem::path path = path_of(model, entry.suffix);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    std::string text = read_template(path);
    has_any = true;
    are_of_qwen3 = are_of_qwen3 && text == entry.qwen;
    metadata.set_string(std::string(entry.key), std::move(text));
  }
  if (has_any && are_of_qwen3) metadata.set_string(std::string(kFamilyKey), std::string(kFamily));
}

std::vector<std::filesystem::path> write_qwen3c_companions(const std::filesystem::path& model,
                                                           const Metadata& metadata) {
  std::vector<std::filesystem::path> written;
  const auto write = [&](const std::filesystem::path& path, std::string_view bytes) {
    write_file(path, bytes);
    written.push_back(path);
  };
  write(qwen3c_vocabulary_path(model), qwen3c_vocabulary_bytes(metadata));
  const bool knows_qwen3 = is_of_qwen3_family(metadata);
  for (const Qwen3cTemplate& entry : kTemplates) {
    if (metadata.has(entry.key))
      write(path_of(model, entry.suffix), metadata.string(entry.key));
    else if (knows_qwen3)
      write(path_of(model, entry.suffix), entry.qwen);
  }
  return written;
}

}  // namespace quandex
