"""Laws of durations, token counts and small numbers: what is random in the model, as quantile functions."""

from sim.chance.laws.constant import Constant
from sim.chance.laws.empirical import Empirical
from sim.chance.laws.erlang import Erlang
from sim.chance.laws.exponential import Exponential
from sim.chance.laws.gamma import Gamma
from sim.chance.laws.geometric import Geometric
from sim.chance.laws.hyperexponential import Hyperexponential
from sim.chance.laws.law import Law
from sim.chance.laws.lognormal import Lognormal
from sim.chance.laws.spelling import CountLaw, DurationLaw, TokenLaw
from sim.chance.laws.uniform import Uniform
from sim.chance.laws.weibull import Weibull

__all__ = [
    "Constant",
    "CountLaw",
    "DurationLaw",
    "Empirical",
    "Erlang",
    "Exponential",
    "Gamma",
    "Geometric",
    "Hyperexponential",
    "Law",
    "Lognormal",
    "TokenLaw",
    "Uniform",
    "Weibull",
]
