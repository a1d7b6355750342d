//! What encrypted tokens need: the examples of RFC 3394, RFC 7518, RFC 7748 and the cookbook, the JWE file of Project
//! Wycheproof, and changed inputs. Where ring has the same, both have the same verdict.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use aws_lc_rs::digest::{SHA256, digest};
use oidc_aws_lc::{
    AwsLc,
    oidc_proto::{
        backend::{
            AgreeingKey, Backend, ContentEncryption, Curve, Oaep, PrivateMaterial, Ring, RsaNumbers,
            Zeroizing,
        },
        base::base64url,
    },
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors");
const AWS: AwsLc = AwsLc::new();

fn read(file: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(VECTORS).join(file)).unwrap()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A reader of encrypted tokens that is good enough for vectors. Nothing else may use it: it has no limits.
mod reader {
    use super::*;

    type Bytes = Zeroizing<Vec<u8>>;

    fn bytes(value: &Value) -> Option<Vec<u8>> {
        base64url::decode(value.as_str()?)
    }

    pub(super) fn encryption(name: &str) -> Option<ContentEncryption> {
        Some(match name {
            "A128CBC-HS256" => ContentEncryption::Aes128CbcHmacSha256,
            "A192CBC-HS384" => ContentEncryption::Aes192CbcHmacSha384,
            "A256CBC-HS512" => ContentEncryption::Aes256CbcHmacSha512,
            "A128GCM" => ContentEncryption::Aes128Gcm,
            "A192GCM" => ContentEncryption::Aes192Gcm,
            "A256GCM" => ContentEncryption::Aes256Gcm,
            _ => return None,
        })
    }

    /// Returns the curve, the length of its coordinates, and the public key as a backend takes it.
    fn point(jwk: &Value) -> Option<(Curve, usize, Vec<u8>)> {
        let (curve, length) = match jwk["crv"].as_str()? {
            "P-256" => (Curve::P256, 32),
            "P-384" => (Curve::P384, 48),
            "P-521" => (Curve::P521, 66),
            "X25519" => return Some((Curve::X25519, 32, bytes(&jwk["x"])?)),
            _ => return None,
        };
        Some((curve, length, [&[4][..], &bytes(&jwk["x"])?, &bytes(&jwk["y"])?].concat()))
    }

    pub(super) fn agreeing(backend: &dyn Backend, jwk: &Value) -> Option<Box<dyn AgreeingKey>> {
        let (curve, length, _) = point(jwk)?;
        let d = bytes(&jwk["d"])?;
        // A number may lack its leading zero bytes here.
        let d = [vec![0; length.checked_sub(d.len())?], d].concat();
        backend.agreeing_key(curve, &d)
    }

    /// The key derivation of ECDH-ES (RFC 7518 section 4.6.2), for at most 64 bytes.
    pub(super) fn derive(secret: &[u8], name: &str, header: &Value, length: usize) -> Option<Bytes> {
        let info = |part: &[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
        let party = |name| Some(if header[name].is_null() { vec![] } else { bytes(&header[name])? });
        let bits = u32::try_from(length * 8).ok()?;
        let other =
            [info(name.as_bytes()), info(&party("apu")?), info(&party("apv")?), bits.to_be_bytes().to_vec()]
                .concat();
        let round = |count: u32| digest(&SHA256, &[&count.to_be_bytes()[..], secret, &other].concat());
        let mut key = [round(1).as_ref(), round(2).as_ref()].concat();
        key.truncate(length);
        Some(Zeroizing::new(key))
    }

    fn agreed(
        backend: &dyn Backend,
        key: &Value,
        header: &Value,
        name: &str,
        length: usize,
    ) -> Option<Bytes> {
        let (curve, _, public) = point(&header["epk"])?;
        (point(key)?.0 == curve).then_some(())?;
        derive(&agreeing(backend, key)?.agree(&public)?, name, header, length)
    }

    fn rsa(backend: &dyn Backend, key: &Value, oaep: Oaep, wrapped: &[u8]) -> Option<Bytes> {
        let [n, e, d, p, q, dp, dq, qi] =
            ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| bytes(&key[name]).unwrap_or_default());
        let numbers = RsaNumbers::new([&n, &e, &d], [&p, &q, &dp, &dq, &qi]);
        backend.decrypting_key(&PrivateMaterial::Rsa(numbers))?.decrypt(oaep, wrapped)
    }

    fn content_key(backend: &dyn Backend, key: &Value, header: &Value, wrapped: &[u8]) -> Option<Bytes> {
        let alg = header["alg"].as_str()?;
        let enc = header["enc"].as_str()?;
        let unwrap = |kek: &[u8]| backend.wrapping_key(kek)?.unwrap(wrapped);
        let length = |name: &str| name.get(1..4)?.parse::<usize>().ok().map(|bits| bits / 8);
        let secret = || bytes(&key["k"]);
        match alg {
            "RSA-OAEP" => rsa(backend, key, Oaep::Sha1, wrapped),
            "RSA-OAEP-256" => rsa(backend, key, Oaep::Sha256, wrapped),
            "A128KW" | "A192KW" | "A256KW" => {
                let kek = secret()?;
                (Some(kek.len()) == length(alg)).then(|| unwrap(&kek))?
            }
            "A128GCMKW" | "A192GCMKW" | "A256GCMKW" => {
                let kek = secret()?;
                let gcm = encryption(&alg[..7])?;
                let (iv, tag) = (bytes(&header["iv"])?, bytes(&header["tag"])?);
                backend.content_key(gcm, &kek)?.decrypt(&iv, b"", wrapped, &tag)
            }
            "dir" => wrapped.is_empty().then(secret)?.map(Zeroizing::new),
            "ECDH-ES" if wrapped.is_empty() => agreed(backend, key, header, enc, encryption(enc)?.key_len()),
            "ECDH-ES+A128KW" | "ECDH-ES+A192KW" | "ECDH-ES+A256KW" => {
                let kek = agreed(backend, key, header, alg, length(&alg[8..])?)?;
                unwrap(&kek)
            }
            _ => None,
        }
    }

    /// Returns the plaintext of a token in the compact serialization.
    pub(super) fn decrypt(backend: &dyn Backend, key: &Value, token: &str) -> Option<Bytes> {
        let parts: Vec<&str> = token.split('.').collect();
        let [protected, wrapped, iv, ciphertext, tag] = *parts.as_slice() else { return None };
        let header: Value = serde_json::from_slice(&base64url::decode(protected)?).ok()?;
        if key["alg"].as_str().is_some_and(|alg| header["alg"] != alg && !alg.ends_with("GCM")) {
            return None;
        }
        let wrapped = base64url::decode(wrapped)?;
        let cek = content_key(backend, key, &header, &wrapped)?;
        let content = backend.content_key(encryption(header["enc"].as_str()?)?, &cek)?;
        let [iv, ciphertext, tag] = [iv, ciphertext, tag].map(base64url::decode);
        content.decrypt(&iv?, protected.as_bytes(), &ciphertext?, &tag?)
    }
}

/// Why a valid vector is not decrypted, by the algorithm of its key or by its number.
const LACKS: [(&str, &str); 2] = [
    ("RSA1_5", "the padding of PKCS#1 1.5 is unsafe (RFC 8725 section 3.2), so the trait does not have it"),
    ("ECDH-ES+A192KW", "aws-lc-rs wraps with no key of 192 bits"),
];
const LACKS_TOO: (&str, &str) = ("A192KW", LACKS[1].1);

#[test]
fn every_jwe_vector_of_wycheproof_has_its_verdict_or_a_reason() {
    let suite = read("jwe/json_web_encryption_test.json");
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for group in suite["testGroups"].as_array().unwrap() {
        let key = &group["private"];
        let alg = key["alg"].as_str().unwrap();
        for case in group["tests"].as_array().unwrap() {
            let token = case["jwe"].as_str().map_or_else(|| case["jwe"].to_string(), str::to_owned);
            let plaintext = reader::decrypt(&AWS, key, &token);
            let lacks = LACKS.iter().chain([&LACKS_TOO]).any(|(lacking, _)| *lacking == alg);
            let counted = match (case["result"].as_str().unwrap(), plaintext) {
                // The example of RFC 7520 section 5.9: the plaintext is compressed (`zip`).
                ("valid", Some(compressed)) if case["tcId"] == 135 => {
                    assert!(compressed.len() < case["pt"].as_str().unwrap().len() / 2);
                    "compressed"
                }
                ("valid", Some(plaintext)) => {
                    assert_eq!(*plaintext, hex(case["pt"].as_str().unwrap()), "{}", case["tcId"]);
                    "decrypted"
                }
                ("valid", None) if lacks => "lacking",
                ("invalid", None) => "refused",
                (expected, got) => panic!("{} {alg}: {expected}, but {got:?}", case["tcId"]),
            };
            *counts.entry(counted).or_default() += 1;
        }
    }
    assert_eq!(
        counts,
        BTreeMap::from([("compressed", 1), ("decrypted", 53), ("lacking", 11), ("refused", 74)])
    );
}

#[test]
fn the_x25519_example_of_the_cookbook_decrypts() {
    let example = read("cookbook/curve25519/ecdh-es.json");
    let key = &example["input"]["key"];
    let shown = reader::agreeing(&AWS, key).unwrap().public();
    assert_eq!(base64url::encode(&shown), key["x"].as_str().unwrap());
    let token = example["output"]["compact"].as_str().unwrap();
    let plaintext = reader::decrypt(&AWS, key, token).map(|text| String::from_utf8(text.to_vec()).unwrap());
    assert_eq!(plaintext.as_deref(), example["input"]["plaintext"].as_str());
}

#[test]
fn keys_are_wrapped_as_rfc_3394_section_4_says() {
    for (kek, key, wrapped) in [
        (
            "000102030405060708090A0B0C0D0E0F",
            "00112233445566778899AABBCCDDEEFF",
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
        ),
        (
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "00112233445566778899AABBCCDDEEFF",
            "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
        ),
        (
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        ),
    ] {
        let (kek, key, wrapped) = (AWS.wrapping_key(&hex(kek)).unwrap(), hex(key), hex(wrapped));
        assert_eq!(kek.wrap(&key).unwrap(), wrapped);
        assert_eq!(*kek.unwrap(&wrapped).unwrap(), key);
        for place in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[place] ^= 0x10;
            assert_eq!(kek.unwrap(&changed), None, "{place}");
        }
        for length in [0, 1, 7, 8, 15, 16, 23, wrapped.len() - 8, wrapped.len() - 1] {
            assert_eq!(kek.unwrap(&wrapped[..length]), None, "{length}");
        }
        for length in [0, 1, 8, 15, 17, 31] {
            assert_eq!(kek.wrap(&vec![7; length]), None, "{length}");
        }
    }
    for length in [0, 15, 17, 24, 31, 33] {
        assert!(AWS.wrapping_key(&vec![7; length]).is_none(), "{length}");
    }
    assert!(Ring::new().wrapping_key(&[7; 16]).is_none());
}

