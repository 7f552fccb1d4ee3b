//! What an answer from another agency's directory brings along.

use super::Phone;
use crate::{
    client::{
        Event, keys,
        rows::{self, LookUpRow},
    },
    crypto,
    identity::{
        Directory as Identities, KeyPurpose, OperationalKey,
        fixture::{DAY, TestFederation, key, now, user},
    },
    ids::RequestId,
    wire::{
        self,
        device::{Directory, DirectoryAnswer, LookUp, Page, Query},
    },
};

/// SPEC V-216: by whatever way a newer descriptor comes, the app is told of other keys in it.
#[test]
fn keys_that_come_with_an_answer_are_told() {
    let federation = TestFederation::new();
    let b = &federation.agencies[1];
    let mut phone = Phone::new(80);
    phone.now = now();
    let request = RequestId::from_bytes([4; 16]);
    let look_up = LookUp { agency: b.id.clone(), query: Query::User(user("bert@b.example")) };
    phone.call(|call| {
        Identities.install(&mut call.draft, &federation.anchor)?;
        Identities.accept_trust_list(&mut call.draft, &federation.trust_list())?;
        Identities.accept_descriptor(&mut call.draft, &b.descriptor())?;
        let row = LookUpRow { look_up: wire::encode_body(&look_up).to_vec(), ..LookUpRow::default() };
        rows::write(&mut call.draft, keys::look_up(&request), &row);
        Ok(())
    });
    let mut newer = b.describe(2, now().minus(DAY));
    let added = key(90).verify_key();
    let until = now().plus(DAY);
    newer.keys.push(OperationalKey::new(KeyPurpose::Revocation, added.as_bytes(), now(), until));
    let answer = DirectoryAnswer { look_up_id: request, look_up, at: now(), outcome: Ok(Page::default()) };
    let directory = Directory {
        answer: crypto::sign(answer, &[&b.server]).into_signed().into(),
        descriptor: newer.sign(&b.root).unwrap().into(),
    };
    phone.call(|call| call.looked_up(directory));
    let told = phone.client.events(&phone.store, 0, 10).unwrap();
    let told: Vec<_> = told.into_iter().map(|(_, event)| event).collect();
    let agency = b.id.clone();
    let keys = vec![(KeyPurpose::Revocation, added.id())];
    assert_eq!(
        told,
        [
            Event::AgencyKeysChanged { agency: agency.clone(), descriptor: 2, added: keys, dropped: vec![] },
            Event::Found { request, agency, users: vec![], next: None },
        ]
    );
}
