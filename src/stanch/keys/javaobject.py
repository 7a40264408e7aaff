"""Reads one serialized Java object, as JCEKS keystores hold secret keys: classes and fields become names and values.

Nothing is created but strings, numbers, bytes and lists, so unlike Java's own reading this runs no code of the file. Depth and
size are bounded. Source: Java Object Serialization Specification, chapter 6,
https://docs.oracle.com/en/java/javase/21/docs/specs/serialization/protocol.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stanch.keys.model import KeyFormatError

MAGIC: Final = b"\xac\xed\x00\x05"

_DEEPEST: Final = 16
_MOST_VALUES: Final = 4_096
_SIZES: Final[Mapping[str, int]] = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}
_WRITE_METHOD, _SERIALIZABLE, _EXTERNALIZABLE, _BLOCK_DATA = 1, 2, 4, 8


@dataclass(slots=True, kw_only=True)
class JavaObject:
    """An object of a stream.

    Attributes:
        kind: name of its class.
        fields: name of a field → string, bytes (of a byte array), list, number, object or ``None``.
    """

    kind: str
    fields: dict[str, object] = field(default_factory=dict, repr=False)

    def octets(self, name: str) -> bytes:
        """Return a field that is a byte array; empty when it is something else."""
        value = self.fields.get(name)
        return value if isinstance(value, bytes) else b""

    def text(self, name: str) -> str:
        """Return a field that is a string; empty when it is something else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


@dataclass(slots=True, kw_only=True)
class _Class:
    name: str
    flags: int
    fields: list[tuple[str, str]]
    parent: _Class | None = None


def read(data: bytes, at: int = 0) -> tuple[JavaObject, int]:
    """Read the object at a position, whose stream header included.

    Returns:
        The object, and the position behind it.

    Raises:
        KeyFormatError: there is no object, or it is broken, too deep or too large.
    """
    if data[at : at + 4] != MAGIC:
        raise KeyFormatError("there is no Java object")
    stream = _Stream(data, at + 4)
    value = stream.value(0)
    if not isinstance(value, JavaObject):
        raise KeyFormatError("the Java stream does not begin with an object")
    return value, stream.at


class _Stream:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.handles: list[object] = []
        self.values = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise KeyFormatError("the Java object is cut off")
        value = self.data[self.at : self.at + size]
        self.at += size
        return value

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self, size: int = 2) -> str:
        return self.take(self.number(size)).decode("utf-8", "replace")

    def value(self, depth: int) -> object:
        self.values += 1
        if depth > _DEEPEST or self.values > _MOST_VALUES:
            raise KeyFormatError("the Java object is too deep or too large")
        tag = self.number(1)
        if tag == 0x70:
            return None
        if tag == 0x71:
            return self._reference()
        if tag in (0x74, 0x7C):
            self.handles.append(text := self.text(2 if tag == 0x74 else 8))
            return text
        if tag == 0x72:
            return self._new_class(depth)
        if tag == 0x73:
            return self._object(depth)
        if tag == 0x75:
            return self._array(depth)
        if tag == 0x7E:
            return self._enum(depth)
        raise KeyFormatError("the Java object holds something unknown")

    def _reference(self) -> object:
        index = self.number(4) - 0x7E0000
        if not 0 <= index < len(self.handles):
            raise KeyFormatError("a reference in the Java object leads nowhere")
        return self.handles[index]

    def _class(self, depth: int) -> _Class | None:
        value = self.value(depth + 1)
        if value is None or isinstance(value, _Class):
            return value
        raise KeyFormatError("a class was expected in the Java object")

    def _new_class(self, depth: int) -> _Class:
        name = self.text()
        self.take(8)  # serialVersionUID
        made = _Class(name=name, flags=0, fields=[])
        self.handles.append(made)
        made.flags = self.number(1)
        for _ in range(self.number(2)):
            kind, label = chr(self.number(1)), self.text()
            if kind in "[L":
                self.value(depth + 1)  # name of the field's type
            elif kind not in _SIZES:
                raise KeyFormatError("a field of the Java object has no type")
            made.fields.append((kind, label))
        self._annotations(depth)
        made.parent = self._class(depth)
        return made

    def _annotations(self, depth: int) -> None:
        while (tag := self.data[self.at : self.at + 1]) != b"\x78":
            if tag in (b"\x77", b"\x7a"):
                self.take(1)
                self.take(self.number(1 if tag == b"\x77" else 4))
            else:
                self.value(depth + 1)
        self.take(1)

    def _object(self, depth: int) -> JavaObject:
        described = self._class(depth)
        if described is None:
            raise KeyFormatError("the Java object has no class")
        made = JavaObject(kind=described.name)
        self.handles.append(made)
        line: list[_Class] = []
        step: _Class | None = described
        while step is not None:
            if len(line) > _DEEPEST:
                raise KeyFormatError("the Java object has too many parents")
            line.append(step)
            step = step.parent
        for level in reversed(line):
            self._level(made, level, depth)
        return made

    def _level(self, made: JavaObject, level: _Class, depth: int) -> None:
        if level.flags & _EXTERNALIZABLE:
            if not level.flags & _BLOCK_DATA:
                raise KeyFormatError("the Java object writes itself in a way only its class can read")
            self._annotations(depth)
            return
        if not level.flags & _SERIALIZABLE:
            return
        for kind, name in level.fields:
            made.fields[name] = self.value(depth + 1) if kind in "[L" else self.number(_SIZES[kind])
        if level.flags & _WRITE_METHOD:
            self._annotations(depth)

    def _array(self, depth: int) -> bytes | list[object]:
        described = self._class(depth)
        place = len(self.handles)
        self.handles.append(None)
        kind = described.name[1:2] if described else ""
        count = self.number(4)
        if kind == "B":
            octets = self.take(count)
            self.handles[place] = octets
            return octets
        size = _SIZES.get(kind)
        if count > _MOST_VALUES:
            raise KeyFormatError("an array in the Java object is too large")
        items: list[object] = []
        self.handles[place] = items
        items.extend(self.number(size) if size else self.value(depth + 1) for _ in range(count))
        return items

    def _enum(self, depth: int) -> str:
        self._class(depth)
        place = len(self.handles)
        self.handles.append(None)
        name = self.value(depth + 1)
        if not isinstance(name, str):
            raise KeyFormatError("an enumeration in the Java object has no name")
        self.handles[place] = name
        return name
