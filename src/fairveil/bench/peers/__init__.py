"""The peers: one script per library, each run in an environment of its own.

Public. Nothing here imports fairveil and fairveil imports nothing from here: the
scripts are data of the package, run by the peer's interpreter (``bench.runner``). They
share ``peer_tables``, which stands alone as they do. ``<environment>.txt`` has the
versions that ``bench.envs`` installs.
"""
