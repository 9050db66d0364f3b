"""The rows of IMAP, against any server that is a Place: table.py runs them."""

import shutil
import traceback

import imap_deeds
import imap_many
import imap_pair
import imap_sync
from corpus import one_with, same, sha256
from imap_look import Look, quoted
from imap_place import Place
from imap_readers import READERS, refuses
from imap_writers import OWN, WRITERS
from mailserver import RECIPIENT, SENDER
from readers import Cannot
from work import Failed

#: Each of the modes: readers by message and once with a CA that does not match, writers by message, what each client
#: does besides, two programs that sync, three pairs, and many messages.
SIZE = 2 * (10 * (8 + 1) + 9 * 8 + (8 + 11 + 10 + 12 + 3 + 2 + 1 + 8 + 4) + 2 * 5 + 3 * 7 + 3)
#: Of these rows, those that a client has no way of doing: OfflineIMAP checks no certificate behind STARTTLS.
CANNOT = 1
#: Readers have their mail here, and all the others theirs with the other account: other rows leave mail there.
READS, WORKS = RECIPIENT, SENDER
#: These end the last line of a message themselves.
WHOLE_LINES = ("fetchmail",)


class ImapRows:
    def __init__(self, run, place: Place, modes):
        self.run, self.table, self.place, self.modes = run, run.table, place, modes

    def wanted(self, name: str) -> bool:
        return self.run.wanted(name) or self.run.wanted("imap")

    def target(self, mode: str, account: str, ca=None):
        return self.run.target(mode, self.place.port(mode), ca or self.place.ca, account, self.place.passwords[account])

    def all(self) -> None:
        self.readers()
        for mode in self.modes:
            for name, write in WRITERS.items():
                if self.wanted(name):
                    self.writes(name, write, mode)
            for name, deeds in imap_deeds.DEEDS.items():
                for what, deed in deeds.items() if self.wanted(name) else ():
                    self.deed(name, mode, what, deed)
            for name, sync in (("mbsync", imap_sync.mbsync), ("offlineimap", imap_sync.offlineimap)):
                if self.wanted(name):
                    self.syncs(name, sync, mode)
            if self.wanted("pair"):
                for names in imap_pair.PAIRS:
                    self.pair(names, mode)
            if self.wanted("many"):
                self.many(mode)

    def row(self, who: str, mode: str, what: str, act, note: str) -> None:
        """One line. Whatever goes wrong is a failed row, and never the end of the table."""
        mark = len(self.place.log())
        if failure := attempt(act):
            self.table.fail(who, mode, what, failure, self.place.log(mark))
        else:
            self.table.ok(who, mode, what, note)

    def readers(self) -> None:
        names = [name for name in READERS if self.wanted(name)]
        if not names:
            return
        stored = self.place.deliver(READS, self.run.messages)
        for name in names:
            for mode in self.modes:
                want = [octets if octets.endswith(b"\r\n") or name not in WHOLE_LINES else octets + b"\r\n" for octets in stored]
                self.run.one_read(f"{name} fetches", guarded(READERS[name]), self.target(mode, READS), want, self.place.log)
                wrong = self.target(mode, READS, self.run.wrong_ca)
                self.run.refusal(f"{name} fetches", mode, self.place, lambda: guarded(refuses)(name, wrong))
                shutil.rmtree(wrong.home)

    def writes(self, name: str, write, mode: str) -> None:
        """One line for each message, by what the server keeps on its disk."""
        at, mailbox = self.target(mode, WORKS), f"{name}-{mode}-append"
        found: list[bytes] = []

        def all_of_them() -> None:
            with Look(self.place, WORKS) as look:
                look.make(mailbox)
            write(at, mailbox, self.run.messages)
            found.extend(map(OWN.get(name, bytes), self.place.stored(WORKS, mailbox)))
            if len(found) != len(self.run.messages):
                raise Failed(f"{len(found)} messages where there should be {len(self.run.messages)}")
            with Look(self.place, WORKS) as look:
                look.unmake(mailbox)

        trouble = attempt(all_of_them)
        for message in self.run.messages:

            def arrived() -> None:
                if trouble:
                    raise trouble
                same(message.octets, one_with(message, found))

            self.row(f"{name} appends", mode, message.name, arrived, "sha256=" + sha256(message.octets))
        shutil.rmtree(at.home)

    def deed(self, name: str, mode: str, what: str, deed) -> None:
        at = self.target(mode, WORKS)
        scene = imap_deeds.Scene(self.place, at, f"{name}-{mode}-{what.replace(' ', '-')}")
        since = len(self.place.log())

        def act() -> None:
            scene.prepare()
            deed(scene)
            if what.startswith("auth "):
                self.place.must_have_used(what.removeprefix("auth "), since)

        self.row(f"{name}, IMAP", mode, what, act, "holds")
        shutil.rmtree(at.home)
        attempt(lambda: self.tidy(f"{name}-{mode}-"))

    def tidy(self, front: str) -> None:
        """Takes away the mailboxes that rows made: programs list all there are, and some hold only so much of that."""
        with Look(self.place, WORKS) as look:
            for name in sorted(look.names(), reverse=True):
                if name.startswith(front):
                    look.unmake(name)
                    look.must(look.client.unsubscribe(quoted(name)))

    def syncs(self, name: str, sync, mode: str) -> None:
        at = self.target(mode, WORKS)
        both = imap_sync.TwoWay(self.place, at, sync, f"{name}-{mode}")
        for deed, what in imap_sync.TWO_WAY.items():
            self.row(f"{name} syncs", mode, what, getattr(both, deed), "both sides are the same")
        shutil.rmtree(at.home)
        attempt(lambda: self.tidy(f"{name}-{mode}"))

    def pair(self, names: tuple[str, str], mode: str) -> None:
        idler, actor = self.target(mode, WORKS), self.target(mode, WORKS)
        with imap_pair.Pair(self.place, idler, actor, names, f"{names[0]}-{names[1]}-{mode}") as pair:
            for what, deed in imap_pair.DEEDS.items():
                self.row("+".join(names), mode, what, getattr(pair, deed), "all agree")
        attempt(lambda: self.tidy(f"{names[0]}-{names[1]}-{mode}"))
        for at in (idler, actor):
            shutil.rmtree(at.home)

    def many(self, mode: str) -> None:
        at = self.target(mode, WORKS)
        many = imap_many.Many(self.place, at, f"many-{mode}", imap_many.COUNT)
        for deed, what in imap_many.DEEDS.items():
            self.row("mbsync of many", mode, what, getattr(many, deed), f"{imap_many.COUNT} messages")
        shutil.rmtree(at.home)
        attempt(lambda: self.tidy(f"many-{mode}"))


def guarded(act):
    """Whatever goes wrong is Failed: an answer that cannot be read is the row's failure, not the table's."""

    def run(*more):
        try:
            return act(*more)
        except (Failed, Cannot):
            raise
        except Exception as error:
            raise Failed(f"{type(error).__name__}: {error}", traceback.format_exc()) from error

    return run


def attempt(act) -> Failed | None:
    """What went wrong, if something did."""
    try:
        guarded(act)()
    except Failed as failure:
        return failure
    return None
