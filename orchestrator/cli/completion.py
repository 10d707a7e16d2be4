"""orchestrator completion: what makes a shell complete commands, options and names."""

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

HOW = {
    "bash": "source <(orchestrator completion bash)    # at the end of ~/.bashrc",
    "zsh": "source <(orchestrator completion zsh)    # in ~/.zshrc, after compinit",
    "fish": "orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish    # once, in a shell",
}
"""By shell, what takes the script up."""

VARIABLE = "_ORCHESTRATOR_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(list(HOW)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, options, and the names of jobs, channels, versions and more.

    Example: orchestrator completion bash
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"this version of click knows no {shell}")
    script = made(context.find_root().command, {}, "orchestrator", VARIABLE).source()
    lines = script.strip().splitlines()
    first = [lines.pop(0)] if lines[0].startswith("#compdef") else []  # zsh wants it there
    click.echo("\n".join([*first, "# To take it up:", f"#   {HOW[shell]}", *lines]))
