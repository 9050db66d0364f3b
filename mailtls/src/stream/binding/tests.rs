use super::*;

fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(len @ 0..=0x7f) => der.push(len),
        _ => {
            let len = u16::try_from(contents.len()).unwrap();
            der.push(0x82);
            der.extend(len.to_be_bytes());
        }
    }
    der.extend_from_slice(contents);
    der
}

/// A certificate as far as this module looks at it.
fn certificate(algorithm: &[u8]) -> Vec<u8> {
    let to_be_signed = wrap(SEQUENCE, &[0x04; 300]);
    let signature = wrap(0x03, &[0; 64]);
    wrap(
        SEQUENCE,
        &[to_be_signed, wrap(SEQUENCE, algorithm), signature].concat(),
    )
}

#[test]
fn sasl_end_point_takes_the_hash_of_the_signature() {
    for (oid, hash) in SIGNATURES {
        let der = certificate(&wrap(OBJECT_IDENTIFIER, oid));
        assert_eq!(signature_hash(&der), Some(*hash));
        let expected = match hash {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        };
        assert_eq!(end_point(&der).unwrap().len(), expected);
    }
}

#[test]
fn sasl_end_point_of_rsassa_pss_is_in_its_parameters() {
    let pss = wrap(OBJECT_IDENTIFIER, RSASSA_PSS);
    for (oid, hash) in HASHES {
        let named = wrap(0xa0, &wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, oid)));
        let algorithm = [pss.clone(), wrap(SEQUENCE, &named)].concat();
        assert_eq!(signature_hash(&certificate(&algorithm)), Some(*hash));
    }
    let default = [pss, wrap(SEQUENCE, &[])].concat();
    assert_eq!(signature_hash(&certificate(&default)), Some(Hash::Sha256));
}

#[test]
fn sasl_end_point_is_not_defined_for_ed25519() {
    let ed25519 = wrap(OBJECT_IDENTIFIER, &[0x2b, 0x65, 0x70]);
    assert_eq!(end_point(&certificate(&ed25519)), None);
}

#[test]
fn x509_a_cut_certificate_has_no_end_point() {
    let der = certificate(&wrap(OBJECT_IDENTIFIER, SIGNATURES[2].0));
    for end in 0..der.len() {
        assert_eq!(end_point(&der[..end]), None);
    }
    assert_eq!(end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]), None);
    assert_eq!(end_point(&[0x30, 0x80]), None);
}
