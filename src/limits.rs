//! Every bound of the protocol in one table (SPEC chapter "Limits"). Sizes in bytes unless said otherwise.

use core::time::Duration;

/// An agency id: the longest domain name.
pub const AGENCY_ID: usize = 253;
/// The local part of a user id.
pub const USER_LOCAL_PART: usize = 64;
/// What an app ships with of its federation: name, root keys, threshold.
pub const FEDERATION: usize = 16 << 10;
/// A trust list with its signatures; room for 2,000 agencies.
pub const TRUST_LIST: usize = 1 << 20;
/// Root keys of a federation, and signatures on one trust list.
pub const ROOT_KEYS: usize = 32;
/// Agencies on one trust list.
pub const AGENCIES: usize = 2_000;
/// An agency descriptor with its signature.
pub const DESCRIPTOR: usize = 16 << 10;
/// Operational keys in one descriptor.
pub const OPERATIONAL_KEYS: usize = 32;
/// Endpoints, versions or suites in one descriptor.
pub const DESCRIPTOR_ITEMS: usize = 32;
/// An endpoint, a URL of the host's transport.
pub const ENDPOINT: usize = 1_024;
/// The longest validity of a descriptor.
pub const DESCRIPTOR_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// How long before the end of its descriptor an agency's operators are told.
pub const DESCRIPTOR_DUE: Duration = Duration::from_secs(7 * 86_400);
/// One link of a user chain with both signatures.
pub const CHAIN_LINK: usize = 2_048;
/// Links in one user chain.
pub const CHAIN_LINKS: usize = 1_024;
/// How long a role's delegation lasts: at most.
pub const DELEGATION: Duration = Duration::from_secs(7 * 86_400);
/// Identities of one user of which the chains are kept: the newest, and those that it replaced.
pub const IDENTITIES_KEPT: usize = 8;
/// Links that tell of one user: the whole chain, and entry 0 of those that it replaced.
pub const CHAIN_HISTORY: usize = CHAIN_LINKS + IDENTITIES_KEPT;
/// Chains of one user, whole or in part, among the links that somebody gives at one time: each one twice.
pub const CHAINS_OF_USER: usize = 2 * IDENTITIES_KEPT;
/// Two links for one place, as evidence.
pub const CHAIN_FORK: usize = 2 * CHAIN_LINK + 64;
/// A device certificate with its signature; it is the MLS credential, so small.
pub const CERTIFICATE: usize = 1_200;
/// The longest validity of a device certificate.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(400 * 86_400);
/// How long before the end of its certificate a device tells its app, if three quarters of the certificate's time are
/// over by then.
pub const CERTIFICATE_DUE: Duration = Duration::from_secs(30 * 86_400);
/// Within how long a device brings a newer certificate into its rooms, where the older one holds twice as long.
pub const RENEWAL_SPREAD: Duration = Duration::from_secs(7 * 86_400);
/// How many keys for each level of a room's tree a device's commits are encrypted to before it fills the tree.
pub const PATH_KEYS: usize = 3;
/// Leaves under the lowest node of a room's tree that is filled for that.
pub const PATH_SUBTREE: usize = 16;
/// Within how long a device fills a room's tree where that is needed, for each device in the room.
pub const PATH_SPREAD: Duration = Duration::from_secs(5);
/// A revocation list with its signature.
pub const REVOCATION_LIST: usize = 1 << 20;
/// Two documents of which one denies the other, as evidence: revocation lists are the longest.
pub const CONTRADICTION: usize = 2 * REVOCATION_LIST + 64;
/// How far in the future a revocation list may have been issued, by the clock of whoever takes it.
pub const REVOCATION_AHEAD: Duration = Duration::from_secs(3_600);
/// Entries of one revocation list.
pub const REVOCATIONS: usize = 10_000;
/// The longest time from a revocation list to the next.
pub const REVOCATION_UPDATE: Duration = Duration::from_secs(86_400);
/// How long past its time for an update a revocation list is enough for new devices of its agency.
pub const REVOCATION_GRACE: Duration = Duration::from_secs(2 * 86_400);
/// How long before its time an agency's operators are told that a revocation list is due.
pub const REVOCATIONS_DUE: Duration = Duration::from_secs(6 * 3_600);
/// A signed offer of a new device.
pub const DEVICE_OFFER: usize = 1_024;
/// What a new device brings to its registrar.
pub const ENROLMENT_REQUEST: usize = 4_096;
/// What a registrar gives back.
pub const ENROLMENT: usize = 20 << 20;
/// Trust lists in one enrolment: the latest.
pub const ENROLMENT_TRUST_LISTS: usize = 16;
/// How long a link code is good for, and how long each later step may take.
pub const LINK_STEP: Duration = Duration::from_secs(5 * 60);
/// What a new device sends to the one that shows the code.
pub const LINK_REQUEST: usize = 2_048;
/// What it is answered.
pub const LINK_REPLY: usize = 1 << 20;
/// How long a server keeps a mailbox in which two devices meet: all steps.
pub const MAILBOX_KEPT: Duration = Duration::from_secs(15 * 60);
/// The app's own settings in that answer.
pub const LINK_SETTINGS: usize = 64 << 10;
/// Compared safety numbers in that answer.
pub const LINK_VERIFIED: usize = 1_024;
/// The file in which history is handed over, as it is named in that answer.
pub const LINK_FILE: usize = 512;
/// How long a device that was endorsed is waited for, to be brought into its user's rooms.
pub const COMPANION_AWAITED: Duration = Duration::from_secs(7 * 86_400);
/// How long a history that is handed over can be fetched, at most.
pub const HISTORY_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Messages of a history that are imported at one time.
pub const IMPORTED: usize = 1_024;
/// How old an enrolment request may be when the registrar decides on it.
pub const ENROLMENT_AGE: Duration = Duration::from_secs(7 * 86_400);
/// How far ahead of the time, as far as it knows it, a device follows a log: what is from later waits.
pub const LOG_AHEAD: Duration = Duration::from_secs(86_400);
/// How far two honest clocks may differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);
/// Descriptors kept per agency: the latest.
pub const DESCRIPTORS_KEPT: usize = 256;
/// The name of a federation, of a root key's holder, of a recovery key's owner.
pub const NAME: usize = 253;
/// How long after its expiry a trust list still serves what is already running.
pub const TRUST_LIST_GRACE: Duration = Duration::from_secs(7 * 86_400);
/// How long before its end operators are told that the federation's next trust list is due.
pub const TRUST_LIST_DUE: Duration = Duration::from_secs(30 * 86_400);

