"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastcl.core.errors import sentence


class Outputs:
    """Files being written beside their destination; see `open_outputs`."""

    def __init__(self, destination: Path, staging: Path) -> None:
        self.destination = destination
        self._staging = staging
        self._names: list[str] = []

    def path(self, name: str) -> Path:
        """Return where to write the file that will be called `name`."""
        if name not in self._names:
            self._names.append(name)
        return self._staging / name

    def publish(self) -> None:
        """Move the files in place, in the order in which they were asked for.

        One that was not written after all is removed where an earlier run has left it.
        """
        for name in self._names:
            if (self._staging / name).exists():
                os.replace(self._staging / name, self.destination / name)
            else:
                (self.destination / name).unlink(missing_ok=True)


@contextmanager
def open_outputs(destination: Path) -> Iterator[Outputs]:
    """Make room for files in the directory `destination`, and clean up whatever happens.

    The directory is made, and found unwritable, at once and not after hours of work. Unless `publish` is
    reached, nothing in it changes, and it is gone again if it was not there before.

    Raises
    ------
    OSError
        If the directory cannot be made or written to.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with open_outputs(Path(place, "out")) as outputs:
    ...         _ = outputs.path("note.txt").write_text("done")
    ...         outputs.publish()
    ...     print(os.listdir(Path(place, "out")))
    ['note.txt']
    """
    missing = [place for place in (destination, *destination.parents) if not place.exists()]
    try:
        with _stage(destination) as staging:
            yield Outputs(destination, Path(staging))
    finally:
        _remove_empty(missing)


def _stage(destination: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a place beside the destination: on the same disk, so that moving a file is one step."""
    try:
        destination.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".fastcl-", dir=destination)
    except OSError as error:
        got = f"{str(destination)!r} ({error.strerror})"
        raise OSError(sentence("out", "be a directory that can be written to", got)) from error


def _remove_empty(places: list[Path]) -> None:
    """Remove directories, the innermost first, up to the first that holds something."""
    for place in places:
        if place.is_dir():
            if any(place.iterdir()):
                return
            place.rmdir()
