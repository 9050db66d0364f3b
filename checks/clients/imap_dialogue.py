"""IMAP over `openssl s_client`: TLS is OpenSSL's, the lines are ours (RFC 9051)."""

import base64
import re
import threading

import s_client
import scram
from senders import Target
from work import Failed


class Session:
    def __init__(self, at: Target):
        self.at = at
        self.count = 0
        self.talk = s_client.Dialogue(at.port, at.ca, None if at.implicit else "imap")
        # Before STARTTLS s_client itself has read the greeting, and a server says nothing after it.
        if at.implicit:
            self._greeting()

    def _greeting(self) -> None:
        try:
            line = self.talk.line()
            if not line.startswith(b"* OK"):
                raise Failed(f"{line!r} where a greeting was wanted")
        except BaseException:
            self.talk.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        try:
            if not failed:
                self.must(b"LOGOUT")
        finally:
            self.talk.__exit__()

    def failed(self, why: str) -> Failed:
        return Failed(why, self.talk.heard.decode("utf-8", "replace"))

    def tag(self) -> bytes:
        self.count += 1
        return b"t%d" % self.count

    def answer(self, tag: bytes) -> list[bytes]:
        """The untagged lines until the tag says OK, each whole with its literals."""
        return self.answers([tag])

    def answers(self, tags: list[bytes]) -> list[bytes]:
        """The same for commands that were sent together: their answers may come in any order (RFC 9051 section 5.5)."""
        lines, waiting = [], set(tags)
        while waiting:
            line = self.talk.line()
            while found := re.search(rb"\{(\d+)\}$", line):
                line += b"\r\n" + self.talk.octets(int(found[1])) + self.talk.line()
            tag, _, said = line.partition(b" ")
            if tag in waiting and said.startswith(b"OK"):
                waiting.remove(tag)
            elif tag == b"*":
                lines.append(line)
            else:
                raise self.failed(f"the server said {line[:200]!r}")
        return lines

    def must(self, command: bytes) -> list[bytes]:
        tag = self.tag()
        self.talk.send(tag + b" " + command + b"\r\n")
        return self.answer(tag)

    def together(self, *commands: bytes) -> list[bytes]:
        """All of them before the first answer."""
        tags = [self.tag() for _ in commands]
        self.talk.send(b"".join(tag + b" " + command + b"\r\n" for tag, command in zip(tags, commands)))
        return self.answers(tags)

    def go_ahead(self) -> bytes:
        line = self.talk.line()
        if not line.startswith(b"+"):
            raise self.failed(f"{line[:200]!r} where a go-ahead was wanted")
        return line[2:]

    def login(self) -> None:
        plain = base64.b64encode(f"\0{self.at.user}\0{self.at.password}".encode())
        self.must(b"AUTHENTICATE PLAIN " + plain)

    def login_scram(self) -> None:
        exchange = scram.Exchange(self.at.user, self.at.password)
        tag = self.tag()
        self.talk.send(tag + b" AUTHENTICATE SCRAM-SHA-256\r\n")
        for _ in range(3):
            self.talk.send(base64.b64encode(exchange.step(base64.b64decode(self.go_ahead()))) + b"\r\n")
        self.answer(tag)
        if not exchange.proved:
            raise self.failed("the server did not prove that it knows the password")

    def uids(self) -> list[int]:
        return [int(uid) for line in self.must(b"UID SEARCH ALL") if line.startswith(b"* SEARCH") for uid in line.split()[2:]]

    def message(self, uid: int) -> bytes:
        lines = [line for line in self.must(b"UID FETCH %d (BODY.PEEK[])" % uid) if b"BODY[]" in line]
        found = re.match(rb"\* \d+ FETCH \((?:UID \d+ )?BODY\[\] \{(\d+)\}\r\n", lines[0]) if len(lines) == 1 else None
        if not found:
            raise self.failed("not one BODY[] as a literal")
        return lines[0][found.end():found.end() + int(found[1])]

    def append(self, mailbox: bytes, octets: bytes) -> None:
        tag = self.tag()
        self.talk.send(tag + b' APPEND "%s" (\\Seen) {%d}\r\n' % (mailbox, len(octets)))
        self.go_ahead()
        writer = threading.Thread(target=self.talk.send, args=(octets + b"\r\n",), daemon=True)
        writer.start()
        self.answer(tag)
        writer.join()
