//! Runs every target on a small stack, over long inputs made of what makes parsers go deep.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::thread;

use mailwire_fuzz::{TARGETS, Target};

/// The stack of a thread on systems that give little; the main thread has 8 MiB.
const STACK: usize = 128 * 1024;
const INPUT: usize = 64 * 1024;

/// What opens something, escapes something or ends something.
const BIASED: [&[u8]; 14] = [
    b"(",
    b"{",
    b"\"",
    b"\\",
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"<",
    b"[",
    b"@",
    b"=",
    b" ",
    b"\r\n.\r\n",
];

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 40).unwrap() % bound
    }
}

/// Half of it biased octets and half of it any; at times a seed, so that it reaches beyond the
/// first check.
fn any_mixture(target: &Target, random: &mut Random) -> Vec<u8> {
    let mut input = Vec::with_capacity(INPUT + 64);
    while input.len() < INPUT {
        match random.below(40) {
            0 => input.extend_from_slice(target.seeds[random.below(target.seeds.len())]),
            1..20 => input.push(u8::try_from(random.below(256)).unwrap()),
            _ => input.extend_from_slice(BIASED[random.below(BIASED.len())]),
        }
    }
    input.truncate(INPUT);
    input
}

/// A beginning that is right, and then the same thing without end.
fn one_thing_without_end(target: &Target, random: &mut Random) -> Vec<u8> {
    let seed = target.seeds[random.below(target.seeds.len())];
    let mut input = seed[..random.below(seed.len() + 1)].to_vec();
    let thing = BIASED[random.below(BIASED.len())];
    input.extend(thing.iter().cycle().take(INPUT - input.len()));
    input
}

/// The same in the midst of what is right, not so often that it is too long for every limit.
fn one_thing_in_the_midst(target: &Target, random: &mut Random) -> Vec<u8> {
    let seed = target.seeds[random.below(target.seeds.len())];
    let (before, behind) = seed.split_at(random.below(seed.len() + 1));
    let thing = BIASED[random.below(BIASED.len())].repeat(1 + random.below(600));
    [before, &thing, behind].concat()
}

fn on_a_small_stack(input: impl Fn(&Target, &mut Random) -> Vec<u8>, rounds: u64) {
    for target in TARGETS {
        let mut random = Random::new(7);
        let inputs: Vec<_> = (0..rounds).map(|_| input(target, &mut random)).collect();
        let run = target.run;
        let small = thread::Builder::new()
            .name(target.name.to_owned())
            .stack_size(STACK)
            .spawn(move || inputs.iter().for_each(|input| run(input)))
            .unwrap();
        assert!(small.join().is_ok(), "{}", target.name);
    }
}

#[test]
fn dos_19_every_target_holds_on_a_small_stack_for_any_mixture() {
    on_a_small_stack(any_mixture, 20);
}

#[test]
fn dos_19_every_target_holds_on_a_small_stack_for_one_thing_without_end() {
    on_a_small_stack(one_thing_without_end, 16);
}

#[test]
fn dos_19_every_target_holds_on_a_small_stack_for_one_thing_in_the_midst() {
    on_a_small_stack(one_thing_in_the_midst, 200);
}
