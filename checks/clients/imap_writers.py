"""One function for each program that writes by IMAP.

Each puts messages into a mailbox that is there and empty. What it adds of its own accord is taken away from what the
server keeps, and only if it is exactly that: see OWN.
"""

import functools
from pathlib import Path

import imap_dialogue
import imap_neomutt
import imap_sync
import imap_talk
from corpus import Message
from imap_readers import curl_url, curl_words, mailfetch_env, mailfetch_words
from senders import Target
from work import Failed, must


def local(folder: Path, messages: list[Message]) -> None:
    """A Maildir with the local form of text, each message read already."""
    for each in ("tmp", "new", "cur"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        (folder / "cur" / f"{1700000000 + number}.M{number}.check:2,S").write_bytes(message.line_feeds)


def curl(at: Target, mailbox: str, messages: list[Message]) -> None:
    """One session for each message. Sends the file's octets."""
    for message in messages:
        path = at.file("message", message.octets)
        must(curl_words(at, "--upload-file", str(path), curl_url(at, mailbox)), env=at.env)


def _library(name: str):
    def write(at: Target, mailbox: str, messages: list[Message]) -> None:
        """Sends the octets as they are."""
        with imap_talk.LIBRARIES[name](at) as talk:
            for message in messages:
                talk.do("append", mailbox=mailbox, path=str(at.file("message", message.octets)), flags=["\\Seen"])

    return write


def mbsync(at: Target, mailbox: str, messages: list[Message]) -> None:
    """From a Maildir, with LF. Puts one X-TUID behind the header."""
    local(at.home / "near" / mailbox, messages)
    imap_sync.mbsync(at, [mailbox])


def offlineimap(at: Target, mailbox: str, messages: list[Message]) -> None:
    """From a Maildir, with LF."""
    local(at.home / "near" / mailbox, messages)
    imap_sync.offlineimap(at, [mailbox])


def neomutt(at: Target, mailbox: str, messages: list[Message]) -> None:
    """From a Maildir, with LF. Ends the header with Status and Content-Length."""
    local(at.home / "out", messages)
    keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{imap_neomutt.mailbox(at, mailbox)}<enter>"
    imap_neomutt.run(at, at.home / "out", keys)


def openssl(at: Target, mailbox: str, messages: list[Message]) -> None:
    """TLS by `openssl s_client`; the literal that waits for its go-ahead is ours."""
    with imap_dialogue.Session(at) as session:
        session.login()
        for message in messages:
            session.append(mailbox.encode(), message.octets)


def mailfetch(at: Target, mailbox: str, messages: list[Message]) -> None:
    """From a Maildir, with LF. A second run sends nothing."""
    top = at.home / "near"
    local(top / f".{mailbox}", messages)
    words = mailfetch_words(at, top, "--upload", "--mailbox", mailbox)
    must(words, env=mailfetch_env(at))
    said = must(words, env=mailfetch_env(at)).stdout
    if b"uploaded 0 new messages" not in said:
        raise Failed("the second run sent something", said.decode())


WRITERS = {
    "curl": curl,
    "imaplib": _library("imaplib"),
    "imapclient": _library("imapclient"),
    "imapflow": _library("imapflow"),
    "mbsync": mbsync,
    "offlineimap": offlineimap,
    "neomutt": neomutt,
    "openssl": openssl,
    "mailfetch": mailfetch,
}

#: What takes away what a writer added.
OWN = {
    "mbsync": imap_sync.without_tuid,
    "neomutt": functools.partial(imap_neomutt.without, b"Status: RO\r\nContent-Length: %(length)d\r\n"),
}
