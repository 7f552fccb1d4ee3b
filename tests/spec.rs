//! `proto/SPEC*.md` and the code say the same: tables are made from the code, every rule is
//! cited by a test, and what the code cites is there.
//!
//! `VERBUND_WRITE_SPEC=1 cargo test --test spec` writes the tables anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use verbund::code::Code;

#[test]
fn tables_are_fresh() {
    let path = root().join("proto/SPEC.md");
    let stored = fs::read_to_string(&path).unwrap();
    let mut fresh = stored.clone();
    for (name, table) in [("limits", limits()), ("labels", labels()), ("codes", codes())] {
        let begin = format!("<!-- generated: {name} -->\n");
        let at = fresh.find(&begin).unwrap_or_else(|| panic!("no table of {name}")) + begin.len();
        let end = at + fresh[at..].find("<!-- end -->").unwrap();
        fresh.replace_range(at..end, &table);
    }
    if std::env::var_os("VERBUND_WRITE_SPEC").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == fresh,
        "proto/SPEC.md is stale: VERBUND_WRITE_SPEC=1 cargo test --test spec"
    );
}

#[test]
fn every_rule_is_cited_by_a_test() {
    let cited: BTreeSet<String> =
        files().iter().flat_map(|(path, text)| cited(tests_in(path, text))).collect();
    let silent: Vec<_> = rules().into_keys().filter(|rule| !cited.contains(rule)).collect();
    assert!(silent.is_empty(), "no test cites {silent:?}");
}

#[test]
fn every_cited_rule_exists() {
    let rules = rules();
    let mut unknown = BTreeMap::new();
    for (path, text) in files().into_iter().chain(spec()) {
        let missing = cited(&text).into_iter().filter(|rule| !rules.contains_key(rule));
        unknown.extend(missing.map(|rule| (rule, path.clone())));
    }
    assert!(unknown.is_empty(), "SPEC does not have {unknown:#?}");
}

#[test]
fn rules_are_numbered_once_and_name_codes_that_exist() {
    let mut seen = BTreeMap::<String, String>::new();
    let mut last = String::new();
    for (path, text) in spec() {
        for Rule { number, code } in text.lines().filter_map(rule) {
            // Rows of one rule may follow each other.
            let elsewhere = seen.insert(number.clone(), path.display().to_string());
            assert!(
                last == number || elsewhere.is_none(),
                "{number} is in {} and {elsewhere:?}",
                path.display()
            );
            if let Some(code) = code {
                assert!(
                    Code::from_number(code).is_some(),
                    "{number} has code {code}, which is not registered"
                );
            }
            last = number;
        }
    }
    assert!(seen.len() > 20, "the rules were not found");
}

/// CONTRIBUTING's table of pitfalls names tests, each of which is there.
#[test]
fn every_pitfall_has_its_tests() {
    let text = read("CONTRIBUTING.md");
    let (_, chapter) = text.split_once("\n## Pitfalls\n").expect("the chapter");
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 18, "{} pitfalls", rows.len());
    let sources = files();
    for row in rows {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let test = format!("#[test]\nfn {name}()");
            assert!(sources.iter().any(|(_, text)| text.contains(&test)), "there is no test {name}");
        }
    }
}

#[test]
fn every_cited_section_exists() {
    let spec = spec();
    let headings: BTreeSet<&str> =
        spec.iter().flat_map(|(_, text)| text.lines()).filter_map(heading).collect();
    let mut unknown = BTreeMap::new();
    for (path, text) in files() {
        let text = flowing(&text);
        for words in ["SPEC chapter \"", "SPEC, \"", "SPEC \"", "SPEC (\""] {
            let sections = text.split(words).skip(1).map(|after| after.split('"').next().unwrap().to_owned());
            unknown.extend(sections.filter(|s| !headings.contains(&**s)).map(|s| (s, path.clone())));
        }
    }
    assert!(unknown.is_empty(), "SPEC does not have {unknown:#?}");
}

/// `## Padding`, or `**Padding.**` where a paragraph begins with its own.
fn heading(line: &str) -> Option<&str> {
    match line.strip_prefix("**") {
        Some(bold) => bold.split_once("**").map(|(heading, _)| heading.trim_end_matches('.')),
        None => line.starts_with('#').then(|| line.trim_matches(['#', ' '])),
    }
}

// --- What stands in the files -----------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// `proto/SPEC*.md`.
fn spec() -> Vec<(PathBuf, String)> {
    let is_spec = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("SPEC");
    let mut chapters = collect(&root().join("proto"), &["md"]);
    chapters.retain(|(path, _)| is_spec(path));
    chapters
}

