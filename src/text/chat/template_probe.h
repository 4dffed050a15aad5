// What a chat template does, found by rendering small conversations with it and looking at what reaches the prompt.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"

namespace quandex {

// Renders with these abilities assumed; throws Error where the template fails.
using RenderFunction = std::function<std::string(const ChatInput&, const TemplateAbilities&)>;

struct TemplateProbe {
  TemplateAbilities abilities;
  ToolSyntax tools = ToolSyntax::none;
  std::string unsupported_tools;  // a call as the template writes it; "" where it offers tools and writes no calls
};

TemplateProbe probe_template(const RenderFunction& render);

}  // namespace quandex
