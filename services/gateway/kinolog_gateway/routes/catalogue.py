"""Routes that say what can run, and where."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.responses.catalogue import ModelsView, WorkersView, models_view, workers_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Asker, answer

router = APIRouter(prefix="/mcp", tags=["catalogue"], responses=PROBLEMS)


@router.get("/models", response_model=ModelsView, summary="What can run")
async def models(api: Api, asker: Asker) -> Response:
    """List the models of the catalogue, with their limits and defaults."""
    return answer(models_view(await api.call(api.jobs.ListModels, pb.ListModelsRequest(), asker)))


@router.get("/workers", response_model=WorkersView, summary="Where it runs")
async def workers(api: Api, asker: Asker) -> Response:
    """List the workers that reported lately, with what they do."""
    return answer(workers_view(await api.call(api.jobs.ListWorkers, pb.ListWorkersRequest(), asker)))
