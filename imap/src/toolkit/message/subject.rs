//! The base subject, by which conversations are found (RFC 5256 §2.1).

use alloc::string::String;

/// The base subject of a decoded and unfolded subject, and whether it is a reply or forwarded.
///
/// ```
/// use mailwire_imap::toolkit::message::subject::base;
/// assert_eq!(base("Re: [list] Fwd:  Hello \t World (fwd)"), ("Hello World".into(), true));
/// assert_eq!(base("[only a blob]"), ("[only a blob]".into(), false));
/// assert_eq!(base("[Fwd: Re: hi]"), ("hi".into(), true));
/// ```
#[must_use]
pub fn base(subject: &str) -> (String, bool) {
    let subject = single_spaces(subject);
    let mut rest = &*subject;
    let mut is_answer = false;
    loop {
        while let Some(shorter) = without_trailer(rest, &mut is_answer) {
            rest = shorter;
        }
        while let Some(shorter) = without_leader(rest, &mut is_answer) {
            rest = shorter;
        }
        // `[fwd:` and `]` around it: all begins anew within.
        let within = without_prefix(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']'));
        match within {
            Some(inner) => {
                is_answer = true;
                rest = inner;
            }
            None => return (rest.into(), is_answer),
        }
    }
}

/// Step 1: tabs and line ends are spaces, and one space stands for many.
fn single_spaces(subject: &str) -> String {
    let mut text = String::with_capacity(subject.len());
    for char in subject.chars() {
        if !matches!(char, ' ' | '\t' | '\r' | '\n') {
            text.push(char);
        } else if !text.ends_with(' ') {
            text.push(' ');
        }
    }
    text
}

/// Step 2: `subj-trailer`.
fn without_trailer<'a>(rest: &'a str, is_answer: &mut bool) -> Option<&'a str> {
    if let Some(shorter) = rest.strip_suffix(' ') {
        return Some(shorter);
    }
    let start = rest.len().checked_sub("(fwd)".len())?;
    let (shorter, trailer) = rest.split_at_checked(start)?;
    if !trailer.eq_ignore_ascii_case("(fwd)") {
        return None;
    }
    *is_answer = true;
    Some(shorter)
}

/// Steps 3 and 4: `subj-leader`, or else a run of `subj-blob`. All blobs of a run are looked at
/// together, as a run that no `re:` follows stays one when its first blob is gone.
fn without_leader<'a>(rest: &'a str, is_answer: &mut bool) -> Option<&'a str> {
    if let Some(shorter) = rest.strip_prefix(' ') {
        return Some(shorter);
    }
    let (mut behind, mut last) = (rest, None);
    while let Some(shorter) = without_blob(behind) {
        last = Some(behind);
        behind = shorter;
    }
    if let Some(shorter) = without_refwd(behind) {
        *is_answer = true;
        return Some(shorter);
    }
    // A subject that is nothing but blobs keeps the last one.
    let shorter = if behind.is_empty() { last? } else { behind };
    (shorter.len() < rest.len()).then_some(shorter)
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`.
fn without_refwd(rest: &str) -> Option<&str> {
    let behind = ["re", "fwd", "fw"]
        .iter()
        .find_map(|word| without_prefix(rest, word))?
        .trim_start_matches(' ');
    let behind = without_blob(behind).unwrap_or(behind);
    behind.strip_prefix(':')
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`.
fn without_blob(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    let behind = inner.get(end..)?.strip_prefix(']')?;
    Some(behind.trim_start_matches(' '))
}

/// Without a prefix that may be in any case.
fn without_prefix<'a>(rest: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, behind) = rest.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(behind)
}
