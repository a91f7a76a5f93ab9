"""`cctv health`: what is wrong and what to do, here or at a remote server; also a test of the webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import typer

from cctv_cli.cli import options, output

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings


def health(
    url: Optional[str] = typer.Option(
        None, "--url", help="Ask this cctv serve, such as http://192.168.1.10:8000, in place of the files here."
    ),
    test_alert: bool = typer.Option(False, "--test-alert", help="Send a test message to every webhook instead."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show what is wrong and what to do, with the server up or down.

    Exit code 0: all is well; 1: a warning; 2: critical. An error of this command itself has its own code: 3 the
    configuration, 20 the health cannot be told, 21 a webhook did not take the test message.
    """
    from cctv_cli.core.errors import CctvError, HealthUnknown

    if url is not None and test_alert:
        raise typer.BadParameter("works without --test-alert: webhooks are tested from here", param_hint="--url")
    try:
        if test_alert:
            _test_alert(options.load(config, storage), json)
            return
        report = _local(options.load(config, storage)) if url is None else _remote(url)
    except CctvError:
        raise
    except Exception as error:  # code 1 would be taken for a warning
        raise HealthUnknown(f"The health cannot be told ({error}); run cctv --debug health to see where") from error
    if json:
        output.print_json(report)
    else:
        output.print_health(report)
    raise typer.Exit({"ok": 0, "warning": 1}.get(report["status"], 2))


def _local(settings: Settings) -> Dict[str, Any]:
    from cctv_cli.core.health.report import health_model
    from cctv_cli.core.runtime import Runtime

    runtime = Runtime(settings)
    return health_model(runtime.health(), runtime.tz).model_dump()


def _remote(url: str) -> Dict[str, Any]:
    from cctv_cli.cli.remote import fetch_health

    return fetch_health(url)


def _test_alert(settings: Settings, json: bool) -> None:
    """Send a test message to every webhook, once. Raises AlertNotTaken, ConfigError without webhooks."""
    from cctv_cli.core.errors import AlertNotTaken, ConfigError
    from cctv_cli.core.health.webhooks import post, webhook_name

    if not settings.alert_webhooks:
        raise ConfigError(["No webhook is configured; add one to webhooks in [alerts] or set ALERT_WEBHOOKS"])
    body = _test_message(settings)
    results: List[Dict[str, Any]] = []
    for number, webhook in enumerate(settings.alert_webhooks, 1):
        name, refusal = webhook_name(number, webhook), post(webhook, body)
        reason = None if refusal is None else refusal.reason
        results.append({"webhook": name, "taken": refusal is None, "reason": reason})
        if not json:
            output.print_line(f"{name}: taken" if reason is None else f"{name}: not taken, {reason}")
    if json:
        output.print_json(results)
    refused = [result["webhook"] for result in results if not result["taken"]]
    if refused:
        raise AlertNotTaken(
            f"{len(refused)} of {len(results)} webhooks did not take the test message: {', '.join(refused)}; "
            "correct ALERT_WEBHOOKS, or see why their service refuses"
        )


def _test_message(settings: Settings) -> Dict[str, Any]:
    import socket
    import time

    from cctv_cli.core.clock import zone
    from cctv_cli.core.health.alerts import Event, Message, message_json
    from cctv_cli.core.health.findings import Finding, Severity

    now = time.time()
    finding = Finding("test", Severity.OK, "This is a test of cctv's alerts: nothing is wrong")
    return message_json(Message(Event.TEST, finding, now, now), socket.gethostname(), zone(settings.timezone))
