"""Every positive reply comes after the last fsync of what it promises (STORE-1).

The server runs under `strace -f`. Messages are delivered one after the other by SMTP, SMTP to two recipients, and LMTP,
and removed by POP3's QUIT. From the log: each file was synced before it got its name in `new`, `new` was synced after
that, new folders were synced in their parents, and only then did the socket see the reply. Nothing of the operation is
synced after the reply. At the end the checker is given a log in which the reply was moved forward: it must complain.

    checks/faults/durable.py BINARY [--count N]     N messages of each kind (50)
"""

import argparse
import bisect
import poplib
import re
import smtplib
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import work
from mailserver import RECIPIENT, SENDER, Mailserver
from work import Failed

CALL = re.compile(r"^(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
FD = re.compile(r"^\d+<([^>]*)>")
#: A socket of ours as strace -yy shows it; the last number is the client's port.
PEER = re.compile(r"<TCP(?:v6)?:\[[^\]>]*->[^\]>]*:(\d+)\]>")
#: A name in a folder, or a path alone.
AT = re.compile(r"(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?\"([^\"]*)\"")


@dataclass(frozen=True)
class Event:
    """`start` and `end` are positions in the log: another thread's calls may lie between."""

    start: int
    end: int
    call: str
    text: str

    @property
    def ok(self) -> bool:
        return not re.search(r"= -1 E", self.text)

    @property
    def path(self) -> str:
        found = FD.match(self.text)
        return found[1] if found else ""

    @property
    def names(self) -> list[str]:
        found = [name if name.startswith("/") else f"{folder}/{name}" for folder, name in AT.findall(self.text)]
        return found or [""]

    @property
    def peer(self) -> int | None:
        found = PEER.search(self.text)
        return int(found[1]) if found else None


def parse(log: str) -> list[Event]:
    events, open_calls = [], {}
    for at, line in enumerate(log.splitlines()):
        found = CALL.match(line)
        if not found:
            continue
        thread, resumed, call, text = found.groups()
        if resumed:
            start, before = open_calls.pop(thread, (at, ""))
            events.append(Event(start, at, resumed, before + text))
        elif text.endswith("<unfinished ...>"):
            open_calls[thread] = (at, text.removesuffix("<unfinished ...>"))
        else:
            events.append(Event(at, at, call, text))
    return sorted(events, key=lambda event: event.start)


WRITES = ("write", "writev", "sendto", "sendmsg")
SYNCS = ("fsync", "fdatasync")
LINKS = ("link", "linkat", "rename", "renameat", "renameat2")
UNLINKS = ("unlink", "unlinkat")


def check_delivery(events: list[Event], port: int, copies: int) -> Event:
    """The reply that was checked."""
    mine = [event for event in events if event.call in WRITES and event.peer == port]
    go = next((event for event in mine if '"354 ' in event.text), None)
    if go is None:
        raise Failed("no 354 was written")
    reply = next((event for event in mine if event.start > go.end and '"250 2.' in event.text), None)
    if reply is None:
        raise Failed("no 250 was written")
    done = [event for event in events if event.start > go.end and event.end < reply.start and event.ok]
    synced = [event for event in done if event.call in SYNCS]
    links = [event for event in done if event.call in LINKS and re.search(r"/new/", event.names[-1])]
    if len(links) != copies:
        raise Failed(f"{len(links)} files had got their name when the reply was written, not {copies}")
    for link in links:
        source, target = link.names
        written = [event.end for event in done if event.call in WRITES and event.path == source]
        file_synced = [event for event in synced if event.path == source and event.end < link.start]
        if not file_synced or not written or file_synced[-1].start < max(written):
            raise Failed(f"{source} got its name before all of it was synced")
        folder = target.rsplit("/", 1)[0]
        if not any(event.path == folder and event.start > link.end for event in synced):
            raise Failed(f"{folder} was not synced between the new name in it and the reply")
    for made in done:
        if made.call in ("mkdir", "mkdirat"):
            parent = made.names[-1].rsplit("/", 1)[0]
            if not any(event.path == parent and event.start > made.end for event in synced):
                raise Failed(f"{parent} was not synced after a folder was made in it")
    following(events, reply, port)
    return reply


def check_removal(events: list[Event], port: int, removed: int) -> Event:
    mine = [event for event in events if event.peer == port]
    if not mine:
        raise Failed("no call on that connection was found")
    first, last = mine[0].start, next((event.end for event in mine if event.call == "close"), mine[-1].end)
    unlinks = [
        event for event in events
        if event.call in UNLINKS and event.ok and first < event.start < last and re.search(r"/(new|cur)/", event.names[-1])
    ]
    if len(unlinks) != removed:
        raise Failed(f"{len(unlinks)} files were removed, not {removed}")
    # The lines are encrypted; but QUIT is the last command, so what is written after the first removal is its reply.
    reply = next((event for event in mine if event.call in WRITES and event.start > unlinks[0].start), None)
    if reply is None:
        raise Failed("nothing was written after the removal")
    for unlink in unlinks:
        folder = unlink.names[-1].rsplit("/", 1)[0]
        if not any(
            event.call in SYNCS and event.ok and event.path == folder and unlink.end < event.start and event.end < reply.start
            for event in events
        ):
            raise Failed(f"{folder} was not synced between a removal in it and the reply")
    following(events, reply, port)
    return reply


def following(events: list[Event], reply: Event, port: int) -> None:
    """Nothing of the operation is synced behind its reply: until the client's next octets, or the end."""
    after = [event for event in events if event.start > reply.start]
    until = next((e.start for e in after if e.peer == port and e.call in ("recvfrom", "read", "shutdown", "close")), None)
    for event in after:
        if until is not None and event.start > until:
            return
        if event.call in SYNCS and re.search(r"/mail/.*/(tmp|new|cur)(/|$)", event.path):
            raise Failed(f"{event.path} was synced after the reply")


def work_through(server: Mailserver, count: int) -> list[tuple[str, int, object]]:
    """(what, the client's port, the check), one after the other."""
    trace = []
    body = "From: alice@example.test\r\nSubject: durable %d\r\n\r\n" + "x" * 70 + "\r\n"

    def send(what, client, number, recipients):
        port = client.sock.getsockname()[1]
        client.sendmail(SENDER, recipients, body % number)
        client.quit()
        trace.append((what, port, lambda events: check_delivery(events, port, len(recipients))))

    for number in range(count):
        send("SMTP", smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60), number, [RECIPIENT])
        send("SMTP, two recipients", smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60), number, [SENDER, RECIPIENT])
        send("LMTP", smtplib.LMTP("127.0.0.1", server.ports["lmtp"], timeout=60), number, [RECIPIENT])
    for number in range(count):
        removed = 2 if number % 2 else 1
        client = poplib.POP3("127.0.0.1", server.ports["pop3"], timeout=60)
        client.stls(ssl.create_default_context(cafile=server.ca))
        port = client.sock.getsockname()[1]
        client.user(RECIPIENT)
        client.pass_(server.passwords[RECIPIENT])
        for each in range(removed):
            client.dele(each + 1)
        client.quit()
        trace.append(("POP3 QUIT", port, lambda events, port=port, removed=removed: check_removal(events, port, removed)))
    return trace


