"""Licences as SPDX expressions, of what packages state in many words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_TABLE_ROW = re.compile(r"^  (\S.*?) {2,}(\S.*?)(?: \(.*\))?$", re.MULTILINE)
_EXPRESSION = re.compile(r"\(?[A-Za-z0-9.-]+\+?\)?( (AND|OR|WITH) \(?[A-Za-z0-9.-]+\+?\)?)*")
_NAMES = (
    (r"apache", "Apache-2.0"),
    (r"mozilla public license,? (version )?2\.0|mpl[- ]2", "MPL-2.0"),
    (r"eclipse public license.*2\.0|epl[- ]2", "EPL-2.0"),
    (r"eclipse public license.*1\.0|epl[- ]1", "EPL-1.0"),
    (r"gpl2 w/ cpe|gpl.*classpath", "GPL-2.0-only WITH Classpath-exception-2.0"),
    (r"lesser general public license.*3|lgplv3|lgpl-3", "LGPL-3.0-only"),
    (r"lesser general public license|lgpl", "LGPL-2.1-only"),
    (r"bsd[- ]2|simplified bsd", "BSD-2-Clause"),
    (r"bsd[- ]3|new bsd|bsd", "BSD-3-Clause"),
    (r"mit[- ]0", "MIT-0"),
    (r"\bmit\b", "MIT"),
    (r"\bisc\b", "ISC"),
    (r"cc0|public domain", "CC0-1.0"),
    (r"python software foundation|psf", "PSF-2.0"),
    (r"unlicense", "Unlicense"),
)
"""Patterns of licences' names in lower case, and what they mean; the first that is found counts."""
_TEXTS = (
    (r"mozilla public license,? v(ersion|\.) ?2\.0", "MPL-2.0"),  # its text names the GNU licences
    (r"gnu affero general public license", "AGPL-3.0-only"),
    (r"apache license,? version 2\.0", "Apache-2.0"),
    (r"permission is hereby granted, free of charge, to any person", "MIT"),
    (r"permission to use, copy, modify, and(/or)? distribute this software for any purpose", "ISC"),
    (r"redistribution and use in source and binary forms.*neither the name", "BSD-3-Clause"),
    (r"redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"cc0 1\.0 universal", "CC0-1.0"),
    (r"this is free and unencumbered software", "Unlicense"),
)
"""Patterns of licences' own texts, in the same way."""


def is_expression(text: str) -> bool:
    """Whether a text has the form of an SPDX expression."""
    return _EXPRESSION.fullmatch(text) is not None


def of_name(name: str) -> str:
    """The SPDX expression that a licence's name means; the name itself where that is not known."""
    if is_expression(name) and name.lower() not in ("apache", "bsd", "mit"):
        return name
    return _first(_NAMES, name) or name


def of_names(names: Iterable[str], operator: str) -> str:
    """The same of several licences, joined by OR or AND; those that are not known are told in words."""
    found = list(dict.fromkeys(of_name(name) for name in names))
    if len(found) > 1 and all(map(is_expression, found)):
        return f" {operator} ".join(f"({each})" if " " in each else each for each in found)
    return ", ".join(found)


def of_text(text: str) -> str:
    """The SPDX identifier of a licence by its text; empty where the text is not known."""
    return _first(_TEXTS, " ".join(text.split()))


def noticed(root: Path) -> dict[str, str]:
    """The rows of NOTICE of the checkout: names in lower case, and the licence beside each."""
    rows = _TABLE_ROW.findall((root / "NOTICE").read_text())
    return {name.strip().lower(): licence for names, licence in rows for name in names.split(",")}


def _first(known: Iterable[tuple[str, str]], text: str) -> str:
    return next((spdx for pattern, spdx in known if re.search(pattern, text.lower())), "")
