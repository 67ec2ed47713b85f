"""``planner``: one file per command; errors become one line and an exit code here."""

import io
import os
import sys

import typer

from planner.cli import backtest_cmd, collect_cmd, doctor_cmd, explain_cmd, policy_cmd, recommend_cmd, simulate_cmd
from planner.errors import EXIT_ERROR, PlannerError

EXIT_TABLE = """\b
Exit codes: 0 done, 1 error, 2 bad usage, 3 infeasible, 4 data too poor,
5 reverted, 6 refusals with --strict, 10 something to change (--exit-code).
"""

app = typer.Typer(
    name="planner",
    help="Capacity planning and cost optimisation for Kubernetes: one coupled plan, with its evidence.",
    epilog=EXIT_TABLE,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("collect")(collect_cmd.collect)
app.command("recommend")(recommend_cmd.recommend)
app.command("explain")(explain_cmd.explain)
app.command("simulate")(simulate_cmd.simulate)
app.command("backtest")(backtest_cmd.backtest)
app.command("doctor")(doctor_cmd.doctor)
app.add_typer(policy_cmd.app, name="policy", help="Check a policy file, and see which value holds where and why.")


@app.command("version")
def version() -> None:
    """Print the version."""
    from planner import __version__

    typer.echo(__version__)


def run() -> None:
    """Entry point: run a command, then end the process at once."""
    _keep_stdout_clean()
    try:
        _run_command()
    except SystemExit as end:
        _leave(end.code)
    _leave(0)


def _keep_stdout_clean() -> None:
    """Lines that native libraries print (HiGHS has one) go nowhere: stdout holds only what was asked for."""
    try:
        own = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # not a real stream: a test's, or closed
        return
    if own != 1:
        return
    before = sys.stdout
    before.flush()
    real = os.fdopen(os.dup(own), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, own)
    os.close(nowhere)
    sys.stdout = io.TextIOWrapper(real, encoding=before.encoding, errors=before.errors, line_buffering=before.isatty())


def _leave(code: object) -> None:
    """End without taking the interpreter down: thread pools of native libraries (HiGHS, Arrow) sometimes abort then.

    Everything that a command opened is closed by now; only the standard streams hold text.
    """
    status = code if isinstance(code, int) else EXIT_ERROR if code else 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):  # the reader left, or the stream is closed already
            status = status or EXIT_ERROR
    os._exit(status)


def _run_command() -> None:
    """Run a command, turn the planner's own errors into one line on stderr."""
    try:
        app()
    except PlannerError as error:
        typer.echo(f"error: {_printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was left half-written", err=True)
        sys.exit(130)


def _printable(text: str) -> str:
    """Errors may quote what a cluster or a server said: no terminal escapes. A list of problems keeps its lines."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)
