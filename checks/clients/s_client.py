"""A dialogue over `openssl s_client`: TLS is OpenSSL's, the lines are ours."""

import base64
import select
import signal
import subprocess
import threading
import time

import work
from work import Failed

CONVERSATION = 120


class Dialogue:
    """`starttls` is smtp, pop3, imap, or None for TLS from the first octet."""

    def __init__(self, port: int, ca, starttls: str | None):
        words = [
            "openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
            "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", str(ca),
            # Nothing but the given CA is trusted.
            "-no-CApath", "-no-CAstore",
        ]
        if starttls:
            words += ["-starttls", starttls]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, bufsize=0,
        )
        self.until = time.monotonic() + CONVERSATION
        self.buffer = bytearray()
        self.heard = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.end_group(self.process, signal.SIGKILL)
        self.process.communicate()

    def line(self) -> bytes:
        """The next line without its CRLF."""
        while (end := self.buffer.find(b"\r\n")) < 0:
            self._more()
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        if len(self.heard) < 4000:
            self.heard += line + b"\n"
        return line

    def octets(self, count: int) -> bytes:
        """So many, whatever they are."""
        while len(self.buffer) < count:
            self._more()
        found = bytes(self.buffer[:count])
        del self.buffer[:count]
        return found

    def _more(self) -> None:
        left = self.until - time.monotonic()
        ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
        octets = self.process.stdout.read(65536) if ready else b""
        if not octets:
            work.end_group(self.process, signal.SIGKILL)
            errors = self.process.stderr.read().decode("utf-8", "replace")
            why = "s_client ended" if ready else f"no answer within {CONVERSATION} s"
            raise Failed(why, self.heard[-2000:].decode("utf-8", "replace") + errors)
        self.buffer += octets

    def send(self, octets: bytes) -> None:
        view = memoryview(octets)
        try:
            while view:
                view = view[self.process.stdin.write(view):]
        except BrokenPipeError:
            self.line()

    def until_dot(self) -> bytes:
        """A multi-line response of POP3, unstuffed."""
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        lines.append(b"")
        return b"\r\n".join(lines)


def _plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


def send(port, ca, starttls, user, password, sender, recipient, canonical: bytes) -> None:
    """One message by DATA, stuffed here."""
    with Dialogue(port, ca, "smtp" if starttls else None) as talk:

        def reply(code: bytes) -> None:
            while (line := talk.line())[3:4] == b"-":
                pass
            if not line.startswith(code):
                raise Failed(f"{line!r} where {code!r} was wanted", talk.heard.decode("utf-8", "replace"))

        # Before STARTTLS s_client itself has read the greeting, and a server says nothing after it.
        if not starttls:
            reply(b"220")
        talk.send(b"EHLO check.example.test\r\n")
        reply(b"250")
        talk.send(b"AUTH PLAIN " + _plain(user, password) + b"\r\n")
        reply(b"235")
        talk.send(f"MAIL FROM:<{sender}> BODY=8BITMIME\r\n".encode())
        reply(b"250")
        talk.send(f"RCPT TO:<{recipient}>\r\n".encode())
        reply(b"250")
        talk.send(b"DATA\r\n")
        reply(b"354")
        stuffed = canonical.replace(b"\r\n.", b"\r\n..")
        writer = threading.Thread(target=talk.send, args=(stuffed + b".\r\n",), daemon=True)
        writer.start()
        reply(b"250")
        writer.join()
        talk.send(b"QUIT\r\n")
        reply(b"221")


def fetch(port, ca, starttls, user, password) -> list[bytes]:
    """Every message."""
    with Dialogue(port, ca, "pop3" if starttls else None) as talk:

        def ok() -> bytes:
            if not (line := talk.line()).startswith(b"+OK"):
                raise Failed(f"{line!r} where +OK was wanted", talk.heard.decode("utf-8", "replace"))
            return line

        if not starttls:
            ok()
        talk.send(b"AUTH PLAIN " + _plain(user, password) + b"\r\n")
        ok()
        talk.send(b"STAT\r\n")
        count = int(ok().split()[1])
        found = []
        for number in range(1, count + 1):
            talk.send(b"RETR %d\r\n" % number)
            ok()
            found.append(talk.until_dot())
        talk.send(b"QUIT\r\n")
        ok()
        return found