/// RFC 7518 appendix B: the encryption, and the ciphertext and the tag.
const CBC: [(ContentEncryption, &str, &str); 3] = [
    (
        ContentEncryption::Aes128CbcHmacSha256,
        "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f39\
         9a221489f16362c703233609d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b384c486f3a54c5107815\
         8ee5d79de59fbd34d848b3d69550a67646344427ade54b8851ffb598f7f80074b9473c82e2db",
        "652c3fa36b0a7c5b3219fab3a30bc1c4",
    ),
    (
        ContentEncryption::Aes192CbcHmacSha384,
        "ea65da6b59e61edb419be62d19712ae5d303eeb50052d0dfd6697f77224c8edb000d279bdc14c1072654bd30944230c657bed4ca0c\
         9f4a8466f22b226d1746214bf8cfc2400add9f5126e479663fc90b3bed787a2f0ffcbf3904be2a641d5c2105bfe591bae23b1d7449\
         e532eef60a9ac8bb6c6b01d35d49787bcd57ef484927f280adc91ac0c4e79c7b11efc60054e3",
        "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7",
    ),
    (
        ContentEncryption::Aes256CbcHmacSha512,
        "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373bccb584ad3e9279c2e6d12a1374\
         b77f077553df829410446b36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3a3b75e662a2594410ae4\
         96b2e2e6609e31e6e02cc837f053d21f37ff4f51950bbe2638d09dd7a4930930806d0703b1f6",
        "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5",
    ),
];

