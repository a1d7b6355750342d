//! Fuzzes `oidc_properties::claims` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::claims(data));
