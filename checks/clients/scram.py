"""SCRAM-SHA-256 as a client does it (RFC 5802, RFC 7677), for those that leave the mechanism to their user."""

import base64
import hashlib
import hmac
import os


class Exchange:
    """Without a channel binding. Answers the server's challenges, and knows in the end whether the server was the right one."""

    def __init__(self, user: str, password: str):
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={base64.b64encode(os.urandom(18)).decode()}"
        self.password = password.encode()
        self.signature = None
        self.proved = False

    def step(self, challenge: bytes) -> bytes:
        if not challenge:
            return f"n,,{self.bare}".encode()
        fields = dict(field.split("=", 1) for field in challenge.decode().split(","))
        if "v" in fields:
            self.proved = hmac.compare_digest(base64.b64decode(fields["v"]), self.signature)
            return b""
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={fields['r']}"
        signed = f"{self.bare},{challenge.decode()},{final}".encode()
        proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    def finished(self) -> None:
        if not self.proved:
            raise ValueError("the server did not prove that it knows the password")
