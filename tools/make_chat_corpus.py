#!/usr/bin/env python3
"""Writes the seeds of the fuzz target chat_parser: the number of a format in tests/text/chat/chat_formats.cpp, a seed of
the cuts, and a text as a model of that format writes it.

Usage: tools/make_chat_corpus.py
"""
import pathlib

CALL = '{"name": "f", "arguments": {"a": [1, 2.5, "}\\"\\u00e9"]}}'
TEXTS = {  # name: (format, text)
    "qwen_thinks": (0, "<think>\nHm.\n</think>\n\nYes."),
    "qwen_calls": (0, f"<think>\n\n</think>\n\nA\n<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{CALL}\n</tool_call>"),
    "qwen_broken": (0, f"<tool_call>\n{CALL[:-1]}\n</tool_call>\n<tool_call>{CALL}"),
    "qwen_no_tools": (1, f"<think>a</think><tool_call>{CALL}</tool_call>"),
    "qwq": (2, "<think>\nHm.\n</think>\n\nYes."),
    "llama_bare": (5, '{"name": "f", "parameters": {"q": "x"}}; {"name": "g", "parameters": {}}'),
    "llama_tagged": (5, '<|python_tag|>{"type": "function", "function": {"name": "f", "parameters": {}}}'),
    "llama_python": (5, '<|python_tag|>search.call(query="a", n=[1, {"k": 2}])'),
    "mistral_array": (6, f'[TOOL_CALLS] [{CALL}, {{"name": "g", "arguments": {{}}, "id": "abcDEF123"}}]'),
    "mistral_named": (6, 'A[TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[CALL_ID]123456789[ARGS]{}'),
    "magistral": (7, "[THINK]Hm.[/THINK]Yes.[TOOL_CALLS]f[ARGS]{}"),
    "harmony": (8, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes."),
    "granite": (9, "<think>Hm.</think>\n<response>\nYes.\n</response>\n"),
}


def main() -> None:
    folder = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus" / "chat_parser"
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (form, text)) in enumerate(TEXTS.items()):
        (folder / f"{name}.answer").write_bytes(bytes([form, number]) + text.encode())


if __name__ == "__main__":
    main()
