"""`neurorecon trace`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import typer

from neurorecon.cli.cluster import cluster_of
from neurorecon.cli.console import note_line, voxel_progress, warning_line
from neurorecon.cli.options import (
    Channel,
    Dask,
    Dataset,
    Device,
    DeviceOption,
    Overwrite,
    Preview,
    VoxelSize,
    Workers,
)
from neurorecon.cli.points import parse_points
from neurorecon.cli.sources import make_folder, standard_input
from neurorecon.cli.trace_options import (
    Accept,
    Doubts,
    Image,
    Input,
    InputKind,
    Invert,
    KeepFragments,
    MaxGap,
    MinBranch,
    MinLength,
    Model,
    Out,
    Reject,
    Report,
    Root,
    RootSwc,
    RunSegment,
    SaveSegmentation,
    Somas,
    Stack,
    Threshold,
    Verdicts,
)
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from neurorecon.commands.trace import TraceRequest
    from neurorecon.distributed import Cluster


def trace(
    stack: Stack = None,
    out: Out = ...,  # type: ignore[assignment]  # Typer's mark of a required option
    segment: RunSegment = False,
    image: Image = None,
    input_kind: Input = InputKind.auto,
    invert: Invert = None,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    model: Model = "default",
    device: DeviceOption = Device.auto,
    threshold: Threshold = 0.5,
    root: Root = None,
    root_swc: RootSwc = None,
    somas: Somas = "auto",
    max_gap: MaxGap = None,
    min_length: MinLength = None,
    min_branch: MinBranch = None,
    keep_fragments: KeepFragments = False,
    doubts: Doubts = None,
    verdicts: Verdicts = None,
    accept: Accept = None,
    reject: Reject = None,
    report: Report = None,
    preview: Preview = None,
    save_segmentation: SaveSegmentation = None,
    dask: Dask = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Trace the neurons of a stack to SWC trees. Prints the files written.

    From a segmentation: `segment a.tif | trace --out a.swc`; from the raw stack in one command:
    `trace a.tif --segment --out a.swc`.
    """
    if out in ("-", ""):
        raise InputError("a tree is written to a file; give its name, --out neuron.swc")
    _refuse_contradictions(segment, image, input_kind, save_segmentation)
    sources: list[Path | BinaryIO] = [stack] if stack and str(stack) != "-" else standard_input()
    roots = parse_points("--root", "Z Y X", root)
    roots_swc = parse_points("--root-swc", "X Y Z", root_swc)
    extras = {"report": report, "doubts": doubts, "preview": preview}
    single = roots or roots_swc or image or verdicts or accept or reject or save_segmentation
    if len(sources) > 1 and single:
        raise InputError(
            "--root, --image, --accept, --reject, --verdicts and --save-segmentation belong to one "
            "stack; trace the stacks one by one"
        )

    from neurorecon.commands.trace import TraceRequest, refuse_outputs
    from neurorecon.commands.trace import trace as run
    from neurorecon.io.address import in_dataset
    from neurorecon.segmentation.reading import Reading
    from neurorecon.tracing import TraceConfig

    sources = [in_dataset(one, dataset) if isinstance(one, Path) else one for one in sources]
    common = TraceRequest(
        source=sources[0],
        out=Path(out),
        config=TraceConfig(
            threshold=threshold,
            max_gap=max_gap,
            min_length=min_length,
            min_branch=min_branch,
            keep_fragments=keep_fragments,
            somas=_parse_somas(somas),
            accepted=frozenset(accept or ()),
            rejected=frozenset(reject or ()),
        ),
        voxel_size_zyx=voxel_size,
        channel=channel,
        reading=None if input_kind == InputKind.auto else Reading(input_kind.value),
        invert=invert,
        roots_zyx=roots,
        roots_xyz=roots_swc,
        image=image,
        verdicts=verdicts,
        overwrite=overwrite,
    )
    requests = _requests(common, sources, out, extras)
    refuse_outputs(requests)
    finding = partial(voxel_progress, label="finding neurites")
    with cluster_of(dask, workers) as cluster:
        for one in requests:
            with ExitStack() as cleanup:
                if segment:
                    one = _segmented(one, model, device, save_segmentation, cleanup, cluster)
                for path in run(one, warning_line, note_line, cluster, finding):
                    typer.echo(path)
    return [one.out for one in requests]


