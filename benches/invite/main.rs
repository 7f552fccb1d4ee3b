//! Bringing many into a room: the inviter's work, from the bytes of their key packages to commits and Welcomes
//! and on to the new epochs, by mls-rs, by openmls and by the engine, in one run, as ratios.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin invite` prints the table of the README;
//! `-- 10 300` only these numbers of people, and `-- --test` is a quick pass.

mod engine_peer;
#[path = "../../examples/three_agencies/federation.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod federation;
mod mls_rs_peer;
mod openmls_peer;
#[path = "../raw/mod.rs"]
#[expect(dead_code, reason = "the benchmark of messages uses the rest")]
mod raw;
#[path = "../../examples/three_agencies/world/mod.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod world;

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey, Verifier as _};

use world::Error;

/// So many with each commit, where they are not added at once.
const BATCHES: [usize; 4] = [250, 128, 64, 25];
/// Signatures that the engine verifies of each device beside those that MLS does: of the certificate, and the
/// two of the chain's entry that names the device.
const VOUCHED: usize = 3;

fn main() -> Result<(), Error> {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (sizes, rounds): (&[usize], usize) = match given.as_slice() {
        _ if std::env::args().any(|arg| arg == "--test") => (&[10, 150], 1),
        [] => (&[10, 100, 300, 1000], 7),
        given => (given, 7),
    };
    let batches = BATCHES.map(|batch| format!("by {batch}")).join(" | ");
    println!(
        "| invited | mls-rs | openmls | × | {batches} | engine | × mls-rs | mls-rs and certificates | × | server |"
    );
    println!("|---|---|---|---|{}---|---|---|---|---|", "---|".repeat(BATCHES.len()));
    for &others in sizes {
        measure(others, rounds)?;
    }
    Ok(())
}

fn measure(others: usize, rounds: usize) -> Result<(), Error> {
    let crowd = engine_peer::Crowd::new(others)?;
    let mut best = [Duration::MAX; 5 + BATCHES.len()];
    // Rounds alternate, so that whatever else the machine does meets all; the best counts.
    for _ in 0..rounds {
        let theirs = mls_rs_peer::inviter(others).invite(others);
        let ours = crowd.inviter()?.invite(others)?;
        let raw = |batch| openmls_peer::Inviter::new(others).invite(batch);
        let times = [theirs, ours.device, ours.server, theirs + vouched(others), raw(others)];
        let times = times.into_iter().chain(BATCHES.map(|batch| raw(batch.min(others))));
        best.iter_mut().zip(times).for_each(|(best, time)| *best = time.min(*best));
    }
    let [theirs, device, server, verified, raw, batches @ ..] = best;
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let ratio = |ours: Duration, of: Duration| format!("{:.2}", ours.as_secs_f64() / of.as_secs_f64());
    println!(
        "| {others} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        millis(theirs),
        millis(raw),
        ratio(raw, theirs),
        batches.map(millis).join(" | "),
        millis(device),
        ratio(device, theirs),
        millis(verified),
        ratio(device, verified),
        millis(server),
    );
    Ok(())
}

/// How long it takes to verify what vouches for so many devices.
fn vouched(devices: usize) -> Duration {
    let key = SigningKey::from_bytes(&[7; 32]);
    let signed = [7; 51];
    let (public, signature) = (key.verifying_key(), key.sign(&signed));
    let began = Instant::now();
    for _ in 0..VOUCHED * devices {
        assert!(std::hint::black_box(&public).verify(&signed, &signature).is_ok());
    }
    began.elapsed()
}
