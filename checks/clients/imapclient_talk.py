"""IMAPClient for imap_talk.py. Runs in the venv that it was installed in."""

import base64
import os
import pathlib
import re
import ssl
import sys
import time

import imapclient

import talker

mode, port, ca, user, how = sys.argv[1:]
PASSWORD = os.environ["CHECK_PASSWORD"]


def text(octets) -> str:
    return octets.decode() if isinstance(octets, bytes) else octets


class Client:
    def __init__(self):
        context = ssl.create_default_context(cafile=ca)
        if mode == "implicit":
            self.client = imapclient.IMAPClient("localhost", int(port), ssl_context=context, timeout=100)
        else:
            self.client = imapclient.IMAPClient("localhost", int(port), ssl=False, timeout=100)
            self.client.starttls(context)
        if how == "PLAIN":
            self.client.plain_login(user, PASSWORD)
        else:
            self.client.login(user, PASSWORD)
        self.heard = []

    def select(self, mailbox, readonly=False):
        return self.client.select_folder(mailbox, readonly)[b"EXISTS"]

    def uids(self):
        return list(self.client.search())

    def read(self, folder):
        for uid in self.client.search():
            pathlib.Path(folder, str(uid)).write_bytes(self.client.fetch(uid, ["BODY.PEEK[]"])[uid][b"BODY[]"])

    def append(self, mailbox, path, flags=()):
        said = self.client.append(mailbox, pathlib.Path(path).read_bytes(), flags)
        return int(re.search(rb"APPENDUID \d+ (\d+)", said)[1])

    def list(self):
        return {text(name): [text(flag) for flag in flags] for flags, _, name in self.client.list_folders()}

    def make(self, mailbox):
        self.client.create_folder(mailbox)

    def rename(self, mailbox, to):
        self.client.rename_folder(mailbox, to)

    def unmake(self, mailbox):
        self.client.delete_folder(mailbox)

    def search(self, **what):
        words = [word for key, value in what.items() for word in (key.upper(), *([value] if value is not True else []))]
        return list(self.client.search(words))

    def flags(self):
        uids = self.client.search()
        found = self.client.fetch(uids, ["FLAGS"]) if uids else {}
        return {str(uid): [text(flag) for flag in data[b"FLAGS"]] for uid, data in found.items()}

    def flag(self, uid, add=(), remove=()):
        if add:
            self.client.add_flags(uid, add)
        if remove:
            self.client.remove_flags(uid, remove)

    def copy(self, uid, mailbox):
        self.client.copy(uid, mailbox)

    def move(self, uid, mailbox):
        self.client.move(uid, mailbox)

    def remove(self, uid):
        self.client.delete_messages(uid)
        self.client.uid_expunge(uid)

    def attachment(self, uid, path):
        parts, kind = self.client.fetch(uid, ["BODYSTRUCTURE"])[uid][b"BODYSTRUCTURE"][:2]
        number = [part[0] for part in parts].index(b"application") + 1
        octets = self.client.fetch(uid, [f"BODY.PEEK[{number}]"])[uid][b"BODY[%d]" % number]
        pathlib.Path(path).write_bytes(base64.b64decode(octets))

    def status(self, mailbox):
        found = self.client.folder_status(mailbox, ["MESSAGES", "UNSEEN"])
        return {text(name).lower(): value for name, value in found.items()}

    def refresh(self):
        self.client.noop()

    def idle(self):
        self.heard = []
        self.client.idle()

    def told(self, what):
        """Waits until the server has said so: exists, expunge or flags."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for each in self.heard:
                if what == {b"EXISTS": "exists", b"EXPUNGE": "expunge", b"FETCH": "flags"}.get(each[1]):
                    self.heard = []
                    return each[0]
            self.heard += [each for each in self.client.idle_check(timeout=1) if isinstance(each, tuple) and len(each) > 1]
        raise TimeoutError(f"not told of {what} within 30 s: {self.heard}")

    def wake(self):
        self.client.idle_done()

    def quit(self):
        self.client.logout()


talker.serve(Client)
