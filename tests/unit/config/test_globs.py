from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stanch.config.globs import GlobSet, parse, problem
from tests.unit.config.git import Repository
