//! What the own server says to an enrolment.

use super::{DAY, Phone};
use crate::{
    client::{Event, Output, keys},
    code::Code,
    ids::RequestId,
    time::Timestamp,
    wire::device::{Failure, ReplyBody, ServerReply},
};

const ENROL: RequestId = RequestId::from_bytes([7; 16]);

impl Phone {
    /// A device whose server has not answered its enrolment.
    fn unknown(seed: u8) -> Self {
        let mut phone = Phone::new(seed);
        phone.call(|call| {
            call.change_account(|row| {
                row.enrolled = false;
                row.enrol = ENROL.as_bytes().to_vec();
            })
        });
        phone
    }

    fn refuse(&mut self, code: Code) {
        let failure = Failure { reason: code.into(), retry_at: Timestamp::ZERO };
        let reply = || ServerReply { request_id: ENROL, body: ReplyBody::Failure(failure.clone()) };
        self.call(|call| call.reply(reply(), None));
    }

    fn failures(&self) -> Vec<Code> {
        let events = self.client.events(&self.store, 0, 100).unwrap();
        let code = |event: Event| match event {
            Event::Failed { request: ENROL, code, .. } => code,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(|(_, event)| code(event)).collect()
    }

    /// Whether it asks again in a day.
    fn asks_again(&mut self) -> bool {
        self.now = self.now.plus(DAY);
        let outputs = self.call(|call| call.remind_enrolment(true));
        outputs.iter().any(|output| matches!(output, Output::Send { .. }))
    }
}

#[test]
fn what_may_change_is_told_once_for_each_reason_and_asked_again() {
    let mut phone = Phone::unknown(40);
    for code in [Code::Quota, Code::Quota, Code::MissingEvidence, Code::MissingEvidence, Code::Quota] {
        phone.refuse(code);
        assert!(phone.asks_again());
    }
    assert_eq!(phone.failures(), [Code::Quota, Code::MissingEvidence, Code::Quota]);
}

#[test]
fn what_stays_wrong_is_told_once_and_not_asked_again() {
    let mut phone = Phone::unknown(41);
    phone.refuse(Code::CertificateMismatch);
    phone.refuse(Code::CertificateMismatch);
    assert_eq!(phone.failures(), [Code::CertificateMismatch]);
    assert!(!phone.asks_again());
    assert!(phone.rows(&keys::awaiting()).is_empty());
}
