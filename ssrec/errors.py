"""What a user can mend: printed in two lines, exit code 2, never a traceback."""


class UserError(Exception):
    """A mistake in a command, a config or a file, worded for the person who made it."""


class DataError(UserError):
    """A file that is missing, broken or not what its dataset promises."""


class CompositionError(UserError):
    """Parts of a config that do not fit together."""
