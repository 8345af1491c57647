"""Who tells people that something fails: the desk over the store, the settings and a child."""

from resources.store import StoreResource
from supervisor_core.deadline import Worker
from supervisor_core.notify.desk import Desk

_GRACE_S = 0.5


class NotifierResource(StoreResource):
    """Alerts of one home; credentials are the environment's and are never kept here."""

    def open_desk(self) -> Desk:
        """The desk; no process is started before a message is due."""
        return Desk(self.open_store(), self.settings(), lambda: Worker(grace_s=_GRACE_S))
