"""Dockerfiles: clean for hadolint, without root, and about things that exist."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hunet_local.triton import ENVIRONMENT

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted((ROOT / "deploy/docker").glob("*.Dockerfile"))


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.stem)
def dockerfile(request) -> Path:
    return request.param


def instructions(dockerfile: Path, name: str) -> list[str]:
    text = dockerfile.read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", text, flags=re.MULTILINE)


def commands(dockerfile: Path) -> list[list[str]]:
    """The programs that an image runs, with their arguments."""
    (entry,) = instructions(dockerfile, "ENTRYPOINT")
    checks = re.findall(r"^HEALTHCHECK.*CMD +(\[.*\])$", dockerfile.read_text().replace("\\\n", " "), re.MULTILINE)
    arguments = instructions(dockerfile, "CMD")
    command = json.loads(entry) + (json.loads(arguments[0]) if arguments else [])
    return [command, *map(json.loads, checks)]


def test_hadolint_finds_nothing(run, dockerfile):
    run(Path(sys.executable).with_name("hadolint"), "--failure-threshold=style", dockerfile)


def test_an_image_runs_without_root_and_without_what_built_it(dockerfile):
    assert instructions(dockerfile, "USER")[-1] == "10001:10001"
    assert len(instructions(dockerfile, "FROM")) > 1
    last_stage = dockerfile.read_text().rsplit("\nFROM ", 1)[1]
    assert "apt-get" not in last_stage
    assert "pip" not in last_stage


def test_every_base_image_is_pinned(dockerfile):
    bases = [base.split(" AS ")[0] for base in instructions(dockerfile, "FROM")]
    stages = {base.split(" AS ")[1] for base in instructions(dockerfile, "FROM") if " AS " in base}
    assert all(re.search(r":\d+\.\d+", base) for base in bases if base not in stages)


def test_every_version_is_fixed(dockerfile):
    installs = [line for line in instructions(dockerfile, "RUN") if "pip install" in line]
    assert installs
    fixed = r"pip install (--constraint constraints\.txt|--require-hashes|--no-cache-dir --no-deps)"
    assert all(line.count("pip install") == len(re.findall(fixed, line)) for line in installs)


def test_everything_that_is_copied_exists_and_is_sent_to_the_build(dockerfile):
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    for line in instructions(dockerfile, "COPY"):
        if line.startswith("--from="):
            continue
        source = line.split()[0]
        assert any(source == sent or source.startswith(f"{sent}/") for sent in (s[1:] for s in ignore if s[:1] == "!"))
        assert (ROOT / source).exists()


def options_of(program: str, subcommand: str) -> set[str]:
    """The options that a program's subcommand knows. Raises KeyError where there is no such thing."""
    if program == "hunet":
        command = {entry.name: entry for entry in entry_points(group="hunet.commands")}[subcommand].load()
    else:
        command = {entry.name: entry for entry in entry_points(group="console_scripts")}[program].load()
        command = command.commands[subcommand]
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_is_one_that_the_code_has(dockerfile):
    for program, *arguments in commands(dockerfile):
        # The gateway's command has subcommands of its own, and comes with the gateway.
        if program != "serve-triton" and arguments and arguments[0] != "pacs":
            options = {word for word in arguments if word.startswith("--")}
            assert options <= options_of(program, arguments[0])


def test_the_export_is_asked_for_with_options_that_it_has():
    (export,) = (
        line for line in instructions(ROOT / "deploy/docker/triton.Dockerfile", "RUN") if "hunet export" in line
    )
    assert set(re.findall(r"--\w+", export.split("&&")[0])) <= options_of("hunet", "export")


def test_triton_is_26_05_or_newer():
    bases = instructions(ROOT / "deploy/docker/triton.Dockerfile", "FROM")
    tags = re.findall(r"tritonserver:(\d+)\.(\d+)-py3", " ".join(bases))
    assert len(set(tags)) == 1
    assert tuple(map(int, tags[0])) >= (26, 5)


def test_triton_gets_the_variables_that_hunet_up_sets():
    text = (ROOT / "deploy/docker/triton.Dockerfile").read_text()
    assert dict(re.findall(r"(MALLOC_\w+|OMP_\w+)=(\w+)", text)) == ENVIRONMENT


def test_stubs_have_as_long_to_load_in_a_container_as_locally():
    assert "--backend-config=python,stub-timeout-seconds=300 " in (ROOT / "deploy/docker/serve-triton").read_text()


def test_the_gateway_may_write_into_a_new_volume():
    """Docker gives a new volume the owner and mode of the folder that it is mounted over."""
    (volume,) = re.findall(r"gateway:(/var/lib/\w+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    made = instructions(ROOT / "deploy/docker/gateway.Dockerfile", "RUN")[-1]
    assert made == f"install -d -m 0700 -o 10001 -g 10001 {volume}"
