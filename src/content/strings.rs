//! What the strings in a message may hold. They end on screens, in file dialogues and in
//! logs, and whoever wrote them may mean harm.

use crate::limits;

/// Free text: no control characters other than tab and line ends.
pub(super) fn is_text(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

/// One line: no control characters, no line or paragraph separators.
pub(super) fn is_line(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'))
}

/// A file name that is a path on no system, and that reads as what it is: one line without
/// `/`, `\` and `:`; not ending in a dot or space, which Windows drops (so that `..` is none
/// either); without characters that turn the reading direction, which disguise an extension.
pub(super) fn is_file_name(name: &str) -> bool {
    let plain = |c| !matches!(c, '/' | '\\' | ':') && !is_bidi_control(c);
    name.len() <= limits::FILE_NAME
        && is_line(name)
        && name.chars().all(plain)
        && name.chars().next_back().is_some_and(|c| !matches!(c, '.' | ' '))
}

/// A media type without parameters (RFC 6838 §4.2: two restricted names), in lower case, so
/// that there is one spelling to compare with.
pub(super) fn is_media_type(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let letter = |b: u8| alphanumeric(b) || b"!#$&-^_.+".contains(&b);
    let name = |n: &str| n.bytes().next().is_some_and(alphanumeric) && n.bytes().all(letter);
    text.len() <= limits::MEDIA_TYPE && text.split_once('/').is_some_and(|(a, b)| name(a) && name(b))
}

/// The Unicode property `Bidi_Control` (UAX #9).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for good in ["", "a", "ä\tb\r\nc\n", "שלום \u{202b}x\u{202c}", "👮🏽‍♀️"] {
            assert!(is_text(good), "{good:?}");
        }
        for bad in ["\0", "a\u{1b}[2J", "\u{7f}", "\u{85}", "\u{9b}2J", "\u{b}"] {
            assert!(!is_text(bad), "{bad:?}");
        }
    }

    #[test]
    fn lines() {
        assert!(is_line("👮🏽‍♀️ so"));
        for bad in ["a\nb", "\r", "\t", "\0", "\u{85}", "\u{2028}", "\u{2029}"] {
            assert!(!is_line(bad), "{bad:?}");
        }
    }

    #[test]
    fn file_names() {
        for good in ["a", ".profile", "Foto 3 (Brücke).jpg", "..x", "צילום.png", &"x".repeat(255)] {
            assert!(is_file_name(good), "{good:?}");
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            ".",
            "..",
            "x.",
            "x ",
            ".. ",
            "a/b",
            "a\\b",
            "C:x",
            "a\0b",
            "a\nb",
            "\u{2028}",
            "photo\u{202e}gpj.exe",
            "a\u{200f}b",
            "a\u{2066}b",
            "a\u{61c}b",
            &long,
        ] {
            assert!(!is_file_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn media_types() {
        let longest = format!("a/{}", "b".repeat(125));
        for good in ["image/jpeg", "application/vnd.ms-excel.sheet.macroenabled.12", "a/b", "x/1+x", &longest]
        {
            assert!(is_media_type(good), "{good:?}");
        }
        let long = format!("a/{}", "b".repeat(126));
        for bad in [
            "",
            "/",
            "a",
            "a/",
            "/b",
            "a/b/c",
            "Image/jpeg",
            "a/b; c=d",
            "a/.b",
            "-a/b",
            "a b/c",
            "ä/b",
            "a/b\0",
            &long,
        ] {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }
}
