//! Writes all mutants of a file into it, each behind a switch.
//!
//! Operators keep their operands: `a && b && c` becomes `(a || b) && c`, where the bare token
//! would make it `a || (b && c)`.

use std::{collections::BTreeMap, ops::Range};

use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprStruct, ExprUnary, Member, ReturnType, Signature, Type, UnOp,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{
    Outcome,
    list::{Genre, Mutant},
    say,
};

/// A file with its mutants.
pub(crate) struct Woven {
    pub(crate) text: String,
    /// Where each mutant's own text stands: what the compiler says about that is said about it.
    pub(crate) places: Vec<(Range<usize>, u32)>,
    /// Mutants that cannot be put behind a switch.
    pub(crate) left_over: Vec<u32>,
}

impl Woven {
    /// Whose text stands at a byte: the innermost.
    pub(crate) fn guilty(&self, at: usize) -> Option<Vec<u32>> {
        let around = || self.places.iter().filter(move |(place, _)| place.contains(&at));
        let least = around().map(|(place, _)| place.len()).min()?;
        Some(around().filter(|(place, _)| place.len() == least).map(|(_, id)| *id).collect())
    }
}

/// Something in the source that is written anew.
struct Site<'m> {
    range: Range<usize>,
    kind: Kind<'m>,
}

enum Kind<'m> {
    /// The brace that begins a function.
    Body(Vec<&'m Mutant>),
    /// An operator between two operands.
    Binary { left: Range<usize>, operator: Range<usize>, right: Range<usize>, mutants: Vec<&'m Mutant> },
    /// An operator before its operand.
    Unary { operator: Range<usize>, operand: Range<usize>, mutant: &'m Mutant },
    /// The arrow of an arm, or its `if` with the guard.
    Arm { guard: Option<Range<usize>>, mutants: Vec<&'m Mutant> },
    /// A field of a struct that takes the others from somewhere else.
    Field { name: String, value: Option<Range<usize>>, rest: String, mutant: &'m Mutant },
}

/// Weaves those mutants of one file into it.
pub(crate) fn weave(source: &str, mutants: &[&Mutant]) -> Outcome<Woven> {
    let file = syn::parse_file(source).map_err(say("source"))?;
    let mut finder = Finder { source, wanted: BTreeMap::new(), sites: Vec::new(), left_over: Vec::new() };
    for mutant in mutants {
        finder.wanted.entry((mutant.span.start, mutant.genre as u8)).or_default().push(mutant);
    }
    finder.visit_file(&file);
    finder.left_over.extend(finder.wanted.values().flatten().map(|mutant| mutant.id));
    // The outer one first.
    finder.sites.sort_by_key(|site| (site.range.start, usize::MAX - site.range.end));
    let mut writer = Writer { source, sites: &finder.sites, text: String::new(), places: Vec::new() };
    writer.copy(0..source.len());
    Ok(Woven { text: writer.text, places: writer.places, left_over: finder.left_over })
}

/// Finds what the mutants' places are places of.
struct Finder<'m> {
    source: &'m str,
    /// By place and genre; who is found is taken out.
    wanted: BTreeMap<(usize, u8), Vec<&'m Mutant>>,
    sites: Vec<Site<'m>>,
    left_over: Vec<u32>,
}

impl<'m> Finder<'m> {
    fn take(&mut self, start: usize, genre: Genre) -> Vec<&'m Mutant> {
        self.wanted.remove(&(start, genre as u8)).unwrap_or_default()
    }

    fn body(&mut self, signature: &Signature, block: &Block) {
        let Some(first) = block.stmts.first() else { return };
        let brace = block.brace_token.span.open().byte_range();
        let mutants = self.take(first.span().byte_range().start, Genre::Body);
        // An `impl Trait` is of one type, a constant function asks nobody.
        let returned = match &signature.output {
            ReturnType::Type(_, returned) => Some(returned.as_ref()),
            ReturnType::Default => None,
        };
        if signature.constness.is_some() || matches!(returned, Some(Type::ImplTrait(_))) {
            self.left_over.extend(mutants.iter().map(|mutant| mutant.id));
        } else if !mutants.is_empty() {
            self.sites.push(Site { range: brace, kind: Kind::Body(mutants) });
        }
    }
}

impl Visit<'_> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.body(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.body(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        item.default.iter().for_each(|block| self.body(&item.sig, block));
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &ExprBinary) {
        let operator = binary.op.span().byte_range();
        let mutants = self.take(operator.start, Genre::Binary);
        let (left, right) = (binary.left.span().byte_range(), binary.right.span().byte_range());
        if matches!(binary.op, BinOp::And(_)) && (binds(&binary.left) || binds(&binary.right)) {
            // Between `let`s there is no other operator.
            self.left_over.extend(mutants.iter().map(|mutant| mutant.id));
        } else if !mutants.is_empty() {
            let range = left.start..right.end;
            self.sites.push(Site { range, kind: Kind::Binary { left, operator, right, mutants } });
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &ExprUnary) {
        if let UnOp::Not(_) | UnOp::Neg(_) = unary.op {
            let operator = unary.op.span().byte_range();
            let operand = unary.expr.span().byte_range();
            for mutant in self.take(operator.start, Genre::Unary) {
                let range = operator.start..operand.end;
                let (operator, operand) = (operator.clone(), operand.clone());
                self.sites.push(Site { range, kind: Kind::Unary { operator, operand, mutant } });
            }
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &Arm) {
        let mut mutants = self.take(arm.span().byte_range().start, Genre::Arm);
        let guard =
            arm.guard.as_ref().map(|(sign, guard)| (sign.span().byte_range(), guard.span().byte_range()));
        if let Some((_, guard)) = &guard {
            mutants.extend(self.take(guard.start, Genre::Guard));
        }
        if !mutants.is_empty() {
            let range = match &guard {
                Some((sign, guard)) => sign.start..guard.end,
                None => arm.fat_arrow_token.span().byte_range(),
            };
            self.sites
                .push(Site { range, kind: Kind::Arm { guard: guard.map(|(_, guard)| guard), mutants } });
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, literal: &ExprStruct) {
        for field in &literal.fields {
            let range = field.span().byte_range();
            for mutant in self.take(range.start, Genre::Field) {
                let (Some(rest), Member::Named(name)) = (&literal.rest, &field.member) else { continue };
                let rest = &self.source[rest.span().byte_range()];
                let path = &self.source[literal.path.span().byte_range()];
                let value = field.colon_token.map(|_| field.expr.span().byte_range());
                let (name, rest) = (name.to_string(), format!("{path} {{ ..{rest} }}"));
                self.sites
                    .push(Site { range: range.clone(), kind: Kind::Field { name, value, rest, mutant } });
            }
        }
        visit::visit_expr_struct(self, literal);
    }
}

/// Whether a condition binds names with `let`.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            binds(&binary.left) || binds(&binary.right)
        }
        _ => false,
    }
}

