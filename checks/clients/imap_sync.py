"""Two programs that keep a Maildir and a server the same, in both directions: mbsync and OfflineIMAP.

The near side is a folder `near`, where a mailbox `A/B` is the Maildir `near/A/B` for both. They are looked at from
outside: the near side as files, the far side by another client and as the files of the server.
"""

import os
import re
from pathlib import Path

from corpus import sha256
from imap_look import Look
from imap_notes import name_of, note
from imap_place import Place
from readers import from_line_feeds
from senders import Target
from work import Failed, Ran, must

#: Letters of maildir(5), and the flags that they stand for.
LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
TUID = re.compile(rb"(?:\A|(?<=\r\n))X-TUID: [A-Za-z0-9+/]{12}\r\n")


def mbsync(at: Target, patterns: list[str], mechanism: str = "", *more: str) -> Ran:
    near = at.home / "near"
    near.mkdir(exist_ok=True)
    config = at.file("mbsyncrc", f"""
IMAPAccount check
Host localhost
Port {at.port}
User {at.user}
Pass "{at.password}"
SSLType {"IMAPS" if at.implicit else "STARTTLS"}
CertificateFile {at.ca}
SystemCertificates no
Timeout 60
{f"AuthMechs {mechanism}" if mechanism else ""}

IMAPStore far
Account check

MaildirStore near
Path {near}/
Inbox {near}/INBOX
SubFolders Verbatim

Channel check
Far :far:
Near :near:
Patterns {" ".join(patterns)}
Create Both
Expunge Both
Remove None
SyncState *
CopyArrivalDate yes
""")
    return must(["mbsync", "--config", config, "--all", *more], env=at.env)


def offlineimap(at: Target, patterns: list[str], mechanism: str = "", *more: str) -> Ran:
    """`patterns` are mailboxes; with `*` at the end, all that begin so."""
    wanted = [f"name.startswith({each[:-1]!r})" if each.endswith("*") else f"name == {each!r}" for each in patterns]
    config = at.file("offlineimaprc", f"""
[general]
accounts = check
metadata = {at.home}/metadata
socktimeout = 60
maxsyncaccounts = 1
[Account check]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {at.home}/near
sep = /
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {at.port}
remoteuser = {at.user}
remotepass = {at.password}
ssl = {"yes" if at.implicit else "no"}
starttls = {"no" if at.implicit else "yes"}
sslcacertfile = {at.ca}
maxconnections = 1
folderfilter = lambda name: {" or ".join(wanted)}
{f"auth_mechanisms = {mechanism}" if mechanism else ""}
""")
    ran = must(["offlineimap", "-c", config, "-o", "-u", "basic", *more], env=at.env)
    # It ends with 0 where a folder could not be synced.
    if b"ERROR" in ran.stdout + ran.stderr:
        raise Failed("offlineimap reported an error", ran.output)
    return ran


def without_tuid(octets: bytes) -> bytes:
    """Without the one X-TUID of mbsync, if it is there: a message that was appended here has none."""
    end = octets.find(b"\r\n\r\n")
    head = octets[:end + 2] if end >= 0 else octets
    found = TUID.findall(head)
    if len(found) > 1:
        raise Failed("more than one X-TUID")
    return TUID.sub(b"", head, count=1) + octets[len(head):]


