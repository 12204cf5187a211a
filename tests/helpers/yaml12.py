"""yaml12: PyYAML with the types of YAML 1.2's core schema, as editors have them: `yes` and 1:30 are text, 012 is twelve."""

import re

import yaml


class Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
         "-+0123456789."),
        ("merge", "<<", "<")):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text, 10)


Loader.add_constructor("tag:yaml.org,2002:int", _int)


def _map(loader, node):
    loader.flatten_mapping(node)
    # Keys are text to an editor, as in JSON.
    return {k.value if isinstance(k, yaml.ScalarNode) else "?": loader.construct_object(v, deep=True) for k, v in node.value}


Loader.add_constructor("tag:yaml.org,2002:map", _map)


def load(text):
    """Raises yaml.YAMLError for what is no YAML."""
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
