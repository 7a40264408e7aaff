"""The version, where every layer may see it."""

from typing import Final

VERSION: Final = "0.1.0"