def _requests(
    common: TraceRequest,
    sources: list[Path | BinaryIO],
    out: str,
    extras: dict[str, Path | None],
) -> list[TraceRequest]:
    """One request for each stack; where there are several, outputs are named after them."""
    from neurorecon.commands.trace import stack_name

    target = Path(out)
    several = len(sources) > 1
    into_folder = several or out.endswith("/") or target.is_dir()
    if into_folder and not all(isinstance(source, Path) for source in sources):
        raise InputError(
            f"--out {out} is a folder; name the tree of standard input, {target / 'NAME.swc'}"
        )
    if into_folder:
        make_folder(target)
    elif target.suffix.lower() != ".swc":
        raise InputError(f"--out {out}: trees are SWC files; give a name in .swc, or a folder/")
    if several:
        for folder in filter(None, extras.values()):
            make_folder(folder)
    suffixes = {"report": ".json", "doubts": ".csv", "preview": ".png"}
    requests = []
    for source in sources:
        named = isinstance(source, Path)
        name = stack_name(source) if isinstance(source, Path) else ""
        one = replace(common, source=source)
        if named and into_folder:
            one = replace(one, out=target / f"{name}.swc")
        for option, path in extras.items():
            if path is not None and named and (several or path.is_dir()):
                path = path / f"{name}{suffixes[option]}"
            one = replace(one, **{option: path})  # type: ignore[arg-type]  # all are paths
        requests.append(one)
    return requests


def _segmented(
    request: TraceRequest,
    model: str,
    device: Device,
    keep: Path | None,
    cleanup: ExitStack,
    cluster: Cluster | None,
) -> TraceRequest:
    """The request for the segmentation of its stack, which is made here."""
    from neurorecon.commands.segment import SegmentRequest
    from neurorecon.commands.segment import segment as run
    from neurorecon.commands.trace import check_request, has_dark_neurites

    if not isinstance(request.source, Path):
        raise InputError(
            "--segment reads the raw stack twice; give it as a file, not on standard input"
        )
    check_request(request)
    invert = has_dark_neurites(request, note_line)
    target = keep
    if target is None:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="neurorecon-"))
        target = Path(folder) / "segmentation.tif"
    run(
        SegmentRequest(
            stack=request.source,
            target=target,
            model=model,
            voxel_size_zyx_um=request.voxel_size_zyx,
            channel=request.channel,
            invert=invert,
            roi=None,
            device=device.value,
            precision="auto",
            batch_size=None,
            overlap=0.25,
            overwrite=request.overwrite,
            resumable=False,
        ),
        lambda message: None,  # `trace` gives the same warning about the voxel size
        voxel_progress,
        cluster,
    )
    return replace(
        request,
        source=target,
        image=request.source,
        invert=invert,
        stack=str(request.source),
        made_with=model,
    )


def _refuse_contradictions(
    segment: bool, image: Path | None, kind: InputKind, save_segmentation: Path | None
) -> None:
    if save_segmentation is not None and not segment:
        raise InputError("--save-segmentation goes with --segment; there is none to save without")
    if segment and image is not None:
        raise InputError("--segment takes its input for the raw stack; leave --image out")
    if segment and kind not in (InputKind.auto, InputKind.raw):
        raise InputError(f"--segment needs a raw stack; --input {kind.value} says that it is none")


def _parse_somas(text: str) -> Literal["auto"] | int:
    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InputError(f"--somas is {text!r}; give 'auto' or a whole number from 1")
    return int(text)
