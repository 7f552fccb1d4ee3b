//! The agency's directory: whom its operators let others find, and who may find whom (SPEC
//! "Directory").

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    call::Call,
    keys,
    rows::{EntryRow, read, unreadable},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    identity::UserKind,
    ids::{AgencyId, UserId},
    limits,
    store::{Key, Store, corrupt},
    wire::device::{DirectoryUser, Page, Search},
};

/// What the directory says of a user, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The user, of the own agency.
    pub user: UserId,
    /// What the user is. Where the user's chain is here, it has to say the same.
    pub kind: UserKind,
    /// What the user is called: at most [`limits::DIRECTORY_NAME`] bytes; may be empty.
    pub name: String,
    /// The user's unit or function: as long; may be empty.
    pub unit: String,
    /// Who finds the user by exact id, and may claim key packages in order to invite the user.
    /// Whoever finds the user by searching does as well.
    pub by_id: Audience,
    /// Who finds the user by searching name or unit.
    pub by_search: Audience,
}

/// Who may find somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// Nobody: for everybody else it is as if the user were not there.
    Nobody,
    /// Users of the own agency.
    OwnAgency,
    /// They and users of these agencies: at most [`limits::DIRECTORY_AGENCIES`].
    Agencies(BTreeSet<AgencyId>),
    /// All users of the federation.
    Federation,
}

impl Audience {
    fn admits(&self, asking: &AgencyId, own: &AgencyId) -> bool {
        match self {
            Audience::Nobody => false,
            Audience::OwnAgency => asking == own,
            Audience::Agencies(agencies) => asking == own || agencies.contains(asking),
            Audience::Federation => true,
        }
    }
}

impl Entry {
    /// An entry as if there were none: found by exact id by everybody, by searching by nobody.
    #[must_use]
    pub fn new(user: UserId, kind: UserKind, name: String, unit: String) -> Self {
        Entry { user, kind, name, unit, by_id: Audience::Federation, by_search: Audience::Nobody }
    }

    fn shown(self, kind: UserKind) -> DirectoryUser {
        DirectoryUser { user: self.user, kind: kind.number(), name: self.name, unit: self.unit }
    }

    /// Where it stands in the index: for each audience under each of its words.
    fn places(&self) -> Vec<Key> {
        let lists: Vec<keys::Index<'_>> = match &self.by_search {
            Audience::Nobody => Vec::new(),
            Audience::OwnAgency => vec![keys::Index::Own],
            Audience::Agencies(agencies) => {
                agencies.iter().map(keys::Index::Agency).chain([keys::Index::Own]).collect()
            }
            Audience::Federation => vec![keys::Index::Own, keys::Index::All],
        };
        let words = self.words();
        lists
            .iter()
            .flat_map(|list| words.iter().map(|word| list.place(word, self.user.as_str().as_bytes())))
            .collect()
    }

    /// Name and unit from each of their words on.
    fn words(&self) -> BTreeSet<String> {
        [&self.name, &self.unit].into_iter().flat_map(|text| words(&folded(text))).collect()
    }
}

/// A text as it is compared: small letters and digits, whatever lies between being one space.
pub(super) fn folded(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut folded = words.collect::<Vec<_>>().join(" ").to_lowercase();
    folded.truncate(folded.floor_char_boundary(limits::DIRECTORY_NAME));
    folded
}

