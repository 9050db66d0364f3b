//! The character classes of the ABNF as one table, so that a test is one load.

/// `atext` of RFC 5322 §3.2.3, and `UTF8-non-ascii` of RFC 6531 §3.3.
pub(crate) const ATEXT: u8 = 1;
/// `ALPHA / DIGIT`: `Let-dig` of RFC 5321 §4.1.2.
pub(crate) const LET_DIG: u8 = 2;
/// `qtextSMTP` of RFC 5321 §4.1.2, and `UTF8-non-ascii`.
pub(crate) const QTEXT: u8 = 4;
/// `esmtp-value` of RFC 5321 §4.1.2, and `UTF8-non-ascii`.
pub(crate) const VALUE: u8 = 8;
/// `dcontent` of RFC 5321 §4.1.3.
pub(crate) const DCONTENT: u8 = 16;
/// `xchar` of RFC 3461 §4.
pub(crate) const XCHAR: u8 = 32;
/// `VCHAR` of RFC 5234: printable ASCII without the space.
pub(crate) const VCHAR: u8 = 64;
/// An octet of a character beyond ASCII. Whether the whole is UTF-8 is checked where it is kept.
pub(crate) const NON_ASCII: u8 = 128;

/// Whether the octet is in one of the classes.
pub(crate) const fn is(octet: u8, classes: u8) -> bool {
    #[expect(
        clippy::indexing_slicing,
        reason = "the table has an entry for each octet"
    )]
    let class = CLASSES[octet as usize];
    class & classes != 0
}

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0_u8;
    loop {
        #[expect(
            clippy::indexing_slicing,
            reason = "the table has an entry for each octet"
        )]
        {
            table[octet as usize] = class(octet);
        }
        if octet == u8::MAX {
            break table;
        }
        octet += 1;
    }
};

const fn class(octet: u8) -> u8 {
    let always = match octet {
        0x80.. => ATEXT | QTEXT | VALUE | NON_ASCII,
        b'!'..=b'~' => VCHAR,
        _ => 0,
    };
    let atext = match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => ATEXT | LET_DIG,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?'
        | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~' => ATEXT,
        _ => 0,
    };
    let qtext = match octet {
        32..=33 | 35..=91 | 93..=126 => QTEXT,
        _ => 0,
    };
    let value = match octet {
        33..=60 | 62..=126 => VALUE,
        _ => 0,
    };
    let dcontent = match octet {
        33..=90 | 94..=126 => DCONTENT,
        _ => 0,
    };
    let xchar = match octet {
        b'+' | b'=' => 0,
        b'!'..=b'~' => XCHAR,
        _ => 0,
    };
    always | atext | qtext | value | dcontent | xchar
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes as the RFCs print them, walked over all octets.
    #[test]
    fn smtp_36_every_octet_is_in_the_classes_of_the_abnf_and_no_other() {
        let specials = b"()<>[]:;@\\,.\"";
        for octet in 0..=u8::MAX {
            let non_ascii = !octet.is_ascii();
            let control = octet.is_ascii_control();
            let printable = octet.is_ascii_graphic();
            let atext = printable && !specials.contains(&octet) || non_ascii;
            assert_eq!(is(octet, ATEXT), atext, "atext {octet}");
            assert_eq!(
                is(octet, LET_DIG),
                octet.is_ascii_alphanumeric(),
                "let-dig {octet}"
            );
            let qtext = !control && octet != b'"' && octet != b'\\';
            assert_eq!(is(octet, QTEXT), qtext, "qtext {octet}");
            let value = (printable && octet != b'=') || non_ascii;
            assert_eq!(is(octet, VALUE), value, "esmtp-value {octet}");
            let dcontent = printable && !b"[\\]".contains(&octet);
            assert_eq!(is(octet, DCONTENT), dcontent, "dcontent {octet}");
            let xchar = printable && octet != b'+' && octet != b'=';
            assert_eq!(is(octet, XCHAR), xchar, "xchar {octet}");
            assert_eq!(is(octet, VCHAR), printable, "vchar {octet}");
            assert_eq!(is(octet, NON_ASCII), non_ascii, "non-ascii {octet}");
        }
    }
}
