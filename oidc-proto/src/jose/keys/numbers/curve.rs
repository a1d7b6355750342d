//! Checks of points: on P-256, P-384 or P-521 (NIST SP 800-186, RFC 7518 section 6.2.1), or not of small order on Ed25519
//! (RFC 8032 section 5.1).
//!
//! ring checks a point only when it verifies, and gives no reason. Here, a broken key is set aside with its reason
//! when the key set is read. The values are public, so the time may depend on them.

/// A curve y² = x³ - 3x + b over a prime field of `N` 64-bit limbs, least significant first.
struct Curve<const N: usize> {
    prime: [u64; N],
    /// -1/p modulo 2^64.
    inverse: u64,
    b: [u64; N],
}

const P256: Curve<4> = Curve {
    prime: [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001],
    inverse: 1,
    b: [0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc, 0x5ac6_35d8_aa3a_93e7],
};

const P384: Curve<6> = Curve {
    prime: [
        0x0000_0000_ffff_ffff,
        0xffff_ffff_0000_0000,
        0xffff_ffff_ffff_fffe,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
    ],
    inverse: 0x0000_0001_0000_0001,
    b: [
        0x2a85_c8ed_d3ec_2aef,
        0xc656_398d_8a2e_d19d,
        0x0314_088f_5013_875a,
        0x181d_9c6e_fe81_4112,
        0x988e_056b_e3f8_2d19,
        0xb331_2fa7_e23e_e7e4,
    ],
};

const P521: Curve<9> = Curve {
    prime: [u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0x1ff],
    inverse: 1,
    b: [
        0xef45_1fd4_6b50_3f00,
        0x3573_df88_3d2c_34f1,
        0x1652_c0bd_3bb1_bf07,
        0x5619_3951_ec7e_937b,
        0xb8b4_8991_8ef1_09e1,
        0xa2da_725b_99b3_15f3,
        0x929a_21a0_b685_40ee,
        0x953e_b961_8e1c_9a1f,
        0x0000_0000_0000_0051,
    ],
};

/// Whether these coordinates, x before y, are a point of P-256.
pub(super) fn on_p256(point: &[u8; 64]) -> bool {
    P256.contains(point)
}

/// Whether these coordinates, x before y, are a point of P-384.
pub(super) fn on_p384(point: &[u8; 96]) -> bool {
    P384.contains(point)
}

/// Whether these coordinates, x before y, are a point of P-521.
pub(super) fn on_p521(point: &[u8; 132]) -> bool {
    P521.contains(point)
}

/// The y coordinates of the points of Ed25519 whose order divides 8, in each encoding of 255 bits.
const SMALL_ORDER: [[u64; 4]; 7] = [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [0xffff_ffff_ffff_ffec, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff],
    [0xffff_ffff_ffff_ffed, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff],
    [0xffff_ffff_ffff_ffee, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff],
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
];

/// Whether an encoded point of Ed25519 is one of the eight points of small order. With such a key, anyone can make
/// valid signatures. One of them is all zeros, the value of a key that was never filled in.
pub(in super::super) fn has_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y.reverse();
    if let Some(first) = y.first_mut() {
        *first &= 0x7f; // clears the sign of x
    }
    SMALL_ORDER.contains(&limbs(&y))
}

impl<const N: usize> Curve<N> {
    fn contains(&self, point: &[u8]) -> bool {
        let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
        self.satisfies(&limbs(x), &limbs(y))
    }

    fn satisfies(&self, x: &[u64; N], y: &[u64; N]) -> bool {
        let reduced = |value| subtract(value, &self.prime).1;
        if !reduced(x) || !reduced(y) {
            return false;
        }
        // y² + 3x = x³ + b needs no subtraction. Each product divides by R, so all terms are divided by R².
        let mut one = [0; N];
        if let Some(first) = one.first_mut() {
            *first = 1;
        }
        let divide = |value: &[u64; N]| self.multiply(value, &one);
        let divide_twice = |value| divide(&divide(value));
        let thrice = self.add(x, &self.add(x, x));
        let cube = self.multiply(&self.multiply(x, x), x);
        let left = self.add(&divide(&self.multiply(y, y)), &divide_twice(&thrice));
        left == self.add(&cube, &divide_twice(&self.b))
    }

    fn add(&self, left: &[u64; N], right: &[u64; N]) -> [u64; N] {
        let mut carry = false;
        let mut sum = *left;
        for (limb, other) in sum.iter_mut().zip(right) {
            let (partial, first) = limb.overflowing_add(*other);
            let (total, second) = partial.overflowing_add(u64::from(carry));
            (*limb, carry) = (total, first | second);
        }
        let (difference, borrow) = subtract(&sum, &self.prime);
        if carry || !borrow { difference } else { sum }
    }

    /// Returns the product of two numbers, divided by R = 2^(64 N): Montgomery's multiplication, by words.
    fn multiply(&self, left: &[u64; N], right: &[u64; N]) -> [u64; N] {
        let (mut sum, mut top) = ([0; N], 0);
        for factor in left {
            let high = add_product(&mut sum, *factor, right);
            let (high, overflow) = high.overflowing_add(top);
            // This multiple of p makes the lowest word zero, so that dividing by 2^64 drops nothing.
            let multiple = sum.first().map_or(0, |lowest| lowest.wrapping_mul(self.inverse));
            let (high, again) = high.overflowing_add(add_product(&mut sum, multiple, &self.prime));
            sum.rotate_left(1);
            if let Some(last) = sum.last_mut() {
                *last = high;
            }
            top = u64::from(overflow) + u64::from(again);
        }
        let (difference, borrow) = subtract(&sum, &self.prime);
        if top != 0 || !borrow { difference } else { sum }
    }
}

