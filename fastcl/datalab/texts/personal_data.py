"""Personal data as patterns find them: e-mail addresses, account and card numbers, addresses of computers, telephones.

Every pattern is read in time proportional to the text, whatever it holds: it can begin only where a word begins, and
what it may repeat is bounded.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

#: Seven digits with at most three signs between: what account, card and telephone numbers have in common.
SEVEN_DIGITS = re.compile(r"[0-9](?:[ ().\-/]{0,3}+[0-9]){6}")


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Attributes
    ----------
    name : what it is called
    pattern : what it looks like
    is_valid : tells whether what looks like it can be it
    """

    name: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] = bool

    def take(self, found: list[tuple[str, str]], match: re.Match[str]) -> str:
        """Return what stands for a match in the text: blanks if it is one of this kind, which is noted."""
        if not self.is_valid(match[0]):
            return match[0]
        found.append((self.name, match[0]))
        return " " * len(match[0])


def find_personal_data(text: str, kinds: tuple[Kind, ...]) -> list[tuple[str, str]]:
    """Return the kind and the words of everything found in a text; nothing is of two kinds.

    Examples
    --------
    >>> find_personal_data("Ask jane@example.com or +1 212 555 0123.", KINDS)
    [('email', 'jane@example.com'), ('phone', '+1 212 555 0123')]
    """
    found: list[tuple[str, str]] = []
    if may_hold_any(text):
        for kind in kinds:
            text = kind.pattern.sub(partial(kind.take, found), text)
    return found


def may_hold_any(text: str) -> bool:
    """Tell, quickly, whether a text is worth a closer look: every pattern needs one of these."""
    return "@" in text or text.count(".") > 2 or text.count(":") > 1 or SEVEN_DIGITS.search(text) is not None


def masked(words: str) -> str:
    """Return what was found so that one can tell what it was but not use it: first and last sign, and the separators.

    Examples
    --------
    >>> masked("jane@example.com"), masked("4111 1111 1111 1111")
    ('j***@*******.**m', '4*** **** **** ***1')
    """
    inner = "".join("*" if letter.isalnum() else letter for letter in words[1:-1])
    return words[:1] + inner + words[-1:]


def passes_luhn(words: str) -> bool:
    """Tell whether digits are the number of a card: their check digit (Luhn's), and the first one of an issuer.

    Examples
    --------
    >>> passes_luhn("4111 1111 1111 1111"), passes_luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(letter) for letter in words if letter.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return digits[0] in (2, 3, 4, 5, 6) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def passes_iban(words: str) -> bool:
    """Tell whether an IBAN's check digits are right (ISO 13616: 1 modulo 97).

    Examples
    --------
    >>> passes_iban("DE89 3704 0044 0532 0130 00"), passes_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = words.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def is_computer(words: str) -> bool:
    """Tell whether there can be a computer at an address, another than one's own.

    Examples
    --------
    >>> is_computer("192.168.0.1"), is_computer("2001:db8::1"), is_computer("127.0.0.1"), is_computer("10.300.1.2")
    (True, True, False, False)
    """
    try:
        address = ipaddress.ip_address(words)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


KINDS = (
    Kind(
        "email",
        re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}+@(?:[A-Za-z0-9-]{1,63}+\.){1,4}[A-Za-z]{2,24}(?![\w-])"),
    ),
    Kind("iban", re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?!\w)"), passes_iban),
    Kind("card", re.compile(r"(?<![\w.-])(?:[0-9][ -]?){12,18}[0-9](?![\w-])"), passes_luhn),
    Kind("ssn", re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])")),
    Kind(
        "ip",
        re.compile(
            r"(?<![\w.:])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9A-Fa-f]{1,4}:{1,2}){2,7}[0-9A-Fa-f]{1,4})(?!\w|[.:]\w)"
        ),
        is_computer,
    ),
    Kind(
        "phone",
        re.compile(
            r"(?<![\w.+-])(?:\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14}"  # international
            r"|(?:1[ .-])?\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}"  # North America
            r"|\(?0[1-9][0-9]{1,3}\)?[ /-][0-9]{3,4}[ -]?[0-9]{3,4})(?!\w|-[0-9])"  # with a trunk prefix
        ),
    ),
)
