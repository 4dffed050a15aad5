#include "text/chat/chat_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>

#include "text/chat/chat_formats.h"

namespace quandex {
namespace {

using testing::format_cases;
using testing::FormatCase;
using testing::think_format;

// Everything that a parser has given, with neighbouring parts of one kind joined unless they are calls.
struct Collected {
  ChatResult result;
  std::vector<ChatPart> parts;

  void add(const ChatDelta& delta) {
    result.add(delta);
    for (const ChatPart& part : delta.parts) {
      if (parts.empty() || parts.back().kind != part.kind || part.kind == ChatPart::Kind::tool_call)
        parts.push_back(part);
      else
        parts.back().text += part.text;
    }
  }
  std::string text(std::optional<ChatPart::Kind> kind = {}) const {
    std::string all;
    for (const ChatPart& part : parts)
      if (!kind || part.kind == *kind) all += part.text;
    return all;
  }
  bool operator==(const Collected&) const = default;
};

Collected parse_pieces(const FormatCase& item, const std::vector<std::string>& pieces) {
  ChatParser parser(item.format, item.options);
  Collected collected;
  for (const std::string& piece : pieces) collected.add(parser.push(piece));
  collected.add(parser.finish());
  return collected;
}

ChatResult parse(const ChatFormat& format, std::string_view text, PromptEnd end = PromptEnd::plain) {
  return parse_chat(format, {.prompt_end = end, .has_tools = true}, text);
}

ToolCall call(std::string name, std::string arguments, std::string id = {}) {
  return {std::move(id), std::move(name), std::move(arguments)};
}

// Calls without ids where the model gave none.
std::vector<ToolCall> calls_of(const ChatResult& result, bool with_ids = false) {
  std::vector<ToolCall> calls = result.tool_calls;
  for (ToolCall& item : calls)
    if (!with_ids) item.id.clear();
  return calls;
}

using Calls = std::vector<ToolCall>;

const ChatFormat kHermes = {std::nullopt, ToolSyntax::tagged_json, {}};
const ChatFormat kLlama3 = {std::nullopt, ToolSyntax::llama3_json, {}};
const ChatFormat kMistral = {std::nullopt, ToolSyntax::mistral_array, {}};

TEST(ChatParser, all_parts_together_are_the_text_and_agree_with_the_result) {
  for (const FormatCase& item : format_cases()) {
    for (const std::string& text : item.texts) {
      const Collected whole = parse_pieces(item, {text});
      EXPECT_EQ(whole.text(), text) << item.name;
      EXPECT_EQ(whole.text(ChatPart::Kind::content), whole.result.content);
      EXPECT_EQ(whole.text(ChatPart::Kind::reasoning), whole.result.reasoning);
      const auto is_call = [](const ChatPart& part) { return part.kind == ChatPart::Kind::tool_call; };
      EXPECT_EQ(std::ranges::count_if(whole.parts, is_call), std::ssize(whole.result.tool_calls)) << text;
    }
  }
}

TEST(ChatParser, every_pair_of_cuts_gives_what_one_piece_gives) {
  for (const FormatCase& item : format_cases()) {
    for (const std::string& text : item.texts) {
      const Collected whole = parse_pieces(item, {text});
      for (size_t first = 0; first <= text.size(); first += 1 + first % 2)
        for (size_t second = first; second <= text.size(); second += 1 + second % 4)
          ASSERT_EQ(
              parse_pieces(item, {text.substr(0, first), text.substr(first, second - first), text.substr(second)}),
              whole)
              << item.name << ": " << text << " " << first << " " << second;
      std::vector<std::string> bytes;
      for (const char c : text) bytes.emplace_back(1, c);
      ASSERT_EQ(parse_pieces(item, bytes), whole) << item.name << ": " << text;
    }
  }
}

// Random strings over the pieces that the formats are made of.
TEST(ChatParser, random_soup_of_markers_is_never_lost_and_never_depends_on_the_cuts) {
  const std::vector<std::string> pieces = {"<think>",
                                           "</think>",
                                           "<tool_call>",
                                           "</tool_call>",
                                           "{\"name\": \"f\", \"arguments\": {}}",
                                           "{\"name\": \"f\", \"parameters\": {\"a\": 1}}",
                                           "[TOOL_CALLS]",
                                           "[ARGS]",
                                           "[CALL_ID]",
                                           "f",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           "\"",
                                           "\\",
                                           "\n",
                                           " ",
                                           ";",
                                           "<",
                                           "x",
                                           "海",
                                           "<|python_tag|>",
                                           "[THINK]",
                                           "[/THINK]",
                                           "<response>",
                                           "</response>",
                                           "<|end|>",
                                           "<|channel|>final<|message|>",
                                           ",",
                                           ":",
                                           "{}",
                                           "\xC3"};
  std::mt19937 random(3);
  const std::vector<FormatCase> cases = format_cases();
  for (int round = 0; round < 6000; ++round) {
    const FormatCase& item = cases[random() % cases.size()];
    std::string text;
    for (size_t n = random() % 14; n > 0; --n) {
      const std::string& piece = pieces[random() % pieces.size()];
      text += random() % 8 == 0 ? piece.substr(0, random() % (piece.size() + 1)) : piece;
    }
    const Collected whole = parse_pieces(item, {text});
    ASSERT_EQ(whole.text(), text);
    std::vector<std::string> cut;
    for (size_t done = 0; done < text.size();) {
      const size_t n = std::min<size_t>(1 + random() % 6, text.size() - done);
      cut.push_back(text.substr(done, n));
      done += n;
    }
    ASSERT_EQ(parse_pieces(item, cut), whole) << item.name << ": " << text;
  }
}

TEST(ChatParser, reasoning_and_answer_come_apart_without_the_newlines_between) {
  const ChatResult result = parse(think_format(), "<think>\nLet me see.\n\nYes.\n</think>\n\nThe answer.\n");
  EXPECT_EQ(result.reasoning, "Let me see.\n\nYes.");
  EXPECT_EQ(result.content, "The answer.\n");
}

TEST(ChatParser, reasoning_comes_while_it_is_written) {
  ChatParser parser(think_format());
  EXPECT_EQ(parser.push("<thi").parts.size(), 0U);
  EXPECT_FALSE(parser.is_reasoning());
  EXPECT_EQ(parser.push("nk>\n").reasoning, "");
  EXPECT_TRUE(parser.is_reasoning());
  EXPECT_EQ(parser.push("One").reasoning, "One");
  EXPECT_EQ(parser.push("\n").reasoning, "");  // may stand before the closing tag
  EXPECT_EQ(parser.push("two </").reasoning, "\ntwo ");
  EXPECT_EQ(parser.push("b></thi").reasoning, "</b>");
  EXPECT_EQ(parser.push("nk>").reasoning, "");
  EXPECT_FALSE(parser.is_reasoning());
  EXPECT_EQ(parser.push("\n\nA").content, "A");
  EXPECT_EQ(parser.push(" ").content, " ");  // without tools nothing waits
  EXPECT_EQ(parser.finish().parts.size(), 0U);
}

TEST(ChatParser, a_prompt_that_opened_the_tag_is_followed_by_reasoning) {
  for (const std::string& text :
       std::vector<std::string>{"Hm.\n</think>\n\nYes.", "\nHm.</think>Yes.", "<think>\nHm.</think>\nYes."}) {
    const ChatResult result = parse(think_format(), text, PromptEnd::in_reasoning);
    EXPECT_EQ(result.reasoning, "Hm.") << text;
    EXPECT_EQ(result.content, "Yes.") << text;
  }
}

TEST(ChatParser, the_tag_is_repeated_once_and_not_twice) {
  EXPECT_EQ(parse(think_format(), "<think><think>x", PromptEnd::in_reasoning).reasoning, "<think>x");
  EXPECT_EQ(parse(think_format(), "<think><think>x").reasoning, "<think>x");
}

TEST(ChatParser, a_prompt_that_closed_the_tag_is_followed_by_the_answer) {
  const ChatResult result = parse(think_format(), "\nYes.</think>", PromptEnd::past_reasoning);
  EXPECT_EQ(result.reasoning, "");
  EXPECT_EQ(result.content, "Yes.</think>");
  EXPECT_EQ(parse(think_format(), "<think>a</think>b", PromptEnd::past_reasoning).reasoning, "a");  // it thinks anyway
}

TEST(ChatParser, reasoning_that_never_ends_is_reasoning) {
  EXPECT_EQ(parse(think_format(), "<think>\nand then\n</thin").reasoning, "and then\n</thin");
  EXPECT_EQ(parse(think_format(), "<think>\nand then\n\n").reasoning, "and then\n\n");
  EXPECT_EQ(parse(think_format(), "and then", PromptEnd::in_reasoning).reasoning, "and then");
}

TEST(ChatParser, tags_inside_an_answer_are_content) {
  const std::string text = "Write <think>x</think> to think.";
  EXPECT_EQ(parse(think_format(), text).content, text);
}

TEST(ChatParser, text_without_tags_stays_as_it_is) {
  const std::string text = "\n\n  code\n\n";
  EXPECT_EQ(parse(think_format(ToolSyntax::tagged_json), text).content, text);
  EXPECT_EQ(parse({}, "<think>a</think>").content, "<think>a</think>");
}

TEST(ChatParser, marks_of_the_answer_are_markup) {
  const ChatFormat granite = {ReasoningTags{"<think>", "</think>", {"<response>"}, "</response>"}, {}, {}};
  const ChatResult result = parse(granite, "<think>a</think>\n<response>\nb\n</response>\n");
  EXPECT_EQ(result.reasoning, "a");
  EXPECT_EQ(result.content, "b");
  EXPECT_EQ(parse(granite, "b </response> c").content, "b </response> c");  // no end of anything
}

TEST(ChatParser, a_tagged_call_gives_its_arguments_byte_for_byte) {
  const std::string arguments = R"({ "a" :[1,2.50, "}\"é"],"b":{}})";
  const ChatResult result =
      parse(kHermes, "Looking.\n<tool_call>\n{\"name\": \"f\", \"arguments\": " + arguments + "}\n</tool_call>\n");
  EXPECT_EQ(calls_of(result), (Calls{call("f", arguments)}));
  EXPECT_EQ(result.content, "Looking.");
}

