//! SHAKE256 (FIPS 202), which ring does not have: the hash of ML-DSA, for the claim `at_hash` and the like.
//!
//! What is hashed here is compared with what a token says, so speed does not matter. No table is looked up at a place that
//! depends on the input, so the time depends on its length alone.

/// The bytes that are absorbed or squeezed between two permutations.
const RATE: usize = 136;

const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The permutation of the lanes, and by how many bits each is turned: the steps rho and pi.
const TURNS: [(usize, u32); 24] = [
    (10, 1),
    (7, 3),
    (11, 6),
    (17, 10),
    (18, 15),
    (3, 21),
    (5, 28),
    (16, 36),
    (8, 45),
    (21, 55),
    (24, 2),
    (4, 14),
    (15, 27),
    (23, 41),
    (19, 56),
    (13, 8),
    (12, 25),
    (2, 43),
    (20, 62),
    (14, 18),
    (22, 39),
    (9, 61),
    (6, 20),
    (1, 44),
];

/// Returns the first `N` bytes of SHAKE256 of a value. `N` is at most 136.
pub(crate) fn shake256<const N: usize>(value: &[u8]) -> [u8; N] {
    const { assert!(N <= RATE, "one block is squeezed") };
    let mut state = [0_u64; 25];
    let (blocks, rest) = value.as_chunks::<RATE>();
    for block in blocks {
        absorb(&mut state, block);
    }
    let mut last = [0; RATE];
    last.iter_mut().zip(rest.iter().chain(&[0x1f])).for_each(|(to, byte)| *to = *byte);
    if let Some(end) = last.last_mut() {
        *end |= 0x80;
    }
    absorb(&mut state, &last);
    let mut digest = [0; N];
    let squeezed = state.iter().flat_map(|lane| lane.to_le_bytes());
    digest.iter_mut().zip(squeezed).for_each(|(to, byte)| *to = byte);
    digest
}

fn absorb(state: &mut [u64; 25], block: &[u8; RATE]) {
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane ^= u64::from_le_bytes(*bytes);
    }
    permute(state);
}

#[allow(clippy::indexing_slicing, reason = "all places are below 25")]
fn permute(state: &mut [u64; 25]) {
    for round in ROUNDS {
        let column = |x: usize| (0..5).fold(0, |sum, y| sum ^ state[x % 5 + 5 * y]);
        let turned: [u64; 5] = std::array::from_fn(|x| column(x + 4) ^ column(x + 1).rotate_left(1));
        for (place, lane) in state.iter_mut().enumerate() {
            *lane ^= turned[place % 5];
        }
        let mut carried = state[1];
        for (place, bits) in TURNS {
            carried = std::mem::replace(&mut state[place], carried.rotate_left(bits));
        }
        for row in state.as_chunks_mut::<5>().0 {
            let before = *row;
            for (x, lane) in row.iter_mut().enumerate() {
                *lane ^= !before[(x + 1) % 5] & before[(x + 2) % 5];
            }
        }
        state[0] ^= round;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The expected values are those of `hashlib.shake_256` of Python.
    #[test]
    fn values_of_every_length_have_their_digest() {
        let value: Vec<u8> = (0..300).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
        for (length, start) in [
            (0, "46b9dd2b0ba88d13233b3feb743eeb24"),
            (1, "b8d01df855f7075882c636f6ddeacf41"),
            (7, "552294355aff5c43a2c7009607e47c0c"),
            (8, "b44dae93f2360c4914fa999f3aed5390"),
            (9, "e101ff7abe4b32631184812a043de70d"),
            (135, "c45dae624ad8a2f5aa7bac9d7557737f"),
            (136, "b7ff4073b3f5a8eabd6e17705ca7f676"),
            (137, "01d90952c642a5eb2a8fc9d713f843a4"),
            (271, "946985982420b82481721a498ef0c866"),
            (272, "e3299fa992163e7ffc875aff708dac93"),
            (273, "3bf949e3523de3b5a8cb9e105ae81705"),
            (300, "177c5689012e0ac1f06bea70d7946bf8"),
        ] {
            assert_eq!(hex(&shake256::<16>(&value[..length])), start, "{length}");
        }
        assert!(hex(&shake256::<64>(b"")).starts_with("46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82"));
        assert_eq!(shake256::<136>(b"x")[..64], shake256::<64>(b"x"));
    }
}
