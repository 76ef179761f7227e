"""The subcommand `hunet plan`. torch is loaded when it runs, not when its help is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.errors import UsageError
from hunet_client.notice import RESEARCH_USE_ONLY
from rich.console import Console

from mamba_hunet.split_options import split_data, split_options

if TYPE_CHECKING:
    from mamba_hunet.data.folds import Fold

_folder = click.Path(path_type=Path, file_okay=False)


def _toml_file(_context: click.Context, _option: click.Parameter, path: Path) -> Path:
    if path.suffix != ".toml":
        raise click.BadParameter(f"{path} does not end with .toml")
    return path


@click.command(short_help="Look at labelled scans and write a plan to train by.")
@click.argument("data", type=_folder)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_toml_file,
    default=Path("plan.toml"),
    show_default=True,
    help="The plan; its fingerprint and picture go beside it.",
)
@click.option("--model", "model_name", default="mamba_hunet", show_default=True, help="Network to be trained.")
@split_options
@click.option("--pretrained", is_flag=True, help="For a training that goes on from weights: `hunet train --from`.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random split, where there is no other.")
@click.option(
    "--template-folder",
    type=_folder,
    default=Path("/usr/share/mricron/templates"),
    show_default=True,
    help="Where Debian's mricron-data lies: ch2.nii.gz, ch2bet.nii.gz, aal.nii.gz.",
)
def plan(
    data: Path,
    output: Path,
    model_name: str,
    hold_out: tuple[str, ...],
    fold: Fold | None,
    everybody: bool,
    synthetic: bool,
    pretrained: bool,
    seed: int,
    template_folder: Path,
) -> None:
    """Look at the scans in DATA, a folder of <source>/<case>/flair.nii.gz, and write a plan.

    The plan is a text file that says of each value why it is so; edit it, and give it to `hunet train --plan`. Patients
    who are held out are not looked at; give `hunet train` the same --hold-out, --fold or --everybody.
    """
    split = split_data(data, hold_out, fold, everybody, synthetic, seed)
    if output.exists():
        raise UsageError(str(output), "is there already, perhaps with edits", "Name another --output, or delete it")
    from mamba_hunet.progress import progress_bars
    from mamba_hunet.training.plan_description import describe
    from mamba_hunet.training.planning import PlanWish, plan_training, write_plan_files

    console = Console()
    with progress_bars(console) as bars:
        task = bars.add_task("looking at scans", total=len(split.training), loss="")
        wanted = PlanWish(model_name, template_folder, pretrained)
        new = plan_training(split.training, wanted, lambda _case: bars.advance(task))
    for line in describe(new.fingerprint):
        console.print(line, highlight=False)
    for entry in new.plan.excluded:
        console.print(f"excluded {entry.case}: {entry.reason}", style="yellow", highlight=False)
    console.print(f"held out, and not looked at: {', '.join(split.held_out_patients) or 'nobody'}")
    written = write_plan_files(output, new)
    console.print(f"{', '.join(str(path) for path in written)}\n{RESEARCH_USE_ONLY}")
