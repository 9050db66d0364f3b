#!/usr/bin/env python3
"""Real clients against our server, and our clients against real servers: one line for each client, mode and message.

A line says ok only if the SHA-256 at the far end is that of the message. The closing line is `N passed, N failed`.

    checks/clients/table.py [--bin DIR] [--cache DIR] [--only CLIENT,...] [--messages NAME,...]
                           [--against mailserver|dovecot]

--bin        where mailserver, mailsend and popfetch are (target/release)
--cache      where libraries were installed: the folder that holds node_modules and the venv python
--only       these clients (or "postfix", "dovecot", and of IMAP "imap", "pair", "many"); the size of the table is then
             not asserted
--against    dovecot: the rows of IMAP against Dovecot, to see that what they expect is what the world does
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import corpus
import imap_place
import imap_rows
import peers
import work
from corpus import one_with, same, sha256
from mailserver import RECIPIENT, SENDER, Mailserver, deposit, without_trace
from readers import READERS, Cannot
from senders import SENDERS, Target
from work import Failed

MODES = ("implicit", "starttls")
#: Senders and readers by mode and message, each of them twice with a CA that does not match, our sender to the three
#: ports of Postfix, our reader from the two of Dovecot.
SIZE = 7 * 2 * 8 + 7 * 2 * 8 + 14 * 2 + 3 * 8 + 2 * 8
#: Of these rows, those that a client has no way of doing: getmail6 has no STLS.
CANNOT = 8 + 1
ROOT = Path(__file__).resolve().parents[2]
#: A client that met the wrong CA says so in one of these words.
ABOUT_TRUST = re.compile(r"certificate|verif|trust|issuer|unknown ?ca", re.IGNORECASE)


class Table:
    def __init__(self):
        self.passed = self.failed = self.cannot = 0

    @property
    def rows(self) -> int:
        return self.passed + self.failed + self.cannot

    def ok(self, who, mode, what, note):
        self.passed += 1
        print(f"ok      {who:<20} {mode:<9} {what:<18} {note}", flush=True)

    def cannot_do(self, who, mode, what, why):
        self.cannot += 1
        print(f"cannot  {who:<20} {mode:<9} {what:<18} client cannot: {why}", flush=True)

    def fail(self, who, mode, what, failure: Failed, log: str = ""):
        self.failed += 1
        print(f"FAIL    {who:<20} {mode:<9} {what:<18} {failure}", flush=True)
        for name, text in (("the client said", failure.output), ("the server's log", log)):
            if text.strip():
                print(f"        {name}:")
                print("\n".join("          " + line for line in work.tail(text).splitlines()), flush=True)


class Run:
    def __init__(self, options, top: Path):
        self.options = options
        self.top = top
        self.table = Table()
        self.messages = corpus.make(options.messages)
        self.wrong_ca = top / "wrong-ca.pem"
        self.homes = 0

    def home(self) -> Path:
        self.homes += 1
        home = self.top / f"home{self.homes}"
        home.mkdir(0o755)
        return home

    def target(self, mode: str, port: int, ca: Path, user: str, password: str | None) -> Target:
        return Target(
            mode=mode, port=port, ca=ca, user=user, password=password, sender=SENDER, recipient=RECIPIENT,
            home=self.home(), cache=self.options.cache, binaries=self.options.bin,
        )

    def wanted(self, name: str) -> bool:
        return not self.options.only or name in self.options.only

    # Senders to our submission services.

    def senders(self, server: Mailserver):
        for name, send in SENDERS.items():
            if not self.wanted(name):
                continue
            for mode in MODES:
                port = server.ports["submissions" if mode == "implicit" else "submission"]
                for message in self.messages:
                    target = self.target(mode, port, server.ca, SENDER, server.passwords[SENDER])
                    self.one_send(f"{name} sends", send, target, message, server)
                target = self.target(mode, port, self.wrong_ca, SENDER, server.passwords[SENDER])
                self.refusal(f"{name} sends", mode, server, lambda: send(target, self.messages[0]))
                shutil.rmtree(target.home)

    def one_send(self, who, send, target, message, server):
        before, mark = server.mail(RECIPIENT), len(server.log())
        try:
            send(target, message)
            # 250 was said, so it is there now, with no waiting.
            new = server.mail(RECIPIENT) - before
            if len(new) != 1:
                raise Failed(f"{len(new)} new messages")
            same(message.canonical, without_trace(new.pop().read_bytes()))
            self.table.ok(who, target.mode, message.name, "sha256=" + sha256(message.canonical))
        except Failed as failure:
            self.table.fail(who, target.mode, message.name, failure, server.log(mark))
        finally:
            shutil.rmtree(target.home)
            for path in server.mail(RECIPIENT) - before:
                path.unlink()

    def refusal(self, who, mode, server, action):
        """With a CA that does not match, the client ends before it logs in, and says why."""
        mark, first = len(server.log()), server.mark()
        mail = server.mail(RECIPIENT) | server.mail(SENDER)
        try:
            try:
                found = action()
            except Failed as failure:
                said = str(failure) + failure.output
                if not ABOUT_TRUST.search(said):
                    raise Failed(f"failed, but not for the certificate: {failure}", failure.output) from None
                if who.split()[0] in ("mailsend", "popfetch") and not str(failure).endswith("ended with 4"):
                    raise Failed(f"not the exit code for that: {failure}", failure.output) from None
            else:
                raise Failed(f"it took a certificate from another CA; {len(found or ())} messages were read")
            lines = server.between(first, server.mark())
            if not lines:
                raise Failed("it did not connect")
            if any("user=" in line for line in lines):
                raise Failed("there was a login")
            if (server.mail(RECIPIENT) | server.mail(SENDER)) != mail:
                raise Failed("there was a delivery")
            self.table.ok(who, mode, "wrong-ca", "refused; no login, nothing moved")
        except Cannot as cannot:
            self.table.cannot_do(who, mode, "wrong-ca", cannot)
        except Failed as failure:
            self.table.fail(who, mode, "wrong-ca", failure, server.log(mark))

    # Readers of our POP3 services.

    def readers(self, server: Mailserver):
        names = [name for name in READERS if self.wanted(name)]
        if not names:
            return
        before = server.mail(SENDER)
        deposit(server, SENDER, self.messages)
        stored = [path.read_bytes() for path in server.mail(SENDER) - before]
        for message in self.messages:
            if sum(without_trace(octets) == message.octets for octets in stored) != 1:
                raise Failed(f"BDAT did not store {message.name} as it was sent")
        for name in names:
            for mode in MODES:
                port = server.ports["pop3s" if mode == "implicit" else "pop3"]
                target = self.target(mode, port, server.ca, SENDER, server.passwords[SENDER])
                self.one_read(f"{name} reads", READERS[name], target, whole(stored), server.log)
                wrong = self.target(mode, port, self.wrong_ca, SENDER, server.passwords[SENDER])
                self.refusal(f"{name} reads", mode, server, lambda: READERS[name](wrong))
                shutil.rmtree(wrong.home)

    def one_read(self, who, fetch, target, stored, log):
        """One session fetches all; one line for each message."""
        try:
            found, trouble = fetch(target), None
        except Cannot as cannot:
            for message in self.messages:
                self.table.cannot_do(who, target.mode, message.name, cannot)
            shutil.rmtree(target.home)
            return
        except Failed as failure:
            found, trouble = [], failure
        for message in self.messages:
            try:
                if trouble:
                    raise trouble
                want = one_with(message, stored)
                same(want, one_with(message, found))
                self.table.ok(who, target.mode, message.name, "sha256=" + sha256(want))
            except Failed as failure:
                self.table.fail(who, target.mode, message.name, failure, log())
        if len(found) > len(stored):
            raise Failed(f"{who}: {len(found)} messages where there are {len(stored)}")
        shutil.rmtree(target.home)

    # Our clients with other servers.

    def postfix(self):
        if not self.wanted("postfix"):
            return
        with peers.Dovecot(self.top / "auth") as auth, peers.Postfix(self.top / "postfix", auth) as postfix:
            for service in ("smtp", "submission", "submissions"):
                mode = "implicit" if service == "submissions" else "starttls"
                user = "" if service == "smtp" else SENDER
                for message in self.messages:
                    target = self.target(mode, postfix.ports[service], postfix.ca, user, peers.PASSWORD if user else None)
                    who = f"mailsend, {peers.NUMBER[service]}"
                    try:
                        SENDERS["mailsend"](target, message)
                        same(message.canonical, postfix.take())
                        self.table.ok(who, "Postfix", message.name, "sha256=" + sha256(message.canonical))
                    except Failed as failure:
                        self.table.fail(who, "Postfix", message.name, failure, postfix.log())
                        postfix.clear()
                    shutil.rmtree(target.home)

    def dovecot(self):
        if not self.wanted("dovecot"):
            return
        with peers.Dovecot(self.top / "dovecot") as dovecot:
            stored = dovecot.put(self.messages)
            for mode in MODES:
                target = self.target(mode, dovecot.ports["pop3s" if mode == "implicit" else "pop3"], dovecot.ca, SENDER, peers.PASSWORD)
                self.one_read("popfetch, Dovecot", READERS["popfetch"], target, whole(stored), dovecot.log)


def whole(stored: list[bytes]) -> list[bytes]:
    """RETR ends with a whole line, so a missing last CRLF is put there."""
    return [octets if octets.endswith(b"\r\n") else octets + b"\r\n" for octets in stored]


def same_name_other_key(ca: Path, out: Path, top: Path) -> None:
    """A CA with the name of the right one: only its signature tells them apart."""
    subject = work.must(["openssl", "x509", "-in", ca, "-noout", "-subject", "-nameopt", "compat"]).stdout.decode()
    subject = subject.removeprefix("subject=").strip()
    work.must([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-keyout", top / "wrong-ca.key", "-out", out, "-subj", subject if subject.startswith("/") else "/CN=another CA",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    ])


def parse(words) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailwire-ci"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release")
    parser.add_argument("--cache", type=Path, default=cache)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--messages", type=lambda text: text.split(","), default=list(corpus.NAMES))
    parser.add_argument("--against", choices=("mailserver", "dovecot"), default="mailserver")
    options = parser.parse_args(words)
    options.bin = options.bin.resolve()
    return options


def main() -> int:
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    programs = IMAP_PROGRAMS if options.against == "dovecot" else {*PROGRAMS, *IMAP_PROGRAMS}
    missing = sorted(each for each in programs if not shutil.which(each))
    if missing:
        print("missing programs:", ", ".join(missing))
        print("0 passed, 1 failed")
        return 1
    with tempfile.TemporaryDirectory(prefix="mailwire-clients-") as folder:
        top = Path(folder)
        # Clients that step down from root have to reach their own folders in it.
        top.chmod(0o711)
        run = Run(options, top)
        table = run.table
        if options.against == "dovecot":
            with imap_place.Dovecot(top / "dovecot") as dovecot:
                same_name_other_key(dovecot.ca, run.wrong_ca, top)
                imap_rows.ImapRows(run, dovecot, MODES).all()
            size, cannot = imap_rows.SIZE, imap_rows.CANNOT
        else:
            with Mailserver(options.bin / "mailserver", top / "data") as server:
                same_name_other_key(server.ca, run.wrong_ca, top)
                run.senders(server)
                run.readers(server)
                imap_rows.ImapRows(run, imap_place.Ours(server), MODES).all()
            run.postfix()
            run.dovecot()
            size, cannot = SIZE + imap_rows.SIZE, CANNOT + imap_rows.CANNOT
    entire = not options.only and tuple(options.messages) == corpus.NAMES
    if entire and table.rows != size:
        print(f"the table has {table.rows} rows and must have {size}")
        table.failed += 1
    if entire and table.cannot != cannot:
        print(f"in {table.cannot} rows a client cannot, and it must be {cannot}")
        table.failed += 1
    if not entire:
        print("a part of the table was asked for: its size is not asserted")
    print(f"{table.rows} rows in {time.monotonic() - started:.0f} s; client cannot: {table.cannot}")
    print(f"{table.passed} passed, {table.failed} failed")
    return 1 if table.failed else 0


PROGRAMS = (
    "curl", "swaks", "msmtp", "node", "openssl", "mpop", "fetchmail", "getmail",
    "postfix", "postconf", "dovecot", "doveadm",
)
IMAP_PROGRAMS = ("curl", "node", "openssl", "fetchmail", "mbsync", "offlineimap", "neomutt", "dovecot")

if __name__ == "__main__":
    sys.exit(main())
