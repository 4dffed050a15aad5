"""Builds ChatML documents: real dialogues, story requests, small talk, capitals."""

import random
import re
from collections import Counter

from settings import TURN_END, TURN_START
from smalltalk import (GREETINGS, REPLIES_TO_THANKS, SYSTEM_PROMPTS, THANKS, WELCOMES, make_turns)
from sources import vary_story

# Things that a story can be asked for; the story must name one at least twice.
STORY_SUBJECTS = (
    "dog cat bird bunny rabbit bear duck frog fish mouse fox lion elephant horse cow pig monkey owl "
    "squirrel turtle butterfly bee spider dragon fairy princess prince king queen knight wizard witch "
    "farmer doctor teacher robot doll ball car truck train boat ship plane bike kite balloon toy box "
    "tree flower garden forest park farm beach lake river mountain castle cave house kitchen school "
    "rain snow storm star moon cake cookie apple banana soup picnic party birthday gift hat shoe "
    "coat dress ring necklace book letter map key treasure magic crown bridge rainbow puppy kitten "
    "chicken sheep goat tiger zebra giraffe crab whale dolphin shark snail ant bug dinosaur pirate"
).split()
REQUESTS = [
    "Tell me a story about {0}.", "Tell me a story about {0}", "Can you tell me a story about {0}?",
    "Please tell me a story about {0}.", "I would like to hear a story about {0}.", "Write a short story about {0}.",
    "Do you know a story about {0}?", "Could you write a story about {0}?", "A story about {0}, please!",
]
OPEN_REQUESTS = [
    "Tell me a story.", "Tell me a story", "Can you tell me a story?", "Please tell me a short story.",
    "I want to hear a story!", "Write a story for children.", "Do you know a story?", "Tell me a bedtime story.",
]
LEAD_INS = ["Sure! Here is a story about {0}.", "Of course! This is a story about {0}.", "I would love to!", "Yes! Listen.", "Here is one for you."]
PRAISE = ["That was a nice story!", "I liked that story.", "What a lovely story! Thank you.", "Thank you for the story!"]
ANSWERS_TO_PRAISE = ["I am glad that you liked it!", "Thank you! Would you like to hear another one?", "You are welcome! I like telling stories."]


def to_messages(turns: list[str]) -> list[dict]:
    return [{"role": ("user", "assistant")[index % 2], "content": turn} for index, turn in enumerate(turns)]


def render(messages: list[dict]) -> str:
    """The same text that the chat template makes of these messages."""
    return "".join(f"{TURN_START}{m['role']}\n{m['content']}{TURN_END}\n" for m in messages)


def render_with_system(messages: list[dict], chance: random.Random) -> str:
    if chance.random() < 0.2:
        messages = [{"role": "system", "content": chance.choice(SYSTEM_PROMPTS)}] + messages
    return render(messages)


def real_dialogue(messages: list[dict], chance: random.Random) -> str:
    """A recorded dialogue, from the start or from a later turn of the user, without a loose end."""
    first = 0
    if len(messages) > 8 and chance.random() < 0.3:
        first = 2 * chance.randrange(1, len(messages) // 2 - 2)
    part = messages[first:]
    return render_with_system(part[: len(part) - len(part) % 2], chance)


def subject_of(story: str, chance: random.Random) -> str:
    words = Counter(re.findall(r"[a-z]+", story))
    found = [word for word in STORY_SUBJECTS if words[word] >= 2]
    if not found:
        return ""
    subject = chance.choice(found)
    if subject in ("rain", "snow", "magic", "treasure", "soup"):
        return subject
    return ("an " if subject[0] in "aeiou" else "a ") + subject


def story_request(story: str, copy: int, chance: random.Random) -> str:
    """A user asks for a story, or for the rest of one, and gets it."""
    story = vary_story(story, copy, chance)
    kind = chance.random()
    opening, gap, rest = story.partition(". ")
    if kind < 0.1 and gap and len(opening) < 150:
        return render_with_system(to_messages([f"Continue this story: {opening}.", rest]), chance)
    subject = subject_of(story, chance)
    turns = [chance.choice(REQUESTS).format(subject), story] if subject and kind < 0.8 else [chance.choice(OPEN_REQUESTS), story]
    if chance.random() < 0.25:
        turns[1] = chance.choice(LEAD_INS).format(subject or "a good friend") + "\n\n" + turns[1]
    if chance.random() < 0.25:
        turns = [chance.choice(GREETINGS), chance.choice(WELCOMES)] + turns
    if chance.random() < 0.25:
        ending = (PRAISE, ANSWERS_TO_PRAISE) if chance.random() < 0.5 else (THANKS, REPLIES_TO_THANKS)
        turns += [chance.choice(ending[0]), chance.choice(ending[1])]
    return render_with_system(to_messages(turns), chance)


def capital_question(pairs: list[tuple[str, str]], chance: random.Random) -> list[str]:
    country, capital = chance.choice(pairs)
    question = chance.choice(["What is the capital of {0}?", "Which city is the capital of {0}?", "Do you know the capital of {0}?"])
    return [question.format(country), f"The capital of {country} is {capital}."]


def small_talk(pairs: list[tuple[str, str]], chance: random.Random) -> str:
    turns = make_turns(chance)
    if chance.random() < 0.12:
        turns = capital_question(pairs, chance)
    return render_with_system(to_messages(turns), chance)
