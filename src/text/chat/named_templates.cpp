#include "text/chat/named_templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "text/chat/named_tool_templates.h"

namespace quandex {
namespace {

// What a format has no place for is refused instead of left out. This stands before each of the templates of this file.
constexpr std::string_view kRefuseTools = R"({%- for message in messages -%}
{%- if tools or message.tool_calls or message.role not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('this format has no tools and only the roles system, user and assistant') -}}
{%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kAlpaca = R"({{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- message.content + '\n\n' -}}
{%- elif message.role == 'user' -%}
{{- '### Instruction:\n' + message.content + '\n\n' -}}
{%- elif message.role == 'assistant' -%}
{{- '### Response:\n' + message.content + eos_token + '\n\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '### Response:\n' -}}
{%- endif -%}
)";

constexpr std::string_view kChatml =
    R"({%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- endif -%}
)";

constexpr std::string_view kDeepseek = R"({{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- message.content -}}
{%- elif message.role == 'user' -%}
{{- '<｜User｜>' + message.content -}}
{%- elif message.role == 'assistant' -%}
{{- '<｜Assistant｜>' + message.content + '<｜end▁of▁sentence｜>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<｜Assistant｜>' -}}
{%- endif -%}
)";

constexpr std::string_view kDeepseekR1 = R"({{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- message.content -}}
{%- elif message.role == 'user' -%}
{{- '<｜User｜>' + message.content -}}
{%- elif message.role == 'assistant' -%}
{{- '<｜Assistant｜>' + message.content.split('</think>')[-1] + '<｜end▁of▁sentence｜>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<｜Assistant｜><think>\n' -}}
{%- endif -%}
)";

constexpr std::string_view kGemma = R"({{- bos_token -}}
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- elif message.role == 'user' -%}
{{- '<start_of_turn>user\n' + ns.system + message.content | trim + '<end_of_turn>\n' -}}
{%- set ns.system = '' -%}
{%- elif message.role == 'assistant' -%}
{{- '<start_of_turn>model\n' + message.content | trim + '<end_of_turn>\n' -}}
{%- else -%}
{{- raise_exception('this format has a system message only at the beginning') -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<start_of_turn>model\n' -}}
{%- endif -%}
)";

constexpr std::string_view kLlama2 = R"({%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{%- set ns.system = '<<SYS>>\n' + message.content + '\n<</SYS>>\n\n' -%}
{%- elif message.role == 'user' -%}
{{- bos_token + '[INST] ' + (ns.system + message.content) | trim + ' [/INST]' -}}
{%- set ns.system = '' -%}
{%- elif message.role == 'assistant' -%}
{{- ' ' + message.content | trim + ' ' + eos_token -}}
{%- else -%}
{{- raise_exception('this format has a system message only at the beginning') -}}
{%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kLlama3 = R"({{- bos_token -}}
{%- for message in messages -%}
{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
{%- endif -%}
)";

// The system prompt stands before the first question.
constexpr std::string_view kMistralV1 = R"({{- bos_token -}}
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- elif message.role == 'user' -%}
{{- ' [INST] ' + ns.system + message.content + ' [/INST]' -}}
{%- set ns.system = '' -%}
{%- elif message.role == 'assistant' -%}
{{- ' ' + message.content + eos_token -}}
{%- else -%}
{{- raise_exception('this format has a system message only at the beginning') -}}
{%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kPhi3 = R"({%- for message in messages -%}
{{- '<|' + message.role + '|>\n' + message.content + '<|end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>\n' -}}
{%- endif -%}
)";

constexpr std::string_view kVicuna = R"({{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{{- message.content + ' ' -}}
{%- elif message.role == 'user' -%}
{{- 'USER: ' + message.content + ' ' -}}
{%- elif message.role == 'assistant' -%}
{{- 'ASSISTANT: ' + message.content + eos_token -}}
{%- else -%}
{{- raise_exception('this format has a system message only at the beginning') -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- 'ASSISTANT:' -}}
{%- endif -%}
)";

constexpr std::string_view kZephyr = R"({%- for message in messages -%}
{{- '<|' + message.role + '|>\n' + message.content + eos_token + '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>\n' -}}
{%- endif -%}
)";

constexpr NamedTemplate kPlain[] = {
    {"alpaca", "### Instruction: and ### Response:", kAlpaca},
    {"chatml", "<|im_start|>role and <|im_end|> (Qwen 1 to 2.5, SmolLM, Yi, many fine-tunes)", kChatml},
    {"deepseek", "<｜User｜> and <｜Assistant｜> (DeepSeek V2.5, V3)", kDeepseek},
    {"deepseek-r1", "the same with thinking opened (DeepSeek-R1 and its distillations)", kDeepseekR1},
    {"gemma", "<start_of_turn>user and model; the system prompt goes before the first question", kGemma},
    {"llama2", "[INST] and <<SYS>>", kLlama2},
    {"llama3", "<|start_header_id|>role<|end_header_id|> and <|eot_id|>", kLlama3},
    {"mistral-v1", "[INST] with spaces (Mistral 7B v0.1, Mixtral)", kMistralV1},
    {"phi3", "<|user|>, <|assistant|> and <|end|> (Phi-3, Phi-3.5)", kPhi3},
    {"vicuna", "USER: and ASSISTANT: (Vicuna 1.1 and later)", kVicuna},
    {"zephyr", "<|user|> and <|assistant|> with the end-of-text token (Zephyr, TinyLlama)", kZephyr}};

std::vector<NamedTemplate> make_templates() {
  static std::vector<std::string> sources(std::size(kPlain));  // what the templates point into
  std::vector<NamedTemplate> templates(std::begin(kPlain), std::end(kPlain));
  for (size_t i = 0; i < templates.size(); ++i)
    templates[i].source = sources[i] = std::string(kRefuseTools).append(templates[i].source);
  const std::vector<NamedTemplate> with_tools = named_tool_templates();
  templates.insert(templates.end(), with_tools.begin(), with_tools.end());
  std::ranges::sort(templates, {}, &NamedTemplate::name);
  return templates;
}

}  // namespace

std::span<const NamedTemplate> named_templates() {
  static const std::vector<NamedTemplate> templates = make_templates();
  return templates;
}

const NamedTemplate* find_named_template(std::string_view name) {
  const auto found = std::ranges::find(named_templates(), name, &NamedTemplate::name);
  return found == named_templates().end() ? nullptr : &*found;
}

std::string named_template_list() {
  std::string list;
  for (const NamedTemplate& item : named_templates()) list += fmt::format("{}{}", list.empty() ? "" : ", ", item.name);
  return list;
}

}  // namespace quandex
