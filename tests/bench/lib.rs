//! Tools of the benchmark: a clock that keeps the shortest time, a counter of allocations, and tokens.

use oidc_proto::{
    base::{Secret, base64url},
    jose::{Algorithm, RingSigner, Sign},
};
use serde_json::{Value, json};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// An allocator that counts allocations.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A function to be measured.
pub struct Contender<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    /// Names a function. Its result is consumed, so that the compiler cannot remove the work.
    pub fn new<T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Self {
        Self { name, work: Box::new(move || drop(black_box(work()))) }
    }
}

/// The result of a measurement.
pub struct Measured {
    /// The name of the contender.
    pub name: &'static str,
    /// The shortest time of one run, in nanoseconds.
    pub nanoseconds: f64,
    /// The number of allocations of one run.
    pub allocations: u64,
}

/// Measures the contenders in turns, so that other work of the machine disturbs all of them alike, and
/// keeps the shortest time of each, which was disturbed the least.
pub fn measure(mut contenders: Vec<Contender<'_>>, quick: bool) -> Vec<Measured> {
    let (rounds, round) =
        if quick { (20, Duration::from_millis(1)) } else { (400, Duration::from_millis(3)) };
    let mut measured: Vec<_> = contenders
        .iter_mut()
        .map(|contender| {
            (contender.work)();
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            (contender.work)();
            let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
            Measured { name: contender.name, nanoseconds: f64::INFINITY, allocations }
        })
        .collect();
    let runs: Vec<u32> = contenders
        .iter_mut()
        .map(|contender| {
            let start = Instant::now();
            (0..50).for_each(|_| (contender.work)());
            let one = (start.elapsed() / 50).as_nanos().max(1);
            (round.as_nanos() / one).clamp(1, 100_000) as u32
        })
        .collect();
    for _ in 0..rounds {
        for ((contender, measured), runs) in contenders.iter_mut().zip(&mut measured).zip(&runs) {
            let start = Instant::now();
            (0..*runs).for_each(|_| (contender.work)());
            let nanoseconds = start.elapsed().as_nanos() as f64 / f64::from(*runs);
            measured.nanoseconds = measured.nanoseconds.min(nanoseconds);
        }
    }
    measured
}

pub const ISSUER: &str = "https://op.example/tenant";
pub const AUDIENCE: &str = "https://api.example";
pub const SECRET: &str = "a secret of sixty-four bytes, more than HS256 asks for, as it goes";
/// Until 2100: some contenders read the clock of the machine.
pub const EXP: i64 = 4_102_444_800;
pub const NOW: i64 = 1_750_000_000;

/// The claims of a token of about 1 KB, such as providers issue.
pub fn payload() -> Vec<u8> {
    json!({
        "iss": ISSUER,
        "sub": "248289761001-7f1c5e2a-93ab-4d0f",
        "aud": [AUDIENCE, "https://reports.example"],
        "client_id": "s6BhdRkqt3",
        "iat": NOW,
        "nbf": NOW,
        "exp": EXP,
        "jti": "4f1b6c1e-8a59-4f53-9a29-5c1d3f6f8f0a",
        "scope": "openid profile email orders:read orders:write",
        "auth_time": NOW,
        "acr": "urn:mace:incommon:iap:silver",
        "amr": ["pwd", "otp"],
        "name": "Jane Doe",
        "preferred_username": "j.doe",
        "email": "janedoe@example.com",
        "email_verified": true,
        "realm_access": { "roles": ["admin", "user", "auditor", "offline_access"] },
        "tenant": { "id": 4711, "plan": "enterprise", "regions": ["eu-west", "us-east"] },
    })
    .to_string()
    .into_bytes()
}

/// A private key of the testkit, for tests only.
pub fn private_jwk(material: &str) -> Value {
    let file: Value =
        serde_json::from_str(include_str!("../testkit/data/test-only-keys.json")).expect("JSON");
    let keys = file["keys"].as_array().expect("keys");
    let mut key = keys.iter().find(|key| key["material"] == material).expect("the key").clone();
    key.as_object_mut().expect("an object").remove("material");
    key["kid"] = material.into();
    key
}

/// The public half of a key of the testkit.
pub fn public_jwk(material: &str) -> Value {
    let mut key = private_jwk(material);
    let members = key.as_object_mut().expect("an object");
    members.retain(|name, _| ["kty", "crv", "x", "y", "n", "e", "kid"].contains(&name.as_str()));
    key
}

/// A signed token with these claims.
pub fn token(algorithm: Algorithm, material: &str, typ: Option<&str>, payload: &[u8]) -> String {
    let mut header = json!({ "alg": algorithm.name() });
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    let signer = if algorithm.is_symmetric() {
        RingSigner::from_secret(algorithm, &Secret::new(SECRET), None)
    } else {
        header["kid"] = material.into();
        RingSigner::from_jwk(private_jwk(material).to_string().as_bytes(), Some(algorithm))
    };
    let encode = base64url::encode;
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload));
    let signature = signer.expect("a signer").sign(input.as_bytes()).expect("a signature");
    format!("{input}.{}", encode(&signature))
}
