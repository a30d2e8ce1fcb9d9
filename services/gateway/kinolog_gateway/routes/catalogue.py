"""Routes of the model catalogue, the workers and the alarms."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.responses.alarms import AlarmsView, alarms_view
from kinolog_gateway.responses.catalogue import ModelsView, WorkersView, models_view, workers_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1", tags=["catalogue"], responses=PROBLEMS)


@router.get("/models", response_model=ModelsView, summary="List models")
async def models(api: Api, caller: Caller) -> Response:
    """List the models of the catalogue, with their limits and defaults."""
    return json_response(models_view(await api.call(api.jobs.ListModels, pb.ListModelsRequest(), caller)))


@router.get("/workers", response_model=WorkersView, summary="List workers")
async def workers(api: Api, caller: Caller) -> Response:
    """List the workers that reported recently, with their current jobs."""
    return json_response(workers_view(await api.call(api.jobs.ListWorkers, pb.ListWorkersRequest(), caller)))


@router.get("/alarms", response_model=AlarmsView, summary="List alarms")
async def alarms(api: Api, caller: Caller) -> Response:
    """List the troubles of the service that stand, such as a full disk."""
    response = await api.call(api.jobs.ListAlarms, pb.ListAlarmsRequest(), caller)
    return json_response(alarms_view(response.alarms))
