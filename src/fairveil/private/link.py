"""What processes say to each other when each holds a part of the rows.

One process leads: it alone has the ledger and draws the noise. It asks, all answer, and
the answers are added by one all-reduce of JAX in float64 or int64. Secret: the answers,
which are sums before noise; they pass between the processes unencrypted, so all of them
and the network between them belong to the house that holds the rows. Questions are made
of public and released things only. Nothing is pickled.

Promise: each process takes part in the same all-reduces in the same order, whatever
fails. Before each one all say whether they failed; where one did, all raise.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fairveil.errors import HostError, problem

Answer = list[np.ndarray]
_HOSTS = "hosts"
_DONE = "done"
_PATIENCE = 20  # seconds that a process which ends waits for the others to end
_LEAST = 64  # lengths are powers of two from here on, so that few are compiled
_LONGEST = 8.0e15  # whole numbers stay exact in float64 up to 2^53


@dataclass(frozen=True)
class Question:
    """What the leader wants to know.

    Attributes:
        name: of the question.
        facts: what JSON can hold.
        arrays: by name.
    """

    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def packed(self) -> bytes:
        """As bytes: an archive of arrays, without any pickle."""
        head = json.dumps([self.name, dict(self.facts)]).encode()
        file = io.BytesIO()
        # the stubs take any name for ``allow_pickle``, which no array is called
        np.savez(file, head=np.frombuffer(head, np.uint8), **dict(self.arrays))  # pyright: ignore[reportArgumentType]  (see above)
        return file.getvalue()

    @classmethod
    def unpacked(cls, packed: bytes) -> Question:
        """Back from bytes."""
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            arrays = dict(archive)
        name, facts = json.loads(arrays.pop("head").tobytes())
        return cls(name, facts, arrays)


class Link:
    """The processes that JAX has joined, as one of them sees them."""

    def __init__(self) -> None:
        self.number: int = jax.process_count()
        self.index: int = jax.process_index()
        of_each = [
            next(d for d in jax.devices() if d.process_index == i)
            for i in range(self.number)
        ]
        mesh = Mesh(np.array(of_each), (_HOSTS,))
        self._own = of_each[self.index]
        self._spread = NamedSharding(mesh, PartitionSpec(_HOSTS))
        self._add = jax.jit(
            lambda x: x.sum(axis=0),
            out_shardings=NamedSharding(mesh, PartitionSpec()),
        )

    def __repr__(self) -> str:
        return f"Link({self.index} of {self.number})"

    @property
    def leads(self) -> bool:
        """Whether this process has the ledger and draws the noise."""
        return self.index == 0

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """The others answer for as long as this is held; then they are let go.

        Raises:
            HostError: another process failed, or is gone.
        """
        try:
            yield
        except HostError:
            raise  # the others know, or are gone
        except BaseException:
            with contextlib.suppress(HostError):
                self.fail()
            raise
        self._ask(Question(_DONE))

    def together(self, question: Question, own: Callable[[], Answer]) -> Answer:
        """Ask all processes; the sum of the answers, this one's included.

        Raises:
            HostError: another process failed, or is gone.
        """
        self._ask(question)
        return self._total(own())

    def serve(self, answer: Callable[[Question], Answer]) -> None:
        """Answer the leader until it is done.

        Args:
            answer: arrays of the shapes that the leader has, from this process's rows.

        Raises:
            HostError: another process failed, or is gone.
            Exception: what ``answer`` raised; the other processes were told.
        """
        while True:
            length = self._announced(0)
            words = self._sum(np.zeros(_room(-(-length // 8)), dtype=np.int64))
            question = Question.unpacked(words.tobytes()[:length])
            if question.name == _DONE:
                return
            try:
                found = answer(question)
            except BaseException:
                with contextlib.suppress(HostError):
                    self.fail()
                raise
            self._total(found)

    def fail(self) -> None:
        """Tell the others that this process cannot go on."""
        self._sum(np.array([1, 0], dtype=np.int64))

    def _ask(self, question: Question) -> None:
        packed = question.packed()
        self._announced(len(packed))
        words = np.zeros(_room(-(-len(packed) // 8)), dtype=np.int64)
        words.view(np.uint8)[: len(packed)] = np.frombuffer(packed, np.uint8)
        self._sum(words)

    def _total(self, answer: Answer) -> Answer:
        sizes = [part.size for part in answer]
        flat = np.zeros(_room(sum(sizes)))
        if answer:
            flat[: sum(sizes)] = np.concatenate([part.ravel() for part in answer])
        if not np.abs(flat).max() < _LONGEST:
            self.fail()
            raise HostError(problem("a sum is too large to be added exactly"))
        self._announced(0)
        if not answer:
            return answer
        parts = np.split(self._sum(flat)[: sum(sizes)], np.cumsum(sizes)[:-1])
        return [p.reshape(a.shape) for p, a in zip(parts, answer, strict=True)]

    def _announced(self, length: int) -> int:
        failed, length = self._sum(np.array([0, length], dtype=np.int64)).tolist()
        if failed:
            raise HostError(
                problem(
                    "another process of the fit has failed",
                    try_="its own message, on its own screen",
                )
            )
        return length

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of arrays of one shape, in their own 64 bits."""
        try:
            with jax.enable_x64(True):  # noqa: FBT003  (of JAX)
                own = jax.device_put(values[None], self._own)
                shape = (self.number, *values.shape)
                whole = jax.make_array_from_single_device_arrays(
                    shape, self._spread, [own]
                )
                return np.asarray(self._add(whole).addressable_data(0))
        except jax.errors.JaxRuntimeError:
            raise _gone() from None


def join(address: str, *, processes: int, index: int) -> None:
    """Join this process to the others, by JAX; before anything else uses JAX.

    Args:
        address: ``host:port`` at which process 0 can be reached by all.
        processes: how many there are.
        index: number of this one, from 0 on; process 0 leads.
    """
    jax.distributed.initialize(
        address, processes, index, shutdown_timeout_seconds=_PATIENCE
    )


def _gone() -> HostError:
    return HostError(
        problem(
            "another process of the fit cannot be reached any more",
            try_="starting all processes again; what was spent stays spent",
        )
    )


def _room(length: int) -> int:
    return max(_LEAST, 1 << (max(length, 1) - 1).bit_length())


def everywhere(
    link: Link | None, question: Question, own: Callable[[], Sequence[np.ndarray]]
) -> list[np.ndarray]:
    """The sums over all processes where there are several; else this one's own."""
    if link is None:
        return list(own())
    return link.together(question, lambda: list(own()))
