#include "text/chat/named_tool_templates.h"

#include <string>

namespace quandex {
namespace {

// Mistral's v3 format. The system prompt and the tools stand before the last question. SentencePiece vocabularies have
// a `space` behind the marks, Tekken's has none.
constexpr std::string_view kMistralV3 = R"({{- bos_token -}}
{%- set ns = namespace(system='', last_user=-1) -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}
{%- set ns.last_user = loop.index0 -%}
{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- elif message.role == 'user' -%}
{%- set is_last = loop.index0 == ns.last_user -%}
{%- if is_last and tools -%}
{{- '[AVAILABLE_TOOLS]' + space + tools | tojson + '[/AVAILABLE_TOOLS]' -}}
{%- endif -%}
{{- '[INST]' + space + (ns.system if is_last else '') + message.content + '[/INST]' -}}
{%- elif message.role == 'assistant' and message.tool_calls -%}
{{- '[TOOL_CALLS]' + space + '[' -}}
{%- for call in message.tool_calls -%}
{%- set arguments = call.function.arguments -%}
{{- '{"name": ' + call.function.name | tojson + ', "arguments": ' -}}
{{- arguments if arguments is string else arguments | tojson -}}
{{- ', "id": ' + call.id | tojson + '}' + (']' if loop.last else ', ') -}}
{%- endfor -%}
{{- eos_token -}}
{%- elif message.role == 'assistant' -%}
{{- space + message.content + eos_token -}}
{%- elif message.role == 'tool' -%}
{%- set result = {'content': message.content, 'call_id': message.tool_call_id} -%}
{{- '[TOOL_RESULTS]' + space + result | tojson + '[/TOOL_RESULTS]' -}}
{%- else -%}
{{- raise_exception('this format has no place for the role ' + message.role) -}}
{%- endif -%}
{%- endfor -%}
)";

// v7: the system prompt has marks of its own and stays where it is, and results name their call outside the JSON.
constexpr std::string_view kMistralV7 = R"({{- bos_token -}}
{%- set ns = namespace(last_user=-1) -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}
{%- set ns.last_user = loop.index0 -%}
{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{- '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' -}}
{%- elif message.role == 'user' -%}
{%- if loop.index0 == ns.last_user and tools -%}
{{- '[AVAILABLE_TOOLS]' + tools | tojson + '[/AVAILABLE_TOOLS]' -}}
{%- endif -%}
{{- '[INST]' + message.content + '[/INST]' -}}
{%- elif message.role == 'assistant' -%}
{{- message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{%- set arguments = call.function.arguments -%}
{{- ('[TOOL_CALLS][' if loop.first else ', ') + '{"name": ' + call.function.name | tojson + ', "arguments": ' -}}
{{- arguments if arguments is string else arguments | tojson -}}
{{- ', "id": ' + call.id | tojson + '}' + (']' if loop.last else '') -}}
{%- endfor -%}
{{- eos_token -}}
{%- elif message.role == 'tool' -%}
{{- '[TOOL_RESULTS]' + message.tool_call_id + '[TOOL_CONTENT]' + message.content + '[/TOOL_RESULTS]' -}}
{%- else -%}
{{- raise_exception('mistral-v7 has no place for the role ' + message.role) -}}
{%- endif -%}
{%- endfor -%}
)";

// ChatML with thinking and Hermes's tool calls. Reasoning is kept only behind the last question of the user.
constexpr std::string_view kQwen3 = R"({%- set has_system = messages and messages[0].role == 'system' -%}
{%- if has_system or tools -%}
{{- '<|im_start|>system\n' -}}
{{- messages[0].content if has_system else '' -}}
{%- if tools -%}
{{- ('\n\n' if has_system else '') + '# Tools\n\nYou can call the functions whose signatures follow, one JSON object a ' -}}
{{- 'line.\n<tools>' -}}
{%- for tool in tools -%}
{{- '\n' + tool | tojson -}}
{%- endfor -%}
{{- '\n</tools>\n\nTo call one, write its name and its arguments as JSON inside <tool_call></tool_call>:\n' -}}
{{- '<tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- endif -%}
{%- set ns = namespace(last_user=-1) -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}
{%- set ns.last_user = loop.index0 -%}
{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
{%- elif message.role == 'assistant' -%}
{%- set parts = (message.content or '').split('</think>') -%}
{%- set content = parts[-1].lstrip('\n') if parts | length > 1 else parts[0] -%}
{%- set written = parts[0].split('<think>')[-1] if parts | length > 1 else '' -%}
{%- set reasoning = message.reasoning_content or written -%}
{{- '<|im_start|>assistant\n' -}}
{%- if loop.index0 > ns.last_user and (loop.last or reasoning) -%}
{{- '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' -}}
{%- endif -%}
{{- content -}}
{%- for call in message.tool_calls or [] -%}
{%- set arguments = call.function.arguments -%}
{{- ('\n' if content or not loop.first else '') + '<tool_call>\n{"name": ' + call.function.name | tojson -}}
{{- ', "arguments": ' -}}
{{- arguments if arguments is string else arguments | tojson -}}
{{- '}\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\n' -}}
{%- elif message.role == 'tool' -%}
{{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else '<|im_start|>user' -}}
{{- '\n<tool_response>\n' + message.content + '\n</tool_response>' -}}
{{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '<|im_end|>\n' -}}
{%- elif message.role != 'system' -%}
{{- raise_exception('qwen3 has no place for the role ' + message.role) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}
{{- '<think>\n\n</think>\n\n' -}}
{%- endif -%}
{%- endif -%}
)";

}  // namespace

std::vector<NamedTemplate> named_tool_templates() {
  static const std::string spm = std::string("{%- set space = ' ' -%}").append(kMistralV3);
  static const std::string tekken = std::string("{%- set space = '' -%}").append(kMistralV3);
  return {{"mistral-v3", "[INST] with tools, SentencePiece (Mistral 7B v0.3, Mixtral 8x22B)", spm},
          {"mistral-nemo", "[INST] with tools, Tekken (Mistral Nemo, Ministral 8B)", tekken},
          {"mistral-v7", "[SYSTEM_PROMPT], [INST] and tools (Mistral Small and Large of 2501)", kMistralV7},
          {"qwen3", "chatml with thinking and tools (Qwen3, Hermes)", kQwen3}};
}

}  // namespace quandex
