//! Fuzzes `oidc_properties::saved` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::saved(data));
