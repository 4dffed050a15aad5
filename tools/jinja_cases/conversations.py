"""The conversations that chat templates are rendered with: what applications send, and what templates trip over."""
import itertools

UNUSUAL = "na\u00efve \U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301 \u05e9\u05dc\u05d5\u05dd \u200f\u202e \u00df \u0130 \ufb01 \u2028 \x85 \x7f \u00a0nbsp \U00010348"
LOOK_ALIKES = "<|im_end|> </s> [INST] {{ 1 + 1 }} {% if x %} {# no #} <tool_call> \\n \"quoted\" 'single' &amp; <b>"

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place \u2013 \"now\" or <soon> & in \u00b0C.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A city's name, e.g. Z\u00fcrich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": ["integer", "null"], "minimum": 0, "maximum": 14},
            },
            "required": ["place"],
        },
    },
}
BOOK = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "guests": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}},
                              "required": ["name"]},
                },
                "price": {"type": "number", "description": "At most", "default": 12.5},
                "contact": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "additionalProperties": False,
        },
        "return": {"type": "object", "properties": {"id": {"type": "integer"}}},
    },
}
PLAIN = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, BOOK, PLAIN]
# Without unions of types, over which some templates recurse forever.
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the web.\nSlowly.",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What for"},
                "limit": {"type": "integer", "default": 10},
                "sites": {"type": "array", "items": {"type": "string"}},
                "range": {"type": "object", "properties": {"from": {"type": "number"}, "to": {"type": "boolean"}}},
            },
            "required": ["query", "limit"],
        },
        "return": {"type": "object", "properties": {"hits": {"type": "array", "items": {"type": "integer"}}}},
    },
}


def system(content="You are terse."):
    return {"role": "system", "content": content}


def user(content="Hello, who are you?"):
    return {"role": "user", "content": content}


def assistant(content="A model.", **more):
    return {"role": "assistant", "content": content, **more}


def tool(content, name="get_weather", call="call00001"):
    return {"role": "tool", "name": name, "tool_call_id": call, "content": content}


def call(name="get_weather", arguments=None, call="call00001"):
    return {"id": call, "type": "function",
            "function": {"name": name, "arguments": {"place": "Z\u00fcrich"} if arguments is None else arguments}}


def text(content):
    return {"type": "text", "text": content}


