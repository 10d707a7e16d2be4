"""orchestrator config: write one, check it, show it, have it taken up."""

from pathlib import Path

import click

from orchestrator.cli.errors import Failed
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.cli.versions import diff, history, plan
from orchestrator.config import TradingConfig, load_file, masked, to_text, warnings
from orchestrator.config.plain import build
from orchestrator.config.template import paper_template
from orchestrator.control import ask

__all__ = ["config"]


@click.group()
def config() -> None:
    """Write, check and show the config.

    Example: orchestrator config init, then: orchestrator config validate
    """


@config.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def init(settings: Settings, path: Path | None, force: bool) -> None:
    """Write a complete config with a comment on every key: to PATH, or to --config, or to config.paper.yaml.

    Example: orchestrator config init my.yaml
    """
    path = path or Path(settings.config_path or "config.paper.yaml")
    if path.exists() and not force:
        raise Failed(f"{path} exists; name another file, or replace it with --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(paper_template(), encoding="utf-8")
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
    checked = settings.config if path is None else load_file(path)
    doubtful = [str(problem) for problem in warnings(checked, "" if path is None else str(path))]
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
    click.echo(to_text(build(TradingConfig, masked(settings.config))), nl=False)


@config.command()
@click.pass_obj
def reload(settings: Settings) -> None:
    """Have the running daemon take up the file now, and say what changed.

    Example: orchestrator config reload
    """
    owner = settings.daemon()
    if settings.path is not None:
        load_file(settings.path)
    with settings.writer() as store:
        listed = ask(store, settings.clock, owner, "reload", {}, timeout=15)
    click.echo("\n".join(listed) or "nothing changed")


for command in (plan, history, diff):
    config.add_command(command)