/// Sources, schemas, tests and the manifest; not this file, which has rules of its own making.
fn files() -> Vec<(PathBuf, String)> {
    let mut files = collect(&root().join("src"), &["rs"]);
    files.extend(collect(&root().join("tests"), &["rs"]));
    files.extend(collect(&root().join("proto"), &["proto"]));
    files.push((root().join("Cargo.toml"), read("Cargo.toml")));
    files.retain(|(path, _)| !path.ends_with("tests/spec.rs"));
    files
}

fn collect(dir: &Path, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(collect(&path, endings));
        } else if path.extension().is_some_and(|e| endings.contains(&e.to_str().unwrap())) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The part of a file that is tests.
fn tests_in<'a>(path: &Path, text: &'a str) -> &'a str {
    let path = path.strip_prefix(root()).unwrap();
    let all = path.iter().any(|part| part == "tests") || path.ends_with("tests.rs");
    match text.find("#[cfg(test)]\nmod tests {") {
        _ if all => text,
        Some(at) => &text[at..],
        None => "",
    }
}

/// A rule where it is laid down: `| V-101 | … | 105 |` or `- **V-101** …`.
struct Rule {
    number: String,
    code: Option<u16>,
}

fn rule(line: &str) -> Option<Rule> {
    let rest = line.strip_prefix("| ").or(line.strip_prefix("- "))?;
    let rest = rest.strip_prefix("**").unwrap_or(rest);
    let number = rest.get(..5).filter(|number| cited(number).len() == 1)?;
    let cells: Vec<&str> = line.trim_end_matches([' ', '|']).split('|').map(str::trim).collect();
    let code = (cells.len() > 2).then(|| cells[cells.len() - 1].parse().ok()).flatten();
    Some(Rule { number: number.to_owned(), code })
}

fn rules() -> BTreeMap<String, Option<u16>> {
    let spec = spec();
    let lines = spec.iter().flat_map(|(_, text)| text.lines());
    lines.filter_map(rule).map(|rule| (rule.number, rule.code)).collect()
}

/// The rules that a text names, one by one or as `V-111 to V-114`.
fn cited(text: &str) -> BTreeSet<String> {
    let text = flowing(text);
    let mut rules = BTreeSet::new();
    let mut last: Option<(u16, usize)> = None; // a number, and where it ends
    for (at, _) in text.match_indices("V-") {
        let (start, end) = (at + 2, at + 5);
        let Some(number) = text.get(start..end).and_then(|digits| digits.parse::<u16>().ok()) else {
            continue;
        };
        if text[end..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            continue;
        }
        let first = last.filter(|(_, ended)| text[*ended..at] == *" to ").map_or(number, |(first, _)| first);
        rules.extend(first..=number);
        last = Some((number, end));
    }
    rules.into_iter().map(|rule| format!("V-{rule:03}")).collect()
}

/// Without line ends and the signs of comments, so that what is wrapped is found.
fn flowing(text: &str) -> String {
    let line = |line: &str| line.trim().trim_start_matches(['/', '!', '#']).trim_start().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join(" ")
}

// --- Tables -----------------------------------------------------------------------------

fn codes() -> String {
    let mut table = "| code | name | kind | |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        table += &format!("| {} | {code:?} | {:?} | {} |\n", code.number(), code.kind(), code.text());
    }
    table
}

fn labels() -> String {
    let mut table = "| label | |\n|---|---|\n".to_owned();
    let source = read("src/crypto/label.rs");
    let registry = source.split_once("\nlabels! {").unwrap().1.split_once("\n}").unwrap().0;
    for (doc, item) in documented(registry) {
        let text = item.split('"').nth(1).unwrap().strip_prefix("verbund 1 ").unwrap();
        table += &format!("| `{text}` | {doc} |\n");
    }
    table
}

fn limits() -> String {
    let mut table = "| name | value | |\n|---|---|---|\n".to_owned();
    let mut values = BTreeMap::new();
    for (doc, item) in documented(&read("src/limits.rs")) {
        let (name, value) = item.strip_prefix("pub const ").unwrap().split_once('=').unwrap();
        let (name, unit) = name.trim().split_once(": ").unwrap();
        let value = Evaluation::of(value, &values);
        table += &format!("| {name} | {} | {doc} |\n", shown(value, unit == "Duration"));
        values.insert(name.to_owned(), value);
    }
    table
}

/// Items of a source, each with the comment above it; other lines are passed over.
fn documented(source: &str) -> Vec<(String, String)> {
    let (mut items, mut doc, mut item) = (Vec::new(), String::new(), String::new());
    for line in source.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            doc += more;
        } else if !doc.is_empty() {
            item += line;
            if line.ends_with(';') {
                items.push((std::mem::take(&mut doc).trim().replace('|', "\\|"), std::mem::take(&mut item)));
            }
        }
    }
    assert!(items.len() > 20, "the items were not found");
    items
}

