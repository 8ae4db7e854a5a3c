"""The ladder of control: by which message a station really obeys a limit, and in which form it wants that said.

From the gentlest to none at all. A form is one way to say a limit on a step: in ampere, else
in watt; beginning at a moment, else relative; on a high stack level, else on the lowest. What a station accepts proves
nothing: a form is proven only by a car that was seen to be cut by it, and known for one vendor, model and firmware.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class LadderStep(StrEnum):
    """A message that may limit an EVSE. Those on connector 0 serve stations with one EVSE alone: they bind all."""

    TX_PROFILE = "tx_profile"
    TX_DEFAULT = "tx_default"
    TX_DEFAULT_STATION = "tx_default_station"
    CHARGE_POINT_MAX = "charge_point_max"
    START_STOP = "start_stop"
    """No profile works: it takes all it can, or its transaction is stopped."""
    NONE = "none"
    """Nothing works: its whole `max_a` is reserved."""


STATION_WIDE = frozenset({LadderStep.TX_DEFAULT_STATION, LadderStep.CHARGE_POINT_MAX})
PERSISTENT = frozenset({LadderStep.TX_DEFAULT, LadderStep.TX_DEFAULT_STATION, LadderStep.CHARGE_POINT_MAX})
"""Purposes that outlive a transaction, and that stations must keep over a power cut: they wear flash."""


@dataclass(frozen=True, slots=True)
class LimitForm:
    """One way to say a limit. `watts`: in watt although the station did not ask for it; `relative`: its duration counts
    from the start of charging; `lowest`: on stack level 0."""

    step: LadderStep = LadderStep.TX_PROFILE
    watts: bool = False
    relative: bool = False
    lowest: bool = False

    @property
    def is_profile(self) -> bool:
        """Whether it is said by a charging profile."""
        return self.step not in (LadderStep.START_STOP, LadderStep.NONE)

    @property
    def lasts(self) -> bool:
        """Whether the limit outlives its transaction, beside the fallback."""
        return self.step in PERSISTENT and not self.lowest

    @property
    def replaces_fallback(self) -> bool:
        """Whether it takes the fallback's place: the same purpose on the same, only stack level."""
        return self.step in PERSISTENT and self.lowest

    @property
    def lapses(self) -> bool:
        """Whether it ends by itself when we fall silent. Relative: its time is over after the first minutes of
        charging, or never; in the fallback's place nothing would be left."""
        return self.is_profile and not (self.relative or self.replaces_fallback)

    @property
    def fallback_place(self) -> LadderStep:
        """Where the fallback lies: below the limit, in its purpose where purposes combine by the lowest."""
        return self.step if self.step in STATION_WIDE else LadderStep.TX_DEFAULT

    def __str__(self) -> str:
        if not self.is_profile:
            return _NAMES[self.step]
        words = ["in W" if self.watts else "in A", *(["relative"] if self.relative else [])]
        return f"{_NAMES[self.step]} {', '.join(words + (['on stack 0'] if self.lowest else []))}"


FIRST_FORM = LimitForm()
"""How every station is told its limits of which nothing is known."""

_NAMES = {
    LadderStep.TX_PROFILE: "TxProfile",
    LadderStep.TX_DEFAULT: "TxDefaultProfile",
    LadderStep.TX_DEFAULT_STATION: "TxDefaultProfile on connector 0",
    LadderStep.CHARGE_POINT_MAX: "ChargePointMaxProfile",
    LadderStep.START_STOP: "start and stop",
    LadderStep.NONE: "nothing",
}


class FormVerdict(StrEnum):
    """What came of a form."""

    REFUSED = "refused"
    IGNORED = "ignored"
    STUCK = "no effect upwards"
    """Accepted, and the car stayed at the fallback, which the form should have covered."""
    PLAUSIBLE = "plausible"
    """Accepted, and no reading speaks against it; but no car has drawn more than it yet."""
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class LimitTraits:
    """What is known of how a model takes limits, before anything was tried. The defaults are the standard.

    * `steps`: the only ones that limit it, the best first; none: all, in the order of the ladder.
    * `watts`, `relative`: the only form that it takes, None: both. `lowest`: stack level 0 alone.
    * `phases`: it charges by one phase where a profile says so. `forgets`: limits are gone with the connection.
    * `in_ram`: where it keeps profiles, None: not known. `zero_ends`: a limit of 0 ends its transaction.
    """

    steps: tuple[LadderStep, ...] = ()
    watts: bool | None = None
    relative: bool | None = None
    lowest: bool = False
    phases: bool = True
    forgets: bool = False
    in_ram: bool | None = None
    zero_ends: bool = False

    def form(self, step: LadderStep) -> LimitForm:
        """The first form of a step."""
        plain = LimitForm(step)
        if not plain.is_profile:
            return plain
        return LimitForm(step, self.watts is True, self.relative is True, self.lowest)