/// The enforceable state of a room.
pub const ROOM_STATE: usize = 64 << 10;
/// Users with a role other than the default.
pub const ROLE_GRANTS: usize = 256;
/// Users banned from a room.
pub const BANS: usize = 256;
/// Chains that a room's state shows because they have removed devices.
pub const SHOWN_CHAINS: usize = 256;
/// Agencies whose users may join a room by themselves, where they are named.
pub const JOIN_AGENCIES: usize = 256;
/// What a room's public listing says beside its name.
pub const LISTING_SUMMARY: usize = 1_024;
/// Replicas of a room's log.
pub const REPLICAS: usize = 5;
/// The private state of a room (name, topic, purpose, label).
pub const PRIVATE_STATE: usize = 8 << 10;
/// A room's name.
pub const ROOM_NAME: usize = 256;
/// A room's topic or purpose.
pub const ROOM_TOPIC: usize = 2_048;
/// A confidentiality label.
pub const ROOM_LABEL: usize = 253;
/// The GroupInfo of an epoch, without ratchet tree.
pub const GROUP_INFO: usize = 128 << 10;
/// Devices in one room.
pub const MEMBERS: usize = 10_000;
/// A leaf of the ratchet tree, certificate included.
pub const LEAF: usize = 2 << 10;
/// A key package.
pub const KEY_PACKAGE: usize = 8 << 10;
/// Key packages in one upload.
pub const KEY_PACKAGES: usize = 100;
/// One-time key packages kept per device.
pub const KEY_PACKAGES_KEPT: usize = 200;
/// Below this many one-time key packages a device is told to publish more.
pub const KEY_PACKAGES_LOW: usize = 10;
/// One MLS message: a commit that adds a batch of members, or content at its largest.
pub const MLS_MESSAGE: usize = 1 << 20;
/// A ratchet tree, at the largest room.
pub const RATCHET_TREE: usize = 16 << 20;
/// A submission of a device with everything it carries.
pub const SUBMISSION: usize = 20 << 20;
/// Signed documents that travel with one log entry or room material.
pub const EVIDENCE: usize = 20_000;
/// A signed submission header.
pub const SUBMISSION_HEADER: usize = 1_200;
/// Agencies whose revocation lists one stamp names.
pub const ROOM_AGENCIES: usize = 256;
/// One log entry: its MLS message, its header, its stamp.
pub const LOG_ENTRY: usize = MLS_MESSAGE + (80 << 10);
/// A Welcome with the log entry to which it belongs.
pub const INVITATION: usize = LOG_ENTRY + MLS_MESSAGE + (4 << 10);
/// A signed head.
pub const HEAD: usize = 1_024;
/// What a joiner needs beside its Welcome: ratchet tree and evidence.
pub const ROOM_MATERIAL: usize = 23 << 20;
/// A signed refusal of a submission.
pub const REFUSAL: usize = 1_024;
/// Ratchet generations that may arrive out of order, and so messages of one device that may be
/// under way to one room. The log is ordered, but the way to it is not.
pub const OUT_OF_ORDER: u32 = 16;
/// Ratchet generations that a message may be ahead of the last one seen.
pub const FORWARD_DISTANCE: u32 = 1_000;

