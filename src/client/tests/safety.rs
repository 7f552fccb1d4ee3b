//! Verified safety numbers and the end of them.

use super::Phone;
use crate::{
    client::{Command, Event, Output, keys},
    code::Code,
    error::Result,
    identity::{
        Directory,
        fixture::{TestFederation, user},
    },
    ids::{Hash, UserId},
};

/// Of before, and from now on.
const IDENTITIES: [Hash; 2] = [Hash::from_bytes([9; 32]), Hash::from_bytes([8; 32])];

impl Phone {
    /// A phone of `police.nord.example` that knows itself under the name of the fixture's Anna.
    fn acquainted(federation: &mut TestFederation) -> Self {
        let (anna, ben) = (federation.person("anna@a.example", 1), federation.person("ben@b.example", 2));
        let (chains, documents) = ([anna.chain(), ben.chain()].concat(), federation.agencies.each_ref());
        let mut phone = Phone::new(60);
        phone.call(|call| {
            call.change_account(|row| row.user = "anna@a.example".into())?;
            Directory.install(&mut call.draft, &federation.anchor)?;
            Directory.accept_trust_list(&mut call.draft, &federation.trust_list())?;
            for agency in documents {
                Directory.accept_descriptor(&mut call.draft, &agency.descriptor())?;
            }
            crate::identity::fixture::take_chain(&mut call.draft, &chains).map(drop)
        });
        phone
    }

    fn mark(&mut self, with: &UserId) -> Vec<Output> {
        let number = self.client.safety_number(&self.store, with).unwrap();
        self.call(|call| call.mark_verified(with, &number).map(drop))
    }

    fn is_verified(&self, with: &UserId) -> Result<bool> {
        self.client.is_verified(&self.store, with)
    }

    /// As if these users had been known under another identity.
    fn learns_of_another_identity(&mut self, of: &UserId) {
        let [before, now] = IDENTITIES;
        self.call(|call| call.identity_changed(of.clone(), before, now));
    }

    fn identities_told(&self) -> Vec<Event> {
        self.client.events(&self.store, 0, 100).unwrap().into_iter().map(|(_, event)| event).collect()
    }
}

/// SPEC V-283
#[test]
fn a_mark_ends_with_the_identity_and_the_user_is_told() {
    let mut federation = TestFederation::new();
    let mut phone = Phone::acquainted(&mut federation);
    let ben = user("ben@b.example");
    assert_eq!(phone.is_verified(&ben), Ok(false));
    phone.mark(&ben);
    assert_eq!(phone.is_verified(&ben), Ok(true));

    phone.learns_of_another_identity(&ben);
    assert_eq!(phone.is_verified(&ben), Ok(false));
    assert!(phone.rows(&keys::all_verified()).is_empty());
    // Nobody is verified any more, but the change is told all the same.
    phone.learns_of_another_identity(&ben);
    let [before, now] = IDENTITIES;
    let told =
        [true, false].map(|verified| Event::IdentityChanged { user: ben.clone(), before, now, verified });
    assert_eq!(phone.identities_told(), told);
}

/// SPEC V-283
#[test]
fn the_own_reset_ends_all_marks() {
    let mut federation = TestFederation::new();
    let mut phone = Phone::acquainted(&mut federation);
    phone.mark(&user("ben@b.example"));
    phone.learns_of_another_identity(&user("anna@a.example"));
    assert_eq!(phone.is_verified(&user("ben@b.example")), Ok(false));
}

/// SPEC V-283: nothing that is known already, and nothing that is not good, is a change.
#[test]
fn what_is_no_change() {
    let mut federation = TestFederation::new();
    let mut phone = Phone::acquainted(&mut federation);
    phone.mark(&user("ben@b.example"));
    let mut other = TestFederation::new();
    // Another identity, but not one that takes the place of the one that is known.
    let rival = other.person("ben@b.example", 7).chain().to_vec();
    phone.call(|call| {
        let taken = crate::identity::fixture::take_chain(&mut call.draft, &rival)?;
        assert_eq!((taken.resets.len(), taken.forks.len()), (0, 1));
        call.took_links(taken)
    });
    assert_eq!(phone.is_verified(&user("ben@b.example")), Ok(true));
    let told = phone.identities_told();
    assert!(matches!(&told[..], [Event::ChainForked { fork }] if fork.user() == &user("ben@b.example")));
    let known = federation.person("carl@c.example", 3).chain().to_vec();
    phone.call(|call| {
        for _ in ["first contact", "again"] {
            let taken = crate::identity::fixture::take_chain(&mut call.draft, &known)?;
            assert!(taken.resets.is_empty());
            call.took_links(taken)?;
        }
        Ok(())
    });
    assert_eq!(phone.identities_told(), told);
}

#[test]
fn what_cannot_be_marked() {
    let mut federation = TestFederation::new();
    let mut phone = Phone::acquainted(&mut federation);
    let (anna, ben) = (user("anna@a.example"), user("ben@b.example"));
    let number = phone.client.safety_number(&phone.store, &ben).unwrap();
    let missing = phone.client.safety_number(&phone.store, &user("carl@c.example"));
    assert_eq!(missing.unwrap_err().code(), Code::MissingEvidence);
    assert_eq!(phone.client.safety_number(&phone.store, &anna).unwrap_err().code(), Code::BadArgument);
    let stale = crate::identity::SafetyNumber::of_identities(
        (&anna, &Hash::from_bytes([1; 32])),
        (&ben, &Hash::from_bytes([2; 32])),
    );
    phone.call(|call| {
        let refused = call.mark_verified(&ben, &stale.unwrap()).unwrap_err();
        assert_eq!(refused.code(), Code::SafetyNumberDiffers);
        Ok(())
    });
    assert_eq!(phone.is_verified(&ben), Ok(false));
    phone.call(|call| {
        call.carry_out(Command::MarkVerified { user: ben.clone(), number })?;
        call.carry_out(Command::UnmarkVerified { user: ben.clone() }).map(drop)
    });
    assert_eq!(phone.is_verified(&ben), Ok(false));
}
