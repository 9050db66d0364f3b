"""Fetches every message with Python's poplib into a folder, one file each."""

import os
import pathlib
import poplib
import ssl
import sys

mode, port, ca, user, folder = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "implicit":
    client = poplib.POP3_SSL("localhost", int(port), context=context, timeout=60)
else:
    client = poplib.POP3("localhost", int(port), timeout=60)
    client.stls(context)
client.user(user)
client.pass_(os.environ["CHECK_PASSWORD"])
for number in range(1, client.stat()[0] + 1):
    lines = client.retr(number)[1]
    # poplib takes the line ends away.
    pathlib.Path(folder, str(number)).write_bytes(b"".join(line + b"\r\n" for line in lines))
client.quit()