/// A folded text from each of its first words on.
pub(super) fn words(folded: &str) -> Vec<String> {
    let begins = folded.match_indices(' ').filter_map(|(at, _)| at.checked_add(1));
    let begins = [0].into_iter().chain(begins).take(limits::DIRECTORY_WORDS);
    let words = begins.filter_map(|at| folded.get(at..)).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

impl Call<'_, '_> {
    /// Sets what the directory says of a user.
    pub(super) fn set_entry(&mut self, entry: &Entry) -> Result<()> {
        let fits = |text: &str| text.len() <= limits::DIRECTORY_NAME;
        ensure(*entry.user.agency() == self.own.agency, Code::BadArgument, "another agency's user")?;
        ensure(fits(&entry.name) && fits(&entry.unit), Code::BadArgument, "name or unit")?;
        for audience in [&entry.by_id, &entry.by_search] {
            let Audience::Agencies(agencies) = audience else { continue };
            ensure(agencies.len() <= limits::DIRECTORY_AGENCIES, Code::BadArgument, "agencies")?;
        }
        if let Some(chain) = self.directory.chain(&self.draft, &entry.user)? {
            ensure(chain.kind() == entry.kind, Code::BadArgument, "the user is of another kind")?;
        }
        let before = self.entry(&entry.user)?;
        self.draft.guard(keys::directory_guard())?;
        if let Some(before) = &before {
            before.places().into_iter().for_each(|place| self.draft.delete(place));
        } else {
            self.count_entries(1)?;
        }
        entry.places().into_iter().for_each(|place| self.draft.put(place, Vec::new()));
        self.write(keys::entry(&entry.user), &EntryRow::of(entry));
        Ok(())
    }

    /// Forgets what the directory says of a user.
    pub(super) fn remove_entry(&mut self, user: &UserId) -> Result<()> {
        let Some(before) = self.entry(user)? else { return Ok(()) };
        self.draft.guard(keys::directory_guard())?;
        before.places().into_iter().for_each(|place| self.draft.delete(place));
        self.draft.delete(keys::entry(user));
        self.count_entries(-1)
    }

    fn count_entries(&mut self, more: i64) -> Result<()> {
        let row = self.draft.get(&keys::directory_count())?;
        let count = row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes));
        let count = count.map_err(|_| corrupt("directory"))?.saturating_add_signed(more);
        ensure(count <= limits::DIRECTORY_ENTRIES, Code::Quota, "directory")?;
        self.draft.put(keys::directory_count(), count.to_be_bytes().to_vec());
        Ok(())
    }

    fn entry(&self, user: &UserId) -> Result<Option<Entry>> {
        self.draft.get(&keys::entry(user))?.map(|row| read::<EntryRow>(row)?.entry(user)).transpose()
    }

    /// Whether an agency's users find a user by exact id (SPEC V-592).
    pub(super) fn finds(&self, asking: &AgencyId, user: &UserId) -> Result<bool> {
        let own = &self.own.agency;
        Ok(self
            .entry(user)?
            .is_none_or(|entry| entry.by_id.admits(asking, own) || entry.by_search.admits(asking, own)))
    }

    /// What an agency's users are shown of a user of ours. Who is not there, and who is not for
    /// them, is the same to them (SPEC V-593).
    pub(super) fn look_up_user(&self, asking: &AgencyId, user: &UserId) -> Result<Page> {
        if *user.agency() != self.own.agency || !self.finds(asking, user)? {
            return Ok(Page::default());
        }
        let known = self.directory.kind(&self.draft, user)?;
        let shown = match (self.entry(user)?, known) {
            (Some(entry), kind) => Some((kind.unwrap_or(entry.kind), entry)),
            (None, Some(kind)) => Some((kind, Entry::new(user.clone(), kind, String::new(), String::new()))),
            (None, None) => None,
        };
        let users = shown.map(|(kind, entry)| entry.shown(kind)).into_iter().collect();
        Ok(Page { users, ..Page::default() })
    }

    /// A page of the users whom an agency's users find by a text. Only what they may see is
    /// looked at, so that neither the answer nor the time that it takes tells of others.
    pub(super) fn search_users(&self, asking: &AgencyId, search: &Search) -> Result<Page> {
        let lists = match *asking == self.own.agency {
            true => vec![keys::Index::Own],
            false => vec![keys::Index::Agency(asking), keys::Index::All],
        };
        let text = folded(&search.text);
        let show = |word: &String, user: &[u8]| {
            let user = core::str::from_utf8(user).ok().and_then(|user| UserId::parse(user).ok());
            let user = user.ok_or(corrupt("directory"))?;
            let entry = self.entry(&user)?.ok_or(corrupt("directory"))?;
            // Under the first of its words that fits, and not again under others.
            if entry.words().range(text.clone()..).next() != Some(word) {
                return Ok(None);
            }
            let kind = self.directory.kind(&self.draft, &user)?;
            let kind = kind.unwrap_or(entry.kind);
            Ok(Some(entry.shown(kind)))
        };
        let after = search.after.as_deref();
        let (users, next) = self.leaf_through(&lists, (&text, after), limits::DIRECTORY_PAGE, show)?;
        Ok(Page { users, next, ..Page::default() })
    }

    /// What stands in lists under a text, list after list, from a place on: at most so many as fit
    /// on a page, of those that `show` gives under a word. Where the page ends goes with it.
    pub(super) fn leaf_through<T>(
        &self,
        lists: &[keys::Index<'_>],
        (text, after): (&str, Option<&[u8]>),
        most: usize,
        show: impl Fn(&String, &[u8]) -> Result<Option<T>>,
    ) -> Result<(Vec<T>, Option<Bytes>)> {
        let (first, mut place) = match after.and_then(<[u8]>::split_first) {
            Some((list, place)) => (usize::from(*list), Some(place.to_vec())),
            None => (0, None),
        };
        let mut page = Vec::new();
        let mut looked: usize = 0;
        for (number, list) in (0_u8..).zip(lists).skip(first) {
            let prefix = list.beginning(text);
            // Whoever asks may say anything of where a page ended.
            let mut after =
                place.take().map(|place| list.resume(&place)).filter(|at| at.starts_with(&prefix));
            loop {
                let found = self.draft.scan(&prefix, after.as_deref(), limits::DIRECTORY_PAGE)?;
                let last = found.len() < limits::DIRECTORY_PAGE;
                for (key, _) in found {
                    let here = |after: Option<Key>| {
                        let end = list.place_of(&after.unwrap_or_default());
                        Some(Bytes::from([&[number][..], &end].concat()))
                    };
                    if looked == limits::DIRECTORY_LOOKED {
                        return Ok((page, here(after)));
                    }
                    looked = looked.saturating_add(1);
                    let (word, name) = list.read(&key)?;
                    if let Some(shown) = show(&word, &name)? {
                        if page.len() == most {
                            return Ok((page, here(after)));
                        }
                        page.push(shown);
                    }
                    after = Some(key);
                }
                if last {
                    break;
                }
            }
        }
        Ok((page, None))
    }
}

