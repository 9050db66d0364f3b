"""One function for each program that reads by IMAP.

Each fetches the whole inbox into an empty folder, leaves it on the server, and answers the messages as CRLF text,
without what the program puts in front of its own accord. What is taken away is said at each function, and taken away
only if it is exactly that.
"""

import re
from pathlib import Path

import imap_dialogue
import imap_neomutt
import imap_sync
import imap_talk
from readers import Cannot, files_of, new_folder, from_line_feeds, maildir_of
from senders import Target
from work import Failed, must

#: Where Debian keeps its module.
OFFLINEIMAP = Path("/usr/share/offlineimap3/offlineimap/imapserver.py")


def curl_words(at: Target, *more: str) -> list:
    return [
        "curl", "--silent", "--show-error", "--max-time", "100", "--cacert", at.ca, "--ssl-reqd",
        "--user", f"{at.user}:{at.password}", *more,
    ]


def curl_url(at: Target, rest: str = "") -> str:
    return f"imap{'s' if at.implicit else ''}://localhost:{at.port}/{rest}"


def curl(at: Target) -> list[bytes]:
    """Nothing is taken away."""
    folder = new_folder(at)
    said = must(curl_words(at, "--request", "UID SEARCH ALL", curl_url(at, "INBOX")), env=at.env).stdout
    uids = said.decode().removeprefix("* SEARCH").split()
    if not uids:
        raise Failed("an empty list")
    url = curl_url(at, f"INBOX;UID={{{','.join(uids)}}}")
    must(curl_words(at, "--fail-early", "--output", folder / "#1", url), env=at.env)
    return files_of(folder)


def _library(name: str):
    def read(at: Target) -> list[bytes]:
        folder = new_folder(at)
        with imap_talk.LIBRARIES[name](at) as talk:
            talk.do("select", mailbox="INBOX", readonly=True)
            talk.do("read", folder=str(folder))
        return files_of(folder)

    read.__doc__ = "Nothing is taken away."
    return read


def mbsync(at: Target) -> list[bytes]:
    """Writes a Maildir with LF. Puts one X-TUID behind the header, by which it finds a message again."""
    imap_sync.mbsync(at, ["INBOX"])
    return [imap_sync.without_tuid(from_line_feeds(octets)) for octets in maildir_of(at.home / "near/INBOX")]


def offlineimap(at: Target) -> list[bytes]:
    """Writes a Maildir with LF. Nothing is taken away."""
    imap_sync.offlineimap(at, ["INBOX"])
    return [from_line_feeds(octets) for octets in maildir_of(at.home / "near/INBOX")]


def fetchmail(at: Target) -> list[bytes]:
    """Hands LF text to a program. Puts one Received of its own in front, behind the Return-Path that it found."""
    folder = new_folder(at)
    fetchmail_run(at, f"""fetchall keep mda "cat >$(mktemp {folder}/XXXXXXXX)\"""")
    own = re.compile(rb"\A((?:Return-Path: [^\n]*\n)?)Received: from localhost[^\n]*\n(?:[ \t][^\n]*\n)*", re.DOTALL)
    found = []
    for octets in files_of(folder):
        match = own.match(octets)
        if not match or b"(fetchmail-" not in match[0]:
            raise Failed(f"fetchmail's Received is not where it was expected: {octets[:200]!r}")
        found.append(from_line_feeds(match[1] + octets[match.end():]))
    return found


def fetchmail_run(at: Target, options: str) -> None:
    config = at.file("fetchmailrc", f"""
set no bouncemail
poll localhost protocol IMAP port {at.port} timeout 60
  username "{at.user}" password "{at.password}"
  {"ssl" if at.implicit else ""} sslproto "tls1.2+" sslcertck sslcertfile "{at.ca}" sslcertpath "{at.home}"
  no rewrite no mimedecode pass8bits
  {options}
""")
    must(
        ["fetchmail", "--fetchmailrc", config, "--pidfile", at.home / "pid", "--nosyslog", "--nodetach"],
        env={**at.env, "FETCHMAILHOME": str(at.home)},
    )


def neomutt(at: Target) -> list[bytes]:
    """Copies to a Maildir, with LF. Ends the header with Content-Length and Lines of its own, which have to be right."""
    folder = at.home / "fetched"
    imap_neomutt.run(
        at, imap_neomutt.mailbox(at, "INBOX"), f"<tag-pattern>~A<enter><tag-prefix><copy-message>{folder}<enter>"
    )
    if not folder.is_dir():
        raise Failed("nothing was copied")
    own = b"Content-Length: %(length)d\r\nLines: %(lines)d\r\n"
    return [imap_neomutt.without(own, from_line_feeds(octets)) for octets in maildir_of(folder)]


def openssl(at: Target) -> list[bytes]:
    """TLS by `openssl s_client`; the IMAP lines are ours. Nothing is taken away."""
    with imap_dialogue.Session(at) as session:
        session.login()
        session.must(b"EXAMINE INBOX")
        return [session.message(uid) for uid in session.uids()]


def refuses(name: str, at: Target) -> list[bytes]:
    """Reads where the certificate is another CA's."""
    if name == "offlineimap" and not at.implicit:
        if b"imapobj.starttls()" not in OFFLINEIMAP.read_bytes():
            raise Failed("this version may check the certificate: have it tried")
        raise Cannot("it checks no certificate behind STARTTLS")
    return READERS[name](at)


def mailfetch_words(at: Target, folder: Path, *more: str) -> list:
    program = at.binaries / "mailfetch"
    if not program.exists():
        raise Failed(f"{program} is missing")
    url = f"imap{'s' if at.implicit else ''}://{at.user.replace('@', '%40')}@localhost:{at.port}"
    return [program, url, folder, "--ca", at.ca, *more]


def mailfetch_env(at: Target) -> dict:
    return {**at.env, "MAILWIRE_PASSWORD": at.password or ""}


def mailfetch(at: Target) -> list[bytes]:
    """Writes a Maildir with the octets as they came: nothing is taken away. A second run fetches nothing."""
    folder = at.home / "fetched"
    words = mailfetch_words(at, folder, "--mailbox", "INBOX")
    must(words, env=mailfetch_env(at))
    said = must(words, env=mailfetch_env(at)).stdout
    if b"fetched 0 new messages" not in said:
        raise Failed("the second run fetched something", said.decode())
    return maildir_of(folder)


READERS = {
    "curl": curl,
    "imaplib": _library("imaplib"),
    "imapclient": _library("imapclient"),
    "imapflow": _library("imapflow"),
    "mbsync": mbsync,
    "offlineimap": offlineimap,
    "fetchmail": fetchmail,
    "neomutt": neomutt,
    "openssl": openssl,
    "mailfetch": mailfetch,
}
