"""generate: writes VERB.schema.json, the JSON Schema of what `svcctl --json VERB` prints, for each verb that the file
`shapes` has a line for; types come from there and from the interface file of the control socket. It is run by `make gen`.

    generate.py write|check
"""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = (os.path.join(HERE, "../org.svcd.Supervisor.varlink"), os.path.join(HERE, "shapes"))
PLAIN = {"int": {"type": "integer"}, "bool": {"type": "boolean"}, "string": {"type": "string"}, "object": {"type": "object"},
         "any": {}, "float": {"type": "number"}}


class Parser:
    """Types in Varlink's notation: [], [string], ?, (name: type, …) and names; and A | B; "..." stands for members that
    have no names of their own."""

    def __init__(self, text):
        self.tokens = re.findall(r"\[string\]|\[\]|\.\.\.|[\w.]+|[?():,|]", text)

    def take(self, wanted=None):
        if not self.tokens or wanted not in (None, self.tokens[0]):
            raise SystemExit(f"expected {wanted or 'more'} before {' '.join(self.tokens[:6])}")
        return self.tokens.pop(0)

    def type(self):
        token = self.take()
        if token == "?":
            inner = self.type()
            if isinstance(inner.get("type"), str):
                return {**inner, "type": [inner["type"], "null"]}
            return {"anyOf": [inner, {"type": "null"}]}
        if token == "[]":
            return {"type": "array", "items": self.type()}
        if token == "[string]":
            return {"type": "object", "additionalProperties": self.type()}
        if token == "(":
            return self.members()
        return dict(PLAIN[token]) if token in PLAIN else {"$ref": f"#/definitions/{token}"}

    def members(self):
        properties, required, more = {}, [], {}
        while self.tokens[0] != ")":
            name = self.take()
            if name == "...":
                more = {"additionalProperties": True}
                continue
            self.take(":")
            if self.tokens[0] != "?":
                required.append(name)
            properties[name] = self.type()
            if self.tokens[0] == ",":
                self.take()
        self.take(")")
        return {"type": "object", "properties": properties, "required": required, **more}

    def either(self):
        kinds = [self.type()]
        while self.tokens:
            self.take("|")
            kinds.append(self.type())
        return kinds


def statements():
    """Those of both files; each begins at the beginning of a line and goes on until the next does."""
    for path in SOURCES:
        with open(path, encoding="utf-8") as f:
            lines = [line for line in f.read().splitlines() if line.strip() and not line.startswith("#")]
        while lines:
            said = lines.pop(0)
            while lines and re.match(r"[\s)]", lines[0]):
                said += " " + lines.pop(0)
            yield said


def used(schema, types, found):
    """The definitions that a schema needs, and they themselves."""
    for name in re.findall(r'"#/definitions/([\w.]+)"', json.dumps(schema)):
        if name not in types:
            raise SystemExit(f"no type {name}")
        if name not in found:
            found[name] = types[name]
            used(types[name], types, found)
    return dict(sorted(found.items()))


def schemas():
    """Of each verb."""
    types, verbs = {}, {}
    for said in statements():
        word, rest = (said.split(None, 1) + [""])[:2]
        if word == "type":
            name = re.match(r"\w+", rest)[0]
            types[name] = Parser(rest[len(name):]).type()
        elif word == "words":
            where, *words = rest.split()
            name, member = where.split(".")
            of = types[name]["properties"][member]
            of["enum"] = words + ([None] if "null" in of["type"] else [])
        elif word == "always":
            name, *members = rest.split()
            types[name]["required"] += [m for m in members if m not in types[name]["required"]]
        elif word in ("verb", "lines"):
            names, shape = rest.split("=", 1)
            for name in names.split():
                verbs[name] = (word, Parser(shape).either())
    made = {}
    for verb, (how, kinds) in verbs.items():
        about = "each line" if how == "lines" else "what is printed"
        kinds = kinds + [{"$ref": "#/definitions/Failure"}]
        made[verb] = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"svcctl --json {verb}",
                      "description": f"{about}; members that are not listed may be added", "anyOf": kinds,
                      "definitions": used(kinds, types, {})}
    return made


def main():
    failed = 0
    made = {f"{verb}.schema.json": json.dumps(s, indent=1) + "\n" for verb, s in schemas().items()}
    there = {n for n in os.listdir(HERE) if n.endswith(".schema.json")}
    for name in sorted(set(made) | there):
        path, old = os.path.join(HERE, name), None
        if name in there:
            with open(path, encoding="utf-8") as f:
                old = f.read()
        if made.get(name) == old:
            continue
        print(f"conf/json/{name}" + (" is not what conf/json/shapes says: make gen" if sys.argv[1] == "check" else ""))
        failed = sys.argv[1] == "check"
        if sys.argv[1] == "write" and name in made:
            with open(path, "w", encoding="utf-8") as f:
                f.write(made[name])
        elif sys.argv[1] == "write":
            os.unlink(path)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
