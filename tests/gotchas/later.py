"""Gotchas whose outcome only a plugin can show: number -> (package, what it must show)."""

from __future__ import annotations

LATER = {
    76: ("dagu-docker", "the pipe in a container command is an argument"),
    79: ("dagu-ssh", "the host key is checked unless strictHostKey: false"),
}

#: gotchas tested here for the core, of which a plugin has a part to show as well
PARTLY = {
    43: ("dagu-mail", "a partial success sends the info mail"),
    77: ("dagu-docker", "the script runs in the container"),
    81: ("dagu-http", "the status of the answer is the exit code"),
    97: ("dagu-jq", "`vars` passes values into the query"),
    98: ("dagu-docker", "the expanded program runs in the container"),
    100: ("dagu-docker", "the exit code of an exec in the container of the DAG"),
}
