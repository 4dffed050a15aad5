// Arbitrary text as a model's answer in every format, cut as the data says: nothing is lost, and the cuts do not
// matter.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/chat/chat_formats.h"

namespace {

using namespace quandex;

void require(bool claim) {
  if (!claim) std::abort();
}

// The parts, neighbours of one kind joined unless they are calls, and the result that they must agree with.
struct Collected {
  ChatResult result;
  std::vector<ChatPart> parts;

  void add(const ChatDelta& delta) {
    result.add(delta);
    for (const ChatPart& part : delta.parts) {
      require(!part.text.empty());
      if (parts.empty() || parts.back().kind != part.kind || part.kind == ChatPart::Kind::tool_call)
        parts.push_back(part);
      else
        parts.back().text += part.text;
    }
  }
  bool operator==(const Collected&) const = default;
};

void check(const Collected& collected, std::string_view text) {
  std::string all, reasoning, content;
  size_t n_calls = 0;
  for (const ChatPart& part : collected.parts) {
    all += part.text;
    if (part.kind == ChatPart::Kind::reasoning) reasoning += part.text;
    if (part.kind == ChatPart::Kind::content) content += part.text;
    if (part.kind == ChatPart::Kind::tool_call) ++n_calls;
  }
  require(all == text && reasoning == collected.result.reasoning && content == collected.result.content);
  require(n_calls == collected.result.tool_calls.size());
  for (const ToolCall& call : collected.result.tool_calls) {
    require(!call.id.empty() && !call.name.empty());
    require(parse_json(call.arguments, "arguments").is_object());
  }
  require(assistant_message(collected.result).value("tool_calls", Json::array()).size() == n_calls);
}

}  // namespace

// Byte 0: the format; byte 1: seed of the cuts; then the text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<testing::FormatCase> cases = testing::format_cases();
  if (size < 2) return 0;
  const testing::FormatCase& item = cases[data[0] % cases.size()];
  uint32_t cut = data[1];
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);

  Collected whole, pieces;
  ChatParser parser(item.format, item.options), cutting(item.format, item.options);
  whole.add(parser.push(text));
  whole.add(parser.finish());
  check(whole, text);
  for (size_t done = 0; done < text.size();) {
    cut = cut * 1664525 + 1013904223;
    const std::string_view piece = text.substr(done, (cut >> 24) % 9);
    pieces.add(cutting.push(piece));
    done += piece.size();
  }
  pieces.add(cutting.finish());
  require(whole == pieces);
  return 0;
}
