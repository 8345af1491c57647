"""Every address of the gallery, each with the least role that may use it."""

from starlette.routing import Route

from gallery import files, static
from gallery.access.roles import Role, page
from gallery.api import answering
from gallery.pages import bulk, compare, edit, health, item, items, queue, review, signing_in

ROUTES: tuple[Route, ...] = (
    page("/", items.home, role=Role.VIEWER),
    page("/review", items.to_review, role=Role.VIEWER),
    page("/items", items.show, role=Role.VIEWER),
    page("/items/bulk", bulk.ask, methods=("POST",), role=Role.REVIEWER),
    page("/items/bulk/do", bulk.do, methods=("POST",), role=Role.REVIEWER),
    page("/items/{item}", item.show, role=Role.VIEWER),
    page("/items/{item}/tile", items.tile, role=Role.VIEWER),
    page("/items/{item}/history", item.history, role=Role.VIEWER),
    page("/items/{item}/review", review.decide, methods=("POST",), role=Role.REVIEWER),
    page("/items/{item}/edit", edit.write, methods=("POST",), role=Role.REVIEWER),
    page("/items/{item}/compare", compare.begin, methods=("POST",), role=Role.REVIEWER),
    page("/items/{item}/before.jpg", compare.before, role=Role.REVIEWER),
    page("/items/{item}/frame.jpg", files.frame, role=Role.VIEWER),
    page("/files/{sha256}/media", files.media, role=Role.VIEWER),
    page("/files/{sha256}/thumbnail.jpg", files.thumbnail, role=Role.VIEWER),
    page("/files/{sha256}/strip.jpg", files.strip, role=Role.VIEWER),
    page("/files/{sha256}/strip.vtt", files.strip_times, role=Role.VIEWER),
    page("/files/{sha256}/variant", files.variant, role=Role.VIEWER),
    page("/queue", queue.show, role=Role.VIEWER),
    page("/queue/part", queue.part, role=Role.VIEWER),
    page("/queue/retry", queue.retry, methods=("POST",), role=Role.REVIEWER),
    page("/queue/cancel", queue.cancel, methods=("POST",), role=Role.REVIEWER),
    page("/queue/run", queue.run, methods=("POST",), role=Role.REVIEWER),
    page("/queue/pause", queue.pause, methods=("POST",), role=Role.ADMIN),
    page("/queue/resume", queue.resume, methods=("POST",), role=Role.ADMIN),
    *answering.routes(),
    page("/healthz", health.alive, role=None),
    page("/readyz", health.ready, role=None),
    page("/sign-in", signing_in.show, role=None),
    page("/sign-in", signing_in.sign_in, methods=("POST",), role=None),
    page("/sign-out", signing_in.sign_out, methods=("POST",), role=Role.VIEWER),
    page("/static/{digest}/{name}", static.show, role=None),
)
