"""Every OK to an IMAP command that changes the store comes after the last fsync of what it promises (STORE-1).

The server runs under `strace -f`. Each command goes over a connection of its own and works on a mailbox of its own, so
that the calls in the log belong to it: APPEND, APPEND of two messages, COPY, MOVE, STORE, EXPUNGE, CREATE, RENAME and
DELETE. From the log: whenever octets are written to the client, each name that was made, changed or removed before that
has had its folder synced since, each file that got a name was synced before it got it, and the log of the index was
synced behind the last octets that went into it. At the end the checker is given each log with the syncs taken out of
it: it must complain.

    checks/faults/durable_imap.py BINARY [--count N]     N commands of each kind (20)
"""

import argparse
import imaplib
import re
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import durable
from durable import LINKS, SYNCS, UNLINKS, WRITES, Event, parse, under_strace
from mailserver import SENDER, Mailserver
from work import Failed

MAKES = ("mkdir", "mkdirat")
REMOVES = (*UNLINKS, "rmdir")
CHANGES = (*LINKS, *REMOVES, *MAKES)
#: A second message on the same connection behind the first one's octets (RFC 3502).
MESSAGE = b"From: alice@example.test\r\nSubject: durable\r\n\r\n" + b"x" * 70 + b"\r\n"
PWRITES = ("pwrite64", *WRITES)


def folder(path: str) -> str:
    return path.rsplit("/", 1)[0]


def matters(path: str, name: str) -> bool:
    """Whether a name belongs to the mailbox: `tmp` is nobody's promise, and the lock and the index are looked at apart."""
    return f".{name}" in path and "/tmp/" not in path.split("/mail/", 1)[-1]


def check(events: list[Event], port: int, name: str, changes: int) -> None:
    """All that a connection's command on one mailbox did, up to each write on its socket."""
    mine = [event for event in events if event.peer == port]
    if not mine:
        raise Failed("no call on that connection was found")
    until = mine[-1].end
    events = [event for event in events if mine[0].start <= event.start <= until and event.ok]
    changed = [
        event for event in events
        if event.call in CHANGES and any(matters(each, name) for each in event.names)
    ]
    if len(changed) < changes:
        raise Failed(f"{len(changed)} names were changed, not {changes} or more")
    synced = [event for event in events if event.call in SYNCS]
    said = [event for event in mine if event.call in WRITES]
    for change in changed:
        reply = next((event for event in said if event.start > change.start), None)
        if reply is None:
            raise Failed("nothing was written behind a change")
        for each in change.names:
            if not matters(each, name) or (change.call in LINKS and each != change.names[-1] and change.call.startswith("link")):
                continue
            place = folder(each)
            # A folder that is gone itself cannot be synced; the one that it was in is.
            gone = any(e.call in REMOVES and e.names[-1] == place and e.start < reply.start for e in changed)
            moved = any(e.call in LINKS and e.names[0] == place and e.start < reply.start for e in changed)
            if not (gone or moved) and not any(
                event.path == place and change.end < event.start and event.end < reply.start for event in synced
            ):
                raise Failed(f"{place} was not synced between {change.call} of {each} and what was said next")
        if change.call in LINKS:
            written = [e.end for e in events if e.call in PWRITES and e.path == change.names[0] and e.start < change.start]
            if written and not any(
                e.path == change.names[0] and max(written) < e.start and e.end < change.start for e in synced
            ):
                raise Failed(f"{change.names[0]} got its name before all of it was synced")
    last = changed[-1]
    reply = next(event for event in said if event.start > last.start)
    index = [e.end for e in events if e.call in PWRITES and e.path.endswith("index.sqlite-wal") and e.end < reply.start]
    if not index and name.split("-")[0] not in ("create", "delete"):
        raise Failed("nothing was written into the index")
    if index and not any(e.path.endswith("index.sqlite-wal") and max(index) < e.start and e.end < reply.start for e in synced):
        raise Failed("the index was not synced behind the last octets that went into it")


class Commands:
    def __init__(self, server: Mailserver):
        self.server, self.trace = server, []

    def client(self) -> imaplib.IMAP4:
        context = ssl.create_default_context(cafile=self.server.ca)
        client = imaplib.IMAP4_SSL("localhost", self.server.ports["imaps"], ssl_context=context, timeout=60)
        client.login(SENDER, self.server.passwords[SENDER])
        return client

    def must(self, answer) -> None:
        status, data = answer
        if status != "OK":
            raise Failed(f"the server said {status} {data!r}")

    def prepare(self, name: str, messages: int) -> None:
        client = self.client()
        self.must(client.create(name))
        for _ in range(messages):
            self.must(client.append(name, None, None, MESSAGE))
        # What is new is moved to `cur` by the first who looks; that is not what is checked.
        self.must(client.select(name))
        client.logout()

    def one(self, what: str, name: str, changes: int, act) -> None:
        client = self.client()
        port = client.sock.getsockname()[1]
        self.must(act(client))
        client.logout()
        self.trace.append((what, port, name, changes))

    def all(self, number: int) -> None:
        name = f"append-{number}"
        self.prepare(name, 0)
        self.one("APPEND", name, 1, lambda c: c.append(name, None, None, MESSAGE))
        self.prepare(f"source-{number}", 3)
        for command, what in (("COPY", "copy"), ("MOVE", "move")):
            target = f"{what}-{number}"
            self.prepare(target, 0)

            def go(client, command=command, target=target):
                self.must(client.select(f"source-{number}"))
                return client.uid(command, "1:2", target)

            self.one(command, target, 2, go)

        store = f"store-{number}"
        self.prepare(store, 2)

        def flag(client):
            self.must(client.select(store))
            return client.store("1:2", "+FLAGS", "(\\Flagged \\Deleted)")

        self.one("STORE", store, 2, flag)

        def expunge(client):
            self.must(client.select(store))
            return client.expunge()

        self.one("EXPUNGE", store, 2, expunge)
        self.one("CREATE", f"create-{number}", 1, lambda c: c.create(f"create-{number}"))
        self.one("RENAME", f"rename-{number}", 1, lambda c: c.rename(f"create-{number}", f"rename-{number}"))
        self.one("DELETE", f"delete-{number}", 1, lambda c: self.twice(c, f"delete-{number}"))

    def twice(self, client, name: str):
        self.must(client.create(name))
        return client.delete(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    subprocess.run(["strace", "-V"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="mailwire-durable-") as place:
        top = Path(place)
        with Mailserver(under_strace(options.binary.resolve(), top), top / "data") as server:
            commands = Commands(server)
            for number in range(options.count):
                commands.all(number)
        events = parse((top / "strace").read_text("utf-8", "replace"))
    passed, failed, noticed = {}, 0, {}
    for what, port, name, changes in commands.trace:
        try:
            check(events, port, name, changes)
            passed[what] = passed.get(what, 0) + 1
        except Failed as failure:
            failed += 1
            print(f"FAIL  {what} on {name}: {failure}")
            continue
        if what in noticed:
            continue
        try:
            check([event for event in events if event.call not in SYNCS], port, name, changes)
            failed += 1
            print(f"FAIL  {what}: syncs that were taken out of the log were not missed")
        except Failed:
            noticed[what] = True
    for what, number in passed.items():
        print(f"ok    {what}: {number} replies, each after the last fsync of its command")
    for what in noticed:
        print(f"ok    {what}: a missing fsync is noticed")
    print(f"{sum(passed.values()) + len(noticed)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