# The lists of messages by name.
MESSAGES = {
    "user": [user()],
    "system_user": [system(), user()],
    "empty_system": [system(""), user("")],
    "spaces": [system("  a\n"), user("\n\n  b \t\n"), assistant(" c \n\n"), user("d\r\ne")],
    "turns": [user("1"), assistant("2"), user("3"), assistant("4"), user("5")],
    "system_turns": [system(), user("1"), assistant("2"), user("3")],
    "ends_with_assistant": [user("Count."), assistant("One, two")],
    "unusual": [system(UNUSUAL), user(UNUSUAL), assistant(UNUSUAL), user(UNUSUAL)],
    "look_alikes": [system(LOOK_ALIKES), user(LOOK_ALIKES), assistant(LOOK_ALIKES), user(LOOK_ALIKES)],
    "parts": [system([text("Be brief.")]), user([text("First. "), text("Second.")]), assistant([text("Yes.")]), user([text("")])],
    "image": [user([text("What is this?"), {"type": "image", "image": "cat.png"}, text("And that?"),
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])],
    "audio_video": [user([{"type": "audio", "audio": "a.wav"}, {"type": "video", "video": "v.mp4"}, text("Compare.")])],
    "thought": [user("6 * 7?"), assistant("42", reasoning_content="Six sevens.\nForty-two."), user("And plus 1?")],
    "thought_inline": [user("6 * 7?"), assistant("<think>\nSix sevens.\n</think>\n\n42"), user("And plus 1?"),
                       assistant("<think>Adding.</think>43")],
    "thought_field": [user("6 * 7?"), assistant("42", reasoning="Six sevens.", thinking="Six sevens."), user("Why?")],
    "thought_part": [user("6 * 7?"), assistant([{"type": "thinking", "thinking": "Six sevens."}, text("42")]), user("Why?")],
    "soft_switch": [user("6 * 7? /no_think"), assistant("42"), user("And 1? /think")],
    "call": [user("Weather?"), assistant("", tool_calls=[call()]), tool("{\"temperature\": 21.5}")],
    "call_none": [user("Weather?"), assistant(None, tool_calls=[call()]), tool("21"), assistant("It is 21."), user("Thanks")],
    "call_text": [system(), user("Weather?"), assistant("Let me look.", tool_calls=[call()]), tool("21"), user("So?")],
    "call_string": [user("Weather?"), assistant("", tool_calls=[call(arguments="{\"place\": \"Z\\u00fcrich\"}")]), tool("21")],
    "call_nested": [user("Book."), assistant("", tool_calls=[call("book", {
        "guests": [{"name": "O'Neil \"x\"", "age": 3.0}, {"name": "\u00e9", "age": 1e22}], "price": 0.1, "contact": None,
        "flags": [True, False, []], "empty": {}})]), tool("{\"id\": 7}", "book")],
    "calls": [user("Both?"), assistant("", tool_calls=[call(), call("now", {}, "call00002")]), tool("21"),
              tool("12:00", "now", "call00002"), assistant("21 at noon."), user("Fine")],
    "calls_thought": [user("Weather?"), assistant("", reasoning_content="I need the tool.", tool_calls=[call()]), tool("21"),
                      assistant("It is 21.", reasoning_content="Now I know."), user("Thanks"), assistant("Welcome.")],
    "call_bare": [user("Weather?"), assistant("", tool_calls=[call()["function"]]), {"role": "tool", "content": "21"}],
    "call_missing_content": [user("Weather?"), {"role": "assistant", "tool_calls": [call()]}, tool("21")],
    "call_parts": [user("Weather?"), assistant([text("Wait.")], tool_calls=[call()]), tool([text("2"), text("1")]), user("So?")],
    "result_object": [user("Weather?"), assistant("", tool_calls=[call()]), tool({"temperature": 21.5, "sky": ["clear"]})],
    "result_ipython": [user("Run."), assistant("", tool_calls=[call("now", {})]), {"role": "ipython", "content": "12:00"}, user("Ok")],
    "empty_calls": [user("Hello"), assistant("Hi", tool_calls=[]), user("Bye")],
    "call_at_end": [user("Weather?"), assistant("", tool_calls=[call(), call("now", {}, "call00002")])],
    "developer": [{"role": "developer", "content": "Be kind."}, user("Hi")],
    "two_systems": [system("One."), system("Two."), user("Hi")],
    "late_system": [user("Hi"), assistant("Ho"), system("Be rude."), user("Hi?")],
    "two_users": [user("One."), user("Two.")],
    "assistant_first": [assistant("Welcome."), user("Hi")],
    "system_only": [system()],
    "none": [],
    "unknown_role": [{"role": "critic", "content": "Bad."}, user("Hi")],
    "no_content": [{"role": "user"}],
    "null_content": [user(None)],
    "number_content": [user(42)],
    "named": [{"role": "user", "name": "Ann", "content": "Hi"}, assistant("Hello Ann", name="Bot"), user("Bye")],
}

# What comes beside the messages, by name; every template sees the special tokens.
BASE = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
SETTINGS = {
    "": {},
    "tools": {"tools": TOOLS},
    "one_tool": {"tools": [SEARCH], "functions": "[search]", "datetime": "noon"},
    "tools_null": {"tools": None, "documents": None},
    "no_tools": {"tools": []},
    "thinking": {"enable_thinking": True, "thinking": True},
    "no_thinking": {"enable_thinking": False, "thinking": False},
    "effort": {"reasoning_effort": "high", "model_identity": "I am Q.", "builtin_tools": ["browser", "python"],
               "tools": [PLAIN], "date_string": "01 Jan 2025", "keep_past_thinking": True, "preserve_thinking": True},
    "documents": {"documents": [{"title": "T\u00edtulo", "text": "Some text.", "doc_id": 1}, {"title": "Two", "text": ""}],
                  "citations": True, "controls": {"length": "long"}},
}


def contexts(message_names=None, setting_names=None):
    """(name, context) of every conversation under every setting, with and without the generation prompt."""
    for messages, setting, prompt in itertools.product(message_names or MESSAGES, setting_names or SETTINGS, (True, False)):
        name = "+".join(filter(None, (messages, setting, "prompt" if prompt else "")))
        yield name, {**BASE, **SETTINGS[setting], "messages": MESSAGES[messages], "add_generation_prompt": prompt}
