from neurorecon.model.config import StudentConfig
from neurorecon.segmentation.forecast import Forecast, forecast
from neurorecon.segmentation.plan import WindowPlan

CONFIG = StudentConfig()
WEIGHTS = 13_000_000


def _forecast(
    shape_zyx: tuple[int, int, int], itemsize: int = 1, batch_size: int = 4, on_cpu: bool = True
) -> Forecast:
    plan = WindowPlan(shape_zyx, (64, 64, 64), overlap=0.25)
    return forecast(plan, CONFIG, WEIGHTS, itemsize, batch_size, on_cpu)


def test_beyond_stack_and_result_memory_does_not_grow_with_the_stack() -> None:
    small, large = _forecast((640, 1024, 1024)), _forecast((1280, 4096, 1024))
    assert large.host_bytes - small.host_bytes < 2.1 * (1280 * 4096 - 640 * 1024) * 1024
    assert large.windows > 6 * small.windows


def test_a_stored_voxel_counts_with_its_size() -> None:
    shape = (60, 500, 400)
    voxels = 60 * 500 * 400
    assert _forecast(shape, 4).host_bytes - _forecast(shape, 1).host_bytes == 3 * voxels


def test_a_batch_is_no_larger_than_the_run() -> None:
    run = _forecast((30, 40, 50), batch_size=16)
    assert (run.windows, run.batch_size) == (1, 1)


def test_a_gpu_takes_weights_and_feature_maps_off_the_host() -> None:
    on_cpu, on_gpu = _forecast((60, 500, 400)), _forecast((60, 500, 400), on_cpu=False)
    assert on_cpu.device_bytes == 0
    assert on_gpu.host_bytes + on_gpu.device_bytes == on_cpu.host_bytes
    assert on_gpu.device_bytes > WEIGHTS
