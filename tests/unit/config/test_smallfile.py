import os

import pytest

from stanch.config.smallfile import UnreadableError, os_reason, read_small, shown


def test_missing_file_is_none_and_not_an_error(tmp_path):
    assert read_small(tmp_path / "none", 10) is None
    assert read_small(tmp_path / "none" / "deeper", 10) is None
    assert read_small(str(tmp_path) + "/a\0b", 10) is None


def test_file_up_to_the_limit_is_read_and_a_larger_one_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10)
    assert read_small(tmp_path / "a", 10) == b"x" * 10
    with pytest.raises(UnreadableError, match="larger than"):
        read_small(tmp_path / "a", 9)


def test_file_without_a_size_is_bounded_while_it_is_read():
    with pytest.raises(UnreadableError, match="larger than 0 KiB"):
        read_small("/proc/self/status", 10)


def test_pipe_and_folder_and_device_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(UnreadableError, match="not a regular file"):
            read_small(path, 10)


def test_link_is_followed_only_when_asked(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "loop").symlink_to("loop")
    assert read_small(tmp_path / "link", 10) == b"x"
    assert read_small(tmp_path / "link", 10, follow=False) is None
    with pytest.raises(UnreadableError, match="too many levels of symbolic links"):
        read_small(tmp_path / "loop", 10)


def test_name_with_terminal_escapes_is_spelled_out_and_bounded():
    assert shown("a\x1b[31m\n\u202e\udcff") == "a\\x1b[31m\\n\\u202e\\udcff"
    assert shown("x" * 500) == "x" * 300 + "…"


def test_reason_of_an_error_is_the_systems_own():
    assert os_reason(OSError(28, "whatever")) == "no space left on device"
    assert os_reason(OSError("whatever")) == "OSError"