class TwoWay:
    """Each deed changes something on both sides, syncs, and finds both sides the same."""

    def __init__(self, place: Place, at: Target, sync, base: str):
        self.place, self.at, self.sync, self.base = place, at, sync, base
        self.mailboxes = [base, f"{base}/Work", f"{base}/Work/2026"]

    def run(self) -> None:
        self.sync(self.at, [self.base, self.base + "/*"])

    def near(self, mailbox: str) -> dict[str, Path]:
        """The files by the Message-ID in them."""
        folder = self.at.home / "near" / mailbox
        found = {}
        for path in [each for part in ("new", "cur") if (folder / part).is_dir() for each in (folder / part).iterdir()]:
            name = re.search(rb"^Message-ID: (.*)$", path.read_bytes(), re.MULTILINE)[1].decode()
            if name in found:
                raise Failed(f"{mailbox} has {name} more than once on the near side")
            found[name] = path
        return found

    def put(self, mailbox: str, number: int, letters: str) -> Path:
        folder = self.at.home / "near" / mailbox
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        path = folder / "cur" / f"{1700000000 + number}.M{number}.check:2,{letters}"
        path.write_bytes(note(number).octets.replace(b"\r\n", b"\n"))
        os.utime(path, (ARRIVED, ARRIVED))
        return path

    def the_same(self, wanted: dict[str, dict[int, str]]) -> None:
        """`wanted` is what both sides must have: by mailbox, the notes with their letters."""
        with Look(self.place, self.at.user) as look:
            for mailbox, notes in wanted.items():
                want = {name_of(number): set(letters) for number, letters in notes.items()}
                near = {name: letters(path) for name, path in self.near(mailbox).items()}
                far = {
                    name: {letter for letter, flag in LETTERS.items() if flag in seen.flags}
                    for name, seen in look.mailbox(mailbox).items()
                }
                for side, have in (("near", near), ("far", far)):
                    if have != want:
                        raise Failed(f"{mailbox} on the {side} side has {have}, wanted {want}")
                octets = sorted(sha256(note(number).octets) for number in notes)
                files = [from_line_feeds(path.read_bytes()) for path in self.near(mailbox).values()]
                for side, have in (("near", files), ("far", self.place.stored(self.at.user, mailbox))):
                    if sorted(sha256(without_tuid(each)) for each in have) != octets:
                        raise Failed(f"other octets in {mailbox} on the {side} side")

    def nested(self) -> None:
        """Mailboxes within mailboxes come with their messages and flags."""
        with Look(self.place, self.at.user) as look:
            for mailbox in self.mailboxes:
                look.make(mailbox)
                for number, flags in ((1, ""), (2, "\\Seen"), (3, "\\Seen \\Flagged"), (4, "\\Answered"), (5, "\\Draft")):
                    look.put(mailbox, note(number).octets, flags)
        self.run()
        self.state = {mailbox: {1: "", 2: "S", 3: "FS", 4: "R", 5: "D"} for mailbox in self.mailboxes}
        self.the_same(self.state)

    def new(self) -> None:
        """New messages on both sides, and a new mailbox on each."""
        one, work, deep = self.mailboxes
        own, its = f"{self.base}/Near", f"{self.base}/Far"
        self.put(one, 11, "S")
        self.put(deep, 12, "")
        self.put(own, 13, "FS")
        with Look(self.place, self.at.user) as look:
            look.put(work, note(14).octets, "\\Flagged")
            look.put(deep, note(15).octets)
            look.make(its)
            look.put(its, note(16).octets)
        self.run()
        self.state[one][11] = "S"
        self.state[deep].update({12: "", 15: ""})
        self.state[work][14] = "F"
        self.state.update({own: {13: "FS"}, its: {16: ""}})
        self.the_same(self.state)

    def flags(self) -> None:
        """Flags set and taken on both sides, on one message from both."""
        one, work, _ = self.mailboxes
        self.relabel(one, 1, "FS")
        self.relabel(one, 3, "S")
        self.relabel(work, 4, "RS")
        with Look(self.place, self.at.user) as look:
            look.flag(one, [name_of(2)], "+FLAGS (\\Answered)")
            look.flag(one, [name_of(5)], "-FLAGS (\\Draft)")
            look.flag(work, [name_of(4)], "+FLAGS (\\Flagged)")
        self.run()
        self.state[one].update({1: "FS", 3: "S", 2: "RS", 5: ""})
        self.state[work][4] = "FRS"
        self.the_same(self.state)

    def relabel(self, mailbox: str, number: int, letters: str) -> None:
        path = self.near(mailbox)[name_of(number)]
        path.rename(path.parent.parent / "cur" / f"{path.name.partition(':2,')[0]}:2,{letters}")

    def deletions(self) -> None:
        """Messages deleted on both sides, one of them on both."""
        one, work, deep = self.mailboxes
        for mailbox, number in ((one, 1), (deep, 3), (work, 2)):
            self.near(mailbox)[name_of(number)].unlink()
            del self.state[mailbox][number]
        with Look(self.place, self.at.user) as look:
            for mailbox, number in ((one, 11), (deep, 5), (work, 2)):
                look.remove(mailbox, [name_of(number)])
                self.state[mailbox].pop(number, None)
        self.run()
        self.the_same(self.state)

    def everything(self) -> tuple:
        """Both sides to the last detail: names of files, UIDs, flags and dates."""
        with Look(self.place, self.at.user) as look:
            far = {mailbox: look.mailbox(mailbox) for mailbox in self.state}
        files = {path for mailbox in self.state for path in self.place.files(self.at.user, mailbox)}
        near = {path: sha256(path.read_bytes()) for mailbox in self.state for path in self.near(mailbox).values()}
        return far, files, near

    def again(self) -> None:
        """When nothing has changed, another run changes nothing."""
        self.run()
        before = self.everything()
        self.run()
        if self.everything() != before:
            raise Failed("another run changed something")
        self.the_same(self.state)


def letters(path: Path) -> set[str]:
    return set(path.name.partition(":2,")[2]) & set(LETTERS)


#: When the messages of the near side came, in seconds since 1970: 31 October 2026, 10:00 UTC.
ARRIVED = 1793440800

#: The deeds of TwoWay, in this order, for each starts where the last one ended.
TWO_WAY = {
    "nested": "nested",
    "new": "new, both ways",
    "flags": "flags, both ways",
    "deletions": "deleted, both ways",
    "again": "another run",
}