/// The encoded content of a message.
pub const CONTENT: usize = 60 << 10;
/// The smallest size class of a message. The classes are this and its doubles, and 1.5 times each.
pub const SIZE_CLASS_MIN: usize = 512;
/// The largest size class of a message.
pub const SIZE_CLASS_MAX: usize = 64 << 10;
/// A text.
pub const TEXT: usize = 32 << 10;
/// A reaction.
pub const REACTION: usize = 64;
/// An inline preview.
pub const PREVIEW: usize = 24 << 10;
/// A preview in a file of its own.
pub const PREVIEW_FILE: u64 = 4 << 20;
/// A file name.
pub const FILE_NAME: usize = 255;
/// A media type.
pub const MEDIA_TYPE: usize = 127;
/// Users mentioned in one text.
pub const MENTIONS: usize = 64;
/// Messages in one batch of receipts.
pub const RECEIPTS: usize = 256;
/// What a location is called.
pub const LOCATION_NAME: usize = 253;
/// The accuracy of a location, in centimetres: farther is nowhere on earth.
pub const LOCATION_ACCURACY: u32 = 2_000_000_000;
/// How long a message may be kept that says so itself.
pub const MESSAGE_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

/// A chunk of an attachment, at its smallest: log2.
pub const CHUNK_LOG2_MIN: u8 = 16;
/// A chunk of an attachment, at its largest: log2. Chunks of this size hold the largest attachment.
pub const CHUNK_LOG2_MAX: u8 = 24;
/// Chunks in one attachment.
pub const CHUNKS: u64 = 65_536;
/// Bytes of chunks that are sealed or opened at once where all cores work at it, at most.
pub const CHUNK_WINDOW: usize = 32 << 20;
/// The header of a sealed attachment.
pub const BLOB_HEADER: usize = 64;
/// What a server knows of an attachment: header, chunk hashes, lengths.
pub const BLOB_INFO: usize = (2 << 20) + (1 << 10);
/// An attachment: 1 TiB.
pub const ATTACHMENT: u64 = 1 << 40;

