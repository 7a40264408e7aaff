"""A throw-away git repository whose verdict on ignore rules is the truth."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        root.mkdir(parents=True, exist_ok=True)
        self.run("init", "-q")

    def run(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self._env, input=text.encode(), capture_output=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.decode()

    def fill(self, files: list[str], folders: list[str] = []) -> list[tuple[str, bool]]:  # noqa: B006
        """Create files and folders where names allow; return every path with whether it is a folder."""
        for folder in folders:
            try:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                continue
        for file in files:
            try:
                (self.root / file).parent.mkdir(parents=True, exist_ok=True)
                (self.root / file).touch()
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                continue
        found: list[tuple[str, bool]] = []
        for folder, names, inside in os.walk(self.root):
            if ".git" in names:
                names.remove(".git")
            base = Path(folder).relative_to(self.root)
            found += [(str(base / name), True) for name in names]
            found += [(str(base / name), False) for name in inside]
        return found

    def ignored(self, paths: list[str]) -> set[str]:
        return set(self.run("check-ignore", "-z", "--stdin", text="\0".join(paths)).split("\0")) - {""}
