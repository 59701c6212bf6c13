import logging

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from observability import setup
from observability.frameworks import django as hop_django
from observability.http.problem import Problem

settings.configure(
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=256 * 1024,
    DATA_UPLOAD_MAX_NUMBER_FIELDS=None,
)


@require_safe
def thing(_request: HttpRequest, thing_id: int) -> HttpResponse:
    logging.getLogger("probe").info("Looked at a thing", extra={"thing_id": thing_id})
    return JsonResponse({"id": thing_id})


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    return JsonResponse(hop_django.json_body(request), status=201)


@require_safe
def problem(_request: HttpRequest) -> HttpResponse:
    raise Problem(409, "Taken", errors=[{"pointer": "#/a", "detail": "taken"}], headers={"Retry-After": "7"})


@require_safe
def refused(_request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


@require_safe
def crash(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the inside")


urlpatterns = [
    path("things/<int:thing_id>", thing),
    path("things", add),
    path("problem", problem),
    path("refused", refused),
    path("crash", crash),
]

application = get_wsgi_application()
hop_django.instrument(application, setup("probe"))
