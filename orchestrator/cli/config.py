"""orchestrator config: write one, check it, show it, have it taken up."""

from pathlib import Path

import click

from orchestrator.cli.errors import Failed
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.cli.versions import diff, history, plan, rollback
from orchestrator.config import masked, warnings
from orchestrator.config.files import replace_file
from orchestrator.config.source import ConfigSource
from orchestrator.config.template import TEMPLATES, commented_data

__all__ = ["config"]


@click.group()
def config() -> None:
    """Write, check and show the config.

    Example: orchestrator config init, then: orchestrator config validate
    """


@config.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--live", is_flag=True, help="For real money: IBKR, with account and alerts from the environment.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def init(settings: Settings, path: Path | None, live: bool, force: bool) -> None:
    """Write a complete config with a comment on every key: to PATH, or to --config, or to config.paper.yaml.

    Example: orchestrator config init my.yaml
    """
    kind = "live" if live else "paper"
    path = path or Path(settings.config_path or f"config.{kind}.yaml")
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise Failed(f"{path}: it is written as YAML; name it {path.with_suffix('.yaml')}")
    if path.exists() and not force:
        raise Failed(f"{path} exists; name another file, or replace it with --force")
    replace_file(path, TEMPLATES[kind]().encode())
    click.echo(f"wrote {path}; check it after every edit with: orchestrator --config {path} config validate")


@config.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def validate(settings: Settings, path: Path | None, as_json: bool) -> None:
    """Check a config: PATH, or the one that a daemon would use. Exit code 3 if it is wrong.

    Example: orchestrator config validate my.yaml
    """
    path = path or settings.path
    reading = ConfigSource(path).load()
    doubtful = [str(problem) for problem in warnings(reading.config, "" if path is None else str(path), path)]
    if path is not None and not reading.text.strip():
        doubtful.append(f"{path}: the file is empty: everything has its default, and a running daemon refuses it")
    name = "embedded defaults" if path is None else str(path)
    if as_json:
        echo_json({"file": name, "valid": True, "warnings": doubtful})
        return
    for line in doubtful:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{name}: ok")


@config.command()
@json_option
@click.pass_obj
def show(settings: Settings, as_json: bool) -> None:
    """Show the whole config with all defaults; secrets are masked.

    Example: orchestrator config show --json
    """
    if as_json:
        echo_json(masked(settings.config))
        return
    click.echo(commented_data(masked(settings.config)), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of the config, for editors that check and complete while you type.

    Example: orchestrator config schema > config.schema.json
    """
    from orchestrator.config.json_schema import json_schema

    echo_json(json_schema())


@config.command()
@click.pass_obj
def reload(settings: Settings) -> None:
    """Have the running daemon take up the file now, and say what changed.

    Example: orchestrator config reload
    """
    from orchestrator.control import NoAnswer, ask

    settings.tolerate()
    owner = settings.daemon()
    with settings.writer() as store:
        try:
            listed = ask(store, settings.clock, owner, "reload", {}, timeout=15)
        except NoAnswer:
            if settings.path is not None:
                ConfigSource(settings.path).reload()  # says what is wrong with it, if it is wrong here, too
            raise
    click.echo("\n".join(listed) or "nothing changed")


for command in (plan, history, diff, rollback):
    config.add_command(command)
