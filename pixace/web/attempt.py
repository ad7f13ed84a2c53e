"""One attempt at a download: ask for the file or for the rest of it, and receive what comes."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pixace import __version__
from pixace.errors import DownloadError
from pixace.web import drive
from pixace.web.answer import Answer, RetryableError
from pixace.web.limits import Limits, check_magic, check_size
from pixace.web.partial import Check, Partial, Record, write_all
from pixace.web.request import ask, new_session
from pixace.wording import shown_url

if TYPE_CHECKING:
    import requests

_RETRIED = (408, 425, 429)

Progress = Callable[[int, int | None], None]


@dataclasses.dataclass
class Job:
    """What is wanted, and how it is going.

    Attributes:
      url: where the file is.
      destination: the name it gets.
      partial: what has arrived of it.
      sha256: its SHA-256, if known.
      max_bytes: a larger file is refused.
      limits: how patient to be.
      progress: called with the bytes that are there and the whole size.
      check: called with the complete temporary file.
      magic: the bytes that the file must begin with.
      deadline: value of `time.monotonic()` at which everything has to be over.
      may_continue: whether a partial file may still be continued; off once a server lied about it.
      doubtful: whether the bytes may be a splice of two versions, or cut unnoticed; they are then
        fetched once more if they turn out to be wrong.
    """

    url: str
    destination: Path
    partial: Partial
    sha256: str | None
    max_bytes: int
    limits: Limits
    progress: Progress | None
    check: Check | None
    magic: bytes
    deadline: float
    may_continue: bool = True
    doubtful: bool = False

    def tell(self, done: int, total: int | None) -> None:
        """Reports progress to whoever asked for it."""
        if self.progress is not None:
            self.progress(done, total)

    def fail(self, what: str) -> DownloadError:
        """Returns the error that names this download."""
        return DownloadError(f"{shown_url(self.url)}: {what}")

    def have(self) -> int:
        """Returns how many bytes of the partial file may be continued: 0 to start from zero."""
        size, record = self.partial.size(), self.partial.record()
        if not size or record is None or not self.may_continue or record.url != shown_url(self.url):
            return 0
        if size > self.max_bytes or (record.total is not None and size > record.total):
            return 0
        # Without a validator only the SHA-256 can tell whether the file is still the same one.
        return size if record.validator is not None or self.sha256 is not None else 0


def attempt(job: Job) -> None:
    """Makes one request and receives what comes; afterwards the partial file is complete.

    Raises:
      RetryableError: it is not complete; another attempt may help.
      DownloadError: another attempt would not help.
    """
    have, record = job.have(), job.partial.record()
    if have and record is not None and have == record.total:
        job.doubtful = True
        return  # killed between the last byte and the installation
    with new_session() as session:
        answer = _ask_through_pages(job, session, _headers(have, record))
        with contextlib.closing(answer):
            total = _total_if_continued(answer, record, have) if have and record else None
            if total is not None:
                job.doubtful = True
                return _receive(job, answer, have, total)
            if answer.status == 200:
                return _receive(job, answer, 0, answer.content_length())
            if not have or answer.status not in (206, 416):
                raise _refusal(job, answer)
    # The server cannot, or does not, continue this file: ask for all of it.
    job.may_continue = False
    job.partial.discard()
    return attempt(job)


def _headers(have: int, record: Record | None) -> dict[str, str]:
    """Returns the request's headers; the file is wanted from byte `have` on."""
    headers = {"Accept-Encoding": "identity", "User-Agent": f"pixace/{__version__}"}
    if have and record is not None:
        headers["Range"] = f"bytes={have}-"
        if record.validator is not None:
            headers["If-Range"] = record.validator
    return headers


def _total_if_continued(answer: Answer, record: Record, have: int) -> int | None:
    """Returns the whole file's size if an answer continues the recorded one exactly, else None."""
    said = answer.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", said)
    if answer.status != 206 or match is None:
        return None
    start, end = int(match[1]), int(match[2])
    total = record.total if match[3] == "*" else int(match[3])
    length = answer.content_length()
    agrees = (
        start == have
        and total is not None
        and end < total
        and record.total in (None, total)
        and length in (None, end - start + 1)
        and record.same_version(answer.headers)
    )
    return total if agrees else None


