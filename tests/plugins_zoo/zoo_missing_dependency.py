"""Needs a package that is not there."""

import no_such_package_of_the_zoo  # noqa: F401
