from tests.support.site import site  # noqa: F401
