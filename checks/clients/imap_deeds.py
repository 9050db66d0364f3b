"""What each client does besides reading and writing whole messages, each deed with a mailbox of its own.

In it are five notes (imap_notes.py): the second is read, the third read and flagged, the fourth has an attachment.
A deed raises Failed unless the client says what it should and the far end has what it should.
"""

import functools
import re
from dataclasses import dataclass, field

import imap_dialogue
import imap_neomutt
import imap_sync
import imap_talk
from corpus import sha256
from imap_look import Look
from imap_notes import ATTACHED, attachment, note, number_of
from imap_place import SPECIAL, Place
from imap_readers import curl_url, curl_words, fetchmail_run
from senders import Target
from work import Failed, must

FLAGS = {1: "", 2: "\\Seen", 3: "\\Seen \\Flagged", 4: "", 5: ""}


@dataclass
class Scene:
    place: Place
    at: Target
    mailbox: str
    #: UIDs by note.
    uids: dict[int, int] = field(default_factory=dict)

    @property
    def other(self) -> str:
        return self.mailbox + "-other"

    def prepare(self) -> None:
        with Look(self.place, self.at.user) as look:
            look.make(self.mailbox, self.other)
            for number, flags in FLAGS.items():
                self.uids[number] = look.put(self.mailbox, note(number).octets, flags)

    def flags(self, mailbox: str = "") -> dict[int, set[str]]:
        """What the far end has: by note, its flags."""
        with Look(self.place, self.at.user) as look:
            found = look.mailbox(mailbox or self.mailbox)
        return {number_of(name): set(seen.flags) for name, seen in found.items()}

    def must_have(self, numbers: set[int], mailbox: str = "") -> None:
        """These notes and no others are there, and their octets are what they were."""
        mailbox = mailbox or self.mailbox
        if (have := set(self.flags(mailbox))) != numbers:
            raise Failed(f"{mailbox} has the notes {sorted(have)}, wanted {sorted(numbers)}")
        want = sorted(sha256(note(number).octets) for number in numbers)
        if sorted(map(sha256, self.place.stored(self.at.user, mailbox))) != want:
            raise Failed(f"the files of {mailbox} have other octets")

    def must_flag(self, number: int, *flags: str) -> None:
        if (have := self.flags()[number]) != set(flags):
            raise Failed(f"note {number} has {sorted(have)}, wanted {sorted(flags)}")


def equal(what: str, have, want) -> None:
    if have != want:
        raise Failed(f"{what}: {have!r}, wanted {want!r}")


def must_list(found: dict[str, list[str]], scene: Scene) -> None:
    """INBOX and what is made here are there, and what each mailbox is for."""
    for name in ("INBOX", scene.mailbox, scene.other, *SPECIAL):
        if name not in found:
            raise Failed(f"{name} is not in the list: {sorted(found)}")
    for name, use in SPECIAL.items():
        if use not in found[name]:
            raise Failed(f"{name} is listed with {found[name]}, wanted {use}")


# The libraries, all with the same deeds.


def _list(talk, scene: Scene) -> None:
    must_list(talk.do("list"), scene)


def _names(talk, scene: Scene) -> None:
    """Names outside ASCII, within one another, made, renamed, and deleted."""
    name, other = f"Entwürfe & 漢字/{scene.mailbox}", f"Übersicht/{scene.mailbox}"
    talk.do("make", mailbox=name)
    if name not in talk.do("list"):
        raise Failed(f"{name} was made and is not in the list")
    talk.do("append", mailbox=name, path=str(scene.at.file("note", note(1).octets)))
    talk.do("rename", mailbox=name, to=other)
    listed = talk.do("list")
    equal("listed of the old and the new name", [each for each in (name, other) if each in listed], [other])
    equal("messages behind the new name", talk.do("select", mailbox=other), 1)
    talk.do("select", mailbox="INBOX")
    talk.do("unmake", mailbox=other)
    if other in talk.do("list"):
        raise Failed(f"{other} was deleted and is in the list")