/// Attachments of which a device asks at one time how far its server is with them.
pub const BLOBS_WANTED: usize = 64;
/// How long a server waits for the next chunk of an upload before it gives it up.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Chunks of one attachment that a device sends before its server has answered the first of them.
pub const UPLOAD_WINDOW: usize = 8;
/// Chunks of one attachment that a server asks another for at one time.
pub const CHUNKS_UNDER_WAY: u64 = 16;
/// How often a server asks for a chunk that comes otherwise than its hash says, before it gives
/// the attachment up for a while.
pub const CHUNK_WRONG: u32 = 3;
/// After how long a server asks another again for an attachment that it was not given.
pub const BLOB_ASKED_AGAIN: Duration = Duration::from_secs(600);
/// Attachments of other agencies, not here yet, for which a device may ask at once.
pub const BLOBS_ELSEWHERE: u64 = 1_024;
/// After how long for one more.
pub const BLOBS_ELSEWHERE_EVERY: Duration = Duration::from_secs(1);
/// Attachments that are kept of what one user has uploaded, unless the operators say otherwise.
pub const UPLOADS: u64 = 10_000;
/// Bytes of them.
pub const UPLOAD_BYTES: u64 = 256 << 30;
/// Attachments of other agencies that are kept for one user who was the first to ask, unless the
/// operators say otherwise.
pub const FETCHED: u64 = 100_000;
/// Bytes of them.
pub const FETCHED_BYTES: u64 = 1 << 40;
/// Attachments that are kept of one other agency, unless the operators say otherwise.
pub const FETCHED_OF_AGENCY: u64 = 1_000_000;
/// Bytes of them.
pub const FETCHED_OF_AGENCY_BYTES: u64 = 16 << 40;
/// How long a server keeps an attachment: at most.
pub const BLOB_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

/// Fields of one message, at every depth.
pub const FIELDS: usize = 1 << 17;
/// A request of a device or a reply to it.
pub const DEVICE_MESSAGE: usize = 24 << 20;
/// A message of a few ids and numbers, signed or not.
pub const SMALL: usize = 2_048;
/// A key package claim.
pub const CLAIM: usize = 24 << 10;
/// Users in one key package claim.
pub const CLAIM_USERS: usize = 64;
/// Users whom one command of an app invites, beside the own one: as many as may be claimed at once.
pub const INVITED: usize = 1_024;
/// Of these, how many are claimed at one time.
pub const INVITED_AT_ONCE: usize = 128;
/// How often in a row a commit of an invitation is made anew that its hub has refused for somebody who is to
/// be added.
pub const INVITED_ANEW: u32 = 3;
/// Devices that one commit of an invitation adds.
pub const ADDED: usize = 128;
/// Bytes of their key packages: half of what a commit may have, for what else may be in it.
pub const ADDED_BYTES: usize = 512 << 10;
/// Devices of one user.
pub const DEVICES_PER_USER: usize = 32;
/// Rooms in one synchronisation.
pub const SYNC_ROOMS: usize = 4_096;
/// Log entries in one delivery.
pub const DELIVERY_ENTRIES: usize = 256;
/// Items of an inbox in one delivery: with whatever is in them, they have fewer fields than a
/// message may have.
pub const DELIVERY_ITEMS: usize = 128;
/// Bytes of log entries after which a delivery ends (one entry always fits).
pub const DELIVERY_BYTES: usize = 4 << 20;
/// Rows addressed to one device alone that wait for it.
pub const DEVICE_INBOX: usize = 4_096;