NO_TRAITS = LimitTraits()


def forms_of(step: LadderStep, traits: LimitTraits = NO_TRAITS) -> tuple[LimitForm, ...]:
    """The forms of a step, in the order in which they are tried."""
    plain = traits.form(step)
    if not plain.is_profile:
        return (plain,)
    forms = [plain]
    if traits.watts is None:
        forms.append(replace(plain, watts=True))
    if traits.relative is None:
        forms.append(replace(plain, relative=True))
    if not traits.lowest:
        forms.append(replace(plain, lowest=True))
    return tuple(forms)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where a station stands on it. `pinned`: the only step it may use; `one_evse`: it has one EVSE.

    * `form`: the one in use; `accepted`: the station took it at least once; `resent`: it was ignored and said again.
    * `settled`: a car that stays at its fallback does so by itself, whatever the form.
    * `tried`: what came of others, oldest first. A form stands there at most once.
    * `traits`: what is known of its model.
    """

    pinned: LadderStep | None = None
    one_evse: bool = True
    form: LimitForm = FIRST_FORM
    accepted: bool = False
    proven: bool = False
    resent: bool = False
    settled: bool = False
    tried: tuple[tuple[LimitForm, FormVerdict], ...] = ()
    traits: LimitTraits = NO_TRAITS

    def steps(self) -> tuple[LadderStep, ...]:
        """The steps that may be used, the best first."""
        if self.pinned is not None:
            return (self.pinned,)
        usable = tuple(step for step in LadderStep if self.one_evse or step not in STATION_WIDE)
        return tuple(step for step in self.traits.steps if step in usable) or usable

    @property
    def first(self) -> LimitForm:
        """Where it begins."""
        return self.traits.form(self.steps()[0])

    def verdict(self) -> FormVerdict | None:
        """What is known of the form in use; None: not even accepted."""
        if self.proven:
            return FormVerdict.PROVEN
        return FormVerdict.PLAUSIBLE if self.accepted else None

    def after(self, verdict: FormVerdict) -> Ladder:
        """The next form to try, when the one in use was refused or ignored.

        Refused costs an answer, so the other forms of the step are tried first. Ignored costs a quarter of a minute of
        current that nobody allowed, so the next step comes first. The last one stays.
        """
        tried = (*(t for t in self.tried if t[0] != self.form), (self.form, verdict))
        known = {form for form, _ in tried}
        mine = [form for form in forms_of(self.form.step, self.traits) if form not in known]
        lower = self.steps()[self.steps().index(self.form.step) + 1 :] if self.form.step in self.steps() else ()
        later = [form for step in lower for form in forms_of(step, self.traits) if form not in known]
        following = mine + later if verdict is FormVerdict.REFUSED else later
        if not following:
            return replace(self, tried=tried, accepted=False, proven=False, resent=False)
        return replace(self, form=following[0], tried=tried, accepted=False, proven=False, resent=False)

    def after_stuck(self) -> Ladder:
        """The next form where the car stays at its fallback. Only a TxDefaultProfile above it can lift that where a
        TxProfile cannot; if that does not either, it is the car."""
        default = self.traits.form(LadderStep.TX_DEFAULT)
        tried = (*(t for t in self.tried if t[0] not in (self.form, default)), (self.form, FormVerdict.STUCK))
        if self.form.step is LadderStep.TX_PROFILE and LadderStep.TX_DEFAULT in self.steps():
            return replace(self, form=default, tried=tried, accepted=False, proven=False, resent=False)
        back = self.first if self.pinned is None else self.form
        others = tuple(t for t in tried if t[0] != back)
        return replace(self, form=back, tried=others, accepted=True, proven=False, resent=False, settled=True)

    @property
    def exhausted(self) -> bool:
        """Whether even the last form is known not to work."""
        return any(form == self.form for form, _ in self.tried)


FIRST_RUNG = Ladder()


def first_rung(pinned: LadderStep | None, one_evse: bool, traits: LimitTraits = NO_TRAITS) -> Ladder:
    """Where a station begins of which nothing is known but the traits of its model."""
    ladder = Ladder(pinned, one_evse, traits=traits)
    return replace(ladder, form=ladder.first)
