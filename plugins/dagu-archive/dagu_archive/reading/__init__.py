"""Reads archives of every format as a walk over entries."""

from __future__ import annotations

from dataclasses import dataclass

from dagu_archive.codes import CORRUPT, DECOMPRESS, PASSWORD, refuse
from dagu_archive.entry import Visit
from dagu_archive.formats import Format
from dagu_archive.limits import Limits
from dagu_core.contracts.work import Failed


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on disk: where, in which format, with which password."""

    path: str
    format: Format
    password: str | None
    limits: Limits

    def walk(self, visit: Visit, *, content: bool) -> None:
        """Show each entry to `visit`; what it returns gets the content, if `content` is wanted.

        Every format is read as a stream: an entry's content comes before the next entry.
        """
        try:
            self._walk(visit, content)
        except Failed:
            raise
        except MemoryError:
            refuse(DECOMPRESS, f"{self.path} needs too much memory to decompress")
        except EOFError as error:
            refuse(CORRUPT, f"{self.path} is cut off: {error}")
        except NotImplementedError as error:
            refuse(DECOMPRESS, f"{self.path} cannot be decompressed: {error}")
        except Exception as error:  # parsers stumble over garbage in many ways
            # bz2 and gzip report damage as an OSError without a number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            self._explain(error)

    def _walk(self, visit: Visit, content: bool) -> None:
        match self.format.container:
            case "tar":
                from dagu_archive.reading.tar import walk_file

                walk_file(self.path, self.format.compression, self.limits, visit)
            case "zip":
                from dagu_archive.reading.zip import walk_zip

                walk_zip(self.path, self.password, self.limits, visit, content)
            case "7z":
                from dagu_archive.reading.sevenz import walk_7z

                walk_7z(self.path, self.password, self.limits, visit, content)
            case "rar":
                from dagu_archive.reading.rar import walk_rar

                walk_rar(self.path, self.limits, visit)
            case _:
                from dagu_archive.reading.single import walk_single

                walk_single(self.path, self.format.compression, self.limits, visit)

    def _explain(self, error: Exception) -> None:
        if "memory" in str(error).lower():
            refuse(DECOMPRESS, f"{self.path} needs too much memory to decompress: {error}")
        if self.password is not None and self.format.container == "7z":
            refuse(PASSWORD, f"{self.path}: the password is wrong, or the archive is damaged")
        refuse(CORRUPT, f"{self.path} is damaged or not {self.format.name}: {error or type(error).__name__}")