/// With a comma at every three digits; times in the largest unit that is whole.
fn shown(value: u64, seconds: bool) -> String {
    let (value, unit) = match value {
        _ if !seconds => (value, ""),
        s if s % 86_400 == 0 => (s / 86_400, " days"),
        s if s % 3_600 == 0 => (s / 3_600, " h"),
        s if s % 60 == 0 => (s / 60, " min"),
        s => (s, " s"),
    };
    let digits = value.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + unit
}

/// What a constant's expression comes to: sums, products and shifts of numbers and other
/// constants; of a `Duration`, seconds.
struct Evaluation<'a> {
    tokens: std::iter::Peekable<proc_macro2::token_stream::IntoIter>,
    known: &'a BTreeMap<String, u64>,
}

impl<'a> Evaluation<'a> {
    fn of(expression: &str, known: &'a BTreeMap<String, u64>) -> u64 {
        let tokens: TokenStream = expression.trim_end_matches(';').parse().unwrap();
        Evaluation { tokens: tokens.into_iter().peekable(), known }.shifts()
    }

    fn shifts(&mut self) -> u64 {
        let mut value = self.sums();
        while self.takes("<") {
            assert!(self.takes("<"));
            value <<= self.sums();
        }
        assert!(self.tokens.peek().is_none(), "what stands here is not understood");
        value
    }

    fn sums(&mut self) -> u64 {
        let mut value = self.products();
        while self.takes("+") {
            value += self.products();
        }
        value
    }

    fn products(&mut self) -> u64 {
        let mut value = self.atom();
        while self.takes("*") {
            value *= self.atom();
        }
        value
    }

    fn atom(&mut self) -> u64 {
        match self.tokens.next().expect("an operand") {
            TokenTree::Literal(number) => number.to_string().replace('_', "").parse().unwrap(),
            TokenTree::Group(group) => self.inside(group.stream()),
            TokenTree::Ident(name) if name == "Duration" => {
                assert!(self.takes(":") && self.takes(":") && self.takes("from_secs"), "seconds are wanted");
                self.atom()
            }
            TokenTree::Ident(name) => self.known[&name.to_string()],
            TokenTree::Punct(other) => panic!("{other} is not understood"),
        }
    }

    fn inside(&self, tokens: TokenStream) -> u64 {
        Evaluation { tokens: tokens.into_iter().peekable(), known: self.known }.shifts()
    }

    fn takes(&mut self, token: &str) -> bool {
        self.tokens.next_if(|next| next.to_string() == token).is_some()
    }
}

mod on_synthetic_texts {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        cited(text).into_iter().collect()
    }

    #[test]
    fn citations_are_found() {
        assert_eq!(names("(SPEC V-101, V-103). V-1044 V-1 xV-10a"), ["V-101", "V-103"]);
        assert_eq!(names("V-111 to V-114"), ["V-111", "V-112", "V-113", "V-114"]);
        assert_eq!(names("/// as V-111 to\n    /// V-113;"), ["V-111", "V-112", "V-113"]);
        assert_eq!(names("\"V-701\", // V-702"), ["V-701", "V-702"]);
    }

    #[test]
    fn rules_are_read() {
        let read = |line| rule(line).map(|rule| (rule.number, rule.code));
        assert_eq!(read("| V-101 | It is. | 105 |"), Some(("V-101".into(), Some(105))));
        assert_eq!(read("| V-101 | It is. | – |"), Some(("V-101".into(), None)));
        assert_eq!(read("- **V-101** It is 105."), Some(("V-101".into(), None)));
        assert_eq!(read("| It is V-101. | 105 |"), None);
        assert_eq!(read("V-101 and V-102"), None);
    }

    #[test]
    fn only_tests_count_as_tests() {
        let text = "/// V-101\nfn f() {}\n#[cfg(test)]\nmod tests { // V-102\n}";
        assert_eq!(names(tests_in(&root().join("src/ids.rs"), text)), ["V-102"]);
        assert_eq!(names(tests_in(&root().join("src/x/tests/a.rs"), text)), ["V-101", "V-102"]);
        assert_eq!(names(tests_in(&root().join("src/x/tests.rs"), "V-103")), ["V-103"]);
        assert_eq!(names(tests_in(&root().join("src/ids.rs"), "V-103")), [""; 0]);
    }

    #[test]
    fn values_are_computed() {
        let known = BTreeMap::from([("A".to_owned(), 3)]);
        for (expression, value) in [
            ("60 << 10;", 61_440),
            ("A + (4 << 1)", 11),
            ("Duration::from_secs(30 * 86_400)", 2_592_000),
            ("2 * A + 1", 7),
        ] {
            assert_eq!(Evaluation::of(expression, &known), value);
        }
        assert_eq!([shown(1_234_567, false), shown(12, false)], ["1,234,567", "12"]);
        assert_eq!([shown(172_800, true), shown(600, true)], ["2 days", "10 min"]);
    }
}