def under_strace(binary: Path, top: Path) -> Path:
    """A program that is the server under strace: it takes the server's options."""
    script = top / "traced"
    script.write_text(
        f'#!/bin/sh\nexec strace -f -yy -s 64 -o {top}/strace -e trace=%desc,%file,%network {binary} "$@"\n'
    )
    script.chmod(0o755)
    return script


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--count", type=int, default=50)
    options = parser.parse_args()
    subprocess.run(["strace", "-V"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="mailwire-durable-") as folder:
        top = Path(folder)
        with Mailserver(under_strace(options.binary.resolve(), top), top / "data") as server:
            trace = work_through(server, options.count)
        events = parse((top / "strace").read_text("utf-8", "replace"))
    passed, failed, replies = {}, 0, {}
    starts = [event.start for event in events]
    done = 0
    for what, port, check in trace:
        # One operation came after the other, and the client's port may come again: what was answered before is over.
        # No operation makes as many calls as are looked at: opening a maildrop makes some for each message.
        begin = bisect.bisect_right(starts, done)
        rest = events[begin:begin + 60_000]
        try:
            reply = check(rest)
            done = reply.start
            replies[what] = (port, check, reply, rest)
            passed[what] = passed.get(what, 0) + 1
        except Failed as failure:
            failed += 1
            print(f"FAIL  {what}, the client's port {port}: {failure}")
    for what, number in passed.items():
        print(f"ok    {what}: {number} replies, each after the last fsync of its operation")
    for what, (port, check, reply, rest) in replies.items():
        # As if the reply had been written before anything was synced.
        calls = UNLINKS if "POP3" in what else LINKS
        early = max(e.start for e in rest if e.call in calls and e.start < reply.start and re.search(r"/(new|cur)/", e.names[-1]))
        moved = [e if e is not reply else replace(e, start=early + 0.5, end=early + 0.5) for e in rest]
        try:
            check(sorted(moved, key=lambda event: event.start))
            failed += 1
            print(f"FAIL  {what}: a reply that was moved in front of the fsync was not noticed")
        except Failed:
            passed["noticed " + what] = 1
            print(f"ok    {what}: a reply moved in front of the fsync is noticed")
    print(f"{sum(passed.values())} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
