"""Server packages: pinned by digest, fetched by ordinary clients, unpacked without running anything of them."""

from sandboxes.packages.command import command_program
from sandboxes.packages.locked import Locked, read_locked
from sandboxes.packages.registries import resolve, unpack
from sandboxes.packages.source import Source, parse_source
from sandboxes.packages.store import remove_staging

__all__ = ["Locked", "Source", "command_program", "parse_source", "read_locked", "remove_staging", "resolve", "unpack"]
