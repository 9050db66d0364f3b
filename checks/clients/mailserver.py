"""Our server: started in a folder of its own, looked at from outside only: its folder, its log, its one line of JSON."""

import json
import os
import re
import select
import socket
import subprocess
from pathlib import Path

import work
from corpus import CRLF, Message
from work import Failed

ENDED = re.compile(r"connection ended .*?\bid=(\d+) .*")
SENDER = "alice@example.test"
RECIPIENT = "bob@example.test"


class Mailserver:
    def __init__(self, binary: Path, data: Path, *options: str, base_port: int = 0):
        self.data = data
        self.log_path = data.parent / (data.name + ".log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(binary), "--json", "--base-port", str(base_port), "--data", str(data), *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                env={**os.environ, "NO_COLOR": "1"},
            )
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            work.end(self.process)
            raise Failed("the server did not say that it is ready", self.log())
        said = json.loads(line)
        self.ports = {each["service"]: int(each["address"].rsplit(":", 1)[1]) for each in said["listeners"]}
        self.passwords = {each["name"]: each["password"] for each in said["accounts"]}
        self.ca = Path(said["ca"]).resolve()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.end(self.process)

    def log(self, since: int = 0) -> str:
        return self.log_path.read_bytes()[since:].decode("utf-8", "replace")

    def connections(self) -> dict[int, str]:
        """The log's lines about connections that have ended, by the number that each connection gets when it comes."""
        lines = (ENDED.search(line) for line in self.log().splitlines())
        return {int(found[1]): found[0] for found in lines if found}

    def mark(self) -> int:
        """The number of a connection that is made here: what came before has a smaller one, what comes later a greater."""
        with socket.create_connection(("127.0.0.1", self.ports["smtp"]), 30) as sock:
            mine = f"peer=127.0.0.1:{sock.getsockname()[1]} "
            sock.recv(512)
            sock.sendall(b"QUIT\r\n")
            while sock.recv(512):
                pass

        def number():
            return [number for number, line in self.connections().items() if mine in line]

        # A port can come again, and then the last one is meant.
        return max(work.wait_until("a connection's line in the server's log", number))

    def between(self, first: int, last: int) -> list[str]:
        """The lines of all connections between two marks, when each of them has ended."""

        def all_ended():
            found = self.connections()
            wanted = range(first + 1, last)
            return [found[each] for each in wanted] if all(each in found for each in wanted) else None

        if last == first + 1:
            return []
        return work.wait_until("the end of every connection in the server's log", all_ended)

    def maildir(self, account: str) -> Path:
        user, domain = account.split("@")
        return self.data / "mail" / domain / user

    def mail(self, account: str) -> set[Path]:
        """The files of its inbox."""
        base = self.maildir(account)
        return {path for folder in ("new", "cur") if (base / folder).is_dir() for path in (base / folder).iterdir()}


def without_trace(stored: bytes, sender: str = SENDER) -> bytes:
    """What was received: without Return-Path and one Received, which the server puts in front (RFC 5321 section 4.4).

    Nothing else may have been put there: the messages bring their own Date and Message-ID.
    """
    path = b"Return-Path: <%s>\r\n" % sender.encode()
    if not stored.startswith(path):
        raise Failed(f"the stored message does not begin with Return-Path: {stored[:80]!r}")
    rest = stored[len(path):]
    if not rest.startswith(b"Received: from "):
        raise Failed(f"no Received behind Return-Path: {rest[:80]!r}")
    end = rest.index(CRLF) + 2
    while rest[end:end + 1] in (b" ", b"\t"):
        end = rest.index(CRLF, end) + 2
    return rest[end:]


def deposit(server: Mailserver, account: str, messages: list[Message]) -> None:
    """By BDAT over LMTP, in clear on loopback: the octets as they are, with no stuffing that could hide a fault."""
    with socket.create_connection(("127.0.0.1", server.ports["lmtp"]), 30) as sock:
        replies = sock.makefile("rb")

        def said(code: bytes) -> None:
            while True:
                line = replies.readline()
                if not line.startswith(code):
                    raise Failed(f"LMTP said {line!r} where {code!r} was wanted")
                if line[3:4] == b" ":
                    return

        said(b"220")
        sock.sendall(b"LHLO check.example.test\r\n")
        said(b"250")
        for message in messages:
            sock.sendall(b"MAIL FROM:<%s>\r\n" % SENDER.encode())
            said(b"250")
            sock.sendall(b"RCPT TO:<%s>\r\n" % account.encode())
            said(b"250")
            sock.sendall(b"BDAT %d LAST\r\n" % len(message.octets) + message.octets)
            said(b"250")
        sock.sendall(b"QUIT\r\n")
        said(b"221")
