"""How fast the server is beside smtp-sink and Dovecot: ratios, with the machine and the client the same on both sides.

E1  SMTP receive, smtp-source -s 10 -d, against smtp-sink: 4 KiB and 100 kB
E2  the same with a connection for each message
E6  POP3 RETR of 4 KiB, sixteen at a time, against Dovecot mdbox: our server from its Maildir and with --store memory

Each round measures each contender once, in turns; what counts is the median of the rounds' ratios. Messages a second
are by the clock, CPU is what /proc/PID/stat says of all threads (for Dovecot, of all its processes). POP3 goes over TLS,
for our server takes no login in clear; so its figures hold TLS on both sides and cannot be set beside figures without.

    checks/load/ratios.py BINARY [--rounds N] [--scale F] [--only E1,E2,E6]

BINARY has to be a release build. --scale multiplies the number of messages.
"""

import argparse
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import peers
import work
from corpus import Message
from mailserver import RECIPIENT, SENDER, Mailserver, deposit
from work import Failed, must

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Bar:
    """What is asked for: at least so many times the messages a second, at most so many times the CPU of a message."""

    rate: float | None = None
    cpu: float | None = None


@dataclass(frozen=True)
class Measured:
    rate: float
    cpu: float


def cpu_of_group(leader: int) -> float:
    """Seconds of CPU of every process in the group, and of those that its leader has waited for."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == leader:
            total += int(fields[11]) + int(fields[12])
            if int(entry.name) == leader:
                total += int(fields[13]) + int(fields[14])
    return total / TICK


def measured(leader: int, messages: int, action) -> Measured:
    cpu, clock = cpu_of_group(leader), time.perf_counter()
    action()
    seconds = time.perf_counter() - clock
    return Measured(messages / seconds, (cpu_of_group(leader) - cpu) / messages)


def report(name: str, bar: Bar, rounds: list[tuple[Measured, Measured]]) -> bool:
    """Prints ours against theirs; whether the bars hold."""
    rate = statistics.median(ours.rate / theirs.rate for ours, theirs in rounds)
    # A CPU below the clock's tick cannot be divided by.
    cpu = statistics.median(ours.cpu / theirs.cpu if theirs.cpu else float("nan") for ours, theirs in rounds)
    ours = statistics.median(ours.rate for ours, _ in rounds), statistics.median(ours.cpu for ours, _ in rounds)
    theirs = statistics.median(theirs.rate for _, theirs in rounds), statistics.median(theirs.cpu for _, theirs in rounds)
    held = (bar.rate is None or rate >= bar.rate) and (bar.cpu is None or cpu <= bar.cpu)
    bars = []
    if bar.rate:
        bars.append(f">= {bar.rate:g} x messages/s")
    if bar.cpu:
        bars.append(f"<= {bar.cpu:g} x CPU")
    print(
        f"{'holds ' if held else 'MISSED' if bars else '      '} {name:<44} {rate:6.2f} x messages/s, {cpu:5.2f} x CPU"
        f"   bar {' and '.join(bars) or 'none'}   ({ours[0]:.0f}/s, {ours[1] * 1e6:.0f} us against {theirs[0]:.0f}/s, {theirs[1] * 1e6:.0f} us)",
        flush=True,
    )
    return held


SMTP_CASES = (
    ("E1", "4 KiB, connections kept", 4096, ["-d"], 20_000, Bar(1.3, 0.65)),
    ("E1", "100 kB, connections kept", 100_000, ["-d"], 2_000, Bar(6, 0.15)),
    ("E2", "4 KiB, a connection each", 4096, [], 8_000, Bar(0.95, 0.9)),
    ("E2", "100 kB, a connection each", 100_000, [], 2_000, Bar(5)),
)


class Sink:
    def __init__(self):
        (self.port,) = work.free_ports(1)
        self.process = subprocess.Popen(
            ["smtp-sink", *(["-u", "nobody"] if os.geteuid() == 0 else []), f"127.0.0.1:{self.port}", "128"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "MAIL_CONFIG": MAIL_CONFIG},
        )
        work.wait_until("smtp-sink answers", lambda: work.answers(self.port))


MAIL_CONFIG = ""


def source(port: int, size: int, count: int, options) -> None:
    must([
        "smtp-source", "-s", "10", *options, "-m", count, "-l", size, "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{port}",
    ], timeout=300, env={"MAIL_CONFIG": MAIL_CONFIG})


def smtp(options, top: Path) -> bool:
    held = True
    sink = Sink()
    try:
        with Mailserver(options.binary, top / "discard", "--store", "discard") as server:
            for row, name, size, words, count, bar in SMTP_CASES:
                if row not in options.only:
                    continue
                count = max(int(count * options.scale), 100)
                rounds = []
                for _ in range(options.rounds):
                    theirs = measured(sink.process.pid, count, lambda: source(sink.port, size, count, words))
                    ours = measured(server.process.pid, count, lambda: source(server.ports["smtp"], size, count, words))
                    rounds.append((ours, theirs))
                held &= report(f"{row} {name}", bar, rounds)
    finally:
        work.end(sink.process)
    return held


def retrieve(port: int, ca: Path, user: str, password: str, passes: int) -> int:
    """RETR of the whole maildrop, sixteen commands on the way; how many messages came."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(("127.0.0.1", port), 60) as plain, context.wrap_socket(plain, server_hostname="localhost") as sock:
        buffer = bytearray()

        def line() -> bytes:
            while (end := buffer.find(b"\r\n")) < 0:
                buffer.extend(receive(sock))
            found = bytes(buffer[:end])
            del buffer[:end + 2]
            return found

        def ok(command: bytes = b"") -> bytes:
            if command:
                sock.sendall(command + b"\r\n")
            if not (found := line()).startswith(b"+OK"):
                raise Failed(f"POP3 said {found!r}")
            return found

        ok()
        ok(b"USER " + user.encode())
        ok(b"PASS " + password.encode())
        count = int(ok(b"STAT").split()[1])
        for _ in range(passes):
            asked = done = 0
            carry = b""
            while done < count:
                more = min(count, done + 16) - asked
                # Sixteen are on the way; when half of them are here, eight more go out.
                if more >= 8 or (more and asked + more == count):
                    sock.sendall(b"".join(b"RETR %d\r\n" % (asked + each + 1) for each in range(more)))
                    asked += more
                octets = carry + receive(sock)
                done += octets.count(b"\r\n.\r\n")
                carry = b"" if octets.endswith(b"\r\n.\r\n") else octets[-4:]
        ok(b"QUIT")
    return count * passes