#[test]
fn contents_are_encrypted_as_rfc_7518_appendix_b_says() {
    let plaintext =
        b"A cipher system must not be required to be secret, and it must be able to fall into the \
        hands of the enemy without inconvenience";
    let additional = b"The second principle of Auguste Kerckhoffs";
    let iv = hex("1af38c2dc2b96ffdd86694092341bc04");
    for (encryption, ciphertext, tag) in CBC {
        let (ciphertext, tag) = (hex(ciphertext), hex(tag));
        let key: Vec<u8> = (0..u8::try_from(encryption.key_len()).unwrap()).collect();
        let key = AWS.content_key(encryption, &key).unwrap();
        let encrypted = key.encrypt(&iv, additional, plaintext).unwrap();
        assert_eq!(encrypted, (ciphertext.clone(), tag.clone()), "{encryption:?}");
        assert_eq!(*key.decrypt(&iv, additional, &ciphertext, &tag).unwrap(), plaintext);
    }
}

/// RFC 7518 appendix C.
#[test]
fn alice_and_bob_derive_the_key_of_rfc_7518_appendix_c() {
    let jwk =
        |x: &str, y: &str, d: &str| serde_json::json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d});
    let alice = jwk(
        "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
    );
    let bob = jwk(
        "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
    );
    let header = serde_json::json!({"apu": "QWxpY2U", "apv": "Qm9i"});
    let [alice, bob] = [alice, bob].map(|jwk| reader::agreeing(&AWS, &jwk).unwrap());
    let secrets = [alice.agree(&bob.public()).unwrap(), bob.agree(&alice.public()).unwrap()];
    for secret in &secrets {
        let key = reader::derive(secret, "A128GCM", &header, 16).unwrap();
        assert_eq!(base64url::encode(&key), "VqqN6vgjbSBcIijNcacQGg");
    }
}

