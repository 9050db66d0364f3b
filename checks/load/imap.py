"""How fast mailserver is by IMAP beside Dovecot and a bare echo, and how much memory a connection takes.

E3  UID FETCH 1:* of 10,000 messages of 4 KiB
E4  logins a second, four at once, of somebody who has logged in before
E5  NOOP on one connection, against the same octets echoed by a bare tokio task
T3  memory of a connection that idles, by TLS
T4  the same in clear
T5  the same after a FETCH of 80 KiB

mailserver runs with --store memory, and so does not do the work of Dovecot, which reads files; it is measured with its
Maildir, too, for information. In clear it lets nobody in but with --clear-text-login, which is for this. Dovecot keeps
its login processes, checks a password that is not hashed, and caches it; a login to mailserver that is not the first one
derives no key either.

Each round measures each contender once, in turns; a ratio is the median of the rounds' ratios. CPU is what
/proc/PID/stat says of all threads, for Dovecot of all its processes; memory is the PSS of the same processes above that
before the connections, for each connection. The client is benches/load, the same for everybody. Where other work is on the
machine, CPU is what to trust: of what is left, whoever has more processes gets more.

    checks/load/imap.py MAILSERVER IMAPLOAD [--rounds N] [--scale F] [--connections N] [--only E3,E4,E5,T]

Both have to be release builds. --scale multiplies how long is measured. Nothing fails because of a figure.
"""

import argparse
import contextlib
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import imap_place
import peers
import work
from corpus import Message
from mailserver import RECIPIENT, SENDER, Mailserver
from ratios import cpu_of_group
from work import Failed

MESSAGES = 10_000
LARGE = 80 * 1024

#: What is fetched, and what is asked for: a ratio of messages a second, or of octets a second.
ITEMS = (
    ("FLAGS", "(FLAGS)", None),
    ("UID FLAGS INTERNALDATE RFC822.SIZE", "(UID FLAGS INTERNALDATE RFC822.SIZE)", None),
    ("ENVELOPE", "(ENVELOPE)", 3),
    ("BODY.PEEK[]", "(BODY.PEEK[])", 3),
)


class Dovecot(imap_place.Dovecot):
    """With room for many connections, and login processes that are kept."""

    more = imap_place.Dovecot.more + """
disable_plaintext_auth = no
auth_cache_size = 10 M
mail_max_userip_connections = 10000
default_client_limit = 10000
default_process_limit = 4000
service imap-login {
  service_count = 0
  process_min_avail = 2
  process_limit = 2
}
"""


class Kept(Dovecot):
    """Its processes serve one session after the other: that is faster, and takes memory."""

    more = Dovecot.more + """
service imap {
  service_count = 1000
}
"""


class Hibernating(Dovecot):
    more = Dovecot.more + """
imap_hibernate_timeout = 1s
service imap {
  unix_listener imap-master {
    mode = 0666
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
"""


class Client:
    """imapload, which does what it is told and says how long that took."""

    def __init__(self, program: Path, port: int, trust: object, user: str, password: str):
        self.process = subprocess.Popen(
            [str(program), "client", f"127.0.0.1:{port}", str(trust), user, password], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
        )

    def __call__(self, order: str) -> dict[str, float]:
        try:
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"imapload did not do: {order}", self.process.stderr.read())
        return {name: float(value) for name, value in (each.split("=") for each in line.split())}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.end(self.process)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                stream.close()


@dataclass(frozen=True)
class Contender:
    """A server, and one way to talk to it."""

    name: str
    server: object
    link: str

    def client(self, options, account: str = SENDER) -> Client:
        server = self.server
        port, trust = (server.ports["imap"], "plain") if self.link == "plain" else (server.ports["imaps"], server.ca)
        return Client(options.imapload, port, trust, account, server.passwords[account])

    @property
    def leader(self) -> int:
        return self.server.process.pid


@dataclass(frozen=True)
class Measured:
    """By the second, and the server's CPU of one in microseconds."""

    rate: float
    octets: float
    cpu: float


def measured(contender: Contender, client: Client, order: str, count: int) -> Measured:
    before = cpu_of_group(contender.leader)
    said = client(order)
    cpu = cpu_of_group(contender.leader) - before
    return Measured(count / said["seconds"], said.get("octets", 0) / said["seconds"], cpu / count * 1e6)


def median(found: list[Measured], what: str) -> float:
    return statistics.median(getattr(each, what) for each in found)


