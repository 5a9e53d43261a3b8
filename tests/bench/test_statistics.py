from robustbench_cls.bench.statistics import bench_statistics
from robustbench_cls.bench.table import statistics_table
from robustbench_cls.metrics.scoring import all_metrics


def test_every_metric_is_timed() -> None:
    measured = bench_statistics(250)
    assert set(measured.seconds) == set(all_metrics())
    assert measured.drawing > 0 and measured.total > sum(measured.seconds.values())
    # 76 conditions: 12 metrics of one; 75 drops; 15 corruptions: CE, relative CE, error, flips; 5, 4; 7 of the whole
    assert measured.numbers == 76 * 12 + 75 + 15 * 4 + 5 + 4 + 7
    text = statistics_table(measured)
    assert "250 images in 76 conditions, 2,000 resamples" in text and "| mce " in text
