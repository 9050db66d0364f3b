//! Values made of random octets: what can be built can be parsed, and is the same.

use arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use mailwire_pop3::{Capability, Command, Response, limits};

use crate::pair::Random;

/// Many values of a type, by the same octets each time.
fn values<T: for<'a> Arbitrary<'a>>() -> Vec<T> {
    let mut random = Random::new(1);
    let mut values = Vec::new();
    for _ in 0..20_000 {
        let octets: Vec<u8> = (0..random.below(300))
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        values.extend(T::arbitrary(&mut Unstructured::new(&octets)).ok());
    }
    assert!(values.len() > 5_000, "{}", values.len());
    values
}

fn line(wire: &BytesMut) -> &[u8] {
    let line = wire.strip_suffix(b"\r\n").unwrap();
    assert!(!line.contains(&b'\n'));
    line
}

#[test]
fn pop3_17_every_command_is_one_line_that_says_the_same() {
    for command in values::<Command>() {
        let mut wire = BytesMut::new();
        command.encode(&mut wire);
        assert_eq!(command.fits(), wire.len() <= limits::COMMAND_LINE);
        assert_eq!(Command::parse(line(&wire)), Ok(command));
    }
}

#[test]
fn every_response_is_one_line_that_says_the_same() {
    for response in values::<Response>() {
        let mut wire = BytesMut::new();
        response.encode(&mut wire);
        assert!(wire.len() <= limits::RESPONSE_LINE);
        assert_eq!(Response::parse(line(&wire)), Ok(response));
    }
}

#[test]
fn every_capability_is_one_line_that_says_the_same() {
    for capability in values::<Capability>() {
        let mut wire = BytesMut::new();
        capability.encode(&mut wire);
        assert_eq!(Capability::parse(line(&wire)), Ok(capability));
    }
}
