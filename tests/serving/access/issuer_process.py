"""An issuer of tokens: its own process on a loopback port that gives out whatever key set lies in a folder.

`python issuer_process.py FOLDER` writes its port to `port`, answers every GET with `jwks.json` (503 while
there is none) and notes the path of each in `asked`.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NAME = "https://login.north.example"
AUDIENCE = "https://rxplain.north.example"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(65537, 2048)
_ALGORITHMS = {"RS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm}


def public_jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    """The public half of a key as it stands in a key set."""
    kind = _ALGORITHMS["RS" if isinstance(key, rsa.RSAPrivateKey) else "ES"]
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """The public half as text, which some libraries once took for a shared secret."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says; None leaves a claim out."""
    now = int(time.time())
    usual = {"iss": NAME, "aud": AUDIENCE, "sub": "app-1", "iat": now, "exp": now + 600, "roles": ["app"]}
    return {name: value for name, value in (usual | more).items() if value is not None}


def token(key: Any = RSA_KEY, kid: str | None = "rsa-1", algorithm: str = "RS256", **more: Any) -> str:
    """A signed token; `headers` among `more` are its own."""
    headers = {**({"kid": kid} if kid else {}), **more.pop("headers", {})}
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


class IssuerProcess:
    """Starts the issuer on entering, with both keys in its set, and ends it on leaving."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.publish(public_jwk(RSA_KEY, "rsa-1"), public_jwk(EC_KEY, "ec-1"))
        self.process = subprocess.Popen([sys.executable, __file__, str(self.folder)])
        deadline = time.monotonic() + 20
        while not (self.folder / "port").is_file() or not (self.folder / "port").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.uri = f"http://127.0.0.1:{(self.folder / 'port').read_text()}/keys"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def publish(self, *keys: dict[str, Any]) -> None:
        """Give out these keys from now on; none at all is an issuer that fails."""
        path = self.folder / "jwks.json"
        path.unlink(missing_ok=True)
        if keys:
            path.write_text(json.dumps({"keys": keys}))

    @property
    def asked(self) -> list[str]:
        """The paths that anybody asked for."""
        return (self.folder / "asked").read_text().split() if (self.folder / "asked").is_file() else []


def _serve(folder: Path) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with (folder / "asked").open("a") as asked:
                asked.write(f"{self.path}\n")
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("location", "/keys")
                self.end_headers()
                return
            found = folder / "jwks.json"
            body = found.read_bytes() if found.is_file() else b""
            self.send_response(200 if body else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        (folder / "port").write_text(str(server.server_port))
        server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
