//! The commands that both stores send, and how their answers are read.

use oidc_drive::store::{Found, StoreError};
use redis::{Cmd, RedisError, Value, cmd};
use std::time::Duration;

/// The default time within which a method ends.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

const GET: &str = "\
local now = redis.call('TIME')
return {redis.call('GET', KEYS[1]), now[1], now[2]}";

/// The arguments: whether a value is expected, which one, whether there is a new one, which one, its lifetime in
/// milliseconds.
const COMPARE_AND_SET: &str = "\
local there = redis.call('GET', KEYS[1])
local expected = ARGV[1] == '1' and ARGV[2]
if there ~= expected then
  local now = redis.call('TIME')
  return {there, now[1], now[2]}
end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
return 1";

pub(crate) fn get(key: &str) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(GET).arg(1).arg(key);
    command
}

pub(crate) fn compare_and_set(key: &str, expected: Option<&[u8]>, new: Option<(&[u8], Duration)>) -> Cmd {
    let (value, lifetime) = new.unwrap_or_default();
    let mut command = cmd("EVAL");
    command.arg(COMPARE_AND_SET).arg(1).arg(key);
    command.arg(flag(expected.is_some())).arg(expected.unwrap_or_default());
    command.arg(flag(new.is_some())).arg(value).arg(milliseconds(lifetime));
    command
}

pub(crate) fn put(key: &str, value: &[u8], lifetime: Duration) -> Cmd {
    let mut command = cmd("SET");
    command.arg(key).arg(value).arg("PX").arg(milliseconds(lifetime));
    command
}

pub(crate) fn take(key: &str) -> Cmd {
    let mut command = cmd("GETDEL");
    command.arg(key);
    command
}

const fn flag(set: bool) -> &'static str {
    if set { "1" } else { "0" }
}

/// Redis wants at least a millisecond, and no more than fits into its own sum.
fn milliseconds(lifetime: Duration) -> u64 {
    const CENTURY: u64 = 100 * 366 * 24 * 3_600_000;
    u64::try_from(lifetime.as_millis()).unwrap_or(CENTURY).clamp(1, CENTURY)
}

pub(crate) fn found(value: Value) -> Result<Found, StoreError> {
    let Value::Array(parts) = value else { return Err(StoreError::Value) };
    let [there, seconds, micros] = parts.as_slice() else { return Err(StoreError::Value) };
    let number = |value: &Value| {
        let Value::BulkString(text) = value else { return None };
        std::str::from_utf8(text).ok()?.parse::<u64>().ok()
    };
    let time = |(seconds, micros)| Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
    let now = number(seconds).zip(number(micros)).map(time).ok_or(StoreError::Value)?;
    Ok(Found::new(taken(there.clone())?, now))
}

pub(crate) fn swapped(value: Value) -> Result<Option<Found>, StoreError> {
    if value == Value::Int(1) { Ok(None) } else { found(value).map(Some) }
}

pub(crate) fn done(value: Value) -> Result<(), StoreError> {
    if value == Value::Okay { Ok(()) } else { Err(StoreError::Value) }
}

pub(crate) fn taken(value: Value) -> Result<Option<Vec<u8>>, StoreError> {
    if value == Value::Nil {
        return Ok(None);
    }
    let Value::BulkString(bytes) = value else { return Err(StoreError::Value) };
    Ok(Some(bytes))
}

/// The error of Redis in its own words, which name no value.
pub(crate) fn lost(error: &RedisError) -> StoreError {
    StoreError::NoAnswer(format!("Redis: {error}"))
}

/// The error of a Redis that is too slow.
pub(crate) fn slow(limit: Duration) -> StoreError {
    StoreError::NoAnswer(format!("Redis: no answer within {} ms", limit.as_millis()))
}

/// Whether the connection can go on after this error: Redis itself has answered.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    !(error.is_io_error()
        || error.is_unrecoverable_error()
        || error.is_connection_dropped()
        || error.is_timeout())
}
