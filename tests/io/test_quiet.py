"""Libraries that read files log nothing while they read, and as before when they have read."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import tifffile
from stack_files import STACK, write_nifti

from neurorecon.io.formats.quiet import quiet
from neurorecon.io.stack import open_stack, read_volume


def test_lines_are_held_back_in_all_threads_until_the_last_has_read(caplog):
    logger = logging.getLogger("tifffile")
    with quiet("tifffile"):
        with quiet("tifffile"):
            pass
        logger.error("held back")
        ThreadPoolExecutor(1).submit(logger.error, "held back").result()
    logger.error("said")
    assert [record.getMessage() for record in caplog.records] == ["said"]


@pytest.mark.parametrize("name", ["tifffile", "nibabel.global"])
def test_loggers_are_left_as_they_were_by_threads_that_overlap(tmp_path, name):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    path = tmp_path / "a.tif" if name == "tifffile" else write_nifti(tmp_path / "a.nii")
    logger = logging.getLogger(name)
    before = logger.level, logger.filters[:]
    started = threading.Barrier(4)

    def read(_: int) -> None:
        # Opened one inside the other, and closed in any order.
        with open_stack(path):
            started.wait(10)
            read_volume(path)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(4)))
    assert (logger.level, logger.filters) == before


def test_a_nifti_leaves_the_log_as_it_was(tmp_path):
    logger = logging.getLogger("nibabel.global")
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        read_volume(write_nifti(tmp_path / "a.nii"))
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
