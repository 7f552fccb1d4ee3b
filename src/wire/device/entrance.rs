//! What it takes to come into a room from outside, asked for and given.

use bytes::Bytes;

use super::Failure;
use crate::{
    code::Code,
    error::{Result, fault},
    ids::{AgencyId, RequestId, RoomId},
    limits,
    time::Timestamp,
    wire::{Reason, Wire, field, fields, log::RoomMaterial, proto},
};

/// Asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GetEntrance {
    /// The answer repeats it.
    pub(crate) entrance_id: RequestId,
    pub(crate) room: RoomId,
    /// `None`: the server that is asked knows the room.
    pub(crate) hub: Option<AgencyId>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entrance {
    pub(crate) entrance_id: RequestId,
    pub(crate) room: RoomId,
    pub(crate) outcome: Result<WayIn, Failure>,
}

/// A room's present epoch, as somebody from outside needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WayIn {
    /// MLSMessage(GroupInfo).
    pub(crate) group_info: Bytes,
    pub(crate) material: RoomMaterial,
}

impl Wire for GetEntrance {
    type Proto = proto::GetEntrance;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "get entrance";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let hub = (!proto.hub.is_empty()).then(|| AgencyId::parse(&proto.hub)).transpose()?;
        let entrance_id = RequestId::from_slice(&proto.entrance_id)?;
        Ok(GetEntrance { entrance_id, room: RoomId::from_slice(&proto.room)?, hub })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::GetEntrance {
            entrance_id: fields::raw(self.entrance_id.as_bytes()),
            room: fields::raw(self.room.as_bytes()),
            hub: self.hub.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

impl Wire for Entrance {
    type Proto = proto::Entrance;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "entrance";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let retry_at = Timestamp::from_millis(proto.retry_at);
        let outcome = match (Reason::parse_optional(proto.code)?, proto.material) {
            (None, _) if proto.retry_at > 0 => {
                return fault(Code::BadField, "advice to try again what is done");
            }
            (None, material) => Ok(WayIn {
                group_info: fields::filled(proto.group_info, limits::GROUP_INFO, "group info")?,
                material: RoomMaterial::parse(field(material, "room material")?)?,
            }),
            (Some(reason), None) if proto.group_info.is_empty() => Err(Failure { reason, retry_at }),
            (Some(_), _) => return fault(Code::BadField, "a way in in spite of an error code"),
        };
        let entrance_id = RequestId::from_slice(&proto.entrance_id)?;
        Ok(Entrance { entrance_id, room: RoomId::from_slice(&proto.room)?, outcome })
    }

    fn to_proto(&self) -> Self::Proto {
        let entrance = proto::Entrance {
            entrance_id: fields::raw(self.entrance_id.as_bytes()),
            room: fields::raw(self.room.as_bytes()),
            ..Default::default()
        };
        match &self.outcome {
            Ok(WayIn { group_info, material }) => proto::Entrance {
                group_info: group_info.clone(),
                material: Some(material.to_proto()),
                ..entrance
            },
            Err(Failure { reason, retry_at }) => {
                proto::Entrance { code: reason.number().into(), retry_at: retry_at.as_millis(), ..entrance }
            }
        }
    }
}
