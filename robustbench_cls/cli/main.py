"""Entry point: finds the verbs, prints user errors in a line, lets bugs keep their traceback."""

import errno
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence

import click

from robustbench_cls import cli
from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError, for_terminal
from robustbench_cls.core.memory import keep_freed_memory
from robustbench_cls.core.own_code import named_lines

NOT_VERBS = {"main", "output", "settings"}


class Verbs(click.Group):
    """A verb is a module of `robustbench_cls.cli` with a `command`; it is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, alphabetically."""
        return sorted(info.name for info in pkgutil.iter_modules(cli.__path__) if info.name not in NOT_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"robustbench_cls.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the closest verb named where there is none."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            raise UserError(f"There is no command '{args[0]}'. {did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="robustbench-cls")
def robust() -> None:
    """Train image classifiers, measure how robust they are, and report it.

    \b
    robust demo                                      everything once, on data made here
    robust train --recipe cutmix --data DIR          -> best.pt
    robust eval --suite imagenet-c best.pt           -> predictions on disk
    robust report reports/runs/NAME --out page.html  -> one page and its CSV
    """


FAULTS = {
    *(errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ELOOP),
    *(errno.ENOTDIR, errno.EISDIR, errno.EMFILE, errno.ENFILE, errno.ESTALE),
}
"""Errors of the system that the user can mend, and that name the file."""


def _told_by_the_system(error: OSError) -> str | None:
    """In words, a fault of a file or of the output that the user can mend; None for others, which are bugs."""
    if isinstance(error, BrokenPipeError) or (error.errno == errno.ENOSPC and not error.filename):
        devnull = os.open(os.devnull, os.O_WRONLY)  # else Python complains once more when it ends
        os.dup2(devnull, sys.stdout.fileno())
        return f"Could not write to standard output: {error.strerror}."
    return f"{error.filename}: {error.strerror}." if error.errno in FAULTS and error.filename else None


def _require_readable(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            raise UserError(f"The name {argument} is not UTF-8, so results could not speak of it. Rename it.")


class AskedToEndError(KeyboardInterrupt):
    """A batch system or a user asked the process to end (SIGTERM); it ends as by Ctrl-C."""


def _asked_to_end(number: int, frame: object) -> None:
    raise AskedToEndError


def _farewell(arguments: Sequence[str]) -> str:
    verb = sys.modules.get(f"robustbench_cls.cli.{next(iter(arguments), '')}")
    stored = "What was finished is stored; start the same command again to go on."
    return f"Stopped. {stored}" if getattr(verb, "GOES_ON", False) else "Stopped."


def main() -> None:
    """Run the command line; exit status 2 for what the user can mend, 130 when stopped, 143 when asked to end."""
    keep_freed_memory()
    signal.signal(signal.SIGTERM, _asked_to_end)
    try:
        _require_readable(sys.argv[1:])
        with named_lines():
            robust.main(standalone_mode=False)
        if sys.stdout is not None:  # a caller may have closed it
            sys.stdout.flush()
    except UserError as error:
        click.echo(f"robust: {for_terminal(str(error))}", err=True)
        sys.exit(2)
    except OSError as error:
        if (told := _told_by_the_system(error)) is None:
            raise
        click.echo(f"robust: {for_terminal(told)}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        click.echo(f"\n{_farewell(sys.argv[1:])}", err=True)
        asked = isinstance(stop.__cause__, AskedToEndError)  # click puts its own error before it
        sys.exit(143 if asked else 130)


if __name__ == "__main__":
    main()
