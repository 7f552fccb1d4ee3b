//! The GroupInfo with which a device comes in from outside (RFC 9420 §12.4.3.2). Whoever commits
//! makes it for the epoch that begins, the hub checks what it can without a secret and keeps it
//! (SPEC "Coming in from outside").

use bytes::Bytes;
use openmls::{
    ciphersuite::{
        signable::Verifiable as _,
        signature::{OpenMlsSignaturePublicKey, SignContent},
    },
    extensions::{ExtensionType, Extensions},
    messages::group_info::{GroupInfo, VerifiableGroupInfo},
    prelude::{
        LeafNodeIndex, PublicGroup,
        tls_codec::{Serialize, VLBytes},
    },
};
use openmls_traits::{crypto::OpenMlsCrypto, signatures::Signer};

use super::{framing, suite};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits,
};

/// What RFC 9420 §12.4.3 signs a GroupInfo under.
const LABEL: &str = "GroupInfoTBS";
/// MLSMessage: version mls10, wire format mls_group_info (RFC 9420 §6).
const MESSAGE: [u8; 4] = [0, 1, 0, 4];

/// The GroupInfo of a commit as everybody may see it: of its extensions the one that lets
/// somebody in. What is for those alone who are invited goes, and so it is signed anew.
pub(super) fn public(info: &GroupInfo, signer: &impl Signer) -> Result<Bytes> {
    let whole = encode(info)?;
    let (context, extensions) = (encode(info.group_context())?, encode(info.extensions())?);
    let signature = encode(info.signature())?;
    let entrance = info.extensions().iter().filter(|e| e.extension_type() == ExtensionType::ExternalPub);
    let entrance = Extensions::<GroupInfo>::from_vec(entrance.cloned().collect());
    let entrance = encode(&entrance.map_err(|_| Error::new(Code::Bug, "group info"))?)?;

    // GroupContext ‖ extensions ‖ confirmation tag ‖ signer ‖ signature
    let tag = context.len().saturating_add(extensions.len());
    let tag_and_signer = whole.get(tag..whole.len().saturating_sub(signature.len()));
    let tag_and_signer = tag_and_signer.ok_or(Error::new(Code::Bug, "group info"))?;
    let signed = [context.as_slice(), &entrance, tag_and_signer].concat();
    let content = encode(&SignContent::new(LABEL, signed.clone().into()))?;
    let signature = signer.sign(&content).map_err(|_| Error::new(Code::Bug, "group info"))?;
    Ok([MESSAGE.as_slice(), &signed, &encode(&VLBytes::new(signature))?].concat().into())
}

/// Checks a GroupInfo against the group as it is after a commit, and that the committer has
/// signed it (SPEC V-480 to V-482). That the key in it is the epoch's nobody can check
/// who has no secret of the epoch.
pub(super) fn check(
    bytes: &Bytes,
    crypto: &impl OpenMlsCrypto,
    group: &PublicGroup,
    committer: LeafNodeIndex,
) -> Result<()> {
    ensure(bytes.len() <= limits::GROUP_INFO, Code::TooLong, "group info")?;
    let info = framing::group_info(bytes)?;
    check_extensions(&info)?;
    let leaf = group.leaf(committer).ok_or(Error::new(Code::Bug, "committer's leaf"))?;
    let bad = |_| Error::new(Code::BadGroupInfo, "group info");
    let payload = info.unsigned_payload().map_err(|_| Error::new(Code::Bug, "group info"))?;
    let same = payload == expected(group, info.extensions(), committer)?;
    ensure(same, Code::BadGroupInfo, "not the epoch's")?;
    let scheme = suite::SUITE.signature_algorithm();
    let key = OpenMlsSignaturePublicKey::from_signature_key(leaf.signature_key().clone(), scheme);
    info.verify(crypto, &key).map(drop).map_err(bad)
}

/// It lets somebody in, and holds neither the tree nor what is for members alone (SPEC V-481).
pub(super) fn check_extensions(info: &VerifiableGroupInfo) -> Result<()> {
    let one = |kind| info.extensions().iter().filter(|e| e.extension_type() == kind).count();
    let private = ExtensionType::Unknown(suite::PRIVATE_STATE);
    let fits = one(ExtensionType::ExternalPub) == 1
        && one(ExtensionType::RatchetTree) == 0
        && one(private) == 0
        && info.extensions().external_pub().is_some_and(|key| key.external_pub().as_slice().len() == 32);
    ensure(fits, Code::BadGroupInfo, "extensions")
}

/// What has to be signed: all of it is known but for the extensions.
fn expected(
    group: &PublicGroup,
    extensions: &Extensions<GroupInfo>,
    signer: LeafNodeIndex,
) -> Result<Vec<u8>> {
    Ok([
        encode(group.group_context())?,
        encode(extensions)?,
        encode(group.confirmation_tag())?,
        signer.u32().to_be_bytes().to_vec(),
    ]
    .concat())
}

fn encode(part: &impl Serialize) -> Result<Vec<u8>> {
    part.tls_serialize_detached().map_err(|_| Error::new(Code::Bug, "group info"))
}
