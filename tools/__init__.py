"""What the project needs and the wheel does not: the generator of the shipped world, a scripted server."""
