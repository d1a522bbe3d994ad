"""A generated portfolio of Italian cases: nobody in it exists."""

import csv
import io
from datetime import date, timedelta
from random import Random

from dialer.cases.importing import COLUMNS
from dialer.testing.public import Behaviour

CREDITORS = ("Luce Serena S.p.A.", "Gas Aurora S.r.l.", "Telefonia Brezza S.p.A.", "Prestiti Mirto S.p.A.")
NAMES = ("Anna", "Bruno", "Carla", "Dario", "Elena", "Fabio", "Giulia", "Ivo", "Laura", "Marco", "Nadia", "Paolo",
         "Rita", "Silvio", "Teresa", "Ugo")  # fmt: skip
SURNAMES = ("Alberghi", "Bertolazzi", "Cavalloro", "Dellarovere", "Fontechiari", "Gualdrini", "Lamberteschi",
            "Montefusco", "Nocerini", "Orsolani", "Pietrafitta", "Quarantotto", "Roccasecca", "Santaguida",
            "Torrechiara", "Valdambrini")  # fmt: skip
MOBILE_PREFIXES = ("320", "328", "333", "338", "340", "347", "349", "366", "380", "388")
AREAS = ("02", "06", "011", "051", "055", "081")
MOBILE_SHARE = 0.75


def generate(cases: int, seed: int, today: date) -> str:
    """A CSV of `cases` cases, one debtor and one number each; the same seed gives the same file."""
    chance = Random(seed)
    kinds = list(Behaviour)
    shares = [kind.value.share for kind in kinds]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), delimiter=";", restval="")
    writer.writeheader()
    used: set[str] = set()
    for index in range(cases):
        number = _number(chance, chance.choices(kinds, shares)[0].value.code)
        while number in used:
            number = _number(chance, number[-2:])
        used.add(number)
        cents = int(chance.lognormvariate(5.6, 0.9) * 100) + 1_500
        writer.writerow(
            {
                "creditor": chance.choice(CREDITORS),
                "debtor_reference": f"D{seed}-{index:06d}",
                "debtor_name": f"{chance.choice(NAMES)} {chance.choice(SURNAMES)}",
                "debt_reference": f"F{seed}-{index:06d}",
                "amount": f"{cents // 100},{cents % 100:02d}",
                "due_on": (today - timedelta(days=chance.randint(20, 700))).strftime("%d/%m/%Y"),
                "phone_1": number,
            }
        )
    return out.getvalue()


def _number(chance: Random, code: str) -> str:
    """A number of a valid form that ends with its behaviour; the two digits before are its pace."""
    if chance.random() < MOBILE_SHARE:
        return f"+39{chance.choice(MOBILE_PREFIXES)}{chance.randrange(100_000):05d}{code}"
    area = chance.choice(AREAS)
    digits = 10 - len(area) - len(code)
    return f"+39{area}{chance.randrange(2, 9)}{chance.randrange(10 ** (digits - 1)):0{digits - 1}d}{code}"