/// Writes a part of the source with everything that is woven into it.
struct Writer<'m> {
    source: &'m str,
    sites: &'m [Site<'m>],
    text: String,
    places: Vec<(Range<usize>, u32)>,
}

impl Writer<'_> {
    fn copy(&mut self, range: Range<usize>) {
        let mut at = range.start;
        let sites = self.sites;
        while let Some(site) = sites.iter().find(|site| site.range.start >= at && site.range.end <= range.end)
        {
            self.text.push_str(&self.source[at..site.range.start]);
            self.site(site);
            at = site.range.end;
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    /// What only the mutant does.
    fn own(&mut self, mutant: &Mutant, write: impl FnOnce(&mut Self)) {
        let start = self.text.len();
        write(self);
        self.places.push((start..self.text.len(), mutant.id));
    }

    /// What is written otherwise for their sake.
    fn around(&mut self, start: usize, mutants: &[&Mutant]) {
        let range = start..self.text.len();
        self.places.extend(mutants.iter().map(|mutant| (range.clone(), mutant.id)));
    }

    fn operation(&mut self, left: &Range<usize>, operator: &str, right: &Range<usize>) {
        self.text.push('(');
        self.copy(left.clone());
        self.text.push_str(&format!(") {operator} ("));
        self.copy(right.clone());
        self.text.push(')');
    }

    fn site(&mut self, site: &Site<'_>) {
        let start = self.text.len();
        match &site.kind {
            Kind::Body(mutants) => {
                self.text.push('{');
                for mutant in mutants {
                    let text = format!(" if {} {{ return {}; }}", on(mutant), mutant.replacement);
                    self.own(mutant, |writer| writer.text.push_str(&text));
                }
            }
            Kind::Binary { left, operator, right, mutants } => {
                let operator = &self.source[operator.clone()];
                match (operator, mutants.as_slice()) {
                    // Written so that either operand stands there once.
                    ("&&" | "||", [mutant]) => self.own(mutant, |writer| {
                        let test = if operator == "&&" { "!=" } else { "==" };
                        writer.text.push_str("({ let mutant_left = ");
                        writer.copy(left.clone());
                        writer.text.push_str(&format!("; if mutant_left {test} {} {{ ", on(mutant)));
                        writer.copy(right.clone());
                        writer.text.push_str(" } else { mutant_left } })");
                    }),
                    _ => {
                        self.text.push('(');
                        for mutant in mutants {
                            self.own(mutant, |writer| {
                                writer.text.push_str(&format!("if {} {{ ", on(mutant)));
                                writer.operation(left, &mutant.replacement, right);
                                writer.text.push_str(" } else ");
                            });
                        }
                        self.text.push_str("{ ");
                        self.operation(left, operator, right);
                        self.text.push_str(" })");
                        self.around(start, mutants);
                    }
                }
            }
            Kind::Unary { operator, operand, mutant } => {
                self.own(mutant, |writer| {
                    writer.text.push_str(&format!("(if {} {{ ", on(mutant)));
                    writer.copy(operand.clone());
                    writer.text.push_str(" } else ");
                });
                self.text.push_str(&format!("{{ {}", &self.source[operator.clone()]));
                self.copy(operand.clone());
                self.text.push_str(" })");
                self.around(start, &[mutant]);
            }
            Kind::Arm { guard, mutants } => {
                // Every mutant changes what is written so far; the first is the innermost.
                self.text.push_str(" if ");
                let open = |mutant: &&&Mutant| match (mutant.genre, mutant.replacement.as_str()) {
                    (Genre::Guard, "true") => format!("({} || ", on(mutant)),
                    _ => format!("(!{} && ", on(mutant)),
                };
                self.text.extend(mutants.iter().map(|mutant| open(&mutant)));
                match guard {
                    Some(guard) => {
                        self.text.push('(');
                        self.copy(guard.clone());
                        self.text.push(')');
                    }
                    None => self.text.push_str("true"),
                }
                self.text.push_str(&")".repeat(mutants.len()));
                self.around(start, mutants);
                if guard.is_none() {
                    self.text.push_str(" =>");
                }
            }
            Kind::Field { name, value, rest, mutant } => {
                self.own(mutant, |writer| {
                    let text = format!("{name}: if {} {{ ({rest}).{name} }} else ", on(mutant));
                    writer.text.push_str(&text);
                });
                self.text.push_str("{ ");
                match value {
                    Some(value) => self.copy(value.clone()),
                    None => self.text.push_str(name),
                }
                self.text.push_str(" }");
                self.around(start, &[mutant]);
            }
        }
    }
}

fn on(mutant: &Mutant) -> String {
    format!("crate::mutant::on({})", mutant.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(source: &str, id: u32, genre: Genre, what: &str, replacement: &str) -> Mutant {
        let start = source.find(what).unwrap();
        let (name, file) = (String::new(), String::new());
        Mutant { id, name, file, genre, span: start..start + what.len(), replacement: replacement.into() }
    }

    fn woven(source: &str, mutants: &[Mutant]) -> Woven {
        let woven = weave(source, &mutants.iter().collect::<Vec<_>>()).unwrap();
        syn::parse_file(&woven.text).unwrap();
        woven
    }

    #[test]
    fn operators_nest() {
        let source = "fn f(a: u8) -> bool { a < 3 && !g(a == 4) }";
        let of = |id, genre, what, by| mutant(source, id, genre, what, by);
        let woven = woven(
            source,
            &[
                of(0, Genre::Body, "a < 3 && !g(a == 4)", "true"),
                of(1, Genre::Binary, "<", ">"),
                of(2, Genre::Binary, "&&", "||"),
                of(3, Genre::Unary, "!", ""),
                of(4, Genre::Binary, "==", "!="),
            ],
        );
        let text = woven.text.replace("crate::mutant::", "");
        let right = "g((if on(4) { (a) != (4) } else { (a) == (4) }))";
        let expected = format!(
            "fn f(a: u8) -> bool {{ if on(0) {{ return true; }} \
             ({{ let mutant_left = (if on(1) {{ (a) > (3) }} else {{ (a) < (3) }}); \
             if mutant_left != on(2) {{ (if on(3) {{ {right} }} else {{ !{right} }}) }} \
             else {{ mutant_left }} }}) }}"
        );
        assert_eq!(text, expected);
        assert!(woven.left_over.is_empty());
    }

    #[test]
    fn arms_and_fields() {
        let source = "fn f(a: u8) -> T { match a { 1 if g(a) => T { b: 2, ..c() }, 3 => h(), _ => i() } }";
        let of = |id, genre, what, by| mutant(source, id, genre, what, by);
        let woven = woven(
            source,
            &[
                of(0, Genre::Arm, "1 if g(a) => T { b: 2, ..c() },", ""),
                of(1, Genre::Guard, "g(a)", "true"),
                of(2, Genre::Guard, "g(a)", "false"),
                of(3, Genre::Field, "b: 2", ""),
                of(4, Genre::Arm, "3 => h(),", ""),
            ],
        );
        let text = woven.text.replace("crate::mutant::", "");
        assert!(text.contains("1  if (!on(0) && (on(1) || (!on(2) && (g(a))))) =>"), "{text}");
        assert!(text.contains("b: if on(3) { (T { ..c() }).b } else { 2 }, ..c()"), "{text}");
        assert!(text.contains("3  if (!on(4) && true) => h()"), "{text}");
    }

    #[test]
    fn nothing_replaces_and_between_lets() {
        let source = "fn f(a: Option<u8>) -> bool { if let Some(b) = a && b == 3 { true } else { false } }";
        let mutants =
            [mutant(source, 7, Genre::Binary, "&&", "||"), mutant(source, 8, Genre::Binary, "==", "!=")];
        let woven = woven(source, &mutants);
        assert_eq!(woven.left_over, [7]);
        assert!(woven.places.iter().all(|(_, id)| *id == 8));
    }
}
