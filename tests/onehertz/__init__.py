"""A site second by second on virtual time: cars, stations and meters as they are, around the real site owner.

`world.World` holds the physics and what happens; a controller (`ours.RealController`, or one of `naive`) hears events
and tells limits. `truth` judges by what really flowed, never by what a controller believes.
"""
