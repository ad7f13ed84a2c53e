"""The exceptions a user meets as one line on stderr, never as a traceback.

Every message says what was found, what was expected and what to do next.
"""


class PixaceError(Exception):
    """Base of all errors that pixace raises on purpose.

    Attributes:
        exit_code: status with which the command line ends after this error.
    """

    exit_code = 1


class UsageError(PixaceError, ValueError):
    """A flag or argument that cannot be used: unknown, out of range or contradictory."""

    exit_code = 2


class ImageError(PixaceError):
    """An image or a folder of images that cannot be read."""


class CheckpointError(PixaceError):
    """A file of weights, or its settings, that is missing, damaged, refused or does not fit."""


class DownloadError(PixaceError):
    """A file that could not be fetched whole and verified."""
