//! Whose server this is.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    Output,
    call::{Cache, Call, Own},
    keys, rows,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{Directory, Federation, SigningKey},
    ids::{AgencyId, IncarnationId},
    store::{Ctx, Draft, Transition, corrupt},
};

/// What a server is set up with.
pub struct Setup {
    /// The agency.
    pub agency: AgencyId,
    /// The key with which frames, heads and refusals are signed; the descriptor names it.
    pub server_key: SigningKey,
    /// The anchor.
    pub federation: Federation,
    /// The federation's trust list: a `SignedEnvelope`.
    pub trust_list: Vec<u8>,
    /// The agency's descriptor: a `SignedEnvelope`.
    pub descriptor: Vec<u8>,
}

const STAMP: &[u8; 1] = b"g";
const AGENCY: &[u8; 1] = b"a";
const KEY: &[u8; 1] = b"k";
const INCARNATION: &[u8; 1] = b"i";

pub(super) fn set_up(ctx: Ctx<'_>, setup: &Setup) -> Result<Transition<(), Output>> {
    let mut draft = Draft::new(ctx);
    draft.guard(keys::own(STAMP))?;
    let before = draft.get(&keys::own(AGENCY))?;
    let same = before.as_ref().is_none_or(|agency| agency == setup.agency.as_str().as_bytes());
    ensure(same, Code::BadArgument, "the store is another agency's")?;

    Directory.install(&mut draft, &setup.federation)?;
    Directory.accept_trust_list(&mut draft, &setup.trust_list.clone().into())?;
    Directory.accept_descriptor(&mut draft, &setup.descriptor.clone().into())?;
    let key = setup.server_key.verify_key();
    let now = draft.now();
    Directory.server_key(&draft, &setup.agency, &key.id(), now)?;

    if before.is_none() {
        let incarnation = IncarnationId::random(draft.rng());
        draft.put(keys::own(AGENCY), setup.agency.as_str().into());
        draft.put(keys::own(INCARNATION), incarnation.as_bytes().to_vec());
    }
    draft.put(keys::own(KEY), setup.server_key.seed().to_vec());
    draft.finish(())
}

impl Call<'_, '_> {
    /// Begins another life of the store (SPEC V-568).
    pub(super) fn put_back(&mut self) -> Result<()> {
        self.draft.guard(keys::own(STAMP))?;
        let incarnation = IncarnationId::random(self.draft.rng());
        self.draft.put(keys::own(INCARNATION), incarnation.as_bytes().to_vec());
        self.look_through_later(None);
        Ok(())
    }
}

/// Reads who we are, unless that is known.
pub(super) fn own(draft: &Draft<'_>, cache: &mut Cache) -> Result<Arc<Own>> {
    let stamp = draft.get(&keys::own(STAMP))?.ok_or(Error::new(Code::NotReady, "server is not set up"))?;
    if let Some((known, own)) = &cache.own
        && *known == stamp
    {
        return Ok(own.clone());
    }
    let row = |part| draft.get(&keys::own(part))?.ok_or(corrupt("server identity"));
    let agency = String::from_utf8(row(AGENCY)?).map_err(|_| corrupt("server identity"))?;
    let seed = Zeroizing::new(row(KEY)?);
    let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| corrupt("server identity"))?;
    let own = Arc::new(Own {
        agency: AgencyId::parse(&agency).map_err(rows::unreadable)?,
        key: SigningKey::from_seed(seed),
        incarnation: IncarnationId::from_slice(&row(INCARNATION)?).map_err(rows::unreadable)?,
    });
    cache.own = Some((stamp, own.clone()));
    Ok(own)
}
