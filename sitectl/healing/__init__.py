"""Heals stations: what is wrong, what may be done about it, what comes next, and when a person is needed. Still.

`heal.heal` is the one public function of a round. What it sees is a `view.HealthView`; what it goes by are
`policy.HealingRules`, read by `config` from the shipped `rules` (YAML) and the site's own.

The steps lie in files of their own because each is an argument of its own: what is wrong (`symptoms`), which rule
claims it (`policy`), what must not be done whatever a rule says (`guards`, `windows`), how much may be done (`budget`),
when one cause is behind many (`wide`), whether a remedy has helped and which is next (`ladder`), and what a person is
told (`told`). `memory` is handed from round to round, and can be put together again from the attempts on disk.
"""