/// RFC 7748 section 6.1.
#[test]
fn bob_shares_the_secret_of_rfc_7748_with_alice() {
    let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let bob = AWS.agreeing_key(Curve::X25519, &bob).unwrap();
    assert_eq!(bob.public(), hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let alice = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let secret = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(*bob.agree(&alice).unwrap(), secret);
    // A point of small order would make the secret zero, whatever the private key is.
    for small in [[0; 32], std::array::from_fn(|at| u8::from(at == 0))] {
        assert_eq!(bob.agree(&small), None);
    }
}

#[test]
fn both_sides_agree_on_every_curve_and_what_is_no_point_agrees_on_nothing() {
    for (curve, length) in [(Curve::P256, 65), (Curve::P384, 97), (Curve::P521, 133), (Curve::X25519, 32)] {
        let [one, other] = [(); 2].map(|()| AWS.ephemeral_key(curve).unwrap());
        assert_eq!((one.public().len(), one.public() == other.public()), (length, false), "{curve:?}");
        let secret = one.agree(&other.public()).unwrap();
        assert_eq!(other.agree(&one.public()), Some(secret.clone()), "{curve:?}");
        assert_eq!(one.agree(&other.public()), Some(secret.clone()), "as often as it is asked");
        let public = other.public();
        for wrong in [&public[1..], &public[..length - 1], &[&public[..], &[0]].concat(), &[]] {
            assert_eq!(one.agree(wrong), None, "{curve:?} {}", wrong.len());
        }
        if curve != Curve::X25519 {
            let (x, y) = public[1..].split_at(length / 2);
            let compressed = [&[2 + (y[y.len() - 1] & 1)], x].concat();
            assert_eq!(one.agree(&compressed), None, "{curve:?}: another form of the point");
            for wrong in
                [[&[4], y, x].concat(), [&[5], x, y].concat(), vec![4; length], [&[6], x, y].concat()]
            {
                assert_eq!(one.agree(&wrong), None, "{curve:?}");
            }
        }
        for bad in [vec![], vec![7; 31], vec![7; 67]] {
            assert!(AWS.agreeing_key(curve, &bad).is_none(), "{curve:?} {}", bad.len());
        }
        let zero = AWS.agreeing_key(curve, &vec![0; length / 2]);
        assert!(curve == Curve::X25519 || zero.is_none(), "{curve:?}: zero is no private key");
        assert!(Ring::new().ephemeral_key(curve).is_none());
    }
}

#[test]
fn a_key_that_is_encrypted_with_oaep_is_decrypted_with_the_same_hash_only() {
    let suite = read("jwe/json_web_encryption_test.json");
    let groups = suite["testGroups"].as_array().unwrap();
    let jwk = &groups.iter().find(|group| group["private"]["alg"] == "RSA-OAEP-256").unwrap()["private"];
    let number = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    let [n, e, d, p, q, dp, dq, qi] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(number);
    let numbers = RsaNumbers::new([&n, &e, &d], [&p, &q, &dp, &dq, &qi]);
    let private = AWS.decrypting_key(&PrivateMaterial::Rsa(numbers)).unwrap();
    let public = AWS.encrypting_key(&n, &e).unwrap();
    for (oaep, other, longest) in [(Oaep::Sha1, Oaep::Sha256, 214), (Oaep::Sha256, Oaep::Sha1, 190)] {
        for length in [16, 32, 64, longest] {
            let key = vec![9; length];
            let encrypted = public.encrypt(oaep, &key).unwrap();
            assert_ne!(public.encrypt(oaep, &key).unwrap(), encrypted, "the padding is random");
            assert_eq!(*private.decrypt(oaep, &encrypted).unwrap(), key);
            assert_eq!(private.decrypt(other, &encrypted), None);
            for place in [0, 1, encrypted.len() - 1] {
                let mut changed = encrypted.clone();
                changed[place] ^= 1;
                assert_eq!(private.decrypt(oaep, &changed), None, "{place}");
            }
            assert_eq!(private.decrypt(oaep, &encrypted[1..]), None);
        }
        assert_eq!(public.encrypt(oaep, &vec![9; longest + 1]), None, "too long for the key");
    }
    let swapped = RsaNumbers::new([&n, &e, &d], [&q, &p, &dp, &dq, &qi]);
    assert!(AWS.decrypting_key(&PrivateMaterial::Rsa(swapped)).is_none(), "they do not belong together");
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/../../oidc-proto/src/jose/testdata/rsa1024.pem");
    let body: String =
        fs::read_to_string(pem).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let der =
        base64url::decode(body.trim_end_matches('=').replace('+', "-").replace('/', "_").as_str()).unwrap();
    assert!(AWS.decrypting_key(&PrivateMaterial::Pkcs8(&der)).is_none(), "too short");
    assert!(Ring::new().encrypting_key(&n, &e).is_none());
}

/// Draws bytes from a seed.
struct Draw(u64);

impl Draw {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(self.0 >> 56).unwrap()
    }
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}

