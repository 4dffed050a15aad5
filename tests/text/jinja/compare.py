"""Whether two renderings of one template agree: Python's (the expectation) and ours."""
import re

# Python prints the addresses of generators, functions and the like, which another process cannot know.
ADDRESS = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)
# Kinds of difference that random templates may show; real ones must not. `optimizer`: jinja2 evaluates constant parts when
# it compiles, where a slice of a number is undefined, say, and not the error that it is at any other time.
BY_DESIGN = ("unsupported", "64 bits", "address", "optimizer")
PLACE = re.compile(r"case: line \d+ column \d+: ")


def difference(reference, answer):
    """What is different, as (kind, text); None where the two agree.

    Errors agree when both sides have one; messages only have to where the template itself raised one. The engine says
    `unsupported` where it refuses what Python has, which is a kind of its own, as are the two things that it documents:
    integers have 64 bits, and there is no text of objects that Python prints with their address.
    """
    if "crash" in answer:
        return "crash", f"the process ended with {answer['crash']}"
    error = answer.get("error")
    if reference.text is not None:
        if error:
            return kind_of(error), error["message"]
        is_same = reference.text == answer["text"] or ADDRESS.search(reference.text)
        return None if is_same else ("text", answer["text"])
    if error and error["code"] == "unsupported":
        return None if not reference.is_raised else ("unsupported", error["message"])
    if not error:
        return "no error", answer["text"]
    if not PLACE.match(error["message"]):
        return "place", error["message"]
    if reference.is_raised:
        if error["code"] != "invalid_argument" or not error["message"].endswith(": " + reference.message):
            return "raised", f"{error['code']}: {error['message']}"
    elif error["code"] != "invalid_file":
        return "code", f"{error['code']}: {error['message']}"
    return None


def kind_of(error):
    if "64 bits" in error["message"]:
        return "64 bits"
    if "which differs from run to run in Python" in error["message"]:
        return "address"
    return "unsupported" if error["code"] == "unsupported" else "error"


def shrink(template, still_differs, n_tries=1500):
    """A shorter template of which the same can be said: pieces are left out while it stays true."""
    pieces = re.findall(r"\w+|\s+|.", template, re.S)
    size = max(1, len(pieces) // 2)
    while size:
        start = 0
        while start < len(pieces) and n_tries > 0:
            shorter = pieces[:start] + pieces[start + size:]
            n_tries -= 1
            if shorter and still_differs("".join(shorter)):
                pieces = shorter
            else:
                start += size
        size //= 2
    return "".join(pieces)
