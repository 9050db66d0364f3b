"""mailsend to mail servers that Debian cannot install side by side, each from a root folder of its own.

    checks/servers/table.py --roots DIR [--bin DIR]

DIR holds exim/ and opensmtpd/ as checks/peers bootstraps them. One line for each server, port and message, as in
checks/clients/table.py, which also makes the messages.
"""

import argparse
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "checks/clients"))

import corpus
import peers
import table
import work
from corpus import sha256
from mailserver import SENDER
from senders import SENDERS
from work import Failed

SIZE = (3 + 1) * len(corpus.NAMES)


class Rooted:
    """A server in the folder `root`. It finds certificates in /check there, and delivers into the Maildir /check/mail."""

    #: What the server puts in front of a message, as its documentation says.
    own: re.Pattern
    services = tuple(peers.NUMBER)
    level = "secure"

    def __init__(self, root: Path):
        self.root = root
        self.top = root / "check"
        shutil.rmtree(self.top, ignore_errors=True)
        self.top.mkdir()
        # The server's own users have to come in.
        self.top.chmod(0o755)
        peers.make_certificate(self.top)
        self.ca = self.top / "ca.pem"
        self.ports = dict(zip(self.services, work.free_ports(len(self.services))))
        (self.top / "mail").mkdir()
        peers.give_to(self.top / "mail", "nobody")
        self.configure()
        # unshare: when it ends, nothing that was started in the folder is left.
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", f"--root={root}", *self.command()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.top / "stderr", "wb"), start_new_session=True,
        )
        try:
            work.wait_until(f"{type(self).__name__} answers", lambda: all(work.answers(port) for port in self.ports.values()), 30)
        except Failed as failure:
            work.end(self.process)
            raise Failed(f"{failure}: {self.log()}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.end(self.process)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.write_text(text)
        file.chmod(mode)

    def log(self) -> str:
        paths = [self.top / "stderr", *self.logs()]
        return "".join(path.read_text("utf-8", "replace") for path in paths if path.exists())

    def _files(self) -> list[Path]:
        folder = self.top / "mail/new"
        return list(folder.iterdir()) if folder.is_dir() else []

    def take(self) -> bytes:
        (path,) = work.wait_until(f"{type(self).__name__} delivers", self._files, 60)
        octets = path.read_bytes()
        path.unlink()
        found = self.own.match(octets)
        if not found:
            raise Failed(f"its own fields are not where they were expected: {octets[:300]!r}")
        return octets[found.end():].replace(b"\n", b"\r\n")


class Exim(Rooted):
    """Exim 4.96. Puts Return-path and one Received in front."""

    own = re.compile(rb"Return-path: <[^\n]*>\nReceived: from [^\n]*\n(?:[ \t][^\n]*\n)*")

    def command(self):
        return ["/usr/sbin/exim4", "-bdf", "-q30m"]

    def logs(self):
        return (self.root / "var/log/exim4").glob("*log")

    def configure(self):
        for log in self.logs():
            log.unlink()
        key = self.top / "key.pem"
        # It reads the key when it is no longer root.
        key.chmod(0o644)
        self.write("/etc/exim4/exim4.conf", f"""
primary_hostname = localhost
domainlist local_domains = example.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {" : ".join(str(port) for port in self.ports.values())}
tls_on_connect_ports = {self.ports["submissions"]}
tls_advertise_hosts = *
tls_certificate = /check/cert.pem
tls_privatekey = /check/key.pem
message_size_limit = 64M
host_lookup =
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept condition = ${{if eq{{$received_port}}{{{self.ports["smtp"]}}}}}
         domains = +local_domains
  accept authenticated = *
         domains = +local_domains
  deny
begin routers
everybody:
  driver = accept
  domains = +local_domains
  transport = folder
begin transports
folder:
  driver = appendfile
  maildir_format
  directory = /check/mail
  create_directory
  user = nobody
  group = nogroup
  return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_set_id = $auth2
  server_condition = ${{if and{{{{eq{{$auth2}}{{{SENDER}}}}}{{eq{{$auth3}}{{{peers.PASSWORD}}}}}}}}}
  server_advertise_condition = ${{if def:tls_in_cipher}}
""")


class OpenSmtpd(Rooted):
    """OpenSMTPD 6.8. Puts Return-Path, Delivered-To and one Received in front.

    In clear only: with the OpenSSL 3 of Debian 12 it ends every handshake with the alert internal_error, also with
    `openssl s_client`, TLS 1.2 or 1.3, with an RSA or a P-256 key.
    """

    own = re.compile(rb"Return-Path: [^\n]*\nDelivered-To: [^\n]*\nReceived: from [^\n]*\n(?:[ \t][^\n]*\n)*")
    services = ("smtp",)
    level = "none"

    def command(self):
        return ["/usr/sbin/smtpd", "-d", "-f", "/check/smtpd.conf"]

    def logs(self):
        return ()

    def configure(self):
        self.write("/check/users", "@example.test nobody\n")
        self.write("/check/smtpd.conf", f"""
smtp max-message-size 64M
table users file:/check/users
listen on 127.0.0.1 port {self.ports["smtp"]} hostname localhost
action "folder" maildir "/check/mail" virtual <users>
match from any for domain "example.test" action "folder"
""")


SERVERS = {"exim": Exim, "opensmtpd": OpenSmtpd}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roots", type=Path, required=True)
    parser.add_argument("--bin", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="mailwire-servers-") as folder:
        run = table.Run(argparse.Namespace(messages=corpus.NAMES, only=[], bin=options.bin.resolve(), cache=Path()), Path(folder))
        for name, kind in SERVERS.items():
            with kind(options.roots.resolve() / name) as server:
                for service, port in server.ports.items():
                    mode = "implicit" if service == "submissions" else "starttls"
                    user = "" if service == "smtp" else SENDER
                    for message in run.messages:
                        target = run.target(mode, port, server.ca, user, peers.PASSWORD if user else None)
                        target = dataclasses.replace(target, level=server.level)
                        who = f"mailsend, {peers.NUMBER[service]}"
                        try:
                            SENDERS["mailsend"](target, message)
                            table.same(message.canonical, server.take())
                            run.table.ok(who, name, message.name, "sha256=" + sha256(message.canonical))
                        except Failed as failure:
                            run.table.fail(who, name, message.name, failure, server.log())
                        shutil.rmtree(target.home)
    if run.table.rows != SIZE:
        print(f"the table has {run.table.rows} rows and must have {SIZE}")
        run.table.failed += 1
    print(f"{run.table.passed} passed, {run.table.failed} failed")
    return 1 if run.table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
