from neurorecon.segmentation.forecast import Calibration, Forecast, forecast
from neurorecon.segmentation.plan import WindowPlan

HELD = 700_000_000
WEIGHTS = 13_000_000


def _forecast(
    shape_zyx: tuple[int, int, int],
    share: float = 1.0,
    batch_size: int = 4,
    on_cpu: bool = True,
    window_seconds: float = 0.1,
) -> Forecast:
    plan = WindowPlan(shape_zyx, (64, 64, 64), (8, 8, 8), overlap=0.25)
    measured = Calibration(HELD, window_seconds, share, 0.5 * share)
    return forecast(plan, 8, WEIGHTS, batch_size, on_cpu, measured)


def test_memory_does_not_grow_with_the_stack() -> None:
    small, large = _forecast((128, 1024, 1024)), _forecast((1280, 4096, 1024))
    assert large.host_bytes == small.host_bytes
    assert large.windows > 30 * small.windows
    assert 25 < large.seconds / small.seconds < 45


def test_empty_windows_take_no_time() -> None:
    dense, sparse = _forecast((640, 1024, 1024)), _forecast((640, 1024, 1024), share=0.05)
    assert (dense.runs, sparse.runs) == (dense.windows, round(0.05 * dense.windows))
    assert dense.seconds > 10 * sparse.seconds
    assert _forecast((64, 100, 100), share=0.0).runs == 1  # something is looked at all the same


def test_time_is_that_of_the_voxels_that_run() -> None:
    slow, fast = _forecast((640, 1024, 1024)), _forecast((640, 1024, 1024), window_seconds=0.05)
    assert 1.0 <= (slow.seconds - fast.seconds) / (0.5 * 0.05 * slow.windows) < 1.2


def test_a_batch_is_no_larger_than_the_run() -> None:
    run = _forecast((30, 40, 50), batch_size=16)
    assert (run.windows, run.batch_size) == (1, 1)


def test_a_gpu_takes_weights_and_feature_maps_off_the_host() -> None:
    on_cpu, on_gpu = _forecast((60, 500, 400)), _forecast((60, 500, 400), on_cpu=False)
    assert on_cpu.device_bytes == 0
    assert on_gpu.host_bytes == HELD < on_cpu.host_bytes
    assert on_gpu.device_bytes == WEIGHTS + on_cpu.host_bytes - HELD
