#!/usr/bin/env python3
"""mbsync of many small messages: nothing is lost, nothing is doubled, and what changes on both sides meets.

    checks/clients/imap_many.py [--count N] [--against mailserver|dovecot] [--bin DIR]

A few of them are in the table (COUNT); by itself this program takes 10,000. The closing line is `N passed, N failed`.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import imap_sync
from imap_look import Look
from imap_notes import name_of, note
from imap_place import Dovecot, Ours, Place
from mailserver import RECIPIENT, SENDER, Mailserver
from senders import Target
from work import Failed

COUNT = 200
ROOT = Path(__file__).resolve().parents[2]


class Many(imap_sync.TwoWay):
    def __init__(self, place: Place, at: Target, mailbox: str, count: int):
        super().__init__(place, at, imap_sync.mbsync, mailbox)
        self.count = count

    def down(self) -> None:
        """All of them come."""
        # Numbers of their own, so that each note is small.
        notes = range(10_000, 10_000 + self.count)
        with Look(self.place, self.at.user) as look:
            look.make(self.base)
            for number in notes:
                look.put(self.base, note(number).octets)
        self.run()
        self.state = {self.base: dict.fromkeys(notes, "")}
        self.the_same(self.state)

    def meet(self) -> None:
        """A tenth each: deleted here, flagged here, deleted there, flagged there; and a tenth more on both sides."""
        state = self.state[self.base]
        gone, marked, gone_there, marked_there = ([number for number in state if number % 10 == each] for each in range(4))
        more = range(10_000 + self.count, 10_000 + self.count + self.count // 10)
        near = self.near(self.base)
        for number in gone:
            near[name_of(number)].unlink()
        for number in marked:
            path = near[name_of(number)]
            path.rename(path.parent.parent / "cur" / f"{path.name.partition(':2,')[0]}:2,FS")
        with Look(self.place, self.at.user) as look:
            look.remove(self.base, [name_of(number) for number in gone_there])
            look.flag(self.base, [name_of(number) for number in marked_there], "+FLAGS.SILENT (\\Seen)")
            for number in more[1::2]:
                look.put(self.base, note(number).octets)
        for number in more[::2]:
            self.put(self.base, number, "")
        self.run()
        for number in (*gone, *gone_there):
            del state[number]
        state.update(dict.fromkeys(marked, "FS") | dict.fromkeys(marked_there, "S") | dict.fromkeys(more, ""))
        self.the_same(self.state)


#: The deeds of Many, in this order.
DEEDS = {"down": "all come", "meet": "both sides change", "again": "another run"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--against", choices=("mailserver", "dovecot"), default="mailserver")
    parser.add_argument("--bin", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed = 0
    with tempfile.TemporaryDirectory(prefix="mailwire-many-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        if options.against == "dovecot":
            with Dovecot(top / "dovecot") as dovecot:
                passed = deeds(dovecot, top, options.count)
        else:
            with Mailserver(options.bin.resolve() / "mailserver", top / "data") as server:
                passed = deeds(Ours(server), top, options.count)
    print(f"{passed} passed, {len(DEEDS) - passed} failed")
    return 0 if passed == len(DEEDS) else 1


def deeds(place: Place, top: Path, count: int) -> int:
    """How many hold; behind the first that does not, the others have nothing to start from."""
    home = top / "home"
    home.mkdir()
    at = Target(
        mode="implicit", port=place.port("implicit"), ca=place.ca, user=SENDER, password=place.passwords[SENDER],
        sender=SENDER, recipient=RECIPIENT, home=home, cache=top, binaries=top,
    )
    many = Many(place, at, "many", count)
    for number, deed in enumerate(DEEDS):
        started = time.monotonic()
        try:
            getattr(many, deed)()
        except Failed as failure:
            print(f"FAIL    {deed}: {failure}\n{failure.output}\n{place.log()[-2000:]}")
            return number
        print(f"ok      {deed}: {count} messages, {time.monotonic() - started:.1f} s", flush=True)
    return len(DEEDS)


if __name__ == "__main__":
    sys.exit(main())
