//! An app on SQLite: its event loop, with rows of its own in the same transactions.
//!
//! Two officers of one agency write to each other. Each app has a database; the agency's
//! server runs in the same process, where a real app has a network.

#[expect(dead_code, reason = "three_agencies and the tests use the rest")]
#[path = "../../three_agencies/federation.rs"]
mod federation;
mod store;

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    Policy, RoomKind,
    client::{Client, Command, Event, Output, Receipt},
    content::{Content, Text},
    ids::{AgencyId, RequestId, UserId},
    server::Server,
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use federation::{Authority, Desk, Office};
use store::Database;

/// The names that `federation` shares with its other user.
mod world {
    pub type Error = Box<dyn std::error::Error>;
}
use world::Error;

/// An app: the engine, the database, what is still to be sent, and when the engine wants to be
/// called if nothing else happens before.
struct App {
    engine: Client,
    db: Database,
    outgoing: VecDeque<Output>,
    wake: Option<Timestamp>,
}

impl App {
    fn enrol(desk: &mut Desk, office: &Office, user: &str, rng: &mut ChaCha20Rng) -> Result<Self, Error> {
        let (engine, db) = (Client::new(), Database::open()?);
        let mut app = App { engine, db, outgoing: VecDeque::new(), wake: None };
        // The desk's side of enrolment works on any store; here on a scratch one that is then
        // taken over row by row.
        let mut scratch = MemoryStore::default();
        let enrolment =
            desk.enrol_first(&mut app.engine, &mut scratch, &UserId::parse(user)?, (now(), rng))?;
        for (key, value) in scratch.rows() {
            app.db.0.execute("INSERT INTO engine VALUES (?1, ?2)", (key, value))?;
        }
        app.call(rng, |engine, ctx| engine.enrol(ctx, &office.federation, &enrolment))?;
        Ok(app)
    }

    /// One call of the engine: read a snapshot, apply the batch, then act on what comes out.
    /// Somebody else may have written meanwhile (a notification extension): then once more.
    fn call<T>(
        &mut self,
        rng: &mut ChaCha20Rng,
        call: impl Fn(&mut Client, Ctx<'_>) -> verbund::error::Result<verbund::store::Transition<T, Output>>,
    ) -> Result<T, Error> {
        loop {
            let snapshot = self.db.snapshot()?;
            let transition = call(&mut self.engine, Ctx { now: now(), store: &snapshot, rng })?;
            drop(snapshot);
            match transition.commit(&mut self.db) {
                Ok(done) => {
                    self.outgoing.extend(done.outputs);
                    self.wake = self.wake.into_iter().chain(done.wake).min();
                    return Ok(done.value);
                }
                Err(verbund::store::ApplyError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn command(
        &mut self,
        rng: &mut ChaCha20Rng,
        make: impl Fn(RequestId) -> Command,
    ) -> Result<Receipt, Error> {
        let command = make(RequestId::random(rng));
        self.call(rng, |engine, ctx| engine.command(ctx, command.clone()))
    }

    /// One round of the event loop: does what is due, sends what is to be sent and takes the
    /// replies in, until nothing is left. Then an app sleeps until the user does something, a
    /// push notification comes, or it is time to wake.
    fn talk(&mut self, server: &mut (Server, MemoryStore), rng: &mut ChaCha20Rng) -> Result<(), Error> {
        if self.wake.take_if(|at| *at <= now()).is_some() {
            self.call(rng, |engine, ctx| engine.tick(ctx))?;
        }
        while let Some(output) = self.outgoing.pop_front() {
            let Output::Send { bytes, .. } = output else { continue };
            let ctx = Ctx { now: now(), store: &server.1, rng };
            let reply = server.0.device(ctx, &bytes)?.commit(&mut server.1)?.value;
            self.call(rng, |engine, ctx| engine.receive(ctx, &reply.bytes))?;
        }
        self.show(rng)
    }

    /// Moves messages from the engine's events into the app's own table. Both changes are one
    /// transaction: no crash loses a message or shows it twice.
    fn show(&mut self, rng: &mut ChaCha20Rng) -> Result<(), Error> {
        let snapshot = self.db.snapshot()?;
        let events = self.engine.events(&snapshot, 0, 1_000)?;
        let Some(up_to) = events.last().map(|(number, _)| *number) else { return Ok(()) };
        let ctx = Ctx { now: now(), store: &snapshot, rng };
        let transition = self.engine.command(ctx, Command::AckEvents { up_to })?;
        drop(snapshot);
        self.db.apply_with(transition.batch(), |db| {
            for (_, event) in &events {
                if let Event::Message { seq, sender, content: Content::Text(text), .. } = event {
                    let row = (i64::try_from(*seq).unwrap_or(i64::MAX), sender.user.as_str(), text.body());
                    db.execute("INSERT INTO messages VALUES (?1, ?2, ?3)", row)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

fn main() -> Result<(), Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut rng = ChaCha20Rng::from_seed(seed);

    let agencies = [Authority::new("police.north.example", now(), &mut rng)?];
    let office = Office::found(&agencies, now(), &mut rng)?;
    let [authority] = agencies;
    let mut desk = authority.desk(&office, now(), &mut rng)?;
    let mut server = (Server::new(), MemoryStore::default());
    let setup = authority.setup(&office);
    server.0.setup(Ctx { now: now(), store: &server.1, rng: &mut rng }, &setup)?.commit(&mut server.1)?;
    println!("{} is set up", AgencyId::as_str(&authority.agency));

    let mut anna = App::enrol(&mut desk, &office, "anna@police.north.example", &mut rng)?;
    let mut ben = App::enrol(&mut desk, &office, "ben@police.north.example", &mut rng)?;
    anna.talk(&mut server, &mut rng)?;
    ben.talk(&mut server, &mut rng)?;

    let invited = UserId::parse("ben@police.north.example")?;
    let receipt = anna.command(&mut rng, |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Night shift".into(),
        policy: Policy::default(),
        invite: vec![invited.clone()],
    })?;
    anna.talk(&mut server, &mut rng)?;
    let room = receipt.room.ok_or("no room")?;
    for body in ["Quiet night so far", "Coffee is in the back"] {
        let content = Content::from(Text::plain(body)?);
        anna.command(&mut rng, |request| Command::Send {
            request,
            room,
            content: content.clone(),
            lifetime: None,
        })?;
    }
    anna.talk(&mut server, &mut rng)?;

    // Ben's phone was asleep; a push notification wakes it.
    ben.call(&mut rng, |engine, ctx| engine.resume(ctx))?;
    ben.talk(&mut server, &mut rng)?;

    let mut messages = ben.db.0.prepare("SELECT seq, sender, body FROM messages ORDER BY seq")?;
    let messages = messages.query_map((), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    for (seq, sender, body) in &messages {
        println!("#{seq} {sender}: {body}");
    }
    let bodies: Vec<_> = messages.iter().map(|(_, _, body)| body.as_str()).collect();
    if bodies != ["Quiet night so far", "Coffee is in the back"] {
        return Err("ben's table does not hold what anna has sent".into());
    }
    Ok(())
}
