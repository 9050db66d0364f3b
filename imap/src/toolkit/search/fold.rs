//! Letters of one case.

use alloc::string::String;

use encoding_rs::Encoding;

/// `text` in one case: each character to lower and then to upper case, which also makes one of
/// `ς` and `σ`, `ß` and `ss`, `ſ` and `s`. Upper case comes last because i;unicode-casemap
/// (RFC 5051) sorts by it: `_` stands behind all letters.
pub(in crate::toolkit) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// As [`fold`], behind what is there.
pub(in crate::toolkit) fn fold_into(text: &str, folded: &mut String) {
    let mut rest = text;
    loop {
        let ascii = Encoding::ascii_valid_up_to(rest.as_bytes());
        // All before the first octet that is not ASCII, so that no character is cut.
        let (front, behind) = rest.split_at_checked(ascii).unwrap_or((rest, ""));
        let start = folded.len();
        folded.push_str(front);
        if let Some(front) = folded.get_mut(start..) {
            front.make_ascii_uppercase();
        }
        let mut chars = behind.chars();
        let Some(other) = chars.next() else {
            return;
        };
        folded.extend(other.to_lowercase().flat_map(char::to_uppercase));
        rest = chars.as_str();
    }
}
