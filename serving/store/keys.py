"""The keys of the store: what seals a row, what hides who it is about, and what vouches for the chain.

The key file is JSON: `current` names the key that seals new rows, `seal` holds every key by its id, so that
rows sealed before a rotation stay readable; `pseudonym` and `chain` never change. Every key is 32 bytes in
base64. To rotate, `python -m serving log rotate` adds a key; a key may be taken out once no row needs it.
One key seals with random 96-bit nonces, so rotate it well before 2**32 rows (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from features.errors import IntegrityError, SettingsError

NONCE_BYTES = 12
_KEY_BYTES = 32


@dataclass(frozen=True)
class KeyRing:
    """The keys of one store; its text never shows them."""

    current: str
    seal: dict[str, bytes] = field(repr=False)
    pseudonym: bytes = field(repr=False)
    chain: bytes = field(repr=False)

    def __post_init__(self) -> None:
        keys = [*self.seal.values(), self.pseudonym, self.chain]
        if self.current not in self.seal or any(len(key) != _KEY_BYTES for key in keys):
            raise SettingsError(
                "the key file must hold keys of 32 bytes, and `current` must name one of `seal`"
            )

    @classmethod
    def fresh(cls) -> KeyRing:
        """New random keys."""
        first, *others = (secrets.token_bytes(_KEY_BYTES) for _ in range(3))
        return cls("k1", {"k1": first}, *others)

    def rotated(self) -> KeyRing:
        """The ring with one key more, which seals from now on."""
        named = next(name for n in range(1, len(self.seal) + 2) if (name := f"k{n}") not in self.seal)
        return replace(self, current=named, seal={**self.seal, named: secrets.token_bytes(_KEY_BYTES)})

    @cached_property
    def _ciphers(self) -> dict[str, AESGCM]:
        return {name: AESGCM(key) for name, key in self.seal.items()}

    @cached_property
    def _hiding(self) -> hmac.HMAC:
        return hmac.new(self.pseudonym, digestmod="sha256")

    def close(self, place: str, content: bytes) -> bytes:
        """The content sealed by the current key, nonce first; it opens at this `place` only."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, content, place.encode())

    def open(self, key_id: str, place: str, sealed: bytes) -> bytes:
        """What was sealed at this place; raises IntegrityError when it was altered, moved or has no key."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise IntegrityError(f"the key file has no key '{key_id}'; put it back to read older rows")
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise IntegrityError(
                "a row of the store does not open: altered, or sealed by other keys"
            ) from None

    def hidden(self, tenant: str, *words: str) -> bytes:
        """The keyed hash (HMAC-SHA256, 32 bytes) under which a tenant's patient, or other words, are kept."""
        own = self._hiding.copy()  # spares setting the key up again
        own.update(told(tenant, *words))
        return own.digest()

    def vouched(self, *words: object) -> bytes:
        """The keyed hash (BLAKE2b, RFC 7693, 32 bytes) that only a holder of the keys can give."""
        return hashlib.blake2b(told(*words), digest_size=_KEY_BYTES, key=self.chain).digest()


def told(*words: object) -> bytes:
    """Words as bytes that no other words give: each with its length before it."""
    return "".join([f"{len(word)}:{word}" for word in map(str, words)]).encode()


def read_keys(path: Path) -> KeyRing:
    """The ring in a key file that is the owner's alone; raises SettingsError for any other."""
    try:
        known, text = path.stat(), path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the key file {path} cannot be read ({error.strerror})") from error
    if _is_told(stat.S_IMODE(known.st_mode), known.st_uid == os.geteuid()):
        raise SettingsError(f"the key file {path} can be read by others; chmod 600 it")
    try:
        document = json.loads(text)
        seal = {str(name): _key(key) for name, key in document["seal"].items()}
        return KeyRing(document["current"], seal, _key(document["pseudonym"]), _key(document["chain"]))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise SettingsError(
            f"{path} is no key file; put the right one back, or its rows stay closed"
        ) from None


def _is_told(mode: int, is_own: bool) -> bool:
    """Whether others can read the file, or its group change it.

    A group may read a file that is somebody else's: so an orchestrator hands its secrets to a service.
    """
    return bool(mode & (0o077 if is_own else 0o037))


def made_keys(path: Path) -> KeyRing:
    """The ring of the key file, which is made where there is none; of several processes one makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _written(path, KeyRing.fresh())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return read_keys(path)


def rotate_keys(path: Path) -> str:
    """Adds a key to the file and returns its id; a running service takes it up when it starts again."""
    ring = read_keys(path).rotated()
    _written(path, ring).replace(path)
    return ring.current


def _written(path: Path, ring: KeyRing) -> Path:
    document = {
        "current": ring.current,
        "seal": {name: _text(key) for name, key in ring.seal.items()},
        "pseudonym": _text(ring.pseudonym),
        "chain": _text(ring.chain),
    }
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _key(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
