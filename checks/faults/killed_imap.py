"""What was answered OK to an IMAP client holds after kill -9, whenever the kill comes (STORE-4, STORE-15, STORE-16).

In each round several clients, each with two mailboxes of its own, append, copy, move, flag and expunge; after a random
while the server is killed, and started again on the same folder. Then, for each client: the UIDVALIDITY is the one it
was told; every message that was answered OK is there under the UID that was answered, with the flags that were
answered; what was expunged or moved away stays gone; of the one command without an answer both outcomes are right, and
nothing else has changed. No UID ever means another message.

    checks/faults/killed_imap.py BINARY [--rounds N] [--seed S]
"""

import argparse
import imaplib
import random
import re
import signal
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import work
from mailserver import SENDER, Mailserver
from work import Failed

CLIENTS = 4
READY = 5.0


def connected(server: Mailserver, password: str) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=server.ca)
    client = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=context, timeout=60)
    client.login(SENDER, password)
    return client


class Client(threading.Thread):
    """`told` says what each mailbox holds by UID: the message's id, and whether it is flagged."""

    def __init__(self, label: str, server: Mailserver, password: str, rng: random.Random):
        super().__init__(daemon=True)
        self.label, self.server, self.password, self.rng = label, server, password, rng
        self.boxes = (f"{label}-a", f"{label}-b")
        self.told: dict[str, dict[int, tuple[str, bool]]] = {box: {} for box in self.boxes}
        self.validity: dict[str, int] = {}
        #: What was sent last and has no answer.
        self.pending: tuple = ()
        self.answered = 0
        self.made: set[str] = set()
        self.trouble: Failed | None = None

    def run(self):
        try:
            client = connected(self.server, self.password)
            for box in self.boxes:
                self.must(client.create(box))
                self.made.add(box)
            self.must(client.select(self.boxes[0]))
            for number in range(100_000):
                self.one(client, number)
                self.pending = ()
                self.answered += 1
        except Failed as failure:
            self.trouble = failure
        except (OSError, imaplib.IMAP4.error):
            # The server was killed. What was sent last has no answer.
            pass

    def must(self, answer) -> list:
        status, data = answer
        if status != "OK":
            raise Failed(f"the server said {status} {data!r}")
        return data

    def one(self, client, number: int) -> None:
        here, there = self.boxes
        uids = list(self.told[here])
        what = self.rng.choice(["append", "append", "copy", "move", "flag", "expunge"]) if uids else "append"
        uid = self.rng.choice(uids) if uids else 0
        message = f"{self.label}.{number}@killed.test"
        self.pending = (what, uid, message)
        if what == "append":
            text = f"From: alice@example.test\r\nMessage-ID: <{message}>\r\n\r\n".encode()
            text += b"x" * self.rng.choice([1, 70, 5_000, 200_000]) + b"\r\n"
            (said,) = self.must(client.append(here, None, None, text))
            validity, new = self.code(said, rb"APPENDUID (\d+) (\d+)")
            self.add(here, validity, new, (message, False))
            return
        held = self.told[here][uid]
        if what in ("copy", "move"):
            client.response("COPYUID")
            self.must(client.uid(what.upper(), str(uid), there))
            _, data = client.response("COPYUID")
            validity, old, new = self.code(data[0], rb"(\d+) (\d+) (\d+)")
            if old != uid:
                raise Failed(f"COPYUID names {old}, not {uid}")
            self.add(there, validity, new, held)
            if what == "move":
                del self.told[here][uid]
        elif what == "flag":
            self.must(client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Flagged)"))
            self.told[here][uid] = (held[0], True)
        else:
            self.must(client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)"))
            self.must(client.uid("EXPUNGE", str(uid)))
            del self.told[here][uid]

    def code(self, said: bytes, pattern: bytes) -> list[int]:
        found = re.search(pattern, said)
        if not found:
            raise Failed(f"no such code in {said!r}")
        return [int(each) for each in found.groups()]

    def add(self, box: str, validity: int, uid: int, held: tuple[str, bool]) -> None:
        if self.validity.setdefault(box, validity) != validity:
            raise Failed(f"{box} has got another UIDVALIDITY")
        if any(uid <= other for other in self.told[box]):
            raise Failed(f"{box}: UID {uid} is not above all others")
        self.told[box][uid] = held

    def check(self, client) -> None:
        """Against the server that was started again."""
        if self.trouble:
            raise self.trouble
        what, uid, message = self.pending or ("", 0, "")
        here, there = self.boxes
        for box in sorted(self.made):
            self.must(client.select(box, readonly=True))
            validity = int(client.response("UIDVALIDITY")[1][0])
            if self.validity.get(box, validity) != validity:
                raise Failed(f"{box} has got another UIDVALIDITY")
            found = self.found(client)
            for each, held in self.told[box].items():
                is_open = box == here and each == uid and what in ("move", "expunge")
                if each not in found:
                    if not is_open:
                        raise Failed(f"{box}: UID {each}, {held[0]}, was answered and is gone")
                    continue
                now = found.pop(each)
                flag_is_open = box == here and each == uid and what == "flag"
                if now[0] != held[0] or (now[1] != held[1] and not flag_is_open):
                    raise Failed(f"{box}: UID {each} is {now}, and {held} was answered")
            # What is left came of the command without an answer.
            wanted = {here: {message} if what == "append" else set(), there: set()}
            if what in ("copy", "move"):
                wanted[there] = {self.told[here][uid][0]} if uid in self.told[here] else set()
            strange = {each: now for each, now in found.items() if now[0] not in wanted[box]}
            if strange or len(found) > 1:
                raise Failed(f"{box}: {found} that nobody was told of, behind {self.pending}")

    def found(self, client) -> dict[int, tuple[str, bool]]:
        if client.response("EXISTS")[1] == [b"0"]:
            return {}
        data = self.must(client.fetch("1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"))
        found = {}
        for each in data:
            if isinstance(each, tuple):
                uid = int(re.search(rb"UID (\d+)", each[0])[1])
                message = re.search(rb"<([^>]*)>", each[1])[1].decode()
                found[uid] = (message, b"\\Flagged" in each[0])
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    answered = 0
    with tempfile.TemporaryDirectory(prefix="mailwire-killed-") as folder:
        data = Path(folder) / "data"
        server = Mailserver(options.binary.resolve(), data)
        password = server.passwords[SENDER]
        try:
            for number in range(options.rounds):
                clients = [
                    Client(f"r{number}c{each}", server, password, random.Random(rng.random())) for each in range(CLIENTS)
                ]
                for client in clients:
                    client.start()
                time.sleep(rng.uniform(0.2, 2.0))
                work.end_group(server.process, signal.SIGKILL)
                server.process.wait()
                for client in clients:
                    client.join(70)
                    answered += client.answered
                began = time.monotonic()
                server = Mailserver(options.binary.resolve(), data)
                ready = time.monotonic() - began
                looking = connected(server, password)
                for client in clients:
                    client.check(looking)
                looking.logout()
                if ready > READY:
                    raise Failed(f"round {number}: ready after {ready:.1f} s")
                print(f"ok    round {number}: {answered} commands answered so far, all hold", flush=True)
        except Failed as failure:
            print(f"FAIL  {failure}\n{work.tail(failure.output or server.log())}")
            print("0 passed, 1 failed")
            return 1
        finally:
            work.end(server.process)
    if not answered:
        print("FAIL  no command was answered: nothing was shown")
        return 1
    print(f"{options.rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