def _search(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    uids = scene.uids
    equal("unseen", sorted(talk.do("search", unseen=True)), sorted(uids[each] for each in (1, 4, 5)))
    equal("subject", talk.do("search", subject="OF NOTE-3"), [uids[3]])
    equal("text in the body", talk.do("search", body="NEEDLE4X"), [uids[4]])
    equal("both", talk.do("search", unseen=True, body="needle2x"), [])


def _flags(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    talk.do("flag", uid=scene.uids[1], add=["\\Flagged", "\\Answered", "$Forwarded"])
    talk.do("flag", uid=scene.uids[3], remove=["\\Seen"])
    scene.must_flag(1, "\\Flagged", "\\Answered", "$Forwarded")
    scene.must_flag(2, "\\Seen")
    scene.must_flag(3, "\\Flagged")
    told = {uid: set(flags) - {"\\Recent"} for uid, flags in talk.do("flags").items()}
    equal("flags that it is told", told, {str(scene.uids[number]): flags for number, flags in scene.flags().items()})


def _copy(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    talk.do("copy", uid=scene.uids[4], mailbox=scene.other)
    scene.must_have({1, 2, 3, 4, 5})
    scene.must_have({4}, scene.other)


def _move(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    talk.do("move", uid=scene.uids[2], mailbox=scene.other)
    scene.must_have({1, 3, 4, 5})
    scene.must_have({2}, scene.other)
    equal("flags of what was moved", scene.flags(scene.other), {2: {"\\Seen"}})


def _delete(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    talk.do("remove", uid=scene.uids[3])
    scene.must_have({1, 2, 4, 5})
    equal("UIDs that it is told", sorted(talk.do("uids")), [scene.uids[each] for each in (1, 2, 4, 5)])


def _attachment(talk, scene: Scene) -> None:
    talk.do("select", mailbox=scene.mailbox)
    path = scene.at.home / "attachment"
    talk.do("attachment", uid=scene.uids[ATTACHED], path=str(path))
    equal("the attachment", sha256(path.read_bytes()), sha256(attachment()))


def _status(talk, scene: Scene) -> None:
    equal("STATUS", talk.do("status", mailbox=scene.mailbox), {"messages": 5, "unseen": 3})


def _library(name: str, ways: dict[str, str]):
    def deed(act):
        def run(scene: Scene) -> None:
            with imap_talk.LIBRARIES[name](scene.at) as talk:
                act(talk, scene)

        return run

    def login(way: str):
        def run(scene: Scene) -> None:
            with imap_talk.LIBRARIES[name](scene.at, way) as talk:
                equal("messages", talk.do("select", mailbox=scene.mailbox), 5)

        return run

    acts = (_list, _names, _search, _flags, _copy, _move, _delete, _attachment, _status)
    return {
        **{act.__name__.removeprefix("_"): deed(act) for act in acts},
        **{what: login(way) for what, way in ways.items()},
    }


# curl: one command in each session.


def _curl(scene: Scene, rest: str = "", request: str = "", *more: str) -> list[str]:
    words = curl_words(scene.at, *(("--request", request) if request else ()), *more, curl_url(scene.at, rest))
    return must(words, env=scene.at.env).stdout.decode().splitlines()


def _curl_list(scene: Scene) -> None:
    matches = [re.fullmatch(r'\* LIST \(([^)]*)\) "/" "?(.*?)"?', line) for line in _curl(scene)]
    must_list({match[2]: match[1].split() for match in matches if match}, scene)


def _curl_examine(scene: Scene) -> None:
    lines = _curl(scene, "", f"EXAMINE {scene.mailbox}")
    if "* 5 EXISTS" not in lines or not any(line.startswith("* OK [UIDVALIDITY ") for line in lines):
        raise Failed("EXISTS or UIDVALIDITY is missing", "\n".join(lines))


def _curl_search(scene: Scene) -> None:
    equal("by the query of the URL", _curl(scene, f"{scene.mailbox}?SUBJECT%20note-3"), ["* SEARCH 3"])
    equal("by UID SEARCH", _curl(scene, scene.mailbox, "UID SEARCH BODY needle4x"), [f"* SEARCH {scene.uids[4]}"])


def _curl_flags(scene: Scene) -> None:
    _curl(scene, scene.mailbox, "STORE 1 +FLAGS (\\Flagged $Forwarded)")
    scene.must_flag(1, "\\Flagged", "$Forwarded")


def _curl_copy(scene: Scene) -> None:
    _curl(scene, scene.mailbox, f"COPY 4 {scene.other}")
    scene.must_have({4}, scene.other)


def _curl_section(scene: Scene) -> None:
    """A part of a message, by the URL of RFC 5092."""
    lines = _curl(scene, f"{scene.mailbox};UID={scene.uids[5]};SECTION=HEADER.FIELDS%20(SUBJECT)")
    equal("the subject", lines, ["Subject: check of note-5", ""])


def _curl_login(mechanism: str, scene: Scene) -> None:
    ran = must(curl_words(scene.at, "--verbose", "--login-options", f"AUTH={mechanism}", curl_url(scene.at)), env=scene.at.env)
    if f"AUTHENTICATE {mechanism}".encode() not in ran.stderr:
        raise Failed(f"it did not say AUTHENTICATE {mechanism}", ran.output)


# Those that keep both sides the same.


def _sync_login(sync, mechanism: str, scene: Scene) -> None:
    sync(scene.at, [scene.mailbox], mechanism)
    files = list((scene.at.home / "near" / scene.mailbox).glob("*/*:2,*"))
    equal("messages", len(files), 5)


# neomutt.


def _neomutt(scene: Scene, keys: str, *settings: str) -> None:
    imap_neomutt.run(scene.at, imap_neomutt.mailbox(scene.at, scene.mailbox), keys, *settings)


def _neomutt_flags(scene: Scene) -> None:
    _neomutt(scene, "<limit>~s note-1<enter><flag-message><limit>~s note-3<enter><toggle-new><limit>~A<enter>")
    scene.must_flag(1, "\\Flagged")
    scene.must_flag(3, "\\Flagged")


def _neomutt_copy(scene: Scene) -> None:
    """Within the server."""
    _neomutt(scene, f"<limit>~s note-4<enter><copy-message>{imap_neomutt.mailbox(scene.at, scene.other)}<enter>")
    scene.must_have({1, 2, 3, 4, 5})
    scene.must_have({4}, scene.other)


def _neomutt_move(scene: Scene) -> None:
    _neomutt(scene, f"<limit>~s note-2<enter><save-message>{imap_neomutt.mailbox(scene.at, scene.other)}<enter>")
    scene.must_have({1, 3, 4, 5})
    scene.must_have({2}, scene.other)


def _neomutt_delete(scene: Scene) -> None:
    _neomutt(scene, "<delete-pattern>~s note-3<enter>")
    scene.must_have({1, 2, 4, 5})


def _neomutt_search(scene: Scene) -> None:
    """`=b` has the server search."""
    _neomutt(scene, "<tag-pattern>=b needle5x<enter><tag-prefix><delete-message>")
    scene.must_have({1, 2, 3, 4})


def _neomutt_attachment(scene: Scene) -> None:
    path = scene.at.home / "saved"
    keys = f"<limit>~s note-{ATTACHED}<enter><view-attachments><last-entry><save-entry><kill-line>{path}<enter><exit>"
    _neomutt(scene, keys)
    if not path.exists():
        raise Failed("nothing was saved")
    equal("the attachment", sha256(path.read_bytes()), sha256(attachment()))


def _neomutt_login(mechanism: str, scene: Scene) -> None:
    _neomutt(scene, "<delete-pattern>~s note-1<enter>", f'set imap_authenticators="{mechanism}"')
    scene.must_have({2, 3, 4, 5})


# fetchmail.


def _fetchmail_delete(scene: Scene) -> None:
    """Takes the messages, and deletes them on the server."""
    folder = scene.at.home / "fetched"
    folder.mkdir()
    fetchmail_run(scene.at, f"""folder "{scene.mailbox}" fetchall no keep expunge 2 mda "cat >$(mktemp {folder}/XXXXXXXX)\"""")
    equal("messages that it has", len(list(folder.iterdir())), 5)
    scene.must_have(set())


# openssl.


def _openssl_pipelined(scene: Scene) -> None:
    """Commands that do not wait for one another are all answered."""
    with imap_dialogue.Session(scene.at) as session:
        session.login()
        lines = session.together(
            b"SELECT %s" % scene.mailbox.encode(), b"UID SEARCH FLAGGED", b"UID FETCH 1:* (UID RFC822.SIZE)",
            b"STATUS %s (MESSAGES)" % scene.other.encode(), b"NOOP",
        )
        if b"* 5 EXISTS" not in lines:
            raise session.failed("not 5 messages")
        equal("flagged", [line for line in lines if line.startswith(b"* SEARCH")], [b"* SEARCH %d" % scene.uids[3]])
        sizes = [int(re.search(rb"RFC822\.SIZE (\d+)", line)[1]) for line in lines if b"RFC822.SIZE" in line]
        equal("sizes", sizes, [len(note(number).octets) for number in FLAGS])
        equal("STATUS of another", [line.split()[-1] for line in lines if b" STATUS " in line], [b"0)"])


def _openssl_idle(scene: Scene) -> None:
    """It is told what another client does, and DONE ends it."""
    with imap_dialogue.Session(scene.at) as session:
        session.login()
        session.must(b"SELECT %s" % scene.mailbox.encode())
        tag = session.tag()
        session.talk.send(tag + b" IDLE\r\n")
        session.go_ahead()
        with Look(scene.place, scene.at.user) as look:
            look.put(scene.mailbox, note(6).octets)
        while (line := session.talk.line()) != b"* 6 EXISTS":
            if not line.startswith(b"* "):
                raise session.failed(f"{line!r} while it idles")
        session.talk.send(b"DONE\r\n")
        session.answer(tag)


def _openssl_literals(scene: Scene) -> None:
    """A login by literals that wait, and by literals that do not (RFC 7888)."""
    user, password = scene.at.user.encode(), scene.at.password.encode()
    with imap_dialogue.Session(scene.at) as session:
        tag = session.tag()
        session.talk.send(b"%s LOGIN {%d}\r\n" % (tag, len(user)))
        session.go_ahead()
        session.talk.send(b"%s {%d}\r\n" % (user, len(password)))
        session.go_ahead()
        session.talk.send(password + b"\r\n")
        session.answer(tag)
    with imap_dialogue.Session(scene.at) as session:
        session.must(b"LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(user), user, len(password), password))


def _openssl_scram(scene: Scene) -> None:
    with imap_dialogue.Session(scene.at) as session:
        session.login_scram()
        session.must(b"SELECT %s" % scene.mailbox.encode())


DEEDS = {
    "curl": {
        "list": _curl_list,
        "examine": _curl_examine,
        "search": _curl_search,
        "flags": _curl_flags,
        "copy": _curl_copy,
        "section": _curl_section,
        "auth PLAIN": functools.partial(_curl_login, "PLAIN"),
        "auth LOGIN": functools.partial(_curl_login, "LOGIN"),
    },
    # imaplib's own choice is LOGIN, and so is IMAPClient's; ImapFlow's is the first that is offered of PLAIN and LOGIN.
    "imaplib": _library("imaplib", {"auth PLAIN": "PLAIN", "auth SCRAM-SHA-256": "SCRAM-SHA-256"}),
    "imapclient": _library("imapclient", {"auth PLAIN": "PLAIN"}),
    "imapflow": _library("imapflow", {"auth PLAIN": "AUTH=PLAIN", "auth LOGIN": "AUTH=LOGIN", "login": "LOGIN"}),
    "mbsync": {
        "auth PLAIN": functools.partial(_sync_login, imap_sync.mbsync, "PLAIN"),
        "auth SCRAM-SHA-256": functools.partial(_sync_login, imap_sync.mbsync, "SCRAM-SHA-256"),
        "login": functools.partial(_sync_login, imap_sync.mbsync, "LOGIN"),
    },
    "offlineimap": {
        "auth PLAIN": functools.partial(_sync_login, imap_sync.offlineimap, "PLAIN"),
        "login": functools.partial(_sync_login, imap_sync.offlineimap, "LOGIN"),
    },
    "fetchmail": {"delete": _fetchmail_delete},
    "neomutt": {
        "flags": _neomutt_flags,
        "copy": _neomutt_copy,
        "move": _neomutt_move,
        "delete": _neomutt_delete,
        "search": _neomutt_search,
        "attachment": _neomutt_attachment,
        "auth PLAIN": functools.partial(_neomutt_login, "plain"),
        "auth LOGIN": functools.partial(_neomutt_login, "login"),
    },
    "openssl": {
        "pipelined": _openssl_pipelined,
        "idle": _openssl_idle,
        "literals": _openssl_literals,
        "auth SCRAM-SHA-256": _openssl_scram,
    },
}
