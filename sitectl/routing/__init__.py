"""Who answers, who gets a copy, who may what. Still.

* `rights.py`: which class of right a command of a central needs.
* `route.py`: which uplinks get a station's transactions; the first of them is the authoritative one.
* `tokens.py`: which verdicts of a central are worth remembering; whose token ended a transaction.
* `reservations.py`: whom a reservation bars, and which one a start uses.
* `verdicts.py`: the verdict on a token where no central is asked, or none answers.
"""
