"""A third client, that looks: it says what a server tells of a mailbox, and prepares mailboxes for the others."""

import imaplib
import re
import ssl
from dataclasses import dataclass

from imap_place import Place
from work import Failed

#: imaplib refuses longer lines, and an answer about many messages is one.
imaplib._MAXLINE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Seen:
    uid: int
    #: Without \Recent, which says nothing about the message.
    flags: frozenset[str]
    date: str
    size: int


class Look:
    """Every failure of the server's is Failed."""

    def __init__(self, place: Place, account: str):
        context = ssl.create_default_context(cafile=place.ca)
        self.client = imaplib.IMAP4_SSL("localhost", place.ports["imaps"], ssl_context=context, timeout=60)
        self.client.login(account, place.passwords[account])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.logout()

    def must(self, answer) -> list:
        status, data = answer
        if status != "OK":
            raise Failed(f"the server said {status} {data!r} to the client that looks")
        return data

    def make(self, *mailboxes: str) -> None:
        for mailbox in mailboxes:
            self.must(self.client.create(quoted(mailbox)))
            self.must(self.client.subscribe(quoted(mailbox)))

    def unmake(self, mailbox: str) -> None:
        self.must(self.client.delete(quoted(mailbox)))

    def put(self, mailbox: str, octets: bytes, flags: str = "", date: str = "01-Nov-2026 12:00:00 +0000") -> int:
        """Appends; the UID of it (RFC 4315 section 3)."""
        (said,) = self.must(self.client.append(quoted(mailbox), f"({flags})", f'"{date}"', octets))
        found = re.search(rb"APPENDUID \d+ (\d+)", said)
        if not found:
            raise Failed(f"no APPENDUID: {said!r}")
        return int(found[1])

    def names(self) -> set[str]:
        lines = self.must(self.client.list())
        return {re.match(rb'\([^)]*\) (?:"."|NIL) "?(.*?)"?$', line)[1].decode() for line in lines if line}

    def mailbox(self, mailbox: str) -> dict[str, Seen]:
        """Its messages by their Message-ID."""
        self.must(self.client.select(quoted(mailbox), readonly=True))
        items = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
        data = self.must(self.client.fetch("1:*", items)) if self.client.untagged_responses["EXISTS"] != [b"0"] else []
        self.must(self.client.unselect())
        found = {}
        # imaplib answers a pair of what stands in front of a literal and the literal, and then what stands behind it.
        for each, behind in zip(data, data[1:]):
            if not isinstance(each, tuple):
                continue
            head, field = each
            head += behind if isinstance(behind, bytes) else b""
            name = field.strip().partition(b":")[2].strip().decode()
            if not name or name in found:
                raise Failed(f"{mailbox} has {name or 'a message with no Message-ID'} more than once")
            flags = re.search(rb"FLAGS \(([^)]*)\)", head)[1].decode().split()
            found[name] = Seen(
                int(re.search(rb"UID (\d+)", head)[1]),
                frozenset(flag for flag in flags if flag != "\\Recent"),
                re.search(rb'INTERNALDATE "([^"]*)"', head)[1].decode(),
                int(re.search(rb"RFC822\.SIZE (\d+)", head)[1]),
            )
        return found

    def flag(self, mailbox: str, names: list[str], change: str, *then: str) -> None:
        """`change` as in `+FLAGS (\\Seen)`, and another command with the same UIDs."""
        seen = self.mailbox(mailbox)
        uids = [str(seen[name].uid) for name in names]
        self.must(self.client.select(quoted(mailbox)))
        # A command line has a limit.
        for some in (",".join(uids[at:at + 500]) for at in range(0, len(uids), 500)):
            self.must(self.client.uid("STORE", some, *change.split(" ", 1)))
            for command in then:
                self.must(self.client.uid(command, some))
        self.must(self.client.unselect())

    def remove(self, mailbox: str, names: list[str]) -> None:
        self.flag(mailbox, names, "+FLAGS.SILENT (\\Deleted)", "EXPUNGE")


def quoted(mailbox: str) -> str:
    return f'"{mailbox}"'
