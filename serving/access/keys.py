"""API keys: 256 random bits that are shown once; what is kept cannot be turned back into them."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from features.errors import SettingsError
from serving.access.caller import Caller, Role

PREFIX = b"rxp_"
_ID_BYTES, _SECRET_BYTES, _SALT_BYTES = 6, 32, 32
_REMEDY = "put its last copy back, or issue keys anew"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key; times are UTC, `last4` is all of the secret that is ever shown again."""

    id: str
    digest: str = field(repr=False)
    last4: str
    tenant: str
    roles: tuple[Role, ...]
    genomic: bool
    label: str
    created: str
    expires: str
    revoked: str | None = None

    @property
    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(f"key:{self.id}", self.tenant, frozenset(self.roles), self.genomic)

    @property
    def status(self) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if datetime.now(UTC) < datetime.fromisoformat(self.expires) else "expired"

    def told(self) -> dict[str, object]:
        """The key as it may be shown."""
        known = {name: value for name, value in asdict(self).items() if name != "digest"}
        return {**known, "roles": [role.value for role in self.roles], "status": self.status}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The key that `asdict` wrote; raises a KeyError, TypeError or ValueError for anything else."""
        key = cls(**{**data, "roles": tuple(Role(role) for role in data["roles"])})
        for time in (key.created, key.expires):
            if datetime.fromisoformat(time).tzinfo is None:
                raise ValueError("a time without its zone")
        if not all(isinstance(text, str) for text in (key.id, key.digest, key.tenant)):
            raise TypeError("a key's id, digest and tenant are texts")
        return key


@dataclass(frozen=True)
class Issued:
    """Every key that was issued, by its id, and the salt under which their digests were made."""

    salt: bytes = field(repr=False)
    keys: Mapping[str, ApiKey]

    @classmethod
    def fresh(cls) -> Self:
        """None yet, under a new salt."""
        return cls(secrets.token_bytes(_SALT_BYTES), {})

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """What `to_text` wrote; raises a SettingsError for anything else."""
        try:
            data = json.loads(text)
            keys = [ApiKey.from_json(one) for one in data["keys"]]
            found = cls(bytes.fromhex(data["salt"]), {key.id: key for key in keys})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SettingsError(f"the file of API keys cannot be read; {_REMEDY}") from error
        if len(found.salt) != _SALT_BYTES:
            raise SettingsError(f"the file of API keys has no whole salt; {_REMEDY}")
        return found

    def to_text(self) -> bytes:
        """As JSON."""
        keys = [asdict(key) for key in self.keys.values()]
        return (json.dumps({"salt": self.salt.hex(), "keys": keys}, indent=1) + "\n").encode()

    def digest(self, credential: bytes) -> str:
        """What is kept of a key: a keyed SHA-256, for full entropy needs no slow hash."""
        return hmac.new(self.salt, credential, hashlib.sha256).hexdigest()

    def find(self, credential: bytes) -> ApiKey | None:
        """The key of this credential, whatever became of it, or None; in the same time for any secret."""
        name = credential[len(PREFIX) :].partition(b"_")[0].decode("ascii", "replace")
        key = self.keys.get(name)
        kept = key.digest if key is not None else "0" * 64
        holds = hmac.compare_digest(self.digest(credential), kept)
        return key if holds else None

    def with_key(
        self, tenant: str, roles: tuple[Role, ...], genomic: bool, label: str, expires: datetime
    ) -> tuple[Self, ApiKey, str]:
        """These and a new key, that key, and its credential, which is told this once."""
        name = secrets.token_hex(_ID_BYTES)
        credential = f"{PREFIX.decode()}{name}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        created, until = (at.isoformat(timespec="seconds") for at in (datetime.now(UTC), expires))
        digest = self.digest(credential.encode())
        key = ApiKey(name, digest, credential[-4:], tenant, roles, genomic, label, created, until)
        return replace(self, keys={**self.keys, name: key}), key, credential

    def without(self, name: str) -> tuple[Self, ApiKey]:
        """These with a key revoked, and that key; raises a SettingsError where there is none of this id."""
        key = self.keys.get(name)
        if key is None:
            raise SettingsError("no key has this id; see `python -m serving keys list`")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        gone = key if key.revoked else replace(key, revoked=now)
        return replace(self, keys={**self.keys, name: gone}), gone
