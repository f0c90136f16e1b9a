"""SDV's own evaluation of a release: its reports read what fairveil writes.

sdmetrics wants another pandas than fairveil, so it has the environment that ``make
export-tools`` makes. Its scores compare with real rows, so they are confidential.
"""

import json

from test_exports import asked, with_tools


@with_tools
def test_sdmetrics_reports_on_a_release(tiny_model, tiny_table, place, tmp_path):
    tiny_table.to_csv(tmp_path / "real.csv", index=False)
    (tmp_path / "synthetic.csv").write_bytes((place / "s.csv").read_bytes())
    metadata = tiny_model.schema_.to_sdv(version="SINGLE_TABLE_V1")
    (tmp_path / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    said = asked("sdmetrics", tmp_path)
    diagnostic, quality = said["DiagnosticReport"], said["QualityReport"]
    assert diagnostic["errors"] == quality["errors"] == []
    assert diagnostic["Data Structure"] == 1.0  # same columns, same types
    assert diagnostic["Data Validity"] > 0.9  # within the range of the real rows
    assert 0.5 < quality["Column Shapes"] <= 1.0
    assert 0.5 < quality["Column Pair Trends"] <= 1.0
