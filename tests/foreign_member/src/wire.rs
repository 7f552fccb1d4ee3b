//! The messages that this device needs, written down from `proto/verbund/v1`. A `oneof` is on the
//! wire what as many optional fields are, and an enumeration is a number.

use prost::Message;

/// Declares messages: `field: type = tag`, in the words of prost.
macro_rules! messages {
    ($($name:ident { $($field:ident: $type:ty, [$($kind:tt)*] = $tag:literal;)* })*) => {$(
        #[derive(Clone, PartialEq, Message)]
        pub struct $name {
            $(#[prost($($kind)*, tag = $tag)] pub $field: $type,)*
        }
    )*};
}

type Bytes = Vec<u8>;
type Many<T> = Vec<T>;

messages! {
    // envelope.proto
    Envelope { version: u32, [uint32] = 1; body: Bytes, [bytes = "vec"] = 2; }
    SignedEnvelope {
        version: u32, [uint32] = 1;
        body: Bytes, [bytes = "vec"] = 2;
        signatures: Many<Signature>, [message, repeated] = 3;
    }
    Signature { key_id: Bytes, [bytes = "vec"] = 1; signature: Bytes, [bytes = "vec"] = 2; }

    // identity.proto
    Federation {
        name: String, [string] = 1;
        roots: Many<RootKey>, [message, repeated] = 2;
        threshold: u32, [uint32] = 3;
    }
    TrustList {
        federation: String, [string] = 1;
        version: u64, [uint64] = 2;
        issued_at: u64, [uint64] = 3;
        expires_at: u64, [uint64] = 4;
        roots: Many<RootKey>, [message, repeated] = 5;
        threshold: u32, [uint32] = 6;
        agencies: Many<TrustedAgency>, [message, repeated] = 7;
    }
    RootKey { holder: String, [string] = 1; public_key: Bytes, [bytes = "vec"] = 2; }
    TrustedAgency {
        agency: String, [string] = 1;
        status: u32, [uint32] = 2;
        root_key: Bytes, [bytes = "vec"] = 3;
    }
    AgencyDescriptor {
        agency: String, [string] = 1;
        version: u64, [uint64] = 2;
        issued_at: u64, [uint64] = 3;
        expires_at: u64, [uint64] = 4;
        keys: Many<OperationalKey>, [message, repeated] = 5;
        endpoints: Many<String>, [string, repeated] = 6;
        versions: Many<u32>, [uint32, repeated] = 7;
        suites: Many<u32>, [uint32, repeated] = 8;
    }
    OperationalKey {
        purpose: u32, [uint32] = 1;
        public_key: Bytes, [bytes = "vec"] = 2;
        not_before: u64, [uint64] = 3;
        not_after: u64, [uint64] = 4;
    }
    DeviceKey { device: Bytes, [bytes = "vec"] = 1; public_key: Bytes, [bytes = "vec"] = 2; }
    DeviceCertificate {
        serial: u64, [uint64] = 1;
        agency: String, [string] = 2;
        user: String, [string] = 3;
        kind: u32, [uint32] = 4;
        device: Option<DeviceKey>, [message, optional] = 5;
        identity: Bytes, [bytes = "vec"] = 6;
        chain_n: u32, [uint32] = 7;
        not_before: u64, [uint64] = 8;
        not_after: u64, [uint64] = 9;
    }
    Enrolment {
        certificate: Bytes, [bytes = "vec"] = 1;
        chain: Many<Bytes>, [bytes = "vec", repeated] = 2;
        descriptor: Bytes, [bytes = "vec"] = 3;
        trust_lists: Many<Bytes>, [bytes = "vec", repeated] = 4;
    }
    Evidence {
        chain_link: Option<Bytes>, [bytes = "vec", optional] = 1;
        descriptor: Option<Bytes>, [bytes = "vec", optional] = 2;
    }

    // device.proto, what this device asks
    DeviceMessage {
        request: Option<Bytes>, [bytes = "vec", optional] = 1;
        submission: Option<Submission>, [message, optional] = 2;
    }
    DeviceRequest {
        user: String, [string] = 1;
        device: Bytes, [bytes = "vec"] = 2;
        agency: String, [string] = 3;
        request_id: Bytes, [bytes = "vec"] = 4;
        enrol: Option<Enrol>, [message, optional] = 5;
        publish: Option<PublishKeyPackages>, [message, optional] = 6;
        sync: Option<Sync>, [message, optional] = 7;
        claim: Option<Claim>, [message, optional] = 8;
        get_material: Option<GetMaterial>, [message, optional] = 9;
    }
    Enrol { certificate: Bytes, [bytes = "vec"] = 1; chain: Many<Bytes>, [bytes = "vec", repeated] = 2; }
    PublishKeyPackages {
        packages: Many<Bytes>, [bytes = "vec", repeated] = 1;
        last_resort: Bytes, [bytes = "vec"] = 2;
    }
    Sync {
        cursors: Many<Cursor>, [message, repeated] = 1;
        inbox_done: u64, [uint64] = 2;
        trust_version: u64, [uint64] = 3;
        descriptors: Many<KnownDescriptor>, [message, repeated] = 4;
        counter: u64, [uint64] = 5;
        records_done: u64, [uint64] = 8;
        inbox_mark: u64, [uint64] = 9;
        submitted: Bytes, [bytes = "vec"] = 10;
    }
    Cursor { room: Bytes, [bytes = "vec"] = 1; seq: u64, [uint64] = 2; hash: Bytes, [bytes = "vec"] = 3; }
    KnownDescriptor { agency: String, [string] = 1; version: u64, [uint64] = 2; }
    Claim { users: Many<String>, [string, repeated] = 1; at: u64, [uint64] = 2; }
    GetMaterial { room: Bytes, [bytes = "vec"] = 1; seq: u64, [uint64] = 2; }

    // device.proto, what its server answers
    ServerReply {
        request_id: Bytes, [bytes = "vec"] = 1;
        failure: Option<Failure>, [message, optional] = 2;
        done: Option<Nothing>, [message, optional] = 3;
        stock: Option<Stock>, [message, optional] = 4;
        delivery: Option<Delivery>, [message, optional] = 5;
        material: Option<RoomMaterial>, [message, optional] = 6;
        queued: Option<Nothing>, [message, optional] = 7;
    }
    Nothing {}
    Failure { code: u32, [uint32] = 1; retry_at: u64, [uint64] = 2; }
    Stock { left: u32, [uint32] = 1; }
    Delivery {
        rooms: Many<RoomDelivery>, [message, repeated] = 1;
        inbox: Many<InboxItem>, [message, repeated] = 2;
        trust_list: Bytes, [bytes = "vec"] = 3;
        descriptors: Many<Bytes>, [bytes = "vec", repeated] = 4;
        more: bool, [bool] = 5;
        records: Many<ClaimRecord>, [message, repeated] = 8;
        astray: Many<Bytes>, [bytes = "vec", repeated] = 9;
    }
    ClaimRecord {
        number: u64, [uint64] = 1;
        at: u64, [uint64] = 2;
        package: Bytes, [bytes = "vec"] = 3;
        request: Bytes, [bytes = "vec"] = 4;
        certificate: Bytes, [bytes = "vec"] = 5;
    }
    RoomDelivery {
        room: Bytes, [bytes = "vec"] = 1;
        items: Many<LogItem>, [message, repeated] = 2;
        head: Bytes, [bytes = "vec"] = 3;
    }
    InboxItem {
        number: u64, [uint64] = 1;
        invitation: Option<Invitation>, [message, optional] = 2;
        claimed: Option<ClaimAnswer>, [message, optional] = 3;
        stock_low: Option<Stock>, [message, optional] = 5;
        mark: u64, [uint64] = 7;
    }
    Invitation {
        hub: String, [string] = 1;
        entry: Bytes, [bytes = "vec"] = 2;
        head: Bytes, [bytes = "vec"] = 3;
        welcome: Bytes, [bytes = "vec"] = 4;
    }
    ClaimAnswer {
        claim_id: Bytes, [bytes = "vec"] = 1;
        agency: String, [string] = 2;
        descriptor: Bytes, [bytes = "vec"] = 3;
        users: Many<ClaimedUser>, [message, repeated] = 4;
    }
    ClaimedUser {
        user: String, [string] = 1;
        code: u32, [uint32] = 2;
        chain: Many<Bytes>, [bytes = "vec", repeated] = 3;
        packages: Many<Bytes>, [bytes = "vec", repeated] = 4;
        retry_at: u64, [uint64] = 5;
    }

    // room.proto
    RoomState {
        room: Bytes, [bytes = "vec"] = 1;
        kind: u32, [uint32] = 2;
        hub: String, [string] = 3;
        term: u64, [uint64] = 4;
        replicas: Many<String>, [string, repeated] = 5;
        policy: Option<Policy>, [message, optional] = 6;
        roles: Many<RoleGrant>, [message, repeated] = 7;
        retention: u64, [uint64] = 8;
        ends_at: u64, [uint64] = 9;
        private_hash: Bytes, [bytes = "vec"] = 10;
        bans: Many<String>, [string, repeated] = 11;
        join: u32, [uint32] = 12;
        join_agencies: Many<String>, [string, repeated] = 13;
        listing: Option<Listing>, [message, optional] = 14;
    }
    Listing { name: String, [string] = 1; summary: String, [string] = 2; }
    Policy {
        invite: Option<Least>, [message, optional] = 1;
        remove: Option<Least>, [message, optional] = 2;
        ban: Option<Least>, [message, optional] = 3;
        grant: Option<Least>, [message, optional] = 4;
        moderate: Option<Least>, [message, optional] = 5;
        send: u32, [uint32] = 6;
        describe: u32, [uint32] = 7;
        govern: u32, [uint32] = 8;
        hand_over: u32, [uint32] = 9;
    }
    Least { everywhere: u32, [uint32] = 1; own_agency: u32, [uint32] = 2; }
    RoleGrant { user: String, [string] = 1; role: u32, [uint32] = 2; }
    PrivateState {
        salt: Bytes, [bytes = "vec"] = 1;
        name: String, [string] = 2;
        topic: String, [string] = 3;
        purpose: String, [string] = 4;
        label: String, [string] = 5;
    }
    SubmissionHeader {
        room: Bytes, [bytes = "vec"] = 1;
        term: u64, [uint64] = 2;
        epoch: u64, [uint64] = 3;
        submission_id: Bytes, [bytes = "vec"] = 4;
        counter: u64, [uint64] = 5;
        user: String, [string] = 6;
        device: Bytes, [bytes = "vec"] = 7;
        kind: u32, [uint32] = 8;
        mls_hash: Bytes, [bytes = "vec"] = 9;
        group_info_hash: Bytes, [bytes = "vec"] = 10;
        welcome_hash: Bytes, [bytes = "vec"] = 11;
    }
    Submission {
        header: Bytes, [bytes = "vec"] = 1;
        mls: Bytes, [bytes = "vec"] = 2;
        group_info: Bytes, [bytes = "vec"] = 3;
        welcome: Bytes, [bytes = "vec"] = 4;
        evidence: Many<Evidence>, [message, repeated] = 6;
    }
    Stamp {
        at: u64, [uint64] = 1;
        trust_version: u64, [uint64] = 2;
        revocations: Many<RevocationVersion>, [message, repeated] = 3;
    }
    RevocationVersion { agency: String, [string] = 1; version: u64, [uint64] = 2; }
    LogEntry {
        room: Bytes, [bytes = "vec"] = 1;
        seq: u64, [uint64] = 2;
        term: u64, [uint64] = 3;
        previous: Bytes, [bytes = "vec"] = 4;
        stamp: Option<Stamp>, [message, optional] = 5;
        header: Bytes, [bytes = "vec"] = 6;
        mls: Bytes, [bytes = "vec"] = 7;
    }
    Head {
        room: Bytes, [bytes = "vec"] = 1;
        term: u64, [uint64] = 2;
        seq: u64, [uint64] = 3;
        hash: Bytes, [bytes = "vec"] = 4;
        at: u64, [uint64] = 5;
        incarnation: Bytes, [bytes = "vec"] = 6;
    }
    LogItem { entry: Bytes, [bytes = "vec"] = 1; evidence: Many<Evidence>, [message, repeated] = 2; }
    RoomMaterial {
        ratchet_tree: Bytes, [bytes = "vec"] = 1;
        evidence: Many<Evidence>, [message, repeated] = 2;
    }

    // content.proto
    Frame {
        nonce: Bytes, [bytes = "vec"] = 1;
        seen_seq: u64, [uint64] = 2;
        seen_hash: Bytes, [bytes = "vec"] = 3;
        kind: u32, [uint32] = 4;
        content: Bytes, [bytes = "vec"] = 5;
    }
    Text { body: String, [string] = 1; markdown: bool, [bool] = 2; reply_to: Bytes, [bytes = "vec"] = 3; }
}

/// Kinds of submission.
pub const COMMIT: u32 = 2;
pub const PROPOSAL: u32 = 3;
pub const MESSAGE: u32 = 4;

/// Decodes a message that has to be in its one encoding (SPEC V-112, V-113).
pub fn read<M: Message + Default>(bytes: &[u8]) -> M {
    let message = M::decode(bytes).expect("a message");
    assert_eq!(message.encode_to_vec(), bytes, "the canonical encoding");
    message
}

/// Takes the body out of an envelope (SPEC V-114).
pub fn open<M: Message + Default>(bytes: &[u8]) -> M {
    let envelope: Envelope = read(bytes);
    assert_eq!(envelope.version, 1);
    read(&envelope.body)
}

/// Puts a message into an envelope.
pub fn wrap(message: &impl Message) -> Vec<u8> {
    Envelope { version: 1, body: message.encode_to_vec() }.encode_to_vec()
}
