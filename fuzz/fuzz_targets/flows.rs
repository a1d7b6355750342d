//! Fuzzes `oidc_properties::flows` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::flows(data));