def ratio(ours: list[Measured], theirs: list[Measured], what: str) -> float:
    return statistics.median(getattr(a, what) / (getattr(b, what) or float("nan")) for a, b in zip(ours, theirs))


def verdict(held: bool | None) -> str:
    return {True: "holds ", False: "MISSED", None: "      "}[held]


def message(number: int, octets: int) -> Message:
    head = (
        f"Return-Path: <list-{number % 97}@lists.example.test>\r\n"
        f"Received: from mail.example.test (mail.example.test [192.0.2.{number % 250}])\r\n"
        f"\tby mx.example.test with ESMTPS id {number:08x}; Tue, 4 Nov 2025 10:{number % 60:02d}:07 +0100\r\n"
        f"Date: Tue, 4 Nov 2025 10:{number % 60:02d}:00 +0100\r\n"
        f"From: \"Somebody, Number {number % 511}\" <somebody-{number % 511}@example.test>\r\n"
        f"To: Alice Example <alice@example.test>, team-{number % 31}@lists.example.test\r\n"
        f"Cc: Bob Example <bob@example.test>\r\n"
        f"Subject: Re: what was said about the report of week {number % 53} [{number}]\r\n"
        f"Message-ID: <{number}.{number * 7919 % 1000003}@mail.example.test>\r\n"
        f"In-Reply-To: <{number - 1}.{number * 104729 % 1000003}@mail.example.test>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    ).encode()
    line = b"Nothing in this line is of any interest, but it has to be read as well.\r\n"
    body = (line * (octets // len(line) + 1))[:octets - len(head) - 2]
    # A cut may fall between CR and LF.
    return Message(str(number), head + body.replace(b"\r\n", b"\n").replace(b"\r", b".").replace(b"\n", b"\r\n") + b"\r\n")


def append(port: int, account: str, password: str, messages: list[Message]) -> None:
    """By IMAP in clear, so that what is fetched has the same octets as with the others."""
    with socket.create_connection(("127.0.0.1", port), 60) as sock, sock.makefile("rb") as replies:

        def ok(begin: bytes) -> None:
            while not (line := replies.readline()).startswith(begin):
                if not line.startswith(b"* "):
                    raise Failed(f"IMAP said {line!r}")

        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies.readline()
        sock.sendall(f'a LOGIN "{account}" "{password}"\r\n'.encode())
        ok(b"a OK")
        for each in messages:
            sock.sendall(b"a APPEND INBOX {%d}\r\n" % len(each.octets))
            ok(b"+")
            sock.sendall(each.octets + b"\r\n")
            ok(b"a OK")


def in_memory(options, data: Path) -> Mailserver:
    return Mailserver(options.mailserver, data, "--store", "memory", "--clear-text-login")


def fill(server: Mailserver, account: str, messages: list[Message]) -> None:
    append(server.ports["imap"], account, server.passwords[account], messages)


def write_maildir(server: Mailserver, account: str, messages: list[Message]) -> None:
    for folder in ("tmp", "cur", "new"):
        (server.maildir(account) / folder).mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(messages):
        (server.maildir(account) / "new" / f"{1700000000 + number}.M{number}.load").write_bytes(each.octets)


def fetches(options, servers) -> None:
    memory, disk, dovecot = servers
    for link in ("plain", "TLS"):
        contenders = [Contender("memory", memory, link), Contender("Dovecot", dovecot, link)]
        if link == "TLS":
            contenders.append(Contender("Maildir", disk, link))
        with contextlib.ExitStack() as stack:
            clients = {each: stack.enter_context(each.client(options)) for each in contenders}
            for client in clients.values():
                client("open")
                client("select")
            for name, items, bar in ITEMS:
                found = {each.name: [] for each in contenders}
                passes = {}
                for each, client in clients.items():
                    client(f"count {items}")
                    seconds = client(f"fetch 2 {items}")["seconds"] / 2
                    passes[each] = min(max(int(0.5 * options.scale / seconds), 1), 500)
                for _ in range(options.rounds):
                    for each, client in clients.items():
                        count = passes[each] * MESSAGES
                        found[each.name].append(measured(each, client, f"fetch {passes[each]} {items}", count))
                for each in contenders:
                    if each.name != "Dovecot":
                        show_fetch(f"E3 {link}: {name}, from {each.name}", bar, found[each.name], found["Dovecot"])


def show_fetch(name: str, bar: float | None, ours, theirs) -> None:
    what = "octets" if "BODY" in name else "rate"
    found = ratio(ours, theirs, what)
    asked = bar if "Maildir" not in name else None
    shown = ", ".join(
        f"{who} {median(found, 'rate') / 1000:.0f} k/s, {median(found, 'octets') / 1e6:.0f} MB/s, {median(found, 'cpu'):.2f} us CPU"
        for who, found in (("ours", ours), ("Dovecot", theirs))
    )
    print(
        f"{verdict(None if asked is None else found >= asked)} {name:<62} {found:6.2f} x {'MB/s' if what == 'octets' else 'messages/s'}, "
        f"{ratio(ours, theirs, 'cpu'):5.2f} x CPU   bar {f'>= {asked} x' if asked else 'none'}   ({shown})", flush=True,
    )


def logins(options, servers) -> None:
    memory, _, dovecot = servers
    for link, bar in (("plain", 4), ("TLS", 2.5)):
        contenders = [Contender("memory", memory, link), Contender("Dovecot", dovecot, link)]
        found = {each.name: [] for each in contenders}
        with contextlib.ExitStack() as stack:
            clients = {each: stack.enter_context(each.client(options)) for each in contenders}
            count = {}
            for each, client in clients.items():
                client("logins 200 4")
                rate = 400 / client("logins 400 4")["seconds"]
                count[each] = max(int(rate * options.scale) // 4 * 4, 400)
            for _ in range(options.rounds):
                for each, client in clients.items():
                    found[each.name].append(measured(each, client, f"logins {count[each]} 4", count[each]))
        ours, theirs = found["memory"], found["Dovecot"]
        rate = ratio(ours, theirs, "rate")
        shown = ", ".join(
            f"{who} {median(each, 'rate'):.0f}/s, {median(each, 'cpu'):.0f} us CPU" for who, each in (("ours", ours), ("Dovecot", theirs))
        )
        print(
            f"{verdict(rate >= bar)} {f'E4 logins, {link}, four at once':<62} {rate:6.2f} x logins/s, {ratio(ours, theirs, 'cpu'):5.2f} x CPU"
            f"   bar >= {bar} x   ({shown})", flush=True,
        )


def key_derivation(options, server: Mailserver) -> None:
    """What the first login costs more than a second one: nobody has logged in as this account yet."""
    with Contender("memory", server, "plain").client(options, RECIPIENT) as client:
        first, second = client("open")["seconds"], client("open")["seconds"]
    print(f"       the first login of an account takes {(first - second) * 1000:.1f} ms more than the second one: the KDF", flush=True)


def noops(options, servers) -> None:
    memory, disk, _ = servers
    echo = subprocess.Popen(
        [str(options.imapload), "echo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    try:
        port = int(echo.stdout.readline())
        count = max(int(20_000 * options.scale), 1_000)
        cases = [
            ("plain, nothing selected", Contender("memory", memory, "plain"), False, 0.85),
            ("plain, INBOX selected", Contender("memory", memory, "plain"), True, 0.85),
            ("TLS, INBOX selected", Contender("memory", memory, "TLS"), True, None),
            ("TLS, INBOX of the Maildir selected", Contender("Maildir", disk, "TLS"), True, None),
        ]
        with Client(options.imapload, port, "plain", "-", "-") as bare, contextlib.ExitStack() as stack:
            bare("raw 1000")
            clients = [stack.enter_context(case[1].client(options)) for case in cases]
            for client, case in zip(clients, cases):
                client("open")
                if case[2]:
                    client("select")
                client("noop 1000")
            found = [[] for _ in cases]
            rates = []
            for _ in range(options.rounds):
                rates.append(count / bare(f"raw {count}")["seconds"])
                for client, case, each in zip(clients, cases, found):
                    each.append(measured(case[1], client, f"noop {count}", count))
        for (name, _, _, bar), each in zip(cases, found):
            rate = statistics.median(a.rate / b for a, b in zip(each, rates))
            print(
                f"{verdict(None if bar is None else rate >= bar)} {f'E5 NOOP, {name}':<62} {rate:6.2f} x round trips of an echo"
                f"   bar {f'>= {bar} x' if bar else 'none'}   ({median(each, 'rate'):.0f}/s, {median(each, 'cpu'):.1f} us CPU,"
                f" echo {statistics.median(rates):.0f}/s)", flush=True,
            )
    finally:
        work.end(echo)
        echo.stdout.close()


def pss_of_group(leader: int) -> float:
    """KiB of all processes of a group."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[2]) != leader:
                continue
            for line in (entry / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total


def settled(leader: int) -> float:
    """The memory when it has stopped changing."""
    before = pss_of_group(leader)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(1.5)
        now = pss_of_group(leader)
        if abs(now - before) < 64:
            return now
        before = now
    return before


def memory(options, top: Path, messages: list[Message]) -> None:
    kinds = {
        "ours": lambda folder: in_memory(options, folder),
        "Dovecot, a process each": Dovecot,
        "Dovecot, hibernated": Hibernating,
    }
    found = {}
    for link in ("plain", "TLS"):
        for name, start in kinds.items():
            folder = top / f"idle-{link}-{len(found)}"
            try:
                found[link, name] = connection(options, start(folder), link, name, messages)
            except Failed as failure:
                if name == "ours":
                    raise
                print(f"       T3 {link}: {name} could not be measured: {failure}\n{work.tail(failure.output)}", flush=True)
    for row, link, bar in (("T3", "TLS", 12), ("T4", "plain", 2)):
        idle, after = found[link, "ours"]
        others = {name: found[link, name] for name in kinds if name != "ours" and (link, name) in found}
        shown = ", ".join(f"{name} {each[0]:.1f}" for name, each in others.items())
        print(f"{verdict(idle <= bar)} {f'{row} KiB of an idle connection, {link}':<62} {idle:6.1f}   bar <= {bar}   ({shown})", flush=True)
        if link == "TLS" and "Dovecot, hibernated" in others:
            share = idle / others["Dovecot, hibernated"][0]
            print(f"{verdict(share <= 1 / 6)} {'T3 the same, against Dovecot hibernated':<62} {share:6.3f} x   bar <= 0.167 x", flush=True)
        asked = bar + 0.5 if link == "TLS" else None
        shown = ", ".join(f"{name} {each[1]:.1f}" for name, each in others.items())
        print(
            f"{verdict(None if asked is None else after <= asked)} {f'T5 after a FETCH of 80 KiB, {link}':<62} {after:6.1f}"
            f"   bar {f'<= {asked}' if asked else 'none'}   ({shown})", flush=True,
        )


def connection(options, server, link: str, name: str, messages: list[Message]) -> tuple[float, float]:
    """KiB of a connection, idle and after a FETCH."""
    with server:
        contender = Contender(name, server, link)
        if isinstance(server, Mailserver):
            fill(server, RECIPIENT, messages)
        else:
            server.put(messages, RECIPIENT)
        with contender.client(options, RECIPIENT) as client:
            # What is made once is made now.
            client("idle 4")
            client(f"traffic {len(messages)}")
            client("close")
            count = options.connections
            if isinstance(server, Hibernating):
                # Each takes one, and the system gives a user no more.
                instances = Path("/proc/sys/fs/inotify/max_user_instances")
                count = min(count, int(instances.read_text()) - 28)
            before = settled(contender.leader)
            client(f"idle {count}")
            idle = settled(contender.leader)
            client(f"traffic {len(messages)}")
            after = settled(contender.leader)
    return (idle - before) / count, (after - before) / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mailserver", type=Path)
    parser.add_argument("imapload", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["E3", "E4", "E5", "T"])
    options = parser.parse_args()
    options.mailserver, options.imapload = options.mailserver.resolve(), options.imapload.resolve()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"{options.rounds} rounds in turns; load of the machine before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="mailwire-load-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        if {"E3", "E4", "E5"} & set(options.only):
            mail = [message(number, 4096) for number in range(MESSAGES)]
            with contextlib.ExitStack() as stack:
                memory_server = stack.enter_context(in_memory(options, top / "memory"))
                disk = stack.enter_context(Mailserver(options.mailserver, top / "disk"))
                dovecot = stack.enter_context(Kept(top / "dovecot"))
                servers = memory_server, disk, dovecot
                if "E3" in options.only:
                    fill(memory_server, SENDER, mail)
                    write_maildir(disk, SENDER, mail)
                    dovecot.put(mail)
                    fetches(options, servers)
                if "E4" in options.only:
                    logins(options, servers)
                    key_derivation(options, memory_server)
                if "E5" in options.only:
                    noops(options, servers)
        if "T" in options.only:
            small = [message(number, 4096) for number in range(10)]
            memory(options, top, [*small, message(10, LARGE)])
    print(f"load of the machine behind: {os.getloadavg()[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
