"""What the rows of IMAP want of a server: where it is, who may log in, its log, and its mail as files.

Ours and Dovecot are looked at in one way, for both keep Maildir++: a mailbox `A/B` is the folder `.A.B` beside the
inbox, with `new` and `cur` in it.
"""

import re
import socket
from pathlib import Path

import peers
import work
from corpus import Message
from mailserver import RECIPIENT, SENDER, Mailserver, deposit
from work import Failed

#: The mailboxes that everybody has, with what each is for (RFC 6154 section 2).
SPECIAL = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Trash": "\\Trash", "Junk": "\\Junk", "Archive": "\\Archive"}


class Place:
    """A server that runs, and the mail of its accounts."""

    name: str
    ca: Path
    ports: dict[str, int]
    passwords: dict[str, str]

    def log(self, since: int = 0) -> str:
        raise NotImplementedError

    def mark(self) -> int:
        """A moment in the log."""
        raise NotImplementedError

    def between(self, first: int, last: int) -> list[str]:
        """The log's lines about connections between two marks; that of a login has `user=` in it."""
        raise NotImplementedError

    def must_have_used(self, mechanism: str, since: int) -> None:
        """A login behind this place of the log was by that mechanism. Our log does not say which it was."""

    def maildir(self, account: str) -> Path:
        raise NotImplementedError

    def deliver(self, account: str, messages: list[Message]) -> list[bytes]:
        """Puts them into the inbox; what BODY[] of each has to be."""
        raise NotImplementedError

    def port(self, mode: str) -> int:
        return self.ports["imaps" if mode == "implicit" else "imap"]

    def folder(self, account: str, mailbox: str) -> Path:
        base = self.maildir(account)
        return base if mailbox == "INBOX" else base / ("." + mailbox.replace("/", "."))

    def files(self, account: str, mailbox: str) -> set[Path]:
        folder = self.folder(account, mailbox)
        return {path for part in ("new", "cur") if (folder / part).is_dir() for path in (folder / part).iterdir()}

    def stored(self, account: str, mailbox: str) -> list[bytes]:
        """The messages of a mailbox, read from disk, as CRLF text."""
        return [crlf(path.read_bytes()) for path in sorted(self.files(account, mailbox))]

    def mail(self, account: str) -> set[Path]:
        """The files of all its mailboxes."""
        base = self.maildir(account)
        return {path for part in ("new", "cur") for path in base.glob(f"**/{part}/*")}


def crlf(octets: bytes) -> bytes:
    """A file that was kept with LF back to CRLF. One that has both is left as it is, and so is no message of ours."""
    return octets if b"\r" in octets else octets.replace(b"\n", b"\r\n")


class Ours(Place):
    """mailserver. It has been started already, for the rows of other protocols."""

    name = "mailserver"

    def __init__(self, server: Mailserver):
        self.server = server
        self.ca = server.ca
        self.ports = server.ports
        self.passwords = server.passwords
        self.log = server.log
        self.mark = server.mark
        self.between = server.between
        self.maildir = server.maildir

    def deliver(self, account: str, messages: list[Message]) -> list[bytes]:
        before = self.files(account, "INBOX")
        deposit(self.server, account, messages)
        return [path.read_bytes() for path in self.files(account, "INBOX") - before]


class Dovecot(peers.Dovecot, Place):
    """Debian's Dovecot, by which our expectations are checked: what fails with it is a fault of the row."""

    name = "Dovecot"
    protocol = "imap"
    more = "\n".join([
        "auth_mechanisms = plain login scram-sha-256",
        "login_log_format_elements = user=<%u> method=%m peer=%r:%{rport} %c",
        "mail_max_userip_connections = 100",
        "namespace inbox {",
        "inbox = yes",
        "separator = /",
        *(f"mailbox {name} {{\nspecial_use = {use}\nauto = create\n}}" for name, use in SPECIAL.items()),
        "}",
    ])

    def __init__(self, top: Path):
        super().__init__(top)
        self.passwords = {SENDER: peers.PASSWORD, RECIPIENT: peers.PASSWORD}

    def log(self, since: int = 0) -> str:
        return super().log()[since:]

    def mark(self) -> int:
        with socket.create_connection(("127.0.0.1", self.ports["imap"]), 30) as sock:
            mine = re.compile(rf"peer=127\.0\.0\.1:{sock.getsockname()[1]}\b")
            sock.recv(512)
            sock.sendall(b"a LOGOUT\r\n")
            while sock.recv(512):
                pass
        self.marks = (*getattr(self, "marks", ()), mine)

        def at():
            found = list(mine.finditer(self.log()))
            return found[-1].end() if found else None

        return work.wait_until("a connection's line in Dovecot's log", at)

    def between(self, first: int, last: int) -> list[str]:
        def lines():
            found = [line for line in super(Dovecot, self).log()[first:].splitlines() if "peer=" in line]
            return [line.replace("user=<>", "") for line in found if not any(mark.search(line) for mark in self.marks)]

        # Each process writes its own lines, so one may come behind the mark.
        return work.wait_until("a connection's line in Dovecot's log", lines)

    def must_have_used(self, mechanism: str, since: int) -> None:
        if f"method={mechanism}," not in self.log(since):
            raise Failed(f"no login by {mechanism}")

    def maildir(self, account: str) -> Path:
        return self.boxes / account.split("@")[0]

    def deliver(self, account: str, messages: list[Message]) -> list[bytes]:
        return self.put(messages, account)
