//! How a federation's trust list is made and changed: several people with a root key each,
//! each on a machine of their own, and files that are carried between them. Nobody ever has
//! two keys in one place.
//!
//! ```text
//! cargo run --example federation_ceremony [directory]
//! ```
//!
//! Every holder has a directory that stands for a machine: its secret key lies there, and
//! what is brought on a memory stick. A reader, any app or server, has the anchor and its
//! own store, and takes list after list.

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    code::Code,
    identity::{Agency, AgencyStatus, Federation, RootKey, Roster, SigningKey, TrustList},
    ids::AgencyId,
    time::Timestamp,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DAY: Duration = Duration::from_secs(86_400);

fn main() -> Result<()> {
    let (root, kept) = match std::env::args_os().nth(1) {
        Some(directory) => (PathBuf::from(directory), true),
        None => (std::env::temp_dir().join(format!("verbund-ceremony-{}", std::process::id())), false),
    };
    let told = ceremony(&root);
    if !kept {
        fs::remove_dir_all(&root)?;
    }
    told
}

fn ceremony(root: &Path) -> Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut rng = ChaCha20Rng::from_seed(seed);
    let now = Timestamp::from_millis(1_800_000_000_000);

    say("Three holders make a root key each; the public halves are read out and compared");
    let names = ["Bund", "Hessen", "Bayern"];
    let holders: Vec<_> =
        names.iter().map(|name| Holder::new(root, name, &mut rng)).collect::<Result<_>>()?;
    let roots: Vec<_> = holders.iter().map(Holder::public).collect::<Result<_>>()?;
    let federation = Federation::new("police.example", sorted(roots), 2)?;
    println!("  the anchor: {} holders, 2 have to sign; it ships with every app", holders.len());

    say("List 1: made by one, read and signed by another, joined by anybody");
    let agencies = ["police.bayern.example", "police.hessen.example"];
    let keys: Vec<_> = agencies.iter().map(|_| SigningKey::generate(&mut rng)).collect();
    let listed = agencies
        .iter()
        .zip(&keys)
        .map(|(name, key)| Ok(Agency::new(AgencyId::parse(name)?, AgencyStatus::Active, &key.verify_key())));
    let first = Roster {
        federation: federation.name().into(),
        version: 1,
        issued_at: now,
        expires_at: now.plus(365 * DAY),
        roots: federation.roots().to_vec(),
        threshold: 2,
        agencies: listed.collect::<Result<_>>()?,
    };
    let mut reader = Reader::new(root, "reader", federation)?;
    let [bund, hessen, bayern] = holders.as_slice() else { return Err("three holders".into()) };
    reader.refuses(&signed(&first, &[bund])?, Code::BelowThreshold)?;
    reader.takes(&signed(&first, &[bund, bayern])?)?;

    say("List 2: an agency is suspended; somebody who would sign something else is found out");
    let mut second = next(&first, now.plus(30 * DAY));
    let hessen_id = AgencyId::parse(agencies[1])?;
    second.agencies[1] = Agency::new(hessen_id.clone(), AgencyStatus::Suspended, &keys[1].verify_key());
    let share = bund.signs(&second.sign(&bund.key()?)?)?;
    let mut other = second.clone();
    other.agencies.pop();
    let joined = Roster::join(&[share, other.sign(&hessen.key()?)?]);
    println!("  shares of two different lists: {}", joined.err().map_or_else(String::new, |e| e.to_string()));
    let second_list = signed(&second, &[bund, hessen])?;
    reader.takes(&second_list)?;
    let standing = reader.list()?.agency(&hessen_id).map(drop);
    println!("  {hessen_id}: {}", standing.err().map_or_else(|| "takes part".into(), |e| e.to_string()));

    say("List 3: a holder goes, two come, and three of four have to sign from now on");
    let comes: Vec<_> =
        ["Berlin", "Bremen"].iter().map(|name| Holder::new(root, name, &mut rng)).collect::<Result<_>>()?;
    let [berlin, bremen] = comes.as_slice() else { return Err("two holders".into()) };
    let mut third = next(&second, now.plus(60 * DAY));
    third.roots = sorted(vec![bund.public()?, bayern.public()?, berlin.public()?, bremen.public()?]);
    third.threshold = 3;
    third.agencies[1] = Agency::new(hessen_id, AgencyStatus::Active, &keys[1].verify_key());
    // Two of the old three, and three of the new four.
    reader.refuses(&signed(&third, &[bund, hessen])?, Code::BelowThreshold)?;
    reader.refuses(&signed(&third, &[bayern, berlin, bremen])?, Code::BelowThreshold)?;
    let third_list = signed(&third, &[bund, bayern, berlin])?;
    reader.takes(&third_list)?;

    say("From now on the holder who left counts for nothing, and nothing goes back");
    let fourth = next(&third, now.plus(90 * DAY));
    reader.refuses(&signed(&fourth, &[hessen, bund, bayern])?, Code::BelowThreshold)?;
    reader.refuses(&second_list, Code::RolledBack)?;
    let mut rival = third.clone();
    rival.agencies.clear();
    reader.refuses(&signed(&rival, &[bund, bayern, bremen])?, Code::Equivocation)?;
    let mut later = fourth.clone();
    later.version = 9;
    reader.refuses(&signed(&later, &[bund, bayern, bremen])?, Code::MissingEvidence)?;
    reader.takes(&signed(&fourth, &[bayern, berlin, bremen])?)?;

    say("Whoever begins later, with the anchor of the first day, goes the same way");
    let mut late = Reader::new(root, "latecomer", reader.federation.clone())?;
    for version in 1..=4 {
        late.takes(&fs::read(reader.file(version))?)?;
    }
    let same = late.list()?.bytes() == reader.list()?.bytes();
    println!("  the same list 4: {}", if same { "yes" } else { "no" });
    if same { Ok(()) } else { Err("two readers, two lists".into()) }
}

