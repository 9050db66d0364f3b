"""Sends standard input with Python's smtplib. Used as a program, so that it ends like any other client."""

import os
import smtplib
import ssl
import sys

mode, port, ca, sender, recipient = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "implicit":
    client = smtplib.SMTP_SSL("localhost", int(port), context=context, timeout=60)
else:
    client = smtplib.SMTP("localhost", int(port), timeout=60)
    client.starttls(context=context)
client.login(sender, os.environ["CHECK_PASSWORD"])
refused = client.sendmail(sender, [recipient], sys.stdin.buffer.read(), ["BODY=8BITMIME"])
client.quit()
sys.exit(1 if refused else 0)
