"""Floor 1: random streams and the laws that turn their uniforms into values."""

from sim.chance.streams import Purpose, Streams

__all__ = ["Purpose", "Streams"]