def _ask_through_pages(job: Job, session: requests.Session, headers: dict[str, str]) -> Answer:
    """Asks for the file, and through Drive's confirm pages where they come instead of it."""
    url = job.url
    for _ in range(drive.MAX_FORMS + 1):
        answer = ask(session, url, headers, job.limits, job.deadline)
        try:
            if answer.status not in (200, 206):
                return answer
            if length := answer.content_length():
                check_size(shown_url(job.url), length, job.max_bytes)
            if not answer.is_page():
                return answer
            page = answer.page()
        except BaseException:
            answer.close()
            raise
        answer.close()
        # Forms are followed only on the way to a file that Drive itself was asked for.
        target = drive.confirm_url(page, answer.url) if drive.is_drive(job.url) else None
        if target is None:
            raise job.fail(drive.explain(page, answer.url))
        url = target
    raise job.fail(
        f"Google Drive asked for confirmation more than {drive.MAX_FORMS} times (page titled "
        f"{page.title!r}); fetch the file with a browser and install it with --url=PATH"
    )


def _refusal(job: Job, answer: Answer) -> Exception:
    """Says what a status other than success means, and whether another attempt may help."""
    said = f"the server answered {answer.status} {answer.reason}".rstrip()
    with contextlib.suppress(RetryableError):
        if answer.is_page() and (title := answer.page().title):
            said += f" (page titled {title!r})"
    if answer.status in _RETRIED or answer.status >= 500:
        seconds = answer.headers.get("Retry-After", "")
        return RetryableError(
            said, retry_after=int(seconds) if re.fullmatch(r"\d{1,9}", seconds) else 0
        )
    if answer.status in (401, 403, 407):
        return job.fail(f"{said}; the file is not open to everyone; ask its owner to share it")
    return job.fail(f"{said}; check the address, or ask its owner whether the file has moved")


def _receive(job: Job, answer: Answer, have: int, total: int | None) -> None:
    """Writes an answer's body behind the `have` bytes that are there.

    Raises:
      RetryableError: the body was cut; what came is kept.
      DownloadError: it is not what was expected, or too large.
    """
    _check_answer(job, answer, total)
    if have:
        target = job.partial.append()
    else:
        check_magic(shown_url(job.url), answer.head(), job.magic)
        target = job.partial.start(Record.of(shown_url(job.url), answer.headers, total))
    size = have
    job.tell(size, total)
    with target:
        for piece in answer.body():
            size += len(piece)
            if size > (job.max_bytes if total is None else total):
                break
            write_all(target, piece)
            job.tell(size, total)
    if total is not None and size < total:
        raise RetryableError(f"the connection was cut after {size} of {total} bytes")
    if total is not None and size > total:
        job.may_continue = False
        job.partial.discard()
        raise RetryableError(f"more than the announced {total} bytes came")
    if size == 0 or size > job.max_bytes:
        job.partial.discard()
    check_size(shown_url(job.url), size, job.max_bytes)


def _check_answer(job: Job, answer: Answer, total: int | None) -> None:
    """Refuses, before its body is read, an answer that cannot become the file."""
    if total is not None:
        check_size(shown_url(job.url), total, job.max_bytes)
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity" and job.sha256 is None:
        raise job.fail(
            f"the server sent it in {encoding[:40]!r} encoding though asked not to, so that its "
            "bytes cannot be told from the file's; give the file's sha256, or fetch it otherwise "
            "and install it with --url=PATH"
        )
    if total is None and not answer.chunked():
        if job.sha256 is None and job.check is None:
            raise job.fail(
                "the server does not tell the file's size, so that a cut would go unnoticed; give "
                "the file's sha256, or fetch it otherwise and install it with --url=PATH"
            )
        job.doubtful = True
