"""Measure a synthetic table against real rows: utility, distance, hidden information.

NOT PRIVATE: this folder reads real rows on purpose, adds no noise and pays no budget.
Every result carries ``private = False``; do not publish one, and do not choose between
releases by one, unless the real rows are public. Needs the extra ``eval``.
"""

from fairveil.evaluate._extra import need

need("sklearn", extra="eval", purpose="evaluation")

# Behind the check (hence E402): a missing extra is told in our words, not Python's.
from fairveil.evaluate.association import associations  # noqa: E402  (behind the check)
from fairveil.evaluate.column_shares import column_shares  # noqa: E402  (behind the check)
from fairveil.evaluate.fairness import (  # noqa: E402  (behind the check)
    cluster_information,
    parity_gap,
    probe,
    real_people_information,
)
from fairveil.evaluate.fidelity import (  # noqa: E402  (behind the check)
    cluster_quality,
    copies,
    dimension_wise,
    kolmogorov_smirnov,
    mmd,
    wasserstein,
)
from fairveil.evaluate.honest import honesty  # noqa: E402  (behind the check)
from fairveil.evaluate.independence import dependence  # noqa: E402  (behind the check)
from fairveil.evaluate.marginals import marginal_errors  # noqa: E402  (behind the check)
from fairveil.evaluate.nearest import nearest_rows  # noqa: E402  (behind the check)
from fairveil.evaluate.outcome import outcome_fairness  # noqa: E402  (behind the check)
from fairveil.evaluate.results import (  # noqa: E402  (behind the check)
    ClusterInformation,
    ClusterQuality,
    Copies,
    DimensionWise,
    Distance,
    GroupScore,
    GroupUtility,
    Interval,
    KernelDistance,
    KolmogorovSmirnov,
    ParityGap,
    Prediction,
    Probe,
    TransportDistance,
    Utility,
)
from fairveil.evaluate.results_fairness import (  # noqa: E402  (behind the check)
    ColumnFairness,
    Conditional,
    Decision,
    Dependence,
    Estimate,
    GroupDistance,
    GroupFidelity,
    GroupOutcome,
    GroupPrediction,
    Honesty,
    JudgedModel,
    NumericFairness,
    OutcomeFairness,
)
from fairveil.evaluate.results_risks import (  # noqa: E402  (behind the check)
    Attack,
    NearestRecords,
    PrivacyRisks,
    Rate,
)
from fairveil.evaluate.results_tables import (  # noqa: E402  (behind the check)
    Associations,
    ColumnShares,
    MarginalErrors,
    NearestRows,
    SetError,
)
from fairveil.evaluate.risks import privacy_risks  # noqa: E402  (behind the check)
from fairveil.evaluate.summary import report  # noqa: E402  (behind the check)
from fairveil.evaluate.utility import prediction, split, tstr, tvd  # noqa: E402  (behind the check)
from fairveil.evaluate.who_pays import group_fidelity  # noqa: E402  (behind the check)

__all__ = [
    "Associations",
    "Attack",
    "ClusterInformation",
    "ClusterQuality",
    "ColumnFairness",
    "ColumnShares",
    "Conditional",
    "Copies",
    "Decision",
    "Dependence",
    "DimensionWise",
    "Distance",
    "Estimate",
    "GroupDistance",
    "GroupFidelity",
    "GroupOutcome",
    "GroupPrediction",
    "GroupScore",
    "GroupUtility",
    "Honesty",
    "Interval",
    "JudgedModel",
    "KernelDistance",
    "KolmogorovSmirnov",
    "MarginalErrors",
    "NearestRecords",
    "NearestRows",
    "NumericFairness",
    "OutcomeFairness",
    "ParityGap",
    "Prediction",
    "PrivacyRisks",
    "Probe",
    "Rate",
    "SetError",
    "TransportDistance",
    "Utility",
    "associations",
    "cluster_information",
    "cluster_quality",
    "column_shares",
    "copies",
    "dependence",
    "dimension_wise",
    "group_fidelity",
    "honesty",
    "kolmogorov_smirnov",
    "marginal_errors",
    "mmd",
    "nearest_rows",
    "outcome_fairness",
    "parity_gap",
    "prediction",
    "privacy_risks",
    "probe",
    "real_people_information",
    "report",
    "split",
    "tstr",
    "tvd",
    "wasserstein",
]
