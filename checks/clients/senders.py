"""One function for each program that sends.

Each takes where to send to and a message, and raises Failed unless the program says that it was sent. What a program
would add of its own is switched off where it can be, so nothing is taken away from what arrives but the trace fields
of the server (see mailserver.without_trace). Where a program wants another form of the message than CRLF text, its
function says so.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import s_client
import work
from corpus import Message
from work import must

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Target:
    """Where and as whom. `mode` is "implicit" or "starttls"."""

    mode: str
    port: int
    ca: Path
    user: str
    password: str | None
    sender: str
    recipient: str
    #: A folder for what the client needs; empty at the start, and its home.
    home: Path
    #: Libraries are installed in a cache, our own programs in target/.
    cache: Path
    binaries: Path
    #: What mailsend asks for.
    level: str = "secure"

    @property
    def implicit(self) -> bool:
        return self.mode == "implicit"

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.home), "CHECK_PASSWORD": self.password or ""}

    def file(self, name: str, octets: bytes | str) -> Path:
        path = self.home / name
        path.touch(0o600)
        path.write_bytes(octets.encode() if isinstance(octets, str) else octets)
        return path


def curl(to: Target, message: Message) -> None:
    """Sends the file's octets, stuffed; adds the last CRLF itself."""
    must([
        "curl", "--silent", "--show-error", "--max-time", "100", "--cacert", to.ca, "--ssl-reqd",
        "--user", f"{to.user}:{to.password}", "--url", f"smtp{'s' if to.implicit else ''}://localhost:{to.port}",
        "--mail-from", to.sender, "--mail-rcpt", to.recipient, "--upload-file", to.file("message", message.octets),
    ], env=to.env)


def swaks(to: Target, message: Message) -> None:
    """Takes the message as one would type it: a last line with a dot ends it, and swaks removes that line."""
    must([
        "swaks", "--silent", "2", "--timeout", "60s", "--server", "localhost", "--port", to.port,
        "--tls-on-connect" if to.implicit else "--tls", "--tls-verify", "--tls-ca-path", to.ca,
        "--auth", "PLAIN", "--auth-user", to.user, "--auth-password", to.password,
        "--from", to.sender, "--to", to.recipient, "--data", "-",
    ], stdin=message.canonical + b".\r\n", env=to.env)


def msmtp(to: Target, message: Message) -> None:
    """Reads the local form of text, with LF."""
    config = to.file("msmtprc", f"""
account check
host localhost
port {to.port}
timeout 60
tls on
tls_starttls {"off" if to.implicit else "on"}
tls_trust_file {to.ca}
auth plain
user {to.user}
password {to.password}
from {to.sender}
set_from_header off
set_date_header off
set_msgid_header off
remove_bcc_headers off
undisclosed_recipients off
""")
    must(["msmtp", "-C", config, "-a", "check", "--", to.recipient], stdin=message.line_feeds, env=to.env)


def smtplib(to: Target, message: Message) -> None:
    words = [sys.executable, HERE / "smtplib_send.py", to.mode, to.port, to.ca, to.sender, to.recipient]
    must(words, stdin=message.octets, env=to.env)


def nodemailer(to: Target, message: Message) -> None:
    words = ["node", HERE / "nodemailer_send.mjs", to.mode, to.port, to.ca, to.sender, to.recipient]
    must(words, stdin=message.octets, env={**to.env, "CACHE": str(to.cache)})


def openssl(to: Target, message: Message) -> None:
    """TLS by `openssl s_client`; the SMTP lines and the stuffing are ours."""
    s_client.send(
        to.port, to.ca, None if to.implicit else "smtp", to.user, to.password, to.sender, to.recipient, message.canonical
    )


def mailsend(to: Target, message: Message) -> None:
    program = to.binaries / "mailsend"
    if not program.exists():
        raise work.Failed(f"{program} is missing")
    user = f"{to.user.replace('@', '%40')}@" if to.user else ""
    must([
        program, f"smtp{'s' if to.implicit else ''}://{user}localhost:{to.port}", "--tls", to.level, "--ca", to.ca,
        "--from", to.sender, "--to", to.recipient, to.file("message", message.octets),
    ], env={**to.env, "MAILWIRE_PASSWORD": to.password or ""})


SENDERS = {
    "curl": curl,
    "swaks": swaks,
    "msmtp": msmtp,
    "smtplib": smtplib,
    "nodemailer": nodemailer,
    "openssl": openssl,
    "mailsend": mailsend,
}