TEST(ChatParser, several_calls_and_text_around_them_are_kept_apart) {
  const ChatResult result =
      parse(kHermes,
            "A\n<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"</tool_call>\"}}</tool_call>\n"
            "<tool_call>\n{\"arguments\": {}, \"name\": \"g\"}\n</tool_call> B");
  EXPECT_EQ(calls_of(result), (Calls{call("f", R"({"x": "</tool_call>"})"), call("g", "{}")}));
  EXPECT_EQ(result.content, "A B");
}

TEST(ChatParser, what_is_no_call_comes_back_with_its_markers) {
  const std::string deep(80, '['), nested = R"("arguments": {"a": )" + deep;
  for (const std::string& body : std::vector<std::string>{R"({"name": "f", "arguments": {"a": 1})",
                                                          R"({'name': 'f'})",
                                                          R"({"name": f})",
                                                          R"(f(x=1))",
                                                          "",
                                                          R"({"name": "f", "arguments": [1]})",
                                                          R"({"name": 1, "arguments": {}})",
                                                          R"({"name": "", "arguments": {}})",
                                                          R"({"arguments": {}})",
                                                          R"([{"name": "f", "arguments": {}}])",
                                                          R"({"name": "f", "name": "g"})",
                                                          R"({"name": "f", "arguments": {}, "parameters": {}})",
                                                          R"({"name": "f", "arguments": "no object"})",
                                                          R"({"name": "f", "arguments": {"a": 1e999}})",
                                                          R"({"name": "f", "arguments": {"a": NaN}})",
                                                          R"({"name": "f", "arguments": {"a": "\x"}})",
                                                          "{\"name\": \"f\", \"arguments\": {\"a\": \"\xFF\"}}",
                                                          "{\"name\": \"f\", \"arguments\": {\"a\": \"line\nbreak\"}}",
                                                          R"({"name": "f"} and more)",
                                                          R"({"name": "f", )" + nested}) {
    const std::string text = "T <tool_call>\n" + body + "\n</tool_call>";
    const ChatResult result = parse(kHermes, text);
    EXPECT_EQ(result.content, text);
    EXPECT_TRUE(result.tool_calls.empty()) << body;
  }
}

