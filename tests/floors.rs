//! The house rules of `src/`: a file imports only from lower floors or from its own module,
//! what holds a room's secrets is out of the servers' sight, and no file is long.
//!
//! Sources are read as tokens, so that paths in comments and strings do not count and no
//! spelling of a path (`use` groups, `super`, `$crate`, expressions, types) hides one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Top-level modules, lowest floor first. `lib.rs` stands above them all.
const FLOORS: [&[&str]; 7] = [
    &["code", "error", "ids", "limits", "time", "vectors"],
    &["store", "wire"],
    &["crypto", "identity"],
    &["attachment", "content"],
    &["channel", "room"],
    &["client", "server"],
    &["inspect"],
];

/// Who may look at whom on one floor. No two look at each other.
const BESIDE: [(&str, &str); 7] = [
    ("error", "code"),
    ("error", "time"),
    ("ids", "code"),
    ("ids", "error"),
    ("ids", "limits"),
    ("identity", "crypto"),
    ("content", "attachment"), // messages speak of files, whose format knows of no messages
];

/// Modules that hold group secrets, and who may name them besides themselves. Others may
/// not name the module around them as a whole either.
const PRIVATE: [(&str, &[&str]); 1] = [("room::member", &["client", "room::tests", "server::tests"])];

/// The longest file.
const LINES: usize = 800;

/// Not written by hand.
const GENERATED: &str = "src/wire/generated.rs";

#[test]
fn files_import_only_from_below() {
    let wrong: Vec<String> = sources().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_long() {
    let hand_written = |(path, text): &(PathBuf, String)| {
        (path != Path::new(GENERATED)).then(|| (text.lines().count(), path.display().to_string()))
    };
    let mut lengths: Vec<_> = sources().iter().filter_map(hand_written).collect();
    lengths.sort();
    let ((longest, path), (median, _)) = (&lengths[lengths.len() - 1], &lengths[lengths.len() / 2]);
    println!("{} files, median {median} lines, longest {longest}: {path}", lengths.len());
    assert!(*longest <= LINES, "{path} has {longest} lines");
}

/// Every `.rs` file in `src/`, with its path from the root of the package.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(root: &Path, dir: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push((path.strip_prefix(root).unwrap().into(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    collect(root, &root.join("src"), &mut sources);
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// What a source file names that it may not.
fn violations(file: &Path, text: &str) -> Vec<String> {
    let module = module_of(file);
    let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut paths = Vec::new();
    scan(tokens, &module, &[], &mut paths);
    let wrong = paths.into_iter().filter_map(|Named { line, path }| {
        let why = refusal(&module, &path)?;
        Some(format!("{}:{line}: crate::{} {why}", file.display(), path.join("::")))
    });
    wrong.collect()
}

/// `src/room/hub.rs` is `room::hub`; `src/lib.rs` is the root.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.strip_prefix("src").unwrap().with_extension("");
    let mut names: Vec<String> = path.iter().map(|name| name.to_str().unwrap().into()).collect();
    names.pop_if(|last| last == "mod" || last == "lib");
    names
}

/// Why a module may not name a path, if so.
fn refusal(from: &[String], path: &[String]) -> Option<String> {
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    let own = from.first()?; // the root may name everything
    let Some(own_floor) = floor(own) else {
        return Some(format!("is named by {own}, which stands on no floor"));
    };
    let Some(other) = path.first().filter(|name| *name != "*") else {
        return Some("is everything at once".into());
    };
    let Some(other_floor) = floor(other) else {
        return Some("is on no floor; name the module it is in".into());
    };
    let pair = (own.as_str(), other.as_str());
    let below = own == other || other_floor < own_floor || BESIDE.contains(&pair);
    if !below {
        return Some(format!("is on floor {other_floor}, {own} on floor {own_floor}"));
    }
    let module = path.strip_suffix(&["*".to_owned()]).unwrap_or(path);
    let private = PRIVATE.iter().find(|(private, readers)| {
        let reaches = starts_with(path, private) || segments(private).starts_with(module);
        reaches && !starts_with(from, private) && !readers.iter().any(|reader| starts_with(from, reader))
    });
    private.map(|(private, _)| format!("reaches {private}, which {} may not see", from.join("::")))
}

fn segments(module: &str) -> Vec<String> {
    module.split("::").map(Into::into).collect()
}

