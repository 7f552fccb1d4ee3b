//! Lives of a link. One begins with the first frame, and another one when the store of either end was put
//! back to an earlier state: then neither numbers nor hashes of before mean anything any more (SPEC V-557,
//! V-558).

use rand_core::Rng as _;

use super::{
    super::{Output, call::Call, keys::LinkKeys, rows::OutRow},
    outgoing::read_frame,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{
        fields::raw,
        link::{LinkAck, LinkItem},
    },
};

impl OutRow {
    /// Under which number a frame is kept: past all that were acknowledged in earlier lives. What was not
    /// lies after those of this life, and each goes under the number that it has there.
    pub(super) fn place(&self, number: u64) -> u64 {
        self.base.saturating_add(number)
    }
}

impl Call<'_, '_> {
    /// The link as it is in the present life of the own store.
    pub(super) fn present(&mut self, link: &LinkKeys) -> Result<OutRow> {
        let mut out = self.out(link)?;
        if out.own != self.own.incarnation.as_bytes().as_slice() {
            self.begin_anew(&mut out);
        }
        Ok(out)
    }

    /// Begins to number anew. What was not acknowledged goes again, before all else.
    fn begin_anew(&mut self, out: &mut OutRow) {
        let mut life = [0; 16];
        self.draft.rng().fill_bytes(&mut life);
        *out = OutRow {
            life: raw(&life),
            own: raw(self.own.incarnation.as_bytes()),
            peer: out.peer.clone(),
            base: out.place(out.acked),
            left: out.left.saturating_add(out.made.saturating_sub(out.acked)),
            acked_at: out.acked_at,
            made_at: out.made_at,
            began_at: out.began_at,
            ..OutRow::default()
        };
    }

    /// The items of the oldest frame of an earlier life that was not acknowledged. The next of this life takes
    /// its place.
    pub(super) fn left_over(&self, link: &LinkKeys, out: &mut OutRow) -> Result<Vec<LinkItem>> {
        let oldest = link.frame(out.place(out.made.saturating_add(1)));
        let row = self.draft.get(&oldest)?.ok_or(corrupt("frame is missing"))?;
        out.left = out.left.saturating_sub(1);
        Ok(read_frame(row)?.claimed().items.clone())
    }

    /// Says whether whoever acknowledges has another store than before: then the link begins anew, and it is
    /// told everything again (SPEC V-558).
    pub(super) fn peer_began_anew(
        &mut self,
        link: &LinkKeys,
        out: &mut OutRow,
        ack: &LinkAck,
    ) -> Result<bool> {
        let known = core::mem::replace(&mut out.peer, raw(ack.store.as_bytes()));
        if known == out.peer {
            return Ok(false);
        }
        let again = !known.is_empty();
        if again {
            let later = ack.at > Timestamp::from_millis(out.acked_at);
            ensure(later, Code::RolledBack, "an earlier life of the store")?;
            // All that waits is signed again each time: not as often as anybody likes.
            let (began, now) = (Timestamp::from_millis(out.began_at), self.now());
            let next = began.plus(limits::LIFE_AT_LEAST);
            if began <= now && now < next {
                return Err(Error::new(Code::Quota, "lives of a link").after(next));
            }
            self.begin_anew(out);
            out.began_at = now.as_millis();
            out.acked_at = ack.at.as_millis();
            self.draft.delete_prefix(link.all_told());
            self.output(Output::PeerPutBack(ack.from.clone()));
            self.output(Output::LinkReady(ack.from.clone()));
        }
        self.draft.guard(link.guard_out())?;
        self.write(link.outgoing(), out);
        Ok(again)
    }
}