/// Adds a multiple of a number, and returns the word above the sum.
#[allow(clippy::cast_possible_truncation, reason = "the two halves of a double word")]
fn add_product<const N: usize>(sum: &mut [u64; N], factor: u64, number: &[u64; N]) -> u64 {
    let mut carry = 0;
    for (word, other) in sum.iter_mut().zip(number) {
        let total = u128::from(factor) * u128::from(*other) + u128::from(*word) + u128::from(carry);
        (*word, carry) = (total as u64, (total >> 64) as u64);
    }
    carry
}

fn subtract<const N: usize>(left: &[u64; N], right: &[u64; N]) -> ([u64; N], bool) {
    let mut borrow = false;
    let mut difference = *left;
    for (limb, other) in difference.iter_mut().zip(right) {
        let (partial, first) = limb.overflowing_sub(*other);
        let (total, second) = partial.overflowing_sub(u64::from(borrow));
        (*limb, borrow) = (total, first | second);
    }
    (difference, borrow)
}

fn limbs<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut limbs = [0; N];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks(8)) {
        *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::testdata;

    fn point<const N: usize>(pem: &str, algorithm: crate::jose::Algorithm) -> [u8; N] {
        let jwk = testdata::jwk(pem, algorithm);
        let read = |text: Option<String>| crate::base::base64url::decode(&text.unwrap()).unwrap();
        [read(jwk.x), read(jwk.y)].concat().try_into().unwrap()
    }

    /// Multiplies by double and add: slow, and too simple to be wrong.
    fn slow<const N: usize>(curve: &Curve<N>, left: &[u64; N], right: &[u64; N]) -> [u64; N] {
        let mut product = [0; N];
        for limb in left.iter().rev() {
            for bit in (0..u64::BITS).rev() {
                product = curve.add(&product, &product);
                if limb >> bit & 1 == 1 {
                    product = curve.add(&product, right);
                }
            }
        }
        product
    }

    fn products_agree<const N: usize>(curve: &Curve<N>) {
        assert_eq!(curve.prime[0].wrapping_mul(curve.inverse), u64::MAX, "-1/p");
        let mut state = 5_u64;
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let (zero, mut one, less) = (
            [0; N],
            [0; N],
            subtract(&curve.prime, &{
                let mut one = [0; N];
                one[0] = 1;
                one
            })
            .0,
        );
        one[0] = 1;
        let mut numbers = vec![zero, one, less];
        for _ in 0..40 {
            let mut number: [u64; N] = std::array::from_fn(|_| word());
            number[N - 1] &= curve.prime[N - 1];
            numbers.push(if subtract(&number, &curve.prime).1 {
                number
            } else {
                subtract(&number, &curve.prime).0
            });
        }
        // R, by doubling one.
        let r = (0..64 * N).fold(one, |r, _| curve.add(&r, &r));
        for left in &numbers {
            for right in &numbers {
                // Multiplied by R again, a product of Montgomery's is the product.
                let product = slow(curve, &curve.multiply(left, right), &r);
                assert_eq!(product, slow(curve, left, right), "{left:x?} {right:x?}");
            }
        }
    }

    #[test]
    fn products_are_those_of_double_and_add() {
        products_agree(&P256);
        products_agree(&P384);
        products_agree(&P521);
    }

    #[test]
    fn real_keys_are_on_their_curve_and_keys_with_a_flipped_bit_are_not() {
        let real = point::<64>(testdata::P256, crate::jose::Algorithm::ES256);
        assert!(on_p256(&real));
        let mut swapped = real;
        swapped.rotate_left(32);
        assert!(!on_p256(&swapped));
        for byte in 0..64 {
            let mut off = real;
            off[byte] ^= 1;
            assert!(!on_p256(&off), "{byte}");
        }
        let real = point::<96>(testdata::P384, crate::jose::Algorithm::ES384);
        assert!(on_p384(&real));
        for byte in 0..96 {
            let mut off = real;
            off[byte] ^= 0x80;
            assert!(!on_p384(&off), "{byte}");
        }
        // The key of RFC 7515 appendix A.4.
        let decode = |text: &str| crate::base::base64url::decode(text).unwrap();
        let x = decode(
            "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        );
        let y = decode(
            "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
        );
        let real: [u8; 132] = [x, y].concat().try_into().unwrap();
        assert!(on_p521(&real));
        for byte in 0..132 {
            let mut off = real;
            off[byte] ^= 1;
            assert!(!on_p521(&off), "{byte}");
        }
    }

    #[test]
    fn coordinates_must_be_smaller_than_the_prime() {
        assert!(!on_p256(&[0; 64]));
        assert!(!on_p256(&[0xff; 64]));
        // x = 5 has a second encoding in 32 bytes, 5 + p. It is refused, so each point has one name.
        let y = [0x3341_5c08_3248_fbcc, 0x11ca_503c_64d9_a3c5, 0xfe91_3bce_9981_7ade, 0x4592_43b9_aa58_1806];
        let (five, again) = ([5, 0, 0, 0], [4, 1 << 32, 0, 0xffff_ffff_0000_0001]);
        assert_eq!(subtract(&again, &P256.prime), (five, false));
        assert!(P256.satisfies(&five, &y));
        assert!(!P256.satisfies(&again, &y));
    }

    #[test]
    fn a_point_of_order_eight_is_found_in_both_signs_and_a_sound_one_is_not() {
        let mut point = [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ];
        assert!(has_small_order(&point));
        point[31] |= 0x80;
        assert!(has_small_order(&point));
        point[0] ^= 1;
        assert!(!has_small_order(&point));
    }
}
