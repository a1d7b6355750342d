//! Fuzzes `oidc_properties::callback` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::callback(data));
