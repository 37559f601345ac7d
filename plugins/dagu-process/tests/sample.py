#!/usr/bin/env python3
"""An executable that does whatever the contract of step types asks for."""

import json
import os
import sys
import time

TEXT = {"type": "string", "default": ""}
CONFIG = {
    "type": "object",
    "required": ["do"],
    "properties": {
        "do": {"enum": ["nothing", "fail", "wait", "print", "echo", "env", "mark"], "description": "What."},
        "text": {**TEXT, "description": "What it is about."},
    },
}
DESCRIPTION = {
    "type": "description",
    "protocol": "dagu-exec/1",
    "version": "3",
    "stepTypes": [{"name": "sample", "description": "Does as it is told.", "config": CONFIG}],
}


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def do(what, text):
    if what == "fail":
        return say(type="result", exitCode=3, message=f"no luck with {text}")
    if what == "wait":
        time.sleep(120)
    elif what == "print":
        with open(text, "rb") as file:
            while data := file.read(1 << 16):
                view = memoryview(data)
                while view:
                    view = view[os.write(3, view) :]
    elif what == "echo":
        say(type="log", text=text)
    elif what == "env":
        say(type="log", text=os.environ[text])
    elif what == "mark":
        time.sleep(3)
        with open(text, "a", encoding="utf-8") as file:
            file.write("done\n")
    return say(type="result")


message = json.loads(sys.stdin.readline())
if message["type"] == "describe":
    say(**DESCRIPTION)
else:
    do(message["config"]["do"], message["config"]["text"])
