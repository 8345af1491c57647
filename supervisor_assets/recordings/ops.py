"""The steps of a recording: each has its own limit, and goes on with what the store holds."""

import dagster as dg
from dagster import DagsterRunStatus

from resources import PipelineResource
from supervisor_assets.failures import told
from supervisor_assets.limits import limit_tags
from supervisor_assets.pools import Pool
from supervisor_assets.recordings.facts import recording_facts
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed
from supervisor_core.states import Recording

_POOL = Pool.RECORDING.value
_AFTER = {"after": dg.In(dg.Nothing)}
_DONE = dg.Out(dg.Nothing)
_JOIN = limit_tags("recording_join_base_s", "recording_join_rate")


@dg.op(out=_DONE, pool=_POOL)
def record(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Records the stream until it ends, its session's time is over or somebody stops it.

    *Terminate* ends the session: what was recorded is joined and handed over by the next run. Where
    this process is ended by anything else, the next run goes on recording.
    """
    with told(context):
        work, key = pipeline.open(), IntakeKey(context.partition_key)
        try:
            session = work.record(key)
        except BaseException:
            _conclude_if_terminated(context, work, key)
            raise
        if session.state is Recording.FAILED and session.reason:
            raise Failed(session.reason)
        return dg.Output(None, metadata={"state": session.state.value, "runs": session.runs})


@dg.op(ins=_AFTER, out=_DONE, tags=_JOIN, pool=_POOL)
def join(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Puts the segments together into as few files as they allow; nothing is coded anew."""
    with told(context):
        files = pipeline.open().join_recording(IntakeKey(context.partition_key))
        joined = sum(file.joined is not None for file in files)
        return dg.Output(None, metadata={"files": len(files), "joined": joined})


@dg.op(ins=_AFTER, out=_DONE, tags=_JOIN, pool=_POOL)
def validate(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Decodes every joined file to its end; the segments stand for one that lacks a frame."""
    with told(context):
        files = pipeline.open().validate_recording(IntakeKey(context.partition_key))
        frames = sum(file.frames for file in files)
        return dg.Output(None, metadata={"files": len(files), "frames": frames})


@dg.op(ins=_AFTER, out=_DONE, pool=_POOL)
def hand_over(context: dg.OpExecutionContext, pipeline: PipelineResource) -> dg.Output[None]:
    """Enters the files as what came in with this intake; segments that were joined are removed."""
    with told(context):
        account = pipeline.open().hand_over_recording(IntakeKey(context.partition_key))
        return dg.Output(None, metadata=recording_facts(account))


def _conclude_if_terminated(context: dg.OpExecutionContext, work: Pipeline, key: IntakeKey) -> None:
    """A person's *Terminate* shows in the run's status before its process hears of it."""
    run = context.instance.get_run_by_id(context.run_id)
    if run is not None and run.status is DagsterRunStatus.CANCELING:
        work.conclude_recording(key)
