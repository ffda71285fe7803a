"""Checks JSON against the types that the official library writes down for Stripe's objects.

The library's classes carry annotations generated from Stripe's own description of its API: which fields there are, of what
type, and which may be null or missing (Optional) and which may not.
"""

import importlib
import inspect
import pkgutil
from decimal import Decimal
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
import stripe.test_helpers

NOTHING = type(None)


def _classes():
    """Every class of the library by name, for annotations that name a class of another module."""
    found = {"TestClock": stripe.test_helpers.TestClock}
    for module in pkgutil.iter_modules(stripe.__path__):
        if not module.ispkg:
            for name, value in vars(importlib.import_module(f"stripe.{module.name}")).items():
                if inspect.isclass(value):
                    found.setdefault(name, value)
    return found


CLASSES = _classes()


def fields_of(cls):
    """The fields a class describes, its parents' included."""
    fields = {}
    for base in reversed(cls.__mro__):
        described = issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject
        if described and not base.__name__.endswith("APIResource"):
            for name, annotation in base.__dict__.get("__annotations__", {}).items():
                if not name.startswith("_") and name != "OBJECT_NAME":
                    fields[name] = annotation
    return fields


def _alternatives(annotation):
    return list(get_args(annotation)) if get_origin(annotation) is Union else [annotation]


def complaints(value, annotation, where):
    """What is wrong with a JSON value, each as 'where: what'."""
    if isinstance(annotation, (ForwardRef, str)):
        name = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        if name not in CLASSES:
            return [f"{where}: the library has no class {name}"]
        annotation = CLASSES[name]
    origin = get_origin(annotation)
    if origin is Union:
        return _union_complaints(value, _alternatives(annotation), where)
    if origin is Literal:
        return [] if value in get_args(annotation) else [f"{where}: {value!r} is none of the known values"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        (item,) = get_args(annotation)
        return [c for i, v in enumerate(value) for c in complaints(v, item, f"{where}[{i}]")]
    if origin is not None and inspect.isclass(origin) and issubclass(origin, stripe.ListObject):
        return _list_complaints(value, get_args(annotation)[0], where)
    if origin is not None:
        # A map from text to something, such as metadata.
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        (item,) = get_args(annotation)
        if not inspect.isclass(item):
            return []
        return [c for k, v in value.items() for c in complaints(v, item, f"{where}.{k}")]
    if annotation is Any:
        return []
    if annotation is NOTHING:
        return [] if value is None else [f"{where}: {value!r} is not null"]
    if annotation is bool or annotation is str:
        return [] if isinstance(value, annotation) else [f"{where}: {value!r} is no {annotation.__name__}"]
    if annotation in (int, float):
        right = isinstance(value, int if annotation is int else (int, float)) and not isinstance(value, bool)
        return [] if right else [f"{where}: {value!r} is no {annotation.__name__}"]
    if annotation is Decimal:
        # On the wire a decimal is text.
        return [] if isinstance(value, str) and Decimal(value) is not None else [f"{where}: {value!r} is no decimal text"]
    if inspect.isclass(annotation) and issubclass(annotation, stripe.StripeObject):
        return object_complaints(value, annotation, where)
    return [f"{where}: no rule for {annotation!r}"]


def _union_complaints(value, alternatives, where):
    if value is None and NOTHING in alternatives:
        return []
    alternatives = [a for a in alternatives if a is not NOTHING]
    literals = [a for a in alternatives if get_origin(a) is Literal]
    if literals and isinstance(value, str):
        # The library lets new words through; the sandbox should not invent any.
        return complaints(value, literals[0], where)
    # An id or the object it stands for: the JSON type tells which.
    wanted = [a for a in alternatives if (a is str) == isinstance(value, str)] or alternatives
    tries = [complaints(value, a, where) for a in wanted]
    return min(tries, key=len)


def _list_complaints(value, item, where):
    if not isinstance(value, dict) or value.get("object") != "list":
        return [f"{where}: {value!r} is no list object"]
    missing = [f"{where}: no {key}" for key in ("data", "has_more", "url") if key not in value]
    return missing + [c for i, v in enumerate(value.get("data", [])) for c in complaints(v, item, f"{where}.data[{i}]")]


def object_complaints(value, cls, where):
    """What is wrong with a JSON object that should be of this class: missing, unknown and mistyped fields."""
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    fields, found = fields_of(cls), []
    for name, annotation in fields.items():
        if name in value:
            found += complaints(value[name], annotation, f"{where}.{name}")
        elif NOTHING not in _alternatives(annotation):
            found.append(f"{where}.{name}: missing")
    return found + [f"{where}.{name}: the library knows no such field" for name in value if name not in fields]