/// Submission counters of a device that its server remembers.
pub const COUNTERS: u64 = 1_024;
/// Private keys of key packages that a device holds: past this it offers no more one-time ones.
pub const KEY_PACKAGES_HELD: usize = 1_000;
/// How long a device knows what a request of its app became, after it was made.
pub const RECEIPT_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a server keeps what a joiner needs beside its Welcome.
pub const INVITATION_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long after it has asked for the way into a room a device may come in.
pub const ENTRANCE_KEPT: Duration = Duration::from_secs(86_400);
/// How many commits of a device have to come too late in a row before its hub waits for it.
pub const LATE_IN_A_ROW: u32 = 3;
/// Devices of a room whose late commits its hub counts; of more the last, and those that had a turn.
pub const LATE_DEVICES: usize = 8;
/// How long a hub waits for the commit of a device whose commits came too late.
pub const TURN: Duration = Duration::from_secs(5);
/// How long after a turn a device has no further one.
pub const TURN_EVERY: Duration = Duration::from_secs(600);
/// How long the refusal of a submission is repeated.
pub const REFUSAL_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How far the clock of a device that claims key packages may be off, the way to their server
/// included. So long after its time a claim is answered in the same way.
pub const CLAIM_KEPT: Duration = Duration::from_secs(86_400);
/// Users of one agency whom a user may claim at once, with all devices together.
pub const CLAIMS: u64 = 1_024;
/// After how long one more may be claimed.
pub const CLAIMS_EVERY: Duration = Duration::from_secs(4);
/// Users of other agencies whom a device may claim at once, of all of them together.
pub const CLAIMS_ELSEWHERE: u64 = 4_096;
/// After how long one more.
pub const CLAIMS_ELSEWHERE_EVERY: Duration = Duration::from_secs(1);
/// How often in a row a user may claim another one.
pub const CLAIMS_OF_USER: u64 = 16;
/// After how long once more.
pub const CLAIMS_OF_USER_EVERY: Duration = Duration::from_secs(600);
/// How often in a row a user may claim the own devices.
pub const CLAIMS_OF_SELF: u64 = 256;
/// After how long once more.
pub const CLAIMS_OF_SELF_EVERY: Duration = Duration::from_secs(60);
/// Users of one agency whom all devices of another may claim at once.
pub const CLAIMS_OF_AGENCY: u64 = 16_384;
/// After how long they may claim one more.
pub const CLAIMS_OF_AGENCY_EVERY: Duration = Duration::from_secs(1);
/// How often in a row a device may ask for the way into a room.
pub const ENTRANCES: u64 = 256;
/// After how long it may ask once more.
pub const ENTRANCES_EVERY: Duration = Duration::from_secs(4);
/// How often in a row all devices of another agency may ask for the way into rooms of one hub.
pub const ENTRANCES_OF_AGENCY: u64 = 4_096;
/// After how long they may ask once more.
pub const ENTRANCES_OF_AGENCY_EVERY: Duration = Duration::from_secs(1);

/// What another agency may be answered at once, in pieces of up to 64 KiB: key packages, ways in,
/// attachments' hashes, documents.
pub const ANSWERS_OF_AGENCY: u64 = 4_096;
/// After how long one more.
pub const ANSWERS_OF_AGENCY_EVERY: Duration = Duration::from_secs(1);
/// After how long what may have been lost at another server goes there, or is asked for, again.
pub const LOST_AGAIN: Duration = Duration::from_secs(600);
/// How long a life of a link lasts at least before the peer's store can end it.
pub const LIFE_AT_LEAST: Duration = Duration::from_secs(60);
/// How often in a row entries that are missing are asked for: for a day.
pub const WANTED_TRIES: u32 = 144;
/// How long an answer waits for an agency that cannot be reached.
pub const ANSWER_KEPT: Duration = Duration::from_secs(3_600);

/// Records of claims that a server keeps for a device until it reads them. While there are so
/// many, nothing more of the device is given out.
pub const CLAIM_RECORDS: u64 = 1_024;
/// Of these, those of claims of one agency.
pub const CLAIM_RECORDS_OF_AGENCY: u64 = 256;
/// Records of claims in one delivery.
pub const DELIVERY_RECORDS: usize = 64;
/// Records of claims that a device keeps: the latest.
pub const CLAIMS_KNOWN: usize = 1_024;

