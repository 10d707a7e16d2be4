"""The command line. Each command's module is imported when the command is called, so that help is instant."""

import importlib
import os
import sys
from typing import Any

import click

from orchestrator.exit_codes import MEANINGS, ExitCode

__all__ = ["cli", "main", "main_start"]

COMMANDS = {
    "start": ("orchestrator.cli.daemon:start", "Run the daemon in the foreground."),
    "stop": ("orchestrator.cli.daemon:stop", "Have the running daemon come to an orderly end."),
    "status": ("orchestrator.cli.status:status", "Show what the daemon is doing."),
    "halt": ("orchestrator.cli.engine:halt", "Stop trading until it is resumed, over restarts too."),
    "resume": ("orchestrator.cli.engine:resume", "Lift a halt."),
    "engine": ("orchestrator.cli.engine:engine", "Start, stop or restart the engine."),
    "incidents": ("orchestrator.cli.incidents:incidents", "See what was found when an engine failed."),
    "jobs": ("orchestrator.cli.jobs:jobs", "List, explain and command the scheduled jobs."),
    "calendar": ("orchestrator.cli.calendar:calendar", "Ask the exchange's calendar."),
    "config": ("orchestrator.cli.config:config", "Write, check and show the config."),
    "report": ("orchestrator.cli.report:report", "Show what a session brought."),
    "orders": ("orchestrator.cli.orders:orders", "List orders and their fills."),
    "alerts": ("orchestrator.cli.alerts:alerts", "List alerts, and send again what did not arrive."),
    "notify": ("orchestrator.cli.notify:notify", "Try the notification channels."),
    "service": ("orchestrator.cli.service:service", "Run under supervisord, systemd or Docker."),
    "completion": ("orchestrator.cli.completion:completion", "Have the shell complete words."),
    "backup": ("orchestrator.cli.backup:backup", "Copy the database to a file while it is in use."),
    "restore": ("orchestrator.cli.backup:restore", "Put a backup in place of the database."),
    "doctor": ("orchestrator.cli.doctor:doctor", "Say what is wrong, and what to do about it."),
    "simulate": ("orchestrator.cli.simulate:simulate", "Rehearse days or years on a virtual clock."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in MEANINGS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    metavar="PATH",
    type=click.Path(),
    envvar="ORCHESTRATOR_CONFIG",
    help="The config file. Without it: $ORCHESTRATOR_CONFIG, ./config.paper.yaml, ./config/config.paper.yaml, "
    "or else embedded defaults.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more; show tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
@click.version_option(package_name="trading-orchestrator", prog_name="orchestrator")
@click.pass_context
def cli(ctx: click.Context, config_path: str | None, verbose: bool, quiet: bool) -> None:
    """Run a trading system's whole life by the exchange's clock.

    Try: orchestrator start, and in another terminal: orchestrator status
    """
    from orchestrator.cli.settings import Settings

    ctx.obj = Settings(config_path, verbose, quiet)


def main(arguments: list[str] | None = None) -> None:
    """The console script: runs a command, says errors in one line, and exits with the code that names their kind."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _have_streams()
    try:
        result: Any = cli.main(arguments, prog_name="orchestrator", standalone_mode=False)
    except click.exceptions.Exit as end:
        result = end.exit_code
    except click.Abort:
        result = ExitCode.INTERRUPTED
    except BrokenPipeError:
        result = ExitCode.FAILED
        sys.stdout = None  # whoever read it is gone; the interpreter must not try to flush at exit
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line, with the exit code of its kind
        from orchestrator.cli.telling import report

        if not isinstance(error, click.ClickException) and ("-v" in arguments or "--verbose" in arguments):
            import traceback

            traceback.print_exception(error)
        result = report(error, as_json="--json" in arguments)
    sys.exit(int(result) if isinstance(result, int) else ExitCode.OK)


def _have_streams() -> None:
    """Make up for standard streams that are closed: the next files to be opened, a database perhaps, would get their
    numbers, and what is printed by number would go into them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as it runs


def main_start() -> None:
    """``start`` as a module's command line: the options of both, in any order."""
    own = [word for word in sys.argv[1:] if word == "--live"]
    main([*(word for word in sys.argv[1:] if word not in own), "start", *own])