fn starts_with(path: &[String], module: &str) -> bool {
    path.starts_with(&segments(module))
}

/// A path from the root of the crate, and where it stands.
struct Named {
    line: usize,
    path: Vec<String>,
}

/// Collects every path that begins with `crate`, `self`, `super` or a child module. `around`
/// are the children that are in sight from outside these tokens.
fn scan(tokens: TokenStream, module: &[String], around: &[String], into: &mut Vec<Named>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let declared = trees.windows(2).filter_map(|two| child(&two[0], &two[1]));
    let children: Vec<String> = around.iter().cloned().chain(declared).collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match (tree, trees.get(at), trees.get(at + 1)) {
            (TokenTree::Ident(word), Some(name), Some(TokenTree::Group(body))) if word == "mod" => {
                scan(body.stream(), &[module, &[name.to_string()]].concat(), &[], into);
                at += 2;
            }
            (TokenTree::Ident(word), Some(group), _) if word == "pub" && is_visibility(group) => at += 1,
            (TokenTree::Group(group), ..) => scan(group.stream(), module, &children, into),
            (TokenTree::Ident(word), ..)
                if is_separator(&trees, at) && !ends_in_separator(&trees[..at - 1]) =>
            {
                if let Some(base) = base(&word.to_string(), module, &children) {
                    at = follow(&trees, at, base, into);
                }
            }
            _ => {}
        }
    }
}

/// The name in `mod name`.
fn child(first: &TokenTree, second: &TokenTree) -> Option<String> {
    match (first, second) {
        (TokenTree::Ident(word), TokenTree::Ident(name)) if word == "mod" => Some(name.to_string()),
        _ => None,
    }
}

/// `(in path)`: shows something to a module, and takes nothing from it.
fn is_visibility(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "in")
}

/// Where a path that begins with this word begins.
fn base(word: &str, module: &[String], children: &[String]) -> Option<Vec<String>> {
    match word {
        "crate" => Some(vec![]),
        "self" => Some(module.to_vec()),
        "super" => Some(module[..module.len().saturating_sub(1)].to_vec()),
        name if children.iter().any(|child| child == name) => Some([module, &[name.to_owned()]].concat()),
        _ => None,
    }
}

/// Follows `::` from `at` on; gives the place behind the path.
fn follow(trees: &[TokenTree], mut at: usize, mut path: Vec<String>, into: &mut Vec<Named>) -> usize {
    let line = trees[at - 1].span().start().line;
    while is_separator(trees, at) {
        match trees.get(at + 2) {
            Some(TokenTree::Ident(name)) if name == "super" => _ = path.pop(),
            Some(TokenTree::Ident(name)) if name == "self" => {}
            Some(TokenTree::Ident(name)) => path.push(name.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".into()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let items: Vec<TokenTree> = group.stream().into_iter().collect();
                for item in items.split(|tree| matches!(tree, TokenTree::Punct(p) if p.as_char() == ',')) {
                    // Each item goes on from here, as if it stood behind a `::` of its own.
                    let joined: TokenStream = "_::".parse().unwrap();
                    let item: Vec<TokenTree> = joined.into_iter().chain(item.iter().cloned()).collect();
                    if item.len() > 3 {
                        follow(&item, 1, path.clone(), into);
                    }
                }
                return at + 3;
            }
            _ => break, // a turbofish
        }
        at += 3;
    }
    into.push(Named { line, path });
    at
}

/// Whether `::` stands at `at`.
fn is_separator(trees: &[TokenTree], at: usize) -> bool {
    let colon = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(trees.get(at)) && colon(trees.get(at + 1))
}

fn ends_in_separator(trees: &[TokenTree]) -> bool {
    trees.len() >= 2 && is_separator(trees, trees.len() - 2)
}

mod on_synthetic_sources {
    use super::*;

    fn refused(file: &str, text: &str, path: &str) {
        let found = violations(Path::new(file), text);
        let expected = format!("{file}:1: crate::{path} ");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{text}: {found:?}");
    }

    fn accepted(file: &str, text: &str) {
        assert_eq!(violations(Path::new(file), text), [""; 0], "{text}");
    }

