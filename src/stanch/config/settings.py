"""Everything a scan can be told, as plain values. Where they come from is the matter of `stanch.config.load`.

Settings do not show their content in a `repr`, because people put their secrets into rules; `stanch config show` does.
`AllowRule` can be imported from here too, and is loaded at the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stanch.core.records import dataclass

if TYPE_CHECKING:
    from stanch.config.allow_rule import AllowRule as AllowRule

FORMATS: Final = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """Everything a scan can be told. What each one means to people stands in `stanch.config.options.OPTIONS`.

    Attributes:
        jobs: worker processes; 0 for one per core.
        detectors: files and folders with the user's own detectors.
        only: detector ids or globs; empty for all.
        skip: detector ids or globs that are switched off.
        exclude: path patterns as in ``.gitignore``.
        max_file_size: bytes; 0 for no bound.
        max_depth: how many containers may lie inside each other.
        max_expanded: bytes that one outermost file may yield in all.
        max_members: members that one outermost file may yield.
        decode_depth: how many encodings may lie inside each other.
        issuer_host: ``HOST=URL``: where an issuer is asked instead.
        allow_network: networks, addresses and names that may be asked although they are not public.
        rate: requests a second to one host.
    """

    format: str = "text"
    output: str | None = None
    exit_zero: bool = False
    show_secrets: bool = False
    baseline: str | None = None
    jobs: int = 0
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    detectors: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    min_severity: str = "info"
    min_confidence: str = "medium"
    exclude: tuple[str, ...] = ()
    gitignore: bool = False
    follow_symlinks: bool = False
    max_file_size: int = 0
    max_depth: int = 5
    max_expanded: int = 16 * 1024**3
    max_members: int = 200_000
    decode_depth: int = 2
    history: bool = True
    work_tree: bool = True
    allow_comments: bool = True
    validity: bool = False
    issuer_host: tuple[str, ...] = ()
    allow_network: tuple[str, ...] = ()
    ca_file: str | None = None
    proxy: str | None = None
    rate: int = 5
    validity_cache: bool = True
    record: bool = False
    keep_values: bool = False
    allow: tuple[AllowRule, ...] = ()


def __getattr__(name: str) -> Any:
    """Load `AllowRule` when somebody asks for it: most scans have no rules, and every scan pays for this module."""
    if name == "AllowRule":
        from stanch.config.allow_rule import AllowRule

        return AllowRule
    raise AttributeError(name)
