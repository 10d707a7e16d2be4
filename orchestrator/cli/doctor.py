"""orchestrator doctor: is everything in order?"""

import os

import click

from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.doctor import Checkup, Finding, Patient

__all__ = ["doctor"]


@click.command()
@click.option("--send", is_flag=True, help="Send a test message through every channel.")
@json_option
@click.pass_obj
def doctor(settings: Settings, send: bool, as_json: bool) -> None:
    """Look at all that the daemon stands on, and say what is wrong and what to do about it. Nothing is changed.

    It works with a broken config, a damaged database, and before the first start. Exit code 1 if anything fails.

    Example: orchestrator doctor --send
    """
    checkup = Checkup(Patient.of(settings.path, settings.clock, os.environ, send=send))
    for finding in checkup.run():
        if not as_json:
            click.echo(_text(finding))
    if as_json:
        echo_json([finding.document() for finding in checkup.findings])
    if checkup.failed:
        click.get_current_context().exit(1)


def _text(finding: Finding) -> str:
    line = f"{finding.result:<4}  {finding.check:<16} {finding.detail}"
    return f"{line}\n{'':<23}{finding.remedy}" if finding.remedy else line
