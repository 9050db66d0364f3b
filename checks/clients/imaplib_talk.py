"""Python's imaplib for imap_talk.py."""

import base64
import imaplib
import os
import pathlib
import re
import ssl
import sys

import scram
import talker

mode, port, ca, user, how = sys.argv[1:]
PASSWORD = os.environ["CHECK_PASSWORD"]


def ok(answer):
    status, data = answer
    if status != "OK":
        raise RuntimeError(f"{status} {data!r}")
    return data


def quoted(mailbox: str) -> str:
    """Modified UTF-7 is the caller's in imaplib (RFC 3501 section 5.1.3)."""

    def shifted(found: re.Match) -> str:
        octets = base64.b64encode(found[0].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
        return f"&{octets.decode()}-"

    return '"%s"' % re.sub(r"[^ -~]+", shifted, mailbox.replace("&", "&-"))


def plain(name: str) -> str:
    def back(found: re.Match) -> str:
        if not found[1]:
            return "&"
        octets = found[1].replace(",", "/").encode()
        return base64.b64decode(octets + b"=" * (-len(octets) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", back, name)


class Client:
    def __init__(self):
        context = ssl.create_default_context(cafile=ca)
        if mode == "implicit":
            self.client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context, timeout=100)
        else:
            self.client = imaplib.IMAP4("localhost", int(port), timeout=100)
            ok(self.client.starttls(context))
        if how == "PLAIN":
            ok(self.client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode()))
        elif how == "SCRAM-SHA-256":
            exchange = scram.Exchange(user, PASSWORD)
            ok(self.client.authenticate("SCRAM-SHA-256", exchange.step))
            exchange.finished()
        else:
            ok(self.client.login(user, PASSWORD))

    def select(self, mailbox, readonly=False):
        (count,) = ok(self.client.select(quoted(mailbox), readonly))
        return int(count)

    def uids(self):
        return [int(uid) for uid in ok(self.client.uid("SEARCH", "ALL"))[0].split()]

    def read(self, folder):
        for uid in self.uids():
            data = ok(self.client.uid("FETCH", str(uid), "(BODY.PEEK[])"))
            (octets,) = [each[1] for each in data if isinstance(each, tuple)]
            pathlib.Path(folder, str(uid)).write_bytes(octets)

    def append(self, mailbox, path, flags=()):
        (said,) = ok(self.client.append(quoted(mailbox), f"({' '.join(flags)})", None, pathlib.Path(path).read_bytes()))
        return int(re.search(rb"APPENDUID \d+ (\d+)", said)[1])

    def list(self):
        found = {}
        for line in ok(self.client.list()):
            # A name may come as a literal.
            line = b" ".join(line) if isinstance(line, tuple) else line
            attributes, name = re.match(rb'\(([^)]*)\) (?:"."|NIL) (?:\{\d+\} )?"?(.*?)"?$', line).groups()
            found[plain(name.decode())] = attributes.decode().split()
        return found

    def make(self, mailbox):
        ok(self.client.create(quoted(mailbox)))

    def rename(self, mailbox, to):
        ok(self.client.rename(quoted(mailbox), quoted(to)))

    def unmake(self, mailbox):
        ok(self.client.delete(quoted(mailbox)))

    def search(self, **what):
        words = [word for key, value in what.items() for word in (key.upper(), *([f'"{value}"'] if value is not True else []))]
        return [int(uid) for uid in ok(self.client.uid("SEARCH", *words))[0].split()]

    def flags(self):
        found = {}
        for line in ok(self.client.uid("FETCH", "1:*", "(FLAGS)")) if self.uids() else []:
            uid, flags = re.search(rb"UID (\d+)", line), re.search(rb"FLAGS \(([^)]*)\)", line)
            # A change that somebody else made may come among the answers, without a UID.
            if uid:
                found[uid[1].decode()] = flags[1].decode().split()
        return found

    def flag(self, uid, add=(), remove=()):
        for sign, flags in (("+", add), ("-", remove)):
            if flags:
                ok(self.client.uid("STORE", str(uid), sign + "FLAGS", f"({' '.join(flags)})"))

    def copy(self, uid, mailbox):
        ok(self.client.uid("COPY", str(uid), quoted(mailbox)))

    def move(self, uid, mailbox):
        ok(self.client.uid("MOVE", str(uid), quoted(mailbox)))

    def remove(self, uid):
        ok(self.client.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)"))
        ok(self.client.uid("EXPUNGE", str(uid)))

    def attachment(self, uid, path):
        data = ok(self.client.uid("FETCH", str(uid), "(BODY.PEEK[2])"))
        (octets,) = [each[1] for each in data if isinstance(each, tuple)]
        pathlib.Path(path).write_bytes(base64.b64decode(octets))

    def status(self, mailbox):
        line = ok(self.client.status(quoted(mailbox), "(MESSAGES UNSEEN)"))[0]
        return {name: int(re.search(rb"%s (\d+)" % name.upper().encode(), line)[1]) for name in ("messages", "unseen")}

    def refresh(self):
        ok(self.client.noop())

    def quit(self):
        self.client.logout()


talker.serve(Client)