def receive(sock) -> bytes:
    octets = sock.recv(262_144)
    if not octets:
        raise Failed("the server closed")
    return octets


def pop3(options, top: Path) -> bool:
    if "E6" not in options.only:
        return True
    count, passes = 2_000, max(int(5 * options.scale), 1)
    line = b"x" * 70 + b"\r\n"
    head = b"From: alice@example.test\r\nMessage-ID: <%d@load.test>\r\n\r\n"
    messages = [Message(str(n), (head % n) + line * 56) for n in range(count)]
    with peers.Dovecot(top / "dovecot", "mdbox") as dovecot, Mailserver(options.binary, top / "disk") as disk, \
            Mailserver(options.binary, top / "memory", "--store", "memory") as memory:
        fill_mdbox(dovecot, messages, top)
        for server in (disk, memory):
            deposit(server, SENDER, messages)
        contenders = {
            "Maildir": (disk, disk.ports["pop3s"], disk.ca, disk.passwords[SENDER]),
            "memory": (memory, memory.ports["pop3s"], memory.ca, memory.passwords[SENDER]),
            "mdbox": (dovecot, dovecot.ports["pop3s"], dovecot.ca, peers.PASSWORD),
        }
        found = {name: [] for name in contenders}
        for each in range(options.rounds + 1):
            for name, (peer, port, ca, password) in contenders.items():
                result = measured(peer.process.pid, count * passes, lambda: retrieve(port, ca, SENDER, password, passes))
                # The first round fills caches, and is not counted.
                if each:
                    found[name].append(result)
    held = report("E6 RETR of 4 KiB over TLS, from Maildir", Bar(2), list(zip(found["Maildir"], found["mdbox"])))
    return report("E6 RETR of 4 KiB over TLS, from memory", Bar(2), list(zip(found["memory"], found["mdbox"]))) and held


def fill_mdbox(dovecot: peers.Dovecot, messages, top: Path) -> None:
    box = top / "import"
    for each in ("", "new", "cur", "tmp"):
        (box / each).mkdir(exist_ok=True)
        peers.give_to(box / each, dovecot.owner)
    for number, message in enumerate(messages):
        path = box / "new" / f"{1700000000 + number}.M{number}.load"
        path.write_bytes(message.octets)
        peers.give_to(path, dovecot.owner)
    must(["doveadm", "-c", dovecot.top / "dovecot.conf", "import", "-u", SENDER, f"maildir:{box}", "", "ALL"], timeout=300)


def main() -> int:
    global MAIL_CONFIG
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["E1", "E2", "E6"])
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    with tempfile.TemporaryDirectory(prefix="mailwire-load-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        # Postfix's tools want a main.cf, whatever is in it.
        (top / "main.cf").write_text("compatibility_level = 3.6\n")
        MAIL_CONFIG = str(top)
        print(f"{options.rounds} rounds in turns; load of the machine before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
        held = smtp(options, top)
        held = pop3(options, top) and held
    print("every bar holds" if held else "a bar is missed")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
