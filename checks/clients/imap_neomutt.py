"""neomutt at a terminal, where its keys are pushed by its own configuration: it has no batch mode for reading."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import work
from senders import Target
from work import Failed

PATIENCE = 100


def mailbox(at: Target, name: str) -> str:
    return f"imap{'s' if at.implicit else ''}://{at.user.replace('@', '%40')}@localhost:{at.port}/{name}"


def run(at: Target, where: str | Path, keys: str, *settings: str) -> str:
    """Opens `where`, does what the keys say, and leaves; what stood on its screen."""
    config = at.file("neomuttrc", f"""
set imap_user="{at.user}" imap_pass="{at.password}"
set ssl_ca_certificates_file="{at.ca}" ssl_force_tls=yes ssl_starttls=yes ssl_use_sslv3=no
set certificate_file="{at.home}/accepted" header_cache="" message_cachedir="" tmpdir="{at.home}"
set mbox_type=Maildir folder="{at.home}" record="" spoolfile="{where}"
set confirmappend=no confirmcreate=no delete=yes move=no quit=yes mark_old=no save_empty=yes
set sleep_time=0 wait_key=no beep=no help=no connect_timeout=30 timeout=5 imap_keepalive=60
set charset=utf-8 delete_untag=no resolve=no
{chr(10).join(settings)}
push "{keys}<sync-mailbox><exit>"
""")
    # A terminal is wanted, of which size does not matter.
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            ["neomutt", "-n", "-F", str(config), "-f", str(where)], stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, cwd=at.home, env={**os.environ, **at.env, "TERM": "vt100", "LANG": "C.UTF-8"},
        )
    finally:
        os.close(theirs)
    screen, until = b"", time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            ready, _, _ = select.select([ours], [], [], 1)
            try:
                octets = os.read(ours, 65536) if ready else None
            except OSError:
                octets = b""
            if octets == b"" or (octets is None and process.poll() is not None):
                break
            screen += octets or b""
            if b"(r)eject" in screen:
                raise Failed("it asks whether to trust the certificate", plain(screen))
        else:
            raise Failed(f"no end within {PATIENCE} s", plain(screen))
        if process.wait(15) != 0:
            raise Failed(f"neomutt ended with {process.returncode}", plain(screen))
    except subprocess.TimeoutExpired:
        raise Failed("it closed its terminal and did not end", plain(screen)) from None
    finally:
        work.end_group(process, signal.SIGKILL)
        process.wait()
        os.close(ours)
    return plain(screen)


def plain(screen: bytes) -> str:
    """Without what moves the cursor."""
    text = re.sub(rb"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78])|[\x00-\x08\x0e-\x1f]", b"\n", screen).decode("utf-8", "replace")
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def without(own: bytes, octets: bytes) -> bytes:
    """Without the fields that it ends a header with; their numbers are those of the local form of text."""
    head, _, body = octets.partition(b"\r\n\r\n")
    head += b"\r\n"
    lines = body.count(b"\r\n")
    own %= {b"length": len(body) - lines, b"lines": lines}
    if not head.endswith(b"\r\n" + own):
        raise Failed(f"neomutt's own fields are not where they were expected: {head[-200:]!r}")
    return head.removesuffix(own) + b"\r\n" + body
