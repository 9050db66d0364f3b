"""A client library in a process of its own, told what to do line by line and in JSON, and answering so.

The three libraries know the same deeds, under the same names: imaplib_talk.py, imapclient_talk.py, imapflow_talk.mjs.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

import work
from senders import HERE, Target
from work import Failed

PATIENCE = 120


class Talk:
    """`how` chooses the mechanism of the login, where it is not the library's own choice."""

    def __init__(self, at: Target, words: list, how: str = ""):
        self.errors = open(at.home / "stderr", "w+b")
        self.process = subprocess.Popen(
            [str(word) for word in [*words, at.mode, at.port, at.ca, at.user, how]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True, bufsize=0,
            env={**os.environ, **at.env, "CACHE": str(at.cache), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=at.home,
        )
        self.buffer = b""
        try:
            self._answer()
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        try:
            if not failed:
                self.quit()
        finally:
            self.end()

    def quit(self) -> None:
        """Logs out, and ends of its own accord."""
        self.do("quit")
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            raise Failed("it did not end after its logout") from None

    def end(self) -> None:
        work.end_group(self.process, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            pipe.close()

    def do(self, deed: str, **more):
        self.process.stdin.write(json.dumps({"do": deed, **more}).encode() + b"\n")
        return self._answer()

    def _answer(self):
        until = time.monotonic() + PATIENCE
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(until - time.monotonic(), 0))
            octets = self.process.stdout.read(65536) if ready else b""
            if not octets:
                raise Failed("it ended" if ready else f"no answer within {PATIENCE} s", self._said())
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(b"\n")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"][:500], self._said())
        return answer["ok"]

    def _said(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")


def imaplib(at: Target, how: str = "") -> Talk:
    return Talk(at, [sys.executable, HERE / "imaplib_talk.py"], how)


def imapclient(at: Target, how: str = "") -> Talk:
    return Talk(at, [at.cache / "python/bin/python", HERE / "imapclient_talk.py"], how)


def imapflow(at: Target, how: str = "") -> Talk:
    return Talk(at, ["node", HERE / "imapflow_talk.mjs"], how)


LIBRARIES = {"imaplib": imaplib, "imapclient": imapclient, "imapflow": imapflow}
