#!/usr/bin/env python3
"""The OpenAPI document is valid, answers validate against it, and against OpenAI's own where that is there.

usage: openapi_test.py PRINT_ANSWERS [OPENAI_DOCUMENT]
PRINT_ANSWERS is the program that prints the document and what the builders of answers make. Skipped (77) without the
packages of tools/requirements-test.txt.
"""

import copy
import json
import subprocess
import sys
import unittest
from pathlib import Path

try:
    import yaml
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

METHODS = {"get", "post"}
PROGRAM = Path(sys.argv[1])
OPENAI = Path(sys.argv[2]) if len(sys.argv) > 2 else None


def validator(document, name):
    """Of one schema of a document, within which references lead."""
    registry = Registry().with_resource("urn:document", Resource.from_contents(document, DRAFT202012))
    return Draft202012Validator({"$ref": f"urn:document#/components/schemas/{name}"}, registry=registry)


def faults(document, name, value):
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(document, name).iter_errors(value)]


def walk(node, path=""):
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{path}/{index}")


def closed(document):
    """The document with objects that have no members but those named, so that nothing is sent undescribed."""
    result = copy.deepcopy(document)
    for _, node in walk(result["components"]["schemas"]):
        if isinstance(node, dict) and isinstance(node.get("properties"), dict) and "type" in node:
            node.setdefault("additionalProperties", False)
    return result


