//! Fuzzes `oidc_properties::jwks` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::jwks(data));
