"""ListAlarms: the troubles of the service that stand."""

from __future__ import annotations

from kinolog.codec.alarms import alarm_to_proto
from kinolog.ports.alarms import Alarms, public_alarms
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall


class ListAlarms:
    """ListAlarms. All tenants share the service and its troubles. Only an operator reads which jobs they concern."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    async def list_alarms(self, request: pb.ListAlarmsRequest, call: RpcCall) -> pb.ListAlarmsResponse:
        """ListAlarms."""
        alarms = await self._alarms.current()
        shown = alarms if call.is_operator else public_alarms(alarms)
        return pb.ListAlarmsResponse(alarms=map(alarm_to_proto, shown))
