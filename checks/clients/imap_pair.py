"""Two clients at once in one mailbox, as a desktop and a phone have it: what one does the other is told, and both agree.

Each deed raises Failed unless both clients, a third one that looks, and the files of the server have the same.
"""

import concurrent.futures
import itertools
from pathlib import Path

from corpus import sha256
from imap_look import Look
from imap_notes import name_of, note, number_of
from imap_place import Place
from imap_talk import LIBRARIES, Talk
from senders import Target
from work import Failed

#: One idles, the other acts. imaplib of Python 3.11 cannot idle.
PAIRS = (("imapclient", "imapflow"), ("imapflow", "imapclient"), ("imapflow", "imaplib"))
AT_ONCE = 24
_numbers = itertools.count(1000, 1000)


class Pair:
    def __init__(self, place: Place, idler: Target, actor: Target, names: tuple[str, str], mailbox: str):
        self.place, self.mailbox, self.account = place, mailbox, idler.user
        self.targets, self.names = (idler, actor), names
        self.home = actor.home
        self.talks: list[Talk] = []
        # Sent and Trash are shared with other pairs: nobody else has messages of these numbers.
        self.first = next(_numbers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for talk in self.talks:
            talk.end()

    @property
    def idler(self) -> Talk:
        return self.talks[0]

    @property
    def actor(self) -> Talk:
        return self.talks[1]

    def file(self, number: int) -> str:
        path = Path(self.home, f"note-{number}")
        path.write_bytes(note(number).octets)
        return str(path)

    def uid(self, number: int) -> int:
        with Look(self.place, self.account) as look:
            return look.mailbox(self.mailbox)[name_of(number)].uid

    def told(self, what: str, act) -> int:
        """What the idling client is told while the other acts."""
        self.idler.do("idle")
        act()
        number = self.idler.do("told", what=what)
        self.idler.do("wake")
        return number

    def agree(self) -> dict[str, frozenset[str]]:
        """What both and the third have: flags by UID."""
        with Look(self.place, self.account) as look:
            seen = look.mailbox(self.mailbox)
        third = {str(each.uid): set(each.flags) for each in seen.values()}
        for who, talk in (("the one that idles", self.idler), ("the one that acts", self.actor)):
            talk.do("refresh")
            have = {uid: set(flags) - {"\\Recent"} for uid, flags in talk.do("flags").items()}
            if have != third:
                raise Failed(f"{who} has {have}, the third {third}")
        octets = {sha256(each) for each in self.place.stored(self.account, self.mailbox)}
        for name in seen:
            if sha256(note(number_of(name)).octets) not in octets:
                raise Failed(f"{name} has other octets on disk")
        return {name: each.flags for name, each in seen.items()}

    def start(self) -> None:
        """Both log in and have the mailbox selected."""
        with Look(self.place, self.account) as look:
            look.make(self.mailbox)
            for number in range(1, 6):
                look.put(self.mailbox, note(self.first + number).octets)
        for name, at in zip(self.names, self.targets):
            talk = LIBRARIES[name](at)
            self.talks.append(talk)
            if talk.do("select", mailbox=self.mailbox) != 5:
                raise Failed(f"{name} does not see 5 messages")

    def new(self) -> None:
        """A new message: EXISTS."""
        number = self.first + 6
        count = self.told("exists", lambda: self.actor.do("append", mailbox=self.mailbox, path=self.file(number)))
        if count != 6:
            raise Failed(f"told of {count} messages, and there are 6")
        self.agree()
        if self.idler.do("search", subject=f"note-{number}") != [self.uid(number)]:
            raise Failed("the one that was told does not find it")

    def flagged(self) -> None:
        """A change of flags: FETCH."""
        uid = self.uid(self.first + 2)
        number = self.told("flags", lambda: self.actor.do("flag", uid=uid, add=["\\Flagged"]))
        if number != 2:
            raise Failed(f"told of flags of message {number}, and it was 2")
        if "\\Flagged" not in self.agree()[name_of(self.first + 2)]:
            raise Failed("it is not flagged")

    def trashed(self) -> None:
        """A message that goes to Trash: EXPUNGE."""
        uid = self.uid(self.first + 3)
        number = self.told("expunge", lambda: self.actor.do("move", uid=uid, mailbox="Trash"))
        if number != 3:
            raise Failed(f"told that message {number} is gone, and it was 3")
        if name_of(self.first + 3) in self.agree():
            raise Failed("it is still there")
        self.must_be("Trash", {self.first + 3})

    def answered(self) -> None:
        """An answer: a copy into Sent, and \\Answered; the other finds both."""
        answer = self.first + 7
        self.actor.do("append", mailbox="Sent", path=self.file(answer), flags=["\\Seen"])
        uid = self.uid(self.first + 1)
        self.told("flags", lambda: self.actor.do("flag", uid=uid, add=["\\Answered", "\\Seen"]))
        if self.agree()[name_of(self.first + 1)] != {"\\Answered", "\\Seen"}:
            raise Failed("other flags")
        self.idler.do("select", mailbox="Sent")
        found = self.idler.do("search", subject=f"note-{answer}")
        self.idler.do("select", mailbox=self.mailbox)
        if len(found) != 1:
            raise Failed(f"the one that idles finds {len(found)} in Sent")
        self.must_be("Sent", {answer})

    def at_once(self) -> None:
        """Both append, flag, copy, move and search, neither waiting for the other; nothing is lost and nothing doubled."""
        shared = [self.uid(self.first + each) for each in (1, 2, 4, 5, 6)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            work = [
                pool.submit(self.many, talk, self.first + offset, flag, shared)
                for talk, offset, flag in ((self.idler, 100, "\\Draft"), (self.actor, 200, "$Forwarded"))
            ]
            for each in work:
                each.result()
        stays = [offset + number for offset in (100, 200) for number in range(AT_ONCE) if number % 3]
        moved = [offset + number for offset in (100, 200) for number in range(AT_ONCE) if not number % 3]
        copied = [offset + number for offset in (100, 200) for number in range(0, AT_ONCE, 4)]
        have = self.agree()
        want = {name_of(self.first + each) for each in (1, 2, 4, 5, 6, *stays)}
        if set(have) != want:
            raise Failed(f"missing {sorted(want - set(have))}, too many {sorted(set(have) - want)}")
        for number in (1, 2, 4, 5, 6):
            if not {"\\Draft", "$Forwarded"} <= have[name_of(self.first + number)]:
                raise Failed(f"flags of note {number} were lost: {have[name_of(self.first + number)]}")
        for number in stays:
            if "\\Flagged" not in have[name_of(self.first + number)]:
                raise Failed(f"note {number} is not flagged")
        self.must_be("Trash", {self.first + each for each in (3, *moved)})
        self.must_be("Sent", {self.first + each for each in (7, *copied)})

    def many(self, talk: Talk, first: int, flag: str, shared: list[int]) -> None:
        for number in range(AT_ONCE):
            uid = talk.do("append", mailbox=self.mailbox, path=self.file(first + number))
            talk.do("flag", uid=uid, add=["\\Flagged"])
            talk.do("flag", uid=shared[number % len(shared)], add=[flag])
            if (found := talk.do("search", subject=f"note-{first + number}")) != [uid]:
                raise Failed(f"{found} is found of UID {uid}")
            if not number % 4:
                talk.do("copy", uid=uid, mailbox="Sent")
            if not number % 3:
                talk.do("move", uid=uid, mailbox="Trash")

    def leave(self) -> None:
        """Both log out."""
        self.idler.quit()
        self.actor.quit()

    def must_be(self, mailbox: str, numbers: set[int]) -> None:
        """Of this pair's messages these are there, once each, and their octets are what they were."""
        with Look(self.place, self.account) as look:
            names = {name for name in look.mailbox(mailbox) if number_of(name) // 1000 == self.first // 1000}
        if names != {name_of(number) for number in numbers}:
            raise Failed(f"{mailbox} has {sorted(names)}, wanted {sorted(numbers)}")
        octets = {sha256(each) for each in self.place.stored(self.account, mailbox)}
        if not {sha256(note(number).octets) for number in numbers} <= octets:
            raise Failed(f"the files of {mailbox} have other octets")


#: The deeds of Pair, in this order, for each starts where the last one ended.
DEEDS = {
    "same view": "start",
    "told of new": "new",
    "told of flags": "flagged",
    "told of moved": "trashed",
    "answer": "answered",
    "both at once": "at_once",
    "logout": "leave",
}
