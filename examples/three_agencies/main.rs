//! Three agencies.
mod federation;
mod world;
use rand_core::SeedableRng;
use verbund::{
    Policy, RoomKind,
    client::{Command, Event},
    content::Text,
    ids::UserId,
    time::Timestamp,
};
fn main() -> Result<(), world::Error> {
    let rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
    let mut w = world::World::new(
        &["police.nord.example", "police.sued.example", "police.west.example"],
        Timestamp::from_millis(1_800_000_000_000),
        rng,
    )?;
    let anna = w.enrol("anna@police.nord.example")?;
    println!("{:?}", w.phones[anna].events);
    println!("tablet");
    let tablet = w.enrol_further(anna)?;
    println!("ben");
    let ben = w.enrol("ben@police.sued.example")?;
    println!("clara");
    let clara = w.enrol("clara@police.west.example")?;
    let r = w.command(anna, |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Red bicycle".into(),
        policy: Policy::default(),
        invite: vec![
            UserId::parse("ben@police.sued.example").unwrap(),
            UserId::parse("clara@police.west.example").unwrap(),
        ],
    })?;
    println!("settle");
    w.settle()?;
    let room = r.room.unwrap();
    let t = Text::plain("hello")?;
    w.command(ben, |request| Command::Send { request, room, content: t.into() })?;
    println!("settle2");
    w.settle()?;
    for p in &w.phones {
        println!("--- {} {}", p.owner, p.device);
        for e in &p.events {
            println!("  {e:?}");
        }
    }
    let _ = (tablet, clara, Event::Enrolled);
    Ok(())
}
