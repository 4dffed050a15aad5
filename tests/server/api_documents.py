"""Checks answers against OpenAPI documents: the server's own /openapi.json, and OpenAI's where ../shared/data/api has it.
Needs PyPI's jsonschema, and PyYAML for OpenAI's.
"""

import copy
import json
import pathlib
import re

import jsonschema

OPENAI = pathlib.Path(__file__).parents[3] / "shared" / "data" / "api" / "openai" / "openapi.yaml"
PREFIX = "#/components/schemas/"

EVENTS = {"/chat/completions": "ChatCompletionChunk", "/completions": "TextCompletion"}  # in our own document


def same_path(a, b):
    """Whatever the names of their parts in braces."""
    return re.sub(r"\{\w+\}", "{}", a) == re.sub(r"\{\w+\}", "{}", b)


class Document:
    """One document. Paths are looked up below `base`; validators are made once for each kind of answer."""

    def __init__(self, name, document, base=""):
        self.name, self.document, self.base = name, document, base
        self.validators = {}

    def check(self, answer, method, path, status=200, media="application/json"):
        """Raises AssertionError with what is wrong and where."""
        key = (method, path, str(status), media)
        if key not in self.validators:
            self.validators[key] = self._validator(*key)
        wrong = [f"{error.json_path}: {error.message[:300]}" for error in self.validators[key].iter_errors(answer)]
        if wrong:
            raise AssertionError(f"{self.name}, {' '.join(key)}: {wrong}\n{json.dumps(answer)[:2000]}")

    def _validator(self, method, path, status, media):
        try:
            (item,) = [item for name, item in self.document["paths"].items() if same_path(name, self.base + path)]
            answers = item[method]["responses"]
            answer = answers.get(status) or answers.get(f"{status[0]}XX") or answers["default"]
            answer = self._resolved(answer)
            schema = answer["content"][media]["schema"]
            if media == "text/event-stream" and schema.get("type") == "string":  # the name of its events' is in the text
                schema = {"$ref": PREFIX + EVENTS[path]}
        except (KeyError, ValueError) as error:
            raise AssertionError(f"{self.name} says nothing of {method} {path} {status} {media}: {error}") from None
        used = {}
        self._collect(schema, used)
        whole = {**with_null(schema), "components": {"schemas": {name: with_null(part) for name, part in used.items()}}}
        return jsonschema.Draft202012Validator(whole)

    def _resolved(self, part):
        while "$ref" in part:
            node = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                node = node[name.replace("~1", "/").replace("~0", "~")]
            part = node
        return part

    def _collect(self, part, used):
        """The named schemas that a schema stands on: validators of a whole document would take seconds to make."""
        if isinstance(part, list):
            for item in part:
                self._collect(item, used)
        elif isinstance(part, dict):
            name = part.get("$ref")
            if isinstance(name, str):
                assert name.startswith(PREFIX), name
                name = name.removeprefix(PREFIX)
                if name not in used:
                    used[name] = self.document["components"]["schemas"][name]
                    self._collect(used[name], used)
            for value in part.values():
                self._collect(value, used)


def with_null(part):
    """OpenAPI 3.0's `nullable`, which OpenAI's document still has here and there, in the words of JSON Schema."""
    if isinstance(part, list):
        return [with_null(item) for item in part]
    if not isinstance(part, dict):
        return part
    result = {key: with_null(value) for key, value in part.items() if key != "nullable"}
    return {"anyOf": [result, {"type": "null"}]} if part.get("nullable") is True else result


def openai_document():
    """OpenAI's, or None where it is absent."""
    if not OPENAI.is_file():
        return None
    import yaml
    document = yaml.load(OPENAI.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # What their document leaves out and their recorded answers have: the nulls of text completions, in streams and where
    # a prompt is echoed. The path of their streams names no media type of its own.
    answer = document["components"]["schemas"]["CreateCompletionResponse"]
    choice = answer["properties"]["choices"]["items"]["properties"]
    for scores in ("token_logprobs", "top_logprobs"):
        items = choice["logprobs"]["anyOf"][0]["properties"][scores]
        items["items"] = {"anyOf": [items["items"], {"type": "null"}]}
    chunk = copy.deepcopy(answer)
    reason = chunk["properties"]["choices"]["items"]["properties"]["finish_reason"]
    chunk["properties"]["choices"]["items"]["properties"]["finish_reason"] = {"anyOf": [reason, {"type": "null"}]}
    chunk["properties"]["usage"] = {"anyOf": [chunk["properties"]["usage"], {"type": "null"}]}
    content = document["paths"]["/completions"]["post"]["responses"]["200"]["content"]
    content["text/event-stream"] = {"schema": chunk}
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"]["default"] = {
                    "content": {"application/json": {"schema": {"$ref": PREFIX + "ErrorResponse"}}}}
    return Document("OpenAI's document", document)


class Documents:
    """Both of them."""

    def __init__(self, server):
        self.all = [Document("/openapi.json", server.get("/openapi.json").json(), "/v1")]
        theirs = openai_document()
        if theirs:
            self.all.append(theirs)

    def check(self, answer, method, path, status=200, media="application/json"):
        for document in self.all:
            document.check(answer, method, path, status, media)
