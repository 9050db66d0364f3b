"""The messages that every client has to carry. Each is the same octets on every machine.

A message is CRLF text with its own From, Date and Message-ID, so nothing on the way has a reason to add a field.
"""

import base64
import hashlib
import random
from dataclasses import dataclass

from work import Failed

CRLF = b"\r\n"
THIRTY_MIB = 30 * 1024 * 1024


@dataclass(frozen=True)
class Message:
    name: str
    octets: bytes

    @property
    def message_id(self) -> bytes:
        return b"<%s@check.example.test>" % self.name.encode()

    @property
    def canonical(self) -> bytes:
        """As it must arrive: DATA and RETR end with a whole line, so a missing last CRLF is put there."""
        return self.octets if self.octets.endswith(CRLF) else self.octets + CRLF

    @property
    def line_feeds(self) -> bytes:
        """For clients that want the local form of text."""
        return self.octets.replace(CRLF, b"\n")


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def one_with(message: Message, found: list[bytes]) -> bytes:
    """The one message with that Message-ID in its own header; an attached message may have another."""
    mine = [octets for octets in found if b"Message-ID: " + message.message_id in octets.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]]
    if len(mine) != 1:
        raise Failed(f"{len(mine)} of {len(found)} messages are this one")
    return mine[0]


def same(want: bytes, have: bytes) -> None:
    if sha256(want) == sha256(have):
        return
    at = next((i for i, (a, b) in enumerate(zip(want, have)) if a != b), min(len(want), len(have)))
    around = slice(max(at - 24, 0), at + 24)
    raise Failed(
        f"sha256={sha256(have)}, wanted {sha256(want)}; {len(have)} octets, wanted {len(want)}; "
        f"the first difference is at {at}: {have[around]!r}, wanted {want[around]!r}"
    )


def heading(name: str, *fields: bytes) -> bytes:
    lines = [
        b"From: Alice <alice@example.test>",
        b"To: Bob <bob@example.test>",
        b"Subject: check of " + name.encode(),
        b"Date: Sun, 01 Nov 2026 12:00:00 +0000",
        b"Message-ID: <%s@check.example.test>" % name.encode(),
        b"MIME-Version: 1.0",
        *fields,
    ]
    return CRLF.join(lines) + CRLF * 2


def text_of(lines) -> bytes:
    return b"".join(line + CRLF for line in lines)


def _dot_lines(rng: random.Random) -> bytes:
    fixed = [b".", b"..", b"...", b".leading", b"..leading", b". ", b".\t.", b"a.", b"", b".", b"", b"..", b"."]
    many = [b"." * rng.randrange(0, 6) + rng.choice([b"", b"x", b" ", b"QUIT"]) for _ in range(3000)]
    # The last line is a dot: only stuffing tells it from the end of the message.
    return heading("dot-lines") + text_of([*fixed, *many, b"text", b"."])


def _eight_bit(rng: random.Random) -> bytes:
    # Every octet that a line may hold; NUL, CR and LF may not.
    whole = bytes(octet for octet in range(1, 256) if octet not in b"\r\n")
    fields = [b"Content-Type: text/plain; charset=iso-8859-15", b"Content-Transfer-Encoding: 8bit"]
    # No backslash in front of an n: swaks takes the two for a line end.
    noise = [bytes(rng.choice(whole[31:]) for _ in range(rng.randrange(1, 200))).replace(b"\\", b"/") for _ in range(400)]
    return heading("8-bit", *fields) + text_of([whole, "Grüße, 漢字, 🚀".encode(), *noise])


def _long_lines(rng: random.Random) -> bytes:
    alphabet = b"abcdefghijklmnopqrstuvwxyz 0123456789"
    lines = [bytes(rng.choice(alphabet) for _ in range(998)) for _ in range(60)]
    # The dot that stuffing adds does not count (RFC 5321 section 4.5.3.1.6).
    lines += [b"." + bytes(rng.choice(alphabet) for _ in range(997)) for _ in range(20)]
    lines.append(b"." * 998)
    assert all(len(line) == 998 for line in lines)
    return heading("998-octet-lines") + text_of(lines)


