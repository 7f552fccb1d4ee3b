//! Checks can fail: most are shown a fault that they have to see.

use simulator::{Act, Plan, Planted, run, shrink};

/// The check that fails first among a few seeds without disasters, in which all would hold.
fn seen(planted: Planted) -> Vec<&'static str> {
    let calm = (0..60).map(Plan::of).filter(|plan| !plan.shape.disasters).take(8);
    let failed = calm.filter_map(|plan| run(&plan, planted, false).failure);
    let mut seen: Vec<_> = failed.map(|failure| failure.check).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn a_host_that_loses_what_its_engine_says_is_seen() {
    let seen = seen(Planted { drops_outputs: true, ..Planted::default() });
    assert!(!seen.is_empty());
    let lacks = ["agreement", "members", "ghost", "fate", "delivery", "rest"];
    assert!(seen.iter().all(|check| lacks.contains(check)), "{seen:?}");
}

#[test]
fn a_message_that_an_app_shows_twice_is_seen() {
    assert_eq!(seen(Planted { shows_twice: true, ..Planted::default() }), ["twice"]);
}

#[test]
fn a_message_that_an_app_does_not_keep_is_seen() {
    let seen = seen(Planted { skips_events: true, ..Planted::default() });
    assert!(seen.contains(&"event lost") || seen.contains(&"delivery"), "{seen:?}");
}

#[test]
fn a_server_that_has_lost_its_rooms_is_seen() {
    let seen = seen(Planted { truncates: true, ..Planted::default() });
    assert!(!seen.is_empty());
}

#[test]
fn a_message_in_the_hands_of_somebody_who_was_not_there_is_seen() {
    assert_eq!(seen(Planted { leaks: true, ..Planted::default() }), ["stranger"]);
}

#[test]
fn words_that_nobody_said_are_seen() {
    assert_eq!(seen(Planted { twists_words: true, ..Planted::default() }), ["words"]);
}

#[test]
fn an_order_that_is_not_the_logs_is_seen() {
    assert!(seen(Planted { swaps_messages: true, ..Planted::default() }).contains(&"order"));
}

#[test]
fn a_table_that_grows_is_seen() {
    assert_eq!(seen(Planted { grows: true, ..Planted::default() }), ["growth"]);
}

#[test]
fn an_answer_that_is_kept_back_is_seen() {
    assert_eq!(seen(Planted { hides_answers: true, ..Planted::default() }), ["fate"]);
}

#[test]
fn a_message_that_is_told_to_have_failed_and_was_heard_is_seen() {
    assert_eq!(seen(Planted { denies_messages: true, ..Planted::default() }), ["failed"]);
}

#[test]
fn a_file_that_changes_where_it_lies_is_seen() {
    let planted = Planted { spoils_chunks: true, ..Planted::default() };
    let failed = (0..100).filter_map(|seed| run(&Plan::of(seed), planted, false).failure);
    assert_eq!(failed.map(|failure| failure.check).find(|check| *check == "file"), Some("file"));
}

#[test]
fn operators_who_keep_silent_about_a_store_that_was_put_back_are_seen() {
    let planted = Planted { keeps_silent: true, ..Planted::default() };
    let restores = |plan: &Plan| plan.steps.iter().any(|step| step.act == Act::RestoreServer);
    let plans = (0..600).map(Plan::of).filter(restores);
    let failed = plans.filter_map(|plan| run(&plan, planted, false).failure);
    let healed = ["rest", "agreement", "members", "delivery", "fate"];
    assert!(failed.map(|failure| failure.check).any(|check| healed.contains(&check)));
}

/// What fails becomes small, and fails in the same way.
#[test]
fn a_failing_plan_shrinks() {
    let planted = Planted { shows_twice: true, ..Planted::default() };
    let plan = (0..60).map(Plan::of).find(|plan| !plan.shape.disasters).expect("most have none");
    let failure = run(&plan, planted, false).failure.expect("it is planted");
    let small = shrink(&plan, &failure, planted, |_| {});
    assert!(small.steps.len() < plan.steps.len() / 4);
    assert_eq!(run(&small, planted, false).failure.map(|failure| failure.check), Some(failure.check));
}
