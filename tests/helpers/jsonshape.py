"""jsonshape: judges what `svcctl --json` prints by conf/json/VERB.schema.json. The harness does so with all that any test
sees, thousands of times, so this knows only what those schemas use, and is quick; tests/golden/test_shapes.py compares it
with a real validator. It is stricter than they are: a member that they do not list is an error.
"""

import functools
import json
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "conf/json")
KINDS = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool, "integer": int,
         "number": (int, float)}


@functools.lru_cache(None)
def schema(verb):
    """None: its output has no schema."""
    path = os.path.join(FOLDER, verb + ".schema.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return json.load(f)


@functools.lru_cache(None)
def shapes():
    with open(os.path.join(FOLDER, "shapes"), encoding="utf-8") as f:
        return f.read()


@functools.lru_cache(None)
def named(word):
    """The verbs in lines that begin with a word: verb, lines, text."""
    return {v for line in re.findall(rf"^{word} ([^=\n]*)", shapes(), re.M) for v in line.split()}


def wrong(value, of, root, path=""):
    """What does not fit, as a sentence; None if all does."""
    if "$ref" in of:
        return wrong(value, root["definitions"][of["$ref"].rsplit("/", 1)[1]], root, path)
    if "anyOf" in of:
        said = [wrong(value, kind, root, path) for kind in of["anyOf"]]
        return None if None in said else max(said, key=lambda s: s.split(": ")[0].count(".") - s.startswith("the document"))
    kinds = of.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, KINDS[k]) and (k == "boolean" or not isinstance(value, bool)) for k in kinds):
        return f"{path or 'the document'}: {json.dumps(value)[:100]} is not {' or '.join(kinds)}"
    if "enum" in of and value not in of["enum"]:
        return f"{path}: {json.dumps(value)[:100]} is none of {of['enum']}"
    if isinstance(value, list):
        return next(filter(None, (wrong(v, of.get("items", {}), root, f"{path}[{i}]") for i, v in enumerate(value))), None)
    return wrong_members(value, of, root, path) if isinstance(value, dict) else None


def wrong_members(value, of, root, path):
    missing = [m for m in of.get("required", []) if m not in value]
    if missing:
        return f"{path or 'the document'}: lacks {', '.join(missing)}"
    more = of.get("additionalProperties", "properties" not in of)
    for name, member in value.items():
        inner = of.get("properties", {}).get(name, more)
        if inner is False:
            return f"{path}.{name}: is not listed"
        said = wrong(member, inner, root, f"{path}.{name}") if inner is not True else None
        if said:
            return said
    return None


def documents(verb, out):
    """The documents that were printed; ValueError if it is no JSON."""
    try:
        return [json.loads(out)]
    except ValueError:
        if verb not in named("lines") and verb != "logs":
            raise
        return [json.loads(line) for line in out.splitlines()]


def judge(verb, out):
    """What is wrong with the output of a verb that was called with --json; None if nothing is."""
    if verb in named("text"):
        return None
    of = schema(verb)
    if of is None:
        return f"svcctl --json {verb} has no schema: add a line for it to conf/json/shapes, then make gen"
    try:
        found = documents(verb, out)
    except ValueError as e:
        return f"svcctl --json {verb} does not print JSON: {e}: {out[:300]!r}"
    return next(filter(None, (wrong(d, of, of) for d in found)), None)


def called(arguments):
    """The verb of a command line with --json; None without --json."""
    arguments = [str(a) for a in arguments]
    arguments = arguments[:arguments.index("--")] if "--" in arguments else arguments
    if "--json" not in arguments and "-j" not in arguments:
        return None
    if {"--version", "-V", "--help", "-h"} & set(arguments):
        return "version" if {"--version", "-V"} & set(arguments) else "help"
    known = named("verb") | named("lines") | named("text")
    return next((a for a in arguments if a in known), "status")