/// What a server's directory says of a user.
pub(super) fn entry(store: &dyn Store, user: &UserId) -> Result<Option<Entry>> {
    store.get(&keys::entry(user))?.map(|row| read::<EntryRow>(row)?.entry(user)).transpose()
}

/// Entries in the order of their users, after one.
pub(super) fn entries(store: &dyn Store, after: Option<&UserId>, limit: usize) -> Result<Vec<Entry>> {
    let after = after.map(keys::entry);
    let found = store.scan(&keys::entries(), after.as_deref(), limit)?;
    let one = |(key, row): (Key, Vec<u8>)| {
        let user = keys::user_of_entry(&key)?;
        read::<EntryRow>(row)?.entry(&user)
    };
    found.into_iter().map(one).collect()
}

impl EntryRow {
    fn of(entry: &Entry) -> Self {
        let audience = |audience: &Audience| {
            let (number, agencies) = match audience {
                Audience::Nobody => (0, None),
                Audience::OwnAgency => (1, None),
                Audience::Agencies(agencies) => (2, Some(agencies)),
                Audience::Federation => (3, None),
            };
            (number, agencies.into_iter().flatten().map(ToString::to_string).collect())
        };
        let (by_id, by_id_agencies) = audience(&entry.by_id);
        let (by_search, by_search_agencies) = audience(&entry.by_search);
        EntryRow {
            kind: entry.kind.number(),
            name: entry.name.clone(),
            unit: entry.unit.clone(),
            by_id,
            by_id_agencies,
            by_search,
            by_search_agencies,
        }
    }

    fn entry(&self, user: &UserId) -> Result<Entry> {
        let audience = |number: u32, agencies: &[String]| {
            let parsed = agencies.iter().map(|agency| AgencyId::parse(agency)).collect::<Result<_>>();
            Ok(match number {
                0 => Audience::Nobody,
                1 => Audience::OwnAgency,
                2 => Audience::Agencies(parsed.map_err(unreadable)?),
                3 => Audience::Federation,
                _ => return Err(corrupt("directory")),
            })
        };
        Ok(Entry {
            user: user.clone(),
            kind: UserKind::parse(self.kind).map_err(unreadable)?,
            name: self.name.clone(),
            unit: self.unit.clone(),
            by_id: audience(self.by_id, &self.by_id_agencies)?,
            by_search: audience(self.by_search, &self.by_search_agencies)?,
        })
    }
}
