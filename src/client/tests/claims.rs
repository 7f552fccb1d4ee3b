//! Whom nobody could be invited of.

use super::Phone;
use crate::{client::rows::InviteWork, code::Code, error::Error};

/// The own user is asked for as well, for the other devices; that there are none is no problem of theirs.
#[test]
fn an_agency_that_is_silent_is_a_problem_of_the_others() {
    let mut phone = Phone::new(6);
    phone.call(|call| {
        let own = call.account.device.user.to_string();
        let ben = format!("ben@{}", call.account.device.user.agency());
        let mut invite = InviteWork::default();
        call.none_of(&mut invite, &[own, ben.clone()], &Error::new(Code::NoAnswer, "silent"))?;
        let told: Vec<_> = invite.problems.iter().map(|problem| problem.user.clone()).collect();
        assert_eq!(told, [ben]);
        Ok(())
    });
}
