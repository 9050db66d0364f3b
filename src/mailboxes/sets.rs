//! Sets of UIDs that fit into a line.

use mailwire_imap::sequence::SequenceSet;

/// Octets of a set in one command: RFC 7162 §4 has servers take lines of 8,192, and a mailbox name
/// and flags stand behind it.
const LINE: usize = 4_096;

/// The set in pieces, each short enough for one command; what SEARCH found may be long.
pub(super) fn of_a_line(set: &SequenceSet) -> Vec<SequenceSet> {
    let wire = std::str::from_utf8(set.as_bytes()).unwrap_or_default();
    if wire.len() <= LINE {
        return vec![set.clone()];
    }
    let (mut pieces, mut rest) = (Vec::new(), wire);
    while !rest.is_empty() {
        let front = rest.get(..LINE).unwrap_or(rest);
        let end = if front.len() == rest.len() {
            rest.len()
        } else {
            front.rfind(',').unwrap_or(rest.len())
        };
        let (piece, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.extend(piece.parse::<SequenceSet>());
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn long_sets_are_cut_between_their_elements() {
        let odd = (1..=100_001).step_by(2).filter_map(NonZeroU32::new);
        let set = SequenceSet::of(odd).unwrap();
        let pieces = of_a_line(&set);
        assert!(pieces.len() > 50);
        assert!(pieces.iter().all(|piece| piece.as_bytes().len() <= LINE));
        let joined: Vec<_> = pieces.iter().map(SequenceSet::as_bytes).collect();
        assert_eq!(joined.join(&b','), set.as_bytes());
        for short in ["1:*", "$", "7"] {
            let set: SequenceSet = short.parse().unwrap();
            assert_eq!(of_a_line(&set), [set]);
        }
    }
}
