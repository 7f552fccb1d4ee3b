//! Which label each signed message of rooms, links and devices carries. Documents of
//! `identity` say so themselves.

use super::{Label, SignedAs};
use crate::wire::{
    device::{DeviceRequest, DirectoryAnswer},
    link::{ChunkReply, ChunkRequest, LinkAck, LinkFrame},
    log::{Head, Refusal, SubmissionHeader},
};

macro_rules! signed_as {
    ($($document:ident: $label:ident;)*) => {
        $(impl SignedAs for $document { const LABEL: Label = Label::$label; })*
    };
}

signed_as! {
    SubmissionHeader: SUBMISSION;
    Head: HEAD;
    Refusal: REFUSAL;
    DeviceRequest: DEVICE_REQUEST;
    DirectoryAnswer: DIRECTORY_ANSWER;
    LinkFrame: FRAME;
    LinkAck: ACK;
    ChunkRequest: CHUNK_REQUEST;
    ChunkReply: CHUNK_REPLY;
}
