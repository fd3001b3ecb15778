"""Floor 2: the models that answer, their prices, service times and capacity."""

from sim.fleet.measured import CallRows, MeasuredCalls, MeasuredService
from sim.fleet.model import Model, cheap_and_frontier, reached
from sim.fleet.provider import Provider
from sim.fleet.service import ServiceTimes, measured_tokens, service_times

__all__ = [
    "CallRows",
    "MeasuredCalls",
    "MeasuredService",
    "Model",
    "Provider",
    "ServiceTimes",
    "cheap_and_frontier",
    "measured_tokens",
    "reached",
    "service_times",
]
