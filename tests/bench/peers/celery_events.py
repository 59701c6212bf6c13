"""Events as many teams send them: Flask takes one, a Celery worker posts it to the webhook."""

import os

import requests
from celery import Celery
from flask import Flask, request

worker = Celery("events", broker=os.environ["BROKER_URL"])
worker.conf.task_ignore_result = True
worker.conf.broker_transport_options = {"confirm_publish": os.environ.get("CONFIRM") == "1"}
worker.conf.worker_hijack_root_logger = False
worker.conf.task_acks_late = True  # at least once, as Rio delivers
web = Flask("events")


@worker.task(name="deliver")
def deliver(event: dict[str, object]) -> None:
    """Post the event to its webhook."""
    requests.post(os.environ["SINK_URL"], json=event, timeout=10).raise_for_status()


@web.post("/events")
def emit() -> tuple[dict[str, str], int]:
    """Take an event; unless told to, Celery's publisher waits for no confirm."""
    task = deliver.delay(request.get_json())
    return {"id": task.id}, 202
