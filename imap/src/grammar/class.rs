//! Classes of octets (RFC 9051 §9).

const ATOM: u8 = 1;
const ASTRING: u8 = 2;
const LIST: u8 = 4;
const TAG: u8 = 8;

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which refuses an index out of range; below 0x7F"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0x21;
    while octet < 0x7f {
        table[octet] = match octet as u8 {
            b'(' | b')' | b'{' | b'"' | b'\\' => 0,
            b'%' | b'*' => LIST,
            b']' => ASTRING | LIST | TAG,
            b'+' => ATOM | ASTRING | LIST,
            _ => ATOM | ASTRING | LIST | TAG,
        };
        octet += 1;
    }
    table
}

fn is(octet: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(octet))
        .is_some_and(|classes| classes & class != 0)
}

pub(crate) fn is_atom_char(octet: u8) -> bool {
    is(octet, ATOM)
}

pub(crate) fn is_astring_char(octet: u8) -> bool {
    is(octet, ASTRING)
}

pub(crate) fn is_list_char(octet: u8) -> bool {
    is(octet, LIST)
}

pub(crate) fn is_tag_char(octet: u8) -> bool {
    is(octet, TAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_abnf() {
        for octet in 0..=u8::MAX {
            // atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials /
            // resp-specials
            let special = octet >= 0x7f || octet <= b' ' || b"(){%*\"\\]".contains(&octet);
            assert_eq!(is_atom_char(octet), !special, "{octet}");
            assert_eq!(is_astring_char(octet), !special || octet == b']');
            assert_eq!(is_list_char(octet), !special || b"]%*".contains(&octet));
            assert_eq!(
                is_tag_char(octet),
                (!special || octet == b']') && octet != b'+'
            );
        }
    }
}
