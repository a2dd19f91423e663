"""A simulated world and builders: shipped, typed and tested like product code.

Start with `world.py`: `SimulatedWorld(seed).turns(n)` runs the real loop against simulated engine,
traffic and journal, with crashes, slow starts, lost answers, hung processes, clock jumps and a
full disk drawn from one seed.
"""
