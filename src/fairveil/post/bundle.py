"""What the private stage released, in one bundle, from which every release is made.

Sees released things only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairveil._types import Codes
from fairveil.codec import Codec
from fairveil.marginals import Marginal
from fairveil.post.targets import Target, targets_of
from fairveil.post.teacher import Teacher
from fairveil.schema import Schema


@dataclass(frozen=True)
class Bundle:
    """Everything that the private stage released.

    Attributes:
        codec: columns with their measured bins.
        teacher: VAE and mixture.
        marginals: all noisy marginals, one-ways first.
        rows: rows (n, columns) of the model that was fitted to the marginals.
        n_hat: noisy number of rows.
    """

    codec: Codec
    teacher: Teacher
    marginals: tuple[Marginal, ...]
    rows: Codes
    n_hat: int

    def declared(self, schema: Schema | None, *, protected: bool) -> Bundle:
        """The same with what is declared beside the columns, which is not measured.

        Args:
            schema: has the constraints; None where there is none.
            protected: whether the noise was secure; else the codec stays marked.
        """
        codec = self.codec
        if schema is not None:  # discovery builds the schema anew
            codec = replace(codec, constraints=schema.constraints)
        return replace(self, codec=codec if protected else codec.unprotected())

    @property
    def joint_measured(self) -> bool:
        """Whether any marginal of several columns was measured."""
        return any(len(m.columns) > 1 for m in self.marginals)

    @property
    def targets(self) -> list[Target]:
        """The marginals as probabilities."""
        return targets_of(self.marginals, self.n_hat)
