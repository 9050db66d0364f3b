"""Small messages for what is done to messages: each has its own Message-ID, subject, and a word that no other has."""

import base64
import functools
import random
import re

from corpus import Message, heading, text_of

#: The note that has an attachment.
ATTACHED = 4


@functools.cache
def attachment() -> bytes:
    return random.Random("mailwire attachment").randbytes(40_000)


@functools.cache
def note(number: int) -> Message:
    name = f"note-{number}"
    text = text_of([b"This is note %d, and its word is needle%dx." % (number, number), b".", b"From here on."])
    if number != ATTACHED:
        return Message(name, heading(name) + text)
    return Message(name, heading(name, b'Content-Type: multipart/mixed; boundary="=_b"') + (
        b"--=_b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" + text
        + b'--=_b\r\nContent-Type: application/octet-stream; name="noise.bin"\r\n'
        + b'Content-Disposition: attachment; filename="noise.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + base64.encodebytes(attachment()).replace(b"\n", b"\r\n") + b"--=_b--\r\n"
    ))


def name_of(number: int) -> str:
    """Its Message-ID."""
    return note(number).message_id.decode()


def number_of(name: str) -> int:
    return int(re.fullmatch(r"<note-(\d+)@.*>", name)[1])
