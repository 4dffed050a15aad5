// Every chat template of ../shared with what is found in it: tags of reasoning, syntax of calls, switch of thinking.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

// "<think> tagged_json enable_thinking+ plain/plain/closed": tags, calls, switch (+: it thinks by default), and where
// the prompt ends with the switch unset, on and off.
std::string found_in(const fs::path& path) {
  const ChatTemplate chat = ChatTemplate::from_source(testing::read_file(path), path.stem().string(),
                                                      Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  const TemplateAbilities& can = chat.abilities();
  std::string found = chat.format().reasoning ? chat.format().reasoning->open : "-";
  for (char& c : found)
    if (c == ' ' || c == '\n') c = '_';
  if (found.empty()) found = "(at_once)";
  found.append(" ").append(tool_syntax_name(chat.format().tools));
  found.append(" ")
      .append(can.thinking_switch.empty() ? "-" : can.thinking_switch)
      .append(can.thinks_by_default ? "+" : "");
  ChatInput input;
  input.messages.push_back({{"role", "user"}, {"content", "Hi"}});
  if (path.stem().string().ends_with("tool_use")) input.tools = Json::array();  // as it is chosen where there are some
  for (const std::optional<bool> thinking :
       {std::optional<bool>(), std::optional<bool>(true), std::optional<bool>(false)}) {
    input.enable_thinking = thinking;
    const PromptEnd end = prompt_end(chat.format(), chat.render(input));
    found.append(thinking ? "/" : " ");
    found.append(end == PromptEnd::plain ? "plain" : end == PromptEnd::in_reasoning ? "opened" : "closed");
  }
  return found;
}

const std::map<std::string, std::string> kExpected = {
    {"Apertus-8B-Instruct", "<|inner_prefix|> unsupported enable_thinking plain/plain/plain"},
    {"Apriel-1.6-15b-Thinker-fixed", "Here_are_my_reasoning_steps:_ unsupported - opened/opened/opened"},
    {"Bielik-11B-v3.0-Instruct", "<think> tagged_json enable_thinking plain/opened/plain"},
    {"ByteDance-Seed-OSS", "<seed:think> unsupported - plain/plain/plain"},
    {"Cohere2MoE", "<|START_THINKING|> unsupported reasoning+ opened/opened/closed"},
    {"CohereForAI-c4ai-command-r-plus-tool_use", "- unsupported - plain/plain/plain"},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use",
     "<|START_THINKING|> unsupported enable_thinking closed/plain/closed"},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "<think> unsupported - opened/opened/opened"},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "<think> unsupported enable_thinking closed/opened/closed"},
    {"deepseek-ai-DeepSeek-V3.1", "<think> unsupported enable_thinking closed/opened/closed"},
    {"deepseek-ai-DeepSeek-V3.2", "<think> unsupported enable_thinking closed/opened/closed"},
    {"deepseek-ai-DeepSeek-V4", "<think> unsupported enable_thinking closed/opened/closed"},
    {"fireworks-ai-llama-3-firefunction-v2",
     "fireworks-ai-llama-3-firefunction-v2: line 21 column 60: 'functions' is undefined"},
    {"GigaChat3-10B-A1.8B", "- unsupported - plain/plain/plain"},
    {"GigaChat3.1-10B-A1.8B", "- unsupported - plain/plain/plain"},
    {"GLM-4.6", "<think> unsupported enable_thinking+ plain/plain/closed"},
    {"GLM-4.7-Flash", "<think> unsupported enable_thinking+ opened/opened/closed"},
    {"GLM-5.2", "<think> unsupported enable_thinking+ opened/opened/closed"},
    {"google-gemma-2-2b-it", "- none - plain/plain/plain"},
    {"google-gemma-4-31B-it", "<|channel>thought_ unsupported enable_thinking closed/plain/closed"},
    {"google-gemma-4-31B-it-interleaved", "<|channel>thought_ unsupported enable_thinking closed/plain/closed"},
    {"HuggingFaceTB-SmolLM3-3B", "<think> none enable_thinking+ plain/plain/closed"},
    {"ibm-granite-granite-3.3-2B-Instruct", "<think> unsupported thinking plain/plain/plain"},
    {"Kimi-K2-Instruct", "- unsupported - plain/plain/plain"},
    {"Kimi-K2-Thinking", "<think> unsupported - plain/plain/plain"},
    {"LFM2-8B-A1B", "- unsupported - plain/plain/plain"},
    {"LFM2.5-Instruct", "<think> unsupported - plain/plain/plain"},
    {"llama-cpp-deepseek-r1", "<think> unsupported - opened/opened/opened"},
    {"llama-cpp-rwkv-world", "<think> none enable_thinking plain/opened/closed"},
    {"meetkai-functionary-medium-v3.1", "- unsupported - plain/plain/plain"},
    {"meetkai-functionary-medium-v3.2", "- unsupported - plain/plain/plain"},
    {"meta-llama-Llama-3.1-8B-Instruct", "- llama3_json - plain/plain/plain"},
    {"meta-llama-Llama-3.2-3B-Instruct", "- llama3_json - plain/plain/plain"},
    {"meta-llama-Llama-3.3-70B-Instruct", "- llama3_json - plain/plain/plain"},
    {"microsoft-Phi-3.5-mini-instruct", "- none - plain/plain/plain"},
    {"MiMo-VL", "- tagged_json - plain/plain/plain"},
    {"MiroThinker", "<think> none enable_thinking+ plain/plain/closed"},
    {"Mistral-Small-3.2-24B-Instruct-2506", "- mistral_named - plain/plain/plain"},
    {"mistralai-Ministral-3-14B-Reasoning-2512", "[THINK] mistral_named - plain/plain/plain"},
    {"mistralai-Mistral-Nemo-Instruct-2407", "- mistral_array - plain/plain/plain"},
    {"moonshotai-Kimi-K2", "- unsupported - plain/plain/plain"},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "- tagged_json - plain/plain/plain"},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "- tagged_json - plain/plain/plain"},
    {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "<think> unsupported enable_thinking+ opened/opened/closed"},
    {"openai-gpt-oss-120b", "<|channel|>analysis<|message|> unsupported - plain/plain/plain"},
    {"Qwen-Qwen2.5-7B-Instruct", "- tagged_json - plain/plain/plain"},
    {"Qwen-Qwen3-0.6B", "<think> tagged_json enable_thinking+ plain/plain/closed"},
    {"Qwen-QwQ-32B", "<think> tagged_json enable_thinking closed/opened/closed"},
    {"Qwen3-Coder", "- unsupported - plain/plain/plain"},
    {"Qwen3.5-4B", "<think> unsupported enable_thinking+ opened/opened/closed"},
    {"Reka-Edge", "<think> tagged_json enable_thinking plain/opened/plain"},
    {"stepfun-ai-Step-3.5-Flash", "<think> unsupported - opened/opened/opened"},
    {"StepFun3.5-Flash", "<think> unsupported - opened/opened/opened"},
    {"unsloth-Apriel-1.5", "(at_once) unsupported - opened/opened/opened"},
    {"unsloth-mistral-Devstral-Small-2507", "- mistral_named - plain/plain/plain"},
    {"v1", "- none - plain/plain/plain"},
    {"v11", "- mistral_named - plain/plain/plain"},
    {"v11_audio", "- mistral_named - plain/plain/plain"},
    {"v11_image", "- mistral_named - plain/plain/plain"},
    {"v11_image_think", "<think> mistral_named - plain/plain/plain"},
    {"v11_think", "<think> mistral_named - plain/plain/plain"},
    {"v13", "- mistral_named - plain/plain/plain"},
    {"v13_audio", "- mistral_named - plain/plain/plain"},
    {"v13_image", "- mistral_named - plain/plain/plain"},
    {"v13_image_think", "[THINK] mistral_named - plain/plain/plain"},
    {"v13_think", "[THINK] mistral_named - plain/plain/plain"},
    {"v15", "- mistral_named - plain/plain/plain"},
    {"v15_audio", "- mistral_named - plain/plain/plain"},
    {"v15_image", "- mistral_named - plain/plain/plain"},
    {"v15_image_think", "[THINK] mistral_named - plain/plain/plain"},
    {"v15_think", "[THINK] mistral_named - plain/plain/plain"},
    {"v1_spm", "- none - plain/plain/plain"},
    {"v2", "- mistral_array - plain/plain/plain"},
    {"v2_spm", "- mistral_array - plain/plain/plain"},
    {"v3", "- mistral_array - plain/plain/plain"},
    {"v3_image", "- mistral_array - plain/plain/plain"},
    {"v3_image_spm", "- mistral_array - plain/plain/plain"},
    {"v3_spm", "- mistral_array - plain/plain/plain"},
    {"v7", "- mistral_array - plain/plain/plain"},
    {"v7_audio", "- mistral_array - plain/plain/plain"},
    {"v7_image", "- mistral_array - plain/plain/plain"},
    {"v7_image_spm", "- mistral_array - plain/plain/plain"},
    {"v7_spm", "- mistral_array - plain/plain/plain"},
};

TEST(TemplateTable, every_template_is_found_to_be_what_it_is) {
  const fs::path folder = fs::path(QUANDEX_SHARED_DATA) / "chat_templates";
  if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
  std::set<std::string> seen;
  for (const char* sub : {"llama.cpp", "mistral-common"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / sub)) {
      if (entry.path().extension() != ".jinja") continue;
      const std::string name = entry.path().stem().string();
      seen.insert(name);
      const auto expected = kExpected.find(name);
      std::string found;
      try {
        found = found_in(entry.path());
      } catch (const Error& error) {
        found = error.what();
      }
      EXPECT_EQ(found, expected == kExpected.end() ? "" : expected->second) << name;
    }
  }
  EXPECT_EQ(seen.size(), kExpected.size());
}

}  // namespace
}  // namespace quandex