    #[test]
    fn upward_and_sideways_imports_are_found() {
        refused("src/wire/codec.rs", "use crate::crypto::hash;", "crypto::hash");
        refused("src/ids.rs", "use crate::store;", "store");
        refused(
            "src/content/mod.rs",
            "pub(crate) use crate::room::state::RoomState;",
            "room::state::RoomState",
        );
        refused("src/client/mod.rs", "use crate::server::Server;", "server::Server");
        refused("src/server/link/pump.rs", "use crate::client;", "client");
        refused("src/crypto/sign.rs", "use crate::identity::Agency;", "identity::Agency");
        refused("src/store/key.rs", "use crate::wire::decode;", "wire::decode");
        refused("src/attachment/key.rs", "use crate::content::Text;", "content::Text");
    }

    #[test]
    fn no_spelling_hides_a_path() {
        let client = |text| refused("src/room/hub.rs", text, "client::Event");
        client("use crate::{ids::RoomId, client::{Event}};");
        client("use crate::{wire::{self, decode}, client::Event as E, time};");
        client("use super::super::client::Event;");
        client("use super::{roster::Roster, super::client::Event};");
        client("use self::super::super::client::Event;");
        client("mod tests { mod inner { use super::super::super::super::client::Event; } }");
        client("fn f(x: u8) -> Option<crate::client::Event> { None }");
        client("fn f() { if true { g(&[crate :: client :: Event::<u8>::new()]) } }");
        client("macro_rules! m { () => { $crate::client::Event }; }");
        client("struct X(pub (crate::client::Event, u8));");
        client("impl From<crate::client::Event> for X {}");
        refused("src/room/hub.rs", "use crate::client::*;", "client::*");
        refused("src/room/hub.rs", "use crate::*;", "*");
        refused("src/room/hub.rs", "use super::super::*;", "*");
        refused("src/room/hub.rs", "use crate::Everything;", "Everything");
        refused("src/room/mod.rs", "mod hub; fn f() { hub::super::super::client::f() }", "client::f");
    }

    #[test]
    fn what_is_allowed_is_not_found() {
        accepted("src/lib.rs", "pub mod client; pub use client::Client; use crate::room::member;");
        accepted(
            "src/client/mod.rs",
            "use crate::{room::member::MemberRoom, ids::{AgencyId, Device}, store};",
        );
        accepted(
            "src/identity/chain.rs",
            "use super::{Agency, descriptor::Descriptor}; use crate::crypto::hash;",
        );
        accepted("src/content/text.rs", "use crate::attachment::FileRef; mod tests { use super::*; }");
        accepted(
            "src/ids.rs",
            "// use crate::client;\n/// [`crate::client`]\nconst X: &str = \"crate::client\";",
        );
        accepted("src/ids.rs", "pub(crate) struct X; impl X { fn f(self) -> u8 { self.client::<u8>() } }");
        accepted("src/room/hub.rs", "impl X { pub(in crate::room) fn f() {} } mod tests { use super::*; }");
        accepted("src/ids.rs", "use other::crate_::client; fn client() { client::f() }");
    }

    #[test]
    fn secrets_of_rooms_are_seen_by_clients_only() {
        refused("src/server/hub.rs", "use crate::room::member::MemberRoom;", "room::member::MemberRoom");
        refused("src/server/hub.rs", "use crate::room::{hub::HubRoom, member};", "room::member");
        refused("src/server/hub.rs", "use crate::room;", "room");
        refused("src/server/hub.rs", "use crate::room::*;", "room::*");
        refused("src/server/hub.rs", "use crate::room::{self};", "room");
        // Nor by those who could pass them on.
        refused("src/room/hub.rs", "use super::member::Secret;", "room::member::Secret");
        refused(
            "src/room/mod.rs",
            "mod member; pub(crate) use member::MemberRoom;",
            "room::member::MemberRoom",
        );
        accepted("src/server/hub.rs", "use crate::room::{hub::HubRoom, log, Roster};");
        accepted(
            "src/room/member/join.rs",
            "use super::{MemberRoom, process}; use crate::room::member::commit;",
        );
        accepted(
            "src/room/mod.rs",
            "pub(crate) mod hub; pub(crate) mod member; pub(crate) use hub::HubRoom;",
        );
        accepted("src/room/tests/flow.rs", "use crate::room::{hub::HubRoom, member::MemberRoom};");
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        refused("src/utils.rs", "use crate::ids::RoomId;", "ids::RoomId");
        refused("src/room/hub.rs", "use crate::utils::x;", "utils::x");
    }
}
