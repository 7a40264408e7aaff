from tests.support.api import api  # noqa: F401