def with_nulls(node):
    """OpenAI's document says it is 3.1 and uses 3.0's `nullable`."""
    if isinstance(node, list):
        return [with_nulls(value) for value in node]
    if not isinstance(node, dict):
        return node
    result = {key: with_nulls(value) for key, value in node.items() if key not in ("example", "examples", "x-oaiMeta")}
    if result.pop("nullable", None) is True:
        return {"anyOf": [result, {"type": "null"}]}
    return result


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        output = subprocess.run([PROGRAM], capture_output=True, check=True, text=True, timeout=60).stdout
        first, *rest = output.splitlines()
        cls.document = json.loads(first)
        cls.samples = [json.loads(line) for line in rest]
        cls.schemas = cls.document["components"]["schemas"]

    def test_every_schema_is_a_json_schema(self):
        for name, schema in self.schemas.items():
            with self.subTest(name):
                Draft202012Validator.check_schema(schema)

    def test_every_reference_leads_to_a_schema_and_every_schema_is_used(self):
        used = set()
        for path, node in walk(self.document):
            if path.endswith("/$ref"):
                self.assertTrue(node.startswith("#/components/schemas/"), path)
                used.add(node.rsplit("/", 1)[1])
        self.assertEqual(set(self.schemas), used)

    def test_it_has_the_form_of_openapi_3_1(self):
        self.assertEqual(self.document["openapi"], "3.1.0")
        self.assertLessEqual({"title", "version"}, set(self.document["info"]))
        operations = set()
        for path, item in self.document["paths"].items():
            self.assertTrue(path.startswith("/"), path)
            self.assertLessEqual(set(item), METHODS, path)
            for operation in item.values():
                self.check_operation(path, operation)
                operations.add(operation["operationId"])
        self.assertEqual(len(operations), len(self.document["paths"]), "an operationId is there twice")
        self.assertEqual(self.document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer")

    def check_operation(self, path, operation):
        named = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
        self.assertEqual({parameter["name"] for parameter in operation.get("parameters", [])}, named, path)
        for status, response in operation["responses"].items():
            self.assertRegex(status, r"^[1-5]\d\d$")
            self.assertTrue(response["description"], path)
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                self.assertEqual(schema["$ref"], "#/components/schemas/ErrorResponse")
        for content in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for media, body in content.get("content", {}).items():
                self.assertIn("schema", body, f"{path} {media}")

    def test_all_endpoints_are_there(self):
        posts = {path for path, item in self.document["paths"].items() if "post" in item}
        gets = {path for path, item in self.document["paths"].items() if "get" in item}
        self.assertEqual(posts, {"/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize",
                                 "/apply-template"})
        self.assertEqual(gets, {"/v1/models", "/v1/models/{model}", "/health", "/metrics", "/openapi.json", "/"})
        for path, item in self.document["paths"].items():
            is_open = next(iter(item.values())).get("security") == []
            self.assertEqual(is_open, path in ("/", "/health"), path)

    def test_answers_and_full_requests_are_described_to_the_last_member(self):
        document = closed(self.document)
        self.assertGreater(len(self.samples), 15)
        for sample in self.samples:
            with self.subTest(sample["schema"], value=json.dumps(sample["value"])[:200]):
                self.assertEqual(faults(document, sample["schema"], sample["value"]), [])

    def test_what_is_refused_does_not_validate(self):
        chat = next(sample["value"] for sample in self.samples if sample["schema"] == "ChatRequest")
        self.assertEqual(faults(self.document, "ChatRequest", chat), [])
        changes = [{"temperature": 3}, {"temperature": "1"}, {"n": 0}, {"n": True}, {"messages": []}, {"unknown": 1},
                   {"grammar": "x"}, {"response_format": {"type": "json_object"}}, {"stop": [""]},
                   {"tool_choice": "required"}, {"logit_bias": {"1": 101}}, {"repetition_penalty": 0},
                   {"messages": [{"role": "owner", "content": "a"}]}, {"messages": [{"role": "user"}]},
                   {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
                   {"tools": [{"type": "function", "function": {"name": "two words"}}]},
                   {"tools": [{"type": "function", "function": {"name": "a", "strict": True}}]}]
        for change in changes:
            with self.subTest(json.dumps(change)):
                self.assertNotEqual(faults(self.document, "ChatRequest", {**chat, **change}), [])

    def test_answers_are_valid_by_openais_document(self):
        openai = self.openai_document()
        checked = set()
        for sample in self.samples:
            if sample["openai"]:
                checked.add(sample["openai"])
                with self.subTest(sample["openai"], value=json.dumps(sample["value"])[:200]):
                    self.assertEqual(faults(openai, sample["openai"], sample["value"]), [])
        self.assertEqual(checked, {"CreateChatCompletionResponse", "CreateChatCompletionStreamResponse",
                                   "CreateCompletionResponse", "ErrorResponse"})
        self.assertNotEqual(faults(openai, "CreateChatCompletionResponse", {"id": 1}), [], "validates anything")

    def test_every_property_of_openais_requests_is_known(self):
        openai = self.openai_document()["components"]["schemas"]

        def properties(schema):
            if "$ref" in schema:
                schema = openai[schema["$ref"].rsplit("/", 1)[1]]
            found = set(schema.get("properties", {}))
            for part in schema.get("allOf", []):
                found |= properties(part)
            return found

        for theirs, ours in (("CreateChatCompletionRequest", "ChatRequest"),
                             ("CreateCompletionRequest", "CompletionRequest"),
                             ("ChatCompletionRequestUserMessage", "UserMessage"),
                             ("ChatCompletionRequestSystemMessage", "SystemMessage"),
                             ("ChatCompletionRequestDeveloperMessage", "SystemMessage"),
                             ("ChatCompletionRequestAssistantMessage", "AssistantMessage"),
                             ("ChatCompletionRequestToolMessage", "ToolMessage"),
                             ("ChatCompletionRequestMessageContentPartText", "TextPart"),
                             ("ChatCompletionTool", "FunctionTool"), ("FunctionObject", "Function"),
                             ("ChatCompletionMessageToolCall", "FunctionToolCall")):
            with self.subTest(theirs):
                wanted = properties(openai[theirs])
                self.assertGreater(len(wanted), 1)
                self.assertEqual(wanted - set(self.schemas[ours]["properties"]), set())
        options = {"include_usage", "include_obfuscation"}
        self.assertEqual(set(self.schemas["StreamOptions"]["properties"]), options)

    def openai_document(self):
        if OPENAI is None or not OPENAI.is_file():
            self.skipTest("OpenAI's document is not there")
        if not hasattr(Document, "openai"):
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            Document.openai = with_nulls(yaml.load(OPENAI.read_text(encoding="utf-8"), Loader=loader))
        return Document.openai


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
