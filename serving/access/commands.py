"""`python -m serving keys`: API keys issued, listed and revoked; each command tells one JSON object.

A key is told once, when it is issued. A running service honours a change within seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from features.errors import RxplainError, SettingsError
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.access.keys import ApiKey, Issued
from serving.access.rules import AccessRules, read_rules
from serving.settings import Settings

_USUAL_DAYS, _MOST_DAYS = 365, 3650


def main(arguments: Sequence[str]) -> int:
    """Run one command; 2 where an option or the configuration cannot be used."""
    options = parser().parse_args(arguments)
    try:
        rules = _configured()
        told = _COMMANDS[options.command](_file(rules), rules, options)
    except RxplainError as error:
        sys.stderr.write(f"keys {options.command}: {error}\n")
        return 2
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0


def _configured() -> AccessRules:
    path = Settings.from_environment().access
    if path is None:
        raise SettingsError("no access is configured; name its file in RXPLAIN_ACCESS")
    return read_rules(path)


def _file(rules: AccessRules) -> KeyFile:
    if rules.keys is None:
        raise SettingsError('the access file names no file of keys; add keys = "keys.json"')
    return KeyFile(rules.keys)


def _issue(file: KeyFile, rules: AccessRules, options: argparse.Namespace) -> dict[str, object]:
    if options.tenant not in rules.tenants:
        raise SettingsError(f"there is no such tenant; there are {', '.join(rules.tenants)}")
    if not 0 < options.days <= _MOST_DAYS:
        raise SettingsError(f"a key is good for 1 to {_MOST_DAYS} days")
    expires = datetime.now(UTC) + timedelta(days=options.days)
    roles = tuple(dict.fromkeys(Role(role) for role in options.role))

    def issue(issued: Issued) -> tuple[Issued, tuple[ApiKey, str]]:
        about = options.tenant, roles, options.genomic, options.label
        after, key, credential = issued.with_key(*about, expires)
        return after, (key, credential)

    key, credential = file.change(issue)
    return {"key": credential, **key.told()}


def _list(file: KeyFile, _: AccessRules, options: argparse.Namespace) -> dict[str, object]:
    issued = file.read()
    keys = [] if issued is None else [key.told() for key in issued.keys.values()]
    return {"keys": [key for key in keys if options.tenant in (None, key["tenant"])]}


def _revoke(file: KeyFile, _: AccessRules, options: argparse.Namespace) -> dict[str, object]:
    return file.change(lambda issued: issued.without(options.id)).told()


_COMMANDS = {"issue": _issue, "list": _list, "revoke": _revoke}


def parser() -> argparse.ArgumentParser:
    """What `rxplain keys` can be asked."""
    asked = argparse.ArgumentParser(prog="rxplain keys", description="API keys of a service with access.")
    commands = asked.add_subparsers(dest="command", required=True)
    issue = commands.add_parser("issue", help="a new key, told this once")
    issue.add_argument("--tenant", required=True, help="whose records it reads and leaves")
    issue.add_argument("--role", required=True, action="append", choices=list(Role), help="one or more")
    issue.add_argument("--genomic", action="store_true", help="may see contributions gene by gene")
    issue.add_argument(
        "--days", type=int, default=_USUAL_DAYS, help="until it expires (default: %(default)s)"
    )
    issue.add_argument("--label", default="", help="what it is for")
    listed = commands.add_parser("list", help="every key, without what is secret of it")
    listed.add_argument("--tenant", help="only this tenant's")
    revoke = commands.add_parser("revoke", help="end a key now")
    revoke.add_argument("id", help="its id, the part after rxp_")
    return asked