/// Entries in an agency's directory.
pub const DIRECTORY_ENTRIES: u64 = 1_000_000;
/// The name or unit in a directory.
pub const DIRECTORY_NAME: usize = 128;
/// Words of a name or unit under which a directory finds it: the first.
pub const DIRECTORY_WORDS: usize = 8;
/// Other agencies that may find one entry of a directory, where not all do.
pub const DIRECTORY_AGENCIES: usize = 32;
/// Users on one page of a directory.
pub const DIRECTORY_PAGE: usize = 32;
/// Rooms on one page of what listings say.
pub const LISTED_ROOMS: usize = 16;
/// Places in a directory that are looked at for one page.
pub const DIRECTORY_LOOKED: usize = 1_024;
/// A signed answer of a directory.
pub const DIRECTORY_ANSWER: usize = 32 << 10;
/// A text to search a directory for.
pub const SEARCH_TEXT: usize = 128;
/// Letters and digits in it, at least.
pub const SEARCH_LETTERS: usize = 3;
/// A place in a directory, as an answer names it.
pub const SEARCH_PLACE: usize = 512;
/// Look-ups that a device may ask of its server at once.
pub const LOOK_UPS: u64 = 64;
/// After how long it may ask one more.
pub const LOOK_UPS_EVERY: Duration = Duration::from_secs(10);
/// Look-ups that all devices of another agency may ask at once.
pub const LOOK_UPS_OF_AGENCY: u64 = 2_048;
/// After how long they may ask one more.
pub const LOOK_UPS_OF_AGENCY_EVERY: Duration = Duration::from_secs(2);
/// How long a server waits for another agency's answer to a look-up.
pub const LOOK_UP_KEPT: Duration = Duration::from_secs(3_600);
/// Look-ups of a device that wait for an answer.
pub const LOOK_UPS_UNDER_WAY: usize = 64;

/// Invitations that wait for the user's word.
pub const ASKED: usize = 64;
/// Of these, those of one inviter.
pub const ASKED_BY_ONE: usize = 8;
/// Users and agencies that a device blocks.
pub const BLOCKED: usize = 1_024;

/// A link frame.
pub const FRAME: usize = 32 << 20;
/// Items in one frame.
pub const FRAME_ITEMS: usize = 256;
/// Bytes of items after which a frame ends (one item always fits).
pub const FRAME_BYTES: usize = 4 << 20;
/// Fields of items after which a frame ends (one item always fits). The rest up to [`FIELDS`] is for documents that go along.
pub const FRAME_FIELDS: usize = 114_688;
/// Frames sent to a peer and not yet acknowledged.
pub const FRAMES_IN_FLIGHT: u64 = 64;
/// A signed acknowledgement, with the descriptor that names its key.
pub const ACK: usize = DESCRIPTOR + 1_024;
/// After how long a frame that is not acknowledged is sent again: at first; the time doubles.
pub const FRAME_RETRY: Duration = Duration::from_secs(2);
/// After how long a frame that is not acknowledged is sent again: at most.
pub const FRAME_RETRY_MAX: Duration = Duration::from_secs(300);

/// How long a hub says nothing of an active room's log, at most, to whoever follows it.
pub const HEARTBEAT: Duration = Duration::from_secs(600);
/// How long after its last entry a room is active.
pub const ROOM_ACTIVE: Duration = Duration::from_secs(3_600);
/// How long nothing newer is heard of an active room before somebody is told.
pub const ROOM_SILENT: Duration = Duration::from_secs(1_800);

/// Rows in one batch.
pub const BATCH_ROWS: usize = 100_000;
/// Bytes in one batch.
pub const BATCH_BYTES: usize = 64 << 20;
/// Entries of a room's log within which a device knows a message that comes a second time.
pub const MESSAGES_KNOWN: u64 = 4_096;
/// Entries of a room's log within which a message can be edited, deleted, reacted to or receipted.
pub const MESSAGES_INDEXED: u64 = 65_536;
/// Items of one room on their way, or epochs looked back over and remembered, at one time.
pub const OUTBOX: usize = 4_096;
/// The longest wait before something unanswered is sent again, in milliseconds.
pub const RETRY_MAX_MILLIS: u64 = 600_000;
/// Invitations that a device is taking up at one time; further ones fail.
pub const INVITATIONS: usize = 1_024;
/// How often a device asks again for the evidence that an invitation lacks: for some three hours.
pub const EVIDENCE_ASKED: u32 = 24;
/// Events kept for the app until it acknowledges them, read at one time.
pub const EVENTS: usize = 1_024;