TEST(ChatParser, a_call_behind_a_malformed_one_is_found) {
  const ChatResult result = parse(kHermes,
                                  "<tool_call>{\"name\": \"f\", \"arguments\": {}</tool_call>\n"
                                  "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>");
  EXPECT_EQ(calls_of(result), (Calls{call("g", "{}")}));
  EXPECT_EQ(result.content, "<tool_call>{\"name\": \"f\", \"arguments\": {}</tool_call>");
}

TEST(ChatParser, a_marker_inside_a_broken_string_starts_no_call) {
  const std::string text =
      R"(<tool_call>{"name": "f", "arguments": {"a": "<tool_call>{\"name\": \"g\"}</tool_call>"}])";
  EXPECT_EQ(parse(kHermes, text).content, text);
}

TEST(ChatParser, a_call_cut_before_its_closing_tag_is_one_only_where_its_json_is_whole) {
  EXPECT_EQ(calls_of(parse(kHermes, "<tool_call>{\"name\": \"f\"}")), (Calls{call("f", "{}")}));
  EXPECT_EQ(calls_of(parse(kHermes, "<tool_call>{\"name\": \"f\"}\n</tool_c")), (Calls{call("f", "{}")}));
  const std::string cut = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"b";
  EXPECT_EQ(parse(kHermes, cut).content, cut);
}

