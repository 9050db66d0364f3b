"""One function for each program that reads.

Each fetches everything into an empty folder, leaves it on the server, and answers the messages as CRLF text, without
what the program puts in front of its own accord. What is taken away is said at each function, and taken away only if
it is exactly that.
"""

import os
import pwd
import re
import sys
from pathlib import Path

import s_client
from senders import HERE, Target
from work import Failed, must


#: Where Debian keeps its modules.
GETMAIL = Path("/usr/lib/python3/dist-packages/getmailcore")


def new_folder(at: Target, name: str = "fetched") -> Path:
    folder = at.home / name
    folder.mkdir()
    return folder


def files_of(*folders: Path) -> list[bytes]:
    return [path.read_bytes() for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]


def maildir_of(folder: Path) -> list[bytes]:
    return files_of(folder / "new", folder / "cur")


def from_line_feeds(octets: bytes) -> bytes:
    """The local form of text back to CRLF. A CR that is there already would show a program that mixes the two."""
    if b"\r" in octets:
        raise Failed("a CR in text with LF line ends")
    return octets.replace(b"\n", b"\r\n")


def curl(at: Target) -> list[bytes]:
    """Nothing is taken away."""
    folder = new_folder(at)
    words = [
        "curl", "--silent", "--show-error", "--max-time", "100", "--cacert", at.ca, "--ssl-reqd",
        "--user", f"{at.user}:{at.password}",
    ]
    url = f"pop3{'s' if at.implicit else ''}://localhost:{at.port}/"
    listing = must([*words, url], env=at.env).stdout.split(b"\r\n")
    count = sum(bool(line) for line in listing)
    if count == 0:
        raise Failed("an empty list")
    must([*words, "--fail-early", "--output", folder / "#1", f"{url}[1-{count}]"], env=at.env)
    return files_of(folder)


def mpop(at: Target) -> list[bytes]:
    """Writes a Maildir with LF. Its Received header is switched off, so nothing is taken away."""
    folder = new_folder(at)
    for each in ("tmp", "new", "cur"):
        (folder / each).mkdir()
    config = at.file("mpoprc", f"""
account check
host localhost
port {at.port}
timeout 60
tls on
tls_starttls {"off" if at.implicit else "on"}
tls_trust_file {at.ca}
auth plain
user {at.user}
password {at.password}
delivery maildir {folder}
uidls_file {at.home}/uidls
keep on
received_header off
""")
    must(["mpop", "-C", config, "check"], env=at.env)
    return [from_line_feeds(octets) for octets in maildir_of(folder)]


def fetchmail(at: Target) -> list[bytes]:
    """Hands LF text to a program. Puts one Received of its own in front, behind the Return-Path that it found."""
    folder = new_folder(at)
    config = at.file("fetchmailrc", f"""
set no bouncemail
poll localhost protocol POP3 port {at.port} timeout 60
  username "{at.user}" password "{at.password}"
  {"ssl" if at.implicit else ""} sslproto "tls1.2+" sslcertck sslcertfile "{at.ca}" sslcertpath "{at.home}"
  fetchall keep no rewrite no mimedecode pass8bits
  mda "cat >$(mktemp {folder}/XXXXXXXX)"
""")
    must(
        ["fetchmail", "--fetchmailrc", config, "--pidfile", at.home / "pid", "--nosyslog", "--nodetach"],
        env={**at.env, "FETCHMAILHOME": str(at.home)},
    )
    own = re.compile(rb"\A((?:Return-Path: [^\n]*\n)?)Received: from localhost[^\n]*\n(?:[ \t][^\n]*\n)*", re.DOTALL)
    found = []
    for octets in files_of(folder):
        match = own.match(octets)
        if not match or b"(fetchmail-" not in match[0]:
            raise Failed(f"fetchmail's Received is not where it was expected: {octets[:200]!r}")
        found.append(from_line_feeds(match[1] + octets[match.end():]))
    return found


def getmail6(at: Target) -> list[bytes]:
    """Writes a Maildir with LF. Its Delivered-To and Received are switched off; it writes the Return-Path anew."""
    if not at.implicit:
        if any(b"stls" in path.read_bytes().lower() for path in GETMAIL.glob("*.py")):
            raise Failed("this version knows STLS: have it tried")
        raise Cannot("it has no STLS, only TLS from the first octet")
    folder = new_folder(at)
    user = ""
    for each in ("", "tmp", "new", "cur"):
        path = folder / each
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            # getmail delivers as somebody else than root.
            nobody = pwd.getpwnam("nobody")
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
            user = "user = nobody"
    config = at.file("getmailrc", f"""
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {at.port}
username = {at.user}
password = {at.password}
timeout = 60
ca_certs = {at.ca}
[destination]
type = Maildir
path = {folder}/
{user}
[options]
read_all = true
delete = false
delivered_to = false
received = false
verbose = 1
""")
    must(["getmail", "--getmaildir", at.home, "--rcfile", config], env=at.env)
    return [from_line_feeds(octets) for octets in maildir_of(folder)]


def poplib(at: Target) -> list[bytes]:
    """Nothing is taken away."""
    folder = new_folder(at)
    must([sys.executable, HERE / "poplib_read.py", at.mode, at.port, at.ca, at.user, folder], env=at.env)
    return files_of(folder)


def openssl(at: Target) -> list[bytes]:
    """TLS by `openssl s_client`; the POP3 lines and the unstuffing are ours."""
    return s_client.fetch(at.port, at.ca, None if at.implicit else "pop3", at.user, at.password)


def popfetch(at: Target) -> list[bytes]:
    """Writes a Maildir with the octets as they came: nothing is taken away."""
    program = at.binaries / "popfetch"
    if not program.exists():
        raise Failed(f"{program} is missing")
    folder = at.home / "fetched"
    must([
        program, f"pop3{'s' if at.implicit else ''}://{at.user.replace('@', '%40')}@localhost:{at.port}", folder, "--ca", at.ca,
    ], env={**at.env, "MAILWIRE_PASSWORD": at.password or ""})
    return maildir_of(folder)


class Cannot(Exception):
    """What a client has no way of doing, by its own design."""


READERS = {
    "curl": curl,
    "mpop": mpop,
    "fetchmail": fetchmail,
    "getmail6": getmail6,
    "poplib": poplib,
    "openssl": openssl,
    "popfetch": popfetch,
}
