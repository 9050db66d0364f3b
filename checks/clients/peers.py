"""Postfix and Dovecot with configurations of their own, in a temporary folder, on loopback and unprivileged ports.

Postfix's master wants root. Both run their workers as other users, so their folders can be reached by everybody.
"""

import grp
import os
import pwd
import re
import subprocess
from pathlib import Path

import work
from corpus import Message
from mailserver import RECIPIENT, SENDER
from work import Failed, must

PASSWORD = "correct horse battery"
NUMBER = {"smtp": "25", "submission": "587", "submissions": "465"}


def make_certificate(top: Path) -> None:
    """A CA and a certificate for localhost: ca.pem, cert.pem, key.pem."""
    newkey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    must([
        "openssl", "req", "-x509", *newkey, "-days", "30", "-subj", "/CN=peers CA",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", top / "ca.key", "-out", top / "ca.pem",
    ])
    must([
        "openssl", "req", *newkey, "-subj", "/CN=localhost", "-keyout", top / "key.pem", "-out", top / "request.pem",
    ])
    (top / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
    )
    must([
        "openssl", "x509", "-req", "-in", top / "request.pem", "-CA", top / "ca.pem", "-CAkey", top / "ca.key",
        "-CAcreateserial", "-days", "30", "-extfile", top / "extensions", "-out", top / "cert.pem",
    ])


class Dovecot:
    """POP3 or IMAP, with STARTTLS and with implicit TLS, over a Maildir, and the password check that Postfix asks for."""

    #: The ports of a protocol are called after it, like Dovecot's listeners: pop3 and pop3s, imap and imaps.
    protocol = "pop3"
    #: What stands in the configuration besides.
    more = "pop3_no_flag_updates = yes"

    def __init__(self, top: Path, mail_format: str = "maildir"):
        self.top = top
        top.mkdir(0o755)
        make_certificate(top)
        self.ca = top / "ca.pem"
        self.ports = dict(zip((self.protocol, self.protocol + "s"), work.free_ports(2)))
        self.boxes = top / "mail"
        self.boxes.mkdir()
        # root may not own mail in Dovecot.
        self.owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(pwd.getpwnam(self.owner).pw_gid).gr_name
        give_to(self.boxes, self.owner)
        self.auth = top / "auth"
        (top / "users").write_text(f"{SENDER}:{{PLAIN}}{PASSWORD}\n{RECIPIENT}:{{PLAIN}}{PASSWORD}\n")
        (top / "users").chmod(0o644)
        config = top / "dovecot.conf"
        config.write_text(f"""
protocols = {self.protocol}
listen = 127.0.0.1
base_dir = {top}/run
state_dir = {top}/state
log_path = {top}/log
default_internal_user = {self.owner}
default_login_user = {self.owner}
default_internal_group = {group}
mail_location = {mail_format}:{self.boxes}/%n
mail_uid = {self.owner}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{top}/cert.pem
ssl_key = <{top}/key.pem
{self.more}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {top}/users
}}
userdb {{
  driver = static
  args = uid={self.owner} gid={group} home={self.boxes}/%n
}}
service {self.protocol}-login {{
  chroot =
  inet_listener {self.protocol} {{
    port = {self.ports[self.protocol]}
  }}
  inet_listener {self.protocol}s {{
    port = {self.ports[self.protocol + "s"]}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service auth {{
  unix_listener {self.auth} {{
    mode = 0666
  }}
}}
service stats {{
  chroot =
}}
""")
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(config)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(top / "stderr", "wb"), start_new_session=True,
        )
        try:
            work.wait_until("Dovecot answers", lambda: work.answers(self.ports[self.protocol + "s"]) and self.auth.exists())
        except Failed as failure:
            work.end(self.process)
            raise Failed(str(failure), self.log()) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.end(self.process)

    def log(self) -> str:
        return "".join(path.read_text("utf-8", "replace") for path in (self.top / "stderr", self.top / "log") if path.exists())

    def put(self, messages: list[Message], account: str = SENDER) -> list[bytes]:
        """Puts them into the Maildir as files, with CRLF, as they are; the stored octets."""
        box = self.boxes / account.split("@")[0]
        for folder in (box, box / "new", box / "cur", box / "tmp"):
            folder.mkdir(exist_ok=True)
            give_to(folder, self.owner)
        for number, message in enumerate(messages):
            path = box / "new" / f"{1700000000 + number}.M{number}.check"
            path.write_bytes(message.octets)
            give_to(path, self.owner)
        return [message.octets for message in messages]


def give_to(path: Path, user: str) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


class Postfix:
    """smtp with STARTTLS offered, submission with STARTTLS required, submissions with implicit TLS; to a Maildir."""

    def __init__(self, top: Path, auth: Dovecot):
        if os.geteuid() != 0:
            raise Failed("Postfix's master wants root")
        self.top = top
        top.mkdir(0o755)
        make_certificate(top)
        self.ca = top / "ca.pem"
        self.ports = dict(zip(NUMBER, work.free_ports(3)))
        for folder in ("etc", "queue", "data", "mail"):
            (top / folder).mkdir(0o755)
        give_to(top / "data", "postfix")
        give_to(top / "mail", "nobody")
        nobody = pwd.getpwnam("nobody")
        (top / "etc/main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
maillog_file = {top}/log
maillog_file_prefixes = {top}
myhostname = localhost
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
virtual_mailbox_domains = example.test
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = {top}/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
virtual_minimum_uid = 1
message_size_limit = 67108864
local_header_rewrite_clients =
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_cert_file = {top}/cert.pem
smtpd_tls_key_file = {top}/key.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth.auth}
""")
        services = [f"127.0.0.1:{self.ports['smtp']} inet n - n - - smtpd"]
        only_known = " -o smtpd_sasl_auth_enable=yes -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"
        services.append(f"127.0.0.1:{self.ports['submission']} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt{only_known}")
        services.append(f"127.0.0.1:{self.ports['submissions']} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes{only_known}")
        (top / "etc/master.cf").write_text("\n".join(services) + """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        self.config = str(top / "etc")
        must(["postfix", "-c", self.config, "check"])
        self.process = subprocess.Popen(
            ["postfix", "-c", self.config, "start-fg"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(top / "stderr", "wb"), start_new_session=True,
        )
        try:
            work.wait_until("Postfix answers", lambda: all(work.answers(port) for port in self.ports.values()), 30)
        except Failed as failure:
            self.__exit__()
            raise Failed(str(failure), self.log()) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        work.run(["postfix", "-c", self.config, "stop"], timeout=60)
        work.end(self.process)

    def log(self) -> str:
        return "".join(path.read_text("utf-8", "replace") for path in (self.top / "stderr", self.top / "log") if path.exists())

    def _files(self) -> list[Path]:
        folder = self.top / "mail/inbox/new"
        return list(folder.iterdir()) if folder.is_dir() else []

    def take(self) -> bytes:
        """The one message that was delivered, as CRLF text, without what Postfix documents to put in front: Return-Path,
        X-Original-To, Delivered-To and one Received."""
        (path,) = work.wait_until("Postfix delivers", self._files, 60)
        octets = path.read_bytes()
        path.unlink()
        own = re.match(
            rb"Return-Path: <[^\n]*>\nX-Original-To: [^\n]*\nDelivered-To: [^\n]*\nReceived: from [^\n]*\n(?:[ \t][^\n]*\n)*", octets
        )
        if not own:
            raise Failed(f"Postfix's own fields are not where they were expected: {octets[:300]!r}")
        return octets[own.end():].replace(b"\n", b"\r\n")

    def clear(self) -> None:
        for path in self._files():
            path.unlink()