/// The list after another one.
fn next(roster: &Roster, issued_at: Timestamp) -> Roster {
    let version = roster.version + 1;
    Roster { version, issued_at, expires_at: issued_at.plus(365 * DAY), ..roster.clone() }
}

/// A list that these holders have read and signed, one after the other, each from a file.
fn signed(roster: &Roster, holders: &[&Holder]) -> Result<Vec<u8>> {
    let [maker, others @ ..] = holders else { return Err("nobody signs".into()) };
    let first = roster.sign(&maker.key()?)?;
    let mut shares = vec![first.clone()];
    for other in others {
        shares.push(other.signs(&first)?);
    }
    Ok(Roster::join(&shares)?)
}

/// Somebody with a root key, on a machine that is on no network.
struct Holder {
    name: String,
    directory: PathBuf,
}

impl Holder {
    /// Makes the key; it never leaves the directory.
    fn new(root: &Path, name: &str, rng: &mut ChaCha20Rng) -> Result<Self> {
        let directory = root.join(name);
        fs::create_dir_all(&directory)?;
        let key = SigningKey::generate(rng);
        write_secret(&directory.join("secret"), key.seed().as_slice())?;
        fs::write(directory.join("public"), key.verify_key().as_bytes())?;
        println!("  {name}: key {}", key.verify_key().id());
        Ok(Holder { name: name.into(), directory })
    }

    fn key(&self) -> Result<SigningKey> {
        let seed = fs::read(self.directory.join("secret"))?;
        Ok(SigningKey::from_seed(seed.as_slice().try_into()?))
    }

    /// What the holder reads out for the anchor and for lists.
    fn public(&self) -> Result<RootKey> {
        let public = fs::read(self.directory.join("public"))?;
        Ok(RootKey::new(self.name.clone(), &verbund::identity::VerifyKey::parse(&public)?))
    }

    /// Reads what was brought, writes down what it says, and signs exactly that.
    fn signs(&self, brought: &[u8]) -> Result<Vec<u8>> {
        fs::write(self.directory.join("brought"), brought)?;
        let roster = Roster::read(&fs::read(self.directory.join("brought"))?)?;
        let summary = format!("{}\n", Summary(&roster));
        fs::write(self.directory.join(format!("read-{}.txt", roster.version)), summary)?;
        Ok(roster.sign(&self.key()?)?)
    }
}

#[cfg(unix)]
fn write_secret(path: &Path, secret: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(secret)
}

#[cfg(not(unix))]
fn write_secret(path: &Path, secret: &[u8]) -> io::Result<()> {
    fs::write(path, secret)
}

/// An app or server: it believes the anchor, and each list for the one before it.
struct Reader {
    name: &'static str,
    directory: PathBuf,
    federation: Federation,
    newest: u64,
}

impl Reader {
    fn new(root: &Path, name: &'static str, federation: Federation) -> Result<Self> {
        let directory = root.join(name);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("anchor"), federation.to_bytes())?;
        Ok(Reader { name, directory, federation, newest: 0 })
    }

    fn file(&self, version: u64) -> PathBuf {
        self.directory.join(format!("list-{version}"))
    }

    /// The newest list, from its file, checked again along the whole way.
    fn list(&self) -> Result<TrustList> {
        let federation = Federation::from_bytes(&fs::read(self.directory.join("anchor"))?)?;
        let mut list = TrustList::first(&fs::read(self.file(1))?, &federation)?;
        for version in 2..=self.newest {
            list = list.next(&fs::read(self.file(version))?)?.ok_or("the same list twice")?;
        }
        Ok(list)
    }

    fn check(&self, bytes: &[u8]) -> Result<TrustList> {
        if self.newest == 0 {
            return Ok(TrustList::first(bytes, &self.federation)?);
        }
        Ok(self.list()?.next(bytes)?.ok_or("the same list twice")?)
    }

    fn takes(&mut self, bytes: &[u8]) -> Result<()> {
        let list = self.check(bytes)?;
        self.newest = list.version();
        fs::write(self.file(self.newest), bytes)?;
        println!("  {} takes list {}: {}", self.name, self.newest, Summary(list.roster()));
        Ok(())
    }

    fn refuses(&self, bytes: &[u8], code: Code) -> Result<()> {
        let Err(error) = self.check(bytes) else { return Err("taken, and should not be".into()) };
        let error = error.downcast::<verbund::Error>()?;
        println!("  {} refuses: {error}", self.name);
        if error.code() == code { Ok(()) } else { Err(error) }
    }
}

/// A roster in a line, for people.
struct Summary<'r>(&'r Roster);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary(roster) = self;
        let suspended = roster.agencies.iter().filter(|a| a.status() == AgencyStatus::Suspended).count();
        write!(f, "{} agencies, {suspended} suspended, ", roster.agencies.len())?;
        write!(f, "{} of {} holders", roster.threshold, roster.roots.len())
    }
}

fn sorted(mut roots: Vec<RootKey>) -> Vec<RootKey> {
    roots.sort_by(|a, b| a.holder().cmp(b.holder()));
    roots
}

fn say(what: &str) {
    println!("\n{what}");
}
