"""The application: the routes, what stands before them, and what becomes of errors."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from gallery import errors
from gallery.access.middleware import guards
from gallery.house import House
from gallery.routes import ROUTES
from supervisor_core.reasons import Failed


def create_app(house: House) -> Starlette:
    """The pages of one house; whoever opened that closes it."""
    app = Starlette(
        routes=list(ROUTES),
        middleware=guards(house),
        exception_handlers={
            Failed: errors.on_failed,
            errors.Refusal: errors.on_refusal,
            HTTPException: errors.on_http,
            OSError: errors.on_disk,
            Exception: errors.on_bug,
        },
    )
    app.state.house = house
    return app
