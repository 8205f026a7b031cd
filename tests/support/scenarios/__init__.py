"""What Pulumi does with edits of a program, as data: lives of small stacks, and what engines made of them.

A scenario says what is edited and what must come of it. `embedded` and `cli` run it; both tell what happened
in the same words, and `golden` keeps the Pulumi CLI's answers for where there is no `pulumi`.
"""

from support.scenarios.basics import BASICS
from support.scenarios.cancels import CANCELS
from support.scenarios.chains import CHAINS
from support.scenarios.ends import ENDS
from support.scenarios.failures import FAILURES
from support.scenarios.moves import MOVES
from support.scenarios.options import OPTIONS
from support.scenarios.unknowns import UNKNOWNS

ALL = [*BASICS, *FAILURES, *MOVES, *OPTIONS, *UNKNOWNS, *CHAINS, *CANCELS, *ENDS]