TEST(ChatParser, arguments_written_as_a_string_are_taken_out_of_it) {
  EXPECT_EQ(calls_of(parse(kHermes, R"(<tool_call>{"name": "f", "arguments": "{\"a\": 1}"}</tool_call>)")),
            (Calls{call("f", R"({"a": 1})")}));
}

TEST(ChatParser, without_offered_tools_calls_are_content) {
  const std::string text = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  EXPECT_EQ(parse_chat(kHermes, {}, text).content, text);
  EXPECT_EQ(parse_chat(kLlama3, {}, R"({"name": "f", "parameters": {}})").content,
            R"({"name": "f", "parameters": {}})");
}

TEST(ChatParser, calls_inside_reasoning_are_reasoning) {
  const std::string text = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  const ChatResult result = parse(think_format(ToolSyntax::tagged_json), "<think>" + text);
  EXPECT_EQ(result.reasoning, text);
  EXPECT_TRUE(result.tool_calls.empty());
}

TEST(ChatParser, a_call_follows_reasoning) {
  const ChatResult result = parse(think_format(ToolSyntax::tagged_json),
                                  "<think>\nI need f.\n</think>\n\n<tool_call>\n{\"name\": \"f\"}\n</tool_call>");
  EXPECT_EQ(result.reasoning, "I need f.");
  EXPECT_EQ(result.content, "");
  EXPECT_EQ(calls_of(result), (Calls{call("f", "{}")}));
}

TEST(ChatParser, llama3_json_is_a_call_only_as_the_whole_message) {
  const std::string one = R"({"name": "f", "parameters": {"q": "x"}})";
  EXPECT_EQ(calls_of(parse(kLlama3, one)), (Calls{call("f", R"({"q": "x"})")}));
  EXPECT_EQ(calls_of(parse(kLlama3, "\n" + one + "; " + one + "\n")).size(), 2U);
  EXPECT_EQ(calls_of(parse(kLlama3, R"({"type": "function", "name": "f", "parameters": {}})")).size(), 1U);
  EXPECT_EQ(calls_of(parse(kLlama3, R"({"type": "function", "function": {"name": "f", "parameters": {}}})")),
            (Calls{call("f", "{}")}));
  for (const std::string& text :
       std::vector<std::string>{one + " is what I would call", "I call " + one, std::string(R"({"name": "f"})"),
                                std::string(R"({"name": "f", "parameters": {}, "age": 3})"), one + " {"})
    EXPECT_EQ(parse(kLlama3, text).content, text);
}

TEST(ChatParser, python_tag_announces_calls_and_code_stays_content) {
  EXPECT_EQ(calls_of(parse(kLlama3, R"(So: <|python_tag|>{"name": "f", "parameters": {}})")), (Calls{call("f", "{}")}));
  EXPECT_EQ(calls_of(parse(kLlama3, R"x(<|python_tag|>search.call(query="a, \"b\" = )", n=1, l=[1, {"k": 2}]))x")),
            (Calls{call("search", R"x({"query": "a, \"b\" = )", "n": 1, "l": [1, {"k": 2}]})x")}));
  EXPECT_EQ(calls_of(parse(kLlama3, "<|python_tag|>now.call()")), (Calls{call("now", "{}")}));
  for (const std::string& code : std::vector<std::string>{
           "print(\"x\")", "import math\nmath.sqrt(2)", "f.call(a='b')", "f.call(a=b)", "f.call(\"a\")",
           "f.call(a=1, a=2)", "f.call(a=\"b\"", "f.call(a=1])", "f.call(=1)", "f.calls()", ".call()", ""})
    EXPECT_EQ(parse(kLlama3, "<|python_tag|>" + code).content, "<|python_tag|>" + code);
}

TEST(ChatParser, mistral_calls_are_an_array_or_names_with_arguments) {
  EXPECT_EQ(
      calls_of(parse(kMistral, R"([TOOL_CALLS] [{"name": "f", "arguments": {"a":1}}, {"name": "g", "arguments": {},
                                        "id": "abcDEF123"}])"),
               true)[1],
      call("g", "{}", "abcDEF123"));
  const ChatResult named =
      parse(kMistral, "Sure.[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[CALL_ID]123456789[ARGS] {}");
  EXPECT_EQ(named.content, "Sure.");
  EXPECT_EQ(calls_of(named), (Calls{call("f", "{\"a\": 1}"), call("g", "{}")}));
  EXPECT_EQ(named.tool_calls[1].id, "123456789");
}

TEST(ChatParser, a_list_with_one_malformed_call_is_content) {
  for (const std::string& text : std::vector<std::string>{
           R"([TOOL_CALLS][{"name": "f", "arguments": {}}, {"nome": "g"}])", "[TOOL_CALLS][]", "[TOOL_CALLS]f[ARGS]{a}",
           "[TOOL_CALLS]f[ARGS][1]", "[TOOL_CALLS]two words[ARGS]{}", "[TOOL_CALLS]f[CALL_ID]1[CALL_ID]2[ARGS]{}",
           "[TOOL_CALLS]f[ARGS", "[TOOL_CALLS]", "[TOOL_CALLS]f"}) {
    const ChatResult result = parse(kMistral, text);
    EXPECT_EQ(result.content, text);
    EXPECT_TRUE(result.tool_calls.empty()) << text;
  }
}

TEST(ChatParser, ids_are_nine_letters_or_digits_and_differ) {
  std::set<std::string> ids;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::string text;
    for (int i = 0; i < 20; ++i) text += "<tool_call>{\"name\": \"f\"}</tool_call>";
    for (const ToolCall& item : parse_chat(kHermes, {.has_tools = true, .id_seed = seed}, text).tool_calls) {
      EXPECT_EQ(item.id.size(), 9U);
      EXPECT_TRUE(std::ranges::all_of(item.id, [](unsigned char c) { return std::isalnum(c) != 0; }));
      ids.insert(item.id);
    }
  }
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(ChatParser, megabytes_of_broken_markers_take_linear_time) {
  for (const std::string& piece :
       std::vector<std::string>{"<tool_call>{\"", "<tool_call>", "<think>", "<", "\n", "<tool_call>{\"name\":\"f\"}"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    const ChatFormat format = think_format(ToolSyntax::tagged_json);
    ChatParser parser(format, {.has_tools = true});
    size_t n_bytes = 0;
    const auto count = [&](const ChatDelta& delta) {
      for (const ChatPart& part : delta.parts) n_bytes += part.text.size();
    };
    for (size_t done = 0; done < text.size(); done += 5) count(parser.push(std::string_view(text).substr(done, 5)));
    count(parser.finish());
    EXPECT_EQ(n_bytes, text.size());
    EXPECT_EQ(parse_chat(format, {.has_tools = true}, text).content.empty(),
              piece.ends_with('}') || piece == "<think>");
  }
}

TEST(ChatMessage, an_answer_becomes_a_message_of_the_history) {
  ChatResult result;
  result.content = "Hi";
  EXPECT_EQ(assistant_message(result).dump(), R"({"role":"assistant","content":"Hi"})");
  result.reasoning = "r";
  result.tool_calls = {call("f", R"({"b": 1, "a": 2})", "id1")};
  EXPECT_EQ(assistant_message(result).dump(),
            R"({"role":"assistant","content":"Hi","reasoning_content":"r","tool_calls":[{"id":"id1","type":"function",)"
            R"("function":{"name":"f","arguments":{"b":1,"a":2}}}]})");
}

}  // namespace
}  // namespace quandex
