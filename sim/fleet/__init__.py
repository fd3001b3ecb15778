"""Floor 2: the models that answer, their prices, service times and capacity."""

from sim.fleet.model import Model, cheap_and_frontier
from sim.fleet.provider import Provider
from sim.fleet.service import ServiceTimes, service_times

__all__ = ["Model", "Provider", "ServiceTimes", "cheap_and_frontier", "service_times"]
