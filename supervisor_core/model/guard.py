"""The circuit breaker around a question, shared by all processes through the store."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from supervisor_core.model.breaker import Circuit, Event, Lost, Rules, Wanted, event_of, step
from supervisor_core.model.hosts import Endpoint
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, breakers
from supervisor_core.store.owners import this_process

_SPARE_S = 60.0  # for what a trial does before and after its question


class Guard:
    """Lets questions to one model through, or not."""

    def __init__(self, store: Store, url: str, model: str, rules: Rules) -> None:
        self._store = store
        self._endpoint = Endpoint.of(url).place
        self._model = model
        self._rules = rules

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Notes how the question in the block ends.

        Raises `Failed(BLOCKED_BY_OLLAMA)` instead of entering it when the model is not asked now.
        """
        asker = this_process(f"trial:{uuid.uuid4().hex}")
        self._enter(asker)
        try:
            yield
        except Failed as failed:
            self._note(event_of(asker, failed.reason))
            raise
        except BaseException:
            self._note(Lost(asker))
            raise
        self._note(event_of(asker, None))

    def circuit(self) -> Circuit:
        """The state as it is now."""
        with self._store.read() as connection:
            return breakers.load(connection, self._endpoint, self._model)

    def _enter(self, asker: str) -> None:
        circuit = self._advance(Wanted(asker))
        if not circuit.lets(asker):
            left = circuit.until - self._store.now() if circuit.until else None
            wait_s = round(max(0.0, left.total_seconds()), 1) if left else 0.0
            raise Failed(Reason.BLOCKED_BY_OLLAMA, phase=circuit.phase.value, wait_s=wait_s)

    def _note(self, event: Event) -> None:
        """An answer that was paid for is not lost because the store was busy just then."""
        with suppress(Failed):
            self._advance(event)

    def _advance(self, event: Event) -> Circuit:
        """The state after an event; nothing is written while all goes well."""
        circuit = self.circuit()
        now = self._store.now()
        if step(circuit, event, now, self._rules) == circuit and circuit.trial is None:
            return circuit
        with self._store.write() as connection:
            return breakers.advance(
                connection, self._endpoint, self._model, event, self._store.now(), self._rules
            )


def rules_of(settings: Settings) -> Rules:
    """The rules of the settings; a trial may take as long as a question, and a little."""
    return Rules(
        failures=settings.breaker_failures,
        open_s=settings.breaker_open_s,
        trial_s=settings.model_total_s + _SPARE_S,
    )
