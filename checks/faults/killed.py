"""What was answered 250 is there after kill -9, whole, whenever the kill comes.

In each round several clients send, over SMTP and LMTP, messages that are all different; after a random while the server
is killed. Then it is started again on the same folder, and: it is ready within five seconds; each message that was
answered 250 is there once, with an equal SHA-256; every other file in `new` and `cur` is a whole message that was sent
(one that was stored but whose 250 did not come out; there may be at most one for each client and recipient); POP3 lists as many
messages as there are files.

    checks/faults/killed.py BINARY [--rounds N] [--seed S]
"""

import argparse
import collections
import hashlib
import poplib
import random
import signal
import smtplib
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import work
from mailserver import RECIPIENT, SENDER, Mailserver, without_trace
from work import Failed

CLIENTS = 6
READY = 5.0


class Client(threading.Thread):
    """Sends until the connection breaks. `acked` and `sent` are hashes by recipient."""

    def __init__(self, name: str, server: Mailserver, rng: random.Random):
        super().__init__(daemon=True)
        self.label, self.server, self.rng = name, server, rng
        self.acked: list[tuple[str, str]] = []
        self.sent: list[tuple[str, str]] = []

    def run(self):
        lmtp = self.label.endswith(("1", "3", "5"))
        recipients = [RECIPIENT, SENDER] if self.rng.random() < 0.3 else [RECIPIENT]
        try:
            kind, service = (smtplib.LMTP, "lmtp") if lmtp else (smtplib.SMTP, "smtp")
            client = kind("127.0.0.1", self.server.ports[service], timeout=30)
            for number in range(100_000):
                size = self.rng.choice([10, 500, 5000, 60_000, 400_000])
                text = f"From: alice@example.test\r\nMessage-ID: <{self.label}.{number}@killed.test>\r\n\r\n".encode()
                text += b"\r\n".join(self.rng.randbytes(36).hex().encode() for _ in range(size // 74 + 1)) + b"\r\n"
                both = [(each, hashlib.sha256(text).hexdigest()) for each in recipients]
                self.sent = both
                refused = client.sendmail(SENDER, recipients, text)
                self.acked += [each for each in both if each[0] not in refused]
                self.sent = []
        except (OSError, smtplib.SMTPException):
            # The server was killed. What was sent last has no answer.
            pass


def stored(server: Mailserver) -> collections.Counter:
    found = collections.Counter()
    for account in (SENDER, RECIPIENT):
        for path in server.mail(account):
            try:
                octets = without_trace(path.read_bytes())
            except (Failed, ValueError) as why:
                raise Failed(f"{path.name} is not a whole message: {why}") from None
            found[account, hashlib.sha256(octets).hexdigest()] += 1
    return found


def listed(server: Mailserver, account: str, password: str) -> int:
    client = poplib.POP3("127.0.0.1", server.ports["pop3"], timeout=60)
    client.stls(ssl.create_default_context(cafile=server.ca))
    client.user(account)
    client.pass_(password)
    count = client.stat()[0]
    client.quit()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    acked, unanswered, copies = set(), set(), 0
    with tempfile.TemporaryDirectory(prefix="mailwire-killed-") as folder:
        data = Path(folder) / "data"
        server = Mailserver(options.binary.resolve(), data)
        passwords = server.passwords
        try:
            for number in range(options.rounds):
                clients = [Client(f"{number}.{each}", server, random.Random(rng.random())) for each in range(CLIENTS)]
                for client in clients:
                    client.start()
                time.sleep(rng.uniform(0.05, 1.5))
                work.end_group(server.process, signal.SIGKILL)
                server.process.wait()
                for client in clients:
                    client.join(40)
                    acked.update(client.acked)
                    unanswered.update(client.sent)
                began = time.monotonic()
                server = Mailserver(options.binary.resolve(), data)
                ready = time.monotonic() - began
                found = stored(server)
                lost = [each for each in acked if not found[each]]
                strange = [each for each in found if each not in acked and each not in unanswered]
                twice = [each for each, times in found.items() if times > 1]
                counts = {each: listed(server, each, passwords[each]) for each in (SENDER, RECIPIENT)}
                files = {each: len(server.mail(each)) for each in (SENDER, RECIPIENT)}
                copies = sum(each in unanswered for each in found)
                if lost or strange or twice or counts != files or ready > READY:
                    raise Failed(
                        f"round {number}: {len(lost)} answered and lost, {len(strange)} that nobody sent, {len(twice)} twice, "
                        f"POP3 lists {counts}, the files are {files}, ready after {ready:.1f} s"
                    )
                print(f"ok    round {number}: {len(acked)} answered so far, all there; ready after {ready * 1000:.0f} ms", flush=True)
        except Failed as failure:
            print(f"FAIL  {failure}\n{work.tail(failure.output or server.log())}")
            print(f"0 passed, 1 failed")
            return 1
        finally:
            work.end(server.process)
    print(f"{len(acked)} messages were answered; {copies} more were stored and their answer cut off")
    print(f"{options.rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
