// The variables that a chat template sees, as transformers passes them.
#pragma once

#include "format/metadata.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"
#include "text/tokenizer.h"

namespace quandex {

// {"bos_token": "<s>", …}: the text of each special token that the vocabulary names. As in transformers, a name that
// the model has no token for is not defined at all.
Json special_tokens(const Metadata& metadata, const Tokenizer& tokenizer);

// apply_chat_template calls render(messages, tools, documents, add_generation_prompt, **special tokens, **others):
// `tools` and `documents` are none where absent, never undefined; enable_thinking and anything else is undefined unless
// given; what the caller gives wins over special tokens and must not name one of the first four, `documents` excepted.
// Throws Error{invalid_argument} for messages, tools or extra names of another shape.
Json template_context(const ChatInput& input, const Json& special_tokens, const TemplateAbilities& abilities);

}  // namespace quandex