def _no_final_newline(_rng: random.Random) -> bytes:
    return heading("no-final-newline") + text_of([b"first line", b".second"]) + b"the end without a line end"


def _thirty_mib(rng: random.Random) -> bytes:
    head = heading("30-MiB", b"Content-Type: application/octet-stream")
    body = base64.encodebytes(rng.randbytes(THIRTY_MIB * 3 // 4)).replace(b"\n", CRLF)
    # One line in 64 begins with a dot.
    body = body.replace(CRLF + b"Q", CRLF + b".")
    message = head + body
    assert len(message) > THIRTY_MIB
    return message


def _nested(_rng: random.Random) -> bytes:
    part = text_of([b"Content-Type: text/plain; charset=us-ascii", b"", b"in the middle", b"--", b"-- ", b"--n0"])
    for depth in range(24):
        boundary = b"n%d'()+_,-./:=?" % depth
        kind = [b"mixed", b"alternative", b"related"][depth % 3]
        other = text_of([b"Content-Type: text/html", b"", b"<p>.</p>", b"."])
        part = (
            b"Content-Type: multipart/%s;\r\n\tboundary=\"%s\"\r\n\r\nPreamble\r\n" % (kind, boundary)
            + b"--%s\r\n" % boundary + part
            + b"\r\n--%s\r\n" % boundary + other
            + b"\r\n--%s\r\n\r\n\r\n--%s--\r\nEpilogue\r\n" % (boundary, boundary)
        )
    # The outermost part's own field belongs to the header of the message.
    return heading("nested-multiparts").removesuffix(CRLF) + part


def _rfc822(_rng: random.Random) -> bytes:
    inner = (
        b"Return-Path: <somebody@elsewhere.test>\r\n"
        b"Received: from elsewhere.test (elsewhere.test [192.0.2.1])\r\n\tby mail.example.test with SMTP;\r\n"
        b"\tSat, 31 Oct 2026 09:00:00 +0000\r\n"
        b"From: carol@elsewhere.test\r\nTo: alice@example.test\r\nSubject: inside\r\n"
        b"Date: Sat, 31 Oct 2026 09:00:00 +0000\r\nMessage-ID: <inside@elsewhere.test>\r\n\r\n"
        b"From here on it looks like a mailbox file.\r\n>From there too.\r\n.\r\n"
    )
    return heading("message-rfc822", b"Content-Type: multipart/digest; boundary=d") + (
        b"--d\r\n\r\n" + inner + b"\r\n--d\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--d--\r\n"
    )


def _utf8_headers(_rng: random.Random) -> bytes:
    fields = [
        "Comments: Grüße aus Köln, 漢字, Ελλάδα, 🚀".encode(),
        "Keywords: один,\r\n\tдва,\r\n three".encode(),
        "Reply-To: \"Ærøskøbing\" <alice@example.test>".encode(),
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
    ]
    return heading("utf8-headers", *fields) + text_of(["Naïve façade – ok".encode()])


_MAKERS = {
    "dot-lines": _dot_lines,
    "8-bit": _eight_bit,
    "998-octet-lines": _long_lines,
    "no-final-newline": _no_final_newline,
    "30-MiB": _thirty_mib,
    "nested-multiparts": _nested,
    "message-rfc822": _rfc822,
    "utf8-headers": _utf8_headers,
}

NAMES = tuple(_MAKERS)


def make(names=NAMES) -> list[Message]:
    return [Message(name, _MAKERS[name](random.Random("mailwire " + name))) for name in names]


if __name__ == "__main__":
    for message in make():
        print(f"{message.name:<18} {len(message.octets):>9}  {sha256(message.octets)}")
