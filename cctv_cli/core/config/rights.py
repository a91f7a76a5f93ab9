"""Who else may read or change the files of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Mapping, Set

from cctv_cli.core.config.settings import RtspSource, Settings
from cctv_cli.core.system import FileRights, file_rights

Files = Mapping[str, Path]  # by the source that origins of their values name


def foreign_files(files: Files) -> Iterator[str]:
    """Problems: files that another user owns although root runs cctv; that user could change what root does."""
    for name, path in files.items():
        rights = file_rights(path)
        if rights is not None and rights.is_foreign_to_root:
            yield (
                f"{name}: root runs cctv, but another user owns this file and could change what root does; "
                f"run cctv as that user, or `chown root {name}`."
            )


def exposed_files(files: Files, settings: Settings) -> Iterator[str]:
    """Warnings: files that any user of this machine can change, or read although they contain a password."""
    secret = _sources_of_passwords(settings)
    for name, path in files.items():
        rights = file_rights(path) or FileRights()
        if rights.others_write:
            yield f"{name}: every user of this machine can change this file; `chmod o-rwx {name}`."
        elif rights.others_read and name in secret:
            yield f"{name}: every user of this machine can read the passwords in this file; `chmod o-rwx {name}`."


def _sources_of_passwords(settings: Settings) -> Set[str]:
    found = set()
    for camera in settings.cameras:
        for prefix, source in (("", camera.source), ("sub_rtsp_url.", camera.sub_source)):
            origin = settings.origins.get(f"cameras.{camera.id}.{prefix}password")
            if isinstance(source, RtspSource) and source.password is not None and origin is not None:
                found.add(origin.source)
    if settings.alert_webhooks:
        found.add(settings.origins["alerts.webhooks"].source)
    return found
