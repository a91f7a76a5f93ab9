"""`cctv health`: what is wrong and what to do, here or on a remote server; also a test of the webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import typer

from cctv_cli.cli import options, output, views
from cctv_cli.cli.result import Result
from cctv_cli.core.units import counted

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings


def health(
    context: typer.Context,
    url: Optional[str] = typer.Option(
        None,
        "--url",
        metavar="URL",
        help="Query the cctv serve at this address, such as http://192.168.1.10:8000. [default: read the files here]",
    ),
    test_alert: bool = typer.Option(False, "--test-alert", help="Send a test message to every webhook instead."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show what is wrong and what to do about it.

    It reads the files in the storage, so it works whether or not cctv serve is running.

    The exit code is 0 if all is well, 1 for a warning and 2 if something is critical. Errors of the command itself
    have codes of their own: 3 for the configuration, 20 if the health cannot be determined, 21 if a webhook did not
    accept the test message.

    \b
    Example:
      cctv health --url http://192.168.1.10:8000
    """
    if url is not None and test_alert:
        raise typer.BadParameter("cannot be combined with --test-alert", param_hint="--url")
    result = _result(context, url, test_alert)
    output.finish(result, as_json=options.as_json(context))


def _result(context: typer.Context, url: Optional[str], test_alert: bool) -> Result:
    """Return the requested result; unexpected errors become HealthUnknown, since exit code 1 means a warning."""
    from cctv_cli.core.errors import CctvError, HealthUnknown

    try:
        if test_alert:
            return send_test_alerts(options.settings(context))
        return report_health(_local(options.settings(context)) if url is None else _remote(url))
    except CctvError:
        raise
    except Exception as error:
        raise HealthUnknown(
            f"The health cannot be determined ({error}); run cctv --debug health to see where it fails"
        ) from error


def report_health(report: Dict[str, Any]) -> Result:
    """A report, as returned by `GET /health`, with the exit code that monitoring systems expect."""
    exit_code = {"ok": 0, "warning": 1}.get(report["status"], 2)
    return Result(document=report, text=views.health_text(report), exit_code=exit_code)


def send_test_alerts(settings: Settings) -> Result:
    """Send a test message to every webhook, once. Raises ConfigError without webhooks."""
    from cctv_cli.core.errors import AlertNotTaken, ConfigError
    from cctv_cli.core.health.webhooks import post, webhook_name

    if not settings.alert_webhooks:
        raise ConfigError(["No webhook is configured; add one to webhooks in [alerts] or set ALERT_WEBHOOKS"])
    body = _test_message(settings)
    results: List[Dict[str, Any]] = []
    for number, webhook in enumerate(settings.alert_webhooks, 1):
        refusal = post(webhook, body)
        reason = None if refusal is None else refusal.reason
        results.append({"webhook": webhook_name(number, webhook), "taken": refusal is None, "reason": reason})
    refused = [result["webhook"] for result in results if not result["taken"]]
    trouble = (
        f"{len(refused)} of {counted(len(results), 'webhook')} did not accept the test message: "
        f"{', '.join(refused)}; correct ALERT_WEBHOOKS, or find out why the service refuses it"
    )
    return Result(
        document=results,
        text=tuple(_line(result) for result in results),
        error=AlertNotTaken(trouble) if refused else None,
    )


def _line(result: Dict[str, Any]) -> str:
    return f"{result['webhook']}: " + ("accepted" if result["taken"] else f"not accepted, {result['reason']}")


def _local(settings: Settings) -> Dict[str, Any]:
    from cctv_cli.core.health.report import health_model
    from cctv_cli.core.runtime import Runtime

    runtime = Runtime(settings)
    return health_model(runtime.health(), runtime.tz).model_dump()


def _remote(url: str) -> Dict[str, Any]:
    from cctv_cli.cli.remote import fetch_health

    return fetch_health(url)


def _test_message(settings: Settings) -> Dict[str, Any]:
    import socket
    import time

    from cctv_cli.core.clock import zone
    from cctv_cli.core.health.alerts import Event, Message, message_json
    from cctv_cli.core.health.findings import Finding, Severity

    now = time.time()
    finding = Finding("test", Severity.OK, "This is a test of cctv's alerts: nothing is wrong")
    return message_json(Message(Event.TEST, finding, now, now), socket.gethostname(), zone(settings.timezone))
