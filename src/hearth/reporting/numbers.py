"""Numbers as a person reads them: three or four significant digits, one form everywhere."""

import math

from hearth.training.evaluation import Estimate
from hearth.training.labels import SHARES

MINUS, THIN, NONE = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}", "\N{EN DASH}"
PLUS_MINUS = f"{THIN}±{THIN}"


def decimals(reference: float, digits: int = 3) -> int:
    """Decimals that give a number of this size so many significant digits; at most 8."""
    if not math.isfinite(reference) or reference == 0:
        return digits - 1
    return min(8, max(0, digits - 1 - math.floor(math.log10(abs(reference)))))


def fixed(value: float, places: int) -> str:
    """A number with so many decimals, thousands apart; a dash where there is none."""
    if not math.isfinite(value):
        return NONE
    text = f"{value:,.{places}f}" if abs(value) >= 10_000 else f"{value:.{places}f}"
    return (text if float(text.replace(",", "")) else text.lstrip("-")).replace(",", THIN).replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits."""
    return fixed(value, decimals(value, digits))


def count(value: int) -> str:
    """A whole number, thousands apart."""
    return fixed(value, 0)


def percent(share: float, places: int = 1) -> str:
    """A share as per cent; whole ones without a decimal."""
    text = fixed(100 * share, places)
    return f"{text.removesuffix('.0')}{THIN}%"


def setting(value: float) -> str:
    """A setting as exact as it is kept."""
    return f"{value:.6g}"


def p_value(value: float) -> str:
    """A p-value: two decimals, three where it is small."""
    if value < 0.001:
        return "< 0.001"
    return fixed(value, 3 if value < 0.1 else 2)


def equals(value: float) -> str:
    """A p-value with its sign of relation."""
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


class Scale:
    """How the values of one metric are written, so that they align: decimals by the size of a reference, shares in per cent."""

    def __init__(self, metric: str, reference: float) -> None:
        self.factor = 100.0 if metric in SHARES else 1.0
        self.places = decimals(reference * self.factor)

    def value(self, value: float) -> str:
        """One value."""
        return fixed(self.factor * value, self.places)

    def spread(self, mean: float, sd: float) -> str:
        """Mean and standard deviation."""
        return f"{self.value(mean)}{PLUS_MINUS}{self.value(sd)}"

    def range(self, low: float, high: float) -> str:
        """From the lowest to the highest."""
        return f"{self.value(low)} to {self.value(high)}"

    def estimate(self, estimate: Estimate) -> str:
        """A value with the bounds of its interval."""
        return f"{self.value(estimate.value)} ({self.range(estimate.low, estimate.high)})"