/// Each backend that has the encryption: the same ciphertext, and every change is refused.
#[test]
fn contents_are_encrypted_alike_by_both_and_any_change_is_refused_by_both() {
    let mut draw = Draw(1);
    let ring = Ring::new();
    let mut both = 0;
    for &encryption in ContentEncryption::ALL {
        for length in (0..40).chain([255, 256, 1000]) {
            let (key, iv) = (draw.bytes(encryption.key_len()), draw.bytes(encryption.iv_len()));
            let aad_length = usize::from(draw.byte());
            let (additional, plaintext) = (draw.bytes(aad_length), draw.bytes(length));
            let of = |backend: &dyn Backend| backend.content_key(encryption, &key);
            let keys: Vec<_> = [of(&AWS), of(&ring)].into_iter().flatten().collect();
            both += usize::from(keys.len() == 2);
            let (ciphertext, tag) = keys[0].encrypt(&iv, &additional, &plaintext).unwrap();
            assert_eq!(tag.len(), encryption.tag_len());
            for key in &keys {
                assert_eq!(
                    key.encrypt(&iv, &additional, &plaintext),
                    Some((ciphertext.clone(), tag.clone()))
                );
                let open = |iv: &[u8], additional: &[u8], ciphertext: &[u8], tag: &[u8]| {
                    key.decrypt(iv, additional, ciphertext, tag).map(|text| text.to_vec())
                };
                assert_eq!(open(&iv, &additional, &ciphertext, &tag), Some(plaintext.clone()));
                let changed = |bytes: &[u8], draw: &mut Draw| {
                    let mut bytes = bytes.to_vec();
                    let at = usize::from(draw.byte()) % bytes.len().max(1);
                    match bytes.get_mut(at) {
                        Some(byte) => *byte ^= 1 << (draw.byte() % 8),
                        None => bytes.push(draw.byte()),
                    }
                    bytes
                };
                assert_eq!(open(&changed(&iv, &mut draw), &additional, &ciphertext, &tag), None);
                assert_eq!(open(&iv, &changed(&additional, &mut draw), &ciphertext, &tag), None);
                assert_eq!(open(&iv, &additional, &changed(&ciphertext, &mut draw), &tag), None);
                assert_eq!(open(&iv, &additional, &ciphertext, &changed(&tag, &mut draw)), None);
                for length in 0..tag.len() {
                    assert_eq!(open(&iv, &additional, &ciphertext, &tag[..length]), None, "a short tag");
                }
                assert_eq!(open(&iv, &additional, &ciphertext, &[&tag[..], &[0]].concat()), None);
                assert_eq!(open(&iv[1..], &additional, &ciphertext, &tag), None);
                assert_eq!(open(&[&iv[..], &[0]].concat(), &additional, &ciphertext, &tag), None);
                // Nor may the boundary between the ciphertext and the tag move.
                let (shorter, byte) = ciphertext.split_at(ciphertext.len().saturating_sub(1));
                assert_eq!(
                    open(&iv, &additional, shorter, &[byte, &tag[..]].concat()).is_some(),
                    byte.is_empty()
                );
                // The boundary between the additional data and the vector is authenticated, too.
                let moved = [&additional[..], &iv[..1]].concat();
                assert_eq!(open(&iv, &moved, &ciphertext, &tag), None);
                assert_eq!(key.encrypt(&iv[1..], &additional, &plaintext), None);
            }
        }
        for length in [0, encryption.key_len() - 1, encryption.key_len() + 1] {
            let key = vec![7; length];
            assert!(
                AWS.content_key(encryption, &key).is_none() && ring.content_key(encryption, &key).is_none()
            );
        }
    }
    assert_eq!(both, 2 * 43, "AES-128 and AES-256 in GCM");
}
